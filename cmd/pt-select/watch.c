// SPDX-License-Identifier: MIT
// pt-select watch: records in, a decision whenever an order changes. Reloads on SIGHUP; a bad file
// changes nothing. On spools it takes up where an earlier run left off: the windows are filled from
// what the sources still hold, the orders in force from its own spool.
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "verbs.h"

// Records may be this late: a deadline is judged so much after it has passed, as of itself.
#define LATE_NS (50 * PT_NS_PER_MS)
// And so far ahead of our clock, for those of other hosts.
#define AHEAD_NS (5 * PT_NS_PER_S)

struct watch {
	struct pt_ctx *ctx;
	const struct select_windows *windows;
	struct select_setup *setup; // the one in force
	struct select_setup setups[2];
	struct select_sources sources;
	struct pt_input input;
	struct pt_record_writer *out;
	struct pt_loop *loop;
	struct pt_timer *timer, *export;
	char boot[PT_BOOT_ID_LEN];
	uint64_t decisions, reloads;
	struct pt_hist busy; // of each reading and judging, microseconds
	bool failed;
	struct pt_err err;
};

static void fail(struct watch *w)
{
	w->failed = true;
	pt_loop_stop(w->loop, PT_EXIT_FAIL);
}

static void tell(struct watch *w, const char *type, json_t *body)
{
	int rc = pt_record_write(w->out, type, body, &w->err);

	if (rc == -EPIPE)
		pt_loop_stop(w->loop, PT_EXIT_OK); // the reader has had enough
	else if (rc < 0)
		fail(w);
}

static void on_decision(void *ctx, const struct pt_decision *d, int64_t at_ns)
{
	struct watch *w = ctx;

	(void)at_ns;
	if (w->failed)
		return;
	pt_log(PT_LOG_INFO, "%s/%s: %s: %s", d->site, d->policy, d->paths[0], d->reason);
	w->decisions++;
	tell(w, "decision", select_decision_json(d));
}

static void on_export(void *ctx, uint64_t expirations)
{
	struct watch *w = ctx;
	uint64_t records = 0, malformed = 0;

	(void)expirations;
	for (unsigned i = 0; i < w->sources.n; i++) {
		records += w->sources.list[i].records;
		malformed += w->sources.list[i].bad;
	}
	tell(w, "stats",
		json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "records", (json_int_t)records, "malformed",
			(json_int_t)malformed, "decisions", (json_int_t)w->decisions, "reloads",
			(json_int_t)w->reloads, "cpu_us", (json_int_t)pt_cpu_us(), "select_us",
			pt_hist_summary(&w->busy)));
}

static void set_export(struct watch *w)
{
	int64_t period = w->setup->config.metrics.enabled
		? w->setup->config.metrics.export_interval_secs * PT_NS_PER_S
		: 0;
	struct pt_mono first = { period ? pt_mono_now().ns + period : 0 };

	(void)pt_loop_timer_set(w->export, first, period);
}

static void note_busy(struct watch *w, struct pt_mono since)
{
	pt_hist_add(&w->busy, (uint64_t)(pt_mono_diff(pt_mono_now(), since) / PT_NS_PER_US));
}

static void on_note(void *ctx, const char *text)
{
	(void)ctx;
	pt_log(PT_LOG_WARN, "%s", text);
}

// Our clock on the line of selection time.
static int64_t live_ns(struct watch *w)
{
	return pt_input_time(&w->input, w->boot, pt_mono_now().ns, pt_wall_us());
}

static void arm(struct watch *w)
{
	int64_t due = pt_select_due(w->setup->select);
	int64_t shift = live_ns(w) - pt_mono_now().ns;
	struct pt_mono at = { due == INT64_MAX ? 0 : due - shift + LATE_NS };

	if (due != INT64_MAX && at.ns < 1)
		at.ns = 1; // long due: at once, not disarmed
	(void)pt_loop_timer_set(w->timer, at, 0);
}

static void on_timer(void *ctx, uint64_t expirations)
{
	struct watch *w = ctx;

	struct pt_mono start = pt_mono_now();

	(void)expirations;
	pt_select_advance(w->setup->select, live_ns(w) - LATE_NS);
	note_busy(w, start);
	arm(w);
}

static void source_ended(struct watch *w, struct select_source *s)
{
	bool all = true;

	(void)pt_loop_fd_del(w->loop, pt_record_reader_fd(s->reader));
	s->ended = true;
	for (unsigned i = 0; i < w->sources.n; i++)
		all &= w->sources.list[i].ended;
	if (!all)
		return;
	pt_select_finish(w->setup->select, false);
	if (!w->failed)
		pt_loop_stop(w->loop, PT_EXIT_OK);
}

static void on_input(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;
	struct pt_mono start = pt_mono_now();

	(void)events;
	w->input.latest_ns = live_ns(w) + AHEAD_NS;
	for (unsigned i = 0; i < w->sources.n; i++) {
		struct select_source *s = &w->sources.list[i];
		int rc;

		if (s->ended || pt_record_reader_fd(s->reader) != fd)
			continue;
		rc = pt_record_read(s->reader, &w->err);
		if (rc < 0)
			fail(w);
		else if (rc == 0)
			source_ended(w, s);
	}
	note_busy(w, start);
	arm(w);
}

static void reload(struct watch *w)
{
	const struct pt_select_sink sink = { on_decision, on_note, w };
	struct select_setup *next = w->setup == w->setups ? w->setups + 1 : w->setups;
	struct pt_err err = { 0 };

	if (select_setup_init(next, w->ctx, w->windows, &sink, &err) < 0) {
		pt_log(PT_LOG_ERROR, "reload: %s: the old configuration stays", err.msg);
		return;
	}
	pt_select_adopt(next->select, w->setup->select);
	w->input.select = next->select;
	select_setup_done(w->setup);
	w->setup = next;
	w->reloads++;
	set_export(w);
	pt_log(PT_LOG_INFO, "reloaded: configuration %s", pt_select_config_hash(next->select));
	arm(w);
}

static void on_signal(void *ctx, int signo)
{
	struct watch *w = ctx;

	if (signo == SIGHUP)
		reload(w);
	else
		pt_loop_stop(w->loop, PT_EXIT_OK);
}

// What our own spool says is in force, before we write to it.
static int take_up(struct watch *w)
{
	struct select_source own;
	int rc;

	if (!w->ctx->spool || access(w->ctx->spool, F_OK) != 0)
		return 0;
	rc = select_source_open(&own, w->ctx->spool, &w->input, &w->ctx->err);
	if (rc == 0) {
		w->input.take_decisions = true;
		rc = pt_record_read_all(own.reader, &w->ctx->err);
		w->input.take_decisions = false;
	}
	select_source_close(&own);
	return rc;
}

// The history that the spools hold is taken in unjudged: it was judged when it was news.
static int take_history(struct watch *w)
{
	int rc = 0;

	for (unsigned i = 0; i < w->sources.n && rc >= 0; i++)
		if (w->sources.list[i].fd < 0)
			rc = pt_record_read_all(w->sources.list[i].reader, &w->ctx->err);
	return rc;
}

static void on_reader_gone(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;

	(void)fd;
	(void)events;
	pt_loop_stop(w->loop, PT_EXIT_OK);
}

static int begin(struct watch *w)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT, 0 };
	int rc = pt_loop_signals(w->loop, signals, on_signal, w);

	if (rc == 0)
		rc = pt_loop_timer_add(w->loop, (struct pt_mono){ 0 }, 0, on_timer, w, &w->timer);
	if (rc == 0)
		rc = pt_loop_timer_add(w->loop, (struct pt_mono){ 0 }, 0, on_export, w, &w->export);
	for (unsigned i = 0; i < w->sources.n && rc == 0; i++)
		rc = pt_loop_fd_add(w->loop, pt_record_reader_fd(w->sources.list[i].reader),
			EPOLLIN, on_input, w);
	// Orders may stand for weeks: that nobody reads them any more is not learned by writing.
	if (rc == 0)
		rc = pt_loop_reader_add(w->loop, STDOUT_FILENO, on_reader_gone, w);
	if (rc < 0)
		return pt_err_errno(&w->ctx->err, rc, "event loop");
	pt_select_mute(w->setup->select, false);
	pt_select_advance(w->setup->select, live_ns(w) - LATE_NS);
	arm(w);
	set_export(w);
	pt_notify("READY=1");
	return 0;
}

static int run(struct watch *w, int argc, char **argv)
{
	char name[128];
	int rc = pt_boot_id(w->boot);

	if (rc < 0)
		return pt_err_errno(&w->ctx->err, rc, "boot id");
	w->input.latest_ns = live_ns(w) + AHEAD_NS;
	pt_select_mute(w->setup->select, true);
	rc = take_up(w);
	if (rc == 0)
		rc = select_sources_open(&w->sources, w->ctx, argc, argv, &w->input, &w->ctx->err);
	if (rc == 0)
		rc = take_history(w);
	select_source_name(name, sizeof(name));
	if (rc == 0)
		rc = pt_record_writer_new(
			name, STDOUT_FILENO, w->ctx->spool, &w->out, &w->ctx->err);
	if (rc == 0)
		rc = begin(w);
	if (rc == 0)
		rc = pt_loop_run(w->loop);
	if (w->failed)
		w->ctx->err = w->err;
	return rc;
}

int select_watch(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct watch w = { .ctx = ctx, .windows = opts };
	const struct pt_select_sink sink = { on_decision, on_note, &w };
	int rc;

	w.setup = w.setups;
	rc = select_setup_init(w.setup, ctx, opts, &sink, &ctx->err);
	if (rc < 0)
		return PT_EXIT_FAIL;
	w.input.select = w.setup->select;
	rc = pt_loop_new(&w.loop, &ctx->err);
	if (rc == 0)
		rc = run(&w, argc, argv);
	select_sources_close(&w.sources);
	pt_record_writer_free(w.out);
	pt_loop_free(w.loop);
	select_setup_done(w.setup);
	return rc < 0 ? PT_EXIT_FAIL : rc;
}
