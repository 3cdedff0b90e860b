// SPDX-License-Identifier: MIT
#include "bench/sites.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/cable.h"

#define PROBE_TIMEOUT_MS 100 // short enough that a probe every millisecond can be told apart
// Ends of the cables have low indexes; all others their own, unlike their peers': with equal ones
// the kernel reports carrier changes late.
#define ISP_A(wan)  (10 + 2 * (wan))
#define ISP_B(wan)  (11 + 2 * (wan))
#define EDGE_A(wan) (100 + 2 * (wan))
#define EDGE_B(wan) (101 + 2 * (wan))

static const char *const node_names[PT_NODE_COUNT] = {
	[PT_NODE_HA] = "ha",
	[PT_NODE_EA] = "ea",
	[PT_NODE_ISP] = "isp",
	[PT_NODE_EB] = "eb",
	[PT_NODE_HB] = "hb",
};

static int make_links(const struct pt_sites *s, struct pt_err *err)
{
	static const enum pt_node edge[] = { PT_NODE_EA, PT_NODE_EB };
	static const enum pt_node host[] = { PT_NODE_HA, PT_NODE_HB };
	pt_autobuf b = { 0 };

	for (unsigned site = 0; site < 2; site++) {
		pt_buf_printf(&b,
			"link add lan0 netns %s index %u type veth peer name lan0 netns %s index "
			"%u\n",
			s->nodes.netns[edge[site]], 90 + site, s->nodes.netns[host[site]],
			80 + site);
		for (unsigned i = 0; i < s->wans; i++)
			pt_buf_printf(&b,
				"link add wan%u netns %s index %u type veth peer name %c%u netns "
				"%s index %u\n",
				i, s->nodes.netns[edge[site]], site ? EDGE_B(i) : EDGE_A(i),
				"ab"[site], i, s -> nodes.netns[PT_NODE_ISP],
				site ? ISP_B(i) : ISP_A(i));
	}
	return pt_nodes_ip(NULL, b.data, err);
}

static int address_host(const struct pt_sites *s, enum pt_node node, unsigned n, struct pt_err *err)
{
	pt_autobuf b = { 0 };

	pt_buf_printf(&b,
		"link set lo up\naddr add 10.%u.0.2/24 dev lan0\nlink set lan0 up\n"
		"route add default via 10.%u.0.1\n",
		n, n);
	if (node == PT_NODE_HB) // whoever is asked for in the other prefixes is there
		pt_buf_puts(&b, "route add local 172.16.0.0/12 dev lo\n");
	return pt_nodes_ip(s->nodes.netns[node], b.data, err);
}

static int address_edge(const struct pt_sites *s, enum pt_node node, unsigned n, struct pt_err *err)
{
	pt_autobuf b = { 0 };

	pt_buf_printf(&b, "link set lo up\naddr add 10.%u.0.1/24 dev lan0\nlink set lan0 up\n", n);
	for (unsigned i = 0; i < s->wans; i++)
		pt_buf_printf(
			&b, "addr add 10.9.%u.%u/24 dev wan%u\nlink set wan%u up\n", i, n, i, i);
	pt_buf_printf(&b, "route add 10.%u.0.0/24 via 10.9.0.%u\n", 3 - n, 3 - n);
	if (node == PT_NODE_EB)
		pt_buf_puts(&b, "route add 172.16.0.0/12 via 10.2.0.2\n");
	return pt_nodes_ip(s->nodes.netns[node], b.data, err);
}

static int address_isp(const struct pt_sites *s, struct pt_err *err)
{
	pt_autobuf b = { 0 };

	for (unsigned i = 0; i < s->wans; i++)
		pt_buf_printf(&b, "link set a%u up\nlink set b%u up\n", i, i);
	return pt_nodes_ip(s->nodes.netns[PT_NODE_ISP], b.data, err);
}

static int lay_cables(void *ctx, struct pt_err *err)
{
	struct pt_sites *s = ctx;
	int code = pt_cables_new(&s->cables, err);

	for (unsigned i = 0; !code && i < s->wans; i++)
		code = pt_cables_join(s->cables, ISP_A(i), ISP_B(i), err);
	return code;
}

static int build(struct pt_sites *s, struct pt_err *err)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(s->scratch, sizeof(s->scratch), "%s/pt-bench-XXXXXX", tmp ? tmp : "/tmp");

	if (n < 0 || (size_t)n >= sizeof(s->scratch))
		return pt_err_set(err, -ENAMETOOLONG, "TMPDIR: too long");
	if (!mkdtemp(s->scratch)) {
		int code = pt_err_errno(err, -errno, "%s", s->scratch);
		s->scratch[0] = '\0';
		return code;
	}
	int code = pt_nodes_up(node_names, PT_NODE_COUNT, &s->nodes, err);
	if (!code)
		code = make_links(s, err);
	if (!code)
		code = address_host(s, PT_NODE_HA, 1, err);
	if (!code)
		code = address_host(s, PT_NODE_HB, 2, err);
	if (!code)
		code = address_edge(s, PT_NODE_EA, 1, err);
	if (!code)
		code = address_edge(s, PT_NODE_EB, 2, err);
	if (!code)
		code = address_isp(s, err);
	return code ? code : pt_sites_in(s, PT_NODE_ISP, lay_cables, s, err);
}

int pt_sites_up(unsigned wans, struct pt_sites *out, struct pt_err *err)
{
	struct pt_sites s = { .wans = wans, .nodes = PT_NODES_NONE };

	if (wans < 1 || wans > PT_SITES_WANS)
		return pt_err_set(err, -ERANGE, "1 to %d WANs", PT_SITES_WANS);
	int code = build(&s, err);
	if (code)
		pt_sites_down(&s);
	else
		*out = s;
	return code;
}

void pt_sites_down(struct pt_sites *s)
{
	static const char *const files[] = { "config.yaml", "network.yaml", "probed.yaml" };
	char path[PATH_MAX];

	pt_cables_free(s->cables);
	s->cables = NULL;
	pt_nodes_down(&s->nodes);
	for (size_t i = 0; s->scratch[0] && i < PT_ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->scratch, files[i]);
		(void)unlink(path);
	}
	if (s->scratch[0])
		(void)rmdir(s->scratch); // stays when somebody else put something there
}

void pt_sites_cut(struct pt_sites *s, unsigned wan, bool cut)
{
	pt_cables_cut(s->cables, ISP_A(wan), cut);
	pt_cables_cut(s->cables, ISP_B(wan), cut);
}

int pt_sites_in(const struct pt_sites *s, enum pt_node node, int (*fn)(void *ctx, struct pt_err *),
	void *ctx, struct pt_err *err)
{
	return pt_nodes_in(&s->nodes, node, fn, ctx, err);
}

static int write_file(
	const char *dir, const char *name, const struct pt_buf *text, struct pt_err *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	pt_autofd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len)
		return pt_err_errno(err, errno ? -errno : -ENOSPC, "%s", path);
	return 0;
}

struct pt_prefix pt_sites_prefix(unsigned n)
{
	struct pt_prefix p = { .addr = { .family = AF_INET, .bytes = { 10, 2, 0 } }, .len = 24 };

	if (n) { // 172.16.1.0/24 and on, of 172.16.0.0/12
		p.addr.bytes[0] = 172;
		p.addr.bytes[1] = (uint8_t)(16 + n / 256);
		p.addr.bytes[2] = (uint8_t)(n % 256);
	}
	return p;
}

static void list_site(
	struct pt_buf *b, const struct pt_sites_profile *profile, unsigned site, const char *id)
{
	char text[PT_PREFIX_LEN];

	pt_buf_printf(b, "  - { id: %s, lan: [lan0], prefixes: [", id);
	for (unsigned i = site; i < profile->prefixes; i += profile->sites) {
		struct pt_prefix p = pt_sites_prefix(i);
		pt_prefix_format(&p, text);
		pt_buf_printf(b, "%s%s", i > site ? ", " : "", text);
	}
	pt_buf_puts(b, "] }\n");
}

static void list_paths(struct pt_buf *b, const struct pt_sites *s,
	const struct pt_sites_profile *profile, unsigned site, const char *id)
{
	char suffix[16] = "";

	if (site)
		(void)snprintf(suffix, sizeof(suffix), "-%s", id);
	for (unsigned i = 0; i < s->wans; i++)
		pt_buf_printf(b,
			"  - { id: wan%u%s, source: a, dest: %s, uplink: wan%u, preference: %u, "
			"next_hop: 10.9.%u.2, target: 10.9.%u.2, port: %u }\n",
			i, suffix, id, i, 100 - i, i, i, profile->port);
}

static void site_id(unsigned site, char out[12])
{
	if (site)
		(void)snprintf(out, 12, "b%u", site);
	else
		(void)snprintf(out, 12, "b");
}

// The first n_sites of them.
static int write_network(const struct pt_sites *s, const struct pt_sites_profile *profile,
	unsigned n_sites, const char *name, struct pt_err *err)
{
	pt_autobuf b = { 0 };
	char id[12];

	pt_buf_puts(&b, "sites:\n  - { id: a, lan: [lan0], prefixes: [10.1.0.0/24] }\n");
	for (unsigned site = 0; site < n_sites; site++) {
		site_id(site, id);
		list_site(&b, profile, site, id);
	}
	pt_buf_puts(&b, "uplinks:\n");
	for (unsigned i = 0; i < s->wans; i++)
		pt_buf_printf(&b, "  - { id: wan%u, site: a, device: wan%u }\n", i, i);
	pt_buf_puts(&b, "paths:\n");
	for (unsigned site = 0; site < n_sites; site++) {
		site_id(site, id);
		list_paths(&b, s, profile, site, id);
	}
	pt_buf_puts(&b,
		"policies:\n"
		"  - { id: default, priority: 100, strategy: ordered, sla: {} }\n");
	return write_file(s->scratch, name, &b, err);
}

int pt_sites_configure(
	const struct pt_sites *s, const struct pt_sites_profile *profile, struct pt_err *err)
{
	pt_autobuf config = { 0 };

	pt_buf_printf(&config,
		"edge: a\nhealth:\n  probe_timeout_ms: %d\nfailover:\n  detection_interval_ms: "
		"%" PRId64 "\n  detection_threshold: %u\n",
		PROBE_TIMEOUT_MS, profile->interval_ms, profile->threshold);
	int code = write_file(s->scratch, "config.yaml", &config, err);
	if (!code)
		code = write_network(s, profile, profile->sites, "network.yaml", err);
	return code ? code : write_network(s, profile, 1, "probed.yaml", err);
}
