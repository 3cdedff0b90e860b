// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "verbs.h"

#define MAX_WINDOW_NS (24 * 3600 * PT_NS_PER_S)
#define MAX_TOLD      100 // bad lines of one source

enum { KEY_SHORT = 0x100, KEY_LONG, KEY_FROM };

#define WINDOW_OPTIONS                                                              \
	{ .name = "short",                                                          \
		.key = KEY_SHORT,                                                   \
		.arg = "TIME",                                                      \
		.doc = "A path fails on this window (default: 3 health checks)" },  \
	{                                                                           \
		.name = "long", .key = KEY_LONG, .arg = "TIME",                     \
		.doc = "A path recovers on this window (default: 10 health checks)" \
	}

const struct argp_option select_window_options[] = { WINDOW_OPTIONS, { 0 } };
// explain writes no records: it has --from, but no --spool.
const struct argp_option select_explain_options[] = { WINDOW_OPTIONS,
	{ .name = "from",
		.key = KEY_FROM,
		.arg = "DIR",
		.doc = "Read records from this spool instead of standard input" },
	{ 0 } };

static int parse_window(struct pt_ctx *ctx, const char *name, const char *arg, int64_t *out)
{
	if (pt_parse_duration_ns(arg, PT_NS_PER_S, out) == 0 && *out >= PT_SELECT_STEP_NS &&
		*out <= MAX_WINDOW_NS)
		return 0;
	return pt_err_set(&ctx->err, -EINVAL, "%s: %s '%s' is no time from 100ms to 24h", ctx->verb,
		name, arg);
}

int select_window_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct select_windows *w = opts;

	switch (key) {
	case KEY_SHORT:
		return parse_window(ctx, "--short", arg, &w->short_ns);
	case KEY_LONG:
		return parse_window(ctx, "--long", arg, &w->long_ns);
	case KEY_FROM:
		ctx->from = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int choose_windows(
	struct select_setup *s, const struct select_windows *w, struct pt_err *err)
{
	int64_t check_ns = pt_config_check_ms(&s->config) * PT_NS_PER_MS;

	s->opts.short_ns = w->short_ns ? w->short_ns : PT_SELECT_SHORT_ROUNDS * check_ns;
	s->opts.long_ns = w->long_ns ? w->long_ns : PT_SELECT_LONG_ROUNDS * check_ns;
	s->opts.cooldown_ns = s->config.failover.cooldown_period_secs * PT_NS_PER_S;
	if (s->opts.long_ns < s->opts.short_ns)
		return pt_err_set(err, -EINVAL,
			"the long window is shorter than the short one: give both --short and "
			"--long");
	return 0;
}

int select_files_load(const struct pt_ctx *ctx, struct pt_arena *a, struct pt_config *config,
	struct pt_network *network, const struct pt_site **self, struct pt_err *err)
{
	bool defaults = !ctx->config_given && access(ctx->config, F_OK) != 0;
	int rc = pt_config_load(defaults ? NULL : ctx->config, a, config, err);

	if (rc == 0)
		rc = pt_network_load(ctx->network, a, network, err);
	if (rc < 0)
		return rc;
	*self = pt_network_self(network, config->edge);
	if (!*self && config->edge)
		return pt_err_set(err, -ENOENT, "%s: no site has the edge '%s' that %s names",
			ctx->network, config->edge, ctx->config);
	if (!*self)
		return pt_err_set(err, -ENOENT,
			"%s: no site has this host's name as its edge: set `edge` in %s",
			ctx->network, ctx->config);
	return 0;
}

static int load(struct select_setup *s, const struct pt_ctx *ctx,
	const struct select_windows *windows, const struct pt_select_sink *sink, struct pt_err *err)
{
	int rc = select_files_load(ctx, &s->arena, &s->config, &s->network, &s->self, err);

	if (rc < 0)
		return rc;
	rc = choose_windows(s, windows, err);
	if (rc == 0)
		rc = pt_select_new(&s->network, s->self, &s->opts, sink, &s->select, err);
	if (rc == 0 && !pt_select_group(s->select, 0, &(struct pt_select_view){ 0 }))
		pt_log(PT_LOG_WARN, "%s: no path starts at site %s: there is nothing to decide",
			ctx->network, s->self->id);
	return rc;
}

int select_setup_init(struct select_setup *s, const struct pt_ctx *ctx,
	const struct select_windows *windows, const struct pt_select_sink *sink, struct pt_err *err)
{
	int rc;

	*s = (struct select_setup){ 0 };
	rc = load(s, ctx, windows, sink, err);
	if (rc < 0)
		select_setup_done(s);
	return rc;
}

void select_setup_done(struct select_setup *s)
{
	pt_select_free(s->select);
	pt_arena_done(&s->arena);
	*s = (struct select_setup){ 0 };
}

// Each bad line is told by its number, up to a point: a broken writer must not fill the journal.
__attribute__((format(printf, 2, 3))) static void tell_bad(
	struct select_source *s, const char *fmt, ...)
{
	pt_autobuf text = { 0 };
	va_list ap;

	if (++s->bad > MAX_TOLD)
		return;
	va_start(ap, fmt);
	pt_buf_vprintf(&text, fmt, ap);
	va_end(ap);
	pt_log(PT_LOG_WARN, "%s:%s: skipped", s->name, pt_buf_str(&text));
	if (s->bad == MAX_TOLD)
		pt_log(PT_LOG_WARN, "%s: further bad lines are skipped in silence", s->name);
}

static int on_record(void *ctx, const json_t *record, const char *type, const char *line)
{
	struct select_source *s = ctx;
	struct pt_err err = { 0 };

	(void)line;
	if (pt_input_record(s->input, record, type, &err) >= 0) {
		s->records++;
		return 0;
	}
	tell_bad(s, "%" PRIu64 ": %s: %s", pt_record_reader_line(s->reader), type, err.msg);
	return 0;
}

static void on_bad(void *ctx, uint64_t line_number, const char *why)
{
	struct select_source *s = ctx;

	tell_bad(s, "%" PRIu64 ": %s", line_number, why);
}

static bool is_dir(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

int select_source_open(
	struct select_source *s, const char *name, struct pt_input *input, struct pt_err *err)
{
	const struct pt_record_sink sink = { .fn = on_record, .bad = on_bad, .ctx = s };
	bool spool = is_dir(name);

	*s = (struct select_source){ .name = name, .fd = -1, .input = input };
	if (strcmp(name, "-") == 0) {
		s->name = "stdin";
		s->fd = STDIN_FILENO;
	} else if (!spool) {
		s->fd = open(name, O_RDONLY | O_CLOEXEC);
		if (s->fd < 0)
			return pt_err_errno(err, -errno, "%s", name);
	}
	// An offset file that is not there means: from the oldest line. Nothing is saved.
	return pt_record_reader_new(
		s->fd, spool ? name : NULL, spool ? "" : NULL, &sink, &s->reader, err);
}

void select_source_close(struct select_source *s)
{
	pt_record_reader_free(s->reader);
	if (s->fd > STDIN_FILENO)
		close(s->fd);
	*s = (struct select_source){ .fd = -1 };
}

// The spool of a service that has not started yet is made here: who comes first does not matter.
static int make_spool(const char *dir, struct pt_err *err)
{
	struct pt_record_reader *r = NULL;
	const struct pt_record_sink sink = { .fn = on_record };
	int rc = is_dir(dir) ? 0 : pt_record_reader_new(-1, dir, "", &sink, &r, err);

	pt_record_reader_free(r);
	return rc;
}

int select_sources_open(struct select_sources *s, const struct pt_ctx *ctx, int argc, char **argv,
	struct pt_input *input, struct pt_err *err)
{
	unsigned want = (unsigned)argc + (ctx->from != NULL);
	int rc = ctx->from ? make_spool(ctx->from, err) : 0;

	*s = (struct select_sources){ .list = calloc(want + 1, sizeof(*s->list)) };
	if (!s->list)
		abort();
	if (rc == 0 && ctx->from)
		rc = select_source_open(&s->list[s->n++], ctx->from, input, err);
	for (int i = 0; i < argc && rc == 0; i++)
		rc = select_source_open(&s->list[s->n++], argv[i], input, err);
	if (want == 0 && rc == 0)
		rc = select_source_open(&s->list[s->n++], "-", input, err);
	for (unsigned i = 0; i < s->n; i++)
		s->live |= s->list[i].fd < 0;
	if (rc < 0)
		select_sources_close(s);
	return rc;
}

int select_sources_drain(struct select_sources *s, struct pt_err *err)
{
	uint64_t records = 0, bad = 0;

	for (unsigned i = 0; i < s->n; i++) {
		int rc = pt_record_read_all(s->list[i].reader, err);

		if (rc < 0)
			return pt_err_wrap(err, "%s", s->list[i].name);
		records += s->list[i].records;
		bad += s->list[i].bad;
	}
	if (records > 0)
		return 0;
	if (bad > 0)
		return pt_err_set(err, -ENODATA,
			"not one valid record in the input: %" PRIu64 " lines skipped", bad);
	return pt_err_set(err, -ENODATA, "not one record in the input");
}

void select_sources_close(struct select_sources *s)
{
	for (unsigned i = 0; i < s->n; i++)
		select_source_close(&s->list[i]);
	free(s->list);
	*s = (struct select_sources){ 0 };
}

void select_source_name(char *out, size_t len)
{
	char host[HOST_NAME_MAX + 1] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		(void)snprintf(host, sizeof(host), "localhost");
	(void)snprintf(out, len, "%s/pt-select", host);
}

json_t *select_decision_json(const struct pt_decision *d)
{
	return pt_json_write(&pt_decision_schema, d);
}

unsigned select_unfit_groups(const struct pt_select *s, unsigned *all, struct pt_buf *first)
{
	struct pt_select_view v;
	unsigned unfit = 0;

	for (*all = 0; pt_select_group(s, *all, &v); ++*all) {
		bool fit = false;

		for (uint32_t i = 0; i < v.standing->n && !fit; i++)
			fit = v.candidates[i].verdict.state == PT_VERDICT_INSIDE;
		if (!fit && unfit++ == 0)
			pt_buf_printf(first, "%s/%s", v.site->id, v.rules->policy->id);
	}
	return unfit;
}
