// SPDX-License-Identifier: MIT
// A path's way out as one processor knows it: what a plain packet needs of the path, and what it is
// counted in, in one cache line. It holds for one epoch; whatever changes what packets use begins
// another, and the first packet after that takes the complete program, which looks again.
//
// A MAC is the kernel's answer for the next hop, believed for a few jiffies. Then a packet asks
// again, and in tc leaves by way of the kernel's neighbour entry, which so stays in use.
#pragma once
#include "bpf/maps.h"
#include "bpf/parse.h"

#define PT_FIB_DIRECT 1 // no policy rules: the main table knows our own links
#define PT_FIB_OUTPUT 2 // by this device
#define PT_GATE_FRESH 2 // jiffies: 2 to 20 ms

// This CPU's.
static __always_inline struct pt_gate *pt_gate_of(__u32 path)
{
	__u32 key = PT_CPU_KEY(pt_meta.path_cap, bpf_get_smp_processor_id(), path);

	return bpf_map_lookup_elem(&pt_gate, &key);
}

static __always_inline __u32 pt_epoch(void)
{
	return *(const volatile __u32 *)&pt_meta.epoch + *(const volatile __u32 *)&pt_live.epoch;
}

// By these a packet is not plain.
#define PT_HOP_ODD (PT_HOP_MARK | PT_HOP_GUARD | PT_HOP_L3 | PT_HOP_NAT)

// Whatever changed what packets use: of each path the first packet since then is stamped. Each
// processor asks once, and one of them is the first.
static __always_inline void pt_note_epoch(struct pt_watch *watch, __u32 now)
{
	__u32 was = *(volatile __u32 *)&watch->epoch;

	if (was != now && __sync_val_compare_and_swap(&watch->epoch, was, now) == was)
		watch->epoch_packet_ns = bpf_ktime_get_ns();
}

// Looks at the path anew. The epoch is read before all that it stands for, and written after it: of
// what changes meanwhile the next packet learns. A function of its own: rare, and checked once.
__noinline int pt_gate_look(__u32 path)
{
	const __u32 i = path & (PT_MAX_PATH - 1);
	__u32 key = i, now = pt_epoch(), mtu, odd;
	struct pt_watch *watch = bpf_map_lookup_elem(&pt_watch, &key);
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &key);
	struct pt_gate *gate = pt_gate_of(i);

	if (!watch || !hop || !gate)
		return 0;
	(void)__sync_lock_test_and_set(&gate->epoch, now - 1); // a barrier: other CPUs change it
	odd = hop->flags & PT_HOP_ODD || !hop->ifindex || pt_live.down[i] || pt_block.path[i] ||
		pt_block.uplink[hop->uplink & (PT_MAX_UPLINK - 1)];
	mtu = hop->mtu < 0xffff ? hop->mtu : 0xffff;
	gate->mtu[0] = !odd && hop->flags & PT_HOP_VIA4 ? (__u16)mtu : 0;
	gate->mtu[1] = !odd && hop->flags & PT_HOP_VIA6 ? (__u16)mtu : 0;
	gate->ifindex = hop->ifindex;
	gate->port = 0;
	gate->until[0] = gate->until[1] = (__u32)bpf_jiffies64();
	*(volatile __u32 *)&gate->epoch = now;
	pt_note_epoch(watch, now);
	return 0;
}

static __always_inline int pt_gate_is_stale(const struct pt_gate *gate)
{
	return gate->epoch != pt_epoch();
}

// A plain packet of this length may take the path.
static __always_inline int pt_gate_is_open(
	const struct pt_gate *gate, const __u16 family, __u32 len)
{
	return len <= gate->mtu[family != PT_AF_INET] && !pt_gate_is_stale(gate);
}

// No further ahead than it is ever set: of a path that nobody took for weeks, whose moment the 32
// bits of jiffies have overtaken, nothing is fresh.
static __always_inline int pt_gate_is_fresh(const struct pt_gate *gate, const int six)
{
	return gate->until[six] - (__u32)bpf_jiffies64() - 1 < PT_GATE_FRESH;
}

// The last four bytes of our own: a device that has zeros there is none that we know.
static __always_inline int pt_gate_has_mac(const struct pt_gate *gate, const int six)
{
	return !!gate->mac[six][2];
}

static __always_inline void pt_gate_learn(
	struct pt_gate *gate, const int six, const struct bpf_fib_lookup *fib)
{
	__u32 *mac = gate->mac[six];

	__builtin_memcpy(mac, fib->dmac, 6);
	__builtin_memcpy((__u8 *)mac + 6, fib->smac, 6);
	if (!(mac[0] | (mac[1] & 0xffff))) // older kernels show unfinished entries
		mac[2] = 0;
	else
		gate->until[six] = (__u32)bpf_jiffies64() + PT_GATE_FRESH;
}

// The answer is of the next hop itself: of one that the main table knows by way of a gateway alone
// it is the gateway's, which the kernel tells in the place of the address that was asked for.
static __always_inline int pt_gate_is_of(
	const struct bpf_fib_lookup *fib, const struct pt_hop *hop, const int six)
{
	const __u32 *got = fib->ipv6_dst, *want = (const void *)hop->via6;

	if (!six)
		return fib->ipv4_dst == *(const __u32 *)(const void *)hop->via4;
	return got[0] == want[0] && got[1] == want[1] && got[2] == want[2] && got[3] == want[3];
}

// What is not known is asked again in the next jiffy; of other devices than Ethernet's, never.
static __always_inline void pt_gate_ask_by(
	void *ctx, struct pt_gate *gate, const struct pt_hop *hop, const int six)
{
	struct bpf_fib_lookup fib = { .family = six ? PT_AF_INET6 : PT_AF_INET,
		.ifindex = hop->ifindex };

	gate->mac[six][2] = 0;
	gate->until[six] = (__u32)bpf_jiffies64() + 1;
	if (!(hop->flags & PT_HOP_ETHER) || hop->ifindex != gate->ifindex)
		return;
	if (six)
		__builtin_memcpy(fib.ipv6_dst, hop->via6, sizeof(hop->via6));
	else
		__builtin_memcpy(&fib.ipv4_dst, hop->via4, sizeof(hop->via4));
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), PT_FIB_DIRECT | PT_FIB_OUTPUT) ||
		fib.ifindex != gate->ifindex || !pt_gate_is_of(&fib, hop, six))
		return;
	pt_gate_learn(gate, six, &fib);
}

static __always_inline void pt_gate_ask(void *ctx, __u32 path, __u32 family)
{
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &path);
	struct pt_gate *gate = pt_gate_of(path);

	if (!hop || !gate)
		return;
	if (family == PT_AF_INET)
		pt_gate_ask_by(ctx, gate, hop, 0);
	else
		pt_gate_ask_by(ctx, gate, hop, 1);
}

static __always_inline void pt_gate_address(const struct pt_gate *gate, const int six, __u32 *frame)
{
	frame[0] = gate->mac[six][0];
	frame[1] = gate->mac[six][1];
	frame[2] = gate->mac[six][2];
}
