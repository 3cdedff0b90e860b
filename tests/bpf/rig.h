// SPDX-License-Identifier: MIT
// Runs the real programs on real packets (BPF_PROG_TEST_RUN), in a network namespace and a pin
// directory of the test's own.
#pragma once
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bpf/plane.h"
#include "plane/dest.h"
#include "plane/load.h"
#include "plane/plane.h"
#include "plane/state.h"
#include "plane/trie.h"
#include "tests/unit/test.h"
#include "wire/stamp_layout.h"

#define RIG_DEVICE 1 // lo: the only device a new network namespace has
#define RIG_PORT   862
#define RIG_CPUS   512
#ifndef RIG_PASSIVE
#define RIG_PASSIVE 16 // one TCP flow in so many, as failover.passive_share
#endif

struct rig {
	char dir[64];
	struct pt_programs prog;
	struct pt_plane *plane;
	struct pt_err err;
	int64_t dests; // rig_dest was called so often
};

static struct rig rig;

static void rig_done(void)
{
	pt_programs_done(&rig.prog);
	pt_plane_free(rig.plane);
	if (rig.dir[0])
		(void)pt_pin_remove(rig.dir, NULL);
}

static int rig_skip(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	rig_done();
	return 77;
}

static int rig_start(void)
{
	const struct pt_sizes sizes = { .paths = 7, .sites = 7, .passive = RIG_PASSIVE };
	bool created;

	rig.prog = PT_PROGRAMS_NONE;
	if (geteuid() != 0)
		return rig_skip("needs root");
	if (unshare(CLONE_NEWNET) < 0)
		return rig_skip("no network namespaces");
	snprintf(rig.dir, sizeof(rig.dir), "/sys/fs/bpf/pt-test-%d-bpf/1", getpid());
	if (pt_pin_create(rig.dir, &created, &rig.err))
		return rig_skip(rig.err.msg);
	if (pt_load(rig.dir, &sizes, 1, &rig.prog, &rig.err) ||
		pt_load_some(rig.dir, PT_PROGRAM_BIT(PT_PROGRAM_XDP), &rig.prog, &rig.err) ||
		pt_plane_open(rig.dir, PT_PLANE_NEW, &rig.plane, &rig.err)) {
		printf("Bail out! %s\n", rig.err.msg);
		rig_done();
		return 2;
	}
	rig.plane->meta->abi = PT_ABI;
	rig.plane->meta->site_cap = 16;
	rig.plane->meta->path_cap = 16;
	return 0;
}

// Frees everything before the exit code is given.
#define RIG_MAIN(...)                                                 \
	int main(void)                                                \
	{                                                             \
		static const struct t_case cases[] = { __VA_ARGS__ }; \
		int ret = rig_start();                                \
		if (ret)                                              \
			return ret;                                   \
		ret = t_run(cases, sizeof(cases) / sizeof(cases[0])); \
		rig_done();                                           \
		return ret;                                           \
	}

// ---- maps ----

static inline uint64_t rig_stat(enum pt_stat stat)
{
	uint64_t value[RIG_CPUS] = {}, sum = 0;
	uint32_t key = stat;

	if (bpf_map_lookup_elem(rig.plane->fd[PT_MAP_STAT], &key, value))
		return UINT64_MAX;
	for (int i = 0; i < RIG_CPUS; i++)
		sum += value[i];
	return sum;
}

static inline uint64_t rig_tx(uint32_t path)
{
	struct pt_count count;

	pt_count_read(rig.plane, path, &count);
	return count.tx_packets;
}

// Adds a destination to those that packets see, PT_SITE_LOCAL included; RIG_NO_SITE removes it.
#define RIG_NO_SITE UINT32_MAX

static inline void rig_dest(const char *text, uint32_t site)
{
	static struct pt_trie_item want[32];
	static uint32_t n;
	struct pt_prefix prefix;
	struct pt_trie trie = { .chunk = rig.plane->chunk,
		.fork = rig.plane->fork,
		.max_chunks = rig.plane->entries[PT_MAP_CHUNK],
		.max_forks = rig.plane->entries[PT_MAP_FORK] };
	uint32_t v4;

	T_EQ(pt_prefix_parse(text, &prefix), 0);
	// The newest of equal prefixes counts.
	want[n] = pt_trie_item(&prefix, site + 1, ++rig.dests);
	n = pt_trie_sort(want, n + 1);
	v4 = pt_trie_count_v4(want, n);
	pt_trie_build_root(&trie, want, v4, rig.plane->dest[0].v4);
	pt_dest_bar(rig.plane->dest[0].v4);
	rig.plane->dest[0].v6 = pt_trie_build(&trie, want + v4, n - v4);
	rig.plane->dest[1] = rig.plane->dest[0];
	T_OK(n < 32 && trie.chunks <= trie.max_chunks && trie.forks <= trie.max_forks);
}

// Every policy accepts every packet.
static inline void rig_match_all(struct pt_rule *r)
{
	memset(r, 0xff, sizeof(*r));
	r->source4 = 0;
	r->source6 = 0;
	r->treated = 0;
	memset(r->treat, 0, sizeof(r->treat));
}

// The shortcut to a group's first candidate, or none: the outcome must be the same.
static inline void rig_first(const struct pt_group *group, bool shortcut)
{
	size_t key = (size_t)(group - rig.plane->group);

	rig.plane->first[key / PT_FIRSTS].path[key % PT_FIRSTS] = shortcut ? group->path[0] : 0;
}

// As the kernel programs would: user space has no mapping to write.
static inline void rig_set_down(uint32_t path, uint8_t down)
{
	static struct pt_live live;
	uint32_t zero = 0;

	live = *rig.plane->live;
	live.down[path] = down;
	live.epoch++;
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_LIVE], &zero, &live, BPF_ANY), 0);
}

static inline void rig_hop(uint32_t path)
{
	rig.plane->hop[path] = (struct pt_hop){
		.ifindex = RIG_DEVICE,
		.flags = PT_HOP_USED | PT_HOP_VIA4 | PT_HOP_VIA6 | PT_HOP_ETHER,
		.mtu = 1500,
		.uplink = path,
		.site = 1,
		.threshold = 3,
		.up_count = 3,
		.ssid = (uint16_t)(100 + path),
		.family = AF_INET,
		.interval_ns = 20 * PT_NS_PER_MS,
		.timeout_ns = 60 * PT_NS_PER_MS,
		.via4 = { 192, 0, 2, 1 },
		.port = RIG_PORT,
		.via6 = { 0xfd, [15] = 1 },
		.target = { 192, 0, 2, 99 },
	};
}

// ---- packets ----

struct rig_packet {
	union {
		struct {
			uint16_t pad; // so that the network header is aligned
			uint8_t data[2046];
		};
		struct {
			uint16_t pad_;
			struct ethhdr eth;
			union {
				struct {
					struct iphdr v4;
					struct udphdr udp4;
				};
				struct {
					struct ipv6hdr v6;
					struct udphdr udp6;
				};
			};
		};
	};
	uint32_t len;
	uint32_t ifindex;
	uint32_t mark; // in, and out
	uint32_t ingress_ifindex;
	uint32_t gso_size, gso_segs;
	uint32_t priority;
	int act;          // what the program said
	uint32_t out_len; // of what it left in data
};

// One's complement sum over the IPv4 header: 0xffff when the checksum in it is right.
static inline uint16_t rig_sum(const void *header)
{
	const uint8_t *b = header;
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(b[i] << 8 | b[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline void rig_seal(struct rig_packet *p)
{
	p->v4.check = 0;
	p->v4.check = htons((uint16_t)~rig_sum(&p->v4));
}

static inline void rig_ethernet(struct rig_packet *p, uint16_t proto)
{
	*p = (struct rig_packet){ .ifindex = RIG_DEVICE };
	p->eth.h_proto = htons(proto); // to lo's own address, all zero: PACKET_HOST
}

// An IPv4 packet with `payload` bytes behind a UDP or TCP header (8 bytes of it for TCP).
static inline void rig_ipv4(struct rig_packet *p, const char *dst, uint8_t proto, uint16_t sport,
	uint16_t dport, uint32_t payload)
{
	rig_ethernet(p, ETH_P_IP);
	p->v4 = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = proto,
		.saddr = htonl(0x0a010002),
		.daddr = inet_addr(dst),
		.tot_len = htons((uint16_t)(28 + payload)),
	};
	p->udp4.source = htons(sport);
	p->udp4.dest = htons(dport);
	p->udp4.len = htons((uint16_t)(8 + payload));
	p->len = ETH_HLEN + 28 + payload;
	rig_seal(p);
}

static inline void rig_ipv6(struct rig_packet *p, const char *dst, uint8_t next, uint16_t sport,
	uint16_t dport, uint32_t payload)
{
	rig_ethernet(p, ETH_P_IPV6);
	p->v6 = (struct ipv6hdr){
		.version = 6,
		.nexthdr = next,
		.hop_limit = 64,
		.payload_len = htons((uint16_t)(8 + payload)),
	};
	(void)inet_pton(AF_INET6, "fd01::2", &p->v6.saddr);
	(void)inet_pton(AF_INET6, dst, &p->v6.daddr);
	p->udp6.source = htons(sport);
	p->udp6.dest = htons(dport);
	p->udp6.len = htons((uint16_t)(8 + payload));
	p->len = ETH_HLEN + 48 + payload;
}

// As user space does after each change of what packets use.
static inline void rig_changed(void)
{
	static struct pt_block block;
	static struct pt_hop hop[16];

	if (!memcmp(&block, rig.plane->block, sizeof(block)) &&
		!memcmp(hop, rig.plane->hop, sizeof(hop)))
		return;
	block = *rig.plane->block;
	memcpy(hop, rig.plane->hop, sizeof(hop));
	pt_plane_changed(rig.plane);
}

// Runs a program once; the packet becomes what the program left of it.
static inline int rig_run(enum pt_program program, struct rig_packet *p)
{
	struct __sk_buff skb = {
		.ifindex = p->ifindex,
		.ingress_ifindex = p->ingress_ifindex,
		.gso_size = p->gso_size,
		.gso_segs = p->gso_segs,
		.mark = p->mark,
		.priority = p->priority,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
		.data_out = p->data, .data_size_out = sizeof(p->data), .ctx_in = &skb,
		.ctx_size_in = sizeof(skb), .ctx_out = &skb, .ctx_size_out = sizeof(skb),
		.repeat = 1);
	int ret;

	rig_changed();
	ret = bpf_prog_test_run_opts(rig.prog.fd[program], &opts);

	if (ret)
		T_FAIL("test run: %s", strerror(-ret));
	p->act = ret ? -1000 : (int)opts.retval;
	p->out_len = opts.data_size_out;
	p->mark = ret ? 0 : skb.mark;
	p->priority = ret ? 0 : skb.priority;
	return p->act;
}

// ---- time ----

static inline bool rig_wait_down(uint32_t path, uint8_t want, int ms)
{
	const struct timespec tick = { .tv_nsec = PT_NS_PER_MS / 2 };
	struct timespec end, now;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000 + 1;
	for (;;) {
		if (*(const volatile uint8_t *)&rig.plane->live->down[path] == want)
			return true;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			return false;
		nanosleep(&tick, NULL);
	}
}
