// SPDX-License-Identifier: MIT
// The destination table: which prefix belongs to which site.
#pragma once
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "plane/plane.h"

struct pt_dest {
	struct pt_prefix prefix;
	uint32_t site;      // PT_SITE_LOCAL: the kernel's
	int64_t preference; // decides between equal prefixes: higher wins
};

// Makes the table hold exactly these. Sorts the array.
int pt_dest_sync(struct pt_plane *p, struct pt_dest *want, uint32_t n, struct pt_err *err);
