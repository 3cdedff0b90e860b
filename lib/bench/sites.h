// SPDX-License-Identifier: MIT
// Two sites and N WANs in network namespaces of this process:
//
//   ha ──lan0── ea ══wan0..N-1══ isp (cables) ══wan0..N-1══ eb ──lan0── hb
//   10.1.0.2    10.1.0.1    10.9.i.1          10.9.i.2    10.2.0.1      10.2.0.2
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "bench/nodes.h"

#define PT_SITES_WANS 8

enum pt_node { PT_NODE_HA, PT_NODE_EA, PT_NODE_ISP, PT_NODE_EB, PT_NODE_HB, PT_NODE_COUNT };

struct pt_sites {
	unsigned wans;
	struct pt_nodes nodes; // in the order of enum pt_node
	char scratch[128];     // a directory in $TMPDIR or /tmp
	struct pt_cables *cables;
};

// Needs root and `ip`. After an error pt_sites_down has been called.
int pt_sites_up(unsigned wans, struct pt_sites *out, struct pt_err *err);
void pt_sites_down(struct pt_sites *s);
// Both ways of a WAN at once.
void pt_sites_cut(struct pt_sites *s, unsigned wan, bool cut);
// Runs fn inside a node; the thread is back home when this returns.
int pt_sites_in(const struct pt_sites *s, enum pt_node node, int (*fn)(void *ctx, struct pt_err *),
	void *ctx, struct pt_err *err);
#define PT_SITES_PREFIXES 4000
#define PT_SITES_FAR      4000
// Prefix n of the far sites, n from 0: the first is the one that hb is in. It has the second
// address of all of them.
struct pt_prefix pt_sites_prefix(unsigned n);

struct pt_sites_profile {
	int64_t interval_ms; // between probes
	unsigned threshold;
	unsigned port;     // of the reflector
	unsigned prefixes; // in all
	unsigned sites;    // that hold them in turn; the first is b
};
// scratch/config.yaml and network.yaml for the edge of site a: wan0 is preferred to wan1 and so on.
// Every far site has paths over each, all to the same router. probed.yaml has those of b alone: a
// thousand sites' probes would be a load of their own.
int pt_sites_configure(
	const struct pt_sites *s, const struct pt_sites_profile *profile, struct pt_err *err);
