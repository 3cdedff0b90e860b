// SPDX-License-Identifier: MIT
// Why a packet goes where it goes, as the live program says; and where everything would go if some
// of the paths were not.
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/emit.h"
#include "failover.h"
#include "net/link.h"
#include "net/mac.h"
#include "plane/bank.h"
#include "plane/hook.h"
#include "plane/names.h"
#include "plane/state.h"
#include "plane/ask.h"
#include "select/classify.h"

const struct argp_option why_options[] = {
	{ .name = "if-down",
		.key = 'i',
		.arg = "NAME",
		.doc = "What every class would use without this path, uplink or device" },
	{},
};

int why_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct why_opts *o = opts;

	(void)ctx;
	if (key != 'i')
		return ARGP_ERR_UNKNOWN;
	o->if_down = arg;
	return 0;
}

struct asking {
	struct pt_ctx *ctx;
	struct pt_plane *plane;
	struct pt_names names;
};

static const char *id(const struct asking *a, enum pt_name_kind kind, uint32_t index)
{
	const char *name = pt_names_id(&a->names, kind, index);

	return name ? name : "?";
}

// ---- the packet ----

struct frame {
	uint8_t bytes[128];
	size_t len;
};

static uint16_t header_sum(const uint8_t *b)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(b[i] << 8 | b[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

#define PAYLOAD 24 // room for any transport header; all zero but the ports

static void put_v4(const struct pt_flow *f, uint8_t *at)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = (uint8_t)(f->dscp << 2),
		.tot_len = htons(sizeof(ip) + PAYLOAD),
		.frag_off = htons(f->has_port ? 0 : 0x2000), // without ports: a fragment
		.ttl = 64,
		.protocol = f->proto,
	};
	uint16_t sum;

	memcpy(&ip.saddr, f->src.bytes, sizeof(ip.saddr));
	memcpy(&ip.daddr, f->dst.bytes, sizeof(ip.daddr));
	memcpy(at, &ip, sizeof(ip));
	sum = header_sum(at);
	memcpy(at + offsetof(struct iphdr, check), &sum, sizeof(sum));
}

static void put_v6(const struct pt_flow *f, uint8_t *at)
{
	const uint32_t first = htonl(6u << 28 | (uint32_t)f->dscp << 22);
	struct ipv6hdr ip = { .payload_len = htons(PAYLOAD), .nexthdr = f->proto, .hop_limit = 64 };

	memcpy(&ip, &first, sizeof(first));
	memcpy(&ip.saddr, f->src.bytes, sizeof(ip.saddr));
	memcpy(&ip.daddr, f->dst.bytes, sizeof(ip.daddr));
	memcpy(at, &ip, sizeof(ip));
}

static int make_frame(
	const struct pt_flow *f, const char *device, struct frame *out, struct pt_err *err)
{
	const bool six = f->src.family == AF_INET6;
	const size_t l3 = six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct ethhdr eth = { .h_source = { 2 }, .h_proto = htons(six ? ETH_P_IPV6 : ETH_P_IP) };
	uint16_t ports[] = { htons(f->sport), htons(f->dport) };
	int ret = pt_mac_read(device, eth.h_dest, err);

	if (ret)
		return ret;
	*out = (struct frame){ .len = ETH_HLEN + l3 + PAYLOAD };
	memcpy(out->bytes, &eth, sizeof(eth));
	if (six)
		put_v6(f, out->bytes + ETH_HLEN);
	else
		put_v4(f, out->bytes + ETH_HLEN);
	if (f->has_port)
		memcpy(out->bytes + ETH_HLEN + l3, ports, sizeof(ports));
	return 0;
}

// ---- the answer ----

static void why_not(const struct asking *a, uint32_t path, uint16_t family, struct pt_buf *out)
{
	const struct pt_hop *hop = &a->plane->hop[path];
	uint32_t via = family == AF_INET ? PT_HOP_VIA4 : PT_HOP_VIA6;
	uint8_t why = pt_state_why(a->plane, path);

	if (!hop->ifindex)
		pt_buf_puts(out, "its device is missing");
	else if (!(hop->flags & (via | PT_HOP_L3)))
		pt_buf_printf(out, "no next hop for IPv%d", family == AF_INET ? 4 : 6);
	else if (a->plane->live->down[path] && !(why & PT_BLOCK_HARD))
		pt_buf_puts(out, "down");
	else if (why)
		pt_block_format(why, out);
	else
		pt_buf_puts(out, "usable");
}

static void print_candidates(const struct asking *a, const struct pt_trace *t, uint16_t family)
{
	const struct pt_group *g = pt_group_active(a->plane, t->site, t->policy);

	for (uint32_t i = 0; g && i < g->count && i < PT_GROUP_PATHS; i++) {
		uint32_t path = g->path[i];
		pt_autobuf why = {};

		why_not(a, path, family, &why);
		printf("  %-20s %s%s\n", id(a, PT_NAME_PATH, path), pt_buf_str(&why),
			path == t->path ? ", taken" : "");
	}
}

// As pt_by_kernel in bpf/decide.h has it.
static bool is_marked(const struct asking *a, const struct pt_trace *t, const struct pt_hop *hop)
{
	const struct pt_group *g = pt_group_active(a->plane, t->site, t->policy);

	return hop->flags & PT_HOP_MARK ||
		(hop->flags & PT_HOP_GUARD && !(g && g->flags & PT_GROUP_BYPASS));
}

static void print_hop(const struct asking *a, const struct pt_trace *t, uint16_t family)
{
	const uint32_t path = t->path;
	const struct pt_hop *hop = &a->plane->hop[path];
	struct pt_addr via = { .family = (uint8_t)family };
	char text[PT_ADDR_LEN];

	printf("path      %s, uplink %s, device %s\n", id(a, PT_NAME_PATH, path),
		id(a, PT_NAME_UPLINK, hop->uplink), id(a, PT_NAME_PATH_DEVICE, path));
	if (is_marked(a, t, hop))
		printf("mode      mark 0x%x: the kernel routes it, conntrack and firewall see it\n",
			hop->mark);
	else
		puts("mode      redirect");
	if (hop->flags & PT_HOP_L3) {
		puts("next hop  none, the device has no link layer");
	} else {
		if (family == AF_INET)
			memcpy(via.bytes, hop->via4, sizeof(hop->via4));
		else
			memcpy(via.bytes, hop->via6, sizeof(hop->via6));
		pt_addr_format(&via, text);
		printf("next hop  %s\n", text);
	}
	printf("mtu       %u\n", hop->mtu);
}

static int print_trace(const struct asking *a, const struct pt_trace *t, uint16_t family)
{
	if (t->step > PT_TRACE_SITE)
		printf("site      %s\n", id(a, PT_NAME_SITE, t->site));
	if (t->step > PT_TRACE_POLICY) {
		printf("policy    %s\ncandidates\n", id(a, PT_NAME_POLICY, t->policy));
		print_candidates(a, t, family);
	}
	if (t->step < PT_TRACE_DONE || t->stat != PT_STAT_STEERED)
		printf("%s  %s\n", t->stat == PT_STAT_DROPPED ? "dropped " : "kernel  ",
			pt_stat_docs[t->stat < PT_STAT_COUNT ? t->stat : 0].doc);
	if (t->step < PT_TRACE_DONE)
		return PT_EXIT_NO;
	print_hop(a, t, family);
	return PT_EXIT_OK;
}

// The LAN device that the flow names, else the first that steers.
static int find_device(const struct asking *a, const struct pt_flow *f, struct pt_link *out)
{
	struct pt_hook_key key, next, *at = NULL;
	struct pt_err *err = &a->ctx->err;
	pt_autolinks links = {};
	const struct pt_link *link = NULL;
	int ret = pt_links_read(&links, err);

	if (ret)
		return ret;
	while (!link && !pt_hook_next(a->plane, at, &next)) {
		key = next;
		at = &key;
		if (key.dir == PT_HOOK_STEER)
			link = pt_links_at(&links, key.ifindex);
		if (link && f->device[0] && strcmp(link->name, f->device) != 0)
			link = NULL;
	}
	if (!link)
		return pt_err_set(err, -ENODEV, "%s: nothing is steered there; --netns?",
			f->device[0] ? f->device : "LAN devices");
	*out = *link;
	return 0;
}

static int answer(const struct asking *a, const char *text)
{
	struct pt_err *err = &a->ctx->err;
	struct pt_flow flow;
	struct pt_link lan;
	struct frame frame;
	struct pt_trace trace;
	int ret = pt_flow_parse(text, &flow, err);

	if (ret)
		return PT_EXIT_USAGE;
	ret = find_device(a, &flow, &lan);
	if (!ret)
		ret = make_frame(&flow, lan.name, &frame, err);
	if (!ret)
		ret = pt_ask_run(a->plane,
			&(struct pt_ask_packet){ lan.ifindex, frame.bytes, frame.len }, &trace,
			err);
	if (ret)
		return PT_EXIT_FAIL;
	printf("packet    %s, in by %s\n", text, lan.name);
	return print_trace(a, &trace, flow.src.family);
}

// ---- what if ----

static const struct pt_column if_columns[] = {
	{ "site", "SITE", false },
	{ "policy", "POLICY", false },
	{ "now", "NOW", false },
	{ "then", "THEN", false },
	{ "because", "BECAUSE", false },
	{},
};

static bool is_lost(const struct asking *a, uint32_t path, const char *name)
{
	const char *const names[] = { pt_names_id(&a->names, PT_NAME_PATH, path),
		pt_names_id(&a->names, PT_NAME_UPLINK, a->plane->hop[path].uplink),
		pt_names_id(&a->names, PT_NAME_PATH_DEVICE, path) };

	for (size_t i = 0; i < PT_ARRAY_LEN(names); i++)
		if (names[i] && !strcmp(names[i], name))
			return true;
	return false;
}

static void emit_group(struct pt_emit *e, const struct asking *a, const struct pt_plane *then,
	uint32_t site, uint32_t policy)
{
	const struct pt_group *g = pt_group_active(a->plane, site, policy);
	struct pt_choice now, later;

	if (!g || !g->count)
		return;
	now = pt_choice_of(a->plane, g);
	later = pt_choice_of(then, g);
	pt_emit_row(e);
	pt_emit_str(e, id(a, PT_NAME_SITE, site));
	pt_emit_str(e, id(a, PT_NAME_POLICY, policy));
	pt_emit_str(e, pt_names_id(&a->names, PT_NAME_PATH, now.path));
	pt_emit_str(e, pt_names_id(&a->names, PT_NAME_PATH, later.path));
	pt_emit_str(e, later.path ? pt_choice_names[later.rank] : "nothing left");
}

// A copy of the plane in which these paths are down; the plane itself is not touched.
static int predict(const struct asking *a, const char *name)
{
	struct pt_plane then = *a->plane;
	pt_autofree struct pt_live *live = malloc(sizeof(*live));
	struct pt_emit *e = NULL;
	uint32_t lost = 0;

	if (!live || pt_emit_new(a->ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e)) {
		(void)pt_err_set(&a->ctx->err, -ENOMEM, "out of memory");
		return PT_EXIT_FAIL;
	}
	*live = *a->plane->live;
	then.live = live;
	for (uint32_t i = 1; i < then.meta->path_cap; i++) {
		if (!(then.hop[i].flags & PT_HOP_USED) || !is_lost(a, i, name))
			continue;
		live->down[i] = 1;
		lost++;
	}
	if (lost) {
		pt_emit_table(e, "groups", if_columns);
		for (uint32_t site = 1; site < then.meta->site_cap; site++)
			for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++)
				emit_group(e, a, &then, site, policy);
	}
	if (pt_emit_end(e))
		return PT_EXIT_FAIL; // the dispatcher says why
	if (!lost)
		(void)pt_err_set(
			&a->ctx->err, -ENOENT, "%s: no path, uplink or device of a path", name);
	return lost ? PT_EXIT_OK : PT_EXIT_FAIL;
}

int failover_why(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct why_opts *o = opts;
	struct asking a = { .ctx = ctx };
	int ret;

	if (!argc == !o->if_down) {
		(void)pt_err_set(&ctx->err, -EINVAL, "why: either a flow or --if-down");
		return PT_EXIT_USAGE;
	}
	ret = pt_plane_open(
		pt_pin_dir(ctx), argc ? PT_PLANE_WRITE : PT_PLANE_READ, &a.plane, &ctx->err);
	if (!ret)
		ret = pt_names_read(a.plane, &a.names, &ctx->err);
	if (!ret)
		ret = argc ? answer(&a, argv[0]) : predict(&a, o->if_down);
	else
		ret = PT_EXIT_FAIL;
	pt_names_done(&a.names);
	pt_plane_free(a.plane);
	return ret;
}
