// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "ping.h"

#define DRAW_NS   (200 * PT_NS_PER_MS)
#define TRAIL     48 // probes that a sparkline shows
#define LEAST_ROW 90 // columns

// Round trips in us, one more, by sequence number; 0: nothing known.
struct trail {
	uint32_t rtt[TRAIL];
	uint32_t last_seq;
	int64_t last_ns;
	uint64_t lost, answered;
};
#define LOST UINT32_MAX

struct board {
	struct pt_timer *timer;
	bool drawn;
	struct trail trails[]; // one a target
};

static const char *const bars[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
	"\u2587", "\u2588" };
#define BARS (sizeof(bars) / sizeof(bars[0]))

void ping_board_event(struct target *t, const struct pt_stream_event *e)
{
	struct trail *r = t->trail;
	bool lost = e->kind == PT_STREAM_LOST;
	if (!r || (!lost && e->kind != PT_STREAM_ANSWER && e->kind != PT_STREAM_LATE))
		return;
	if (e->seq > r->last_seq)
		for (uint32_t i = r->last_seq + 1; i != e->seq && i - r->last_seq < TRAIL; i++)
			r->rtt[i % TRAIL] = 0; // still on its way
	if (e->seq > r->last_seq)
		r->last_seq = e->seq;
	int64_t us = e->sample.rtt_ns / PT_NS_PER_US;
	r->rtt[e->seq % TRAIL] = lost ? LOST : us < LOST - 2 ? (uint32_t)us + 1 : LOST - 1;
	r->lost += lost;
	r->answered += e->kind == PT_STREAM_ANSWER;
	if (!lost)
		r->last_ns = e->sample.rtt_ns;
}

// Bars from the least to the greatest of those shown.
static void draw_trail(struct pt_buf *out, const struct trail *r)
{
	uint32_t least = LOST, most = 0;
	for (size_t i = 0; i < TRAIL; i++) {
		uint32_t v = r->rtt[i];
		if (!v || v == LOST)
			continue;
		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	for (uint32_t i = 1; i <= TRAIL; i++) {
		uint32_t v = r->rtt[(r->last_seq + i) % TRAIL];
		if (!v)
			pt_buf_putc(out, ' ');
		else if (v == LOST)
			pt_buf_putc(out, '!');
		else
			pt_buf_puts(out,
				bars[most == least ? 0
						   : (uint64_t)(v - least) * (BARS - 1) /
							(most - least)]);
	}
}

static void draw(struct ping *p)
{
	pt_autobuf out = { 0 };
	char rtt[32];
	if (p->board->drawn)
		pt_buf_printf(&out, "\033[%uA", p->n);
	for (uint32_t i = 0; i < p->n; i++) {
		const struct target *t = &p->targets[i];
		uint64_t known = t->trail->lost + t->trail->answered;
		pt_duration_format(t->trail->last_ns, rtt, sizeof(rtt));
		pt_buf_printf(&out, "\r\033[K%-20.20s ", t->name);
		draw_trail(&out, t->trail);
		pt_buf_printf(&out, " %8s %5.1f%% lost\n", t->trail->answered ? rtt : "-",
			known ? 100.0 * (double)t->trail->lost / (double)known : 0.0);
	}
	p->board->drawn = true;
	(void)fwrite(out.data, 1, out.len, stdout); // the dispatcher looks at the stream's error
	(void)fflush(stdout);                       // flag at the end
}

static void on_draw(void *ctx, uint64_t expirations)
{
	(void)expirations;
	draw(ctx);
}

int ping_board_new(struct ping *p, struct pt_err *err)
{
	struct winsize w;
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_row <= p->n ||
		w.ws_col < LEAST_ROW)
		return 0;
	p->board = calloc(1, sizeof(*p->board) + p->n * sizeof(p->board->trails[0]));
	if (!p->board)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < p->n; i++)
		p->targets[i].trail = &p->board->trails[i];
	int code = pt_loop_timer_add(p->hub.loop, pt_mono_add(pt_mono_now(), DRAW_NS), DRAW_NS,
		on_draw, p, &p->board->timer);
	return code ? pt_err_errno(err, code, "event loop") : 0;
}

void ping_board_free(struct ping *p)
{
	if (!p->board)
		return;
	if (p->board->timer)
		draw(p);
	pt_loop_timer_del(p->board->timer);
	for (uint32_t i = 0; i < p->n; i++)
		p->targets[i].trail = NULL;
	free(p->board);
	p->board = NULL;
}
