// SPDX-License-Identifier: MIT
// Where a reader of a spool has come to, in a file: a temporary file, then a rename.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "base/spool.h"

// -ENOENT, err untouched: no such file.
int pt_spool_offset_load(const char *path, struct pt_spool_pos *out, struct pt_err *err);
int pt_spool_offset_save(const char *path, const struct pt_spool_pos *pos, struct pt_err *err);

// FNV-1a over the start of a segment: tells a spool that was wiped and begun anew from the one an
// offset was taken in. Its first line holds time stamps, so it is one of a kind.
uint64_t pt_spool_fingerprint(int fd);
