// SPDX-License-Identifier: MIT
// The XDP program, packet by packet: what it sends is rewritten as a router must, and what it
// passes on is not touched. And the MACs that it shares with the tc program behind it.
#define RIG_PASSIVE 1 // every flow
#include <linux/bpf.h>
#include <net/if.h>

#include "plane/passive.h"
#include "tests/bpf/segment.h"
#include "tests/unit/ip.h"

#define PATH 1

static const uint8_t own[6] = { 2, 0, 0, 0, 1, 1 }, out_mac[6] = { 2, 0, 0, 0, 2, 1 };
static const uint8_t next_hop[6] = { 2, 0, 0, 0, 2, 2 };
static uint32_t lan, wan;

static int set_sysctl(const char *path)
{
	FILE *f = fopen(path, "w");
	int bad = !f || fputs("1", f) < 0;

	return (f && fclose(f)) || bad;
}

static int make_world(void)
{
	return IP("link", "add", "lan0", "address", "02:00:00:00:01:01", "type", "veth", "peer",
		       "name", "lan1") ||
		IP("link", "add", "wan0", "address", "02:00:00:00:02:01", "type", "veth", "peer",
			"name", "far0") ||
		IP("addr", "add", "192.0.2.9/24", "dev", "wan0") ||
		IP("addr", "add", "fd00::9/64", "dev", "wan0", "nodad") ||
		IP("link", "set", "lan0", "up") || IP("link", "set", "wan0", "up") ||
		IP("link", "set", "lan1", "up") || IP("link", "set", "far0", "up") ||
		set_sysctl("/proc/sys/net/ipv4/ip_forward") ||
		set_sysctl("/proc/sys/net/ipv6/conf/all/forwarding") ||
		IP("neigh", "add", "192.0.2.1", "lladdr", "02:00:00:00:02:02", "dev", "wan0", "nud",
			"permanent") ||
		IP("neigh", "add", "fd00::1", "lladdr", "02:00:00:00:02:02", "dev", "wan0", "nud",
			"permanent");
}

static int pin_of(const char *name)
{
	char path[PT_PIN_PATH];

	return pt_pin_path(rig.dir, name, path) ? -1 : bpf_obj_get(path);
}

static void fill_plane(void)
{
	struct bpf_devmap_val val = { .ifindex = wan };
	struct pt_xdp_lan row = { .ifindex = lan };
	uint32_t slot = PT_XDP_SLOT(lan), out = PT_XDP_SLOT(wan);
	int port = pin_of("pt_xdp_port"), table = pin_of("pt_xdp_lan");

	memcpy(row.mac, own, sizeof(own));
	T_EQ(bpf_map_update_elem(port, &out, &val, BPF_ANY), 0);
	T_EQ(bpf_map_update_elem(table, &slot, &row, BPF_ANY), 0);
	close(port);
	close(table);
	rig_match_all(&rig.plane->rule[0]);
	rig_match_all(&rig.plane->rule[1]);
	rig_dest("10.2.0.0/16", 1);
	rig_dest("fd02::/16", 1);
	rig_hop(PATH);
	rig.plane->hop[PATH].ifindex = wan;
	rig.plane->hop[PATH].via6[1] = 0; // fd00::1
	for (uint32_t bank = 0; bank < 2; bank++) {
		struct pt_group *group =
			&rig.plane->group[PT_GROUP_KEY(rig.plane->meta->site_cap, bank, 1, 0)];

		*group = (struct pt_group){ .path = { PATH }, .count = 1 };
		rig_first(group, bank == 0);
	}
}

// One run; the frame becomes what the program left of it.
static int run(struct rig_packet *p)
{
	struct xdp_md md = { .data_end = p->len, .ingress_ifindex = lan };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
		.data_out = p->data, .data_size_out = sizeof(p->data), .ctx_in = &md,
		.ctx_size_in = sizeof(md), .repeat = 1);
	int ret;

	rig_changed();
	ret = bpf_prog_test_run_opts(rig.prog.fd[PT_PROGRAM_XDP], &opts);

	if (ret)
		T_FAIL("test run: %s", strerror(-ret));
	p->out_len = opts.data_size_out;
	return ret ? -1 : (int)opts.retval;
}

static void is_passed(struct rig_packet *p)
{
	struct rig_packet before = *p;

	T_EQ(run(p), XDP_PASS);
	T_EQ(p->out_len, before.len);
	T_OK(!memcmp(p->data, before.data, before.len));
}

static void is_sent(struct rig_packet *p, uint32_t len)
{
	uint64_t sent = rig_stat(PT_STAT_XDP), tx = rig_tx(PATH);

	T_EQ(run(p), XDP_REDIRECT);
	T_EQ(p->out_len, len);
	T_OK(!memcmp(p->eth.h_dest, next_hop, 6) && !memcmp(p->eth.h_source, out_mac, 6));
	T_EQ(rig_stat(PT_STAT_XDP), sent + 1);
	T_EQ(rig_tx(PATH), tx + 1);
}

static void v4(struct rig_packet *p, uint32_t payload)
{
	rig_ipv4(p, "10.2.0.2", IPPROTO_UDP, 1000, 2000, payload);
	memcpy(p->eth.h_dest, own, 6);
}

static void v6(struct rig_packet *p, uint32_t payload)
{
	rig_ipv6(p, "fd02::2", IPPROTO_UDP, 1000, 2000, payload);
	memcpy(p->eth.h_dest, own, 6);
}

static void plain_packets_are_sent(void)
{
	struct rig_packet p;

	for (int ttl = 2; ttl < 256; ttl++) {
		v4(&p, 100);
		p.v4.ttl = (uint8_t)ttl;
		p.v4.id = htons((uint16_t)(ttl * 257));
		rig_seal(&p);
		is_sent(&p, ETH_HLEN + 128);
		T_EQ(p.v4.ttl, ttl - 1);
		T_EQ(rig_sum(&p.v4), 0xffff);
	}
	v6(&p, 100);
	is_sent(&p, ETH_HLEN + 148);
	T_EQ(p.v6.hop_limit, 63);
}

static void padding_ends_at_the_least_frame(void)
{
	struct rig_packet p;

	v4(&p, 4); // 46 bytes, as they come padded to 60
	p.len = 60;
	is_sent(&p, 60);
	v4(&p, 4);
	p.len = 90;
	is_sent(&p, 60);
	v4(&p, 100);
	p.len += 20;
	is_sent(&p, ETH_HLEN + 128);
	v4(&p, 4); // a veth pads nothing
	is_sent(&p, 46);
}

static void fragments_go_by_address(void)
{
	struct rig_packet p;

	v4(&p, 100);
	p.v4.frag_off = htons(0x2000 | 100);
	rig_seal(&p);
	is_sent(&p, ETH_HLEN + 128);
}

static void the_kernels_part_is_passed(void)
{
	struct rig_packet p;

	v4(&p, 20);
	p.v4.ttl = 1;
	rig_seal(&p);
	is_passed(&p);
	v6(&p, 20);
	p.v6.hop_limit = 1;
	is_passed(&p);
	v4(&p, 20);
	p.v4.check ^= 1;
	is_passed(&p);
	v4(&p, 20);
	p.len -= 4; // shorter than it says
	is_passed(&p);
	v4(&p, 1473);
	is_passed(&p); // larger than the path carries
	v4(&p, 20);
	p.eth.h_dest[5] ^= 1; // another's
	is_passed(&p);
	v4(&p, 20);
	p.v4.daddr = inet_addr("224.0.0.5");
	rig_seal(&p);
	is_passed(&p);
	v4(&p, 20);
	p.v4.daddr = inet_addr("10.7.0.1"); // of no site
	rig_seal(&p);
	is_passed(&p);
}

// As a clock that struck: the next packet is to become a probe.
static void set_want(uint8_t want)
{
	static struct pt_live live;
	uint32_t zero = 0;

	live = *rig.plane->live;
	live.want[PATH] = want;
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_LIVE], &zero, &live, BPF_ANY), 0);
}

static void what_tc_does_better_is_passed(void)
{
	struct rig_packet p;
	struct tcphdr tcp = { .doff = 5, .syn = 1 };

	v4(&p, 20);
	memmove(p.data + 16, p.data + 12, p.len - 12);
	memcpy(p.data + 12, "\x81\x00\x00\x0a", 4); // a VLAN tag
	p.len += 4;
	is_passed(&p);
	v4(&p, 20);
	p.v4.ihl = 6; // options
	p.v4.protocol = IPPROTO_TCP;
	is_passed(&p);
	rig_ipv4(&p, "10.2.0.2", IPPROTO_TCP, 1, 2, 12);
	memcpy(p.eth.h_dest, own, 6);
	memcpy(p.data + ETH_HLEN + 20, &tcp, sizeof(tcp));
	is_passed(&p);
	tcp.syn = 0;
	memcpy(p.data + ETH_HLEN + 20, &tcp, sizeof(tcp));
	is_sent(&p, ETH_HLEN + 40);
	rig.plane->hop[PATH].flags |= PT_HOP_MARK;
	v4(&p, 20);
	is_passed(&p);
	rig.plane->hop[PATH].flags &= ~(__u32)PT_HOP_MARK;
	rig.plane->hop[PATH].flags |= PT_HOP_GUARD;
	v4(&p, 20);
	is_passed(&p);
	rig.plane->hop[PATH].flags &= ~(__u32)PT_HOP_GUARD;
	rig.plane->hop[PATH].flags |= PT_HOP_CLOCKED;
	v4(&p, 20);
	is_sent(&p, ETH_HLEN + 48);
	set_want(1);
	v4(&p, 20);
	is_passed(&p);
	set_want(0);
	v4(&p, 20);
	is_sent(&p, ETH_HLEN + 48);
}

// What was not known is asked for again in the next jiffy.
static bool is_known_soon(void)
{
	const struct timespec tick = { .tv_nsec = PT_NS_PER_MS };
	struct rig_packet p;

	for (int i = 0; i < 20000; i++) {
		v4(&p, 20);
		if (run(&p) == XDP_REDIRECT)
			return true;
		(void)nanosleep(&tick, NULL);
	}
	return false;
}

static void a_next_hop_must_be_known(void)
{
	struct rig_packet p;

	rig.plane->hop[PATH].via4[3] = 77;
	v4(&p, 20);
	is_passed(&p);
	T_EQ(IP("neigh", "add", "192.0.2.77", "lladdr", "02:00:00:00:02:02", "dev", "wan0", "nud",
		     "permanent"),
		0);
	T_OK(is_known_soon());
	v4(&p, 20);
	is_sent(&p, ETH_HLEN + 48);
	rig.plane->hop[PATH].via4[3] = 78; // another one: nothing of the old is used
	v4(&p, 20);
	is_passed(&p);
	T_EQ(IP("route", "add", "192.0.3.0/24", "via", "192.0.2.1"), 0);
	rig.plane->hop[PATH].via4[2] = 3; // of which the kernel knows a gateway, and that one's MAC
	v4(&p, 20);
	is_passed(&p);
	T_EQ(IP("route", "del", "192.0.3.0/24"), 0);
	rig.plane->hop[PATH].via4[2] = 2;
	T_EQ(IP("route", "add", "fd01::/64", "via", "fd00::1"), 0);
	rig.plane->hop[PATH].via6[1] = 1;
	v6(&p, 20);
	is_passed(&p);
	T_EQ(IP("route", "del", "fd01::/64"), 0);
	rig.plane->hop[PATH].via6[1] = 0;
	rig.plane->hop[PATH].via4[3] = 1;
	rig.plane->hop[PATH].ifindex = 1; // lo takes no redirected frames
	v4(&p, 20);
	is_passed(&p);
	rig.plane->hop[PATH].ifindex = wan;
}

// Until the tc program writes this MAC; each packet is sent, whoever finds the MAC.
static bool tc_writes_soon(const uint8_t mac[6], bool six)
{
	const struct timespec tick = { .tv_nsec = PT_NS_PER_MS };
	struct rig_packet p;

	for (int i = 0; i < 20000; i++) {
		(six ? v6 : v4)(&p, 20);
		p.ifindex = lan;
		T_EQ(rig_run(PT_PROGRAM_STEER, &p), TC_ACT_REDIRECT);
		if (!memcmp(p.eth.h_dest, mac, 6) && !memcmp(p.eth.h_source, out_mac, 6))
			return true;
		(void)nanosleep(&tick, NULL);
	}
	return false;
}

static void tc_follows_the_next_hop(void)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 2, 3 };

	for (int six = 0; six < 2; six++) {
		const char *via = six ? "fd00::1" : "192.0.2.1";

		T_OK(tc_writes_soon(next_hop, six));
		T_EQ(IP("neigh", "replace", via, "lladdr", "02:00:00:00:02:03", "dev", "wan0",
			     "nud", "permanent"),
			0);
		T_OK(tc_writes_soon(other, six));
		T_EQ(IP("neigh", "replace", via, "lladdr", "02:00:00:00:02:02", "dev", "wan0",
			     "nud", "permanent"),
			0);
		T_OK(tc_writes_soon(next_hop, six));
	}
}

// What XDP sends is measured as what tc sends: the answer comes by tc.
static void users_flows_are_measured(void)
{
	struct pt_passive_sum got = {};
	const struct pt_rtt_key key = { .path = PATH };

	for (int v6 = 0; v6 < 2; v6++) {
		struct segment s = { .seq = 1000, .payload = 100, .val = 7, .v6 = v6 };

		make(&s, true);
		memcpy(pkt.eth.h_dest, own, 6);
		is_sent(&pkt, pkt.len);
		make(&(struct segment){ .ack = 1100, .val = 9, .ecr = 7, .v6 = v6 }, false);
		pkt.ifindex = wan;
		T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
		T_EQ(pt_passive_read(rig.plane, &key, &got), 0);
		T_EQ(got.segments, v6 + 1);
		T_EQ(got.rtt.count, v6 + 1);
	}
}

static const struct t_case cases[] = {
	{ "plain packets of both families are sent", plain_packets_are_sent },
	{ "padding ends where the least frame does", padding_ends_at_the_least_frame },
	{ "fragments go by address", fragments_go_by_address },
	{ "what the kernel must answer is passed untouched", the_kernels_part_is_passed },
	{ "what tc does better is passed untouched", what_tc_does_better_is_passed },
	{ "a next hop must be known, and is asked for again", a_next_hop_must_be_known },
	{ "tc writes the next hop's MAC, and another one soon", tc_follows_the_next_hop },
	{ "users' flows are measured", users_flows_are_measured },
};

int main(void)
{
	int ret = rig_start();

	if (ret)
		return ret;
	if (make_world() || !(lan = if_nametoindex("lan0")) || !(wan = if_nametoindex("wan0")))
		return rig_skip("needs ip(8) and veth devices");
	fill_plane();
	ret = t_run(cases, sizeof(cases) / sizeof(cases[0]));
	rig_done();
	return ret;
}
