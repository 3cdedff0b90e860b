// SPDX-License-Identifier: MIT
// What rules, profiles and findings may know about a host: one number each, NaN where it is not
// known. Counters run since boot.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pt_host;

// X(name, counter, unit, doc)
#define PT_FACTS(X)                                                                          \
	X(kernel, 0, "", "kernel release, 5.15 as 5015")                                     \
	X(hz, 0, "Hz", "timer ticks per second")                                             \
	X(page, 0, "bytes", "page size")                                                     \
	X(ram, 0, "bytes", "memory")                                                         \
	X(ram_avail, 0, "bytes", "memory that can still be had")                             \
	X(cpus, 0, "", "CPUs online, within the control group's quota")                      \
	X(numa_nodes, 0, "", "memory nodes")                                                 \
	X(zram, 0, "", "swap is compressed memory")                                          \
	X(irqbalance, 0, "", "irqbalance runs")                                              \
	X(simd, 0, "", "SSSE3, AVX2 or NEON: what ChaCha20 runs on")                         \
	X(disk_free, 0, "bytes", "space left where the database is")                         \
	X(sites, 0, "", "sites in the inventory")                                            \
	X(router, 0, "", "forwards IPv4")                                                    \
	X(wans, 0, "", "devices with a default route")                                       \
	X(uplink_mbit, 0, "Mbit/s", "uplink, measured or declared in the profile")           \
	X(rtt_ms, 0, "ms", "round trip, declared in the profile")                            \
	X(bdp, 0, "bytes", "bandwidth-delay product of uplink_mbit and rtt_ms")              \
	X(conntrack, 0, "", "connection tracking is loaded")                                 \
	X(bbr, 0, "", "BBR is loaded, or is there as a module")                              \
	X(fq_codel, 0, "", "fq_codel is loaded, or is there as a module")                    \
	X(unpriv_bpf, 0, "", "anybody may load BPF programs")                                \
	X(nr_open, 0, "files", "fs.nr_open")                                                 \
	X(systemd, 0, "", "systemd is the init")                                             \
	X(sysctl_conf_shadows, 0, "", "99-sysctl.conf links to /etc/sysctl.conf")            \
	X(ifupdown, 0, "", "ifupdown configures the network")                                \
	X(reload, 0, "", "patronus-sdwan.service has ExecReload=")                           \
	X(jemalloc, 0, "", "libjemalloc.so.2 is in the library directory")                   \
	X(db_wal, 0, "", "the database is in WAL")                                           \
	X(db_page_size, 0, "bytes", "its page size")                                         \
	X(db_auto_vacuum, 0, "", "0 none, 1 full, 2 incremental")                            \
	X(db_bytes, 0, "bytes", "its size")                                                  \
	X(db_wal_bytes, 0, "bytes", "size of its write-ahead log")                           \
	X(nofile, 0, "files", "open files that the running service may have")                \
	X(load1, 0, "", "load average over a minute")                                        \
	X(psi_cpu, 0, "%", "time that some task waited for a CPU, last 10 s")                \
	X(psi_mem, 0, "%", "the same for memory")                                            \
	X(psi_io, 0, "%", "the same for input and output")                                   \
	X(thermal, 1, "", "times that a CPU was throttled for heat")                         \
	X(swap_used, 0, "bytes", "swap in use")                                              \
	X(softnet_dropped, 1, "packets", "dropped before a backlog (softnet_stat 2)")        \
	X(softnet_squeezed, 1, "", "receive cycles that ran out of budget (softnet_stat 3)") \
	X(listen_overflows, 1, "", "connections that a full listener refused")               \
	X(tcp_pruned, 1, "", "receive queues cut for lack of buffer")                        \
	X(tcp_mem_pressure, 1, "", "times that TCP came under memory pressure")              \
	X(tcp_mtup_fail, 1, "", "MTU probes that failed")                                    \
	X(tcp_retrans, 1, "segments", "sent again")                                          \
	X(tcp_timewait, 0, "", "sockets in TIME_WAIT")                                       \
	X(udp_rcvbuf_errors, 1, "packets", "dropped at a full UDP socket")                   \
	X(udp_mem_errors, 1, "packets", "dropped for lack of UDP memory")                    \
	X(frag_fails, 1, "packets", "too big for a link and not to be fragmented")           \
	X(conntrack_count, 0, "", "connections tracked")                                     \
	X(conntrack_max, 0, "", "connections that can be tracked")                           \
	X(conntrack_drop, 1, "packets", "dropped because no connection could be added")      \
	X(neigh_fulls, 1, "", "times that the IPv4 neighbour table was full")                \
	X(neigh6_fulls, 1, "", "times that the IPv6 neighbour table was full")               \
	X(rx_missed, 1, "packets", "lost by a device for want of descriptors")               \
	X(rx_dropped, 1, "packets", "dropped behind a device")                               \
	X(tx_dropped, 1, "packets", "dropped before a device")                               \
	X(rx_packets, 1, "packets", "received")                                              \
	X(tx_packets, 1, "packets", "sent")                                                  \
	X(rx_bytes, 1, "bytes", "received")                                                  \
	X(tx_bytes, 1, "bytes", "sent")                                                      \
	X(qdisc_drops, 1, "packets", "dropped by the root queueing disciplines of devices")  \
	X(cpu_total, 1, "ticks", "time of all CPUs")                                         \
	X(cpu_idle, 1, "ticks", "of it idle")                                                \
	X(cpu_softirq, 1, "ticks", "of it in softirqs")                                      \
	X(cpu_iowait, 1, "ticks", "of it waiting for a disk")                                \
	X(cpu_steal, 1, "ticks", "of it taken by the hypervisor")                            \
	X(ctxt, 1, "", "context switches")

enum pt_fact {
	PT_FACT_NONE,
#define X(name, counter, unit, doc) PT_FACT_##name,
	PT_FACTS(X)
#undef X
		PT_FACT_COUNT
};

struct pt_fact_row {
	const char *name;
	bool counter;
	const char *unit, *doc;
};
extern const struct pt_fact_row pt_fact_rows[PT_FACT_COUNT];

struct pt_facts {
	double value[PT_FACT_COUNT]; // NAN: not known
};

// Reads what can be read; nothing that is missing is an error.
void pt_facts_read(const struct pt_host *host, struct pt_facts *out);
enum pt_fact pt_fact_find(const char *name); // PT_FACT_NONE: no such fact
// bdp from uplink_mbit and rtt_ms, after the profile has set these.
void pt_facts_derive(struct pt_facts *f);
// b - a of a counter; NAN where either is not known, or where it ran backwards.
double pt_facts_moved(const struct pt_facts *a, const struct pt_facts *b, enum pt_fact fact);
