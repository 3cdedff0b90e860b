// SPDX-License-Identifier: MIT
// What the programs make of TCP flows, packet by packet: round trips, retransmissions, whose they
// are, and that nothing a packet holds can confuse them.
#define RIG_PASSIVE 1
#include "plane/passive.h"
#include "tests/bpf/segment.h"

#define SITE  1
#define OTHER 77 // a device of no path

static void use_path(uint32_t path)
{
	for (uint32_t bank = 0; bank < 2; bank++)
		for (uint32_t policy = 0; policy < 64; policy++) {
			struct pt_group *g = &rig.plane->group[PT_GROUP_KEY(
				rig.plane->meta->site_cap, bank, SITE, policy)];

			*g = (struct pt_group){ .path = { (uint16_t)path }, .count = 1 };
			rig_first(g, true);
		}
}

// Empty tables; paths 1 and 2, policy = code point.
static void reset(void)
{
	static const struct pt_passive_flow nobody;

	for (uint32_t i = 0; i < PT_PASSIVE_SLOTS; i++)
		T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_PASSIVE], &i, &nobody, BPF_ANY), 0);
	for (uint32_t i = 0; i < 3; i++)
		pt_passive_forget_path(rig.plane, i);
	for (int bank = 0; bank < 2; bank++) {
		rig_match_all(&rig.plane->rule[bank]);
		for (int i = 0; i < 64; i++)
			rig.plane->rule[bank].dscp[i] = 1ull << i;
	}
	if (!rig.dests) {
		rig_dest("10.2.0.0/16", SITE);
		rig_dest("fd02::/16", SITE);
	}
	rig_hop(1);
	rig_hop(2);
	rig.plane->hop[2].ifindex = OTHER;
	use_path(1);
}

// ---- packets ----

static void leave(struct segment s)
{
	make(&s, true);
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
}

static void come(struct segment s)
{
	make(&s, false);
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
}

static void wait_us(long us)
{
	const struct timespec pause = { .tv_nsec = us * 1000 };

	nanosleep(&pause, NULL);
}

// ---- what was found ----

static struct pt_passive_sum found(uint32_t path, uint32_t policy)
{
	const struct pt_rtt_key key = { .path = path, .policy = policy };
	struct pt_passive_sum got;

	return pt_passive_read(rig.plane, &key, &got) ? (struct pt_passive_sum){} : got;
}

static uint32_t pairs(void)
{
	struct pt_rtt_key *keys;
	uint32_t n = 0;

	T_EQ(pt_passive_list(rig.plane, &keys, &n, &rig.err), 0);
	free(keys);
	return n;
}

#define SAMPLES(path) ((int64_t)found(path, 0).rtt.count)

// ---- round trips ----

static void test_stamp(void)
{
	int64_t before, after, got;
	struct pt_passive_sum p;

	for (int v6 = 0; v6 < 2; v6++) {
		reset();
		before = pt_mono_now().ns;
		leave((struct segment){
			.seq = 1000, .payload = 100, .val = 77, .dscp = 46, .v6 = v6 });
		wait_us(3000);
		come((struct segment){ .ack = 1100, .val = 5, .ecr = 77, .v6 = v6 });
		after = pt_mono_now().ns;
		p = found(1, 46); // the path and the class
		got = (int64_t)p.rtt.sum_us;
		T_EQ(p.rtt.count, 1);
		T_EQ(p.segments, 1);
		T_EQ(p.again, 0);
		T_OK(got >= 3000 && got <= (after - before) / 1000);
		T_EQ(p.rtt.bucket[pt_hist_index((uint64_t)got)], 1); // as lib/base/hist.c has it
		T_EQ(pairs(), 1);
		come((struct segment){ .ack = 1100, .val = 6, .ecr = 77, .v6 = v6 }); // once only
		T_EQ(found(1, 46).rtt.count, 1);
	}
}

// What would be measured else is shorter or longer than the round trip.
static void test_stamp_first(void)
{
	reset();
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 77 });
	leave((struct segment){ .seq = 1100, .payload = 100, .val = 77 });
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 76 }); // of one before
	T_EQ(SAMPLES(1), 0);
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 77 });
	T_EQ(SAMPLES(1), 1);
	leave((struct segment){ .seq = 1200, .payload = 100, .val = 77 }); // its echo is on its way
	come((struct segment){ .ack = 1200, .val = 5, .ecr = 77 });
	T_EQ(SAMPLES(1), 1);
	leave((struct segment){ .seq = 1300, .val = 78 }); // without data: needs no answer
	leave((struct segment){ .seq = 1300, .payload = 100, .val = 78 });
	come((struct segment){ .ack = 1200, .val = 5, .ecr = 78 });
	T_EQ(SAMPLES(1), 1);
	leave((struct segment){ .seq = 1400, .payload = 100, .val = 79 });
	leave((struct segment){ .seq = 1500, .payload = 100, .val = 80 });
	come((struct segment){ .ack = 1600, .val = 5, .ecr = 80 }); // its echo is lost
	T_EQ(SAMPLES(1), 1);
	leave((struct segment){ .seq = 1600, .payload = 100, .val = 81 }); // and the next counts
	come((struct segment){ .ack = 1700, .val = 5, .ecr = 81 });
	T_EQ(SAMPLES(1), 2);
}

static void test_stamp_wraps(void)
{
	reset();
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 0xffffffff });
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 0xfffffffe }); // before, not after
	T_EQ(SAMPLES(1), 0);
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 0xffffffff });
	T_EQ(SAMPLES(1), 1);
	leave((struct segment){ .seq = 1100, .payload = 100, .val = 0xffffffff - 1 });
	come((struct segment){
		.ack = 1100, .val = 5, .ecr = 3 }); // after, across the wrap: too late
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 0xffffffff - 1 });
	T_EQ(SAMPLES(1), 1);
}

// As Linux, macOS and Windows order the options of a SYN.
static const uint8_t syn_linux[] = { 2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3,
	7 };
static const uint8_t syn_mac[] = { 2, 4, 5, 180, 1, 3, 3, 6, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 4,
	2, 0, 0 };
static const uint8_t syn_windows[] = { 2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2 };

static void test_syn(void)
{
	static const struct {
		const uint8_t *bytes;
		uint32_t n;
	} options[] = { { syn_linux, sizeof(syn_linux) }, { syn_mac, sizeof(syn_mac) },
		{ syn_windows, sizeof(syn_windows) }, { NULL, 0 } };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		reset();
		leave((struct segment){ .seq = 0xffffffff,
			.flags = SYN,
			.options = options[i].bytes,
			.n_options = options[i].n });
		come((struct segment){ .ack = 0xffffffff, .flags = SYN | ACK }); // of nothing
		T_EQ(SAMPLES(1), 0);
		come((struct segment){ .ack = 0, .flags = SYN }); // not acknowledged
		T_EQ(SAMPLES(1), 0);
		come((struct segment){ .ack = 0, .flags = SYN | ACK });
		T_EQ(SAMPLES(1), 1);
		T_EQ(found(1, 0).segments, 1);
	}
}

// Whose answer it is cannot be told: Karn.
static void test_syn_again(void)
{
	reset();
	leave((struct segment){ .seq = 100, .flags = SYN });
	leave((struct segment){ .seq = 100, .flags = SYN });
	come((struct segment){ .ack = 101, .flags = SYN | ACK });
	T_EQ(SAMPLES(1), 0);
	T_EQ(found(1, 0).again, 1);
	leave((struct segment){ .seq = 101, .payload = 10 });
	come((struct segment){ .ack = 111 });
	T_EQ(SAMPLES(1), 1);
	// Another connection between the same ports.
	leave((struct segment){ .seq = 90, .flags = SYN });
	T_EQ(found(1, 0).again, 1);
	come((struct segment){ .ack = 91, .flags = SYN | ACK });
	T_EQ(SAMPLES(1), 2);
}

static void test_without_stamps(void)
{
	reset();
	leave((struct segment){ .seq = 0xfffffff0, .payload = 100 }); // across the wrap
	come((struct segment){ .ack = 0xfffffff0 });
	T_EQ(SAMPLES(1), 0);
	come((struct segment){ .ack = 101 }); // of bytes that never left
	T_EQ(SAMPLES(1), 0);
	come((struct segment){ .ack = 84 });
	T_EQ(SAMPLES(1), 1);
	leave((struct segment){ .seq = 84, .payload = 100 });
	leave((struct segment){ .seq = 84, .payload = 100 }); // again: Karn
	come((struct segment){ .ack = 184 });
	T_EQ(SAMPLES(1), 1);
	T_EQ(found(1, 0).again, 1);
}

// ---- retransmissions ----

static void test_again(void)
{
	reset();
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 1 });
	leave((struct segment){ .seq = 1100, .payload = 100, .val = 1 });
	leave((struct segment){ .seq = 1200, .val = 1 }); // an acknowledgement of ours
	leave((struct segment){ .seq = 1199, .val = 1 }); // a keepalive
	T_EQ(found(1, 0).segments, 2);
	T_EQ(found(1, 0).again, 0);
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 2 });
	T_EQ(found(1, 0).again, 1);
	leave((struct segment){ .seq = 1150, .payload = 100, .val = 2 }); // in part
	T_EQ(found(1, 0).again, 2);
	leave((struct segment){ .seq = 1250, .payload = 100, .val = 2 });
	T_EQ(found(1, 0).again, 2);
	leave((struct segment){ .seq = 1350, .flags = FIN | ACK, .val = 2 });
	leave((struct segment){ .seq = 1350, .flags = FIN | ACK, .val = 2 });
	T_EQ(found(1, 0).again, 3);
	T_EQ(found(1, 0).segments, 7);
	leave((struct segment){ .seq = 1000, .flags = RST });
	T_EQ(found(1, 0).segments, 7);
}

static void test_again_wraps(void)
{
	reset();
	leave((struct segment){ .seq = 0xffffff00, .payload = 200, .val = 1 });
	leave((struct segment){ .seq = 0xffffffc8, .payload = 100, .val = 1 }); // 44 behind 0
	T_EQ(found(1, 0).again, 0);
	leave((struct segment){ .seq = 0xffffff00, .payload = 200, .val = 2 });
	leave((struct segment){ .seq = 10, .payload = 34, .val = 2 });
	leave((struct segment){ .seq = 44, .payload = 100, .val = 2 });
	T_EQ(found(1, 0).again, 2);
	T_EQ(found(1, 0).segments, 5);
}

// As many as will travel.
static void test_gso(void)
{
	struct segment s = { .seq = 1000, .payload = 400, .val = 1 };

	reset();
	for (int i = 0; i < 2; i++) {
		make(&s, true);
		pkt.gso_size = 100;
		pkt.gso_segs = 4;
		T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	}
	T_EQ(found(1, 0).segments, 8);
	T_EQ(found(1, 0).again, 4);
	s.seq = 1250; // 150 of 400 bytes left before
	make(&s, true);
	pkt.gso_size = 100;
	pkt.gso_segs = 4;
	rig_run(PT_PROGRAM_STEER, &pkt);
	T_EQ(found(1, 0).again, 6);
}

// ---- whose they are ----

static void test_switch(void)
{
	reset();
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 1 });
	leave((struct segment){ .seq = 1100, .payload = 100, .val = 2 });
	use_path(2);
	leave((struct segment){ .seq = 1200, .payload = 100, .val = 3 });
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 1 }); // of the path before
	T_EQ(SAMPLES(1) + SAMPLES(2), 0);
	T_EQ(found(1, 0).segments, 2);
	T_EQ(found(2, 0).segments, 1);
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 4 }); // path 1 had lost it
	leave((struct segment){ .seq = 1200, .payload = 100, .val = 5 }); // path 2
	T_EQ(found(1, 0).again, 1);
	T_EQ(found(2, 0).again, 1);
	T_EQ(found(2, 0).segments, 3);
}

// Out by one path, back by another: that is no path's round trip.
static void test_crossed(void)
{
	reset();
	use_path(2);
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 1 });
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 1 }); // by path 1's device
	T_EQ(SAMPLES(1) + SAMPLES(2), 0);
	T_EQ(found(2, 0).crossed, 1);
	leave((struct segment){ .seq = 1100, .payload = 100, .val = 2 });
	rig.plane->hop[2].ifindex = RIG_DEVICE;
	come((struct segment){ .ack = 1200, .val = 5, .ecr = 2 });
	T_EQ(SAMPLES(2), 1);
}

static void test_classes(void)
{
	reset();
	for (uint8_t policy = 0; policy < 64; policy++) {
		leave((struct segment){ .seq = 1000,
			.payload = 100,
			.val = 9,
			.dscp = policy,
			.near = (uint16_t)(NEAR + policy) });
		come((struct segment){
			.ack = 1100, .val = 5, .ecr = 9, .near = (uint16_t)(NEAR + policy) });
	}
	T_EQ(pairs(), 64);
	for (uint32_t policy = 0; policy < 64; policy++)
		T_EQ(found(1, policy).rtt.count, 1);
	pt_passive_forget_policy(rig.plane, 7);
	T_EQ(pairs(), 63);
	T_EQ(found(1, 7).segments, 0);
}

// An address translation changes the near host, not the ports: the answer is still known.
static void test_translated(void)
{
	reset();
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 1 });
	make(&(struct segment){ .ack = 1100, .val = 5, .ecr = 1 }, false);
	pkt.v4.daddr = inet_addr("192.0.2.200");
	rig_seal(&pkt);
	rig_run(PT_PROGRAM_IN, &pkt);
	T_EQ(SAMPLES(1), 1);
}

// Two hosts with the same port: the one that came first is followed, and the other disturbs
// nothing.
static void test_two_hosts(void)
{
	reset();
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 1 });
	make(&(struct segment){ .seq = 500, .payload = 100, .val = 7 }, true);
	pkt.v4.saddr = htonl(0x0a010003);
	rig_seal(&pkt);
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	T_EQ(found(1, 0).segments, 1);
	come((struct segment){ .ack = 1100, .val = 5, .ecr = 1 });
	T_EQ(SAMPLES(1), 1);
	leave((struct segment){ .seq = 1100, .payload = 100, .val = 2 });
	T_EQ(found(1, 0).again, 0);
}

static void test_full(void)
{
	const struct pt_rtt none = {};
	uint64_t before;

	reset();
	for (uint32_t i = 0; i < rig.plane->entries[PT_MAP_RTT]; i++) {
		const struct pt_rtt_key key = { .path = 9, .policy = i };

		T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_RTT], &key, &none, BPF_ANY), 0);
	}
	before = rig_stat(PT_STAT_PASSIVE_FULL);
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 1 }); // goes, uncounted
	T_EQ(rig_stat(PT_STAT_PASSIVE_FULL), before + 1);
	pt_passive_forget_path(rig.plane, 9);
	T_EQ(pairs(), 0);
}

// ---- which flows ----

// The first `n` near ports, one segment each.
static uint64_t segments_of(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		leave((struct segment){
			.seq = 1, .payload = 1, .val = 1, .near = (uint16_t)(1000 + i) });
	return found(1, 0).segments;
}

static void test_share(void)
{
	const struct pt_sizes all = { .paths = 7, .sites = 7, .passive = 1 };
	struct pt_sizes some = { .paths = 7, .sites = 7, .passive = 16 };
	uint64_t got;

	reset();
	pt_programs_done(&rig.prog);
	T_EQ(pt_load(rig.dir, &some, 1, &rig.prog, &rig.err), 0);
	got = segments_of(8000); // mean 500, less those that share a slot; deviation 22
	T_OK(got > 340 && got < 590);
	printf("# %llu of 8000 flows\n", (unsigned long long)got);
	some.passive = 0;
	reset();
	pt_programs_done(&rig.prog);
	T_EQ(pt_load(rig.dir, &some, 1, &rig.prog, &rig.err), 0);
	T_EQ(segments_of(1000), 0);
	pt_programs_done(&rig.prog);
	T_EQ(pt_load(rig.dir, &all, 1, &rig.prog, &rig.err), 0);
	T_EQ(segments_of(1), 1);
}

static uint32_t program_bytes(enum pt_program which)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	T_EQ(bpf_obj_get_info_by_fd(rig.prog.fd[which], &info, &len), 0);
	return info.xlated_prog_len;
}

// Off costs packets nothing: the verifier has removed the code.
static void test_off(void)
{
	const struct pt_sizes all = { .paths = 7, .sites = 7, .passive = 1 };
	const struct pt_sizes none = { .paths = 7, .sites = 7 };
	uint32_t on[2] = { program_bytes(PT_PROGRAM_STEER), program_bytes(PT_PROGRAM_IN) };

	pt_programs_done(&rig.prog);
	T_EQ(pt_load(rig.dir, &none, 1, &rig.prog, &rig.err), 0);
	printf("# %u -> %u, %u -> %u bytes\n", on[0], program_bytes(PT_PROGRAM_STEER), on[1],
		program_bytes(PT_PROGRAM_IN));
	T_OK(program_bytes(PT_PROGRAM_STEER) < on[0] && program_bytes(PT_PROGRAM_IN) < on[1]);
	pt_programs_done(&rig.prog);
	T_EQ(pt_load(rig.dir, &all, 1, &rig.prog, &rig.err), 0);
}

// ---- odd packets ----

static void test_ecn(void)
{
	reset();
	leave((struct segment){ .seq = 1000, .payload = 100, .val = 1, .flags = ACK | CWR });
	make(&(struct segment){ .ack = 1100, .val = 5, .ecr = 1, .flags = ACK | ECE }, false);
	pkt.v4.tos = 3; // congestion experienced
	rig_seal(&pkt);
	rig_run(PT_PROGRAM_IN, &pkt);
	T_EQ(SAMPLES(1), 1);
}

static void test_not_ours(void)
{
	reset();
	make(&(struct segment){ .seq = 1000, .payload = 100, .val = 1 }, true);
	pkt.v4.frag_off = htons(0x2000); // the first of several
	rig_seal(&pkt);
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, NEAR, FAR, 100);
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	make(&(struct segment){ .seq = 1000, .payload = 100, .val = 1 }, true);
	memmove(pkt.data + 18, pkt.data + 14, pkt.len - 14); // a tag: the kernel's
	pkt.eth.h_proto = htons(0x8100);
	pkt.data[14] = 0, pkt.data[15] = 100, pkt.data[16] = 8, pkt.data[17] = 0;
	pkt.len += 4;
	rig_run(PT_PROGRAM_STEER, &pkt);
	make(&(struct segment){ .seq = 1000, .payload = 1400, .val = 1 }, true);
	rig.plane->hop[1].mtu = 600; // too big: the kernel answers
	rig_run(PT_PROGRAM_STEER, &pkt);
	T_EQ(pairs(), 0);
}

static void test_malformed(void)
{
	static const uint8_t zero[] = { 8, 0, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };
	static const uint8_t one[] = { 2, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };
	static const uint8_t beyond[] = { 1, 1, 1, 1, 1, 1, 8, 10, 0, 0, 0, 1 };
	static const uint8_t longer[] = { 8, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	static const uint8_t many[40] = { [0 ... 39] = 1 };
	static const uint8_t end[] = { 0, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };
	static const struct {
		const uint8_t *bytes;
		uint32_t n;
	} bad[] = { { zero, 12 }, { one, 12 }, { beyond, 12 }, { longer, 12 }, { many, 40 },
		{ end, 12 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct segment s = {
			.seq = 1000, .payload = 100, .options = bad[i].bytes, .n_options = bad[i].n
		};

		reset();
		leave(s); // as one without time stamps
		T_EQ(found(1, 0).segments, 1);
		s.payload = 0;
		s.ack = 1000;
		come(s);
		T_EQ(SAMPLES(1), 0);
		s.ack = 1100;
		come(s);
		T_EQ(SAMPLES(1), 1);
	}
	reset();
	for (uint8_t doff = 1; doff < 16; doff = doff == 4 ? 9 : doff + 1) {
		struct segment s = { .seq = 1000, .ack = 1100, .val = 1, .ecr = 1, .doff = doff };

		leave(s);
		come(s);
	}
	T_EQ(found(1, 0).segments, 0); // header longer than the packet, or shorter than a header
}

// Answers that somebody makes up do not get into the histogram, and do no harm to later ones.
static void test_lies(void)
{
	uint64_t state = 88172645463325252u;

	reset();
	leave((struct segment){ .seq = 1000, .payload = 100 });
	for (int i = 0; i < 100000; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		make(&(struct segment){ .seq = (uint32_t)state,
			     .ack = 1101 + (uint32_t)(state >> 33),
			     .val = 1,
			     .ecr = (uint32_t)(state >> 20) },
			false);
		rig_run(PT_PROGRAM_IN, &pkt);
	}
	T_EQ(SAMPLES(1), 0);
	come((struct segment){ .ack = 1100 });
	T_EQ(SAMPLES(1), 1);
	T_EQ(found(1, 0).crossed, 0);
}

RIG_MAIN({ "a time stamp comes back: a round trip of its path and class", test_stamp },
	{ "only the first packet with a time stamp counts", test_stamp_first },
	{ "time stamps wrap", test_stamp_wraps },
	{ "SYN and SYN/ACK, whatever their options", test_syn },
	{ "a SYN that left twice gives no round trip", test_syn_again },
	{ "flows without time stamps: by acknowledgements", test_without_stamps },
	{ "data that left before is a retransmission", test_again },
	{ "sequence numbers wrap", test_again_wraps },
	{ "a GSO packet counts as the segments that travel", test_gso },
	{ "a switch: what was lost counts where it left first", test_switch },
	{ "an answer by another device is no path's round trip", test_crossed },
	{ "each class has its own", test_classes },
	{ "an answer to a translated address is known", test_translated },
	{ "a second host with the same ports disturbs nothing", test_two_hosts },
	{ "no room for another pair: counted, and sent on", test_full },
	{ "as many flows as wanted, or none", test_share },
	{ "off leaves no code behind", test_off }, { "ECN", test_ecn },
	{ "fragments, tags, too big, UDP: nothing", test_not_ours },
	{ "malformed options", test_malformed }, { "made-up answers", test_lies })
