// SPDX-License-Identifier: MIT
// What no single field of a network can show. Every table is sorted once, so that a fleet of
// thousands of sites is checked in n log n.
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/network_index.h"

// The kernel's rule for names of devices.
static bool device_ok(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > 15 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s; s++) {
		if (*s == '/' || *s == ':' || isspace((unsigned char)*s))
			return false;
	}
	return true;
}

#define NOT_A_DEVICE "\"%s\" is not a device: 1 to 15 characters without / : or space"

static int check_lan(struct pt_check *c, uint32_t i)
{
	const struct pt_site *s = &c->n->sites[i];

	for (uint32_t k = 0; k < s->n_lan; k++) {
		if (!device_ok(s->lan[k]))
			return pt_check_bad(c, &s->lan[k], s,
				"sites[%" PRIu32 "].lan[%" PRIu32 "]: " NOT_A_DEVICE, i, k,
				s->lan[k]);
		for (uint32_t l = 0; l < k; l++) {
			if (strcmp(s->lan[k], s->lan[l]) == 0)
				return pt_check_bad(c, &s->lan[k], s,
					"sites[%" PRIu32 "].lan[%" PRIu32
					"]: \"%s\" is given twice",
					i, k, s->lan[k]);
		}
	}
	return 0;
}

static const char *edge_of(const struct pt_site *s)
{
	return s->edge ? s->edge : s->id;
}

static int by_edge(const void *a, const void *b)
{
	const struct pt_site *sa = *(const struct pt_site *const *)a;
	const struct pt_site *sb = *(const struct pt_site *const *)b;
	int c = strcmp(edge_of(sa), edge_of(sb));

	return c ? c : (sa > sb) - (sa < sb);
}

static int check_sites(struct pt_check *c)
{
	const struct pt_network *n = c->n;
	const struct pt_site **edges = pt_arena_alloc(
		&c->scratch, (n->n_sites + 1) * sizeof(*edges));

	for (uint32_t i = 0; i < n->n_sites; i++) {
		int rc = check_lan(c, i);
		if (rc < 0)
			return rc;
		edges[i] = &n->sites[i];
	}
	if (n->n_sites)
		qsort(edges, n->n_sites, sizeof(*edges), by_edge);
	for (uint32_t i = 1; i < n->n_sites; i++) {
		const struct pt_site *s = edges[i];
		if (strcmp(edge_of(edges[i - 1]), edge_of(s)) == 0)
			return pt_check_bad(c, &s->edge, s,
				"sites[%" PRIu32 "].edge: \"%s\" is the edge of site \"%s\"",
				pt_index_position(&c->sites, s), edge_of(s), edges[i - 1]->id);
	}
	return 0;
}

struct owned {
	const struct pt_prefix *prefix;
	const struct pt_site *site;
};

static int by_prefix(const void *a, const void *b)
{
	const struct owned *oa = a, *ob = b;
	int c = pt_prefix_cmp(oa->prefix, ob->prefix);

	if (c)
		return c;
	if (oa->site->preference != ob->site->preference)
		return oa->site->preference < ob->site->preference ? -1 : 1;
	if (oa->site != ob->site)
		return oa->site < ob->site ? -1 : 1;
	return (oa->prefix > ob->prefix) - (oa->prefix < ob->prefix);
}

// Longest match decides between unlike prefixes; between equal ones only a preference can.
static int check_prefixes(struct pt_check *c)
{
	const struct pt_network *n = c->n;
	char text[PT_PREFIX_LEN];
	size_t total = 0;

	for (uint32_t i = 0; i < n->n_sites; i++)
		total += n->sites[i].n_prefixes;
	struct owned *all = pt_arena_alloc(&c->scratch, (total + 1) * sizeof(*all));
	size_t k = 0;
	for (uint32_t i = 0; i < n->n_sites; i++) {
		for (uint32_t j = 0; j < n->sites[i].n_prefixes; j++)
			all[k++] = (struct owned){ &n->sites[i].prefixes[j], &n->sites[i] };
	}
	if (total)
		qsort(all, total, sizeof(*all), by_prefix);
	for (k = 1; k < total; k++) {
		const struct owned *o = &all[k], *before = &all[k - 1];
		if (pt_prefix_cmp(o->prefix, before->prefix) != 0 ||
			o->site->preference != before->site->preference)
			continue;
		pt_prefix_format(o->prefix, text);
		uint32_t i = pt_index_position(&c->sites, o->site),
			 j = (uint32_t)(o->prefix - o->site->prefixes);
		if (o->site == before->site)
			return pt_check_bad(c, o->prefix, o->site,
				"sites[%" PRIu32 "].prefixes[%" PRIu32 "]: %s is given twice", i, j,
				text);
		return pt_check_bad(c, o->prefix, o->site,
			"sites[%" PRIu32 "].prefixes[%" PRIu32
			"]: %s is also site \"%s\"'s: give one of them a higher preference",
			i, j, text, before->site->id);
	}
	return 0;
}

static int check_uplinks(struct pt_check *c)
{
	for (uint32_t i = 0; i < c->n->n_uplinks; i++) {
		const struct pt_uplink *u = &c->n->uplinks[i];
		struct pt_reference r = { &c->uplinks, u, "site", &u->site, &c->sites, "site" };
		const void *site;
		int rc = pt_index_refer(c, &r, u->site, &site);
		if (rc < 0)
			return rc;
		if (!device_ok(u->device))
			return pt_check_bad(c, &u->device, u,
				"uplinks[%" PRIu32 "].device: " NOT_A_DEVICE, i, u->device);
		const struct pt_site *s = site;
		for (uint32_t k = 0; k < s->n_lan; k++) {
			if (strcmp(s->lan[k], u->device) == 0)
				return pt_check_bad(c, &u->device, u,
					"uplinks[%" PRIu32
					"].device: \"%s\" is a lan device of site \"%s\"",
					i, u->device, s->id);
		}
	}
	return 0;
}

static bool reachable(const struct pt_addr *a)
{
	static const uint8_t zero[16];
	bool v4 = a->family == AF_INET;

	if (memcmp(a->bytes, zero, v4 ? 4 : 16) == 0)
		return false;
	return v4 ? a->bytes[0] < 224 : a->bytes[0] != 0xff; // not multicast, not reserved
}

static int check_addresses(struct pt_check *c, uint32_t i)
{
	const struct pt_path *p = &c->n->paths[i];
	const struct {
		const struct pt_addr *addr;
		const char *key;
		int family; // AF_UNSPEC: either
	} fields[] = {
		{ &p->target, "target", AF_UNSPEC },
		{ &p->next_hop, "next_hop", AF_INET },
		{ &p->next_hop6, "next_hop6", AF_INET6 },
	};

	for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
		const struct pt_addr *a = fields[k].addr;
		char text[PT_ADDR_LEN];
		if (!a->family || a->family == PT_ADDR_AUTO)
			continue;
		pt_addr_format(a, text);
		if (!reachable(a))
			return pt_check_bad(c, a, p,
				"paths[%" PRIu32 "].%s: %s is not the address of a host", i,
				fields[k].key, text);
		if (fields[k].family != AF_UNSPEC && a->family != fields[k].family)
			return pt_check_bad(c, a, p,
				"paths[%" PRIu32 "].%s: %s is of the other family, use %s", i,
				fields[k].key, text,
				a->family == AF_INET ? "next_hop" : "next_hop6");
	}
	return 0;
}

static int check_path(struct pt_check *c, uint32_t i)
{
	struct pt_path *p = &c->n->paths[i];
	struct pt_reference source = { &c->paths, p, "source", &p->source, &c->sites, "site" };
	struct pt_reference dest = { &c->paths, p, "dest", &p->dest, &c->sites, "site" };
	struct pt_reference uplink = { &c->paths, p, "uplink", &p->uplink, &c->uplinks, "uplink" };
	const void *found;

	int rc = pt_index_refer(c, &source, p->source, &found);
	if (rc == 0)
		rc = pt_index_refer(c, &dest, p->dest, &found);
	if (rc == 0)
		rc = pt_index_refer(c, &uplink, p->uplink, &found);
	if (rc < 0)
		return rc;
	const struct pt_uplink *u = found;
	if (strcmp(p->source, p->dest) == 0)
		return pt_check_bad(c, &p->dest, p,
			"paths[%" PRIu32 "].dest: \"%s\" is its own source", i, p->dest);
	if (strcmp(u->site, p->source) != 0)
		return pt_check_bad(c, &p->uplink, p,
			"paths[%" PRIu32 "].uplink: \"%s\" is of site \"%s\", not of the source "
			"\"%s\"",
			i, u->id, u->site, p->source);
	if (p->device && !device_ok(p->device))
		return pt_check_bad(
			c, &p->device, p, "paths[%" PRIu32 "].device: " NOT_A_DEVICE, i, p->device);
	return check_addresses(c, i);
}

// FNV-1a folded to 1..65535: both edges derive the same session from the same file.
static uint32_t ssid_of(const char *id)
{
	uint32_t h = UINT32_C(0x811c9dc5);

	for (; *id; id++) {
		h ^= (unsigned char)*id;
		h *= UINT32_C(0x01000193);
	}
	return ((h >> 16) ^ (h & 0xffff)) % UINT16_MAX + 1;
}

static int check_ssids(struct pt_check *c)
{
	const struct pt_path **owner = pt_arena_alloc(
		&c->scratch, (UINT16_MAX + 1) * sizeof(*owner));

	for (uint32_t i = 0; i < c->n->n_paths; i++) {
		const struct pt_path *p = &c->n->paths[i];
		if (p->ssid == PT_NULL)
			continue;
		if (owner[p->ssid])
			return pt_check_bad(c, &p->ssid, p,
				"paths[%" PRIu32 "].ssid: %" PRId64 " is taken by path \"%s\"", i,
				p->ssid, owner[p->ssid]->id);
		owner[p->ssid] = p;
	}
	for (uint32_t i = 0; i < c->n->n_paths; i++) { // in the order of ids, whatever the file's
		struct pt_path *p = &c->n->paths[pt_index_position(&c->paths, c->paths.rows[i])];
		uint32_t ssid = ssid_of(p->id);
		if (p->ssid != PT_NULL)
			continue;
		while (owner[ssid]) // ends: there are fewer paths than sessions
			ssid = ssid % UINT16_MAX + 1;
		owner[ssid] = p;
		p->ssid = ssid;
	}
	return 0;
}

static int check_paths(struct pt_check *c)
{
	for (uint32_t i = 0; i < c->n->n_paths; i++) {
		int rc = check_path(c, i);
		if (rc < 0)
			return rc;
	}
	return check_ssids(c);
}

static bool has_ports(int protocol)
{
	return protocol == PT_PROTO_TCP || protocol == PT_PROTO_UDP || protocol == PT_PROTO_SCTP;
}

static int check_treatment(struct pt_check *c, uint32_t i)
{
	const struct pt_policy *p = &c->n->policies[i];
	uint32_t priority;

	if (p->n_weights > p->n_prefer)
		return pt_check_bad(c, &p->weights, p,
			"policies[%" PRIu32 "].weights: more than uplinks in prefer", i);
	for (uint32_t k = 0; k < p->n_weights; k++)
		if (p->weights[k] < 1 || p->weights[k] > PT_MAX_WEIGHT)
			return pt_check_bad(c, &p->weights, p,
				"policies[%" PRIu32 "].weights[%" PRIu32
				"]: has to be from 1 to %d",
				i, k, PT_MAX_WEIGHT);
	if (p->tc_class && pt_tc_class_parse(p->tc_class, &priority))
		return pt_check_bad(c, &p->tc_class, p,
			"policies[%" PRIu32
			"].class: two hexadecimal numbers such as 1:10, not \"%s\"",
			i, p->tc_class);
	return 0;
}

static int check_policy(struct pt_check *c, uint32_t i)
{
	const struct pt_policy *p = &c->n->policies[i];
	int bad = check_treatment(c, i);

	if (bad < 0)
		return bad;

	if ((p->match.n_src_ports || p->match.n_dst_ports) && !has_ports(p->match.protocol))
		return pt_check_bad(c,
			p->match.n_src_ports ? &p->match.src_ports : &p->match.dst_ports, p,
			"policies[%" PRIu32
			"].match: ports need a protocol that has them: tcp, udp or sctp",
			i);
	if (p->strategy == PT_STRATEGY_PINNED && !p->n_prefer)
		return pt_check_bad(c, &p->strategy, p,
			"policies[%" PRIu32 "].strategy: pinned needs prefer", i);
	for (uint32_t k = 0; k < p->n_prefer; k++) {
		char field[32];
		(void)snprintf(field, sizeof(field), "prefer[%" PRIu32 "]", k);
		struct pt_reference r = { &c->policies, p, field, &p->prefer[k], &c->uplinks,
			"uplink" };
		const void *found;
		int rc = pt_index_refer(c, &r, p->prefer[k], &found);
		if (rc < 0)
			return rc;
		for (uint32_t l = 0; l < k; l++) {
			if (strcmp(p->prefer[k], p->prefer[l]) == 0)
				return pt_check_bad(c, &p->prefer[k], p,
					"policies[%" PRIu32 "].%s: \"%s\" is given twice", i, field,
					p->prefer[k]);
		}
	}
	return 0;
}

static int check_policies(struct pt_check *c)
{
	for (uint32_t i = 0; i < c->n->n_policies; i++) {
		int rc = check_policy(c, i);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int row_by_id(const void *a, const void *b)
{
	return strcmp(pt_index_id(a), pt_index_id(b));
}

static int by_priority(const void *a, const void *b)
{
	const struct pt_policy *pa = a, *pb = b;

	if (pa->priority != pb->priority)
		return pa->priority < pb->priority ? -1 : 1;
	return strcmp(pa->id, pb->id);
}

static int by_pair(const void *a, const void *b)
{
	const struct pt_path *pa = *(const struct pt_path *const *)a;
	const struct pt_path *pb = *(const struct pt_path *const *)b;
	int c = strcmp(pa->source, pb->source);

	if (c == 0)
		c = strcmp(pa->dest, pb->dest);
	if (c == 0)
		c = (pa->preference < pb->preference) - (pa->preference > pb->preference);
	return c ? c : strcmp(pa->id, pb->id);
}

static void sort(void *rows, uint32_t n, size_t size, int (*cmp)(const void *, const void *))
{
	if (n)
		qsort(rows, n, size, cmp);
}

// Nothing can fail any more: fill in what the file left out, and order for the look-ups. Rows move,
// so marks are of no use from here on.
static void settle(struct pt_network *n, struct pt_arena *a, const struct pt_index *uplinks)
{
	for (uint32_t i = 0; i < n->n_paths; i++) {
		if (!n->paths[i].device)
			n->paths[i].device = ((const struct pt_uplink *)pt_index_find(
						      uplinks, n->paths[i].uplink))
						     ->device;
	}
	if (!n->n_policies) {
		n->policies = pt_arena_alloc(a, sizeof(*n->policies));
		pt_schema_defaults(&pt_policy_schema, n->policies);
		n->policies->id = "default";
		n->policies->priority = PT_MAX_PRIORITY;
		n->n_policies = 1;
	}
	sort(n->sites, n->n_sites, sizeof(*n->sites), row_by_id);
	sort(n->uplinks, n->n_uplinks, sizeof(*n->uplinks), row_by_id);
	sort(n->paths, n->n_paths, sizeof(*n->paths), row_by_id);
	sort(n->policies, n->n_policies, sizeof(*n->policies), by_priority);
	n->by_pair = pt_arena_alloc(a, (n->n_paths + 1) * sizeof(*n->by_pair));
	for (uint32_t i = 0; i < n->n_paths; i++)
		n->by_pair[i] = &n->paths[i];
	sort(n->by_pair, n->n_paths, sizeof(*n->by_pair), by_pair);
}

#define TABLE(n, rows)                                                                  \
	{                                                                               \
#rows, (const char *)(n)->rows, sizeof(*(n)->rows), (n)->n_##rows, NULL \
	}

static int check_all(struct pt_check *c)
{
	int rc = pt_index_make(c, &c->sites, PT_MAX_SITES);

	if (rc == 0)
		rc = pt_index_make(c, &c->uplinks, PT_MAX_UPLINKS);
	if (rc == 0)
		rc = pt_index_make(c, &c->paths, PT_MAX_PATHS - 1);
	if (rc == 0)
		rc = pt_index_make(c, &c->policies, PT_MAX_POLICIES);
	if (rc == 0)
		rc = check_sites(c);
	if (rc == 0)
		rc = check_prefixes(c);
	if (rc == 0)
		rc = check_uplinks(c);
	if (rc == 0)
		rc = check_paths(c);
	if (rc == 0)
		rc = pt_check_rides(c);
	if (rc == 0)
		rc = pt_check_bfd(c);
	if (rc == 0)
		rc = pt_check_targets(c);
	return rc == 0 ? check_policies(c) : rc;
}

// The internet is every address that is nobody else's; whoever names prefixes for it means those.
static void fill_internet(struct pt_network *n, struct pt_arena *a)
{
	for (uint32_t i = 0; i < n->n_sites; i++) {
		struct pt_site *s = &n->sites[i];

		if (strcmp(s->id, PT_SITE_INTERNET) != 0 || s->n_prefixes)
			continue;
		s->prefixes = pt_arena_alloc(a, 2 * sizeof(*s->prefixes));
		s->prefixes[0].addr.family = AF_INET;
		s->prefixes[1].addr.family = AF_INET6;
		s->n_prefixes = 2;
	}
}

int pt_network_check(
	struct pt_network *n, struct pt_arena *a, const struct pt_marks *marks, struct pt_err *err)
{
	struct pt_check c = {
		.n = n,
		.marks = marks,
		.err = err,
		.sites = TABLE(n, sites),
		.uplinks = TABLE(n, uplinks),
		.paths = TABLE(n, paths),
		.policies = TABLE(n, policies),
	};
	int rc;

	fill_internet(n, a);
	rc = check_all(&c);
	if (rc == 0)
		settle(n, a, &c.uplinks);
	pt_arena_done(&c.scratch);
	return rc;
}
