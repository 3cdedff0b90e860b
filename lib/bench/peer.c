// SPDX-License-Identifier: MIT
#include "bench/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "bench/proc.h"
#include "net/route.h"

struct pt_peer {
	struct pt_proc proc;
	struct pt_rtnl *routes; // of the first edge
	uint32_t first;         // index of wan0 there
	unsigned prefixes;
	char dir[160];
};

// Ours to the far site would win over theirs.
static int make_way(const struct pt_sites *s, struct pt_err *err)
{
	return pt_nodes_ip(s->nodes.netns[PT_NODE_EA], "route del 10.2.0.0/24 via 10.9.0.2\n", err);
}

static int open_routes(void *ctx, struct pt_err *err)
{
	struct pt_peer *p = ctx;

	p->first = if_nametoindex("wan0");
	return pt_rtnl_new(NETLINK_ROUTE, &p->routes, err);
}

static int start(struct pt_peer *p, const struct pt_peer_opts *o, struct pt_err *err)
{
	char interval[24], threshold[16], text[PT_PREFIX_LEN];
	const char *const argv[] = { o->program, o->sites->nodes.netns[PT_NODE_EA],
		o->sites->nodes.netns[PT_NODE_EB], p->dir, interval, threshold, NULL };
	pt_autobuf prefixes = { 0 };

	(void)snprintf(interval, sizeof(interval), "%" PRId64, o->interval_ms);
	(void)snprintf(threshold, sizeof(threshold), "%u", o->threshold);
	for (unsigned i = 0; i < o->prefixes; i++) {
		struct pt_prefix prefix = pt_sites_prefix(i);
		pt_prefix_format(&prefix, text);
		pt_buf_printf(&prefixes, "%s\n", text);
	}
	return pt_proc_start(argv, prefixes.data, &p->proc, err);
}

int pt_peer_new(const struct pt_peer_opts *o, struct pt_peer **out, struct pt_err *err)
{
	struct pt_peer *p = calloc(1, sizeof(*p));

	if (!p)
		return pt_err_errno(err, -ENOMEM, "%s", o->program);
	p->proc = PT_PROC_NONE;
	p->prefixes = o->prefixes;
	(void)snprintf(p->dir, sizeof(p->dir), "%s/peer", o->sites->scratch);
	int code = pt_sites_in(o->sites, PT_NODE_EA, open_routes, p, err);
	if (!code)
		code = make_way(o->sites, err);
	if (!code)
		code = start(p, o, err);
	if (code)
		pt_peer_free(p);
	else
		*out = p;
	return code;
}

void pt_peer_free(struct pt_peer *p)
{
	if (!p)
		return;
	pt_proc_stop(&p->proc);
	pt_rtnl_free(p->routes);
	free(p);
}

int pt_peer_check(struct pt_peer *p, struct pt_err *err)
{
	return pt_proc_check(&p->proc, err);
}

struct count {
	uint32_t ifindex;
	unsigned n;
};

static void count_route(void *ctx, const struct pt_route *r)
{
	struct count *c = ctx;

	c->n += r->ifindex == c->ifindex && r->via.family == AF_INET;
}

bool pt_peer_is_settled(const struct pt_peer *p)
{
	const struct pt_route_filter all = { .family = AF_INET, .table = RT_TABLE_MAIN };
	struct count c = { .ifindex = p->first };

	return !pt_routes_read(p->routes, &all, count_route, &c, NULL) && c.n == p->prefixes;
}

const char *pt_peer_name(const char *program)
{
	const char *slash = strrchr(program, '/');

	return slash ? slash + 1 : program;
}
