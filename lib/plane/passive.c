// SPDX-License-Identifier: MIT
#include "plane/passive.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

_Static_assert(PT_PASSIVE_BUCKETS <= PT_HIST_BUCKETS, "the kernel's buckets are among ours");

int pt_passive_read(
	const struct pt_plane *p, const struct pt_rtt_key *key, struct pt_passive_sum *out)
{
	struct pt_rtt rtt;
	int ret = bpf_map_lookup_elem(p->fd[PT_MAP_RTT], key, &rtt);

	if (ret)
		return ret;
	*out = (struct pt_passive_sum){
		.segments = rtt.segments, .again = rtt.again, .crossed = rtt.crossed
	};
	// Not rtt.count, which another processor may just be about to raise.
	for (unsigned i = 0; i < PT_PASSIVE_BUCKETS; i++) {
		out->rtt.bucket[i] = rtt.bucket[i];
		out->rtt.count += rtt.bucket[i];
	}
	out->rtt.sum_us = rtt.sum_us;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct pt_rtt_key *x = a, *y = b;

	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	return (x->policy > y->policy) - (x->policy < y->policy);
}

int pt_passive_list(
	const struct pt_plane *p, struct pt_rtt_key **out, uint32_t *n, struct pt_err *err)
{
	uint32_t cap = p->entries[PT_MAP_RTT], have = 0, used = 0;
	pt_autofree struct pt_rtt_key *keys = calloc(cap, sizeof(*keys));
	struct pt_rtt_key key;

	if (!keys)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (const struct pt_rtt_key *prev = NULL; have < cap; prev = &keys[have++]) {
		if (bpf_map_get_next_key(p->fd[PT_MAP_RTT], prev, &key))
			break;
		keys[have] = key;
	}
	// A walk that a deletion sends back to its start finds some twice.
	if (have)
		qsort(keys, have, sizeof(*keys), by_key);
	for (uint32_t i = 0; i < have; i++)
		if (!used || by_key(&keys[used - 1], &keys[i]))
			keys[used++] = keys[i];
	*out = pt_take(&keys);
	*n = used;
	return 0;
}

void pt_passive_since(const struct pt_passive_sum *now, const struct pt_passive_sum *before,
	struct pt_passive_sum *out)
{
	bool anew = now->segments < before->segments || now->again < before->again ||
		now->crossed < before->crossed || now->rtt.sum_us < before->rtt.sum_us;

	for (unsigned i = 0; i < PT_PASSIVE_BUCKETS; i++)
		anew = anew || now->rtt.bucket[i] < before->rtt.bucket[i];
	*out = *now;
	if (anew)
		return;
	out->segments -= before->segments;
	out->again -= before->again;
	out->crossed -= before->crossed;
	out->rtt.count -= before->rtt.count;
	out->rtt.sum_us -= before->rtt.sum_us;
	for (unsigned i = 0; i < PT_PASSIVE_BUCKETS; i++)
		out->rtt.bucket[i] -= before->rtt.bucket[i];
}

// A packet on its way may make the pair again, with that one packet in it.
static void forget(struct pt_plane *p, uint32_t path, uint32_t policy)
{
	struct pt_rtt_key *keys;
	uint32_t n;

	if (pt_passive_list(p, &keys, &n, NULL))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (keys[i].path == path || keys[i].policy == policy)
			(void)bpf_map_delete_elem(p->fd[PT_MAP_RTT], &keys[i]); // gone is gone
	free(keys);
}

void pt_passive_forget_path(struct pt_plane *p, uint32_t path)
{
	forget(p, path, UINT32_MAX);
}

void pt_passive_forget_policy(struct pt_plane *p, uint32_t policy)
{
	forget(p, UINT32_MAX, policy);
}
