// SPDX-License-Identifier: MIT
// The class that the shaper's filter gives a packet: a table of packets in both families and both
// directions, then random bytes, which must never get a class that is none.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "bpf/shape.h"
#include "tests/unit/test.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/shape.skel.h"
#pragma GCC diagnostic pop

#define RANDOM  100000
#define PAYLOAD 160
#define FRAG    44

enum { V4 = 1, V6 = 2, BOTH = 3 };

static struct shape_bpf *skel;
static uint8_t data[ETH_HLEN + 60 + 8 + PAYLOAD];
static uint32_t len;

static const struct row {
	const char *what;
	int families;
	uint8_t dscp, proto;
	uint16_t sport, dport; // of ICMP: the type in the upper byte of sport
	uint32_t want;
	uint16_t payload; // bytes behind the ports' eight
	uint8_t first;    // of the payload; its other bytes are 0
	bool later;       // a later fragment
	bool options;     // IPv4 options, an IPv6 hop-by-hop header
} rows[] = {
	{ "anything", BOTH, 0, IPPROTO_UDP, 5000, 5001, .want = PT_SHAPE_NONE },
	{ "SSH", BOTH, 0, IPPROTO_TCP, 40000, 22, .want = PT_SHAPE_NONE, .payload = 12 },
	{ "EF", BOTH, 46, IPPROTO_UDP, 5000, 5001, .want = PT_SHAPE_CONTROL },
	{ "CS6", BOTH, 48, IPPROTO_TCP, 5000, 5001, .want = PT_SHAPE_CONTROL, .payload = 12 },
	{ "AF41 of a video", BOTH, 34, IPPROTO_UDP, 5000, 5001, .want = PT_SHAPE_NONE },
	{ "CS1", BOTH, 8, IPPROTO_UDP, 5000, 5001, .want = PT_SHAPE_BULK },
	{ "LE", BOTH, 1, IPPROTO_UDP, 5000, 5001, .want = PT_SHAPE_BULK },
	{ "a probe", BOTH, 0, IPPROTO_UDP, 50000, 862, .want = PT_SHAPE_CONTROL },
	{ "... and its reply", BOTH, 0, IPPROTO_UDP, 862, 50000, .want = PT_SHAPE_CONTROL },
	{ "TCP on a probe's port", BOTH, 0, IPPROTO_TCP, 862, 50000, .want = PT_SHAPE_NONE,
		.payload = 12 },
	{ "BFD", BOTH, 0, IPPROTO_UDP, 49152, 3784, .want = PT_SHAPE_CONTROL },
	{ "BGP, both ends", BOTH, 0, IPPROTO_TCP, 179, 50000, .want = PT_SHAPE_CONTROL,
		.payload = 12 },
	{ "the dashboard", BOTH, 0, IPPROTO_TCP, 50000, 8080, .want = PT_SHAPE_BULK,
		.payload = 12 },
	{ "... and its answers", BOTH, 0, IPPROTO_TCP, 8080, 50000, .want = PT_SHAPE_BULK,
		.payload = 12 },
	{ "WireGuard's data", BOTH, 0, IPPROTO_UDP, 51820, 51820, .want = PT_SHAPE_NONE,
		.payload = 148, .first = 4 },
	{ "... first handshake", BOTH, 34, IPPROTO_UDP, 51820, 40000, .want = PT_SHAPE_CONTROL,
		.payload = 148, .first = 1 },
	{ "... second", BOTH, 0, IPPROTO_UDP, 40000, 1234, .want = PT_SHAPE_CONTROL, .payload = 92,
		.first = 2 },
	{ "... cookie", BOTH, 0, IPPROTO_UDP, 40000, 51820, .want = PT_SHAPE_CONTROL, .payload = 64,
		.first = 3 },
	{ "... of the wrong length", BOTH, 0, IPPROTO_UDP, 40000, 51820, .want = PT_SHAPE_NONE,
		.payload = 147, .first = 1 },
	{ "OSPF", BOTH, 0, 89, 0, 0, .want = PT_SHAPE_CONTROL },
	{ "echo", V4, 0, IPPROTO_ICMP, 8 << 8, 0, .want = PT_SHAPE_NONE },
	{ "unreachable", V4, 0, IPPROTO_ICMP, 3 << 8, 0, .want = PT_SHAPE_CONTROL },
	{ "ICMPv6 in IPv4", V4, 0, IPPROTO_ICMPV6, 2 << 8, 0, .want = PT_SHAPE_NONE },
	{ "echo", V6, 0, IPPROTO_ICMPV6, 128 << 8, 0, .want = PT_SHAPE_NONE },
	{ "too big", V6, 0, IPPROTO_ICMPV6, 2 << 8, 0, .want = PT_SHAPE_CONTROL },
	{ "neighbour solicitation", V6, 0, IPPROTO_ICMPV6, 135 << 8, 0, .want = PT_SHAPE_CONTROL },
	{ "above neighbour discovery", V6, 0, IPPROTO_ICMPV6, 138 << 8, 0, .want = PT_SHAPE_NONE },
	{ "a later fragment with a port's look", BOTH, 0, IPPROTO_UDP, 50000, 862,
		.want = PT_SHAPE_NONE, .later = true },
	{ "... and with EF", BOTH, 46, IPPROTO_UDP, 50000, 862, .want = PT_SHAPE_CONTROL,
		.later = true },
	{ "options, a port's look", BOTH, 0, IPPROTO_UDP, 50000, 862, .want = PT_SHAPE_NONE,
		.options = true },
	{ "... and with CS1", BOTH, 8, IPPROTO_UDP, 50000, 862, .want = PT_SHAPE_BULK,
		.options = true },
};

static void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

// Network header; where the next one begins.
static uint8_t *put_v4(const struct row *r, unsigned behind)
{
	uint8_t *ip = data + ETH_HLEN;
	unsigned head = r->options ? 24 : 20;

	put16(data + 12, ETH_P_IP);
	ip[0] = (uint8_t)(0x40 | head / 4);
	ip[1] = (uint8_t)(r->dscp << 2);
	put16(ip + 2, head + behind);
	put16(ip + 6, r->later ? 100 : 0);
	ip[8] = 64;
	ip[9] = r->proto;
	return ip + head;
}

static uint8_t *put_v6(const struct row *r, unsigned behind)
{
	uint8_t *ip = data + ETH_HLEN, *next = ip + 40;
	bool more = r->later || r->options;

	put16(data + 12, ETH_P_IPV6);
	put16(ip, 0x6000u | (unsigned)r->dscp << 6);
	put16(ip + 4, behind + (more ? 8 : 0));
	ip[6] = r->later ? FRAG : r->options ? IPPROTO_HOPOPTS : r->proto;
	ip[7] = 64;
	if (!more)
		return next;
	next[0] = r->proto;
	if (r->later)
		put16(next + 2, 800);
	return next + 8;
}

static void build(const struct row *r, int family)
{
	unsigned behind = 8u + r->payload;

	memset(data, 0, sizeof(data));
	uint8_t *l4 = family == V4 ? put_v4(r, behind) : put_v6(r, behind);
	put16(l4, r->sport);
	put16(l4 + 2, r->dport);
	if (r->proto == IPPROTO_UDP)
		put16(l4 + 4, behind);
	l4[8] = r->first;
	len = (uint32_t)(l4 - data) + behind;
}

static uint32_t class_of(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = data, .data_size_in = len);

	return bpf_prog_test_run_opts(bpf_program__fd(skel->progs.pt_shape), &run) ? UINT32_MAX
										   : run.retval;
}

static void packets(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int family = V4; family <= V6; family++) {
			if (!(rows[i].families & family))
				continue;
			build(&rows[i], family);
			uint32_t got = class_of();
			if (got != rows[i].want)
				T_FAIL("%s, IPv%d: class %x, want %x", rows[i].what,
					family == V4 ? 4 : 6, got, rows[i].want);
		}
	}
}

static void not_ip(void)
{
	static const struct row arp = { .payload = 20 };

	build(&arp, V4);
	put16(data + 12, ETH_P_ARP);
	T_EQ(class_of(), PT_SHAPE_CONTROL);
}

// Valid heads with random bytes behind them, cut anywhere.
static void random_bytes(void)
{
	uint32_t seed = 1;
	unsigned of[4] = { 0 };

	for (unsigned n = 0; n < RANDOM; n++) {
		for (uint32_t i = 0; i < sizeof(data); i++) {
			seed = seed * 1664525 + 1013904223;
			data[i] = (uint8_t)(seed >> 24);
		}
		bool v4 = seed >> 8 & 1;
		put16(data + 12, v4 ? ETH_P_IP : ETH_P_IPV6);
		data[ETH_HLEN] = (uint8_t)(v4 ? 0x40 | (data[ETH_HLEN] & 15) : 0x60);
		// Shorter frames than its header are no test run's.
		len = ETH_HLEN + (v4 ? 20 : 40) +
			(seed >> 10) % (uint32_t)(sizeof(data) - ETH_HLEN - 40);
		uint32_t class = class_of();
		bool known = class == PT_SHAPE_NONE || class == PT_SHAPE_CONTROL ||
			class == PT_SHAPE_BULK;
		T_NEED(known);
		of[class == PT_SHAPE_NONE ? 0 : class == PT_SHAPE_CONTROL ? 1 : 2]++;
	}
	T_OK(of[0] && of[1] && of[2]);
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "packets have their class, in both families and directions", packets },
		{ "what is not IP keeps the link alive", not_ip },
		{ "random packets get a class that there is", random_bytes },
	};

	skel = shape_bpf__open_and_load();
	if (!skel && (errno == EPERM || errno == EACCES)) {
		printf("1..0 # SKIP may not load BPF programs\n");
		return 77;
	}
	if (!skel) {
		printf("1..1\nnot ok 1 - the program loads: %s\n", strerror(errno));
		return 1;
	}
	int rc = t_run(cases, sizeof(cases) / sizeof(cases[0]));
	shape_bpf__destroy(skel);
	return rc;
}
