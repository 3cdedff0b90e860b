// SPDX-License-Identifier: MIT
#include "plane/block.h"

static bool set_why(struct pt_plane *p, __u8 *byte, enum pt_block_why why, bool on)
{
	__u8 was;

	if (!(__atomic_load_n(byte, __ATOMIC_SEQ_CST) & why) != on)
		return false;
	pt_plane_changing(p);
	was = on ? __atomic_fetch_or(byte, (__u8)why, __ATOMIC_SEQ_CST)
		 : __atomic_fetch_and(byte, (__u8)~why, __ATOMIC_SEQ_CST);
	pt_plane_changed(p);
	return !(was & why) == on;
}

bool pt_block_path(struct pt_plane *p, uint32_t path, enum pt_block_why why, bool on)
{
	return path && path < p->meta->path_cap && set_why(p, &p->block->path[path], why, on);
}

bool pt_block_uplink(struct pt_plane *p, uint32_t uplink, enum pt_block_why why, bool on)
{
	return uplink && uplink < PT_MAX_UPLINK && set_why(p, &p->block->uplink[uplink], why, on);
}

void pt_block_renew(struct pt_plane *p)
{
	__atomic_store_n(
		&p->block->lease_ns, (uint64_t)(pt_mono_now().ns + PT_LEASE_NS), __ATOMIC_RELEASE);
}

bool pt_block_lapsed(const struct pt_plane *p)
{
	uint64_t lease = __atomic_load_n(&p->block->lease_ns, __ATOMIC_ACQUIRE);

	return lease && (uint64_t)pt_mono_now().ns > lease;
}
