// SPDX-License-Identifier: MIT
// Prefixes of both families as the tables in which the kernel program finds the longest match: 256
// nodes for each byte of the address where prefixes part, one comparison where they do not, so that
// long addresses with few branches (IPv6) cost as few loads as short ones and no memory in between.
// The kernel's own LPM trie takes 63 to 89 ns for one look-up among 10,000 IPv6 /48; a whole
// decision with these tables takes 38 to 70 (Linux 6.18, pt-bench dataplane).
#pragma once
#include <stdint.h>

#include "base/addr.h"
#include "bpf/plane.h"

struct pt_trie_item {
	uint64_t addr[2];   // host order; IPv4 in the highest 32 bits
	int64_t preference; // decides between equal prefixes: higher wins
	uint32_t value;     // up to PT_NODE_INDEX
	uint8_t family, len;
};

struct pt_trie_item pt_trie_item(
	const struct pt_prefix *prefix, uint32_t value, int64_t preference);
// Puts them into the order that the rest relies on (IPv4 first, outer before inner) and drops all
// but the preferred one of equal prefixes. Returns how many are left.
uint32_t pt_trie_sort(struct pt_trie_item *items, uint32_t n);
// How many of sorted items are IPv4.
uint32_t pt_trie_count_v4(const struct pt_trie_item *items, uint32_t n);
// The first of sorted items that does not come before this one.
uint32_t pt_trie_first(
	const struct pt_trie_item *items, uint32_t n, const struct pt_trie_item *from);
bool pt_trie_covers(const struct pt_trie_item *outer, const struct pt_trie_item *inner);

// Where the tables go. Without `chunk` they are counted only.
struct pt_trie {
	struct pt_chunk *chunk;
	struct pt_fork *fork;
	uint32_t first_chunk, first_fork; // index in the map of chunk[0], fork[0]
	uint32_t max_chunks, max_forks;
	uint32_t chunks, forks; // used; past the maximum nothing is written
};

// Sorted items of one family; the node to start at. Nothing matches: value 0.
uint32_t pt_trie_build(struct pt_trie *t, const struct pt_trie_item *items, uint32_t n);
// The same by the first 16 bits: one load less where prefixes are many.
void pt_trie_build_root(
	struct pt_trie *t, const struct pt_trie_item *items, uint32_t n, uint32_t root[65536]);

// The look-up, as the kernel program does it, in whole maps.
uint32_t pt_trie_find(const struct pt_chunk *chunk, const struct pt_fork *fork, uint32_t node,
	const uint64_t addr[2]);
