// SPDX-License-Identifier: MIT
#include "probe/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/ahead.h"
#include "probe/harvest.h"
#include "probe/kstamp.h"
#include "probe/stream.h"
#include "wire/stamp_auth.h"

#define LOOK_NS  PT_NS_PER_S         // for devices that were made anew
#define DRAIN_NS (10 * PT_NS_PER_MS) // ports that hardly anything comes by any more

struct pt_hub_port {
	struct pt_hub_port *next;
	struct pt_port *port;
	unsigned users;
	struct pt_mono drained;
};

// ---- who gets which answer ----

// FNV-1a over the peer; the session keeps apart streams to one peer.
static uint32_t hash(const struct pt_addr *peer, uint16_t ssid)
{
	uint32_t h = 2166136261u;
	size_t len = peer->family == AF_INET6 ? 16 : 4;
	for (size_t i = 0; i < len; i++)
		h = (h ^ peer->bytes[i]) * 16777619u;
	return (h ^ ssid) * 16777619u;
}

static struct pt_stream **bucket_of(const struct pt_hub *h, const struct pt_addr *a, uint16_t ssid)
{
	uint32_t x = hash(a, ssid);
	return &h->bucket[(x ^ x >> 16) & (h->n_buckets - 1)];
}

struct pt_stream *pt_hub_streams(const struct pt_hub *h, const struct pt_addr *peer, uint16_t ssid)
{
	return h->n_buckets ? *bucket_of(h, peer, ssid) : NULL;
}

static int grow(struct pt_hub *h)
{
	uint32_t n = h->n_buckets ? h->n_buckets * 2 : 64;
	struct pt_stream **old = h->bucket;
	uint32_t n_old = h->n_buckets;
	struct pt_stream **new = calloc(n, sizeof(struct pt_stream *));
	if (!new)
		return -ENOMEM;
	h->bucket = new;
	h->n_buckets = n;
	for (uint32_t i = 0; i < n_old; i++) {
		for (struct pt_stream *s = old[i], *next; s; s = next) {
			struct pt_stream_place *at = pt_stream_place(s);
			struct pt_stream **b = bucket_of(h, at->peer, at->ssid);
			next = at->next;
			at->next = *b;
			*b = s;
		}
	}
	free(old);
	return 0;
}

// Of several streams to one peer the first that knows the probe.
static struct pt_stream *search(
	struct pt_stream *s, const struct pt_port *port, const struct pt_port_packet *p, bool ours)
{
	for (; s; s = pt_stream_place(s)->next)
		if (pt_stream_place(s)->port == port && pt_stream_knows(s, p, ours))
			return s;
	return NULL;
}

// The stream that this packet is for, or NULL.
static struct pt_stream *find(
	struct pt_hub *h, const struct pt_port *port, const struct pt_port_packet *p, bool ours)
{
	uint16_t ssid = 0;
	if (!h->n_buckets)
		return NULL;
	struct pt_stream *s = NULL;
	if (pt_port_kind(port) == PT_PORT_ICMP || pt_stamp_ssid(p->data, p->len, &ssid) == 0)
		s = search(*bucket_of(h, &p->peer, ssid), port, p, ours);
	if (!s && pt_port_kind(port) == PT_PORT_UDP &&
		pt_stamp_auth_ssid(p->data, p->len, &ssid) == 0)
		s = search(*bucket_of(h, &p->peer, ssid), port, p, ours);
	// A router may have quoted too little of it.
	for (uint32_t i = 0; ours && !s && i < h->n_buckets; i++)
		s = search(h->bucket[i], port, p, ours);
	return s;
}

// Fetches the memory that on_packet will need, pointer by pointer.
static void on_soon(void *ctx, struct pt_port *port, const struct pt_port_packet *p, unsigned stage)
{
	struct pt_hub *h = ctx;
	uint16_t ssid = 0;
	if (!h->n_buckets)
		return;
	if (pt_port_kind(port) == PT_PORT_UDP)
		(void)pt_stamp_ssid(p->data, p->len, &ssid); // of another mode: in vain
	struct pt_stream **at = bucket_of(h, &p->peer, ssid);
	if (!stage)
		pt_ahead_fetch(at);
	else if (*at)
		pt_stream_soon(*at, stage - 1);
}

static void on_packet(void *ctx, struct pt_port *port, const struct pt_port_packet *p)
{
	struct pt_hub *h = ctx;
	struct pt_stream *s = find(h, port, p, false);
	if (s)
		pt_stream_answered(s, p);
	else
		h->foreign++;
}

static void on_refused(void *ctx, struct pt_port *port, const struct pt_port_packet *p)
{
	struct pt_stream *s = find(ctx, port, p, true);
	if (s)
		pt_stream_refused(s, p);
}

static const struct pt_port_ops port_ops = {
	.soon = on_soon,
	.packet = on_packet,
	.refused = on_refused,
	.stamped = pt_stream_stamped,
	.unsent = pt_stream_unsent,
};

// ---- ports ----

static int make_port(
	struct pt_hub *h, const struct pt_port_opts *o, struct pt_port **out, struct pt_err *err)
{
	int code = pt_port_new(o, h->loop, &port_ops, h, out);
	if (code)
		return pt_err_errno(err, code, "cannot make a port");
	code = pt_port_open(*out, err);
	if (!code || h->patient)
		return 0;
	pt_port_free(*out);
	*out = NULL;
	return code;
}

static struct pt_hub_port *port_for(
	struct pt_hub *h, const struct pt_port_opts *o, struct pt_err *err)
{
	for (struct pt_hub_port *p = h->ports; p; p = p->next)
		if (pt_port_same(p->port, o))
			return p;
	struct pt_hub_port *new = calloc(1, sizeof(*new));
	if (!new || make_port(h, o, &new->port, err)) {
		if (!new)
			(void)pt_err_set(err, -ENOMEM, "out of memory");
		free(new);
		return NULL;
	}
	if (!h->polled)
		(void)pt_port_listen(new->port, true); // else flushes still read it
	new->next = h->ports;
	h->ports = new;
	return new;
}

int pt_hub_join(struct pt_hub *h, struct pt_stream *s, const struct pt_port_opts *o,
	struct pt_port **port, struct pt_err *err)
{
	struct pt_stream_place *at = pt_stream_place(s);
	struct pt_err why = { 0 };
	struct pt_hub_port *p = port_for(h, o, &why);
	if (!p) {
		if (err)
			*err = why;
		return why.code;
	}
	if (h->n_streams >= h->n_buckets && grow(h))
		return pt_err_set(err, -ENOMEM, "out of memory");
	struct pt_stream **b = bucket_of(h, at->peer, at->ssid);
	at->next = *b;
	*b = s;
	h->n_streams++;
	p->users++;
	*port = p->port;
	return 0;
}

void pt_hub_leave(struct pt_hub *h, struct pt_stream *s, struct pt_port *port)
{
	struct pt_stream_place *at = pt_stream_place(s);
	struct pt_stream **b = bucket_of(h, at->peer, at->ssid);
	while (*b != s)
		b = &pt_stream_place(*b)->next;
	*b = at->next;
	h->n_streams--;
	if (h->harvest)
		pt_harvest_forget(h->harvest, s);
	pt_port_forget(port, s);
	for (struct pt_hub_port **p = &h->ports; *p; p = &(*p)->next) {
		struct pt_hub_port *gone = *p;
		if (gone->port != port || --gone->users)
			continue;
		*p = gone->next;
		pt_port_free(gone->port);
		free(gone);
		return;
	}
}

int pt_hub_poll(struct pt_hub *h, bool polled)
{
	int code = 0;
	h->polled = polled;
	for (struct pt_hub_port *p = h->ports; !code && p; p = p->next)
		code = pt_port_listen(p->port, !polled);
	return code;
}

// ---- batches ----

void pt_hub_begin(struct pt_hub *h)
{
	if (h->real_ns)
		return;
	h->now = pt_mono_now();
	h->real_ns = pt_steps_look(&h->steps, h->now);
	pt_clock_watch_update(&h->clock, h->now);
}

// After what the kernel has kept, for that came before, and before it keeps any again.
static void drain_ports(struct pt_hub *h)
{
	for (struct pt_hub_port *p = h->ports; p; p = p->next)
		(void)pt_port_drain(p->port); // the next one reads on
}

static enum pt_harvest_state harvest(struct pt_hub *h)
{
	enum pt_harvest_state got = h->harvest ? pt_harvest_read(h->harvest, h) : PT_HARVEST_NONE;

	if (got == PT_HARVEST_LAPSED) {
		drain_ports(h);
		pt_harvest_renew(h->harvest);
	}
	return got;
}

bool pt_hub_harvest(struct pt_hub *h)
{
	return harvest(h) != PT_HARVEST_MORE;
}

static bool is_drained(const struct pt_hub *h, struct pt_hub_port *p, enum pt_harvest_state got)
{
	if (!h->polled)
		return false;
	if (got != PT_HARVEST_NONE && pt_mono_diff(h->now, p->drained) < DRAIN_NS)
		return false;
	p->drained = h->now;
	return true;
}

void pt_hub_flush(struct pt_hub *h)
{
	enum pt_harvest_state got = harvest(h);
	bool look = pt_mono_diff(h->now, h->looked) >= LOOK_NS;
	h->real_ns = 0;
	if (look)
		h->looked = h->now;
	for (struct pt_hub_port *p = h->ports; p; p = p->next) {
		if (look)
			pt_port_look(p->port);
		if (!pt_port_flush(p->port))
			continue;
		if (is_drained(h, p, got))
			(void)pt_port_drain(p->port); // the next flush reads on
		else
			pt_port_stamps(p->port); // most devices have stamped: saves a wake-up
	}
	if (look && h->harvest && pt_harvest_look(h->harvest, h))
		drain_ports(h); // what came before what comes by there
}

void pt_hub_drain(struct pt_hub *h)
{
	(void)harvest(h);
	drain_ports(h);
}

void pt_hub_counters(const struct pt_hub *h, struct pt_port_counters *sum)
{
	*sum = (struct pt_port_counters){ 0 };
	for (const struct pt_hub_port *p = h->ports; p; p = p->next) {
		const struct pt_port_counters *n = pt_port_counters(p->port);
		sum->opened += n->opened;
		sum->truncated += n->truncated;
		sum->overflown += n->overflown;
	}
}

// ---- life ----

void pt_hub_init(struct pt_hub *h, struct pt_loop *loop)
{
	*h = (struct pt_hub){ .loop = loop };
	h->warm_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (h->warm_fd >= 0)
		(void)pt_kstamp_set(h->warm_fd, PT_KSTAMP_RX);
}

void pt_hub_done(struct pt_hub *h)
{
	if (h->loop && h->warm_fd >= 0)
		close(h->warm_fd);
	h->warm_fd = -1;
	free(h->bucket);
	h->bucket = NULL;
	pt_harvest_free(h->harvest);
	h->harvest = NULL;
}
