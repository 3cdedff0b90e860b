// SPDX-License-Identifier: MIT
#include "probe/replies.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PIN_PATH 256

// A map in memory.
struct view {
	void *at; // NULL: none
	size_t bytes;
};

struct pt_replies {
	struct view meta, hops, reader, head, ring;
	uint32_t n_hops;
	uint64_t owner;
	uint64_t mask;     // of positions in the ring
	uint64_t consumed; // as peeked so far
	ino_t pin;
	dev_t device;
};

// ---- opening ----

struct want {
	const char *name;
	enum bpf_map_type type;
	uint32_t value; // bytes; 0: a ring
};

static int open_map(const char *dir, const struct want *want, uint32_t *entries, struct pt_err *err)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[PIN_PATH];
	pt_autofd fd = -1;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, want->name) >= sizeof(path))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", dir);
	fd = bpf_obj_get(path); // read-only it could not be mapped
	if (fd < 0)
		return pt_err_errno(err, fd, "%s", path);
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return pt_err_errno(err, -errno, "%s", path);
	if (info.type != want->type || info.value_size != want->value)
		return pt_err_set(err, -EPROTO, "%s is not of this version", path);
	*entries = info.max_entries;
	return pt_take_fd(&fd);
}

static int view(int fd, size_t bytes, size_t from, bool write, struct view *out, struct pt_err *err)
{
	void *at = mmap(NULL, bytes, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd,
		(off_t)from);

	if (at == MAP_FAILED)
		return pt_err_errno(err, -errno, "mapping what the kernel tells");
	*out = (struct view){ .at = at, .bytes = bytes };
	return 0;
}

static size_t whole_pages(uint64_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size_t)((bytes + page - 1) / page * page);
}

static int open_array(const char *dir, const char *name, uint32_t value, bool write,
	struct view *out, struct pt_err *err)
{
	const struct want want = { name, BPF_MAP_TYPE_ARRAY, value };
	uint32_t entries = 0, stride = (value + 7) & ~7u;
	pt_autofd fd = open_map(dir, &want, &entries, err);

	return fd < 0 ? fd : view(fd, whole_pages((uint64_t)entries * stride), 0, write, out, err);
}

// One page with our position, one with the kernel's, and the data twice in a row.
static int open_ring(struct pt_replies *r, const char *dir, struct pt_err *err)
{
	static const struct want want = { "pt_heard", BPF_MAP_TYPE_RINGBUF, 0 };
	const size_t page = whole_pages(1);
	uint32_t bytes = 0;
	pt_autofd fd = open_map(dir, &want, &bytes, err);
	int ret = fd < 0 ? fd : view(fd, page, 0, true, &r->head, err);

	if (!ret)
		ret = view(fd, page + 2 * (size_t)bytes, page, false, &r->ring, err);
	r->mask = bytes - 1;
	return ret;
}

static const struct pt_meta *meta_of(const struct pt_replies *r)
{
	return r->meta.at;
}

static struct pt_reader *reader_of(const struct pt_replies *r)
{
	return r->reader.at;
}

// Device indexes mean something else in another namespace.
static bool is_elsewhere(const struct pt_replies *r)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) == 0 && meta_of(r)->netns != st.st_ino;
}

static int pin_of(const char *dir, struct stat *out)
{
	char path[PIN_PATH];

	if ((size_t)snprintf(path, sizeof(path), "%s/pt_heard", dir) >= sizeof(path))
		return -ENAMETOOLONG;
	return stat(path, out) == 0 ? 0 : -errno;
}

static uint64_t *position(const struct view *v)
{
	return v->at; // at the start of its page
}

static int open_all(struct pt_replies *r, const char *dir, struct pt_err *err)
{
	struct stat st;
	int ret = pin_of(dir, &st);

	if (ret)
		return pt_err_errno(err, ret, "%s/pt_heard", dir);
	r->pin = st.st_ino;
	r->device = st.st_dev;
	ret = open_array(dir, "pt_meta", sizeof(struct pt_meta), false, &r->meta, err);
	if (!ret && (meta_of(r)->abi != PT_ABI || is_elsewhere(r)))
		ret = pt_err_set(err, -EXDEV, "%s: not attached to this network's devices", dir);
	if (!ret)
		ret = open_array(dir, "pt_hop", sizeof(struct pt_hop), false, &r->hops, err);
	if (!ret)
		ret = open_array(dir, "pt_reader", sizeof(struct pt_reader), true, &r->reader, err);
	if (!ret)
		ret = open_ring(r, dir, err);
	if (ret)
		return ret;
	r->n_hops = meta_of(r)->path_cap;
	if (r->n_hops > r->hops.bytes / sizeof(struct pt_hop) || r->n_hops > PT_MAX_PATH)
		return pt_err_set(err, -EPROTO, "%s/pt_hop is too short", dir);
	return 0;
}

int pt_replies_open(const char *dir, struct pt_replies **out, struct pt_err *err)
{
	struct pt_replies *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return pt_err_set(err, -ENOMEM, "out of memory");
	while (!r->owner)
		(void)getrandom(&r->owner, sizeof(r->owner), 0); // any but 0 will do
	ret = open_all(r, dir, err);
	if (ret) {
		pt_replies_free(r);
		return ret;
	}
	*out = r;
	return 0;
}

static void view_done(struct view *v)
{
	if (v->at)
		(void)munmap(v->at, v->bytes);
	v->at = NULL;
}

static bool is_ours(const struct pt_replies *r)
{
	return __atomic_load_n(&reader_of(r)->owner, __ATOMIC_RELAXED) == r->owner;
}

void pt_replies_free(struct pt_replies *r)
{
	if (!r)
		return;
	if (r->ring.at && is_ours(r)) {
		__atomic_store_n(&reader_of(r)->until_ns, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&reader_of(r)->owner, 0, __ATOMIC_RELEASE);
	}
	view_done(&r->meta);
	view_done(&r->hops);
	view_done(&r->reader);
	view_done(&r->head);
	view_done(&r->ring);
	free(r);
}

bool pt_replies_current(const struct pt_replies *r, const char *dir)
{
	struct stat st;

	return pin_of(dir, &st) == 0 && st.st_ino == r->pin && st.st_dev == r->device;
}

// ---- the lease ----

// Of two that take it at once one wins; both see who.
static bool take(struct pt_replies *r, struct pt_mono now)
{
	struct pt_reader *reader = reader_of(r);
	uint64_t owner = __atomic_load_n(&reader->owner, __ATOMIC_ACQUIRE);

	if (owner && __atomic_load_n(&reader->until_ns, __ATOMIC_ACQUIRE) > (uint64_t)now.ns)
		return false;
	if (!__atomic_compare_exchange_n(
		    &reader->owner, &owner, r->owner, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	for (uint32_t i = 0; i < PT_MAX_PATH; i++)
		pt_replies_port(r, i, 0); // the former owner's
	r->consumed = __atomic_load_n(position(&r->ring), __ATOMIC_ACQUIRE);
	pt_replies_done(r);
	return true;
}

bool pt_replies_lease(struct pt_replies *r, struct pt_mono now)
{
	if (!is_ours(r) && !take(r, now))
		return false;
	__atomic_store_n(&reader_of(r)->until_ns, (uint64_t)(now.ns + PT_REPLIES_LEASE_NS),
		__ATOMIC_RELEASE);
	return true;
}

bool pt_replies_held(const struct pt_replies *r)
{
	return is_ours(r);
}

bool pt_replies_lapsed(const struct pt_replies *r, struct pt_mono now)
{
	return __atomic_load_n(&reader_of(r)->until_ns, __ATOMIC_RELAXED) <= (uint64_t)now.ns;
}

const struct pt_hop *pt_replies_hops(const struct pt_replies *r, uint32_t *n)
{
	*n = r->n_hops;
	return r->hops.at;
}

void pt_replies_port(struct pt_replies *r, uint32_t path, uint16_t port)
{
	__u16 *at = &reader_of(r)->port[path % PT_MAX_PATH];

	if (*at != port)
		__atomic_store_n(at, port, __ATOMIC_RELAXED);
}

// ---- the ring ----

// As BPF_RINGBUF_* have it: a length, and whether it is written yet or never was.
static uint32_t head_at(const struct pt_replies *r, uint64_t at, const char **data)
{
	const char *ring = (const char *)r->ring.at + whole_pages(1);
	const uint32_t *head = (const void *)(ring + (at & r->mask));

	*data = (const char *)head + BPF_RINGBUF_HDR_SZ;
	return __atomic_load_n(head, __ATOMIC_ACQUIRE);
}

unsigned pt_replies_peek(struct pt_replies *r, const struct pt_heard *out[], unsigned most)
{
	uint64_t end = __atomic_load_n(position(&r->ring), __ATOMIC_ACQUIRE);
	unsigned n = 0;

	while (n < most && r->consumed < end) {
		const char *data;
		uint32_t head = head_at(r, r->consumed, &data);
		uint32_t len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (head & BPF_RINGBUF_BUSY_BIT)
			break; // a processor is just writing it
		r->consumed += (len + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
		if (!(head & BPF_RINGBUF_DISCARD_BIT) && len == sizeof(struct pt_heard))
			out[n++] = (const void *)data;
	}
	return n;
}

void pt_replies_done(struct pt_replies *r)
{
	__atomic_store_n(position(&r->head), r->consumed, __ATOMIC_RELEASE);
}

bool pt_replies_unread(const struct pt_replies *r)
{
	return r->consumed < __atomic_load_n(position(&r->ring), __ATOMIC_ACQUIRE);
}
