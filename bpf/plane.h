// SPDX-License-Identifier: MIT
// The one contract between the kernel programs and user space: limits, enumerations and the
// values of every pinned map. Both sides include it; a change of any size or meaning raises
// PT_ABI, which is also the name of the default pin directory.
//
// All times are CLOCK_MONOTONIC nanoseconds, addresses are in network order, all else in host
// order.
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#define PT_ABI     4
#define PT_PIN_DIR "/sys/fs/bpf/patronus/4"

#define PT_MAX_PATH    16384 // path indexes 1 .. 16383; 0 means none
#define PT_MAX_UPLINK  1024  // uplink indexes 1 .. 1023; 0 means none
#define PT_MAX_SITE    16384 // site indexes 1 .. 16383; 0 is this edge itself
#define PT_MAX_POLICY  64    // policy index = bit in the rule vectors; 0 goes first
#define PT_GROUP_PATHS 8     // candidates a group may name
#define PT_RING        256   // probes remembered for each path
#define PT_NAME_LEN    64    // with the closing 0
#define PT_SITE_LOCAL  0     // destination that only the kernel may serve

#define PT_ONE_SECTION \
	".data." // sections of the kernel programs that are maps: pt_meta, pt_live, pt_block

#define PT_ASSERT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

#define PT_META_CLSACT 1 // devices that come later get filters of the clsact qdisc, too
#define PT_META_XDP    2 // and so they get XDP in front

// Which bank packets use: of the groups, and of all that classifies (pt_dest, pt_chunk, pt_fork,
// pt_rule). One word, so that one store flips either or both.
#define PT_BANK_GROUP 1u
#define PT_BANK_CLASS 2u

// pt_meta[0], memory-mapped. Written by pt-failover.
struct pt_meta {
	__u32 abi;
	__u32 bank;       // PT_BANK_*
	__u32 generation; // of the programs; a timer's callback belongs to one (pt_watch.program)
	__u32 site_cap;   // sites that fit into one bank of pt_group
	__u32 path_cap;   // entries of pt_hop, pt_watch; of pt_gate, pt_traffic for each CPU
	__u32 flags;
	__u64 config_hash; // of the network and the configuration that the tables hold
	__u64 attached_ns;
	__u64 netns;        // inode of the network namespace whose devices are attached
	__u32 mark_mask;    // the bits of a packet's mark that are ours
	__u32 epoch;        // rises right after each change of what packets use
	__u32 passive_seed; // by which the programs choose flows to measure
	__u32 pad[3];
	__u8 edge[PT_NAME_LEN];
	__u64 committed_ns; // when user space last changed what packets use
	__u64 trace_key;    // while `why` asks: skb->cb of the packet that it asks about; else 0
	__u32 flips;        // of `bank`: rises before and after each, so that it is odd meanwhile
	__u32 settled;      // `flips` of which no packet knows the bank before any more
};
PT_ASSERT_SIZE(pt_meta, 160);

// How far a traced packet got.
enum pt_trace_step {
	PT_TRACE_READ,
	PT_TRACE_SITE,
	PT_TRACE_POLICY,
	PT_TRACE_PATH,
	PT_TRACE_DONE,
};

// pt_trace[0]: what became of the packet with that key. Written by the kernel only.
struct pt_trace {
	__u64 key;
	__u32 step; // enum pt_trace_step that said `stat`
	__u32 stat; // enum pt_stat
	__u32 site, policy;
	__u32 path, rank, avoided;
	__u32 pad;
};
PT_ASSERT_SIZE(pt_trace, 40);

// pt_live[0], memory-mapped. Written by the kernel programs only.
struct pt_live {
	__u32 epoch;            // rises right after each verdict
	__u32 waiting;          // a dead path that any user packet may clock a probe for; 0 none
	__u8 down[PT_MAX_PATH]; // 0 usable, 1 down
	__u8 want[PT_MAX_PATH]; // 1: the next user packet is to clock a probe
};

// Another number after each change of what packets use, by whomever.
#define PT_EPOCH(meta, live) ((meta)->epoch + (live)->epoch)

// Why a path or an uplink is out of use: a set, so that each reason comes and goes by itself.
// Damped and drained are soft: better than a path that is down.
enum pt_block_why {
	PT_BLOCK_CARRIER = 1 << 0,
	PT_BLOCK_MAINTENANCE = 1 << 1,
	PT_BLOCK_MANUAL = 1 << 2,
	PT_BLOCK_DAMPED = 1 << 3,
	PT_BLOCK_UNDERLAY = 1 << 4, // an uplink beneath is out of use
	PT_BLOCK_DRAINED = 1 << 5,
	PT_BLOCK_DRILL = 1 << 6, // a rehearsal, until drill_until_ns at most
};

#define PT_BLOCK_HARD                                                                    \
	(PT_BLOCK_CARRIER | PT_BLOCK_MAINTENANCE | PT_BLOCK_MANUAL | PT_BLOCK_UNDERLAY | \
		PT_BLOCK_DRILL)
// These need somebody who takes them back: they hold while the lease runs.
#define PT_BLOCK_LEASED (PT_BLOCK_CARRIER | PT_BLOCK_DAMPED | PT_BLOCK_UNDERLAY)

// pt_block[0], memory-mapped. Written by pt-failover only (atomic or, atomic and): the kernel never
// writes here, so that no "up" of user space can race its "down".
struct pt_block {
	__u8 path[PT_MAX_PATH];     // set of enum pt_block_why
	__u8 uplink[PT_MAX_UPLINK]; // set of enum pt_block_why
	__u64 lease_ns;             // PT_BLOCK_LEASED holds until then; 0: for ever
	__u64 drill_until_ns;       // PT_BLOCK_DRILL holds until then
};

// pt_penalty[path], memory-mapped. Written by pt-failover only.
struct pt_penalty {
	__u64 hold_until_ns; // damped until then; 0: not, or still down
	__u64 figure_ns;     // when `figure` was right: it halves again and again
	__u32 figure;        // RFC 2439: rises with each fall
	__u32 falls;
};
PT_ASSERT_SIZE(pt_penalty, 24);

#define PT_GROUP_DROP        1 // no usable candidate, or none at all: drop instead of the last resort
#define PT_GROUP_POLICY_DROP 2  // the policy wants PT_GROUP_DROP whatever is decided; user space's
#define PT_GROUP_DECIDED     4  // the order is a decision, not the file's; user space's
#define PT_GROUP_BYPASS      8  // the policy lets packets bypass the firewall (PT_HOP_GUARD)
#define PT_GROUP_FLOWS       16 // flows keep to their path while it is usable (pt_flow)
#define PT_GROUP_WEIGHTED    32 // flows are shared out by weight (bpf/share.h)
#define PT_GROUP_POLICY      (PT_GROUP_POLICY_DROP | PT_GROUP_BYPASS | PT_GROUP_FLOWS) // not decided
// The first candidate is not enough.
#define PT_GROUP_WHOLE (PT_GROUP_BYPASS | PT_GROUP_FLOWS | PT_GROUP_WEIGHTED)

// pt_group[PT_GROUP_KEY(...)], memory-mapped. Half a cache line and never across two; a policy's
// groups lie together, for few policies carry most of the traffic.
struct pt_group {
	__u16 path[PT_GROUP_PATHS];  // first choice first
	__u8 weight[PT_GROUP_PATHS]; // PT_GROUP_WEIGHTED; 0: only where no other is as usable
	__u8 count;
	__u8 flags; // PT_GROUP_*
	__u16 pad;
	__u32 by_hand_cs; // when a person gave this order, in centiseconds; 0: nobody did
};
PT_ASSERT_SIZE(pt_group, 32);
// The index, and that of pt_first after division by PT_FIRSTS.
#define PT_GROUP_KEY(site_cap, bank, site, policy) \
	(((bank)*PT_MAX_POLICY + (policy)) * (site_cap) + (site))

// pt_first[PT_GROUP_KEY(...) / PT_FIRSTS], memory-mapped: a group's first candidate, as long as a
// packet that can take it needs nothing else of the group; else 0. So small that the first
// candidates of all sites stay in the processor's nearest cache.
#define PT_FIRSTS 4
struct pt_first {
	__u16 path[PT_FIRSTS];
};
PT_ASSERT_SIZE(pt_first, 8);

// A node of the prefix tables: a value, or the next table to look into.
#define PT_NODE_CHUNK (1u << 31) // pt_chunk[index], by the given byte of the address
#define PT_NODE_FORK  (1u << 30) // pt_fork[index]
#define PT_NODE_TABLE (PT_NODE_CHUNK | PT_NODE_FORK) // neither: a value
#define PT_NODE_BYTE  26                             // shift of that byte's number
#define PT_NODE_INDEX ((1u << 26) - 1)               // mask of an index, or of the value
#define PT_NODE_STEPS 17                             // at most; each takes a byte of the address

// pt_chunk[index], memory-mapped; each bank has one half. By one byte of the address.
struct pt_chunk {
	__u32 node[256];
};

// pt_fork[index], memory-mapped; each bank has one half. Addresses are words in host order, IPv4 in
// the highest 32 bits.
struct pt_fork {
	__u64 addr[2];
	__u64 mask[2];
	__u32 inside, outside; // nodes
};
PT_ASSERT_SIZE(pt_fork, 40);

// pt_dest[bank], memory-mapped: where a destination's look-up starts. Its value is the site + 1,
// and 0 where there is none.
struct pt_dest {
	__u32 v4[65536]; // by the first 16 bits
	__u32 v6;
	__u32 pad;
};
PT_ASSERT_SIZE(pt_dest, 4 * 65536 + 8);

#define PT_SOURCES 4097 // 64 prefixes for each of 64 policies, and no prefix

// The policies that accept what enters by a device.
struct pt_rule_device {
	__u32 ifindex;
	__u32 pad;
	__u64 policies;
};
PT_ASSERT_SIZE(pt_rule_device, 16);

#define PT_RULE_DEVICES 1024 // a power of two: slots for devices that matches name
#define PT_RULE_SLOT(ifindex, factor) \
	(((__u32)(ifindex) * (factor)) >> 22) // of 1024; the factor is such that none collide

#define PT_TREAT_DSCP  1 // packets leave with that code point
#define PT_TREAT_CLASS 2 // and that priority
#define PT_TREAT_PORTS 4 // flows of a weighted group are told apart by ports, too

// What becomes of a policy's packets, whatever path they take.
struct pt_treat {
	__u32 priority; // class of a queueing discipline, major << 16 | minor
	__u8 dscp;
	__u8 flags; // PT_TREAT_*
	__u16 pad;
};
PT_ASSERT_SIZE(pt_treat, 8);

// pt_rule[bank], memory-mapped. Bit n of a word: policy n accepts this value of the field. The
// policy of a packet is the lowest bit left after AND over its fields.
struct pt_rule {
	__u64 proto[256];
	__u64 dscp[64];
	__u64 no_port; // takes the place of both ports where a packet shows none
	__u64 other_device;
	__u32 device_factor;
	__u32 source4, source6; // nodes where a source's look-up starts; the value is for `source`
	__u32 pad;
	__u64 treated; // policies whose packets leave otherwise than they came
	__u64 source[PT_SOURCES];
	struct pt_rule_device device[PT_RULE_DEVICES];
	struct pt_treat treat[PT_MAX_POLICY];
	// Ports by pages of 256: equal pages are kept once, so that packets touch little memory.
	__u8 sport_page[256];
	__u8 dport_page[256];
	__u64 sport[65536];
	__u64 dport[65536];
};
#define PT_RULE_PORT(page, port) ((__u32)(page)[(port) >> 8] << 8 | ((port)&0xff))
PT_ASSERT_SIZE(
	pt_rule, 8 * (256 + 64 + 5 + 64 + PT_SOURCES + 2 * PT_RULE_DEVICES + 64 + 2 * 65536));

#define PT_HOP_USED     1 // the slot holds a path
#define PT_HOP_L3       2 // the device has no link layer: no next hop, no MAC header
#define PT_HOP_VIA4     4 // via4 is set; without it no IPv4 goes here, unless PT_HOP_L3
#define PT_HOP_VIA6     8
#define PT_HOP_MARK     16 // packets get the mark and go the kernel's way: conntrack, NAT, firewall
#define PT_HOP_CLOCKED  32 // traffic clocks probes where pt-probe does not
#define PT_HOP_GUARD    64 // as MARK, for the firewall's sake, unless their policy bypasses that
#define PT_HOP_INDIRECT 128 // it leads through another site's edge
#define PT_HOP_NAT      256 // the kernel translates source addresses there
#define PT_HOP_ETHER    512 // the device is an Ethernet

// Where a next hop was read, else the protocol of the kernel's route (RTPROT_*).
#define PT_HOP_FROM_FILE    0
#define PT_HOP_FROM_ROUTE   1   // of no protocol
#define PT_HOP_FROM_LINK    254 // the far end is a neighbour
#define PT_HOP_FROM_NOWHERE 255 // wanted, not known yet

// pt_hop[path], memory-mapped: where a path leaves and how it is watched. What a user packet needs
// is in the first of the two cache lines.
struct pt_hop {
	__u32 ifindex; // 0 while the device is missing
	__u32 flags;   // PT_HOP_*
	__u32 mtu;     // longest network-layer packet
	__u32 uplink;
	__u8 via4[4];
	__u32 site;
	__u8 via6[16];
	__u32 mark; // of the path's routing table, within pt_meta.mark_mask; 0 it has none
	__u32 via;  // PT_HOP_INDIRECT: that site
	__u32 salt; // of its costs in weighted groups
	__u8 spare[12];
	// The second line: probes only.
	__u32 threshold; // overdue probes that make a path down
	__u32 up_count;  // replies in a row that make it up again
	__u16 ssid;      // of the probe session, RFC 8972
	__u16 family;    // of the probe target: AF_INET, AF_INET6, 0 unwatched
	__u16 bfd_port;  // a BFD session there tells whether the path lives; 0: our probes do
	__u16 pad;
	__u64 interval_ns;
	__u64 timeout_ns;
	__u16 port;        // the reflector's
	__u8 from4, from6; // PT_HOP_FROM_*, of the next hops
	__u32 pad2;
	__u8 target[16]; // the probe target; IPv4 in the first four bytes
	__u64 pad3;
};
PT_ASSERT_SIZE(pt_hop, 128);
_Static_assert(__builtin_offsetof(struct pt_hop, threshold) == 64, "cache line");

#define PT_PROBE_ANSWERED (1ull << 63) // in sent_ns: no clock of nanoseconds gets there

// pt_flow: flow -> path. LRU; only for groups with PT_GROUP_FLOWS. Written by the kernel only.
struct pt_flow_key {
	__u8 src[16], dst[16]; // IPv4 in the first four bytes
	__u16 sport, dport;    // host order; 0 where the packet shows none
	__u8 proto, family;
	__u16 pad;
};
PT_ASSERT_SIZE(pt_flow_key, 40);

struct pt_flow_path {
	__u32 path;
};

struct pt_probe_slot {
	__u64 value;   // sender timestamp as it stands on the wire; once answered, when that was
	__u64 sent_ns; // when it passed the egress hook, and PT_PROBE_ANSWERED
};

// pt_watch[path]. Everything below `lock` changes under it. Written by the kernel only.
struct pt_watch {
	struct bpf_timer timer;
	struct bpf_spin_lock lock;
	__u32 program; // generation of the programs whose callback the timer has; 0 none
	__u32 oldest;  // sequence numbers: ring holds oldest .. newest
	__u32 newest;
	__u32 answered; // newest answered, or the one before the epoch's first
	__u32 run;      // replies in a row
	__u32 started;  // a probe was seen
	__u32 epoch;    // PT_EPOCH of epoch_packet_ns; not under the lock
	__u32 accused;  // newest probe that the last verdict counted as lost
	__u32 wire;     // pt-probe's newest sequence number, and by how much it is ahead of ours
	__u32 shift;
	__u32 pad;
	__u64 due_sent_ns; // when the threshold-th probe after `answered` left; 0 not yet
	__u64 expires_ns;  // what the timer is set to; 0 none runs
	__u64 srtt_ns;     // RFC 6298, section 2; 0 no reply ever
	__u64 rttvar_ns;
	__u64 last_sent_ns;
	__u64 last_reply_ns;
	__u64 changed_ns;      // last verdict: since when the path is down, or up again
	__u64 first_packet_ns; // first user packet that left by another path after a down
	__u64 epoch_packet_ns; // first user packet that left by this path in that epoch
	__u64 sent;
	__u64 replies;
	struct pt_probe_slot ring[PT_RING];
};
PT_ASSERT_SIZE(pt_watch, 152 + 16 * PT_RING);

// pt_bfd[path]: what the packets of both ends said. All of it changes under the lock of
// pt_watch[path]. Written by the kernel only.
struct pt_bfd_slot {
	struct bpf_timer timer;
	__u32 program;      // as in pt_watch
	__u32 mine, theirs; // discriminators in our newest packet; mine 0: no session, or AdminDown
	__u32 used_rx_us;   // our Required Min RX Interval, as far as the far end knows it
	__u32 run;          // packets in a row while up
	__u8 local, remote; // enum pt_bfd_state, in the newest packet of each end
	__u8 up;            // both have said so
	__u8 pad;
	__u64 heard_ns;  // newest packet that counts; 0 none of this session
	__u64 detect_ns; // for how long the far end may be silent
	__u64 due_ns;    // when it is overdue; 0: nothing is expected
	__u64 armed_ns;  // what the timer is set to; 0: none runs
	__u64 accepted;
};
PT_ASSERT_SIZE(pt_bfd_slot, 80);

#define PT_CLOCK_PORT 61862 // that traffic's probes come from: no reflector, no ephemeral port
#define PT_CLOCK_MARK 0x50544000u           // and the path: marks a clone on its way to the device
#define PT_CLOCK_MASK (~(PT_MAX_PATH - 1u)) // what of the mark is not the path

// pt_clock[path]. Written by the kernel only.
struct pt_clock {
	struct bpf_timer timer; // strikes when no probe has left for too long
	__u32 program;          // as in pt_watch
	__u32 claimed;   // a clone is on its way; as long as it has not arrived there is no other
	__u8 source[16]; // address that pt-probe sends from
	__u16 family;    // of `source`; 0 not known
	__u8 dscp;
	__u8 pad[5];
};
PT_ASSERT_SIZE(pt_clock, 48);

// pt_peer: where requests come from that the kernel answers -> __u32 path.
struct pt_peer_key {
	__u32 ifindex;
	__u32 family;  // and PT_PEER_BFD: who has a BFD session with us
	__u8 addr[16]; // IPv4 in the first four bytes
};
#define PT_PEER_BFD 0x10000u
PT_ASSERT_SIZE(pt_peer_key, 24);

// pt_session: probe session -> __u32 path.
struct pt_session_key {
	__u32 ifindex;
	__u16 family;
	__u16 ssid;
};
PT_ASSERT_SIZE(pt_session_key, 8);

// pt_name: what an index is called, so that readers need neither files nor daemon.
enum pt_name_kind {
	PT_NAME_SITE,
	PT_NAME_POLICY,
	PT_NAME_PATH,
	PT_NAME_UPLINK,
	PT_NAME_PATH_DEVICE, // index is the path's
	PT_NAME_KIND_COUNT,
};

struct pt_name_key {
	__u32 kind; // enum pt_name_kind
	__u32 index;
};
PT_ASSERT_SIZE(pt_name_key, 8);

struct pt_name {
	char id[PT_NAME_LEN];
};

// pt_hook: what is attached where, so that detach removes that and no more.
enum pt_hook_dir {
	PT_HOOK_STEER,     // ingress of a LAN device
	PT_HOOK_WATCH_IN,  // ingress of a path device
	PT_HOOK_WATCH_OUT, // egress of a path device
	PT_HOOK_ONWARD,    // ingress of a path device, at a hub
	PT_HOOK_XDP,       // XDP of a LAN device, before the ingress
	PT_HOOK_COUNT,
};

struct pt_hook_key {
	__u32 ifindex;
	__u32 dir; // enum pt_hook_dir
};
PT_ASSERT_SIZE(pt_hook_key, 8);

#define PT_HOOK_TCX   1 // a pinned link (of XDP, too), else a filter of the clsact qdisc
#define PT_HOOK_QDISC 2 // the clsact qdisc is ours too
#define PT_HOOK_LINK3 4 // the layer-3 variant of the program

struct pt_hook {
	__u32 flags; // PT_HOOK_*
	__u32 handle;
	__u32 priority;
	__u32 pad;
	char device[16];
};
PT_ASSERT_SIZE(pt_hook, 32);

// pt_xdp_lan[PT_XDP_SLOT(ifindex)]: LAN devices whose frames XDP sends on. Of two that share
// a slot one has no XDP. Only there with it, memory-mapped, as is the map of the devices that take
// redirected frames, pt_xdp_port.
#define PT_XDP_LANS          1024
#define PT_XDP_SLOT(ifindex) ((ifindex) & (PT_XDP_LANS - 1))
struct pt_xdp_lan {
	__u32 ifindex; // 0 none
	__u8 mac[6];   // what is not for this address is not for us
	__u8 pad[6];
};
PT_ASSERT_SIZE(pt_xdp_lan, 16);

// pt_rx: path device -> __u32 path, for devices that carry one path only; at a hub also
// device | PT_RX_SITE -> the one site whose edge is at the other end, if it is one.
#define PT_RX_SITE (1u << 31)

// pt_port[0], memory-mapped: bit n is set when a watched reflector listens on UDP port n, so that
// other traffic costs the watch programs one load.
struct pt_port {
	__u8 bits[65536 / 8];
};

// No per-CPU maps: these cost packets a load more, and readers a system call.
#define PT_CPU_KEY(path_cap, cpu, path) ((cpu) * (path_cap) + (path))

// pt_gate[PT_CPU_KEY(...)], memory-mapped: what one CPU sent on a path, and all that a plain packet
// needs of it (bpf/gate.h), in one cache line. Bytes count from the network header on. Written by
// the kernel only, but for paths that go. [0] is IPv4's, [1] IPv6's.
struct pt_gate {
	__u64 packets, bytes;
	__u32 epoch; // PT_EPOCH in which this CPU last looked at the path: the next four are of
		     // then
	__u32 ifindex;
	__u16 mtu[2];    // 0: no plain packets
	__u32 until[2];  // jiffies: when to ask for MACs again
	__u32 mac[2][3]; // of the next hop and ours; the last word is 0: not known
	__u32 port;      // in pt_xdp_port, PT_GATE_PORT; 0: not looked for yet
};
PT_ASSERT_SIZE(pt_gate, 64);
#define PT_GATE_PORT (1u << 31) // there is one
#define PT_GATE_SHUT (1u << 30) // there is none

// pt_traffic[PT_CPU_KEY(...)], memory-mapped: what one CPU received on a path, bytes as above.
struct pt_volume {
	__u64 packets, bytes;
};
PT_ASSERT_SIZE(pt_volume, 16);

// pt_stat[n], per CPU, __u64: every outcome of every program.
#define PT_STATS(X)                                                                              \
	X(STEERED, "steered", "sent on a path")                                                  \
	X(DAMPED, "steered_damped", "of these on a damped path, none better being alive")        \
	X(LAST_RESORT, "steered_last_resort", "of these with every candidate out of use")        \
	X(FRAGMENT, "steered_fragment", "of these fragments, told apart by address alone")       \
	X(MARKED, "steered_marked", "of these through the kernel, with the path's mark")         \
	X(XDP, "steered_xdp", "of these by XDP")                                                 \
	X(DROPPED, "dropped", "no usable candidate and the group says drop")                     \
	X(DROPPED_BACK, "dropped_back", "of a hub: every way on would lead back")                \
	X(PASS_TYPE, "passed_type", "to the kernel: not addressed to this host")                 \
	X(PASS_VLAN, "passed_vlan", "to the kernel: VLAN tag")                                   \
	X(PASS_NOT_IP, "passed_not_ip", "to the kernel: neither IPv4 nor IPv6")                  \
	X(PASS_SHORT, "passed_short",                                                            \
		"to the kernel: truncated, or its length or checksum is wrong")                  \
	X(PASS_OPTION, "passed_option", "to the kernel: IPv4 options or IPv6 extension headers") \
	X(PASS_TTL, "passed_ttl", "to the kernel: TTL or hop limit used up")                     \
	X(PASS_SCOPE, "passed_scope", "to the kernel: multicast, broadcast or link-local")       \
	X(PASS_LOCAL, "passed_local", "to the kernel: this site's own destination")              \
	X(PASS_NO_DEST, "passed_no_dest", "to the kernel: destination of no site")               \
	X(PASS_NO_RULE, "passed_no_rule", "to the kernel: no policy matches")                    \
	X(PASS_NO_GROUP, "passed_no_group", "to the kernel: no candidates for site and policy")  \
	X(PASS_NO_HOP, "passed_no_device",                                                       \
		"to the kernel: no candidate has a device and a next hop")                       \
	X(PASS_MTU, "passed_mtu", "to the kernel: longer than the path carries")                 \
	X(PROBE_SENT, "probe_sent", "probes recorded")                                           \
	X(PROBE_CLOCKED, "probe_clocked", "of these made of user packets")                       \
	X(PROBE_ANSWERED, "probe_answered", "probes of far ends that the kernel answered")       \
	X(PROBE_EPOCH, "probe_epoch", "of these beginning a new sequence")                       \
	X(REPLY_OK, "reply_accepted", "replies accepted")                                        \
	X(REPLY_SHORT, "reply_short", "replies rejected: too short")                             \
	X(REPLY_SESSION, "reply_session", "replies rejected: of no session on this device")      \
	X(REPLY_SOURCE, "reply_source", "replies rejected: not from the probe target")           \
	X(REPLY_SEQUENCE, "reply_sequence", "replies rejected: sequence number not outstanding") \
	X(REPLY_STAMP, "reply_stamp", "replies rejected: wrong timestamp, or a replay")          \
	X(PASSIVE_FULL, "passive_full",                                                          \
		"packets of followed flows not counted: no room for another path and policy")    \
	X(BFD_SENT, "bfd_sent", "BFD packets sent")                                              \
	X(BFD_OK, "bfd_accepted", "BFD packets accepted")                                        \
	X(BFD_REFUSED, "bfd_refused",                                                            \
		"BFD packets that change nothing: unsound, or of no session of ours")            \
	X(EVENT_LOST, "event_lost", "events that found the ring full")                           \
	X(TIMER_FAILED, "timer_failed", "watchdogs that could not be armed")                     \
	X(REPLY_FULL, "reply_ring_full",                                                         \
		"replies accepted that found pt-probe's ring full and went to its socket")

enum pt_stat {
#define X(name, key, doc) PT_STAT_##name,
	PT_STATS(X)
#undef X
		PT_STAT_COUNT,
};

// pt_event: ring buffer.
enum pt_event_kind {
	PT_EVENT_DOWN,
	PT_EVENT_UP,
	PT_EVENT_LATE,         // up again: probes that were counted as lost are answered after all
	PT_EVENT_FIRST_REPLY,  // a path that nothing was known of answers
	PT_EVENT_FIRST_PACKET, // the first user packet that avoided a dead path
	PT_EVENT_COUNT,
};

// What a verdict rests on.
enum pt_cause {
	PT_CAUSE_PROBES,
	PT_CAUSE_BFD_SILENCE, // nothing was heard for the detection time, or no session came up
	PT_CAUSE_BFD_WORD,    // one end said that the session is down, or up
	PT_CAUSE_COUNT,
};

struct pt_event {
	__u32 kind; // enum pt_event_kind
	__u32 path;
	__u64 last_reply_ns; // 0: none ever
	__u64 detected_ns;   // the verdict began, or the first packet passed
	__u64 committed_ns;  // the byte in pt_live was written
	__u64 srtt_ns;
	__u64 rttvar_ns;
	__u32 newest;
	__u32 answered;
	__u32 to;    // first packet: the path taken instead
	__u32 cause; // enum pt_cause
};
PT_ASSERT_SIZE(pt_event, 64);
