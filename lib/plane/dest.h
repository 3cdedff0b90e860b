// SPDX-License-Identifier: MIT
// The destination table: which prefix belongs to which site.
#pragma once
#include "base/err.h"
#include "model/network_shared.h"
#include "plane/plane.h"
#include "plane/setup.h"
#include "plane/trie.h"

// The plane's indexes of destinations.
struct pt_dest_index {
	const uint32_t *site;           // by position in the network
	const struct pt_shared *shared; // prefixes of several sites
	const uint32_t *set;            // by position there
};

// Sites' prefixes, and what stays with the kernel: this edge's addresses, its connected networks
// and its own site. Without `out` nothing is written, and the tables are counted; index may then
// be NULL.
int pt_dest_fill(const struct pt_setup *s, const struct pt_dest_index *index, struct pt_trie *trie,
	struct pt_dest *out, struct pt_err *err);

// Multicast, loopback, link-local and unset IPv4 destinations are nobody's, whatever prefix covers
// them: nobody forwards these, and the kernel programs rely on it.
void pt_dest_bar(uint32_t root[65536]);
// The site as packets see it, PT_SITE_LOCAL included; -ENOENT: no site's.
int pt_dest_find(const struct pt_plane *p, const struct pt_addr *addr, uint32_t *site);
