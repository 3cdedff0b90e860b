// SPDX-License-Identifier: MIT
// Records are read in passes, one transaction each: the write lock is held while there is something
// to store and never while waiting for more, so other writers find room.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/parse.h"
#include "base/record.h"
#include "base/spool.h"
#include "db.h"
#include "ingest_stats.h"
#include "store/ingest.h"
#include "store/open.h"
#include "store/upkeep.h"

#define PASS_RECORDS     2000 // default of one transaction: some 40 ms of the write lock
#define PASS_RECORDS_MAX 1000000
#define PASS_WAIT_MS     200 // default between two passes while little comes
#define PASS_FEW         64  // records; a pass with more is followed by the next at once
#define BUSY_RETRY_MS    100
#define UPKEEP_GAP_MS    20 // between two steps of a round, for records and other writers
#define PIPE_BYTES       (1 << 20)
#define BAD_SHOWN        100 // malformed lines told one by one

// The sink's word for "enough for one transaction". A spool takes it and keeps the rest; what has
// been read from a descriptor at once is stored at once.
#define PASS_FULL (-EAGAIN)

enum { KEY_FROM = 1, KEY_BATCH, KEY_WAIT, KEY_SPOOL };

const struct argp_option db_ingest_options[] = {
	{ .name = "from",
		.key = KEY_FROM,
		.arg = "DIR",
		.doc = "Follow this spool instead of standard input; may be given again" },
	{ .name = "batch",
		.key = KEY_BATCH,
		.arg = "N",
		.doc = "At most so many records in one transaction (default 2000)" },
	{ .name = "wait",
		.key = KEY_WAIT,
		.arg = "TIME",
		.doc = "Let records gather for so long while few come (default 200ms)" },
	{ .name = "spool",
		.key = KEY_SPOOL,
		.arg = "DIR",
		.doc = "Write its own statistics to this spool, too" },
	{ 0 },
};

int db_ingest_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct db_ingest_opts *o = opts;

	switch (key) {
	case KEY_FROM:
		if (o->n_from == PT_ARRAY_LEN(o->from))
			return pt_err_set(&ctx->err, -EINVAL, "--from: at most %zu spools",
				PT_ARRAY_LEN(o->from));
		o->from[o->n_from++] = arg;
		return 0;
	case KEY_BATCH:
		if (pt_parse_u32(arg, 1, PASS_RECORDS_MAX, &o->batch))
			return pt_err_set(&ctx->err, -EINVAL, "--batch: '%s' is not 1 to %d", arg,
				PASS_RECORDS_MAX);
		return 0;
	case KEY_WAIT:
		if (pt_parse_duration_ns(arg, PT_NS_PER_MS, &o->wait_ns))
			return pt_err_set(&ctx->err, -EINVAL, "--wait: '%s' is no time", arg);
		o->wait_given = true;
		return 0;
	case KEY_SPOOL:
		ctx->spool = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct run;

struct input {
	struct run *run;
	const char *spool; // NULL: standard input
	struct pt_record_reader *reader;
	int ready_fd; // in the loop; for a plain file an eventfd that is always ready
	bool ended, watched;
};

struct run {
	struct pt_ctx *ctx;
	struct pt_ingest *ingest;
	struct db_ingest_stats stats;
	struct pt_loop *loop;
	struct pt_timer *timer;   // of the next pass
	struct pt_upkeep *upkeep; // rollups and what is past its time
	struct pt_timer *upkeep_timer;
	int64_t upkeep_ns; // between two rounds
	struct input inputs[DB_INGEST_SPOOLS];
	unsigned n_inputs, turn;
	uint32_t batch;
	int64_t wait_ns;
	struct pt_mono next;   // no pass before this
	struct input *current; // being read
	uint64_t bad;          // lines that are no records, or records that do not fit
	bool busy_told;
};

static void report_bad(struct run *r, uint64_t line, const char *why)
{
	const char *where = r->current->spool ? r->current->spool : "stdin";

	if (r->bad++ < BAD_SHOWN)
		pt_log(PT_LOG_WARN, "%s:%" PRIu64 ": %s: skipped", where, line, why);
	else if (r->bad == BAD_SHOWN + 1)
		pt_log(PT_LOG_WARN, "%s: more malformed lines are only counted", where);
}

static void on_bad_line(void *ctx, uint64_t line, const char *why)
{
	report_bad(ctx, line, why);
}

static bool is_full(const struct run *r)
{
	return pt_ingest_pending(r->ingest) >= r->batch;
}

static int on_record(void *ctx, const json_t *record, const char *type, const char *line)
{
	struct run *r = ctx;
	struct pt_err err = { 0 };
	int code = pt_ingest_record(r->ingest, record, type, line, &err);

	if (code == -EINVAL) {
		report_bad(r, pt_record_reader_line(r->current->reader), err.msg);
		code = 0;
	}
	if (code) {
		r->ctx->err = err;
		return code;
	}
	return r->current->spool && is_full(r) ? PASS_FULL : 0;
}

static int on_line(void *ctx, const char *line, size_t len)
{
	struct run *r = ctx;
	struct pt_err err = { 0 };
	int code = pt_ingest_line(r->ingest, line, len, &err);

	if (code == -EINVAL) {
		report_bad(r, pt_record_reader_line(r->current->reader), err.msg);
		code = 1;
	}
	if (code < 0)
		r->ctx->err = err;
	return code > 0 && r->current->spool && is_full(r) ? PASS_FULL : code;
}

static bool has_more(const struct input *in)
{
	struct pollfd p = { .fd = pt_record_reader_fd(in->reader), .events = POLLIN };
	return poll(&p, 1, 0) > 0;
}

// All there is, up to a full pass; never waits for more.
static int read_input(struct input *in)
{
	struct run *r = in->run;
	int code = 1;

	r->current = in;
	if (in->spool)
		return pt_record_read(in->reader, &r->ctx->err);
	while (code > 0 && !is_full(r) && has_more(in))
		code = pt_record_read(in->reader, &r->ctx->err);
	in->ended = code == 0;
	return code;
}

// Each pass begins with another input, so that a full one does not keep the rest waiting.
static int read_inputs(struct run *r)
{
	int code = 0;

	r->turn++;
	for (unsigned i = 0; code >= 0 && i < r->n_inputs; i++) {
		struct input *in = &r->inputs[(r->turn + i) % r->n_inputs];
		if (!in->ended)
			code = read_input(in);
	}
	return code < 0 && code != PASS_FULL ? code : 0;
}

static int save_positions(struct run *r)
{
	int code = 0;

	for (unsigned i = 0; !code && i < r->n_inputs; i++) {
		const struct input *in = &r->inputs[i];
		struct pt_spool_pos pos;
		if (!in->spool)
			continue;
		pt_record_reader_pos(in->reader, &pos);
		code = pt_ingest_spool_save(r->ingest, in->spool, &pos, &r->ctx->err);
	}
	return code;
}

// One transaction. -EBUSY: nothing was read, another writer is at it.
static int pass(struct run *r)
{
	struct pt_mono start = pt_mono_now();
	int code = pt_ingest_begin(r->ingest, &r->ctx->err);
	if (code)
		return code;
	code = read_inputs(r);
	if (!code && pt_ingest_pending(r->ingest))
		code = save_positions(r);
	if (code) {
		pt_ingest_abort(r->ingest);
		return code;
	}
	code = pt_ingest_commit(r->ingest, &r->ctx->err);
	if (!code && pt_ingest_pending(r->ingest))
		db_ingest_stats_pass(&r->stats, start);
	return code;
}

static void on_ready(void *ctx, int fd, uint32_t events);

static void watch_inputs(struct run *r, bool on)
{
	for (unsigned i = 0; i < r->n_inputs; i++) {
		struct input *in = &r->inputs[i];
		bool want = on && !in->ended;
		if (want == in->watched)
			continue;
		int code = want ? pt_loop_fd_add(r->loop, in->ready_fd, EPOLLIN, on_ready, r)
				: pt_loop_fd_del(r->loop, in->ready_fd);
		if (code) {
			pt_err_errno(&r->ctx->err, code, "ingest");
			pt_loop_stop(r->loop, code);
		}
		in->watched = want;
	}
}

static bool all_ended(const struct run *r)
{
	for (unsigned i = 0; i < r->n_inputs; i++) {
		if (!r->inputs[i].ended)
			return false;
	}
	return true;
}

// Another writer is in the way: what is to be read waits where it is.
static void be_patient(struct run *r)
{
	if (!r->busy_told)
		pt_log(PT_LOG_WARN, "%s: waiting", r->ctx->err.msg);
	r->busy_told = true;
	r->stats.busy++;
	r->ctx->err = (struct pt_err){ 0 };
	r->next = pt_mono_add(pt_mono_now(), BUSY_RETRY_MS * PT_NS_PER_MS);
	(void)pt_loop_timer_set(r->timer, r->next, 0); // a past or future instant, both are fine
}

static void on_pass(void *ctx, uint64_t expirations)
{
	struct run *r = ctx;

	(void)expirations; // once each
	int code = pass(r);
	if (code == -EBUSY) {
		be_patient(r);
		return;
	}
	r->busy_told = false;
	if (code || all_ended(r)) {
		pt_loop_stop(r->loop, code);
		return;
	}
	bool few = pt_ingest_pending(r->ingest) < PASS_FEW;
	r->next = pt_mono_add(pt_mono_now(), few ? r->wait_ns : 0);
	if (is_full(r)) // a spool holds more, and will not say so again
		(void)pt_loop_timer_set(r->timer, r->next, 0);
	else
		watch_inputs(r, true);
}

// One short step of a round; records come first, so the next waits for its turn.
static void on_upkeep(void *ctx, uint64_t expirations)
{
	struct run *r = ctx;
	struct pt_err err = { 0 };
	bool more = false;

	(void)expirations; // once each
	int code = pt_upkeep_step(r->upkeep, &more, &err);
	if (code && code != -EBUSY) // history can wait, records cannot
		pt_log(PT_LOG_WARN, "rollups: %s", err.msg);
	int64_t wait = code == -EBUSY ? BUSY_RETRY_MS * PT_NS_PER_MS
		: code || !more       ? r->upkeep_ns
				      : UPKEEP_GAP_MS * PT_NS_PER_MS;
	(void)pt_loop_timer_set(r->upkeep_timer, pt_mono_add(pt_mono_now(), wait), 0);
}

static int start_upkeep(
	struct run *r, struct pt_sql *db, const struct pt_config *config, struct pt_err *err)
{
	int code = pt_upkeep_new(db, config, &r->upkeep, err);
	if (code)
		return code;
	r->upkeep_ns = config->metrics.aggregation_interval_secs * PT_NS_PER_S;
	code = pt_loop_timer_add(r->loop, pt_mono_add(pt_mono_now(), r->upkeep_ns), 0, on_upkeep, r,
		&r->upkeep_timer);
	return code ? pt_err_errno(err, code, "rollups") : 0;
}

static void on_ready(void *ctx, int fd, uint32_t events)
{
	struct run *r = ctx;

	(void)fd, (void)events; // reading tells
	watch_inputs(r, false);
	if (pt_mono_diff(r->next, pt_mono_now()) > 0)
		(void)pt_loop_timer_set(r->timer, r->next, 0);
	else
		on_pass(r, 1);
}

static void on_signal(void *ctx, int signo)
{
	struct run *r = ctx;

	pt_log(PT_LOG_INFO, "%s: ending", strsignal(signo));
	pt_loop_stop(r->loop, pass(r)); // what has arrived so far
}

static int open_spool(struct input *in, const struct pt_record_sink *sink, struct pt_err *err)
{
	struct pt_spool_pos pos = { 0 };

	int code = pt_ingest_spool_load(in->run->ingest, in->spool, &pos, err);
	if (code && code != -ENOENT)
		return code;
	code = pt_record_reader_new_at(in->spool, &pos, sink, &in->reader, err);
	if (!code)
		in->ready_fd = pt_record_reader_fd(in->reader);
	return code;
}

static int open_stdin(struct input *in, const struct pt_record_sink *sink, struct pt_err *err)
{
	// More in one go where it is a pipe; a file or a terminal does without.
	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
	in->ready_fd = STDIN_FILENO;
	return pt_record_reader_new(STDIN_FILENO, NULL, NULL, sink, &in->reader, err);
}

// epoll refuses plain files, which are always ready.
static int make_watchable(struct input *in, struct pt_err *err)
{
	struct run *r = in->run;
	int code = pt_loop_fd_add(r->loop, in->ready_fd, EPOLLIN, on_ready, r);

	if (code == -EPERM) {
		in->ready_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		code = in->ready_fd < 0
			? -errno
			: pt_loop_fd_add(r->loop, in->ready_fd, EPOLLIN, on_ready, r);
	}
	in->watched = code == 0;
	return code ? pt_err_errno(err, code, "ingest") : 0;
}

static int open_inputs(struct run *r, const struct db_ingest_opts *o)
{
	const struct pt_record_sink sink = {
		.fn = on_record, .raw = on_line, .bad = on_bad_line, .ctx = r
	};
	int code = 0;

	r->n_inputs = o->n_from ? o->n_from : 1;
	for (unsigned i = 0; !code && i < r->n_inputs; i++) {
		struct input *in = &r->inputs[i];
		in->run = r;
		in->spool = o->n_from ? o->from[i] : NULL;
		in->ready_fd = -1;
		code = in->spool ? open_spool(in, &sink, &r->ctx->err)
				 : open_stdin(in, &sink, &r->ctx->err);
		if (!code)
			code = make_watchable(in, &r->ctx->err);
	}
	if (!code && o->n_from) // a spool tells of new records only
		code = pt_loop_timer_set(r->timer, pt_mono_now(), 0);
	return code;
}

static const int ending[] = { SIGTERM, SIGINT, 0 };

// From the first line on: who asks for an end while the database is being opened gets a clean one.
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (const int *s = ending; *s; s++)
		sigaddset(&set, *s);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL); // cannot fail with a mask of ours
}

static int set_up(struct run *r, struct pt_sql *db, const struct pt_config *config,
	const struct db_ingest_opts *o)
{
	struct pt_err *err = &r->ctx->err;
	int code = pt_ingest_new(db, config, &r->ingest, err);

	// A database that cannot be written shows here, not with the first record.
	if (!code)
		code = pt_ingest_begin(r->ingest, err);
	if (!code)
		code = pt_ingest_commit(r->ingest, err);
	if (!code)
		code = pt_loop_new(&r->loop, err);
	if (code)
		return code;
	code = pt_loop_signals(r->loop, ending, on_signal, r);
	if (!code)
		code = pt_loop_timer_add(r->loop, (struct pt_mono){ 0 }, 0, on_pass, r, &r->timer);
	if (code)
		return pt_err_errno(err, code, "ingest");
	r->stats.ingest = r->ingest;
	r->stats.malformed = &r->bad;
	code = db_ingest_stats_start(&r->stats, r->loop, config, r->ctx->spool, err);
	if (!code)
		code = start_upkeep(r, db, config, err);
	return code ? code : open_inputs(r, o);
}

static void tear_down(struct run *r)
{
	for (unsigned i = 0; i < r->n_inputs; i++) {
		struct input *in = &r->inputs[i];
		if (in->watched)
			(void)pt_loop_fd_del(r->loop, in->ready_fd);
		if (!in->spool && in->ready_fd > STDIN_FILENO)
			close(in->ready_fd);
		pt_record_reader_free(in->reader);
	}
	pt_loop_free(r->loop);
	db_ingest_stats_done(&r->stats);
	pt_upkeep_free(r->upkeep);
	pt_ingest_free(r->ingest);
}

static void summary(const struct run *r)
{
	const struct pt_ingest_counts *c = pt_ingest_counts(r->ingest);

	db_say(r->ctx,
		"%" PRIu64 " stored, %" PRIu64 " already there, %" PRIu64
		" between two persists, %" PRIu64 " of other types, %" PRIu64 " malformed",
		c->rows, c->duplicates, c->not_due, c->unknown, r->bad);
}

// Input that held nothing but malformed lines was not what the caller meant to give.
static int all_was_noise(const struct run *r, struct pt_err *err)
{
	const struct pt_ingest_counts *c = pt_ingest_counts(r->ingest);

	if (!r->bad || c->rows + c->duplicates + c->not_due + c->unknown)
		return 0;
	return pt_err_set(err, -EBADMSG,
		"not one valid record in the input: %" PRIu64 " lines skipped", r->bad);
}

int db_ingest(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct db_ingest_opts *o = opts;
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	struct run r = {
		.ctx = ctx,
		.batch = o->batch ? o->batch : PASS_RECORDS,
		.wait_ns = o->wait_given ? o->wait_ns : PASS_WAIT_MS * PT_NS_PER_MS,
	};

	(void)argc, (void)argv; // ingest takes none
	block_signals();
	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_WRITE, &config, &db, &ctx->err))
		return PT_EXIT_FAIL;
	int code = set_up(&r, db, &config, o);
	if (!code) {
		pt_notify("READY=1");
		code = pt_loop_run(r.loop);
		summary(&r);
		if (!code)
			code = all_was_noise(&r, &ctx->err);
	}
	tear_down(&r);
	return code ? PT_EXIT_FAIL : PT_EXIT_OK;
}
