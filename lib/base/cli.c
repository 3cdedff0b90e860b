// SPDX-License-Identifier: MIT
#include "base/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cli_options.h"
#include "base/log.h"
#include "base/netns.h"

#define SHOWN_MAX 64 // bytes of a wrong word, so that the valid ones are seen

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
		pt_log(PT_LOG_ERROR, "unknown verb '%.*s': one of%s", SHOWN_MAX, word,
			pt_buf_str(&words));
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
		.options = pt_cli_options(verb, &a),
		.args_doc = verb->args && *verb->args ? verb->args : NULL,
		.doc = verb->doc,
	};
	// argp wants a name it may write to
	argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
		pt_arena_printf(&a, "%s %s", tool->name, verb->name));
}

static int check_args(struct pt_cli_parsing *p)
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

static int run_verb(struct pt_cli_parsing *p)
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
	struct pt_cli_parsing p = {
		.ctx = &ctx,
		.verb = verb,
		.options = pt_cli_options(verb, &a),
		.opts = pt_arena_alloc(&a, verb->opts_size),
		.args = pt_arena_alloc(&a, ((size_t)argc + 1) * sizeof(char *)),
	};

	int err = pt_cli_parse(&p, argc, argv);
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

// A stream that the caller closed would be given to the next file opened: records would end up in
// a socket, or words in a database.
static void hold_standard_fds(void)
{
	int fd;

	do
		fd = open(
			"/dev/null", O_RDWR); // the lowest free; stays open on exec, as the others
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

int pt_cli_main(const struct pt_tool *tool, int argc, char **argv)
{
	// A reader that leaves is an error of write(2), not a signal.
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigaction(SIGPIPE, &ignore, NULL); // cannot fail for SIGPIPE

	hold_standard_fds();
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
		for (const struct argp_option *o = pt_cli_options(v, &a); !pt_cli_option_ends(o);
			o++) {
			if (o->name && !(o->flags & OPTION_HIDDEN))
				fprintf(out, "%s --%s\n", v->name, o->name);
		}
	}
}
