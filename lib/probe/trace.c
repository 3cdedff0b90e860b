// SPDX-License-Identifier: MIT
#include "probe/trace.h"

#include <errno.h>
#include <string.h>

#define GAP_NS (2 * PT_NS_PER_MS) // between two echoes: a burst would meet every rate limit
#define BEYOND 4                  // silent hops behind the last that answered are tried
#define SIZE4  60u                // as traceroute(8)
#define SIZE6  80u

struct run {
	const struct pt_trace_opts *o;
	struct pt_trace *t;
	struct pt_echo *echo;
	unsigned target;   // nearest distance at which it answered; 0: not yet
	unsigned farthest; // hop that answered
};

// A round's echoes are numbered by hop.
static uint16_t seq_of(unsigned round, unsigned ttl)
{
	return (uint16_t)(round * PT_TRACE_HOPS + ttl - 1);
}

static void note_address(struct pt_trace_hop *h, const struct pt_addr *from)
{
	for (unsigned i = 0; i < h->n_from; i++)
		if (pt_addr_eq(&h->from[i], from))
			return;
	if (from->family && h->n_from < PT_TRACE_ADDRS)
		h->from[h->n_from++] = *from;
}

static void note(struct run *r, const struct pt_echo_news *news)
{
	unsigned ttl = news->seq % PT_TRACE_HOPS + 1;
	struct pt_trace_hop *h = &r->t->hop[ttl - 1];
	bool arrived = news->code != -ETIME; // the target's answer, or somebody's last word

	h->received++;
	h->sum_ns += news->rtt_ns;
	h->min_ns = h->received == 1 || news->rtt_ns < h->min_ns ? news->rtt_ns : h->min_ns;
	h->max_ns = news->rtt_ns > h->max_ns ? news->rtt_ns : h->max_ns;
	pt_hist_add(&h->rtt, (uint64_t)news->rtt_ns / PT_NS_PER_US);
	note_address(h, &news->from);
	if (arrived)
		h->code = news->code;
	if (arrived && (!r->target || ttl < r->target))
		r->target = ttl;
	r->farthest = ttl > r->farthest ? ttl : r->farthest;
}

static int listen_until(struct run *r, struct pt_mono until)
{
	struct pt_echo_news news;
	int got;

	while ((got = pt_echo_wait(r->echo, until, &news)) == 1)
		note(r, &news);
	return got;
}

// The first round looks for the target, the others know where it is, or where words end.
static unsigned reach(const struct run *r, unsigned round)
{
	if (r->target)
		return r->target;
	if (!round || r->farthest + BEYOND > r->o->hops)
		return r->o->hops;
	return r->farthest + BEYOND;
}

static int do_round(struct run *r, unsigned round, struct pt_mono start)
{
	const uint32_t size = r->o->echo.target.family == AF_INET6 ? SIZE6 : SIZE4;
	struct pt_mono next = start;

	// `reach` shrinks while the answers of the first round come in.
	for (unsigned ttl = 1; ttl <= reach(r, round); ttl++) {
		int code = pt_echo_send(r->echo, seq_of(round, ttl), size, (uint8_t)ttl);

		if (code)
			return code;
		r->t->hop[ttl - 1].sent++;
		next = pt_mono_add(next, GAP_NS);
		code = listen_until(r, next);
		if (code < 0)
			return code;
	}
	return 0;
}

static int do_rounds(struct run *r)
{
	struct pt_mono start = pt_mono_now();

	for (unsigned round = 0; round < r->o->rounds; round++) {
		bool last = round + 1 == r->o->rounds;
		int code = do_round(r, round, start);

		if (!code) {
			start = pt_mono_add(start, r->o->interval_ns);
			// Of the first and the last every answer is waited for.
			struct pt_mono end = pt_mono_add(pt_mono_now(), r->o->timeout_ns);
			bool wait = last || (!round && !r->target);
			code = listen_until(r, wait ? end : start);
			start = wait && !last ? pt_mono_now() : start;
		}
		if (code < 0)
			return code;
		if (r->o->round_done)
			r->o->round_done(r->o->ctx, round);
	}
	return 0;
}

// ---- what it amounts to ----

static void judge(struct pt_trace *t)
{
	int64_t best = 1000000;

	for (unsigned i = t->n; i-- > 0;) {
		struct pt_trace_hop *h = &t->hop[i];

		h->loss_ppm = h->sent ? (int64_t)(h->sent - h->received) * 1000000 / h->sent : 0;
		best = h->loss_ppm < best ? h->loss_ppm : best;
		h->path_loss_ppm = best;
	}
}

static int check(const struct pt_trace_opts *o, struct pt_err *err)
{
	if (o->hops < 1 || o->hops > PT_TRACE_HOPS)
		return pt_err_set(err, -EINVAL, "1 to %d hops", PT_TRACE_HOPS);
	if (o->rounds < 1 || o->rounds > UINT16_MAX / PT_TRACE_HOPS)
		return pt_err_set(err, -EINVAL, "1 to %d rounds", UINT16_MAX / PT_TRACE_HOPS);
	return 0;
}

int pt_trace_run(const struct pt_trace_opts *o, struct pt_trace *out, struct pt_err *err)
{
	struct run r = { .o = o, .t = out };
	char target[PT_ADDR_LEN];
	int code = check(o, err);

	memset(out, 0, sizeof(*out));
	if (!code)
		code = pt_echo_new(&o->echo, &r.echo, err);
	if (code)
		return code;
	code = do_rounds(&r);
	pt_echo_free(r.echo);
	out->reached = r.target != 0;
	out->n = r.target ? r.target : r.farthest;
	judge(out);
	if (!code)
		return 0;
	pt_addr_format(&o->echo.target, target);
	return pt_err_errno(err, code, "%s", target);
}
