// SPDX-License-Identifier: MIT
// The prefix tables against the plainest look-up there is.
#include <string.h>

#include "plane/trie.h"
#include "tests/unit/test.h"

#define ITEMS  3000
#define CHUNKS 20000
#define FORKS  20000
#define PROBES 20000

static struct pt_trie_item items[ITEMS];
static struct pt_chunk chunk[CHUNKS];
static struct pt_fork forks[FORKS];
static uint32_t root[65536];
static uint64_t seed;

static uint64_t roll(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return seed >> 32 ^ seed << 32;
}

static struct pt_trie tables(void)
{
	memset(chunk, 0xaa, sizeof(chunk)); // what was there before must not matter
	memset(forks, 0xaa, sizeof(forks));
	return (struct pt_trie){ .chunk = chunk + 100, // banks do not begin at 0
		.fork = forks + 100,
		.first_chunk = 100,
		.first_fork = 100,
		.max_chunks = CHUNKS - 100,
		.max_forks = FORKS - 100 };
}

// Addresses of few distinct bytes, so that prefixes nest, meet and part at every depth.
static void roll_addr(uint8_t family, unsigned spread, uint64_t addr[2])
{
	const uint64_t few = spread >= 64 ? UINT64_MAX : 0x0101010101010101u * ((1u << spread) - 1);

	addr[0] = roll() & few;
	addr[1] = roll() & few;
	if (family == AF_INET) {
		addr[0] = addr[0] >> 32 << 32;
		addr[1] = 0;
	}
}

static void cut(struct pt_trie_item *i)
{
	i->addr[0] &= i->len >= 64 ? UINT64_MAX : ~(UINT64_MAX >> i->len);
	i->addr[1] &= i->len >= 128 ? UINT64_MAX : i->len > 64 ? ~(UINT64_MAX >> (i->len - 64)) : 0;
}

static uint32_t plain(const uint64_t addr[2], uint8_t family, uint32_t n)
{
	const struct pt_trie_item *best = NULL;
	struct pt_trie_item host = { .family = family, .len = family == AF_INET ? 32 : 128 };

	memcpy(host.addr, addr, sizeof(host.addr));
	for (uint32_t i = 0; i < n; i++)
		if (pt_trie_covers(&items[i], &host) && (!best || items[i].len > best->len))
			best = &items[i];
	return best ? best->value : 0;
}

static void compare(uint8_t family, unsigned spread, uint32_t n, bool by_root)
{
	struct pt_trie t = tables(), count = {};
	uint32_t start = 0, most = family == AF_INET ? 32 : 128;

	for (uint32_t i = 0; i < n; i++) {
		items[i] = (struct pt_trie_item){
			.family = family, .len = (uint8_t)(roll() % (most + 1)), .value = i + 1
		};
		roll_addr(family, spread, items[i].addr);
		cut(&items[i]);
	}
	n = pt_trie_sort(items, n);
	if (by_root)
		pt_trie_build_root(&t, items, n, root);
	else
		start = pt_trie_build(&t, items, n);
	if (by_root)
		pt_trie_build_root(&count, items, n, NULL);
	else
		(void)pt_trie_build(&count, items, n);
	T_EQ(count.chunks, t.chunks);
	T_EQ(count.forks, t.forks);
	T_NEED(t.chunks <= t.max_chunks && t.forks <= t.max_forks);
	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t addr[2];
		uint32_t got, want;

		roll_addr(family, spread, addr);
		if (i % 3 == 0) // close to a prefix: its first address, or one bit beside
			memcpy(addr, items[i % n].addr, sizeof(addr));
		if (i % 6 == 0)
			addr[0] ^= 1ull << (32 + roll() % 32);
		want = plain(addr, family, n);
		got = pt_trie_find(chunk, forks, by_root ? root[addr[0] >> 48] : start, addr);
		if (got != want) {
			T_FAIL("%016" PRIx64 "%016" PRIx64 ": %u, want %u", addr[0], addr[1], got,
				want);
			return;
		}
	}
}

static void test_v4(void)
{
	seed = 1;
	for (unsigned spread = 1; spread <= 8; spread++)
		compare(AF_INET, spread, 200, true);
	compare(AF_INET, 64, ITEMS, true);
	compare(AF_INET, 2, 100, false);
}

static void test_v6(void)
{
	seed = 2;
	for (unsigned spread = 1; spread <= 8; spread++)
		compare(AF_INET6, spread, 200, false);
	compare(AF_INET6, 64, ITEMS, false);
	compare(AF_INET6, 1, 1, false);
}

// The deepest that can be built: a prefix of every length on one address.
static void test_every_length(void)
{
	struct pt_trie t = tables();
	uint32_t start;

	for (uint32_t i = 0; i <= 128; i++) {
		items[i] = (struct pt_trie_item){ .addr = { UINT64_MAX, UINT64_MAX },
			.family = AF_INET6,
			.len = (uint8_t)i,
			.value = i + 1 };
		cut(&items[i]);
	}
	T_EQ(pt_trie_sort(items, 129), 129);
	start = pt_trie_build(&t, items, 129);
	for (uint32_t len = 0; len <= 128; len++) {
		uint64_t addr[2] = { UINT64_MAX, UINT64_MAX };

		if (len < 128)
			addr[len / 64] ^= 1ull << (63 - len % 64);
		T_EQ(pt_trie_find(chunk, forks, start, addr), len + 1);
	}
}

static void test_preference(void)
{
	struct pt_prefix p;
	struct pt_trie t = tables();
	uint64_t addr[2] = { 0x0a01020300000000 };

	T_EQ(pt_prefix_parse("10.1.2.0/24", &p), 0);
	items[0] = pt_trie_item(&p, 7, -5);
	items[1] = pt_trie_item(&p, 8, 5);
	items[2] = pt_trie_item(&p, 9, 0);
	T_EQ(pt_trie_sort(items, 3), 1);
	T_EQ(pt_trie_find(chunk, forks, pt_trie_build(&t, items, 1), addr), 8);
}

static void test_nothing(void)
{
	struct pt_trie t = tables();
	uint64_t addr[2] = { 0 };

	T_EQ(pt_trie_sort(items, 0), 0);
	T_EQ(pt_trie_find(chunk, forks, pt_trie_build(&t, items, 0), addr), 0);
	T_EQ(t.chunks + t.forks, 0);
}

// 10,000 prefixes stay small, dense or scattered.
static void test_size(void)
{
	static struct pt_trie_item many[10000];
	struct pt_trie dense = {}, sparse = {};

	seed = 3;
	for (uint32_t i = 0; i < 10000; i++)
		many[i] = (struct pt_trie_item){ .addr = { 0x0b00000000000000 | (uint64_t)i << 40 },
			.family = AF_INET,
			.len = 24,
			.value = 1 };
	pt_trie_build_root(&dense, many, pt_trie_sort(many, 10000), NULL);
	T_EQ(dense.chunks, 40);
	T_EQ(dense.forks, 0);
	for (uint32_t i = 0; i < 10000; i++)
		many[i] = (struct pt_trie_item){ .addr = { 0xfdull << 56 |
							 (roll() & 0x00ffffffffff0000ull) },
			.family = AF_INET6,
			.len = 48,
			.value = 1 };
	(void)pt_trie_build(&sparse, many, pt_trie_sort(many, 10000));
	T_OK(sparse.chunks < 1000);
	T_OK(sparse.forks <= 10001);
}

T_MAIN({ "IPv4 as the plainest look-up", test_v4 }, { "IPv6 as the plainest look-up", test_v6 },
	{ "a prefix of every length on one address", test_every_length },
	{ "of equal prefixes the preferred one stays", test_preference },
	{ "no prefix, no value", test_nothing }, { "10,000 prefixes stay small", test_size })
