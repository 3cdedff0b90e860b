// SPDX-License-Identifier: MIT
#include "base/cli_options.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define SHOWN_MAX 64 // bytes of a wrong word, so that the valid ones are seen

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
	KEY_STATE_DIR,
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
	{ PT_NEED_STATE,
		{ .name = "state-dir",
			.key = KEY_STATE_DIR,
			.arg = "DIR",
			.doc = "What outlives a reboot (default " PT_DEFAULT_STATE
			       "; with --pin-dir none)" } },
	{ PT_NEED_JSON, { .name = "json", .key = KEY_JSON, .doc = "JSON instead of a table" } },
	{ 0, { .name = "quiet", .key = 'q', .doc = "Errors only" } },
	{ 0, { .name = "verbose", .key = 'v', .doc = "Say more; twice: everything" } },
	{ 0, { .name = "help", .key = KEY_HELP, .doc = "Show this and exit" } },
	{ 0, { .name = "version", .key = KEY_VERSION, .doc = "Show the version and exit" } },
};

static bool is_short(int key)
{
	return key > ' ' && key < 0x7f;
}

bool pt_cli_option_ends(const struct argp_option *o)
{
	return !o->name && !o->key && !o->doc && !o->group;
}

static bool clashes(const struct argp_option *have, const struct argp_option *o)
{
	for (; have && !pt_cli_option_ends(have); have++) {
		if ((have->name && strcmp(have->name, o->name) == 0) || have->key == o->key)
			return true;
	}
	return false;
}

// All options of a verb; a verb's own word wins over a common one.
struct argp_option *pt_cli_options(const struct pt_verb *verb, struct pt_arena *a)
{
	size_t n = 0;

	for (const struct argp_option *o = verb->options; o && !pt_cli_option_ends(o); o++)
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
	for (; !pt_cli_option_ends(o); o++) {
		if (o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static const struct argp_option *find_short(const struct argp_option *o, char c)
{
	for (; !pt_cli_option_ends(o); o++) {
		if (is_short(o->key) && o->key == c)
			return o;
	}
	return NULL;
}

static int unknown_option(struct pt_cli_parsing *p, const char *word, int len)
{
	pt_autobuf valid = { 0 };

	for (const struct argp_option *o = p->options; !pt_cli_option_ends(o); o++) {
		if (o->name && !(o->flags & OPTION_HIDDEN))
			pt_buf_printf(&valid, " --%s", o->name);
	}
	return pt_err_set(&p->ctx->err, -EINVAL, "%s: unknown option '%.*s': one of%s",
		p->verb->name, len < SHOWN_MAX ? len : SHOWN_MAX, word, pt_buf_str(&valid));
}

static bool wants_value(const struct argp_option *o)
{
	return o->arg && !(o->flags & OPTION_ARG_OPTIONAL);
}

// One "--name[=value]"; *skip: its value is the next word.
static int check_long(struct pt_cli_parsing *p, const char *word, bool *skip)
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
static int check_short(struct pt_cli_parsing *p, const char *word, bool *skip)
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
static int check_words(struct pt_cli_parsing *p, int argc, char **argv)
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

static int set_common(struct pt_cli_parsing *p, int key, char *arg)
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
	case KEY_STATE_DIR:
		ctx->state_dir = arg;
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
	for (const struct argp_option *o = verb->options; o && !pt_cli_option_ends(o); o++) {
		if (o->key == key && key)
			return true;
	}
	return false;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct pt_cli_parsing *p = state->input;

	if (key == ARGP_KEY_ARG) {
		p->args[p->n_args++] = arg;
		return 0;
	}
	if (!is_own_key(p->verb, key))
		return set_common(p, key, arg);
	int err = p->verb->parse(p->ctx, key, arg, p->opts);
	return err < 0 ? EINVAL : err;
}

int pt_cli_parse(struct pt_cli_parsing *p, int argc, char **argv)
{
	const struct argp argp = { .options = p->options, .parser = parse_one };
	int err = check_words(p, argc, argv);

	if (err)
		return err;
	return argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT | ARGP_NO_ERRS, NULL, p)
		? -EINVAL
		: 0;
}
