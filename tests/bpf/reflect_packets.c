// SPDX-License-Identifier: MIT
// The reflector in the kernel, on real packets: every byte of its answers, and that all else passes
// untouched. Both programs, tc and XDP, get the same packets.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "bpf/reflect.h"
#include "tests/unit/test.h"
#include "wire/ntp.h"
#include "wire/stamp.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/reflect.skel.h"
#pragma GCC diagnostic pop

#define PORT   862
#define CPUS   512
#define RANDOM 1000000
// A shorter frame is no test run's.
#define LEAST(family) ((family) == V4 ? 34u : 54u)
#define UDP_LEN       (sizeof(struct udphdr) + PT_STAMP_LEN)

enum { V4, V6, FAMILIES };
enum { TC, XDP, HOOKS };

static struct reflect_bpf *skel;

struct packet {
	_Alignas(8) uint8_t pad[2]; // so that the network header is aligned
	uint8_t data[256];
	uint32_t len;
	struct ethhdr *eth;
	struct iphdr *v4; // one of the two
	struct ipv6hdr *v6;
	struct udphdr *udp;
	struct pt_stamp_request *stamp;
};

static const char *const local[FAMILIES] = { "10.1.2.3", "fd00:1::3" };
static const char *const remote[FAMILIES] = { "192.0.2.7", "fd00:2::7" };

static struct pt_reflect_addr mapped(const char *text)
{
	struct pt_reflect_addr m = { { [10] = 0xff, [11] = 0xff } };

	if (inet_pton(AF_INET, text, m.bytes + 12) != 1)
		(void)inet_pton(AF_INET6, text, m.bytes);
	return m;
}

// ---- checksums, the slow and plain way ----

static uint32_t add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t udp_sum(const struct packet *p)
{
	uint32_t sum = IPPROTO_UDP + ntohs(p->udp->len);

	if ((const uint8_t *)p->udp + ntohs(p->udp->len) > p->data + sizeof(p->data))
		return 0; // it claims more than there is
	sum = p->v4 ? add(sum, &p->v4->saddr, 8) : add(sum, &p->v6->saddr, 32);
	return fold(add(sum, p->udp, ntohs(p->udp->len)));
}

static void seal(struct packet *p)
{
	uint16_t sum;

	if (p->v4) {
		p->v4->check = 0;
		p->v4->check = htons((uint16_t)~fold(add(0, p->v4, 20)));
	}
	p->udp->check = 0;
	sum = (uint16_t)~udp_sum(p);
	p->udp->check = htons(sum ? sum : 0xffff);
}

// ---- requests ----

static void request(struct packet *p, int family)
{
	void *net = p->data + ETH_HLEN;

	*p = (struct packet){ .eth = (void *)p->data };
	memcpy(p->eth->h_source, "\2\0\0\0\0\2", ETH_ALEN); // to lo, whose address is all zero
	if (family == V4) {
		p->v4 = net;
		*p->v4 = (struct iphdr){ .version = 4,
			.ihl = 5,
			.tos = 46 << 2 | 1,
			.ttl = 61,
			.protocol = IPPROTO_UDP,
			.tot_len = htons(20 + UDP_LEN) };
		(void)inet_pton(AF_INET, remote[V4], &p->v4->saddr);
		(void)inet_pton(AF_INET, local[V4], &p->v4->daddr);
		p->udp = (void *)(p->v4 + 1);
	} else {
		p->v6 = net;
		*p->v6 = (struct ipv6hdr){ .version = 6,
			.priority = (46 << 2 | 1) >> 4,
			.flow_lbl = { (46 << 2 | 1) << 4 & 0xf0, 0x12, 0x34 },
			.nexthdr = IPPROTO_UDP,
			.hop_limit = 61,
			.payload_len = htons(UDP_LEN) };
		(void)inet_pton(AF_INET6, remote[V6], &p->v6->saddr);
		(void)inet_pton(AF_INET6, local[V6], &p->v6->daddr);
		p->udp = (void *)(p->v6 + 1);
	}
	p->eth->h_proto = htons(family == V4 ? ETH_P_IP : ETH_P_IPV6);
	*p->udp = (struct udphdr){
		.source = htons(40000), .dest = htons(PORT), .len = htons(UDP_LEN)
	};
	p->stamp = (void *)(p->udp + 1);
	(void)pt_stamp_request_write(&(struct pt_stamp_sent){ .seq = 0x0a0b0c0d,
					     .ntp = 0xe5d1028080000001,
					     .error = 0x8a7f,
					     .ssid = 0xbeef },
		p->stamp, PT_STAMP_LEN);
	p->len = (uint32_t)((uint8_t *)p->stamp - p->data) + PT_STAMP_LEN;
	seal(p);
}

static int run(struct packet *p, int hook)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
		.data_out = p->data, .data_size_out = sizeof(p->data), .repeat = 1);
	const struct bpf_program *prog = hook == XDP ? skel->progs.reflect_xdp
						     : skel->progs.reflect_tc;

	T_EQ(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), 0);
	T_EQ(opts.data_size_out, p->len);
	return (int)opts.retval;
}

static bool is_answer(int hook, int act)
{
	return act == (hook == XDP ? XDP_TX : TC_ACT_REDIRECT);
}

static bool is_passed(int hook, int act)
{
	return act == (hook == XDP ? XDP_PASS : TC_ACT_UNSPEC);
}

static bool is_dropped(int hook, int act)
{
	return act == (hook == XDP ? XDP_DROP : TC_ACT_SHOT);
}

static uint64_t counted(uint32_t stat)
{
	uint64_t each[CPUS] = {}, sum = 0;

	T_EQ(bpf_map_lookup_elem(bpf_map__fd(skel->maps.reflect_stat), &stat, each), 0);
	for (int i = 0; i < CPUS; i++)
		sum += each[i];
	return sum;
}

static void reset(void)
{
	volatile struct pt_reflect_conf *conf = &skel->bss->pt_reflect_conf;
	uint32_t yes = 1;

	conf->port = PORT;
	conf->error = htons(0x0105);
	conf->allow_all = 1;
	conf->gap_ns = conf->source_gap_ns = 0;
	conf->wall_offset_ns = pt_wall_ns() - pt_mono_now().ns;
	for (int f = 0; f < FAMILIES; f++) {
		struct pt_reflect_addr a = mapped(local[f]);

		T_EQ(bpf_map_update_elem(bpf_map__fd(skel->maps.reflect_local), &a, &yes, BPF_ANY),
			0);
	}
}

#define EACH_FAMILY_AND_HOOK(f, h)         \
	for (int f = 0; f < FAMILIES; f++) \
		for (int h = 0; h < HOOKS; h++)

// ---- answers ----

static void expect_headers(const struct packet *p, const struct packet *was)
{
	T_OK(!memcmp(p->eth->h_dest, was->eth->h_source, ETH_ALEN));
	T_OK(!memcmp(p->eth->h_source, was->eth->h_dest, ETH_ALEN));
	T_EQ(p->udp->source, was->udp->dest);
	T_EQ(p->udp->dest, was->udp->source);
	T_EQ(udp_sum(p), 0xffff);
	if (p->v4) {
		T_EQ(p->v4->saddr, was->v4->daddr);
		T_EQ(p->v4->daddr, was->v4->saddr);
		T_EQ(p->v4->tos, 46 << 2);
		T_EQ(p->v4->ttl, 255);
		T_EQ(fold(add(0, p->v4, 20)), 0xffff);
	} else {
		T_OK(!memcmp(&p->v6->saddr, &was->v6->daddr, 16));
		T_OK(!memcmp(&p->v6->daddr, &was->v6->saddr, 16));
		T_EQ(p->v6->priority << 4 | p->v6->flow_lbl[0] >> 4, 46 << 2);
		T_EQ(p->v6->hop_limit, 255);
	}
}

static void expect_stamp(const struct packet *p)
{
	struct pt_stamp_reflected r = { 0 };
	int64_t age;

	T_EQ(pt_stamp_reply_read(p->stamp, PT_STAMP_LEN, &r), PT_STAMP_LEN);
	T_EQ(r.seq, 0x0a0b0c0d);
	T_EQ(r.ssid, 0xbeef);
	T_EQ(r.error, 0x0105);
	T_EQ(r.sender.seq, 0x0a0b0c0d);
	T_OK(r.sender.ntp == 0xe5d1028080000001);
	T_EQ(r.sender.error, 0x8a7f);
	T_EQ(r.sender_ttl, 61);
	T_OK(r.ntp == r.received_ntp);
	age = pt_wall_ns() - pt_ntp_to_unix_ns(r.ntp);
	T_OK(age > -PT_NS_PER_MS && age < PT_NS_PER_S);
}

static void test_answer(void)
{
	struct packet p, was;

	reset();
	EACH_FAMILY_AND_HOOK(f, h)
	{
		uint64_t before = counted(PT_REFLECT_ANSWERED);

		request(&was, f);
		request(&p, f);
		T_OK(is_answer(h, run(&p, h)));
		expect_headers(&p, &was);
		expect_stamp(&p);
		T_EQ(counted(PT_REFLECT_ANSWERED) - before, 1);
	}
}

static void test_no_checksum(void)
{
	struct packet p;

	reset();
	for (int h = 0; h < HOOKS; h++) {
		request(&p, V4);
		p.udp->check = 0;
		T_OK(is_answer(h, run(&p, h)));
		T_EQ(p.udp->check, 0); // it had none, it gets none
		request(&p, V6);
		p.udp->check = 0; // RFC 8200 section 8.1: not over IPv6
		T_OK(is_passed(h, run(&p, h)));
	}
}

// XDP leaves what does not verify to the kernel; tc keeps a wrong sum wrong, for it cannot see
// whether the device has looked at it.
static void test_bad_checksum(void)
{
	struct packet p;

	reset();
	for (int f = 0; f < FAMILIES; f++) {
		request(&p, f);
		p.udp->check ^= 0x0100;
		T_OK(is_passed(XDP, run(&p, XDP)));
		request(&p, f);
		p.udp->check ^= 0x0100;
		T_OK(is_answer(TC, run(&p, TC)));
		T_OK(udp_sum(&p) != 0xffff);
	}
}

// ---- what passes ----

static void odd_fragment(struct packet *p)
{
	if (p->v4)
		p->v4->frag_off = htons(0x2000);
	else
		p->v6->nexthdr = IPPROTO_FRAGMENT;
}
static void odd_option(struct packet *p)
{
	if (p->v4)
		p->v4->ihl = 6;
	else
		p->v6->nexthdr = IPPROTO_HOPOPTS;
}
static void odd_version(struct packet *p)
{
	p->data[ETH_HLEN] ^= 0x10;
}
static void odd_protocol(struct packet *p)
{
	if (p->v4)
		p->v4->protocol = IPPROTO_TCP;
	else
		p->v6->nexthdr = IPPROTO_TCP;
}
static void odd_port(struct packet *p)
{
	p->udp->dest = htons(PORT + 1);
}
static void odd_loop(struct packet *p)
{
	p->udp->source = htons(PORT);
}
static void odd_no_port(struct packet *p)
{
	p->udp->source = 0;
}
static void odd_udp_length(struct packet *p)
{
	p->udp->len = htons(UDP_LEN + 4);
}
static void odd_ip_length(struct packet *p)
{
	if (p->v4)
		p->v4->tot_len = htons(20 + UDP_LEN + 4); // a TLV may follow
	else
		p->v6->payload_len = htons(UDP_LEN + 4);
}
static void odd_short(struct packet *p)
{
	p->len -= 1;
}
static void odd_to(struct packet *p)
{
	if (p->v4)
		p->v4->daddr ^= htonl(1);
	else
		p->v6->daddr.s6_addr[15] ^= 1;
}
static void odd_from_group(struct packet *p)
{
	if (p->v4)
		p->v4->saddr = htonl(0xe0000001);
	else
		p->v6->saddr.s6_addr[0] = 0xff;
}
static void odd_from_nobody(struct packet *p)
{
	if (p->v4)
		p->v4->saddr = 0;
	else
		memset(&p->v6->saddr, 0, 16);
}
static void odd_vlan(struct packet *p)
{
	p->eth->h_proto = htons(ETH_P_8021Q);
}

static const struct {
	const char *name;
	void (*fn)(struct packet *p);
} odds[] = {
	{ "fragment", odd_fragment },
	{ "option", odd_option },
	{ "version", odd_version },
	{ "protocol", odd_protocol },
	{ "port", odd_port },
	{ "from its own port", odd_loop },
	{ "from port 0", odd_no_port },
	{ "UDP length", odd_udp_length },
	{ "IP length", odd_ip_length },
	{ "short", odd_short },
	{ "to another host", odd_to },
	{ "from a group", odd_from_group },
	{ "from nobody", odd_from_nobody },
	{ "VLAN tag", odd_vlan },
};

static void test_passed(void)
{
	struct packet p, was;

	reset();
	EACH_FAMILY_AND_HOOK(f, h)
	for (size_t i = 0; i < sizeof(odds) / sizeof(odds[0]); i++) {
		request(&p, f);
		odds[i].fn(&p);
		seal(&p);
		memcpy(was.data, p.data, sizeof(was.data));
		if (!is_passed(h, run(&p, h)) || memcmp(was.data, p.data, p.len))
			T_FAIL("%s, family %d, hook %d", odds[i].name, f, h);
	}
}

static void test_bad_header(void)
{
	struct packet p;

	reset();
	for (int h = 0; h < HOOKS; h++) {
		request(&p, V4);
		p.v4->check ^= 1;
		T_OK(is_passed(h, run(&p, h)));
	}
}

// ---- who is answered, and how often ----

static void allow(const char *addr, uint32_t len, bool yes)
{
	int fd = bpf_map__fd(skel->maps.reflect_allow);
	struct pt_reflect_prefix key = { .len = len, .addr = mapped(addr) };
	uint32_t value = 1;

	T_EQ(yes ? bpf_map_update_elem(fd, &key, &value, BPF_ANY) : bpf_map_delete_elem(fd, &key),
		0);
}

static void test_allowed(void)
{
	static const char *const prefix[FAMILIES] = { "192.0.2.0", "fd00:2::" };
	static const uint32_t len[FAMILIES] = { 96 + 24, 32 };
	struct packet p;

	EACH_FAMILY_AND_HOOK(f, h)
	{
		uint64_t before = counted(PT_REFLECT_REFUSED);

		reset();
		skel->bss->pt_reflect_conf.allow_all = 0;
		request(&p, f);
		T_OK(is_dropped(h, run(&p, h)));
		T_EQ(counted(PT_REFLECT_REFUSED) - before, 1);
		allow(prefix[f], len[f], true);
		request(&p, f);
		T_OK(is_answer(h, run(&p, h)));
		request(&p, !f); // the other family is not in it
		T_OK(is_dropped(h, run(&p, h)));
		allow(prefix[f], len[f], false);
	}
}

static uint32_t answers_of(int hook, uint32_t requests, uint8_t host)
{
	uint32_t n = 0;
	struct packet p;

	for (uint32_t i = 0; i < requests; i++) {
		request(&p, V4);
		p.v4->saddr = htonl(0xc0000200 | host);
		seal(&p);
		n += is_answer(hook, run(&p, hook));
	}
	return n;
}

// The second answer is due long after this test.
static void test_rates(void)
{
	volatile struct pt_reflect_conf *conf = &skel->bss->pt_reflect_conf;
	uint32_t n;

	reset();
	conf->burst_ns = 100 * PT_NS_PER_MS;
	for (uint8_t h = 0; h < HOOKS; h++) {
		conf->gap_ns = 10 * PT_NS_PER_S;
		conf->source_gap_ns = 0;
		skel->bss->pt_reflect_next_ns = 0;
		T_EQ(answers_of(h, 20, 7), 1);
		conf->gap_ns = 0;
		conf->source_gap_ns = 10 * PT_NS_PER_S;
		n = answers_of(h, 20, (uint8_t)(10 + h));
		T_EQ(n, 1);
		T_EQ(answers_of(h, 20, (uint8_t)(20 + h)), 1); // another sender has its own
	}
	T_OK(counted(PT_REFLECT_LIMITED) >= 6 * 19);
}

// ---- anything at all ----

static uint64_t state = 88172645463325252;

static uint64_t random_u64(void) // xorshift64
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

// Whatever comes: it passes untouched, or it is answered with sums that are right.
static void test_random(void)
{
	uint64_t answered = 0;
	struct packet p, was;

	reset();
	for (uint64_t i = 0; i < RANDOM && !t_failed; i++) {
		int f = (int)(i & 1), h = (int)(i >> 1 & 1);

		request(&p, f);
		for (uint64_t n = random_u64() % 4; n > 0; n--)
			p.data[random_u64() % p.len] = (uint8_t)random_u64();
		if (random_u64() & 1)
			seal(&p);
		if (random_u64() % 8 == 0)
			p.len = LEAST(f) + (uint32_t)(random_u64() % (p.len - LEAST(f) + 1));
		memcpy(was.data, p.data, sizeof(was.data));
		bool right = fold(add(0, p.data + ETH_HLEN, 20)) == 0xffff || f == V6;
		bool sound = right && udp_sum(&p) == 0xffff;
		int act = run(&p, h);
		answered += is_answer(h, act);
		if (is_passed(h, act))
			T_OK(!memcmp(was.data, p.data, p.len));
		else
			T_OK(is_answer(h, act) &&
				(!sound || !p.udp->check || udp_sum(&p) == 0xffff));
	}
	T_OK(answered > RANDOM / 10);
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "an answer, byte by byte", test_answer },
		{ "no checksum: none comes back, over IPv6 it passes", test_no_checksum },
		{ "a wrong checksum never becomes right", test_bad_checksum },
		{ "what is no plain request passes untouched", test_passed },
		{ "a wrong header checksum passes", test_bad_header },
		{ "prefixes that are answered", test_allowed },
		{ "rates, for all and for each sender", test_rates },
		{ "random packets", test_random },
	};
	int ret;

	libbpf_set_print(NULL);
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 77;
	}
	skel = reflect_bpf__open_and_load();
	if (!skel) {
		printf("Bail out! the programs do not load: %s\n", strerror(errno));
		return 2;
	}
	ret = t_run(cases, sizeof(cases) / sizeof(cases[0]));
	reflect_bpf__destroy(skel);
	return ret;
}
