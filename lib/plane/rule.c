// SPDX-License-Identifier: MIT
#include "plane/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define OWN     1      // preference of the edge's own addresses among sources
#define FACTORS 100000 // tried before giving up; 64 devices need about eight

static void set_range(__u64 *word, uint32_t lo, uint32_t hi, __u64 bit)
{
	for (uint32_t i = lo; i <= hi; i++)
		word[i] |= bit;
}

static void set_ports(__u64 *word, const struct pt_port_range *range, uint32_t n, __u64 bit)
{
	for (uint32_t i = 0; i < n; i++)
		set_range(word, range[i].lo, range[i].hi, bit);
}

static uint32_t policies(const struct pt_network *net)
{
	return net->n_policies < PT_MAX_POLICY ? net->n_policies : PT_MAX_POLICY;
}

// ---- source prefixes ----

struct sources {
	struct pt_trie_item *items;
	uint64_t *accepts; // by item: the policies that name this prefix or one around it
	uint32_t n;
	uint64_t any; // policies that name none
};

static void sources_done(struct sources *s)
{
	free(s->items);
	free(s->accepts);
}

// The kernel takes no IPv4 packet from outside that claims to come from itself: no policy does.
static void add_own(struct sources *s, const struct pt_links *links)
{
	for (uint32_t i = 0; i < links->n_addr; i++) {
		struct pt_prefix host = { .addr = links->addr[i].local, .len = 32 };

		if (host.addr.family == AF_INET)
			s->items[s->n++] = pt_trie_item(&host, 0, OWN);
	}
}

static int sources_init(struct sources *s, const struct pt_network *net,
	const struct pt_links *links, struct pt_err *err)
{
	uint32_t room = 1 + links->n_addr;

	*s = (struct sources){};
	for (uint32_t i = 0; i < policies(net); i++)
		room += net->policies[i].match.n_src_prefixes;
	s->items = calloc(room, sizeof(*s->items));
	s->accepts = calloc(room, sizeof(*s->accepts));
	if (!s->items || !s->accepts)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < policies(net); i++) {
		const struct pt_match *m = &net->policies[i].match;

		for (uint32_t j = 0; j < m->n_src_prefixes; j++)
			s->items[s->n++] = pt_trie_item(&m->src_prefixes[j], 0, 0);
		if (!m->n_src_prefixes)
			s->any |= 1ull << i;
	}
	add_own(s, links);
	s->n = pt_trie_sort(s->items, s->n);
	if (s->n >= PT_SOURCES)
		return pt_err_set(err, -ENOSPC,
			"policies: more than %d source prefixes and addresses of this edge",
			PT_SOURCES - 1);
	for (uint32_t i = 0; i < s->n; i++)
		s->items[i].value = i + 1;
	return 0;
}

static void accept_prefix(struct sources *s, const struct pt_prefix *prefix, uint64_t bit)
{
	struct pt_trie_item outer = pt_trie_item(prefix, 0, 0);

	for (uint32_t i = pt_trie_first(s->items, s->n, &outer); i < s->n; i++) {
		if (!pt_trie_covers(&outer, &s->items[i]))
			break; // what a prefix covers follows it without a gap
		s->accepts[i] |= bit;
	}
}

static void put_sources(
	struct sources *s, const struct pt_network *net, struct pt_trie *trie, struct pt_rule *out)
{
	uint32_t v4 = pt_trie_count_v4(s->items, s->n);

	for (uint32_t i = 0; i < policies(net); i++) {
		const struct pt_match *m = &net->policies[i].match;

		for (uint32_t j = 0; j < m->n_src_prefixes; j++)
			accept_prefix(s, &m->src_prefixes[j], 1ull << i);
	}
	out->source[0] = s->any;
	for (uint32_t i = 0; i < s->n; i++)
		out->source[i + 1] = s->items[i].preference == OWN ? 0 : s->accepts[i] | s->any;
	out->source4 = pt_trie_build(trie, s->items, v4);
	out->source6 = pt_trie_build(trie, s->items + v4, s->n - v4);
}

int pt_rule_count(const struct pt_network *net, const struct pt_links *links, struct pt_trie *trie,
	struct pt_err *err)
{
	struct sources s;
	int ret = sources_init(&s, net, links, err);

	if (!ret) {
		uint32_t v4 = pt_trie_count_v4(s.items, s.n);

		(void)pt_trie_build(trie, s.items, v4);
		(void)pt_trie_build(trie, s.items + v4, s.n - v4);
	}
	sources_done(&s);
	return ret;
}

// ---- devices ----

static bool names(const struct pt_match *m, const char *device)
{
	for (uint32_t i = 0; i < m->n_devices; i++)
		if (!strcmp(m->devices[i], device))
			return true;
	return !m->n_devices;
}

static uint64_t policies_of(const struct pt_network *net, const char *device)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < policies(net); i++)
		if (names(&net->policies[i].match, device))
			bits |= 1ull << i;
	return bits;
}

// Only devices that some match names need a slot; false when two want the same.
static bool put_devices(const struct pt_network *net, const struct pt_links *links, uint32_t factor,
	struct pt_rule *out)
{
	out->device_factor = factor;
	for (uint32_t i = 0; i < PT_RULE_DEVICES; i++)
		out->device[i] = (struct pt_rule_device){ .policies = out->other_device };
	for (uint32_t i = 0; i < links->n_link; i++) {
		const struct pt_link *link = &links->link[i];
		uint64_t bits = policies_of(net, link->name);
		struct pt_rule_device *slot = &out->device[PT_RULE_SLOT(link->ifindex, factor)];

		if (bits == out->other_device)
			continue;
		if (slot->ifindex)
			return false;
		*slot = (struct pt_rule_device){ .ifindex = link->ifindex, .policies = bits };
	}
	return true;
}

static int fill_devices(const struct pt_network *net, const struct pt_links *links,
	struct pt_rule *out, struct pt_err *err)
{
	uint32_t factor = 0x9e3779b1; // 2^32 by the golden ratio: neighbours fall far apart

	out->other_device = policies_of(net, ""); // no device has this name
	for (int i = 0; i < FACTORS; i++) {
		if (put_devices(net, links, factor, out))
			return 0;
		factor = factor * 1664525 + 1013904222; // any next odd number
	}
	return pt_err_set(err, -ENOSPC, "policies: matches name too many devices of this edge");
}

// ---- all ----

// Moves equal pages of 256 words together, the first ones foremost.
static void share_pages(__u64 *word, __u8 *page)
{
	uint32_t n = 0, at;

	for (uint32_t i = 0; i < 256; i++) {
		for (at = 0; at < n; at++)
			if (!memcmp(&word[at * 256], &word[i * 256], 256 * sizeof(*word)))
				break;
		if (at == n && n++ < i)
			memcpy(&word[at * 256], &word[i * 256], 256 * sizeof(*word));
		page[i] = (__u8)at;
	}
}

// Ports are many: policies that name none are set in one go.
static void fill_ports(const struct pt_network *net, struct pt_rule *out)
{
	uint64_t sany = 0, dany = 0;

	for (uint32_t i = 0; i < policies(net); i++) {
		sany |= net->policies[i].match.n_src_ports ? 0 : 1ull << i;
		dany |= net->policies[i].match.n_dst_ports ? 0 : 1ull << i;
	}
	set_range(out->sport, 0, 65535, sany);
	set_range(out->dport, 0, 65535, dany);
	for (uint32_t i = 0; i < policies(net); i++) {
		const struct pt_match *m = &net->policies[i].match;

		set_ports(out->sport, m->src_ports, m->n_src_ports, 1ull << i);
		set_ports(out->dport, m->dst_ports, m->n_dst_ports, 1ull << i);
	}
	share_pages(out->sport, out->sport_page);
	share_pages(out->dport, out->dport_page);
	out->no_port = sany & dany;
}

static struct pt_treat treatment(const struct pt_policy *policy)
{
	struct pt_treat t = { .flags = pt_policy_by_ports(policy) ? PT_TREAT_PORTS : 0 };

	if (policy->set_dscp != PT_NULL) {
		t.dscp = (__u8)policy->set_dscp;
		t.flags |= PT_TREAT_DSCP;
	}
	if (policy->tc_class && !pt_tc_class_parse(policy->tc_class, &t.priority))
		t.flags |= PT_TREAT_CLASS;
	return t;
}

static void fill_packet(const struct pt_network *net, struct pt_rule *out)
{
	fill_ports(net, out);
	for (uint32_t i = 0; i < policies(net); i++) {
		const struct pt_match *m = &net->policies[i].match;
		uint8_t proto = pt_protocol_number(m->protocol);
		__u64 bit = 1ull << i;

		set_range(out->proto, proto, proto ? proto : 255, bit);
		if (m->dscp == PT_NULL)
			set_range(out->dscp, 0, 63, bit);
		else
			out->dscp[m->dscp & 63] |= bit;
		out->treat[i] = treatment(&net->policies[i]);
		if (out->treat[i].flags & (PT_TREAT_DSCP | PT_TREAT_CLASS))
			out->treated |= UINT64_C(1) << i;
	}
}

int pt_rule_fill(const struct pt_network *net, const struct pt_links *links, struct pt_trie *trie,
	struct pt_rule *out, struct pt_err *err)
{
	struct sources s;
	int ret = sources_init(&s, net, links, err);

	if (!ret) {
		memset(out, 0, sizeof(*out));
		fill_packet(net, out);
		put_sources(&s, net, trie, out);
		ret = fill_devices(net, links, out, err);
	}
	sources_done(&s);
	return ret;
}
