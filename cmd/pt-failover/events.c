// SPDX-License-Identifier: MIT
// Transitions and switches in words, from a spool or a stream of records.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/record.h"
#include "draw.h"
#include "failover.h"
#include "model/records.h"

const struct argp_option events_options[] = {
	{ .name = "from",
		.key = 'd',
		.arg = "DIR",
		.doc = "Read records from this spool instead of standard input" },
	{ .name = "follow", .key = 'f', .doc = "Go on as events happen (with --from)" },
	{ .name = "draw", .key = 'D', .doc = "Draw switches as lines, as on a terminal" },
	{},
};

int events_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct events_opts *o = opts;

	switch (key) {
	case 'd':
		ctx->from = arg;
		return 0;
	case 'f':
		o->follow = true;
		return 0;
	case 'D':
		o->draw = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct telling {
	struct pt_loop *loop; // NULL: no following
	struct pt_record_reader *reader;
	struct pt_err *err;
	bool draw;
};

// "2026-01-31T12:00:00.123456Z" as "2026-01-31 12:00:00.123": what people compare with their logs.
static void put_time(const json_t *record, struct pt_buf *out)
{
	const char *ts = json_string_value(json_object_get(record, "ts"));
	size_t len = ts ? strlen(ts) : 0;

	if (len < 23)
		pt_buf_puts(out, "-");
	else
		pt_buf_printf(out, "%.10s %.12s", ts, ts + 11);
}

static void put_after(struct pt_buf *out, const char *words, int64_t from_ns, int64_t to_ns)
{
	char text[32];

	if (from_ns == PT_NULL || to_ns == PT_NULL)
		return;
	pt_duration_format(to_ns - from_ns, text, sizeof(text));
	pt_buf_printf(out, ", %s %s", words, text);
}

static int put_transition(const struct telling *telling, const json_t *record, struct pt_arena *a,
	struct pt_buf *out, struct pt_err *err)
{
	struct pt_transition t = {};
	int ret = pt_json_read(record, &pt_transition_schema, a, &t, err);

	(void)telling;
	if (ret)
		return ret;
	pt_buf_printf(out, "  path %s: %s, was %s (%s)", t.path, pt_path_status_names[t.to],
		pt_path_status_names[t.from], t.cause ? t.cause : "?");
	if (t.to == PT_STATUS_DOWN && t.silence_us != PT_NULL)
		put_after(out, "silent for", 0, t.silence_us * PT_NS_PER_US);
	return 0;
}

static int put_switch(const struct telling *telling, const json_t *record, struct pt_arena *a,
	struct pt_buf *out, struct pt_err *err)
{
	struct pt_switch s = {};
	int ret = pt_json_read(record, &pt_switch_schema, a, &s, err);

	if (ret)
		return ret;
	if (s.sites == 0)
		pt_buf_printf(out, "  no traffic moved (%s)", s.cause ? s.cause : "?");
	else
		pt_buf_printf(out, "  traffic to %" PRId64 " site%s moved from %s to %s (%s)",
			s.sites, s.sites == 1 ? "" : "s", s.from ? s.from : "nothing",
			s.to ? s.to : "nothing", s.cause ? s.cause : "?");
	put_after(out, "detected after", s.last_reply_ns, s.detected_ns);
	put_after(out, "switched in", s.detected_ns, s.committed_ns);
	put_after(out, "first packet after", s.committed_ns, s.first_packet_ns);
	put_after(out, "first reply after", s.committed_ns, s.first_reply_ns);
	if (telling->draw)
		draw_switch(&s, out);
	return 0;
}

static int on_record(void *ctx, const json_t *record, const char *type, const char *line)
{
	static const struct {
		const char *type;
		int (*put)(const struct telling *, const json_t *, struct pt_arena *,
			struct pt_buf *, struct pt_err *);
	} words[] = {
		{ "transition", put_transition },
		{ "switch", put_switch },
	};
	struct pt_err err = {};

	(void)line;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		pt_autoarena arena = {};
		pt_autobuf out = {};

		if (strcmp(words[i].type, type) != 0)
			continue;
		put_time(record, &out);
		if (words[i].put(ctx, record, &arena, &out, &err))
			pt_log(PT_LOG_WARN, "%s skipped: %s", type, err.msg);
		else if (puts(pt_buf_str(&out)) < 0)
			return -EPIPE;
	}
	return 0;
}

static void on_bad(void *ctx, uint64_t number, const char *why)
{
	(void)ctx;
	pt_log(PT_LOG_WARN, "line %" PRIu64 ": %s: skipped", number, why);
}

static void on_more(void *ctx, int fd, uint32_t events)
{
	struct telling *t = ctx;
	int ret = pt_record_read(t->reader, t->err);

	(void)fd;
	(void)events;
	if (fflush(stdout) || ret == -EPIPE)
		pt_loop_stop(t->loop, PT_EXIT_OK); // whoever read us has gone
	else if (ret < 0)
		pt_loop_stop(t->loop, PT_EXIT_FAIL);
}

static void on_signal(void *ctx, int signo)
{
	struct telling *t = ctx;

	(void)signo;
	pt_loop_stop(t->loop, PT_EXIT_OK);
}

static int follow(struct telling *t)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	int ret = pt_loop_new(&t->loop, t->err);

	if (ret)
		return ret;
	ret = pt_loop_signals(t->loop, signals, on_signal, t);
	if (!ret)
		ret = pt_loop_fd_add(t->loop, pt_record_reader_fd(t->reader), EPOLLIN, on_more, t);
	if (!ret) {
		on_more(t, -1, 0); // what came between the first reading and now
		ret = pt_loop_run(t->loop);
	}
	pt_loop_free(t->loop);
	return ret;
}

int failover_events(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct events_opts *o = opts;
	struct telling t = { .err = &ctx->err, .draw = o->draw || isatty(STDOUT_FILENO) };
	const struct pt_record_sink sink = { .fn = on_record, .bad = on_bad, .ctx = &t };
	int ret;

	(void)argc; // none are taken
	(void)argv;
	if (o->follow && !ctx->from) {
		(void)pt_err_set(&ctx->err, -EINVAL, "events: --follow needs --from DIR");
		return PT_EXIT_USAGE;
	}
	if (ctx->from && !o->follow && access(ctx->from, F_OK) < 0) { // reading would make it
		(void)pt_err_errno(&ctx->err, -errno, "%s", ctx->from);
		return PT_EXIT_FAIL;
	}
	// An empty offset file's name: from the oldest record, and nothing is saved.
	ret = pt_record_reader_new(ctx->from ? -1 : STDIN_FILENO, ctx->from, ctx->from ? "" : NULL,
		&sink, &t.reader, &ctx->err);
	if (!ret)
		ret = pt_record_read_all(t.reader, &ctx->err);
	if (!ret && o->follow)
		ret = follow(&t);
	pt_record_reader_free(t.reader);
	return ret < 0 ? PT_EXIT_FAIL : ret;
}
