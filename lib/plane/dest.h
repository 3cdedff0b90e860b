// SPDX-License-Identifier: MIT
// The destination table: which prefix belongs to which site.
#pragma once
#include "base/err.h"
#include "plane/plane.h"
#include "plane/setup.h"
#include "plane/trie.h"

// Sites' prefixes, and what stays with the kernel: this edge's addresses, its connected networks
// and its own site. `site` gives the index of each site of the network by position. Without `out`
// nothing is written, and the tables are counted.
int pt_dest_fill(const struct pt_setup *s, const uint32_t *site, struct pt_trie *trie,
	struct pt_dest *out, struct pt_err *err);

// The site as packets see it, PT_SITE_LOCAL included; -ENOENT: no site's.
int pt_dest_find(const struct pt_plane *p, const struct pt_addr *addr, uint32_t *site);
