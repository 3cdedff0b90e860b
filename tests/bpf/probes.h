// SPDX-License-Identifier: MIT
// Probes and replies of two paths, one of each family, as the programs meet them.
#pragma once
#include <sys/stat.h>

#include "tests/bpf/rig.h"

#define PATH     1
#define PATH6    2
#define SSID     101 // rig_hop: 100 + path
#define SENDER   40000
#define INTERVAL (20 * PT_NS_PER_MS)

static struct rig_packet pkt;
static uint32_t stamp_base; // so that no two tests share a timestamp

static inline void session(uint32_t path, uint16_t family)
{
	struct pt_session_key key = { RIG_DEVICE, family, (uint16_t)(100 + path) };

	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_SESSION], &key, &path, BPF_ANY), 0);
}

static inline struct pt_watch watch_of(uint32_t path)
{
	struct pt_watch w = {};

	T_EQ(bpf_map_lookup_elem_flags(rig.plane->fd[PT_MAP_WATCH], &path, &w, BPF_F_LOCK), 0);
	return w;
}

static inline void reset(void)
{
	stamp_base += 1u << 20;
	for (uint32_t path = PATH; path <= PATH6; path++) {
		rig_hop(path);
		rig_set_down(path, 0);
	}
	rig.plane->hop[PATH6].family = AF_INET6;
	(void)inet_pton(AF_INET6, "2001:db8::99", rig.plane->hop[PATH6].target);
	rig.plane->port->bits[RIG_PORT >> 3] |= 1u << (RIG_PORT & 7);
	session(PATH, AF_INET);
	session(PATH6, AF_INET6);
}

static inline uint32_t stamp_of(uint32_t seq)
{
	return stamp_base + seq + 1;
}

static inline void put_probe(uint32_t offset, uint32_t seq, uint16_t ssid)
{
	struct pt_stamp_request probe = {
		.seq = htonl(seq), .sent = { 1, stamp_of(seq) }, .ssid = htons(ssid)
	};

	memcpy(pkt.data + offset, &probe, sizeof(probe));
}

static inline void put_reply(uint32_t offset, uint32_t seq, uint16_t ssid, uint32_t stamp)
{
	struct pt_stamp_reply reply = { .seq = htonl(seq + 7),
		.ssid = htons(ssid),
		.sender_seq = htonl(seq),
		.sender_sent = { 1, stamp } };

	memcpy(pkt.data + offset, &reply, sizeof(reply));
}

static inline void make_probe(uint32_t seq)
{
	rig_ipv4(&pkt, "192.0.2.99", IPPROTO_UDP, SENDER, RIG_PORT, 44);
	put_probe(ETH_HLEN + 28, seq, SSID);
}

static inline void make_reply(uint32_t seq)
{
	rig_ipv4(&pkt, "192.0.2.2", IPPROTO_UDP, RIG_PORT, SENDER, 44);
	pkt.v4.saddr = inet_addr("192.0.2.99");
	rig_seal(&pkt);
	put_reply(ETH_HLEN + 28, seq, SSID, stamp_of(seq));
}

// Runs the packet, which must leave untouched, and tells by how much the counter moved.
static inline uint64_t counted(enum pt_program program, enum pt_stat stat)
{
	struct rig_packet was = pkt;
	uint64_t before = rig_stat(stat);

	T_EQ(rig_run(program, &pkt), TC_ACT_UNSPEC);
	T_OK(pkt.len == was.len && !memcmp(was.data, pkt.data, pkt.len));
	return rig_stat(stat) - before;
}

static inline void probe(uint32_t seq)
{
	make_probe(seq);
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 1);
}

static inline void reply(uint32_t seq)
{
	make_reply(seq);
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_OK), 1);
}

static inline uint64_t this_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}
