// SPDX-License-Identifier: MIT
// What root makes beside the database is for the service that runs without root's powers.
#pragma once
#include "base/err.h"

// Gives path to the owner of `like`, where root runs this and somebody else owns that; like NULL:
// the directory that holds path.
int pt_owner_take(const char *path, const char *like, struct pt_err *err);
