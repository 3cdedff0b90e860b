// SPDX-License-Identifier: MIT
// The keys of network.yaml: where each lives, what it may hold, what it means.
#include <netinet/in.h>

#include "base/cleanup.h"
#include "model/network.h"

#define SCHEMA(type)                                                                      \
	{                                                                                 \
		.name = #type, .size = sizeof(struct pt_##type), .fields = type##_fields, \
		.n = PT_ARRAY_LEN(type##_fields)                                          \
	}
#define ID(type, text)                                                               \
	{                                                                            \
		.key = "id", .kind = PT_KIND_STR, PT_FIELD_AT(struct pt_##type, id), \
		.flags = PT_FIELD_REQUIRED | PT_FIELD_ID, .doc = (text)              \
	}

const char *const pt_path_status_names[] = {
	[PT_STATUS_UNKNOWN] = "unknown",
	[PT_STATUS_UP] = "up",
	[PT_STATUS_DOWN] = "down",
	[PT_STATUS_MAINTENANCE] = "maintenance",
	NULL,
};
const char *const pt_strategy_names[] = {
	[PT_STRATEGY_ORDERED] = "ordered",
	[PT_STRATEGY_BEST] = "best",
	[PT_STRATEGY_CHEAPEST] = "cheapest",
	[PT_STRATEGY_WEIGHTED] = "weighted",
	[PT_STRATEGY_PINNED] = "pinned",
	NULL,
};
static const char *const none_inside_names[] = {
	[PT_NONE_BEST_OF_WORST] = "best-of-worst",
	[PT_NONE_BACKUP] = "backup",
	[PT_NONE_DROP] = "drop",
	NULL,
};
static const char *const protocol_names[] = {
	[PT_PROTO_ANY] = "any",
	[PT_PROTO_TCP] = "tcp",
	[PT_PROTO_UDP] = "udp",
	[PT_PROTO_ICMP] = "icmp",
	[PT_PROTO_ICMP6] = "icmp6",
	[PT_PROTO_SCTP] = "sctp",
	NULL,
};

uint8_t pt_protocol_number(int protocol)
{
	static const uint8_t numbers[] = {
		[PT_PROTO_ANY] = 0,
		[PT_PROTO_TCP] = IPPROTO_TCP,
		[PT_PROTO_UDP] = IPPROTO_UDP,
		[PT_PROTO_ICMP] = IPPROTO_ICMP,
		[PT_PROTO_ICMP6] = IPPROTO_ICMPV6,
		[PT_PROTO_SCTP] = IPPROTO_SCTP,
	};

	return protocol >= 0 && (size_t)protocol < PT_ARRAY_LEN(numbers) ? numbers[protocol] : 0;
}

static const struct pt_field site_fields[] = {
	ID(site, "Name of the site in every reference"),
	{ .key = "name",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_site, name),
		.doc = "Name for people; the id where absent" },
	{ .key = "edge",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_site, edge),
		.flags = PT_FIELD_ID,
		.doc = "Its edge router, as edge in config.yaml names it" },
	{ .key = "lan",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_STR,
		PT_FIELD_LIST_AT(struct pt_site, lan, n_lan),
		.doc = "Devices of the edge on which traffic to steer arrives" },
	{ .key = "prefixes",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_PREFIX,
		PT_FIELD_LIST_AT(struct pt_site, prefixes, n_prefixes),
		.doc = "What the site holds; the longest match of all sites wins" },
	{ .key = "preference",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_site, preference),
		.min = -1000000,
		.max = 1000000,
		.doc = "Decides between sites with an equal prefix: higher wins" },
};
const struct pt_schema pt_site_schema = SCHEMA(site);

static const struct pt_field uplink_fields[] = {
	ID(uplink, "Name of the uplink in every reference"),
	{ .key = "site",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_uplink, site),
		.flags = PT_FIELD_REQUIRED | PT_FIELD_ID,
		.doc = "The site that it serves" },
	{ .key = "device",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_uplink, device),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Its network device on the edge" },
	{ .key = "cost",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_uplink, cost),
		.min = 0,
		.max = 1000000000,
		.doc = "For the strategy cheapest: lower is cheaper" },
	{ .key = "rate_bps",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_uplink, rate_bps),
		.flags = PT_FIELD_NULLABLE,
		.min = 1,
		.max = INT64_C(1000000000000000),
		.def = PT_NULL,
		.unit = "bit/s",
		.doc = "What it can carry" },
};
const struct pt_schema pt_uplink_schema = SCHEMA(uplink);

static const struct pt_field path_fields[] = {
	ID(path, "Name of the path in every reference"),
	{ .key = "source",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_path, source),
		.flags = PT_FIELD_REQUIRED | PT_FIELD_ID,
		.doc = "Site that it leaves from" },
	{ .key = "dest",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_path, dest),
		.flags = PT_FIELD_REQUIRED | PT_FIELD_ID,
		.doc = "Site that it leads to" },
	{ .key = "uplink",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_path, uplink),
		.flags = PT_FIELD_REQUIRED | PT_FIELD_ID,
		.doc = "Uplink of the source it uses" },
	{ .key = "device",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_path, device),
		.doc = "Device that it leaves by, such as a tunnel; the uplink's where absent" },
	{ .key = "next_hop",
		.kind = PT_KIND_ADDR,
		PT_FIELD_AT(struct pt_path, next_hop),
		.doc = "IPv4 gateway on that device; without it only layer 3 devices carry IPv4" },
	{ .key = "next_hop6",
		.kind = PT_KIND_ADDR,
		PT_FIELD_AT(struct pt_path, next_hop6),
		.doc = "IPv6 gateway on that device; without it only layer 3 devices carry IPv6" },
	{ .key = "target",
		.kind = PT_KIND_ADDR,
		PT_FIELD_AT(struct pt_path, target),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Address at the far end that answers probes" },
	{ .key = "port",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_path, port),
		.min = 1,
		.max = UINT16_MAX,
		.def = PT_STAMP_PORT,
		.doc = "UDP port of the far reflector" },
	{ .key = "dscp",
		.kind = PT_KIND_DSCP,
		PT_FIELD_AT(struct pt_path, dscp),
		.doc = "Code point of the probes" },
	{ .key = "ssid",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_path, ssid),
		.flags = PT_FIELD_NULLABLE,
		.min = 1,
		.max = UINT16_MAX,
		.def = PT_NULL,
		.doc = "STAMP session, RFC 8972; made from the id where absent" },
	{ .key = "mtu",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_path, mtu),
		.flags = PT_FIELD_NULLABLE,
		.min = 576,
		.max = 65535,
		.def = PT_NULL,
		.unit = "bytes",
		.doc = "Largest packet; the device's where absent" },
	{ .key = "preference",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_path, preference),
		.min = -1000000,
		.max = 1000000,
		.doc = "Order where a policy names none: higher first" },
	{ .key = "maintenance",
		.kind = PT_KIND_BOOL,
		PT_FIELD_AT(struct pt_path, maintenance),
		.doc = "Keeps user traffic off the path" },
};
const struct pt_schema pt_path_schema = SCHEMA(path);

static const struct pt_field match_fields[] = {
	{ .key = "protocol",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_match, protocol),
		.names = protocol_names,
		.doc = "IP protocol" },
	{ .key = "dscp",
		.kind = PT_KIND_DSCP,
		PT_FIELD_AT(struct pt_match, dscp),
		.flags = PT_FIELD_NULLABLE,
		.def = PT_NULL,
		.doc = "Code point; any where absent" },
	{ .key = "src_ports",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_PORTS,
		PT_FIELD_LIST_AT(struct pt_match, src_ports, n_src_ports),
		.max = 64,
		.doc = "Source ports and ranges; any where absent" },
	{ .key = "dst_ports",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_PORTS,
		PT_FIELD_LIST_AT(struct pt_match, dst_ports, n_dst_ports),
		.max = 64,
		.doc = "Destination ports and ranges; any where absent" },
};
static const struct pt_schema match_schema = SCHEMA(match);

static const struct pt_field sla_fields[] = {
	{ .key = "loss_ppm",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_sla, loss_ppm),
		.flags = PT_FIELD_NULLABLE,
		.min = 0,
		.max = 1000000,
		.def = PT_NULL,
		.unit = "ppm",
		.doc = "Loss at most" },
	{ .key = "rtt_ms",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_sla, rtt_ms),
		.flags = PT_FIELD_NULLABLE,
		.min = 1,
		.max = 60000,
		.def = PT_NULL,
		.unit = "ms",
		.doc = "Round trip at most, 95th percentile" },
	{ .key = "jitter_ms",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_sla, jitter_ms),
		.flags = PT_FIELD_NULLABLE,
		.min = 1,
		.max = 60000,
		.def = PT_NULL,
		.unit = "ms",
		.doc = "Jitter at most" },
	{ .key = "stale_secs",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_sla, stale_secs),
		.flags = PT_FIELD_NULLABLE,
		.min = 1,
		.max = 86400,
		.def = 30,
		.unit = "s",
		.doc = "Records older than this are no data" },
};
static const struct pt_schema sla_schema = SCHEMA(sla);

static const struct pt_field policy_fields[] = {
	ID(policy, "Name of the policy"),
	{ .key = "priority",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_policy, priority),
		.min = 0,
		.max = PT_MAX_PRIORITY,
		.def = 100,
		.doc = "Lower is matched first, then by id" },
	{ .key = "match",
		.kind = PT_KIND_OBJECT,
		PT_FIELD_AT(struct pt_policy, match),
		.sub = &match_schema,
		.doc = "Packets that it governs; all where absent" },
	{ .key = "sla",
		.kind = PT_KIND_OBJECT,
		PT_FIELD_AT(struct pt_policy, sla),
		.sub = &sla_schema,
		.doc = "What a path must keep to serve it" },
	{ .key = "strategy",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_policy, strategy),
		.names = pt_strategy_names,
		.doc = "How paths inside the SLA are ranked" },
	{ .key = "none_inside",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_policy, none_inside),
		.names = none_inside_names,
		.doc = "What holds when no path is inside the SLA" },
	{ .key = "prefer",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_STR,
		PT_FIELD_LIST_AT(struct pt_policy, prefer, n_prefer),
		.doc = "Uplinks, best first; the others follow by preference" },
	{ .key = "margin_percent",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_policy, margin_percent),
		.min = 0,
		.max = 1000,
		.def = 10,
		.unit = "%",
		.doc = "A challenger must beat the incumbent's score by this much" },
	{ .key = "cooldown_secs",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_policy, cooldown_secs),
		.flags = PT_FIELD_NULLABLE,
		.min = 0,
		.max = 86400,
		.def = PT_NULL,
		.unit = "s",
		.doc = "Between two changes of order; failover.cooldown_period_secs where absent" },
};
const struct pt_schema pt_policy_schema = SCHEMA(policy);

#define ROWS(key_, schema, text)                                                       \
	{                                                                              \
		.key = #key_, .kind = PT_KIND_LIST, .item = PT_KIND_OBJECT,            \
		PT_FIELD_LIST_AT(struct pt_network, key_, n_##key_), .sub = &(schema), \
		.doc = (text)                                                          \
	}
static const struct pt_field network_fields[] = {
	{ .key = "sites",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_OBJECT,
		PT_FIELD_LIST_AT(struct pt_network, sites, n_sites),
		.sub = &pt_site_schema,
		.flags = PT_FIELD_REQUIRED,
		.doc = "Places with an edge router, and the internet" },
	ROWS(uplinks, pt_uplink_schema, "Ways out of a site"),
	ROWS(paths, pt_path_schema, "Ways from one site to another"),
	ROWS(policies, pt_policy_schema, "Traffic classes and what they need"),
};
const struct pt_schema pt_network_schema = SCHEMA(network);
