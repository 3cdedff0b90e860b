// SPDX-License-Identifier: MIT
// What rules, profiles and findings may know about a host: one number each, NaN where it is not
// known. Counters run since boot. pt_facts_read leaves those to others that take time or a window:
// thread_*, hot_share, db_hour_ms to sites_alone, far_* and url_*.
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
	X(ctxt, 1, "", "context switches")                                                   \
	X(oom_kills, 1, "", "processes killed for lack of memory")                           \
	X(paths, 0, "", "paths in the inventory")                                            \
	X(pt_procs, 0, "", "processes of Patronus")                                          \
	X(pt_ticks, 1, "ticks", "CPU time of Patronus")                                      \
	X(probe_ticks, 1, "ticks", "of it pt-probe's")                                       \
	X(decide_ticks, 1, "ticks", "of it pt-select's and pt-failover's")                   \
	X(store_ticks, 1, "ticks", "of it pt-db's and pt-serve's")                           \
	X(log_ticks, 1, "ticks", "CPU time of those who keep logs")                          \
	X(pt_pss, 0, "bytes", "memory of Patronus, what is shared divided")                  \
	X(pt_anon, 0, "bytes", "of it its own, swapped or not")                              \
	X(pt_preload_lost, 0, "", "its processes without a library that LD_PRELOAD names")   \
	X(pt_heap_prof, 0, "", "its processes whose allocator profiles")                     \
	X(pt_throttled, 1, "", "times that its control group's quota held it up")            \
	X(thread_busy, 0, "%", "of a CPU, taken by the busiest thread of Patronus")          \
	X(thread_spin, 0, "%", "of the time, one that never sleeps ran or waited for a CPU") \
	X(thread_wakes, 0, "1/s", "times that one of its threads wakes")                     \
	X(hot_share, 0, "%", "of its CPU time, in one function")                             \
	X(cfg_debug, 0, "", "logging.level is debug")                                        \
	X(cfg_probes, 0, "1/s", "probes that config.yaml asks for")                          \
	X(cfg_cache, 0, "bytes", "page caches of all the pool's connections")                \
	X(cfg_retention, 0, "s", "metrics.retention_seconds")                                \
	X(log_bytes, 0, "bytes", "logs on disk")                                             \
	X(spool_bytes, 0, "bytes", "spool segments, in memory")                              \
	X(db_free, 0, "bytes", "of the database unused")                                     \
	X(db_locked, 0, "%", "of five looks that found its write lock taken")                \
	X(disk_ios, 1, "", "operations of the database's disk")                              \
	X(disk_ms, 1, "ms", "that they took, summed")                                        \
	X(disk_busy_ms, 1, "ms", "that the disk was busy")                                   \
	X(disk_rotates, 0, "", "the disk turns")                                             \
	X(db_hour_ms, 0, "ms", "the last hour of the path with most rows, read")             \
	X(db_scans, 0, "", "of the guide's queries that read a whole table")                 \
	X(db_oldest, 0, "s", "age of the oldest health record")                              \
	X(path_loss, 0, "%", "worst loss of the newest health records")                      \
	X(path_queue_ms, 0, "ms", "worst p95 beyond the least round trip, of these")         \
	X(sites_alone, 0, "", "sites with less than two paths up")                           \
	X(far_loss, 0, "%", "pt-probe ping to --to")                                         \
	X(far_min_ms, 0, "ms", "its least round trip")                                       \
	X(far_p95_ms, 0, "ms", "its 95th percentile")                                        \
	X(far_hop_loss, 0, "%", "loss that begins at a hop, by pt-probe trace")              \
	X(far_mtu, 0, "bytes", "what fits through, by pt-probe mtu")                         \
	X(far_mtu_own, 0, "bytes", "what our device takes")                                  \
	X(far_hole, 0, "", "too big packets vanish without a word")                          \
	X(url_lookup_ms, 0, "ms", "until --url's name was known, by pt-probe http")          \
	X(url_connect_ms, 0, "ms", "from there to the connection")                           \
	X(url_tls_ms, 0, "ms", "from there to the end of the TLS handshake")                 \
	X(url_wait_ms, 0, "ms", "from there to the first byte")                              \
	X(url_total_ms, 0, "ms", "the whole")

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
// Whether a process of this name is one of Patronus' own; pt-tune, which asks, is not.
bool pt_process_is_ours(const char *comm);
