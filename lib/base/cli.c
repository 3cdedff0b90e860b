// SPDX-License-Identifier: MIT
#include "base/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/netns.h"

// Long-only options: past the characters and argp's own keys of a verb's table.
enum common_key {
	KEY_CONFIG = 0x4000,
	KEY_NETWORK,
	KEY_DB,
	KEY_PIN_DIR,
	KEY_NETNS,
	KEY_FROM,
	KEY_SPOOL,
	KEY_DRY_RUN,
	KEY_JSON,
	KEY_HELP,
	KEY_VERSION,
};

// need 0: every verb has it.
static const struct {
	unsigned need;
	struct argp_option option;
} common_options[] = {
	{ PT_NEED_CONFIG,
		{ .name = "config",
			.key = KEY_CONFIG,
			.arg = "FILE",
			.doc = "Settings (default " PT_DEFAULT_CONFIG ")" } },
	{ PT_NEED_NETWORK,
		{ .name = "network",
			.key = KEY_NETWORK,
			.arg = "FILE",
			.doc = "Sites, paths, policies (default " PT_DEFAULT_NETWORK ")" } },
	{ PT_NEED_DB,
		{ .name = "db",
			.key = KEY_DB,
			.arg = "FILE",
			.doc = "Database (default " PT_DEFAULT_DB ")" } },
	{ PT_NEED_PIN,
		{ .name = "pin-dir",
			.key = KEY_PIN_DIR,
			.arg = "DIR",
			.doc = "Where the kernel's tables are pinned" } },
	{ PT_NEED_NETNS,
		{ .name = "netns",
			.key = KEY_NETNS,
			.arg = "NAME",
			.doc = "Work in this network namespace" } },
	{ PT_NEED_RECORDS,
		{ .name = "from",
			.key = KEY_FROM,
			.arg = "DIR",
			.doc = "Read records from this spool instead of standard input" } },
	{ PT_NEED_RECORDS,
		{ .name = "spool",
			.key = KEY_SPOOL,
			.arg = "DIR",
			.doc = "Write records to this spool, too" } },
	{ PT_NEED_DRY_RUN,
		{ .name = "dry-run",
			.key = KEY_DRY_RUN,
			.doc = "Show what would change, change nothing" } },
	{ PT_NEED_JSON, { .name = "json", .key = KEY_JSON, .doc = "JSON instead of a table" } },
	{ 0, { .name = "quiet", .key = 'q', .doc = "Errors only" } },
	{ 0, { .name = "verbose", .key = 'v', .doc = "Say more; twice: everything" } },
	{ 0, { .name = "help", .key = KEY_HELP, .doc = "Show this and exit" } },
	{ 0, { .name = "version", .key = KEY_VERSION, .doc = "Show the version and exit" } },
};

// One parsing of one command line.
struct parsing {
	struct pt_ctx *ctx;
	const struct pt_verb *verb;
	const struct argp_option *options; // the verb's, then the common ones
	void *opts;
	char **args;
	int n_args;
	bool help, version;
};

static bool is_short(int key)
{
	return key > ' ' && key < 0x7f;
}

static bool ends(const struct argp_option *o)
{
	return !o->name && !o->key && !o->doc && !o->group;
}

static bool clashes(const struct argp_option *have, const struct argp_option *o)
{
	for (; have && !ends(have); have++) {
		if ((have->name && strcmp(have->name, o->name) == 0) || have->key == o->key)
			return true;
	}
	return false;
}

// All options of a verb; a verb's own word wins over a common one.
static struct argp_option *all_options(const struct pt_verb *verb, struct pt_arena *a)
{
	size_t n = 0;

	for (const struct argp_option *o = verb->options; o && !ends(o); o++)
		n++;
	struct argp_option *all = pt_arena_alloc(
		a, (n + PT_ARRAY_LEN(common_options) + 1) * sizeof(*all));
	if (n)
		memcpy(all, verb->options, n * sizeof(*all));
	for (size_t i = 0; i < PT_ARRAY_LEN(common_options); i++) {
		const struct argp_option *o = &common_options[i].option;
		unsigned need = common_options[i].need;
		if ((need && !(verb->need & need)) || clashes(verb->options, o))
			continue;
		all[n] = *o;
		all[n++].group = -1; // after the verb's own
	}
	return all;
}

static const struct argp_option *find_long(
	const struct argp_option *o, const char *name, size_t len)
{
	for (; !ends(o); o++) {
		if (o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static const struct argp_option *find_short(const struct argp_option *o, char c)
{
	for (; !ends(o); o++) {
		if (is_short(o->key) && o->key == c)
			return o;
	}
	return NULL;
}

static int unknown_option(struct parsing *p, const char *word, int len)
{
	pt_autobuf valid = { 0 };

	for (const struct argp_option *o = p->options; !ends(o); o++) {
		if (o->name && !(o->flags & OPTION_HIDDEN))
			pt_buf_printf(&valid, " --%s", o->name);
	}
	return pt_err_set(&p->ctx->err, -EINVAL, "%s: unknown option '%.*s': one of%s",
		p->verb->name, len, word, pt_buf_str(&valid));
}

static bool wants_value(const struct argp_option *o)
{
	return o->arg && !(o->flags & OPTION_ARG_OPTIONAL);
}

// One "--name[=value]"; *skip: its value is the next word.
static int check_long(struct parsing *p, const char *word, bool *skip)
{
	size_t len = strcspn(word + 2, "=");
	const struct argp_option *o = find_long(p->options, word + 2, len);

	if (!o)
		return unknown_option(p, word, (int)len + 2);
	if (word[2 + len] && !o->arg)
		return pt_err_set(&p->ctx->err, -EINVAL, "%s: option '--%s' takes no value",
			p->verb->name, o->name);
	*skip = wants_value(o) && !word[2 + len];
	return 0;
}

// One "-abc".
static int check_short(struct parsing *p, const char *word, bool *skip)
{
	for (const char *c = word + 1; *c; c++) {
		const struct argp_option *o = find_short(p->options, *c);
		if (!o) {
			const char shown[] = { '-', *c, '\0' };
			return unknown_option(p, shown, 2);
		}
		if (o->arg) {
			*skip = wants_value(o) && !c[1];
			return 0;
		}
	}
	return 0;
}

// argp takes any unambiguous beginning of a long option, which the next release's new option turns
// into an error: only whole words pass here. After this getopt finds nothing to complain about.
static int check_words(struct parsing *p, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *word = argv[i];
		bool skip = false;
		if (word[0] != '-' || !word[1])
			continue;
		int err = word[1] == '-' ? check_long(p, word, &skip) : check_short(p, word, &skip);
		if (err)
			return err;
		if (skip && ++i == argc)
			return pt_err_set(&p->ctx->err, -EINVAL, "%s: option '%s' needs a value",
				p->verb->name, word);
	}
	return 0;
}

static int set_common(struct parsing *p, int key, char *arg)
{
	struct pt_ctx *ctx = p->ctx;

	switch (key) {
	case KEY_CONFIG:
		ctx->config = arg;
		ctx->config_given = true;
		return 0;
	case KEY_NETWORK:
		ctx->network = arg;
		ctx->network_given = true;
		return 0;
	case KEY_DB:
		ctx->db = arg;
		ctx->db_given = true;
		return 0;
	case KEY_PIN_DIR:
		ctx->pin_dir = arg;
		ctx->pin_dir_given = true;
		return 0;
	case KEY_NETNS:
		ctx->netns = arg;
		return 0;
	case KEY_FROM:
		ctx->from = arg;
		return 0;
	case KEY_SPOOL:
		ctx->spool = arg;
		return 0;
	case KEY_DRY_RUN:
		ctx->dry_run = true;
		return 0;
	case KEY_JSON:
		ctx->json = true;
		return 0;
	case 'q':
		ctx->quiet = true;
		return 0;
	case 'v':
		ctx->verbose++;
		return 0;
	case KEY_HELP:
		p->help = true;
		return 0;
	case KEY_VERSION:
		p->version = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool is_own_key(const struct pt_verb *verb, int key)
{
	for (const struct argp_option *o = verb->options; o && !ends(o); o++) {
		if (o->key == key && key)
			return true;
	}
	return false;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parsing *p = state->input;

	if (key == ARGP_KEY_ARG) {
		p->args[p->n_args++] = arg;
		return 0;
	}
	if (!is_own_key(p->verb, key))
		return set_common(p, key, arg);
	int err = p->verb->parse(p->ctx, key, arg, p->opts);
	return err < 0 ? EINVAL : err;
}

static const struct pt_verb *find_verb(const struct pt_tool *tool, const char *name)
{
	for (const struct pt_verb *v = tool->verbs; v->name; v++) {
		if (strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

static int unknown_verb(const struct pt_tool *tool, const char *word)
{
	pt_autobuf words = { 0 };

	for (const struct pt_verb *v = tool->verbs; v->name; v++)
		pt_buf_printf(&words, " %s", v->name);
	if (word)
		pt_log(PT_LOG_ERROR, "unknown verb '%s': one of%s", word, pt_buf_str(&words));
	else
		pt_log(PT_LOG_ERROR, "no verb: one of%s", pt_buf_str(&words));
	return PT_EXIT_USAGE;
}

static void tool_help(const struct pt_tool *tool)
{
	int width = 0;

	for (const struct pt_verb *v = tool->verbs; v->name; v++) {
		int len = (int)strlen(v->name);
		width = len > width ? len : width;
	}
	printf("Usage: %s VERB [OPTION...]\n%s\n\nVerbs:\n", tool->name, tool->doc);
	for (const struct pt_verb *v = tool->verbs; v->name; v++)
		printf("  %-*s  %s\n", width, v->name, v->doc);
	printf("\n`%s VERB --help' lists a verb's options.\n", tool->name);
}

static void verb_help(const struct pt_tool *tool, const struct pt_verb *verb)
{
	pt_autoarena a = { 0 };
	const struct argp argp = {
		.options = all_options(verb, &a),
		.args_doc = verb->args && *verb->args ? verb->args : NULL,
		.doc = verb->doc,
	};
	// argp wants a name it may write to
	argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
		pt_arena_printf(&a, "%s %s", tool->name, verb->name));
}

static int check_args(struct parsing *p)
{
	const struct pt_verb *v = p->verb;

	if (p->n_args < v->min_args)
		return pt_err_set(&p->ctx->err, -EINVAL, "%s: needs %s", v->name, v->args);
	if (v->max_args >= 0 && p->n_args > v->max_args)
		return pt_err_set(&p->ctx->err, -EINVAL, "%s: one word too many: '%s'", v->name,
			p->args[v->max_args]);
	return 0;
}

// What the verb wants before it runs. 0, or -errno with the line to print.
static int meet_needs(struct pt_ctx *ctx, const struct pt_verb *verb)
{
	if ((verb->need & PT_NEED_ROOT) && geteuid() != 0)
		return pt_err_set(&ctx->err, -EPERM, "%s: must be run as root", verb->name);
	if (ctx->netns)
		return pt_netns_enter(ctx->netns, &ctx->err);
	return 0;
}

static int run_verb(struct parsing *p)
{
	struct pt_ctx *ctx = p->ctx;

	pt_log_init(ctx->tool,
		ctx->quiet                 ? PT_LOG_ERROR
			: ctx->verbose > 1 ? PT_LOG_DEBUG
			: ctx->verbose     ? PT_LOG_INFO
					   : PT_LOG_WARN);
	int code = meet_needs(ctx, p->verb) ? PT_EXIT_FAIL
					    : p->verb->run(ctx, p->n_args, p->args, p->opts);
	if (code < 0)
		code = PT_EXIT_FAIL;
	if (code != PT_EXIT_OK && ctx->err.msg[0])
		pt_log(PT_LOG_ERROR, "%s", ctx->err.msg);
	return code;
}

static int dispatch(const struct pt_tool *tool, const struct pt_verb *verb, int argc, char **argv)
{
	pt_autoarena a = { 0 };
	struct pt_ctx ctx = {
		.tool = tool->name,
		.verb = verb->name,
		.config = PT_DEFAULT_CONFIG,
		.network = PT_DEFAULT_NETWORK,
		.db = PT_DEFAULT_DB,
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	struct parsing p = {
		.ctx = &ctx,
		.verb = verb,
		.options = all_options(verb, &a),
		.opts = pt_arena_alloc(&a, verb->opts_size),
		.args = pt_arena_alloc(&a, ((size_t)argc + 1) * sizeof(char *)),
	};
	const struct argp argp = { .options = p.options, .parser = parse_one };

	int err = check_words(&p, argc, argv);
	if (!err)
		err = argp_parse(
			&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT | ARGP_NO_ERRS, NULL, &p);
	if (!err && p.help) {
		verb_help(tool, verb);
		return PT_EXIT_OK;
	}
	if (!err && p.version) {
		printf("%s %s\n", tool->name, PT_VERSION);
		return PT_EXIT_OK;
	}
	if (!err)
		err = check_args(&p);
	if (err) {
		pt_log(PT_LOG_ERROR, "%s", ctx.err.msg[0] ? ctx.err.msg : "bad options");
		return PT_EXIT_USAGE;
	}
	return run_verb(&p);
}

static int run_tool(const struct pt_tool *tool, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	if (!word)
		return unknown_verb(tool, NULL);
	if (strcmp(word, "--version") == 0) {
		printf("%s %s\n", tool->name, PT_VERSION);
		return PT_EXIT_OK;
	}
	if (strcmp(word, "--words") == 0) { // for completions and pages
		pt_cli_words(tool, stdout);
		return PT_EXIT_OK;
	}
	bool help = strcmp(word, "help") == 0 || strcmp(word, "--help") == 0;
	if (help && argc < 3) {
		tool_help(tool);
		return PT_EXIT_OK;
	}
	const struct pt_verb *verb = find_verb(tool, help ? argv[2] : word);
	if (!verb)
		return unknown_verb(tool, help ? argv[2] : word);
	if (help) {
		verb_help(tool, verb);
		return PT_EXIT_OK;
	}
	return dispatch(tool, verb, argc - 1, argv + 1);
}

// `pt-x ... | head`: the reader has had enough, nobody needs to be told.
static bool reader_has_gone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

int pt_cli_main(const struct pt_tool *tool, int argc, char **argv)
{
	// A reader that leaves is an error of write(2), not a signal.
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigaction(SIGPIPE, &ignore, NULL); // cannot fail for SIGPIPE

	pt_log_init(tool->name, PT_LOG_WARN);
	int code = run_tool(tool, argc, argv);
	errno = 0;
	if ((fflush(stdout) || ferror(stdout)) && !reader_has_gone()) {
		pt_log(PT_LOG_ERROR, "standard output: %s",
			errno ? strerrordesc_np(errno) : "not all was written");
		return PT_EXIT_FAIL;
	}
	return code;
}

void pt_cli_words(const struct pt_tool *tool, FILE *out)
{
	for (const struct pt_verb *v = tool->verbs; v->name; v++) {
		pt_autoarena a = { 0 };
		fprintf(out, "%s\n", v->name);
		for (const struct argp_option *o = all_options(v, &a); !ends(o); o++) {
			if (o->name && !(o->flags & OPTION_HIDDEN))
				fprintf(out, "%s --%s\n", v->name, o->name);
		}
	}
}
