// SPDX-License-Identifier: MIT
#include "probe/harvest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "probe/ahead.h"
#include "probe/replies.h"
#include "probe/stream.h"

#define BATCH   128
#define BATCHES 1024 // a call: more than any ring holds

struct pt_harvest {
	char *dir;
	struct pt_replies *replies; // NULL: there is no plane
	bool allowed, reading;
	bool ours;                           // the lease, as of the last look
	struct pt_stream *path[PT_MAX_PATH]; // whose answers these are; NULL: nobody's here
	uint64_t count;
};

int pt_harvest_new(const char *dir, struct pt_harvest **out)
{
	struct pt_harvest *v = calloc(1, sizeof(*v));

	if (v)
		v->dir = strdup(dir);
	if (!v || !v->dir) {
		free(v);
		return -ENOMEM;
	}
	*out = v;
	return 0;
}

static void stop(struct pt_harvest *v)
{
	pt_replies_free(v->replies);
	v->replies = NULL;
	v->ours = false;
	memset(v->path, 0, sizeof(v->path));
}

void pt_harvest_free(struct pt_harvest *v)
{
	if (!v)
		return;
	stop(v);
	free(v->dir);
	free(v);
}

uint64_t pt_harvest_count(const struct pt_harvest *v)
{
	return v ? v->count : 0;
}

// ---- which path is whose ----

static struct pt_addr target_of(const struct pt_hop *hop)
{
	struct pt_addr a = { .family = (uint8_t)hop->family };

	memcpy(a.bytes, hop->target, hop->family == AF_INET6 ? 16 : 4);
	return a;
}

// Signed answers are longer than what the kernel keeps: they come by their sockets anyway.
static bool measures(
	struct pt_stream *s, const struct pt_hop *hop, const struct pt_addr *target, uint16_t *port)
{
	const struct pt_stream_opts *o = pt_stream_opts(s);
	unsigned ifindex;

	return o->probe == PT_PROBE_STAMP && !o->key && o->port == hop->port &&
		o->ssid == hop->ssid && pt_addr_eq(&o->target, target) &&
		pt_port_local(pt_stream_place(s)->port, &ifindex, port) == 0 &&
		ifindex == hop->ifindex;
}

static struct pt_stream *find(const struct pt_hub *h, const struct pt_hop *hop, uint16_t *port)
{
	struct pt_addr target = target_of(hop);
	struct pt_stream *s;

	if (!(hop->flags & PT_HOP_USED) || !hop->family || !hop->ifindex)
		return NULL;
	for (s = pt_hub_streams(h, &target, hop->ssid); s; s = pt_stream_place(s)->next)
		if (measures(s, hop, &target, port))
			return s;
	return NULL;
}

static bool match(struct pt_harvest *v, const struct pt_hub *h)
{
	bool more = false;
	uint32_t n;
	const struct pt_hop *hops = pt_replies_hops(v->replies, &n);

	for (uint32_t i = 1; i < n; i++) {
		uint16_t port = 0;
		struct pt_stream *s = find(h, &hops[i], &port);

		more = more || (s && s != v->path[i]);
		v->path[i] = s; // before the kernel keeps any
		pt_replies_port(v->replies, i, s ? port : 0);
	}
	return more;
}

bool pt_harvest_look(struct pt_harvest *v, struct pt_hub *h)
{
	struct pt_err err = { 0 };
	bool was = v->ours, more = false;

	if (v->replies && (!v->allowed || !pt_replies_current(v->replies, v->dir)))
		stop(v);
	if (!v->allowed)
		return false;
	if (!v->replies && pt_replies_open(v->dir, &v->replies, &err))
		pt_log(PT_LOG_DEBUG, "answers come by sockets: %s", err.msg);
	v->ours = v->replies && pt_replies_lease(v->replies, pt_mono_now());
	if (v->ours)
		more = match(v, h);
	if (v->ours != was)
		pt_log(PT_LOG_INFO, "answers are read %s",
			v->ours ? "out of the kernel's ring" : "from sockets");
	return more;
}

void pt_harvest_allow(struct pt_harvest *v, bool allowed)
{
	v->allowed = allowed;
	if (!allowed)
		stop(v);
}

void pt_harvest_forget(struct pt_harvest *v, const struct pt_stream *s)
{
	uint32_t n;

	if (!v->replies)
		return;
	(void)pt_replies_hops(v->replies, &n);
	for (uint32_t i = 1; i < n; i++)
		if (v->path[i] == s)
			v->path[i] = NULL; // its last answers come in vain
}

// ---- reading ----

// Those of one batch, and the moment when they are read.
struct gathered {
	struct pt_harvest *harvest;
	struct pt_hub *hub;
	struct pt_mono now;
	int64_t real_ns;
	const struct pt_heard *heard[BATCH];
};

static struct pt_stream *stream_of(const struct gathered *g, unsigned i)
{
	return g->harvest->path[g->heard[i]->path % PT_MAX_PATH];
}

static void on_soon(void *ctx, unsigned i, unsigned stage)
{
	const struct gathered *g = ctx;
	const struct pt_stream *s = stream_of(g, i);

	if (s && stage)
		pt_stream_soon(s, stage - 1);
}

static void on_turn(void *ctx, unsigned i)
{
	struct gathered *g = ctx;
	const struct pt_heard *heard = g->heard[i];
	struct pt_stream *s = stream_of(g, i);
	uint8_t bytes[PT_HEARD_MOST];
	struct pt_port_packet packet = {
		.data = bytes,
		.len = heard->len,
		.ttl = heard->ttl,
		.at = g->now,
		.real_ns = g->real_ns,
		.kernel_ns = (int64_t)heard->arrived_ns,
	};

	if (!s || heard->len > sizeof(bytes)) {
		g->hub->foreign++;
		return;
	}
	if (!packet.kernel_ns)
		packet.kernel_ns = g->real_ns - (g->now.ns - (int64_t)heard->heard_ns);
	memcpy(bytes, heard->bytes, heard->len);
	g->harvest->count++;
	pt_stream_answered(s, &packet);
}

static void read_all(struct gathered *g)
{
	static const struct pt_ahead_ops ops = { .soon = on_soon, .turn = on_turn };
	struct pt_replies *r = g->harvest->replies;
	unsigned n = BATCH;

	for (unsigned batches = BATCHES; n == BATCH && batches; batches--) {
		n = pt_replies_peek(r, g->heard, BATCH);
		g->now = pt_mono_now();
		g->real_ns = pt_wall_ns();
		pt_ahead_run(n, &ops, g);
		pt_replies_done(r);
	}
}

void pt_harvest_renew(struct pt_harvest *v)
{
	if (v->ours)
		v->ours = pt_replies_lease(v->replies, pt_mono_now());
}

// What has lain in sockets during a lapse is older than what would come by here from now on: it is
// read first.
enum pt_harvest_state pt_harvest_read(struct pt_harvest *v, struct pt_hub *h)
{
	struct gathered g; // large: only what came is set
	bool lapsed;

	if (!v->ours)
		return PT_HARVEST_NONE;
	if (v->reading)
		return PT_HARVEST_MORE;
	lapsed = pt_replies_lapsed(v->replies, pt_mono_now());
	if (!lapsed)
		pt_harvest_renew(v);
	if (!v->ours || !pt_replies_held(v->replies)) {
		v->ours = false; // another process has it
		return PT_HARVEST_NONE;
	}
	v->reading = true;
	g.harvest = v;
	g.hub = h;
	read_all(&g);
	v->reading = false;
	return lapsed                           ? PT_HARVEST_LAPSED
		: pt_replies_unread(v->replies) ? PT_HARVEST_MORE
						: PT_HARVEST_ALL;
}
