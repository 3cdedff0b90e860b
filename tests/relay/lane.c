// SPDX-License-Identifier: MIT
// What becomes of a packet: chance, loss, queue and due time.
#include "tests/relay/relay.h"

#include <stdlib.h>
#include <string.h>
#include <linux/virtio_net.h>

enum purpose { FOR_LOSS, FOR_BURST, FOR_JITTER, FOR_REORDER, FOR_DUPLICATE, PURPOSES };

static uint64_t mix(uint64_t x) // splitmix64's finaliser
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

uint64_t lane_seed(uint64_t seed, unsigned number)
{
	return mix(mix(seed) + number);
}

static uint64_t draw(const struct lane *l, enum purpose why)
{
	return mix(l->seed + (l->number * PURPOSES + why + 1) * 0x9e3779b97f4a7c15ull);
}

static bool happens(const struct lane *l, enum purpose why, uint32_t ppm)
{
	return ppm && draw(l, why) % MILLION < ppm;
}

// ---- one lane: what becomes of a packet ----

uint32_t lane_held(const struct lane *l)
{
	return l->tail - l->head;
}

// Bytes on the wire: every segment of a super-packet carries the headers again.
static uint64_t wire_bytes(const uint8_t *data, uint32_t len)
{
	struct virtio_net_hdr v;
	uint64_t frame = len - sizeof(v);

	memcpy(&v, data, sizeof(v));
	if (v.gso_type == VIRTIO_NET_HDR_GSO_NONE || !v.gso_size || frame <= v.hdr_len)
		return frame;
	return frame + ((frame - v.hdr_len - 1) / v.gso_size) * v.hdr_len;
}

static bool queue_full(const struct lane *l, uint64_t bytes, uint64_t now_ns)
{
	const struct settings *s = &l->set;
	uint64_t waiting = 0;

	if (lane_held(l) + 2 > RING || (s->limit_packets && lane_held(l) >= s->limit_packets))
		return true;
	if (!s->rate_kbps || !s->limit_bytes)
		return false;
	if (l->line_free_ns > now_ns)
		waiting = (l->line_free_ns - now_ns) * s->rate_kbps / 8000000;
	return waiting + bytes > s->limit_bytes;
}

// The counter to charge when the packet is lost, NULL when it lives.
static uint64_t *cause_of_loss(struct lane *l, uint64_t bytes, uint64_t stamp_ns)
{
	const struct settings *s = &l->set;

	if (l->bad)
		l->bad = !happens(l, FOR_BURST, s->burst_leave_ppm);
	else
		l->bad = happens(l, FOR_BURST, s->burst_enter_ppm);
	if (s->blackhole)
		return &l->count.lost_blackhole;
	if (l->bad && s->burst_enter_ppm)
		return &l->count.lost_burst;
	if (happens(l, FOR_LOSS, s->loss_ppm))
		return &l->count.lost_random;
	if (queue_full(l, bytes, stamp_ns))
		return &l->count.lost_queue;
	return NULL;
}

static uint64_t due_time(struct lane *l, uint64_t bytes, uint64_t stamp_ns)
{
	const struct settings *s = &l->set;
	uint64_t due = stamp_ns;
	int64_t delay = (int64_t)s->delay_us * 1000;

	if (s->rate_kbps) {
		if (l->line_free_ns < stamp_ns)
			l->line_free_ns = stamp_ns;
		l->line_free_ns += bytes * 8000000 / s->rate_kbps;
		due = l->line_free_ns;
	}
	if (happens(l, FOR_REORDER, s->reorder_ppm)) {
		l->count.reordered++;
		return due;
	}
	if (s->jitter_us) {
		int64_t span = (int64_t)s->jitter_us * 1000;

		delay += (int64_t)(draw(l, FOR_JITTER) % (uint64_t)(2 * span + 1)) - span;
	}
	due += delay > 0 ? (uint64_t)delay : 0;
	if (due < l->last_due_ns)
		due = l->last_due_ns;
	l->last_due_ns = due;
	return due;
}

// ---- buffers and the due-time queue ----
static void *pool_get(struct pool *p, uint32_t len)
{
	if (len > SMALL)
		return malloc(len);
	return p->count ? p->free[--p->count] : malloc(SMALL);
}

void pool_put(struct pool *p, void *data, uint32_t len)
{
	if (len > SMALL || p->count == POOL)
		free(data);
	else
		p->free[p->count++] = data;
}

static void enqueue(struct pool *p, struct lane *l, const struct iovec *frame, uint64_t due_ns)
{
	uint32_t len = (uint32_t)frame->iov_len, at = l->tail;
	uint8_t *copy = pool_get(p, len);

	if (!copy) {
		l->count.lost_queue++;
		return;
	}
	memcpy(copy, frame->iov_base, len);
	for (; at != l->head && l->ring[(at - 1) % RING].due_ns > due_ns; at--)
		l->ring[at % RING] = l->ring[(at - 1) % RING];
	l->ring[at % RING] = (struct packet){ .due_ns = due_ns, .len = len, .data = copy };
	l->tail++;
}

void lane_take_in(struct pool *p, struct lane *l, const struct iovec *frame, uint64_t stamp_ns)
{
	uint64_t bytes = wire_bytes(frame->iov_base, (uint32_t)frame->iov_len);
	uint64_t *lost = cause_of_loss(l, bytes, stamp_ns);

	l->count.rx++;
	if (lost) {
		(*lost)++;
	} else {
		uint64_t due = due_time(l, bytes, stamp_ns);

		enqueue(p, l, frame, due);
		if (happens(l, FOR_DUPLICATE, l->set.duplicate_ppm)) {
			l->count.duplicated++;
			enqueue(p, l, frame, due);
		}
	}
	l->number++;
}

void lane_reset(struct lane *l)
{
	l->count = (struct counters){ 0 };
	l->number = 0;
	l->bad = false;
}

void lane_free(struct pool *p, struct lane *l)
{
	for (; l->ring && lane_held(l); l->head++)
		pool_put(p, l->ring[l->head % RING].data, l->ring[l->head % RING].len);
	free(l->ring);
	l->ring = NULL;
}

void pool_free(struct pool *p)
{
	while (p->count)
		free(p->free[--p->count]);
}
