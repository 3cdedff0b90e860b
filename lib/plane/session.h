// SPDX-License-Identifier: MIT
// Whose probes and replies the watch programs take for which path's: by the session of what we
// send, and by the address of the peers whose probes the kernel answers.
#pragma once
#include "base/err.h"
#include "plane/table.h"

// Those of the table's paths, once pt_hop is filled.
int pt_session_put(struct pt_table *t, struct pt_err *err);
// Removes those that no path has any more.
int pt_session_retire(struct pt_plane *p, struct pt_err *err);
