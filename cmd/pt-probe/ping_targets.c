// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ping.h"

static int add_target(struct ping *p, const char *name)
{
	const struct probe_ping_opts *o = p->o;
	struct target *t = &p->targets[p->n];
	struct pt_stream_opts so = {
		.port = (uint16_t)o->stamp_port,
		.device = o->way.device,
		.source = o->way.source,
		.mark = o->way.mark,
		.dscp = o->way.dscp,
		.ttl = (uint8_t)o->ttl,
		.icmp_errors = true,
		.probe = o->stamp_port ? PT_PROBE_STAMP : PT_PROBE_ICMP,
		.ssid = (uint16_t)(pt_noise_u64(&p->hub.noise) | 1), // RFC 8972: not zero
		.payload = o->size,
		.counts_every = o->direction,
		.key = p->key,
		.timeout_ns = o->timeout_ns,
		.period_ns = o->interval_ns,
	};
	int code = probe_resolve(p->ctx, name, &o->way, &so.target, &so.scope);
	if (code)
		return code;
	*t = (struct target){ .ping = p, .name = name };
	pt_addr_format(&so.target, t->text);
	code = pt_stream_new(&so, &p->hub, &t->stream, &p->ctx->err);
	if (code)
		return code;
	p->n++;
	return 0;
}

// The text of a list, NUL-terminated, into p->listed.
static int read_list(struct ping *p, const char *path)
{
	struct pt_err *err = &p->ctx->err;
	bool given = strcmp(path, "-") != 0;
	size_t size = 0;
	pt_autofile FILE *in = given ? fopen(path, "re") : fdopen(dup(STDIN_FILENO), "r");
	const char *what = given ? path : "standard input";
	int code = -errno;
	if (!in)
		return pt_err_errno(err, code, "%s", what);
	errno = 0;
	bool empty = getdelim(&p->listed, &size, '\0', in) < 0;
	code = -errno;
	if (empty && ferror(in))
		return pt_err_errno(err, code, "%s", what);
	if (empty && p->listed)
		p->listed[0] = '\0'; // there is room, but nothing was written
	return 0;
}

// Adds the first word of each line that is no comment. Cuts the text into words.
static int add_listed(struct ping *p)
{
	char *save = NULL;
	if (!p->listed)
		return 0;
	for (char *line = strtok_r(p->listed, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char *word = line + strspn(line, " \t\r");
		word[strcspn(word, " \t\r#")] = '\0';
		int code = *word ? add_target(p, word) : 0;
		if (code)
			return code;
	}
	return 0;
}

static uint32_t count_lines(const char *text)
{
	uint32_t n = text && *text;
	for (; text && *text; text++)
		n += *text == '\n';
	return n;
}

int ping_targets_add(struct ping *p, int argc, char **argv)
{
	struct pt_err *err = &p->ctx->err;
	const char *file = p->o->file ? p->o->file : argc || isatty(STDIN_FILENO) ? NULL : "-";
	int code = file ? read_list(p, file) : 0;
	if (code)
		return code;
	size_t most = (size_t)argc + count_lines(p->listed);
	if (most > PING_MAX_TARGETS)
		return pt_err_set(err, -E2BIG, "at most %d hosts", PING_MAX_TARGETS);
	p->targets = calloc(most + 1, sizeof(*p->targets));
	if (!p->targets)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (int i = 0; !code && i < argc; i++)
		code = add_target(p, argv[i]);
	if (!code)
		code = add_listed(p);
	if (!code && !p->n)
		code = pt_err_set(err, -EINVAL, "ping needs HOST..., or a list of them");
	p->unfinished = p->sending = p->n;
	return code;
}
