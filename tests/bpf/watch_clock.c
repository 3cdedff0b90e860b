// SPDX-License-Identifier: MIT
// Probes that traffic clocks: what a clone becomes, what the far end answers, and what is left
// alone.
#include "tests/bpf/rig.h"

#define PATH     1
#define PATH6    2
#define INTERVAL (20 * PT_NS_PER_MS)
#define BYTES    (8 + PT_STAMP_LEN)

static struct rig_packet pkt;

struct probe_packet {
	struct udphdr udp;
	union {
		struct pt_stamp_request request;
		struct pt_stamp_reply reply;
	};
};

static struct pt_clock clock_of(uint32_t path)
{
	struct pt_clock c = {};

	T_EQ(bpf_map_lookup_elem(rig.plane->fd[PT_MAP_CLOCK], &path, &c), 0);
	return c;
}

static struct pt_watch watch_of(uint32_t path)
{
	struct pt_watch w = {};

	T_EQ(bpf_map_lookup_elem_flags(rig.plane->fd[PT_MAP_WATCH], &path, &w, BPF_F_LOCK), 0);
	return w;
}

static void put_clock(uint32_t path, uint16_t family, uint32_t claimed)
{
	struct pt_clock c = { .family = family, .dscp = 46, .claimed = claimed };

	if (family == AF_INET)
		T_EQ(inet_pton(AF_INET, "192.0.2.7", c.source), 1);
	else
		T_EQ(inet_pton(AF_INET6, "2001:db8::7", c.source), 1);
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_CLOCK], &path, &c, BPF_ANY), 0);
}

static void put_peer(uint32_t path)
{
	struct pt_peer_key key = { .ifindex = RIG_DEVICE, .family = rig.plane->hop[path].family };

	memcpy(key.addr, rig.plane->hop[path].target, sizeof(key.addr));
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_PEER], &key, &path, BPF_ANY), 0);
}

static void put_session(uint32_t path)
{
	struct pt_session_key key = { RIG_DEVICE, rig.plane->hop[path].family,
		(uint16_t)(100 + path) };

	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_SESSION], &key, &path, BPF_ANY), 0);
}

static void reset(void)
{
	for (uint32_t path = PATH; path <= PATH6; path++) {
		rig_hop(path);
		rig.plane->hop[path].flags |= PT_HOP_CLOCKED;
		rig_set_down(path, 0);
	}
	rig.plane->hop[PATH6].family = AF_INET6;
	(void)inet_pton(AF_INET6, "2001:db8::99", rig.plane->hop[PATH6].target);
	rig.plane->port->bits[RIG_PORT >> 3] |= 1u << (RIG_PORT & 7);
	for (uint32_t path = PATH; path <= PATH6; path++) {
		put_peer(path);
		put_session(path);
	}
}

// ---- checksums, as the plainest code has them ----

static uint32_t add(const void *from, size_t bytes, uint32_t sum)
{
	const uint8_t *b = from;

	for (size_t i = 0; i < bytes; i += 2)
		sum += (uint32_t)(b[i] << 8 | b[i + 1]);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void *l4(bool six)
{
	return pkt.data + ETH_HLEN + (six ? 40 : 20);
}

static uint16_t pseudo(bool six)
{
	return fold(add(six ? (void *)&pkt.v6.saddr : (void *)&pkt.v4.saddr, six ? 32 : 8,
		IPPROTO_UDP + BYTES));
}

// Valid as it is, and whoever finishes a checksum where TCP or UDP have it would write what is
// there.
static void check_sums(bool six)
{
	const uint8_t *b = l4(six);
	uint16_t finished = (uint16_t)~fold(add(b, BYTES, 0));

	if (!six)
		T_EQ(rig_sum(&pkt.v4), 0xffff);
	T_EQ(fold(add(b, BYTES, pseudo(six))), 0xffff);
	T_EQ(finished, b[6] << 8 | b[7]);
	T_EQ(finished, b[16] << 8 | b[17]);
	T_OK(finished != 0);
}

// ---- the clone becomes a request ----

static void user_packet(bool six, uint8_t proto, uint32_t payload)
{
	if (six)
		rig_ipv6(&pkt, "fd02::2", proto, 40000, 443, payload);
	else
		rig_ipv4(&pkt, "10.2.0.2", proto, 40000, 443, payload);
	memset((uint8_t *)l4(six) + 8, 0xa5, payload); // a secret of the user
	pkt.ingress_ifindex = RIG_DEVICE;
	pkt.mark = PT_CLOCK_MARK | (six ? PATH6 : PATH);
}

static void clone_becomes_probe(bool six, uint8_t proto, uint32_t payload, uint32_t gso)
{
	uint32_t path = six ? PATH6 : PATH;
	uint64_t sent = rig_stat(PT_STAT_PROBE_SENT), clocked = rig_stat(PT_STAT_PROBE_CLOCKED);
	const struct probe_packet *p;
	struct pt_watch w;

	reset();
	put_clock(path, six ? AF_INET6 : AF_INET, 1);
	user_packet(six, proto, payload);
	pkt.gso_size = gso;
	pkt.gso_segs = gso ? 2 : 0;
	T_EQ(rig_run(PT_PROGRAM_OUT, &pkt), TC_ACT_REDIRECT);
	T_EQ(pkt.out_len, ETH_HLEN + (six ? 40 : 20) + BYTES);
	T_EQ(rig_stat(PT_STAT_PROBE_SENT) - sent, 1);
	T_EQ(rig_stat(PT_STAT_PROBE_CLOCKED) - clocked, 1);
	p = l4(six);
	check_sums(six);
	T_EQ(ntohs(p->udp.source), PT_CLOCK_PORT);
	T_EQ(ntohs(p->udp.dest), RIG_PORT);
	T_EQ(ntohs(p->request.ssid), 100 + path);
	T_OK(!memmem(pkt.data + ETH_HLEN, pkt.out_len - ETH_HLEN, "\xa5\xa5\xa5\xa5", 4));
	for (size_t i = 0; i < sizeof(p->request.mbz); i++)
		T_EQ(p->request.mbz[i], 0);
	if (six) {
		T_OK(!memcmp(&pkt.v6.daddr, rig.plane->hop[path].target, 16));
		T_EQ(ntohs(pkt.v6.payload_len), BYTES);
		T_EQ(pkt.v6.hop_limit, 255);
		T_EQ(pkt.v6.priority << 2 | pkt.v6.flow_lbl[0] >> 6, 46);
	} else {
		T_EQ(pkt.v4.saddr, inet_addr("192.0.2.7"));
		T_EQ(pkt.v4.daddr, inet_addr("192.0.2.99"));
		T_EQ(pkt.v4.ttl, 255);
		T_EQ(pkt.v4.tos >> 2, 46);
		T_EQ(ntohs(pkt.v4.tot_len), 20 + BYTES);
	}
	w = watch_of(path);
	T_EQ(ntohl(p->request.seq), w.newest);
	T_EQ(w.ring[w.newest % PT_RING].value,
		(uint64_t)p->request.sent.seconds << 32 | p->request.sent.fraction);
	T_EQ(clock_of(path).claimed, 0);
}

static void test_becomes_probe(void)
{
	clone_becomes_probe(false, IPPROTO_UDP, 0, 0); // grows
	clone_becomes_probe(false, IPPROTO_UDP, 1400, 0);
	clone_becomes_probe(false, IPPROTO_TCP, 1900, 700);
	clone_becomes_probe(true, IPPROTO_UDP, 0, 0);
	clone_becomes_probe(true, IPPROTO_UDP, 1400, 0);
	clone_becomes_probe(true, IPPROTO_TCP, 1900, 700);
	for (int i = 0; i < 300; i++) { // numbers, noise: every sum
		clone_becomes_probe(false, IPPROTO_TCP, 100, 0);
		clone_becomes_probe(true, IPPROTO_TCP, 100, 0);
	}
}

static void test_unclaimed_stays_user(void)
{
	struct rig_packet was;

	reset();
	put_clock(PATH, AF_INET, 0);
	user_packet(false, IPPROTO_UDP, 300);
	was = pkt;
	T_EQ(rig_run(PT_PROGRAM_OUT, &pkt), TC_ACT_UNSPEC);
	T_EQ(pkt.out_len, was.len);
	T_OK(!memcmp(was.data, pkt.data, was.len));
}

static void test_dropped_where_it_cannot_be(void)
{
	reset();
	put_clock(PATH, AF_INET6, 1); // another family's address
	user_packet(false, IPPROTO_UDP, 300);
	T_EQ(rig_run(PT_PROGRAM_OUT, &pkt), TC_ACT_SHOT);
	put_clock(PATH, AF_INET, 1);
	rig.plane->hop[PATH].ifindex = RIG_DEVICE + 7; // the path has moved to another device
	user_packet(false, IPPROTO_UDP, 300);
	T_EQ(rig_run(PT_PROGRAM_OUT, &pkt), TC_ACT_SHOT);
}

// ---- replies ----

static void make_reply(uint16_t port, uint32_t seq, struct pt_stamp_time sent)
{
	struct pt_stamp_reply reply = {
		.ssid = htons(100 + PATH), .sender_seq = htonl(seq), .sender_sent = sent
	};

	rig_ipv4(&pkt, "192.0.2.2", IPPROTO_UDP, RIG_PORT, port, 44);
	pkt.v4.saddr = inet_addr("192.0.2.99");
	rig_seal(&pkt);
	memcpy(pkt.data + ETH_HLEN + 28, &reply, sizeof(reply));
}

static struct pt_stamp_time clocked_probe(uint32_t *seq)
{
	const struct probe_packet *p;

	put_clock(PATH, AF_INET, 1);
	user_packet(false, IPPROTO_UDP, 100);
	T_EQ(rig_run(PT_PROGRAM_OUT, &pkt), TC_ACT_REDIRECT);
	p = l4(false);
	*seq = ntohl(p->request.seq);
	return p->request.sent;
}

static void own_probe(uint32_t seq)
{
	struct pt_stamp_request request = {
		.seq = htonl(seq), .sent = { 7, seq + 1 }, .ssid = htons(100 + PATH)
	};

	rig_ipv4(&pkt, "192.0.2.99", IPPROTO_UDP, 40000, RIG_PORT, 44);
	memcpy(pkt.data + ETH_HLEN + 28, &request, sizeof(request));
	T_EQ(rig_run(PT_PROGRAM_OUT, &pkt), TC_ACT_UNSPEC);
}

// pt-probe's probes and traffic's between each other: every reply finds its own, and neither is
// taken for a new sender.
static void test_both_kinds(void)
{
	struct pt_stamp_time sent[2];
	uint64_t epochs, ok;
	uint32_t seq[2];

	reset();
	rig.plane->hop[PATH].threshold = 0;
	own_probe(5000);
	epochs = rig_stat(PT_STAT_PROBE_EPOCH);
	sent[0] = clocked_probe(&seq[0]);
	own_probe(5001);
	sent[1] = clocked_probe(&seq[1]);
	own_probe(5002);
	T_EQ(rig_stat(PT_STAT_PROBE_EPOCH), epochs);
	ok = rig_stat(PT_STAT_REPLY_OK);
	for (uint32_t i = 0; i < 3; i++) {
		make_reply(40000, 5000 + i, (struct pt_stamp_time){ 7, 5001 + i });
		T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC); // pt-probe's to read
	}
	T_EQ(rig_stat(PT_STAT_REPLY_OK) - ok, 3);
	for (int i = 0; i < 2; i++) {
		make_reply(PT_CLOCK_PORT, seq[i], sent[i]);
		T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_SHOT); // nobody's to read
	}
	T_EQ(rig_stat(PT_STAT_REPLY_OK) - ok, 5);
	T_EQ(watch_of(PATH).answered, watch_of(PATH).newest);
	make_reply(PT_CLOCK_PORT, seq[1], sent[1]); // a replay
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_SHOT);
	T_EQ(rig_stat(PT_STAT_REPLY_OK) - ok, 5);
}

// ---- the far end ----

static void make_request(bool six)
{
	struct pt_stamp_request request = { .seq = htonl(77),
		.sent = { 0x01020304, 0x05060708 },
		.error = htons(0x3fff),
		.ssid = htons(4711) };

	if (six) {
		rig_ipv6(&pkt, "2001:db8::1", IPPROTO_UDP, PT_CLOCK_PORT, RIG_PORT, 44);
		(void)inet_pton(AF_INET6, "2001:db8::99", &pkt.v6.saddr);
	} else {
		rig_ipv4(&pkt, "192.0.2.2", IPPROTO_UDP, PT_CLOCK_PORT, RIG_PORT, 44);
		pkt.v4.saddr = inet_addr("192.0.2.99");
		rig_seal(&pkt);
	}
	memcpy((uint8_t *)l4(six) + 8, &request, sizeof(request));
}

static void answers(bool six)
{
	const struct probe_packet *p = l4(six);
	uint64_t before = rig_stat(PT_STAT_PROBE_ANSWERED);

	reset();
	make_request(six);
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_REDIRECT);
	T_EQ(rig_stat(PT_STAT_PROBE_ANSWERED) - before, 1);
	T_EQ(pkt.out_len, ETH_HLEN + (six ? 40 : 20) + BYTES);
	check_sums(six);
	T_EQ(ntohs(p->udp.source), RIG_PORT);
	T_EQ(ntohs(p->udp.dest), PT_CLOCK_PORT);
	T_EQ(ntohl(p->reply.seq), 77);
	T_EQ(ntohs(p->reply.ssid), 4711);
	T_EQ(ntohl(p->reply.sender_seq), 77);
	T_EQ(p->reply.sender_sent.seconds, 0x01020304);
	T_EQ(p->reply.sender_sent.fraction, 0x05060708);
	T_EQ(p->reply.sender_ttl, 64);
	if (six)
		T_OK(!memcmp(&pkt.v6.daddr, rig.plane->hop[PATH6].target, 16));
	else
		T_EQ(pkt.v4.daddr, inet_addr("192.0.2.99"));
}

static void test_far_end_answers(void)
{
	answers(false);
	answers(true);
}

static void passes(const char *what)
{
	struct rig_packet was = pkt;

	if (rig_run(PT_PROGRAM_IN, &pkt) != TC_ACT_UNSPEC || pkt.out_len != was.len ||
		memcmp(was.data, pkt.data, was.len) != 0)
		T_FAIL("%s: not left to the reflector", what);
}

static void test_others_go_to_the_reflector(void)
{
	reset();
	make_request(false);
	pkt.v4.saddr = inet_addr("192.0.2.98");
	rig_seal(&pkt);
	passes("a stranger");
	make_request(false);
	pkt.udp4.source = htons(PT_CLOCK_PORT + 1);
	passes("pt-probe");
	make_request(false);
	pkt.len++;
	passes("a longer one");
	make_request(false);
	pkt.eth.h_dest[0] = 2; // not for this host
	passes("another host's");
	rig.plane->hop[PATH].flags &= ~(uint32_t)PT_HOP_CLOCKED;
	make_request(false);
	passes("switched off");
}

// ---- the clock ----

static bool wanted(uint32_t path, int64_t within_ns)
{
	const struct timespec tick = { .tv_nsec = PT_NS_PER_MS };
	int64_t end = pt_mono_now().ns + within_ns;

	do {
		if (*(const volatile uint8_t *)&rig.plane->live->want[path])
			return true;
		nanosleep(&tick, NULL);
	} while (pt_mono_now().ns < end);
	return false;
}

static void test_clock_strikes(void)
{
	const struct timespec half = { .tv_nsec = INTERVAL / 2 };
	struct pt_clock c;
	uint32_t seq;

	reset();
	own_probe(9000);
	T_EQ(rig.plane->live->want[PATH], 0);
	c = clock_of(PATH);
	T_EQ(c.family, AF_INET);
	T_OK(c.source[0] == 10 && c.source[3] == 2);
	for (uint32_t i = 1; i < 5; i++) { // in time: it never strikes
		int64_t before = pt_mono_now().ns;

		own_probe(9000 + i);
		nanosleep(&half, NULL);
		bool want = rig.plane->live->want[PATH];
		T_OK(!want || pt_mono_now().ns - before > INTERVAL); // this machine slept longer
	}
	T_OK(wanted(PATH, 10 * INTERVAL));
	(void)clocked_probe(&seq);
	T_EQ(rig.plane->live->want[PATH], 0);
	T_OK(wanted(PATH, 10 * INTERVAL));
	rig.plane->hop[PATH].flags &= ~(uint32_t)PT_HOP_CLOCKED;
	own_probe(9005);
	own_probe(9006);
	rig.plane->hop[PATH].flags |= PT_HOP_CLOCKED;
}

RIG_MAIN({ "a clone becomes a probe, and nothing of it is left", test_becomes_probe },
	{ "without a claim it is a user's packet", test_unclaimed_stays_user },
	{ "what cannot become one is dropped", test_dropped_where_it_cannot_be },
	{ "pt-probe's probes and traffic's in one ring", test_both_kinds },
	{ "the far end's kernel answers", test_far_end_answers },
	{ "what is not plain goes to the reflector", test_others_go_to_the_reflector },
	{ "the clock strikes when probes fail to come", test_clock_strikes })
