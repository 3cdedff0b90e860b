// SPDX-License-Identifier: MIT
#include "plane/state.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "plane/block.h"

#ifndef BPF_F_LOCK
#define BPF_F_LOCK 4
#endif

const char *const pt_choice_names[] = {
	[PT_CHOICE_USABLE] = "usable",
	[PT_CHOICE_DAMPED] = "damped",
	[PT_CHOICE_DOWN] = "last-resort",
	[PT_CHOICE_BLOCKED] = "last-resort",
	[PT_CHOICE_NONE] = "none",
	NULL,
};

const struct pt_stat_doc pt_stat_docs[PT_STAT_COUNT] = {
#define X(name, key, doc) [PT_STAT_##name] = { key, doc },
	PT_STATS(X)
#undef X
};

uint8_t pt_state_why(const struct pt_plane *p, uint32_t path)
{
	uint8_t why = p->block->path[path] |
		p->block->uplink[p->hop[path].uplink & (PT_MAX_UPLINK - 1)];

	if (why & PT_BLOCK_LEASED && pt_block_lapsed(p))
		why &= (uint8_t)~PT_BLOCK_LEASED;
	if (why & PT_BLOCK_DRILL && (uint64_t)pt_mono_now().ns > p->block->drill_until_ns)
		why &= (uint8_t)~PT_BLOCK_DRILL;
	return why;
}

bool pt_state_leads(const struct pt_plane *p, uint32_t path)
{
	const struct pt_hop *hop = &p->hop[path];

	return hop->ifindex && hop->flags & (PT_HOP_L3 | PT_HOP_VIA4 | PT_HOP_VIA6);
}

enum pt_path_status pt_state_status(const struct pt_plane *p, uint32_t path, bool replied)
{
	if (pt_state_why(p, path) & PT_BLOCK_MAINTENANCE)
		return PT_STATUS_MAINTENANCE;
	if (p->live->down[path] || pt_state_why(p, path) & (PT_BLOCK_CARRIER | PT_BLOCK_UNDERLAY) ||
		!pt_state_leads(p, path))
		return PT_STATUS_DOWN;
	return replied ? PT_STATUS_UP : PT_STATUS_UNKNOWN;
}

int pt_state_read(const struct pt_plane *p, uint32_t path, struct pt_state *out, struct pt_err *err)
{
	uint32_t ifindex = p->hop[path].ifindex, owner = 0;
	int ret = bpf_map_lookup_elem_flags(p->fd[PT_MAP_WATCH], &path, &out->watch, BPF_F_LOCK);

	if (ret)
		return pt_err_errno(err, ret, "path %u", path);
	pt_count_read(p, path, &out->traffic);
	out->down = p->live->down[path];
	out->why = pt_state_why(p, path);
	out->status = pt_state_status(p, path, out->watch.last_reply_ns != 0);
	out->rx_known = !bpf_map_lookup_elem(p->fd[PT_MAP_RX], &ifindex, &owner) && owner == path;
	return 0;
}

void pt_block_format(uint8_t why, struct pt_buf *out)
{
	static const struct {
		uint8_t why;
		const char *word;
	} words[] = {
		{ PT_BLOCK_CARRIER, "carrier" },
		{ PT_BLOCK_MAINTENANCE, "maintenance" },
		{ PT_BLOCK_MANUAL, "manual" },
		{ PT_BLOCK_DAMPED, "damped" },
		{ PT_BLOCK_UNDERLAY, "underlay" },
		{ PT_BLOCK_DRAINED, "drained" },
		{ PT_BLOCK_DRILL, "drill" },
	};
	const char *comma = "";

	for (size_t i = 0; i < PT_ARRAY_LEN(words); i++) {
		if (!(why & words[i].why))
			continue;
		pt_buf_printf(out, "%s%s", comma, words[i].word);
		comma = ",";
	}
}

enum pt_choice_rank pt_choice_rank_of(const struct pt_plane *p, uint32_t path)
{
	if (path >= p->meta->path_cap || !pt_state_leads(p, path))
		return PT_CHOICE_NONE;
	if (pt_state_why(p, path) & PT_BLOCK_HARD)
		return PT_CHOICE_BLOCKED;
	if (p->live->down[path])
		return PT_CHOICE_DOWN;
	return pt_state_why(p, path) ? PT_CHOICE_DAMPED : PT_CHOICE_USABLE;
}

struct pt_choice pt_choice_of(const struct pt_plane *p, const struct pt_group *g)
{
	struct pt_choice best = { .rank = PT_CHOICE_NONE };

	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++) {
		enum pt_choice_rank rank = pt_choice_rank_of(p, g->path[i]);

		if (rank < best.rank)
			best = (struct pt_choice){ .path = g->path[i], .rank = rank };
	}
	if (best.rank > PT_CHOICE_DAMPED && g->flags & PT_GROUP_DROP)
		best = (struct pt_choice){ .rank = PT_CHOICE_NONE };
	return best;
}

static uint32_t traffic_cpus(const struct pt_plane *p)
{
	return p->entries[PT_MAP_TRAFFIC] / p->meta->path_cap;
}

void pt_count_read(const struct pt_plane *p, uint32_t path, struct pt_count *out)
{
	*out = (struct pt_count){};
	for (uint32_t i = 0; i < traffic_cpus(p); i++) {
		size_t key = PT_CPU_KEY((size_t)p->meta->path_cap, i, path);
		const struct pt_gate *tx = &p->gate[key];
		const struct pt_volume *rx = &p->traffic[key];

		out->tx_packets += tx->packets;
		out->tx_bytes += tx->bytes;
		out->rx_packets += rx->packets;
		out->rx_bytes += rx->bytes;
	}
}

void pt_count_clear(struct pt_plane *p, uint32_t path)
{
	for (uint32_t i = 0; i < traffic_cpus(p); i++) {
		size_t key = PT_CPU_KEY((size_t)p->meta->path_cap, i, path);

		p->gate[key] = (struct pt_gate){};
		p->traffic[key] = (struct pt_volume){};
	}
}

int pt_stat_read(const struct pt_plane *p, uint64_t out[PT_STAT_COUNT])
{
	int cpus = libbpf_num_possible_cpus(), ret = 0;
	pt_autofree uint64_t *each = NULL;

	if (cpus < 0)
		return cpus;
	each = calloc((size_t)cpus, sizeof(*each));
	if (!each)
		return -ENOMEM;
	for (uint32_t i = 0; i < PT_STAT_COUNT && !ret; i++) {
		out[i] = 0;
		if (i >= p->entries[PT_MAP_STAT]) // of an earlier version
			continue;
		ret = bpf_map_lookup_elem(p->fd[PT_MAP_STAT], &i, each);
		for (int c = 0; c < cpus && !ret; c++)
			out[i] += each[c];
	}
	out[PT_STAT_STEERED] += out[PT_STAT_XDP]; // which spares itself a second count
	return ret;
}
