// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "ping.h"
#include "wire/stamp_layout.h"

#define DEFAULT_SIZE 56
#define DEFAULT_TTL  64
#define STAMP_TTL    255 // RFC 8762 section 4.2

enum { KEY_STAMP = 0x100, KEY_TTL, KEY_AUTH, KEY_DIRECTION };

const struct argp_option probe_ping_options[] = {
	{ .name = "count",
		.key = 'c',
		.arg = "N",
		.doc = "Stop after N probes to each host (default: when interrupted)" },
	{ .name = "interval",
		.key = 'i',
		.arg = "TIME",
		.doc = "Between two probes to a host: 10ms, 2s (default 1s)" },
	{ .name = "timeout",
		.key = 'W',
		.arg = "TIME",
		.doc = "Without an answer for so long a probe is lost (default 1s)" },
	{ .name = "size",
		.key = 's',
		.arg = "BYTES",
		.doc = "Of ICMP payload (default 56), or of the STAMP packet (44)" },
	{ .name = "ttl", .key = KEY_TTL, .arg = "HOPS", .doc = "Time to live, hop limit" },
	PROBE_WAY_OPTIONS,
	{ .name = "file",
		.key = 'f',
		.arg = "FILE",
		.doc = "Hosts, one a line; - is standard input, as without any host" },
	{ .name = "stamp",
		.key = KEY_STAMP,
		.arg = "PORT",
		.doc = "STAMP (RFC 8762) to this UDP port instead of ICMP echo" },
	{ .name = "direction",
		.key = KEY_DIRECTION,
		.doc = "STAMP: split loss by direction, by the reflector's counts" },
	{ .name = "auth-key",
		.key = KEY_AUTH,
		.arg = "FILE",
		.doc = "STAMP in authenticated mode, signed with this key" },
	{ 0 },
};

int probe_ping_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_ping_opts *o = opts;
	switch (key) {
	case 'c':
		if (pt_parse_u64(arg, 1, UINT32_MAX, &o->count))
			return pt_err_set(&ctx->err, -EINVAL, "--count: '%s' is no count", arg);
		return 0;
	case 'i':
		return probe_parse_time(ctx, "interval", arg, &o->interval_ns);
	case 'W':
		return probe_parse_time(ctx, "timeout", arg, &o->timeout_ns);
	case 's':
		o->size_given = true;
		return probe_parse_number(ctx, "size", arg, 0, PT_PORT_MAX_PAYLOAD, &o->size);
	case KEY_TTL:
		return probe_parse_number(ctx, "ttl", arg, 1, 255, &o->ttl);
	case 'f':
		o->file = arg;
		return 0;
	case KEY_DIRECTION:
		o->direction = true;
		return 0;
	case KEY_AUTH:
		o->auth_key = arg;
		return 0;
	case KEY_STAMP:
		return probe_parse_number(ctx, "stamp", arg, 1, UINT16_MAX, &o->stamp_port);
	default:
		return probe_way_parse(ctx, key, arg, &o->way);
	}
}

int ping_options_complete(struct pt_ctx *ctx, struct probe_ping_opts *o)
{
	if (!o->interval_ns)
		o->interval_ns = PT_NS_PER_S;
	if (!o->timeout_ns)
		o->timeout_ns = PT_NS_PER_S;
	if (!o->ttl)
		o->ttl = o->stamp_port ? STAMP_TTL : DEFAULT_TTL;
	if (!o->size_given)
		o->size = o->stamp_port ? PT_STAMP_LEN : DEFAULT_SIZE;
	int code = probe_way_complete(ctx, &o->way);
	if (code)
		return code;
	if ((o->auth_key || o->direction) && !o->stamp_port)
		return pt_err_set(&ctx->err, -EINVAL, "--%s is for --stamp",
			o->auth_key ? "auth-key" : "direction");
	if (o->stamp_port && o->size < PT_STAMP_LEN)
		return pt_err_set(&ctx->err, -EINVAL,
			"--size: a STAMP packet has at least %d bytes", PT_STAMP_LEN);
	return 0;
}
