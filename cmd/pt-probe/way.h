// SPDX-License-Identifier: MIT
// How packets of ping, mtu and trace leave, and hosts as people name them: the options that these
// verbs share.
#pragma once
#include <argp.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cli.h"
#include "probe/echo.h"

struct probe_way {
	int family; // 0: either
	const char *device;
	struct pt_addr source; // family 0: as routed
	uint32_t mark;
	uint8_t dscp;
};

enum { PROBE_KEY_DSCP = 0x200 };

#define PROBE_WAY_OPTIONS                                                                  \
	{ .name = "ipv4", .key = '4', .doc = "IPv4 addresses of the hosts only" },         \
		{ .name = "ipv6", .key = '6', .doc = "IPv6 addresses of the hosts only" }, \
		{ .name = "dscp",                                                          \
			.key = PROBE_KEY_DSCP,                                             \
			.arg = "CLASS",                                                    \
			.doc = "ef, af41, cs6, 0 to 63" },                                 \
		{ .name = "device",                                                        \
			.key = 'I',                                                        \
			.arg = "DEVICE",                                                   \
			.doc = "Send by this device only" },                               \
		{ .name = "source",                                                        \
			.key = 'S',                                                        \
			.arg = "ADDRESS",                                                  \
			.doc = "Send from this address" },                                 \
	{                                                                                  \
		.name = "mark", .key = 'm', .arg = "MARK",                                 \
		.doc = "Packet mark, for policy routing"                                   \
	}

// 0, -EINVAL with the error set, or ARGP_ERR_UNKNOWN: none of these options.
int probe_way_parse(struct pt_ctx *ctx, int key, char *arg, struct probe_way *way);
// After all options: a source has its family. -EINVAL.
int probe_way_complete(struct pt_ctx *ctx, struct probe_way *way);

// Options of several verbs; name without its dashes, for the error.
int probe_parse_time(struct pt_ctx *ctx, const char *name, const char *arg, int64_t *ns);
int probe_parse_number(struct pt_ctx *ctx, const char *name, const char *arg, uint32_t min,
	uint32_t max, uint32_t *out);

// *scope: interface index of a link-local address, that of the way's device where the name tells
// none; else 0.
int probe_resolve(struct pt_ctx *ctx, const char *name, const struct probe_way *way,
	struct pt_addr *out, uint32_t *scope);
// The host and the way, for echoes.
int probe_echo_opts(struct pt_ctx *ctx, const char *name, const struct probe_way *way,
	struct pt_echo_opts *out);
