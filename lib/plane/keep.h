// SPDX-License-Identifier: MIT
// What has to outlive the kernel's memory, in DIR/failover.json: paths blocked, drained or ordered
// by hand, and what paths that fell have to wait. Everything is in the plane itself, too; the file
// is written after changes, whole, and read once, into a plane that has just been made.
#pragma once
#include "base/err.h"
#include "plane/names.h"

#define PT_KEEP_FILE "failover.json"

// Makes dir where it is missing.
int pt_keep_save(
	const char *dir, const struct pt_plane *p, const struct pt_names *n, struct pt_err *err);
// What names no longer known is passed over. 0 also where there is no file; -EINVAL: not ours, and
// nothing is changed. After a reboot the time since the file was written is told by the wall clock.
int pt_keep_load(const char *dir, struct pt_plane *p, const struct pt_names *n, struct pt_err *err);
