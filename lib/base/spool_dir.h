// SPDX-License-Identifier: MIT
// What the writer and the readers of a spool share. A segment's name is the number of its first
// byte, counted from 1 over the spool's whole life: one number is a position, and what a slow
// reader lost is a difference.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/spool.h"

#define PT_SPOOL_LIST_MAX 256 // segments in one directory; the writer keeps PT_SPOOL_SEGMENTS

struct pt_spool_list {
	uint64_t base[PT_SPOOL_LIST_MAX]; // rising
	unsigned n;
};

// mkdir -p, then a descriptor of the directory.
int pt_spool_dir_open(const char *dir, struct pt_err *err);
// -EOVERFLOW: more than PT_SPOOL_LIST_MAX segments.
int pt_spool_dir_list(int dirfd, struct pt_spool_list *out);
int pt_spool_dir_segment(int dirfd, uint64_t base, int flags); // a descriptor or -errno
int pt_spool_dir_unlink(int dirfd, uint64_t base);
int64_t pt_spool_size(int fd);
// The end of the last whole line at or behind `from`; `from` when there is none; or -errno.
int64_t pt_spool_line_end(int fd, int64_t from);
