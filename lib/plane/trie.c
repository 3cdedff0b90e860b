// SPDX-License-Identifier: MIT
#include "plane/trie.h"

#include <stdlib.h>

struct pt_trie_item pt_trie_item(const struct pt_prefix *prefix, uint32_t value, int64_t preference)
{
	struct pt_trie_item item = { .preference = preference,
		.value = value,
		.family = prefix->addr.family,
		.len = prefix->len };

	for (int i = 0; i < 16; i++)
		item.addr[i / 8] = item.addr[i / 8] << 8 | prefix->addr.bytes[i];
	if (item.family == AF_INET) {
		item.addr[0] = item.addr[0] >> 32 << 32;
		item.addr[1] = 0;
	}
	return item;
}

static int by_place(const struct pt_trie_item *x, const struct pt_trie_item *y)
{
	if (x->family != y->family)
		return x->family == AF_INET ? -1 : 1;
	if (x->addr[0] != y->addr[0])
		return x->addr[0] < y->addr[0] ? -1 : 1;
	if (x->addr[1] != y->addr[1])
		return x->addr[1] < y->addr[1] ? -1 : 1;
	return x->len - y->len;
}

static int by_place_and_preference(const void *a, const void *b)
{
	const struct pt_trie_item *x = a, *y = b;
	int order = by_place(x, y);

	return order ? order : (y->preference > x->preference) - (y->preference < x->preference);
}

uint32_t pt_trie_sort(struct pt_trie_item *items, uint32_t n)
{
	uint32_t left = 0;

	if (n)
		qsort(items, n, sizeof(*items), by_place_and_preference);
	for (uint32_t i = 0; i < n; i++)
		if (!left || by_place(&items[left - 1], &items[i]))
			items[left++] = items[i];
	return left;
}

uint32_t pt_trie_count_v4(const struct pt_trie_item *items, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && items[i].family == AF_INET)
		i++;
	return i;
}

// `width` bits of an address from `bit` on; none of our fields straddles two words.
static uint32_t bits_of(const uint64_t addr[2], unsigned bit, unsigned width)
{
	return (uint32_t)(addr[bit / 64] << bit % 64 >> (64 - width));
}

static unsigned common_bits(const struct pt_trie_item *x, const struct pt_trie_item *y)
{
	for (unsigned i = 0; i < 2; i++)
		if (x->addr[i] != y->addr[i])
			return i * 64 + (unsigned)__builtin_clzll(x->addr[i] ^ y->addr[i]);
	return 128;
}

uint32_t pt_trie_first(
	const struct pt_trie_item *items, uint32_t n, const struct pt_trie_item *from)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (by_place(&items[mid], from) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool pt_trie_covers(const struct pt_trie_item *outer, const struct pt_trie_item *inner)
{
	return outer->family == inner->family && outer->len <= inner->len &&
		common_bits(outer, inner) >= outer->len;
}

static uint64_t mask_word(unsigned len)
{
	return len >= 64 ? UINT64_MAX : ~(UINT64_MAX >> len);
}

static uint32_t node_for(struct pt_trie *t, const struct pt_trie_item *item, uint32_t n,
	unsigned byte, uint32_t value);

// Fills the 2^width nodes for the bits from `bit` on. Outer prefixes come first in the order, so
// that inner ones write over their part; those that end deeper hang below.
static void spread(struct pt_trie *t, const struct pt_trie_item *item, uint32_t n, unsigned bit,
	unsigned width, uint32_t *node)
{
	uint32_t next;

	for (uint32_t i = 0; i < n; i = next) {
		uint32_t slot = bits_of(item[i].addr, bit, width), below;

		next = i + 1;
		if (item[i].len <= bit + width) {
			for (uint32_t k = 0; node && k < 1u << (bit + width - item[i].len); k++)
				node[slot + k] = item[i].value;
			continue;
		}
		while (next < n && bits_of(item[next].addr, bit, width) == slot)
			next++;
		below = node_for(t, &item[i], next - i, (bit + width) / 8, node ? node[slot] : 0);
		if (node)
			node[slot] = below;
	}
}

static uint32_t chunk_for(struct pt_trie *t, const struct pt_trie_item *item, uint32_t n,
	unsigned byte, uint32_t value)
{
	uint32_t at = t->chunks++;
	uint32_t *node = t->chunk && at < t->max_chunks ? t->chunk[at].node : NULL;

	for (uint32_t i = 0; node && i < 256; i++)
		node[i] = value;
	spread(t, item, n, byte * 8, 8, node);
	return PT_NODE_CHUNK | byte << PT_NODE_BYTE | ((t->first_chunk + at) & PT_NODE_INDEX);
}

// All items share `len` bits, and one may end there.
static uint32_t fork_for(struct pt_trie *t, const struct pt_trie_item *item, uint32_t n,
	unsigned len, uint32_t outside)
{
	uint32_t at = t->forks++, inside = outside;
	struct pt_fork fork = { .addr = { item->addr[0], item->addr[1] },
		.mask = { mask_word(len), len > 64 ? mask_word(len - 64) : 0 },
		.outside = outside };

	fork.addr[0] &= fork.mask[0];
	fork.addr[1] &= fork.mask[1];
	if (item->len == len) {
		inside = item->value;
		item++;
		n--;
	}
	fork.inside = node_for(t, item, n, len / 8, inside);
	if (t->fork && at < t->max_forks)
		t->fork[at] = fork;
	return PT_NODE_FORK | ((t->first_fork + at) & PT_NODE_INDEX);
}

// The node for items that share their first `byte` bytes and are longer than these; `value` is for
// what none of them matches. Each step down takes at least one byte: hence PT_NODE_STEPS.
static uint32_t node_for(struct pt_trie *t, const struct pt_trie_item *item, uint32_t n,
	unsigned byte, uint32_t value)
{
	unsigned common;

	if (!n)
		return value;
	common = common_bits(&item[0], &item[n - 1]);
	if (item[0].len < common)
		common = item[0].len;
	return n == 1 || common / 8 > byte ? fork_for(t, item, n, common, value)
					   : chunk_for(t, item, n, byte, value);
}

uint32_t pt_trie_build(struct pt_trie *t, const struct pt_trie_item *items, uint32_t n)
{
	if (n && !items[0].len) // 0/0 needs no look at the address
		return node_for(t, items + 1, n - 1, 0, items[0].value);
	return node_for(t, items, n, 0, 0);
}

void pt_trie_build_root(
	struct pt_trie *t, const struct pt_trie_item *items, uint32_t n, uint32_t root[65536])
{
	for (uint32_t i = 0; t->chunk && i < 65536; i++)
		root[i] = 0;
	spread(t, items, n, 0, 16, t->chunk ? root : NULL);
}

uint32_t pt_trie_find(const struct pt_chunk *chunk, const struct pt_fork *fork, uint32_t node,
	const uint64_t addr[2])
{
	for (int i = 0; i < PT_NODE_STEPS; i++) {
		if (node & PT_NODE_CHUNK) {
			node = chunk[node & PT_NODE_INDEX]
				       .node[bits_of(addr, 8 * (node >> PT_NODE_BYTE & 15), 8)];
		} else if (node & PT_NODE_FORK) {
			const struct pt_fork *f = &fork[node & PT_NODE_INDEX];
			uint64_t off = ((addr[0] ^ f->addr[0]) & f->mask[0]) |
				((addr[1] ^ f->addr[1]) & f->mask[1]);

			node = off ? f->outside : f->inside;
		} else {
			return node;
		}
	}
	return node & PT_NODE_TABLE ? 0 : node;
}
