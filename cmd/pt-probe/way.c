// SPDX-License-Identifier: MIT
#include "way.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"

#define MIN_TIME_NS (100 * PT_NS_PER_US)
#define MAX_TIME_NS (3600 * PT_NS_PER_S)

int probe_parse_time(struct pt_ctx *ctx, const char *name, const char *arg, int64_t *out)
{
	int64_t ns;
	if (pt_parse_duration_ns(arg, PT_NS_PER_S, &ns) || ns < MIN_TIME_NS || ns > MAX_TIME_NS)
		return pt_err_set(&ctx->err, -EINVAL, "--%s: '%s' is no time between 100us and 1h",
			name, arg);
	*out = ns;
	return 0;
}

int probe_parse_number(struct pt_ctx *ctx, const char *name, const char *arg, uint32_t min,
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

int probe_way_parse(struct pt_ctx *ctx, int key, char *arg, struct probe_way *way)
{
	switch (key) {
	case '4':
		way->family = AF_INET;
		return 0;
	case '6':
		way->family = AF_INET6;
		return 0;
	case 'I':
		way->device = arg;
		return 0;
	case 'S':
		if (pt_addr_parse(arg, &way->source))
			return pt_err_set(&ctx->err, -EINVAL, "--source: '%s' is no address", arg);
		return 0;
	case 'm':
		return parse_mark(ctx, arg, &way->mark);
	case PROBE_KEY_DSCP:
		if (pt_parse_dscp(arg, &way->dscp))
			return pt_err_set(&ctx->err, -EINVAL, "--dscp: '%s' is no class", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int probe_way_complete(struct pt_ctx *ctx, struct probe_way *way)
{
	if (way->source.family && way->family && way->source.family != way->family)
		return pt_err_set(&ctx->err, -EINVAL, "--source: not an IPv%c address",
			way->family == AF_INET ? '4' : '6');
	if (way->source.family)
		way->family = way->source.family;
	return 0;
}

int probe_resolve(struct pt_ctx *ctx, const char *name, const struct probe_way *way,
	struct pt_addr *out, uint32_t *scope)
{
	struct addrinfo hints = { .ai_family = way->family, .ai_socktype = SOCK_DGRAM }, *found;
	*scope = 0;
	if (way->family != AF_INET6 && pt_addr_parse(name, out) == 0 && out->family == AF_INET)
		return 0;
	int code = getaddrinfo(name, NULL, &hints, &found);
	if (code)
		return pt_err_set(&ctx->err, -ENOENT, "%s: %s", name,
			code == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(code));
	code = pt_addr_from_sockaddr(found->ai_addr, out, NULL);
	if (found->ai_family == AF_INET6) {
		struct sockaddr_in6 sin6;
		memcpy(&sin6, found->ai_addr, sizeof(sin6));
		*scope = sin6.sin6_scope_id;
		if (!*scope && way->device)
			*scope = if_nametoindex(way->device);
	}
	freeaddrinfo(found);
	return code;
}

int probe_echo_opts(
	struct pt_ctx *ctx, const char *name, const struct probe_way *way, struct pt_echo_opts *out)
{
	*out = (struct pt_echo_opts){
		.device = way->device, .source = way->source, .mark = way->mark, .dscp = way->dscp
	};
	return probe_resolve(ctx, name, way, &out->target, &out->scope);
}
