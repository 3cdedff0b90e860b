// SPDX-License-Identifier: MIT
// Reloads in a hurry while packets run through the program: every one of them goes by the old
// network or by the new one, never by a piece of each.
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "plane/table.h"
#include "tests/bpf/rig.h"

#define PREFIXES 40
#define RELOADS  120
#define BATCH    50 // runs of one packet buffer: its TTL must last

static struct pt_arena arena;
static struct pt_network net[2];
static struct pt_config cfg;
static struct pt_link lo = { .ifindex = RIG_DEVICE, .name = "lo", .mtu = 1500, .type = 1 };
static struct pt_links links = { .link = &lo, .n_link = 1 };
static atomic_bool over;

// The prefixes are the first site's in one network, in another length, and the second site's in the
// other; only their owner has a path. Destinations of the one with groups of the other, and
// anything half written, leaves a packet without a way: the kernel gets it.
static bool make(unsigned which)
{
	pt_autobuf yaml = {};
	struct pt_marks *marks;

	pt_buf_printf(&yaml, "sites:\n  - { id: self, lan: [lan0] }\n");
	for (unsigned site = 0; site < 2; site++) {
		pt_buf_printf(&yaml, "  - id: x%u\n    prefixes: [192.0.2.%u/32", site, site);
		for (unsigned i = 0; site == which && i < PREFIXES; i++)
			pt_buf_printf(&yaml, ", 11.0.%u.0/%u, 'fd11:%u::/%u'", i, which ? 24 : 28,
				i, which ? 48 : 44);
		pt_buf_puts(&yaml, "]\n");
	}
	pt_buf_puts(&yaml, "uplinks: [{ id: u, site: self, device: lo }]\npaths:\n");
	pt_buf_printf(&yaml,
		"  - { id: way%u, source: self, dest: x%u, uplink: u, next_hop: 192.0.2.1, "
		"next_hop6: 'fd02::1', target: 192.0.2.9 }\n",
		which, which);
	pt_buf_printf(&yaml,
		"policies:\n  - { id: p%u, match: { protocol: udp, src_ports: [5000], "
		"src_prefixes: [10.0.0.0/%u, "
		"'fd01::/16'] } }\n",
		which, which ? 8 : 9);
	const struct pt_yaml_text text = { "test", pt_buf_str(&yaml), yaml.len };

	if (pt_yaml_parse(&text, &pt_network_schema, &arena, &marks, &net[which], &rig.err) ||
		pt_network_check(&net[which], &arena, marks, &rig.err) ||
		pt_config_load(NULL, &arena, &cfg, &rig.err)) {
		T_FAIL("%s", rig.err.msg);
		return false;
	}
	return true;
}

static int reload(unsigned which)
{
	const struct pt_setup s = { .net = &net[which],
		.cfg = &cfg,
		.self = pt_network_site(&net[which], "self"),
		.links = &links };
	struct pt_table t;
	int ret = pt_table_init(&t, &s, rig.plane, &rig.err);

	if (!ret)
		ret = pt_table_paths(&t, &rig.err);
	if (!ret)
		ret = pt_table_banks(&t, true, &rig.err);
	pt_table_done(&t);
	return ret;
}

// Packets of both families until told to stop; how many there were.
static void *run_packets(void *arg)
{
	static struct rig_packet v4, v6, left;
	uint64_t *sent = arg;

	rig_ipv4(&v4, "11.0.7.9", IPPROTO_UDP, 5000, 6000, 32);
	rig_ipv6(&v6, "fd11:7::9", IPPROTO_UDP, 5000, 6000, 32);
	for (unsigned i = 0; !over; i++) {
		const struct rig_packet *p = i % 2 ? &v4 : &v6;
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
			.data_out = left.data, .data_size_out = sizeof(left.data), .repeat = BATCH);

		if (bpf_prog_test_run_opts(rig.prog.fd[PT_PROGRAM_STEER], &opts))
			break;
		*sent += BATCH;
	}
	return NULL;
}

static uint32_t way(const char *id)
{
	pt_autonames names = {};

	T_EQ(pt_names_read(rig.plane, &names, &rig.err), 0);
	return pt_names_index(&names, PT_NAME_PATH, id);
}

static void test_old_or_new(void)
{
	uint64_t sent = 0, before = rig_stat(PT_STAT_STEERED);
	pthread_t thread;
	uint32_t ways[2];
	int failed = 0;

	T_NEED(make(0) && make(1));
	T_EQ(reload(1), 0);
	T_EQ(reload(0), 0);
	ways[0] = way("way0");
	ways[1] = way("way1");
	T_NEED(ways[0] < 16 && ways[1] < 16 && ways[0] != ways[1]);
	T_NEED(!pthread_create(&thread, NULL, run_packets, &sent));
	for (unsigned i = 1; i <= RELOADS && !failed; i++)
		failed = reload(i % 2);
	over = true;
	pthread_join(thread, NULL);
	T_EQ(failed, 0);
	T_OK(sent > RELOADS * BATCH);
	T_EQ(rig_stat(PT_STAT_STEERED) - before, sent);
	for (int i = PT_STAT_PASS_TYPE; i <= PT_STAT_PASS_MTU; i++)
		T_EQ(rig_stat((enum pt_stat)i), 0);
	T_OK(rig_tx(ways[0]) > 0 && rig_tx(ways[1]) > 0); // both were in use
	T_EQ(rig_tx(ways[0]) + rig_tx(ways[1]), sent);
	printf("# %" PRIu64 " packets, %d reloads\n", sent, RELOADS);
}

RIG_MAIN({ "each packet goes by the old network or by the new", test_old_or_new })
