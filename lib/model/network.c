// SPDX-License-Identifier: MIT
#include "model/network.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/node.h"

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
		.doc = "Its edge router, as `edge` of config.yaml names it" },
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
		.doc = "For the strategy `cheapest`: lower is cheaper" },
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
		.doc = "IPv4 gateway on that device; none on a layer 3 device" },
	{ .key = "next_hop6",
		.kind = PT_KIND_ADDR,
		PT_FIELD_AT(struct pt_path, next_hop6),
		.doc = "IPv6 gateway on that device; none on a layer 3 device" },
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
		.doc = "Places with an edge router, and `internet`" },
	ROWS(uplinks, pt_uplink_schema, "Ways out of a site"),
	ROWS(paths, pt_path_schema, "Ways from one site to another"),
	ROWS(policies, pt_policy_schema, "Traffic classes and what they need"),
};
const struct pt_schema pt_network_schema = SCHEMA(network);

static bool is_json(const struct pt_buf *text)
{
	size_t i = 0;

	while (i < text->len && isspace((unsigned char)text->data[i]))
		i++;
	return i < text->len && text->data[i] == '{';
}

static int load_json(const char *path, const struct pt_buf *text, struct pt_arena *a,
	struct pt_network *out, struct pt_err *err)
{
	json_error_t je;
	pt_autojson json_t *j = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &je);

	if (!j)
		return pt_err_set(err, -EINVAL, "%s:%d:%d: %s", path, je.line, je.column, je.text);
	int rc = pt_json_read(j, &pt_network_schema, a, out, err);
	if (rc < 0)
		(void)pt_err_wrap(err, "%s", path);
	return rc;
}

int pt_network_load(
	const char *path, struct pt_arena *a, struct pt_network *out, struct pt_err *err)
{
	pt_autobuf text = { 0 };
	struct pt_network n = { 0 };
	struct pt_marks *marks = NULL;

	int rc = pt_file_read(path, &text, err);
	if (rc < 0)
		return rc;
	if (is_json(&text)) {
		marks = pt_marks_new(a, path);
		rc = load_json(path, &text, a, &n, err);
	} else {
		rc = pt_yaml_parse(
			path, pt_buf_str(&text), text.len, &pt_network_schema, a, &marks, &n, err);
	}
	if (rc == 0)
		rc = pt_network_check(&n, a, marks, err);
	if (rc == 0)
		*out = n;
	return rc;
}

// Every row begins with its id, so one search serves all four tables.
_Static_assert(offsetof(struct pt_site, id) == 0 && offsetof(struct pt_uplink, id) == 0 &&
		offsetof(struct pt_path, id) == 0 && offsetof(struct pt_policy, id) == 0,
	"ids come first");

static int id_cmp(const void *key, const void *row)
{
	return strcmp(key, *(const char *const *)row);
}

static const void *find_linear(const void *rows, uint32_t n, size_t size, const char *id)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *row = (const char *)rows + i * size;
		if (id_cmp(id, row) == 0)
			return row;
	}
	return NULL;
}

static const void *find(
	const struct pt_network *n, const void *rows, uint32_t count, size_t size, const char *id)
{
	if (!id || !count)
		return NULL;
	return n->by_pair ? bsearch(id, rows, count, size, id_cmp)
			  : find_linear(rows, count, size, id);
}

const struct pt_site *pt_network_site(const struct pt_network *n, const char *id)
{
	return find(n, n->sites, n->n_sites, sizeof(*n->sites), id);
}

const struct pt_uplink *pt_network_uplink(const struct pt_network *n, const char *id)
{
	return find(n, n->uplinks, n->n_uplinks, sizeof(*n->uplinks), id);
}

const struct pt_path *pt_network_path(const struct pt_network *n, const char *id)
{
	return find(n, n->paths, n->n_paths, sizeof(*n->paths), id);
}

const struct pt_policy *pt_network_policy(const struct pt_network *n, const char *id)
{
	// By priority, not by id; but there are few.
	return id ? find_linear(n->policies, n->n_policies, sizeof(*n->policies), id) : NULL;
}

static const struct pt_site *site_of_edge(const struct pt_network *n, const char *edge)
{
	for (uint32_t i = 0; i < n->n_sites; i++) {
		const struct pt_site *s = &n->sites[i];
		if (strcmp(s->edge ? s->edge : s->id, edge) == 0)
			return s;
	}
	return NULL;
}

const struct pt_site *pt_network_self(const struct pt_network *n, const char *edge)
{
	char host[HOST_NAME_MAX + 1] = { 0 };

	if (edge)
		return site_of_edge(n, edge);
	if (gethostname(host, sizeof(host) - 1) < 0)
		return NULL;
	const struct pt_site *s = site_of_edge(n, host);
	if (s)
		return s;
	host[strcspn(host, ".")] = '\0'; // edge1.example.net is edge1
	return site_of_edge(n, host);
}

static uint32_t prefer_rank(const struct pt_policy *policy, const char *uplink)
{
	uint32_t i = 0;

	if (!policy)
		return 0;
	while (i < policy->n_prefer && strcmp(policy->prefer[i], uplink) != 0)
		i++;
	return i;
}

static bool ranks_before(
	const struct pt_policy *policy, const struct pt_path *a, const struct pt_path *b)
{
	uint32_t ra = prefer_rank(policy, a->uplink), rb = prefer_rank(policy, b->uplink);

	if (ra != rb)
		return ra < rb;
	if (a->preference != b->preference)
		return a->preference > b->preference;
	return strcmp(a->id, b->id) < 0;
}

static bool joins(const struct pt_path *p, const struct pt_site *from, const struct pt_site *to)
{
	return strcmp(p->source, from->id) == 0 && strcmp(p->dest, to->id) == 0;
}

// Keeps the best `max` of those offered, in order.
static void offer(const struct pt_policy *policy, const struct pt_path *p,
	const struct pt_path **out, uint32_t have, uint32_t max)
{
	uint32_t i = have < max ? have : max;

	if (i == max && (max == 0 || !ranks_before(policy, p, out[max - 1])))
		return;
	if (i == max)
		i--;
	for (; i > 0 && ranks_before(policy, p, out[i - 1]); i--)
		out[i] = out[i - 1];
	out[i] = p;
}

// First path of by_pair that does not sort before (self, dest).
static uint32_t pair_start(
	const struct pt_network *n, const struct pt_site *self, const struct pt_site *dest)
{
	uint32_t lo = 0, hi = n->n_paths;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = strcmp(n->by_pair[mid]->source, self->id);
		if (c == 0)
			c = strcmp(n->by_pair[mid]->dest, dest->id);
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t pt_network_candidates(const struct pt_network *n, const struct pt_site *self,
	const struct pt_site *dest, const struct pt_policy *policy, const struct pt_path **out,
	uint32_t max)
{
	uint32_t have = 0;

	if (n->by_pair) {
		for (uint32_t i = pair_start(n, self, dest);
			i < n->n_paths && joins(n->by_pair[i], self, dest); i++)
			offer(policy, n->by_pair[i], out, have++, max);
		return have;
	}
	for (uint32_t i = 0; i < n->n_paths; i++) {
		if (joins(&n->paths[i], self, dest))
			offer(policy, &n->paths[i], out, have++, max);
	}
	return have;
}
