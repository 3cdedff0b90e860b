// SPDX-License-Identifier: MIT
// The maps of the pin directory, shared by name between all programs. Sizes that depend on the
// network are set at attach; those given here are the smallest that load.
#pragma once
#include <bpf/bpf_helpers.h>

#include "bpf/plane.h"

#define PT_MAP(map, map_type, size, key_type, value_type, ...) \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_##map_type);         \
		__uint(max_entries, size);                     \
		__type(key, key_type);                         \
		__type(value, value_type);                     \
		__uint(pinning, LIBBPF_PIN_BY_NAME);           \
		__VA_ARGS__                                    \
	} map SEC(".maps")

#define PT_MMAP __uint(map_flags, BPF_F_MMAPABLE);

// Arrays of one value that every packet reads: as variables they have fixed addresses, and cost no
// look-up. Sections of this name are memory-mapped arrays; the loader pins them by the variable's.
#define PT_ONE(name) struct name name SEC(PT_ONE_SECTION #name)

PT_ONE(pt_meta);
PT_ONE(pt_live);
PT_ONE(pt_block);

PT_MAP(pt_penalty, ARRAY, 2, __u32, struct pt_penalty, PT_MMAP);
PT_MAP(pt_rule, ARRAY, 2, __u32, struct pt_rule, PT_MMAP);
PT_MAP(pt_port, ARRAY, 1, __u32, struct pt_port, PT_MMAP);
PT_MAP(pt_group, ARRAY, 2 * PT_MAX_POLICY, __u32, struct pt_group, PT_MMAP);
PT_MAP(pt_first, ARRAY, 2 * PT_MAX_POLICY / PT_FIRSTS, __u32, struct pt_first, PT_MMAP);
PT_MAP(pt_hop, ARRAY, 2, __u32, struct pt_hop, PT_MMAP);
PT_MAP(pt_watch, ARRAY, 2, __u32, struct pt_watch);
PT_MAP(pt_trace, ARRAY, 1, __u32, struct pt_trace);
PT_MAP(pt_clock, ARRAY, 2, __u32, struct pt_clock);
PT_MAP(pt_bfd, ARRAY, 2, __u32, struct pt_bfd_slot);
PT_MAP(pt_peer, HASH, 16, struct pt_peer_key, __u32);
PT_MAP(pt_dest, ARRAY, 2, __u32, struct pt_dest, PT_MMAP);
PT_MAP(pt_chunk, ARRAY, 2, __u32, struct pt_chunk, PT_MMAP);
PT_MAP(pt_fork, ARRAY, 2, __u32, struct pt_fork, PT_MMAP);
PT_MAP(pt_flow, LRU_HASH, 1024, struct pt_flow_key, struct pt_flow_path);
PT_MAP(pt_session, HASH, 16, struct pt_session_key, __u32);
PT_MAP(pt_rx, HASH, 16, __u32, __u32);
PT_MAP(pt_name, HASH, 16, struct pt_name_key, struct pt_name);
PT_MAP(pt_hook, HASH, 16, struct pt_hook_key, struct pt_hook);
PT_MAP(pt_gate, ARRAY, 2, __u32, struct pt_gate, PT_MMAP);
PT_MAP(pt_traffic, ARRAY, 2, __u32, struct pt_volume, PT_MMAP);
PT_MAP(pt_stat, PERCPU_ARRAY, PT_STAT_COUNT, __u32, __u64);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} pt_event SEC(".maps");

static __always_inline void *pt_only(void *map)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(map, &zero);
}

static __always_inline void pt_tally(enum pt_stat stat)
{
	__u32 key = stat;
	__u64 *n = bpf_map_lookup_elem(&pt_stat, &key);

	if (n)
		(*n)++;
}
