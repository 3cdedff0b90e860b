// SPDX-License-Identifier: MIT
#include "plane/plane.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "plane/load.h"
#include "plane/settle.h"

#define NOT_MAPPED     ((size_t)-1)
#define MAPPED(member) offsetof(struct pt_plane, member)

struct map_row {
	const char *name;
	enum bpf_map_type type;
	uint32_t key, value;
	size_t pointer;   // of the mapping in struct pt_plane
	bool kernel_only; // never mapped for writing
	bool later;       // came after the ABI: an earlier version's plane has none
};

static const struct map_row map_rows[PT_MAP_COUNT] = {
	[PT_MAP_META] = { "pt_meta", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_meta), MAPPED(meta),
		false },
	[PT_MAP_LIVE] = { "pt_live", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_live), MAPPED(live),
		true },
	[PT_MAP_BLOCK] = { "pt_block", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_block),
		MAPPED(block), false },
	[PT_MAP_PENALTY] = { "pt_penalty", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_penalty),
		MAPPED(penalty), false },
	[PT_MAP_RULE] = { "pt_rule", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_rule), MAPPED(rule),
		false },
	[PT_MAP_PORT] = { "pt_port", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_port), MAPPED(port),
		false },
	[PT_MAP_GROUP] = { "pt_group", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_group),
		MAPPED(group), false },
	[PT_MAP_FIRST] = { "pt_first", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_first),
		MAPPED(first), false },
	[PT_MAP_HOP] = { "pt_hop", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_hop), MAPPED(hop),
		false },
	[PT_MAP_WATCH] = { "pt_watch", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_watch), NOT_MAPPED,
		true },
	[PT_MAP_TRACE] = { "pt_trace", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_trace), NOT_MAPPED,
		true },
	[PT_MAP_CLOCK] = { "pt_clock", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_clock), NOT_MAPPED,
		true },
	[PT_MAP_BFD] = { "pt_bfd", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_bfd_slot), NOT_MAPPED,
		true },
	[PT_MAP_PEER] = { "pt_peer", BPF_MAP_TYPE_HASH, sizeof(struct pt_peer_key), 4, NOT_MAPPED,
		false },
	[PT_MAP_DEST] = { "pt_dest", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_dest), MAPPED(dest),
		false },
	[PT_MAP_CHUNK] = { "pt_chunk", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_chunk),
		MAPPED(chunk), false },
	[PT_MAP_FORK] = { "pt_fork", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_fork), MAPPED(fork),
		false },
	[PT_MAP_FLOW] = { "pt_flow", BPF_MAP_TYPE_LRU_HASH, sizeof(struct pt_flow_key),
		sizeof(struct pt_flow_path), NOT_MAPPED, false },
	[PT_MAP_SESSION] = { "pt_session", BPF_MAP_TYPE_HASH, sizeof(struct pt_session_key), 4,
		NOT_MAPPED, false },
	[PT_MAP_RX] = { "pt_rx", BPF_MAP_TYPE_HASH, 4, 4, NOT_MAPPED, false },
	[PT_MAP_NAME] = { "pt_name", BPF_MAP_TYPE_HASH, sizeof(struct pt_name_key),
		sizeof(struct pt_name), NOT_MAPPED, false },
	[PT_MAP_HOOK] = { "pt_hook", BPF_MAP_TYPE_HASH, sizeof(struct pt_hook_key),
		sizeof(struct pt_hook), NOT_MAPPED, false },
	[PT_MAP_GATE] = { "pt_gate", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_gate), MAPPED(gate),
		false },
	[PT_MAP_TRAFFIC] = { "pt_traffic", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_volume),
		MAPPED(traffic), false },
	[PT_MAP_PASSIVE] = { "pt_passive", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_passive_flow),
		NOT_MAPPED, true },
	[PT_MAP_RTT] = { "pt_rtt", BPF_MAP_TYPE_HASH, sizeof(struct pt_rtt_key),
		sizeof(struct pt_rtt), NOT_MAPPED, true },
	[PT_MAP_STAT] = { "pt_stat", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, NOT_MAPPED, false },
	[PT_MAP_EVENT] = { "pt_event", BPF_MAP_TYPE_RINGBUF, 0, 0, NOT_MAPPED, false },
	[PT_MAP_TRIP] = { "pt_trip", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_trip), NOT_MAPPED,
		true, true },
	[PT_MAP_HEARD] = { "pt_heard", BPF_MAP_TYPE_RINGBUF, 0, 0, NOT_MAPPED, false, true },
	[PT_MAP_READER] = { "pt_reader", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct pt_reader),
		NOT_MAPPED, false, true },
};

static int mismatch(const char *dir, const char *what, struct pt_err *err)
{
	return pt_err_set(err, -EPROTO,
		"%s: %s is not of this version (ABI %d); run pt-failover detach, then attach", dir,
		what, PT_ABI);
}

static size_t map_bytes(const struct map_row *row, uint32_t entries)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t stride = (row->value + 7u) & ~(size_t)7; // the kernel rounds each element up

	return (entries * stride + page - 1) / page * page;
}

static void **mapping_of(struct pt_plane *p, const struct map_row *row)
{
	return (void **)((char *)p + row->pointer);
}

static int open_map(struct pt_plane *p, enum pt_map which, bool writable, struct pt_err *err)
{
	const struct map_row *row = &map_rows[which];
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	char path[PT_PIN_PATH];
	void *mem;
	int prot;

	if (pt_pin_path(p->dir, row->name, path))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", p->dir);
	p->fd[which] = bpf_obj_get(path);
	if (p->fd[which] == -ENOENT && row->later)
		return 0;
	if (p->fd[which] == -ENOENT)
		return mismatch(p->dir, row->name, err);
	if (p->fd[which] < 0)
		return pt_err_errno(err, p->fd[which], "%s", path);
	if (bpf_obj_get_info_by_fd(p->fd[which], &info, &len))
		return pt_err_errno(err, -errno, "%s", path);
	if (info.type != row->type || info.key_size != row->key || info.value_size != row->value)
		return mismatch(p->dir, row->name, err);
	p->entries[which] = info.max_entries;
	if (row->pointer == NOT_MAPPED)
		return 0;
	prot = writable && !row->kernel_only ? PROT_READ | PROT_WRITE : PROT_READ;
	mem = mmap(NULL, map_bytes(row, info.max_entries), prot, MAP_SHARED, p->fd[which], 0);
	if (mem == MAP_FAILED)
		return pt_err_errno(err, -errno, "%s: mapping", path);
	*mapping_of(p, row) = mem;
	return 0;
}

static int check_meta(const struct pt_plane *p, struct pt_err *err)
{
	if (p->meta->abi != PT_ABI || p->meta->bank > (PT_BANK_GROUP | PT_BANK_CLASS) ||
		p->meta->path_cap > p->entries[PT_MAP_HOP] ||
		p->meta->path_cap > p->entries[PT_MAP_WATCH] ||
		p->meta->path_cap > p->entries[PT_MAP_PENALTY] ||
		2ull * p->meta->site_cap * PT_MAX_POLICY > p->entries[PT_MAP_GROUP] ||
		p->entries[PT_MAP_GROUP] / PT_FIRSTS > p->entries[PT_MAP_FIRST] ||
		p->meta->path_cap > p->entries[PT_MAP_TRAFFIC] ||
		p->entries[PT_MAP_TRAFFIC] > p->entries[PT_MAP_GATE])
		return mismatch(p->dir, "pt_meta", err);
	return 0;
}

static int open_all(struct pt_plane *p, enum pt_plane_mode mode, struct pt_err *err)
{
	int ret;

	// pt_meta comes first: a plane of another ABI should be told by that alone.
	for (int i = 0; i < PT_MAP_COUNT; i++) {
		ret = open_map(p, (enum pt_map)i, mode != PT_PLANE_READ, err);
		if (!ret && i == PT_MAP_META && mode != PT_PLANE_NEW && p->meta->abi != PT_ABI)
			ret = mismatch(p->dir, "pt_meta", err);
		if (ret)
			return ret;
	}
	return mode == PT_PLANE_NEW ? 0 : check_meta(p, err);
}

int pt_plane_complete(struct pt_plane *p, struct pt_err *err)
{
	int ret = 0;

	for (int i = 0; i < PT_MAP_COUNT && !ret; i++)
		if (map_rows[i].later && p->fd[i] < 0)
			ret = open_map(p, (enum pt_map)i, true, err);
	return ret;
}

int pt_plane_open(
	const char *dir, enum pt_plane_mode mode, struct pt_plane **out, struct pt_err *err)
{
	struct pt_plane *p;
	int ret = pt_pin_exists(dir, err);

	if (ret)
		return ret;
	p = calloc(1, sizeof(*p));
	if (!p)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (int i = 0; i < PT_MAP_COUNT; i++)
		p->fd[i] = -1;
	(void)snprintf(p->dir, sizeof(p->dir), "%s", dir); // its length was checked above
	pt_libbpf_to_log();
	ret = open_all(p, mode, err);
	if (ret)
		pt_plane_free(p);
	else
		*out = p;
	return ret;
}

void pt_plane_free(struct pt_plane *p)
{
	if (!p)
		return;
	pt_settle_done(p);
	for (int i = 0; i < PT_MAP_COUNT; i++) {
		const struct map_row *row = &map_rows[i];

		if (row->pointer != NOT_MAPPED && *mapping_of(p, row))
			(void)munmap(*mapping_of(p, row), map_bytes(row, p->entries[i]));
		if (p->fd[i] >= 0)
			(void)close(p->fd[i]);
	}
	free(p);
}

void pt_plane_changing(struct pt_plane *p)
{
	__atomic_store_n(&p->meta->committed_ns, (uint64_t)pt_mono_now().ns, __ATOMIC_RELEASE);
}

void pt_plane_changed(struct pt_plane *p)
{
	(void)__atomic_add_fetch(&p->meta->epoch, 1, __ATOMIC_SEQ_CST);
}
