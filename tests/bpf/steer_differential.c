// SPDX-License-Identifier: MIT
// Random packets through the steer program and through the kernel's own forwarding, which is the
// oracle: what the program sends on is byte for byte what the kernel would send (but for a clamped
// MSS), what the kernel would not forward it leaves to the kernel, and its choice is that of
// pt_classify.
//   PT_DIFF_COUNT=N  packets, 200,000 by default     PT_DIFF_SEED=N   another sequence
//   PT_DIFF_INDEX=N  this packet alone, told in full     PT_HOOK=clsact   attached that way
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>

#include "base/clock.h"
#include "base/parse.h"
#include "plane/load.h"
#include "plane/setup.h"
#include "plane/ways.h"
#include "select/classify.h"
#include "tests/bpf/lanes.h"
#include "tests/unit/test.h"

#define COUNT     200000
#define COUNT_SAN 150000
#define SEED      20261123
#define TOLD      8 // deviations told in full
#define LATE_MS   30
#define CPUS      512
#define HEX_BYTES 400

static const char *const dests[] = { "b", "c", "d", "net" };
#define DESTS 4
static const char *const policies[] = {
	"match: {protocol: udp, dscp: ef}",
	"match: {protocol: tcp, dst_ports: [443, 8000-8100]}, strategy: weighted, weights: [3]",
	"match: {protocol: udp, src_ports: [5060], dst_ports: [5060, 40000]}",
	"match: {protocol: udp, dst_ports: [53]}",
	"match: {dscp: af41}, set_dscp: cs1, class: '1:10'", "match: {protocol: icmp}",
	"match: {protocol: icmp6}",
	"match: {protocol: sctp, devices: [lan9]}", // NEVER
	"match: {protocol: sctp, devices: [lan0]}",
	"match: {protocol: tcp, src_prefixes: [10.1.0.8/29, 'fd01::8/125']}",
	"match: {protocol: tcp, dscp: 0}", "match: {protocol: tcp}",
	"match: {protocol: udp}, strategy: weighted, weights: [5]", // fragments, too
};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))
#define NEVER    7                  // the policy whose device nothing enters by
#define PATHS    (DESTS * POLICIES) // next hop of path n (from 1) ends in n

enum fault { FAULT_BYTES, FAULT_FORWARDED, FAULT_CHOICE, FAULT_PASSED, FAULT_COUNT };
static const char *const fault_words[] = {
	[FAULT_BYTES] = "the program's bytes are not the kernel's",
	[FAULT_FORWARDED] = "the program sends what the kernel does not forward",
	[FAULT_CHOICE] = "the path is not that of pt_classify",
	[FAULT_PASSED] = "handed over, it comes out another way",
};

static char dir[64];
static struct pt_arena arena;
static struct pt_network net;
static struct pt_config cfg;
static struct pt_links links;
static struct pt_setup setup;
static struct pt_plane *plane;
static struct pt_programs progs;
static struct pt_err err;
static struct lanes lanes;
static uint32_t lan_index;

static uint64_t seed, count, first;
static bool loud;
static struct {
	uint64_t run, steered, unforwarded, refused, clamped, dressed, fault[FAULT_COUNT];
	uint64_t passed[PT_STAT_COUNT]; // though the kernel forwards it
	uint64_t odd[ODD_KINDS];
	uint64_t path[2][PATHS + 1];
} sum;

// ---- the network ----

static void put_network(struct pt_buf *b)
{
	pt_buf_puts(b,
		"sites:\n"
		"  - {id: a, lan: [lan0], prefixes: [10.1.0.0/16, 'fd01::/48']}\n"
		"  - {id: b, prefixes: [10.2.0.0/16, 'fd02::/48']}\n"
		"  - {id: c, prefixes: [10.2.7.0/24, 10.3.0.0/17, 'fd02:0:0:7::/64', "
		"'fd03::/48']}\n"
		"  - {id: d, prefixes: [10.4.0.0/16, 'fd04::/48']}\n"
		"  - {id: bare, prefixes: [10.9.0.0/16, 'fd0a::/16']}\n"
		"  - {id: net, prefixes: [0.0.0.0/0, '::/0']}\nuplinks:\n");
	for (size_t i = 0; i < POLICIES; i++)
		pt_buf_printf(b, "  - {id: u%zu, site: a, device: wan0}\n", i);
	pt_buf_puts(b, "policies:\n");
	for (size_t i = 0; i < POLICIES; i++)
		pt_buf_printf(b, "  - {id: p%zu, priority: %zu, prefer: [u%zu], %s}\n", i, i + 1, i,
			policies[i]);
	pt_buf_puts(b, "paths:\n");
	for (size_t i = 0; i < PATHS; i++)
		pt_buf_printf(b,
			"  - {id: %s-%zu, source: a, dest: %s, uplink: u%zu, next_hop: 192.0.2.%zu,"
			" next_hop6: 'fd09::%zx', target: 192.0.2.%zu, mtu: %d, preference: %d}\n",
			dests[i / POLICIES], i + 1, dests[i / POLICIES], i % POLICIES, i + 1, i + 1,
			i + 1, i / POLICIES == 2 ? 1280 : 1500,
			i % POLICIES == NEVER ? -1 : 0); // no candidate of the weighted ones
}

static int load(void)
{
	const char *hook = getenv("PT_HOOK");
	pt_autobuf yaml = { 0 };
	struct pt_yaml_text text = { .name = "test" };
	struct pt_marks *marks;

	put_network(&yaml);
	text.text = pt_buf_str(&yaml);
	text.len = yaml.len;
	if (pt_yaml_parse(&text, &pt_network_schema, &arena, &marks, &net, &err) ||
		pt_network_check(&net, &arena, marks, &err) ||
		pt_config_load(NULL, &arena, &cfg, &err) || pt_links_read(&links, &err))
		return -1;
	setup = (struct pt_setup){ .net = &net, .cfg = &cfg, .links = &links, .strict = true };
	setup.self = pt_network_site(&net, "a");
	if (hook)
		setup.hook = !strcmp(hook, "clsact") ? PT_HOOK_KIND_CLSACT : PT_HOOK_KIND_TCX;
	return 0;
}

static int attach(void)
{
	struct pt_setup_result done;

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/pt-test-%d-diff/1", getpid());
	progs = PT_PROGRAMS_NONE;
	// Without our rules and routes: the oracle is the kernel as it is by itself.
	if (load() || pt_setup_attach(dir, &setup, &done, &err) || pt_ways_remove(&err) ||
		pt_plane_open(dir, PT_PLANE_WRITE, &plane, &err) ||
		pt_setup_load(plane, &setup, &progs, &err))
		return -1;
	lan_index = if_nametoindex("lan0");
	return 0;
}

static void done(void)
{
	pt_programs_done(&progs);
	pt_plane_free(plane);
	if (dir[0])
		(void)pt_setup_detach(dir, NULL);
	pt_links_done(&links);
	pt_arena_done(&arena);
}

// ---- the program ----

struct verdict {
	int act; // of the program; -1000: the test run refused the packet
	uint32_t len;
	uint8_t data[ODD_ROOM];
};

static void program(const struct odd_packet *p, struct verdict *out)
{
	struct __sk_buff skb = { .ifindex = lan_index,
		.gso_size = p->gso.gso_size,
		.gso_segs = p->gso.gso_size ? 1 + p->len / p->gso.gso_size : 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
		.data_out = out->data, .data_size_out = sizeof(out->data), .ctx_in = &skb,
		.ctx_size_in = sizeof(skb), .repeat = 1);

	out->act = bpf_prog_test_run_opts(progs.fd[PT_PROGRAM_STEER], &opts) ? -1000
									     : (int)opts.retval;
	out->len = opts.data_size_out;
}

static void read_stats(uint64_t out[PT_STAT_COUNT])
{
	static uint64_t value[CPUS];

	for (uint32_t i = 0; i < PT_STAT_COUNT; i++) {
		out[i] = 0;
		if (bpf_map_lookup_elem(plane->fd[PT_MAP_STAT], &i, value))
			continue;
		for (int cpu = 0; cpu < libbpf_num_possible_cpus() && cpu < CPUS; cpu++)
			out[i] += value[cpu];
	}
}

// Which counter the packet moves.
static void count_reason(const struct odd_packet *p)
{
	static struct verdict again;
	uint64_t before[PT_STAT_COUNT], after[PT_STAT_COUNT];

	read_stats(before);
	program(p, &again);
	read_stats(after);
	for (uint32_t i = 0; i < PT_STAT_COUNT; i++)
		sum.passed[i] += after[i] - before[i];
}

// ---- the choice ----

// What a fragment shows, and what a sound packet without options does: the program sends no other.
static bool flow_of(const uint8_t *ip, uint32_t len, struct pt_flow *f)
{
	bool v6 = ip[0] >> 4 == 6, fragment = false;
	uint32_t l4 = v6 ? 40 : 20;

	*f = (struct pt_flow){ .device = "lan0" };
	if (len < l4)
		return false;
	f->src.family = f->dst.family = v6 ? AF_INET6 : AF_INET;
	memcpy(f->src.bytes, ip + (v6 ? 8 : 12), v6 ? 16 : 4);
	memcpy(f->dst.bytes, ip + (v6 ? 24 : 16), v6 ? 16 : 4);
	f->dscp = (uint8_t)(v6 ? (ip[0] & 15) << 2 | ip[1] >> 6 : ip[1] >> 2);
	f->proto = ip[v6 ? 6 : 9];
	if (v6 && f->proto == IPPROTO_FRAGMENT && len >= 48) {
		fragment = true;
		f->proto = ip[40];
	} else if (!v6) {
		fragment = (ip[6] & 0x3f) || ip[7];
	}
	f->has_port = !fragment && len >= l4 + 4 &&
		(f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP || f->proto == IPPROTO_SCTP ||
			f->proto == IPPROTO_DCCP || f->proto == IPPROTO_UDPLITE);
	if (f->has_port) {
		f->sport = (uint16_t)(ip[l4] << 8 | ip[l4 + 1]);
		f->dport = (uint16_t)(ip[l4 + 2] << 8 | ip[l4 + 3]);
	}
	return true;
}

// The next hop that the user-space classifier wants; 0: the kernel's.
static struct pt_class got; // of the newest packet

static uint32_t wanted_hop(const struct odd_packet *p)
{
	struct pt_flow flow;

	if (!flow_of(p->data + ETH_HLEN, p->len - ETH_HLEN, &flow))
		return 0;
	pt_classify(&net, setup.self, &flow, &got);
	return got.verdict == PT_CLASS_OK ? (uint32_t)got.paths[0]->next_hop.bytes[3] : 0;
}

// ---- one packet ----

static struct odd_packet packet;
static struct lane_out kernel, steered;
static struct verdict verdict;

static bool same_out(const struct lane_out *a, const struct lane_out *b)
{
	return a->n == b->n && a->len == b->len && a->gso_size == b->gso_size &&
		!memcmp(a->data, b->data, a->len);
}

// Where a SYN carries an MSS above the limit; 0: nowhere, or not where anybody would look.
static uint32_t large_mss(const uint8_t *ip, uint32_t len, uint32_t mtu, uint32_t *limit)
{
	uint32_t l4 = ip[0] >> 4 == 6 ? 40 : 20, at = l4 + 20, end;
	struct pt_flow flow;

	if (!flow_of(ip, len, &flow) || flow.proto != IPPROTO_TCP || !flow.has_port || len < at ||
		!(ip[l4 + 13] & 2))
		return 0;
	end = l4 + (ip[l4 + 12] >> 4) * 4u;
	*limit = mtu - at;
	while (at + 4 <= end && end <= len && ip[at]) {
		if (ip[at] == 2 && ip[at + 1] == 4)
			return (uint32_t)(ip[at + 2] << 8 | ip[at + 3]) > *limit ? at + 2 : 0;
		if (ip[at] != 1 && ip[at + 1] < 2)
			return 0;
		at += ip[at] == 1 ? 1 : ip[at + 1];
	}
	return 0;
}

static uint32_t fold(const uint8_t *data, uint32_t len)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < len; i++)
		total += (uint32_t)data[i] << (i & 1 ? 0 : 8);
	return total % 0xffff; // 0 and 0xffff are one
}

// As the policy wants it, where the kernel leaves it alone.
static void set_dscp(uint8_t *ip)
{
	uint32_t dscp, total = 0;

	if (!got.policy || got.policy->set_dscp == PT_NULL)
		return;
	dscp = (uint32_t)got.policy->set_dscp;
	if (ip[0] >> 4 == 6) {
		ip[0] = (uint8_t)(0x60 | dscp >> 2);
		ip[1] = (uint8_t)((ip[1] & 0x3f) | dscp << 6);
		sum.dressed++;
		return;
	}
	ip[1] = (uint8_t)((ip[1] & 3) | dscp << 2);
	odd_put16(ip + 10, 0);
	for (uint32_t i = 0; i < 20; i += 2)
		total += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	total = (total & 0xffff) + (total >> 16);
	odd_put16(ip + 10, ~((total & 0xffff) + (total >> 16)));
	sum.dressed++;
}

// The kernel's bytes, but for a code point to set, and an MSS that the path cannot carry: lowered
// to the byte, and with it the checksum, so that the sum over the segment stays what it was.
static bool same_bytes(const uint8_t *ours, uint32_t hop)
{
	static uint8_t want[65600];
	uint32_t l4 = kernel.data[0] >> 4 == 6 ? 40 : 20, limit, at;

	memcpy(want, kernel.data, kernel.len);
	set_dscp(want);
	at = large_mss(want, kernel.len, (hop - 1) / POLICIES == 2 ? 1280 : 1500, &limit);
	if (at && memcmp(ours + at, want + at, 2) != 0) {
		odd_put16(want + at, limit);
		memcpy(want + l4 + 16, ours + l4 + 16, 2);
		sum.clamped++;
	}
	return memcmp(ours, want, kernel.len) == 0 &&
		fold(ours + l4, kernel.len - l4) == fold(kernel.data + l4, kernel.len - l4);
}

// From the broadcast address of a connected network: the kernel looks at sources so closely only
// once there has been a policy rule, whoever made it. Nobody has such an address; the program does
// not look.
static bool from_broadcast(void)
{
	static const uint8_t lan[] = { 10, 1, 0, 255 }, wan[] = { 192, 0, 2, 255 };
	const uint8_t *ip = packet.data + ETH_HLEN;

	return !packet.v6 && (!memcmp(ip + 12, lan, 4) || !memcmp(ip + 12, wan, 4));
}

static int judge(uint32_t hop)
{
	if (verdict.act == TC_ACT_UNSPEC)
		return same_out(&kernel, &steered) && steered.hop == kernel.hop &&
				verdict.len == packet.len &&
				!memcmp(verdict.data, packet.data, packet.len)
			? FAULT_COUNT
			: FAULT_PASSED;
	if (verdict.act == TC_ACT_REDIRECT && !kernel.n && from_broadcast())
		return FAULT_COUNT;
	if (verdict.act != TC_ACT_REDIRECT || kernel.n != 1)
		return FAULT_FORWARDED;
	if (steered.n != 1 || steered.len != kernel.len || steered.gso_size != kernel.gso_size ||
		verdict.len != kernel.len + ETH_HLEN ||
		memcmp(verdict.data + ETH_HLEN, steered.data, steered.len) != 0 ||
		!same_bytes(steered.data, hop))
		return FAULT_BYTES;
	return hop && steered.hop == hop ? FAULT_COUNT : FAULT_CHOICE;
}

static void print_hex(const char *what, const uint8_t *data, uint32_t len)
{
	printf("#   %s, %u bytes: ", what, len);
	for (uint32_t i = 0; i < len && i < HEX_BYTES; i++)
		printf("%02x%s", data[i], i == 13 ? " " : "");
	printf("%s\n", len > HEX_BYTES ? "..." : "");
}

static void tell(uint64_t index, const char *what, uint32_t hop)
{
	printf("# PT_DIFF_SEED=%" PRIu64 " PT_DIFF_INDEX=%" PRIu64 ": %s\n#   made with:", seed,
		index, what);
	for (uint32_t i = 0; i < ODD_KINDS; i++)
		if (packet.made & 1u << i)
			printf(" %s", odd_kinds[i].name);
	printf("; gso_size %u\n#   program says %d; kernel sends %u (gso %u), steered %u (gso %u) "
	       "by hop %u, pt_classify wants %u\n",
		packet.gso.gso_size, verdict.act, kernel.n, kernel.gso_size, steered.n,
		steered.gso_size, steered.hop, hop);
	print_hex("in", packet.data, packet.len);
	print_hex("program", verdict.data, verdict.len);
	print_hex("kernel", kernel.data, kernel.len);
	print_hex("steered", steered.data, steered.len);
}

static bool run_lanes(uint32_t wait_ms)
{
	if (!lane_send(&lanes, lanes.bare, &packet, wait_ms, &kernel) ||
		!lane_send(&lanes, lanes.steered, &packet, wait_ms, &steered))
		return false;
	program(&packet, &verdict);
	return verdict.act != -1000;
}

static void tally(uint32_t hop)
{
	for (uint32_t i = 0; i < ODD_KINDS; i++)
		sum.odd[i] += packet.made >> i & 1;
	if (verdict.act == TC_ACT_REDIRECT) {
		sum.steered++;
		if (hop <= PATHS)
			sum.path[packet.v6][hop]++;
	} else if (kernel.n) {
		count_reason(&packet);
	} else {
		sum.unforwarded++;
	}
}

static void run_one(uint64_t index)
{
	uint32_t hop;
	int fault;

	odd_make(&packet, seed, index, lane_mac);
	if (packet.gso.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4 && !lanes.uso)
		return;
	sum.run++;
	if (!run_lanes(0)) {
		sum.refused++;
		return;
	}
	hop = wanted_hop(&packet);
	fault = judge(hop);
	if (fault < FAULT_COUNT && run_lanes(LATE_MS)) // what was late is no deviation
		fault = judge(hop);
	tally(hop);
	if (fault < FAULT_COUNT && sum.fault[fault]++ < TOLD)
		tell(index, fault_words[fault], hop);
	else if (loud)
		tell(index, "no deviation", hop);
}

// ---- tests ----

static void test_run(void)
{
	for (uint64_t i = first; i < first + count; i++)
		run_one(i);
	printf("# seed %" PRIu64 ": %" PRIu64 " packets, %" PRIu64 " steered, %" PRIu64
	       " the kernel does not forward, %" PRIu64 " refused by tap or test run\n",
		seed, sum.run, sum.steered, sum.unforwarded, sum.refused);
	printf("# %" PRIu64 " with the MSS lowered\n", sum.clamped);
	for (uint32_t i = 0; i < PT_STAT_COUNT; i++) {
		static const char *const words[] = {
#define X(name, key, doc) [PT_STAT_##name] = key,
			PT_STATS(X)
#undef X
		};

		if (sum.passed[i])
			printf("# the kernel forwards, the program hands over: %s %" PRIu64 "\n",
				words[i], sum.passed[i]);
	}
	T_EQ(sum.fault[FAULT_BYTES], 0);
}

static void test_forwarded(void)
{
	T_EQ(sum.fault[FAULT_FORWARDED], 0);
}

static void test_choice(void)
{
	T_EQ(sum.fault[FAULT_CHOICE], 0);
}

static void test_passed(void)
{
	T_EQ(sum.fault[FAULT_PASSED], 0);
}

// A generator or an oracle that falls asleep must not look like success.
static void test_reach(void)
{
	if (count < 100000)
		T_SKIP("too few packets to reach everything");
	T_OK(sum.steered > sum.run / 8);
	T_OK(sum.unforwarded > sum.run / 8);
	T_OK(sum.refused < sum.run / 20);
	T_OK(sum.clamped > sum.run / 5000);
	T_OK(sum.dressed > sum.run / 5000);
	for (uint32_t i = 0; i < ODD_KINDS; i++)
		if (!sum.odd[i])
			T_FAIL("no packet with %s", odd_kinds[i].name);
	for (uint32_t v6 = 0; v6 < 2; v6++)
		for (uint32_t i = 1; i <= PATHS; i++)
			if (!sum.path[v6][i] != ((i - 1) % POLICIES == NEVER))
				T_FAIL("%" PRIu64 " IPv%d packets on path %u", sum.path[v6][i],
					v6 ? 6 : 4, i);
}

static uint64_t number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	uint64_t value = fallback;

	if (text && pt_parse_u64(text, 0, INT64_MAX, &value))
		printf("# %s: no number\n", name);
	return value;
}

static int skip(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	done();
	return 77;
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "what is steered is what the kernel would send", test_run },
		{ "what the kernel does not forward is left to it", test_forwarded },
		{ "the kernel's choice of site and policy is pt_classify's", test_choice },
		{ "what is handed over stays as it was", test_passed },
		{ "every path, every oddity and both outcomes were met", test_reach },
	};
	int ret;

	seed = number("PT_DIFF_SEED", SEED);
	count = number("PT_DIFF_COUNT", getenv("PT_SAN") ? COUNT_SAN : COUNT);
	loud = getenv("PT_DIFF_INDEX") != NULL;
	first = number("PT_DIFF_INDEX", 0);
	if (loud)
		count = 1;
	if (geteuid() != 0)
		return skip("needs root");
	if (unshare(CLONE_NEWNET) < 0)
		return skip("no network namespaces");
	if (!lanes_open(&lanes, PATHS))
		return skip("no tap devices");
	if (attach()) {
		printf("Bail out! %s\n", err.msg);
		done();
		return 2;
	}
	ret = t_run(cases, sizeof(cases) / sizeof(cases[0]));
	done();
	return ret;
}
