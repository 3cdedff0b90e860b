// SPDX-License-Identifier: MIT
#include "tune/marking.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "net/nft.h"

#define FIXTURE    "nft/marking"
#define KEEP       0xff
#define PROTO_OSPF 89
#define PROTO_VRRP 112
#define WG_DATA    4 // type of WireGuard's data messages
#define MAX_RULES  40
#define BURST      5 // beyond the limit, as nft(8) has it

enum class {
	CONTROL,
	PROBES,
	WIREGUARD,
	ICMP,
	N_CLASS,
};

static const struct {
	const char *name, *key;
} classes[] = {
	[CONTROL] = { "control", "marking.control" },
	[PROBES] = { "probes", "marking.probes" },
	[WIREGUARD] = { "wireguard", "marking.wireguard" },
	[ICMP] = { "icmp", "marking.icmp" },
};

static const struct pt_joined_word words[] = {
	{ "marking.backend", "marking", "nft" },
	{ "marking.wireguard", "wireguard", "keep" },
	{ "marking.wireguard_port", "port", "51820" },
	{ "marking.control", "control", "keep" },
	{ "marking.probes", "probes", "keep" },
	{ "marking.icmp", "icmp", "keep" },
	{ "marking.icmp_limit", "limit", "100" },
};

// What a class takes: a protocol, a port on either side, a type of ICMP.
static const struct match {
	enum class class;
	uint8_t proto;
	uint16_t port; // 0: any
	int16_t type;  // -1: any
} matches[] = {
	{ CONTROL, IPPROTO_TCP, 179, -1 }, // BGP
	{ CONTROL, PROTO_OSPF, 0, -1 },    //
	{ CONTROL, PROTO_VRRP, 0, -1 },    //
	{ PROBES, IPPROTO_UDP, 862, -1 },  // STAMP
	{ PROBES, IPPROTO_UDP, 3784, -1 }, // BFD
	{ PROBES, IPPROTO_UDP, 4784, -1 }, // BFD over several hops
	{ ICMP, IPPROTO_ICMP, 0, 8 },      // echo
	{ ICMP, IPPROTO_ICMP, 0, 0 },      // its reply
	{ ICMP, IPPROTO_ICMPV6, 0, 128 },  //
	{ ICMP, IPPROTO_ICMPV6, 0, 129 },  //
	{ WIREGUARD, IPPROTO_UDP, 0, -1 }, // on its port, data alone
};

struct marking {
	uint8_t dscp[N_CLASS]; // KEEP: none
	uint16_t port;
	uint32_t limit;
};

// ---- text ----

static void get(const char *text, const char *key, char out[PT_KNOB_VALUE])
{
	(void)pt_joined_get(&pt_joined_marking, text, key, out); // the key is of the table
}

static int parse(const char *text, struct marking *out, struct pt_err *err)
{
	char value[PT_KNOB_VALUE];
	uint32_t port, limit;

	get(text, "marking.backend", value);
	if (strcmp(value, "nft") != 0)
		return pt_err_set(err, -EINVAL, "marking.backend: '%s' is not nft", value);
	for (unsigned i = 0; i < N_CLASS; i++) {
		get(text, classes[i].key, value);
		out->dscp[i] = KEEP;
		if (strcmp(value, "keep") != 0 && pt_parse_dscp(value, &out->dscp[i]) < 0)
			return pt_err_set(err, -EINVAL, "%s: '%s' is neither a DSCP nor keep",
				classes[i].key, value);
	}
	get(text, "marking.wireguard_port", value);
	if (pt_parse_u32(value, 1, UINT16_MAX, &port) < 0)
		return pt_err_set(err, -EINVAL, "marking.wireguard_port: '%s' is no port", value);
	get(text, "marking.icmp_limit", value);
	if (pt_parse_u32(value, 1, UINT32_MAX, &limit) < 0)
		return pt_err_set(err, -EINVAL, "marking.icmp_limit: '%s' is no rate", value);
	out->port = (uint16_t)port;
	out->limit = limit;
	return 0;
}

static void put_dscp(uint8_t dscp, char out[8])
{
	const char *name = dscp == KEEP ? "keep" : pt_dscp_name(dscp);

	if (name)
		(void)snprintf(out, 8, "%s", name);
	else
		(void)snprintf(out, 8, "%u", dscp);
}

static void marking_text(const struct marking *m, char out[PT_KNOB_VALUE])
{
	char d[N_CLASS][8];

	for (unsigned i = 0; i < N_CLASS; i++)
		put_dscp(m->dscp[i], d[i]);
	(void)snprintf(out, PT_KNOB_VALUE,
		"marking nft wireguard %s port %u control %s probes %s icmp %s limit %" PRIu32,
		d[WIREGUARD], m->port, d[CONTROL], d[PROBES], d[ICMP], m->limit);
}

static int settle(const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	struct marking m;
	int rc = parse(text, &m, err);

	if (rc == 0)
		marking_text(&m, out);
	return rc;
}

// ---- rules ----

struct rules {
	struct pt_nft_rule rule[MAX_RULES];
	unsigned n;
};

static struct pt_nft_rule *add_rule(struct rules *r, const char *chain)
{
	struct pt_nft_rule *rule = &r->rule[r->n++]; // the tables above fit

	*rule = (struct pt_nft_rule){ .chain = chain };
	return rule;
}

static struct pt_nft_expr *add(struct pt_nft_rule *r, enum pt_nft_kind kind)
{
	struct pt_nft_expr *e = &r->expr[r->n++];

	*e = (struct pt_nft_expr){ .kind = kind };
	return e;
}

static void add_is(struct pt_nft_rule *r, const void *value, uint8_t len)
{
	struct pt_nft_expr *e = add(r, PT_NFT_CMP);

	e->n[0] = NFT_CMP_EQ;
	e->len = len;
	memcpy(e->value[0], value, len);
}

static void add_meta_is(struct pt_nft_rule *r, uint32_t key, uint8_t value)
{
	add(r, PT_NFT_META)->n[0] = key;
	add_is(r, &value, sizeof(value));
}

static void add_load(struct pt_nft_rule *r, uint32_t base, uint32_t offset, uint32_t len)
{
	struct pt_nft_expr *e = add(r, PT_NFT_LOAD);

	e->n[0] = base;
	e->n[1] = offset;
	e->n[2] = len;
}

static void add_mask(struct pt_nft_rule *r, uint16_t and, uint16_t xor)
{
	struct pt_nft_expr *e = add(r, PT_NFT_MASK);

	and = htons(and);
	xor = htons(xor);
	e->n[0] = e->len = sizeof(and);
	memcpy(e->value[0], &and, sizeof(and));
	memcpy(e->value[1], &xor, sizeof(xor));
}

// The first two bytes of a header: the checksum of IPv4 is over words of two.
static const struct family {
	uint8_t proto;
	uint16_t mask;
	unsigned shift;
	uint32_t sum, sum_at;
} families[] = {
	{ NFPROTO_IPV4, 0x00fc, 2, NFT_PAYLOAD_CSUM_INET, 10 },
	{ NFPROTO_IPV6, 0x0fc0, 6, NFT_PAYLOAD_CSUM_NONE, 0 },
};

static void add_mark(
	struct rules *r, const char *chain, const struct family *f, uint8_t dscp, uint32_t limit)
{
	static const uint16_t none = 0;
	struct pt_nft_rule *rule = add_rule(r, chain);

	add_meta_is(rule, NFT_META_NFPROTO, f->proto);
	add_load(rule, NFT_PAYLOAD_NETWORK_HEADER, 0, sizeof(f->mask));
	add_mask(rule, f->mask, 0);
	add_is(rule, &none, sizeof(none)); // somebody's mark stays
	if (limit) {
		struct pt_nft_expr *e = add(rule, PT_NFT_LIMIT);
		e->n[0] = limit;
		e->n[1] = BURST;
	}
	add_load(rule, NFT_PAYLOAD_NETWORK_HEADER, 0, sizeof(f->mask));
	add_mask(rule, (uint16_t)~f->mask, (uint16_t)(dscp << f->shift));
	struct pt_nft_expr *e = add(rule, PT_NFT_STORE);
	e->n[0] = NFT_PAYLOAD_NETWORK_HEADER;
	e->n[2] = sizeof(f->mask);
	e->n[3] = f->sum;
	e->n[4] = f->sum_at;
}

// at: where the port is in the header of the transport.
static void add_match(
	struct rules *r, const char *base, const struct match *m, uint16_t port, uint32_t at)
{
	static const uint8_t data[] = { WG_DATA, 0, 0, 0 };
	struct pt_nft_rule *rule = add_rule(r, base);
	uint16_t wire = htons(port);
	uint8_t type = (uint8_t)m->type;

	add_meta_is(rule, NFT_META_L4PROTO, m->proto);
	if (port) {
		add_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, at, sizeof(wire));
		add_is(rule, &wire, sizeof(wire));
	}
	if (m->type >= 0) {
		add_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(type));
		add_is(rule, &type, sizeof(type));
	}
	if (m->class == WIREGUARD) {
		add_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 8, sizeof(data));
		add_is(rule, data, sizeof(data));
	}
	add(rule, PT_NFT_GOTO)->chain = classes[m->class].name;
}

static void make_rules(const struct marking *want, struct rules *r)
{
	static const char base[] = "out";

	for (size_t i = 0; i < PT_ARRAY_LEN(matches); i++) {
		const struct match *m = &matches[i];
		uint16_t port = m->class == WIREGUARD ? want->port : m->port;
		if (want->dscp[m->class] == KEEP)
			continue;
		add_match(r, base, m, port, 0);
		if (port)
			add_match(r, base, m, port, 2);
	}
	for (unsigned i = 0; i < N_CLASS; i++) {
		for (size_t f = 0; f < PT_ARRAY_LEN(families) && want->dscp[i] != KEEP; f++)
			add_mark(r, classes[i].name, &families[f], want->dscp[i],
				i == ICMP ? want->limit : 0);
	}
}

static void make_table(const struct rules *r, const char *comment, struct pt_nft_table *out)
{
	static const struct pt_nft_chain chains[] = {
		{ "out", true, NF_INET_POST_ROUTING, NF_IP_PRI_MANGLE },
		{ .name = "control" },
		{ .name = "probes" },
		{ .name = "wireguard" },
		{ .name = "icmp" },
	};

	*out = (struct pt_nft_table){ PT_MARKING_TABLE, comment, chains, PT_ARRAY_LEN(chains),
		r->rule, r->n };
}

// ---- the kernel ----

static uint32_t hash_of(const char *text)
{
	uint32_t h = 2166136261u; // FNV-1a: told apart, not proven

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

// The comment says what was put; the rules say whether it still is there.
static bool is_ours(const char *comment, const char *text)
{
	struct rules r = { .n = 0 };
	struct pt_nft_table t;
	struct marking m;
	pt_autobuf ours = { 0 };

	if (parse(comment, &m, NULL) < 0)
		return false;
	make_rules(&m, &r);
	make_table(&r, comment, &t);
	pt_nft_text(&t, &ours);
	return strcmp(pt_buf_str(&ours), text) == 0;
}

static int read_kernel(char out[PT_KNOB_VALUE], struct pt_err *err)
{
	char comment[PT_NFT_COMMENT];
	pt_autobuf text = { 0 };
	int rc = pt_nft_read(PT_MARKING_TABLE, comment, &text, err);

	if (rc == -ENOENT)
		(void)snprintf(out, PT_KNOB_VALUE, "none");
	else if (rc == 0 && is_ours(comment, pt_buf_str(&text)))
		(void)snprintf(out, PT_KNOB_VALUE, "%s", comment);
	else if (rc == 0)
		(void)snprintf(out, PT_KNOB_VALUE, "other %08" PRIx32,
			hash_of(pt_buf_str(&text)) ^ hash_of(comment));
	return rc == -ENOENT ? 0 : rc;
}

static int read_marking(
	const struct pt_host *h, const char *device, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	pt_autobuf text = { 0 };

	(void)device;
	if (!h->root)
		return read_kernel(out, err);
	int rc = pt_host_read(h, FIXTURE, &text);
	if (rc < 0)
		return pt_err_errno(err, rc, FIXTURE);
	(void)snprintf(out, PT_KNOB_VALUE, "%s", pt_buf_str(&text));
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

static int write_marking(
	const struct pt_host *h, const char *device, const char *text, struct pt_err *err)
{
	char line[PT_KNOB_VALUE + 1];
	struct rules r = { .n = 0 };
	struct pt_nft_table t;
	struct marking m;

	(void)device;
	if (pt_joined_is_other(text))
		return pt_err_set(
			err, -EEXIST, "marking: somebody else's table cannot be built again");
	bool none = strcmp(text, "none") == 0;
	int rc = none ? 0 : parse(text, &m, err);
	if (rc < 0)
		return rc;
	if (h->root) {
		(void)snprintf(line, sizeof(line), "%s\n", text);
		rc = pt_host_write(h, FIXTURE, line);
		return rc < 0 ? pt_err_errno(err, rc, FIXTURE) : 0;
	}
	if (none)
		return pt_nft_remove(PT_MARKING_TABLE, err);
	make_rules(&m, &r);
	make_table(&r, text, &t);
	return pt_nft_put(&t, err);
}

const struct pt_joined pt_joined_marking = {
	.key = "marking",
	.mark = "marking ",
	.words = words,
	.n = PT_ARRAY_LEN(words),
	.settle = settle,
	.read = read_marking,
	.write = write_marking,
};
