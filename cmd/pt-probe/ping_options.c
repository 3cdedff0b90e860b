// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "ping.h"
#include "wire/stamp_layout.h"

#define DEFAULT_SIZE    56
#define DEFAULT_TTL     64
#define STAMP_TTL       255 // RFC 8762 section 4.2
#define MIN_INTERVAL_NS (100 * PT_NS_PER_US)
#define MAX_DURATION_NS (3600 * PT_NS_PER_S)

enum { KEY_STAMP = 0x100, KEY_DSCP, KEY_TTL };

const struct argp_option probe_ping_options[] = {
	{ .name = "ipv4", .key = '4', .doc = "IPv4 addresses of the hosts only" },
	{ .name = "ipv6", .key = '6', .doc = "IPv6 addresses of the hosts only" },
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
		.doc = "Later answers count as lost (default 1s)" },
	{ .name = "size",
		.key = 's',
		.arg = "BYTES",
		.doc = "Of ICMP payload (default 56), or of the STAMP packet (44)" },
	{ .name = "dscp", .key = KEY_DSCP, .arg = "CLASS", .doc = "ef, af41, cs6, 0 to 63" },
	{ .name = "ttl", .key = KEY_TTL, .arg = "HOPS", .doc = "Time to live, hop limit" },
	{ .name = "device", .key = 'I', .arg = "DEVICE", .doc = "Send by this device only" },
	{ .name = "source", .key = 'S', .arg = "ADDRESS", .doc = "Send from this address" },
	{ .name = "mark", .key = 'm', .arg = "MARK", .doc = "Packet mark, for policy routing" },
	{ .name = "file",
		.key = 'f',
		.arg = "FILE",
		.doc = "Hosts, one a line; - is standard input, as without any host" },
	{ .name = "stamp",
		.key = KEY_STAMP,
		.arg = "PORT",
		.doc = "STAMP (RFC 8762) to this UDP port instead of ICMP echo" },
	{ 0 },
};

static int parse_time(struct pt_ctx *ctx, const char *name, const char *arg, int64_t *out)
{
	int64_t ns;
	if (pt_parse_duration_ns(arg, PT_NS_PER_S, &ns) || ns < MIN_INTERVAL_NS ||
		ns > MAX_DURATION_NS)
		return pt_err_set(&ctx->err, -EINVAL, "--%s: '%s' is no time between 100us and 1h",
			name, arg);
	*out = ns;
	return 0;
}

static int parse_number(struct pt_ctx *ctx, const char *name, const char *arg, uint32_t min,
	uint32_t max, uint32_t *out)
{
	if (pt_parse_u32(arg, min, max, out))
		return pt_err_set(&ctx->err, -EINVAL, "--%s: '%s' is not within %u to %u", name,
			arg, min, max);
	return 0;
}

// As ip(8) takes them: 17, 0x11.
static int parse_mark(struct pt_ctx *ctx, const char *arg, uint32_t *out)
{
	uint64_t v = 0;
	int code = 0, used = 0;
	if (strncmp(arg, "0x", 2) != 0)
		code = pt_parse_u64(arg, 1, UINT32_MAX, &v);
	else if (sscanf(arg, "0x%10[0-9a-fA-F]%n", (char[11]){ "" }, &used) != 1 || arg[used])
		code = -EINVAL;
	for (const char *c = arg + 2; !code && used && *c; c++)
		v = v << 4 | (uint64_t)(*c <= '9' ? *c - '0' : (*c | 0x20) - 'a' + 10);
	if (code || v == 0 || v > UINT32_MAX)
		return pt_err_set(&ctx->err, -EINVAL, "--mark: '%s' is no mark", arg);
	*out = (uint32_t)v;
	return 0;
}

int probe_ping_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_ping_opts *o = opts;
	switch (key) {
	case '4':
		o->family = AF_INET;
		return 0;
	case '6':
		o->family = AF_INET6;
		return 0;
	case 'c':
		if (pt_parse_u64(arg, 1, UINT32_MAX, &o->count))
			return pt_err_set(&ctx->err, -EINVAL, "--count: '%s' is no count", arg);
		return 0;
	case 'i':
		return parse_time(ctx, "interval", arg, &o->interval_ns);
	case 'W':
		return parse_time(ctx, "timeout", arg, &o->timeout_ns);
	case 's':
		o->size_given = true;
		return parse_number(ctx, "size", arg, 0, PT_PORT_MAX_PAYLOAD, &o->size);
	case KEY_DSCP:
		if (pt_parse_dscp(arg, &o->dscp))
			return pt_err_set(&ctx->err, -EINVAL, "--dscp: '%s' is no class", arg);
		return 0;
	case KEY_TTL:
		return parse_number(ctx, "ttl", arg, 1, 255, &o->ttl);
	case 'I':
		o->device = arg;
		return 0;
	case 'S':
		if (pt_addr_parse(arg, &o->source))
			return pt_err_set(&ctx->err, -EINVAL, "--source: '%s' is no address", arg);
		return 0;
	case 'm':
		return parse_mark(ctx, arg, &o->mark);
	case 'f':
		o->file = arg;
		return 0;
	case KEY_STAMP:
		return parse_number(ctx, "stamp", arg, 1, UINT16_MAX, &o->stamp_port);
	default:
		return ARGP_ERR_UNKNOWN;
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
	if (o->source.family && o->family && o->source.family != o->family)
		return pt_err_set(&ctx->err, -EINVAL, "--source: not an IPv%c address",
			o->family == AF_INET ? '4' : '6');
	if (o->source.family)
		o->family = o->source.family;
	if (o->stamp_port && o->size < PT_STAMP_LEN)
		return pt_err_set(&ctx->err, -EINVAL,
			"--size: a STAMP packet has at least %d bytes", PT_STAMP_LEN);
	return 0;
}
