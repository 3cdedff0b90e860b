// SPDX-License-Identifier: MIT
// What the kernel's classifier makes of a packet, computed from the network file alone: the site by
// longest prefix, the policy by first match, the candidates in configured order. It knows nothing
// of this host: its own addresses and connected networks stay with the kernel whatever is said
// here.
#pragma once
#include "base/buf.h"
#include "bpf/plane.h"
#include "model/network_shared.h"

struct pt_flow {
	struct pt_addr src, dst; // of one family
	uint8_t proto;           // as in the IP header
	uint8_t dscp;
	bool has_port; // false for fragments and where the protocol has none
	uint16_t sport, dport;
	char device[16]; // that it enters by; empty: not told
};

// "udp 10.1.0.5:40000 > 10.2.0.9:5060 ef in lan0"; DSCP (default be) and device may be left out,
// IPv6 addresses with a port stand in brackets, no ports means a fragment.
int pt_flow_parse(const char *text, struct pt_flow *out, struct pt_err *err);

enum pt_class_verdict {
	PT_CLASS_OK,
	PT_CLASS_SCOPE,     // an address that nobody forwards
	PT_CLASS_NO_SITE,   // destination of no site
	PT_CLASS_LOCAL,     // of this edge's own site
	PT_CLASS_NO_POLICY, // no policy matches
	PT_CLASS_NO_PATH,   // nothing leads from here to the site
	PT_CLASS_COUNT,
};
extern const char *const pt_class_reasons[]; // for people; NULL for PT_CLASS_OK

// Borrows from the network. What was not reached is NULL.
struct pt_class {
	enum pt_class_verdict verdict;
	const struct pt_site *site;
	const struct pt_prefix *prefix; // of the site, that covers the destination
	const struct pt_policy *policy;
	const struct pt_site *sites[PT_SHARED_SITES]; // that hold the prefix, preferred first
	uint32_t n_sites;
	const struct pt_path *paths[PT_GROUP_PATHS]; // first choice of this flow first
	uint32_t n_paths;
};

// The network must have been checked.
void pt_classify(const struct pt_network *net, const struct pt_site *self,
	const struct pt_flow *flow, struct pt_class *out);

// A match in words: "udp, dscp ef, to port 5060"; "everything".
void pt_match_words(struct pt_buf *b, const struct pt_match *m);
// The field of the match that refuses this flow; NULL: it matches.
const char *pt_match_refuses(const struct pt_match *m, const struct pt_flow *flow);
