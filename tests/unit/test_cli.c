// SPDX-License-Identifier: MIT
#include "base/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "test.h"

struct greet_opts {
	const char *name;
	uint64_t count;
};

static int greet_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct greet_opts *o = opts;

	if (key == 'n') {
		o->name = arg;
		return 0;
	}
	if (pt_parse_u64(arg, 1, 9, &o->count))
		return pt_err_set(&ctx->err, -EINVAL, "--count: 1 to 9, not '%s'", arg);
	return 0;
}

static int greet(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct greet_opts *o = opts;

	printf("name=%s count=%u json=%d config=%s given=%d v=%d args=", o->name ? o->name : "-",
		(unsigned)o->count, ctx->json, ctx->config, ctx->config_given, ctx->verbose);
	for (int i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	printf("\n");
	return PT_EXIT_OK;
}

static int fail(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	(void)argc;
	(void)argv;
	(void)opts;
	return pt_err_set(&ctx->err, PT_EXIT_FAIL, "the moon: out of reach");
}

static int answer_no(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	(void)ctx;
	(void)argc;
	(void)opts;
	return strcmp(argv[0], "no") == 0 ? PT_EXIT_NO : PT_EXIT_OK;
}

static const struct argp_option greet_options[] = {
	{ .name = "name", .key = 'n', .arg = "NAME", .doc = "Whom to greet" },
	{ .name = "count", .key = 0x100, .arg = "N", .doc = "How often" },
	{ 0 },
};
static const struct pt_verb verbs[] = {
	{ .name = "greet",
		.run = greet,
		.options = greet_options,
		.parse = greet_parse,
		.opts_size = sizeof(struct greet_opts),
		.args = "WORD...",
		.max_args = 2,
		.need = PT_NEED_CONFIG | PT_NEED_JSON,
		.doc = "Greet somebody" },
	{ .name = "fail", .run = fail, .args = "", .doc = "Fail" },
	{ .name = "answer",
		.run = answer_no,
		.args = "WORD",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_NETNS,
		.doc = "Answer" },
	{ 0 },
};
static const struct pt_tool tool = {
	.name = "pt-test", .doc = "A tool to test with.", .verbs = verbs
};

static char out[8192], errs[8192];

static void slurp(int fd, char *to, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while (n < size - 1 && (r = read(fd, to + n, size - 1 - n)) > 0)
		n += (size_t)r;
	to[n] = '\0';
	close(fd);
}

// Runs the tool in a child and keeps what it says; its exit code.
static int run(const char *line, int stdout_fd)
{
	char name[] = "pt-test", copy[2048], *argv[16] = { name }, *save = NULL;
	int argc = 1, status, o[2], e[2];

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	if (pipe(o) || pipe(e))
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(stdout_fd >= 0 ? stdout_fd : o[1], 1);
		dup2(e[1], 2);
		close(o[0]);
		close(o[1]);
		close(e[0]);
		close(e[1]);
		int code = pt_cli_main(&tool, argc, argv);
		fflush(NULL);
		_exit(code);
	}
	close(o[1]);
	close(e[1]);
	slurp(o[0], out, sizeof(out));
	slurp(e[0], errs, sizeof(errs));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static unsigned lines(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void options_reach_the_verb(void)
{
	T_EQ(run("greet a --name bob --json b --count=3 -vv --config /x", -1), 0);
	T_STR(out, "name=bob count=3 json=1 config=/x given=1 v=2 args=[a][b]\n");
	T_EQ(run("greet", -1), 0);
	T_STR(out, "name=- count=0 json=0 config=/etc/patronus/config.yaml given=0 v=0 args=\n");
	T_EQ(run("greet -n --json -- --count", -1), 0); // a value may look like an option
	T_STR(out,
		"name=--json count=0 json=0 config=/etc/patronus/config.yaml given=0 v=0 "
		"args=[--count]\n");
	T_EQ(run("greet -vnbob -", -1), 0);
	T_HAS(out, "name=bob");
	T_HAS(out, "args=[-]");
	T_STR(errs, "");
}

static void usage_errors(void)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "", "pt-test: no verb: one of greet fail answer\n" },
		{ "gree", "pt-test: unknown verb 'gree': one of greet fail answer\n" },
		{ "help nothing", "pt-test: unknown verb 'nothing': one of greet fail answer\n" },
		{ "greet --nam bob",
			"pt-test: greet: unknown option '--nam': one of --name --count" },
		{ "greet --config", "pt-test: greet: option '--config' needs a value\n" },
		{ "greet -n", "pt-test: greet: option '-n' needs a value\n" },
		{ "greet --json=1", "pt-test: greet: option '--json' takes no value\n" },
		{ "greet -z", "pt-test: greet: unknown option '-z': one of" },
		{ "greet --count 10", "pt-test: --count: 1 to 9, not '10'\n" },
		{ "greet a b c", "pt-test: greet: one word too many: 'c'\n" },
		{ "answer", "pt-test: answer: needs WORD\n" },
		{ "answer --config /x no", "pt-test: answer: unknown option '--config': one of" },
		{ "fail --json", "pt-test: fail: unknown option '--json': one of" },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		T_EQ(run(rows[i].line, -1), PT_EXIT_USAGE);
		T_HAS(errs, rows[i].says);
		T_EQ(lines(errs), 1);
		T_STR(out, "");
	}
}

static void hostile_words(void)
{
	char line[2000];

	T_EQ(run("gr\033[31met", -1), PT_EXIT_USAGE); // nothing of it acts on a terminal
	T_STR(errs, "pt-test: unknown verb 'gr?[31met': one of greet fail answer\n");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	T_EQ(run(line, -1), PT_EXIT_USAGE);
	T_HAS(errs, "xxx': one of greet fail answer\n");
	memcpy(line, "greet --", 8);
	T_EQ(run(line, -1), PT_EXIT_USAGE);
	T_HAS(errs, "xxx': one of --name --count --config");
	T_EQ(lines(errs), 1);
}

static void exit_codes(void)
{
	T_EQ(run("fail", -1), PT_EXIT_FAIL);
	T_STR(errs, "pt-test: the moon: out of reach\n");
	T_EQ(run("answer no", -1), PT_EXIT_NO);
	T_STR(errs, "");
	T_EQ(run("answer yes", -1), PT_EXIT_OK);
	T_EQ(run("answer yes --netns pt-no-such-namespace", -1), PT_EXIT_FAIL);
	T_STR(errs, "pt-test: netns 'pt-no-such-namespace': No such file or directory\n");
	T_EQ(run("answer yes --netns ..", -1), PT_EXIT_FAIL);
	T_EQ(lines(errs), 1);
}

static void help_and_version(void)
{
	T_EQ(run("--help", -1), 0);
	T_HAS(out, "greet   Greet somebody");
	T_EQ(run("help greet", -1), 0);
	T_HAS(out, "Usage: pt-test greet [OPTION...] WORD...");
	T_HAS(out, "--config=FILE");
	T_EQ(run("greet --help", -1), 0);
	T_HAS(out, "Whom to greet");
	T_OK(!strstr(out, "--db"));
	T_EQ(run("greet --version", -1), 0);
	T_STR(out, "pt-test " PT_VERSION "\n");
	T_EQ(run("--version", -1), 0);
	T_STR(out, "pt-test " PT_VERSION "\n");
	T_STR(errs, "");
	T_EQ(run("--words", -1), 0);
	T_HAS(out, "greet\ngreet --name\ngreet --count\ngreet --config\n");
	T_HAS(out, "answer --netns\n");
	T_OK(!strstr(out, "fail --netns"));
}

static void output_that_fails(void)
{
	pt_autofd full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int gone[2];

	T_NEED(full >= 0 && pipe(gone) == 0);
	T_EQ(run("--help", full), PT_EXIT_FAIL);
	T_HAS(errs, "pt-test: standard output: ");
	T_EQ(lines(errs), 1);
	close(gone[0]);
	T_EQ(run("--help", gone[1]), PT_EXIT_OK); // `| head` is no fault, and no signal
	T_STR(errs, "");
	close(gone[1]);
}

T_MAIN({ "options reach the verb", options_reach_the_verb },
	{ "usage errors: 64 and one line with the valid words", usage_errors },
	{ "hostile words", hostile_words }, { "exit codes", exit_codes },
	{ "help, version, words", help_and_version },
	{ "standard output that fails", output_that_fails })
