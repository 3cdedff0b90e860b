// SPDX-License-Identifier: MIT
// Every rule has a case where it holds and one where it does not. A case names the values that the
// rule's condition may look at; the rest is not known.
#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "test.h"
#include "tune/expr.h"
#include "tune/rule.h"

static const struct rule_case {
	const char *id, *key;
	const char *holds;
	const char * not ; // NULL: it always holds
} rule_cases[] = {
	{ "SYS-COMMENT", "*", "sysctl=1,comment=1,number=1", "sysctl=1,comment=0,number=1" },
	{ "SYS-COMMENT-WORD", "*", "sysctl=1,comment=1,number=0", "sysctl=1,comment=0,number=0" },
	{ "SYS-SOCKBUF", "net.core.[rw]mem_default", "v0=16777216", "v0=212992" },
	{ "SYS-SOCKMAX", "net.core.[rw]mem_max", "v0=134217728,ram=8e9,c0=212992,bdp=1e7",
		"v0=16777216,ram=8e9,c0=212992,bdp=1e7" },
	{ "SYS-TCPBUF-ORDER", "net.ipv4.tcp_[rw]mem", "v0=4096,v1=2048,v2=8192",
		"v0=4096,v1=8192,v2=9000" },
	{ "SYS-TCPBUF", "net.ipv4.tcp_[rw]mem", "v0=4096,v1=87380,v2=134217728,c1=131072",
		"v0=4096,v1=131072,v2=8388608,c1=131072,c2=6291456,ram=8e9,bdp=1e7" },
	{ "SYS-TCPMEM", "net.ipv4.tcp_mem", "v0=1,v1=2,v2=134217728,page=4096,ram=8e9",
		"v0=90000,v1=120000,v2=180000,page=4096,ram=8e9" },
	{ "SYS-UDPRMEM", "net.ipv4.udp_rmem_min", "udp_mem_errors=0,v0=16384,c0=4096",
		"udp_mem_errors=7,v0=16384,c0=4096" },
	{ "SYS-UDPWMEM", "net.ipv4.udp_wmem_min", "v0=1", NULL },
	{ "SYS-CTMAX", "net.netfilter.nf_conntrack_max", "v0=1048576,ram=2e9",
		"v0=262144,ram=8e9" },
	{ "SYS-CTMODULE", "net.netfilter.*", "conntrack=0", "conntrack=1" },
	{ "SYS-CTBUCKETS", "net.netfilter.nf_conntrack_buckets",
		"v0=262144,p_net_netfilter_nf_conntrack_max=65536",
		"v0=262144,p_net_netfilter_nf_conntrack_max=1048576" },
	{ "SYS-CTTCP", "net.netfilter.nf_conntrack_tcp_timeout_established", "v0=3600",
		"v0=86400" },
	{ "SYS-CTKEEPALIVE", "net.netfilter.nf_conntrack_tcp_timeout_established",
		"v0=300,p_net_ipv4_tcp_keepalive_time=7200",
		"v0=86400,p_net_ipv4_tcp_keepalive_time=300" },
	{ "SYS-CTUDP", "net.netfilter.nf_conntrack_udp_timeout", "v0=300", "v0=30" },
	{ "SYS-CTSTREAM", "net.netfilter.nf_conntrack_udp_timeout_stream",
		"v0=20,p_wireguard_persistent_keepalive=25",
		"v0=180,p_wireguard_persistent_keepalive=25" },
	{ "SYS-CTLOOSE", "net.netfilter.nf_conntrack_tcp_loose", "v0=0,wans=2", "v0=1,wans=2" },
	{ "SYS-BACKLOG-IDLE", "net.core.netdev_max_backlog", "softnet_dropped=0,v0=50000,c0=1000",
		"softnet_dropped=9,v0=50000,c0=1000" },
	{ "SYS-BACKLOG", "net.core.netdev_max_backlog", "v0=50000", "v0=10000" },
	{ "SYS-BUDGET", "net.core.netdev_budget", "softnet_squeezed=0,v0=600,c0=300",
		"softnet_squeezed=3,v0=600,c0=300" },
	{ "SYS-BUDGETUS", "net.core.netdev_budget_usecs", "v0=8000,hz=1000", "v0=8000,hz=250" },
	{ "SYS-SOMAXCONN", "net.core.somaxconn", "listen_overflows=0,v0=65535,c0=4096",
		"listen_overflows=5,v0=65535,c0=4096" },
	{ "SYS-BBR", "net.ipv4.tcp_congestion_control", "is_bbr=1,bbr=0", "is_bbr=1,bbr=1" },
	{ "SYS-CCLOCAL", "net.ipv4.tcp_congestion_control", "v0=1", NULL },
	{ "SYS-FASTOPEN", "net.ipv4.tcp_fastopen", "v0=3", "v0=1" },
	{ "SYS-IDLE", "net.ipv4.tcp_slow_start_after_idle", "v0=0", "v0=1" },
	{ "SYS-TWREUSE", "net.ipv4.tcp_tw_reuse", "v0=1,tcp_timewait=10",
		"v0=1,tcp_timewait=20000" },
	{ "SYS-OFF", "net.ipv4.tcp_window_scaling", "v0=0", "v0=1" },
	{ "SYS-OFF", "net.ipv4.tcp_timestamps", "v0=0", "v0=1" },
	{ "SYS-OFF", "net.ipv4.tcp_sack", "v0=0", "v0=1" },
	{ "SYS-LOWLATENCY", "net.ipv4.tcp_low_latency", "v0=1", NULL },
	{ "SYS-METRICS", "net.ipv4.tcp_no_metrics_save", "v0=1", "v0=0" },
	{ "SYS-COOKIES", "net.ipv4.tcp_syncookies", "v0=0", "v0=1" },
	{ "SYS-SYNBACKLOG", "net.ipv4.tcp_max_syn_backlog", "p_net_ipv4_tcp_syncookies=1",
		"p_net_ipv4_tcp_syncookies=0" },
	{ "SYS-FORWARD", "net.ipv4.ip_forward", "v0=1,c0=0", "v0=1,c0=1" },
	{ "SYS-FORWARDTWICE", "net.ipv4.conf.*.forwarding", "p_net_ipv4_ip_forward=1,v0=1",
		"p_net_ipv4_ip_forward=0,v0=1" },
	{ "SYS-RPFILTER", "net.ipv4.conf.*.rp_filter", "v0=1,wans=2", "v0=2,wans=2" },
	{ "SYS-PORTS", "net.ipv4.ip_local_port_range", "uncovered=2", "uncovered=0" },
	{ "SYS-FILEMAX", "fs.file-max", "v0=2097152,c0=9223372036854775807",
		"v0=2097152,c0=100000" },
	{ "SYS-NEIGH", "net.ipv4.neigh.default.gc_thresh?", "neigh_fulls=0,v0=8192,c0=1024",
		"neigh_fulls=2,v0=8192,c0=1024" },
	{ "SYS-NEIGH6", "net.ipv6.neigh.default.gc_thresh?", "neigh6_fulls=0,v0=8192,c0=1024",
		"neigh6_fulls=2,v0=8192,c0=1024" },
	{ "SYS-NEIGHORDER", "net.ipv4.neigh.default.gc_thresh3",
		"v0=1,p_net_ipv4_neigh_default_gc_thresh2=4096",
		"v0=8192,p_net_ipv4_neigh_default_gc_thresh2=4096,p_net_ipv4_neigh_default_gc_"
		"thresh1=1024" },
	{ "SYS-ZRAM", "vm.swappiness", "v0=10,zram=1", "v0=10,zram=0" },
	{ "SYS-DIRTY", "vm.dirty_*ratio", "ram=64e9", "ram=8e9" },
	{ "SYS-DIRTYBLOCK", "vm.dirty_ratio", "v0=15", NULL },
	{ "SYS-BPFSTATS", "kernel.bpf_stats_enabled", "v0=1", "v0=0" },
	{ "SYS-JITDEBUG", "net.core.bpf_jit_enable", "v0=2", "v0=1" },
	{ "SYS-JITON", "net.core.bpf_jit_enable", "v0=1,c0=1", "v0=1,c0=0" },
	{ "SYS-JITHARDEN", "net.core.bpf_jit_harden", "v0=0,c0=2", "v0=1,c0=0" },
	{ "SYS-JITSPRAY", "net.core.bpf_jit_harden", "v0=0,unpriv_bpf=1", "v0=0,unpriv_bpf=0" },
	{ "SYS-KALLSYMS", "net.core.bpf_jit_kallsyms", "v0=1", "v0=0" },
	{ "SYS-JITLIMIT", "net.core.bpf_jit_limit", "v0=268435456,c0=528482304",
		"v0=268435456,c0=100000000" },
	{ "SYS-QDISCROUTER", "net.core.default_qdisc", "is_fq=1,router=1", "is_fq=1,router=0" },
	{ "SYS-RFS", "net.core.rps_sock_flow_entries", "v0=32768,router=1", "v0=32768,router=0" },
	{ "NIC-RINGMAX", "nic.rings.*", "v0=4096,max=256", "v0=4096,max=8192" },
	{ "NIC-RINGLATENCY", "nic.rings.*", "v0=4096,rx_missed=0", "v0=4096,rx_missed=12" },
	{ "NIC-UNSUPPORTED", "nic.*", "there=0", "there=1" },
	{ "NIC-FIXED", "nic.features.*", "fixed=1,v0=1,c0=0", "fixed=0,v0=1,c0=0" },
	{ "NIC-LRO", "nic.features.lro", "v0=1,router=1", "v0=1,router=0" },
	{ "NIC-COALBOTH", "nic.coalesce.?x-usecs", "p_nic_coalesce_adaptive_rx=1",
		"p_nic_coalesce_adaptive_rx=0" },
	{ "NIC-COALESCE", "nic.coalesce.rx-usecs", "v0=50", "v0=16" },
	{ "NIC-CHANNELS", "nic.channels.*", "v0=16,max=8", "v0=2,max=8,cpus=4" },
	{ "NIC-CHANNELWIPE", "nic.channels.*", "v0=4,c0=8", "v0=8,c0=8" },
	{ "NIC-RPSMASK", "nic.rps", "mask_cpus=12,cpus=4", "mask_cpus=4,cpus=4" },
	{ "NIC-RPSQUEUES", "nic.rps", "queues=4,cpus=4", "queues=1,cpus=4" },
	{ "NIC-RFS", "nic.rps_flow_cnt", "router=1", "router=0" },
	{ "NIC-GROLIST", "nic.features.rx-udp-gro-forwarding", "v0=1,p_nic_features_rx_gro_list=1",
		"v0=1,p_nic_features_rx_gro_list=0" },
	{ "NIC-WGMTU", "wireguard.mtu", "v0=1420", "v0=1440" },
	{ "WG-MTU", "wireguard.mtu", "v0=1440,max=1420", "v0=1420,max=1420" },
	{ "WG-KEEPALIVE", "wireguard.persistent_keepalive", "v0=60", "v0=25" },
	{ "WG-NOKEEPALIVE", "wireguard.persistent_keepalive", "v0=0", "v0=25" },
	{ "NIC-WGMTU6", "wireguard.mtu", "v0=1200", "v0=1420" },
	{ "LACK-RPFILTER", "net.ipv4.conf.all.rp_filter", "wans=2,p_net_ipv4_ip_forward=1",
		"wans=1,p_net_ipv4_ip_forward=1" },
	{ "LACK-IPV6", "net.ipv6.conf.all.forwarding", "p_net_ipv4_ip_forward=1",
		"p_net_ipv4_ip_forward=0" },
	{ "LACK-REDIRECTS", "net.ipv4.conf.all.accept_redirects", "p_net_ipv4_ip_forward=1",
		"p_net_ipv4_ip_forward=0" },
	{ "LACK-SENDREDIRECTS", "net.ipv4.conf.all.send_redirects",
		"p_net_ipv4_ip_forward=1,wans=2", "p_net_ipv4_ip_forward=1,wans=1" },
	{ "LACK-SOMAXCONN", "net.core.somaxconn", "p_net_ipv4_tcp_max_syn_backlog=8192",
		"p_net_ipv4_tcp_max_syn_backlog=0" },
	{ "LACK-RESERVED", "net.ipv4.ip_local_reserved_ports",
		"p_net_ipv4_ip_local_port_range=10000", "p_net_ipv4_ip_local_port_range=32768" },
	{ "LACK-MTUPROBING", "net.ipv4.tcp_mtu_probing", "p_wireguard_mtu=1420",
		"p_wireguard_mtu=0" },
	{ "LACK-NEIGH6", "net.ipv6.neigh.default.gc_thresh3",
		"p_net_ipv4_neigh_default_gc_thresh3=8192",
		"p_net_ipv4_neigh_default_gc_thresh3=0" },
	{ "LACK-STREAM", "net.netfilter.nf_conntrack_udp_timeout_stream",
		"p_net_netfilter_nf_conntrack_udp_timeout=300",
		"p_net_netfilter_nf_conntrack_udp_timeout=0" },
	{ "LACK-UDPGRO", "nic.features.rx-udp-gro-forwarding", "p_nic_features_gro=1,router=1",
		"p_nic_features_gro=1,router=0" },
	{ "LACK-QUANTUM", "qos.quantum", "p_qos_rate=1000000000", "p_qos_rate=0" },
	{ "QOS-RATE", "qos.rate", "v0=1000000000,uplink=1000", "v0=950000000,uplink=1000" },
	{ "QOS-FOREIGN", "qos.*", "fixed=1", "fixed=0" },
	{ "QOS-NOLEAF", "qos.leaf", "there=0", "there=1" },
	{ "QOS-UNKNOWN", "qos.rate", "uplink_known=0", "uplink_known=1" },
	{ "QOS-HTBLOCK", "qos.rate", "v0=10000000000", "v0=1000000000" },
	{ "QOS-DEFAULT", "qos.default", "is_30=1", "is_30=0,is_bulk=0" },
	{ "QOS-QUANTUM", "qos.quantum", "v0=200000", "v0=15140" },
	{ "QOS-LEAF", "qos.leaf", "is_sfq=1", "is_sfq=0" },
	{ "QOS-WINDOW", "qos.replace", "is_del_add=1", "is_del_add=0" },
	{ "QOS-MATCH", "qos.match", "is_u32_dport=1", "is_u32_dport=0" },
	{ "MARK-EF", "marking.wireguard", "is_ef=1", "is_ef=0" },
	{ "MARK-ICMP", "marking.icmp", "is_ef=1", "is_ef=0" },
	{ "MARK-RULES", "marking.backend", "is_iptables_append=1", "is_iptables_append=0" },
	{ "MARK-BACKEND", "marking.backend", "is_iptables_append=0,is_nft=0",
		"is_iptables_append=0,is_nft=1" },
	{ "MARK-FOREIGN", "marking.*", "fixed=1", "fixed=0" },
	{ "MARK-PROBES", "marking.probes", "is_be=1,is_le=0,is_cs1=0", "is_be=0,is_le=0,is_cs1=0" },
	{ "MARK-CS7", "marking.*", "is_cs7=1", "is_cs7=0" },
	{ "MARK-LIMIT", "marking.icmp_limit", "v0=5000", "v0=100" },
	{ "UNIT-ABSENT", "limits.*", "there=0", "there=1" },
	{ "UNIT-ABSENT", "unit.*", "there=0", "there=1" },
	{ "UNIT-STAGES", "limits.*", "oneshot=1", "oneshot=0" },
	{ "UNIT-STAGES", "unit.*", "oneshot=1", "oneshot=0" },
	{ "UNIT-NUMAPOLICY", "unit.numa",
		"numa_nodes=2,has_preferred=0,has_bind=0,has_interleave=0,is_local=0,is_default=0",
		"numa_nodes=2,has_preferred=1,has_bind=0,has_interleave=0,is_local=0,is_default="
		"0" },
	{ "LIM-PAM", "limits.nofile", "systemd=1", "systemd=0" },
	{ "LIM-NROPEN", "limits.nofile", "v0=2000000,nr_open=1048576",
		"v0=1048576,nr_open=1048576" },
	{ "LIM-NPROC", "limits.nproc", "systemd=1", "systemd=0" },
	{ "LIM-MEMLOCK", "limits.memlock", "kernel=5015", "kernel=5010" },
	{ "ENV-THREADS", "unit.env.TOKIO_WORKER_THREADS", "v0=8,cpus=2", "v0=8,cpus=8" },
	{ "ENV-COMMENT", "unit.env.*", "comment=1", "comment=0" },
	{ "ENV-BACKTRACE", "unit.env.RUST_BACKTRACE", "v0=0", "v0=1" },
	{ "ENV-JEMALLOC", "unit.env.LD_PRELOAD", "jemalloc=0", "jemalloc=1" },
	{ "ENV-JEPATH", "unit.env.LD_PRELOAD", "has_x86_64=1", "has_x86_64=0" },
	{ "ENV-PROF", "unit.env.MALLOC_CONF", "has_prof_true=1", "has_prof_true=0" },
	{ "UNIT-NUMA", "unit.numa", "numa_nodes=1", "numa_nodes=2" },
	{ "UNIT-MEMBIND", "unit.numa", "is_membind_0=1,numa_nodes=2",
		"is_membind_0=0,numa_nodes=2" },
	{ "UNIT-RELOAD", "unit.reload", "reload=0", "reload=1" },
	{ "PERSIST-IFUP", "persist.nic", "is_if_up_d=1,ifupdown=0", "is_if_up_d=1,ifupdown=1" },
	{ "PERSIST-ORDER", "persist.sysctl", "has_99_=1,sysctl_conf_shadows=1",
		"has_99_=1,sysctl_conf_shadows=0" },
	{ "APP-WORKERS", "config.*.workers", "v0=16,cpus=4", "v0=8,cpus=8" },
	{ "APP-DETECTION", "config.failover.detection_interval_secs", "v0=5", "v0=0" },
	{ "APP-ALERT", "config.alert.path_selection_us", "v0=500", "v0=50" },
	{ "APP-MEMORY", "host.memory_per_site", "v0=4096", "v0=1024" },
	{ "APP-CRYPTO", "host.crypto", "is_aes_ni=1", "is_aes_ni=0" },
	{ "CLAIM-MTU", "claim.mtu_search", "is_ping_loop=1", "is_ping_loop=0" },
	{ "CLAIM-ULIMIT", "claim.limits_check", "is_su_ulimit=1", "is_su_ulimit=0" },
	{ "CLAIM-JEMALLOC", "claim.jemalloc_check", "is_status_grep=1", "is_status_grep=0" },
	{ "CLAIM-MAPS", "claim.ebpf_map_sizes", "is_sysctl=1", "is_sysctl=0" },
	{ "CLAIM-SHARDS", "claim.very_large", "is_prose=1", "is_prose=0" },
	{ "DB-CONNECTION", "sqlite.apply", "is_shell=1", "is_shell=0" },
	{ "DB-CACHE", "sqlite.cache_size", "v0=-131072,p_sqlite_connection_pool_size=64,ram=16e9",
		"v0=-16384,p_sqlite_connection_pool_size=8,ram=4e9" },
	{ "DB-PAGESIZE", "sqlite.page_size", "db_wal=1,v0=8192,db_page_size=4096",
		"db_wal=1,v0=4096,db_page_size=4096" },
	{ "DB-VACUUM", "sqlite.auto_vacuum", "is_incremental=1,db_auto_vacuum=0",
		"is_incremental=1,db_auto_vacuum=2" },
	{ "DB-BUSY", "sqlite.busy_timeout_ms", "v0=5000", "v0=500" },
	{ "DB-STOP", "sqlite.maintenance", "is_cron_stop=1", "is_cron_stop=0" },
	{ "DB-DEBUG", "sqlite.query_log", "is_vdbe_debug=1", "is_vdbe_debug=0" },
};

// "v0=1,ram=8e9"
static bool lookup(void *ctx, const char *name, double *out)
{
	size_t len = strlen(name);

	*out = NAN;
	for (const char *p = ctx; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			*out = strtod(p + len + 1, NULL);
	}
	return true;
}

static bool judge(const struct pt_rule *r, const char *values)
{
	pt_autofree char *copy = strdup(values);
	struct pt_err err = { 0 };
	bool holds = false;

	if (pt_expr_holds(r->when, lookup, copy, &holds, &err) < 0)
		T_FAIL("%s: %s", r->id, err.msg);
	return holds;
}

static const struct rule_case *case_of(const struct pt_rule *r)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(rule_cases); i++) {
		if (strcmp(rule_cases[i].id, r->id) == 0 && strcmp(rule_cases[i].key, r->key) == 0)
			return &rule_cases[i];
	}
	return NULL;
}

static void check_table(const struct pt_rule_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct pt_rule *r = &t->rows[i];
		const struct rule_case *c = case_of(r);
		if (!c) {
			T_FAIL("%s %s has no case", r->id, r->key);
			continue;
		}
		if (!judge(r, c->holds))
			T_FAIL("%s does not hold with %s", r->id, c->holds);
		if (c->not &&judge(r, c->not ))
			T_FAIL("%s holds with %s", r->id, c->not );
		if (!c->not &&strcmp(r->when, "1") != 0)
			T_FAIL("%s has a condition and no case against it", r->id);
	}
}

static void every_rule(void)
{
	for (const struct pt_rule_table *const *t = pt_rule_tables; *t; t++)
		check_table(*t);
	check_table(&pt_rules_lack);
}

// The names in conditions and corrections are the program's, not only this test's.
static void names_are_known(void)
{
	const struct pt_knob *k = pt_knob_find("net.ipv4.tcp_rmem");
	struct pt_facts none;
	struct pt_case c;

	for (int i = 0; i < PT_FACT_COUNT; i++)
		none.value[i] = NAN;
	pt_case_init(&c, k, &none);
	for (const struct pt_rule_table *const *t = pt_rule_tables; *t; t++) {
		for (size_t i = 0; i < (*t)->n; i++) {
			const struct pt_rule *r = &(*t)->rows[i];
			struct pt_err err = { 0 };
			char out[PT_KNOB_VALUE];
			bool holds;
			if (pt_expr_holds(r->when, pt_case_lookup, &c, &holds, &err) < 0)
				T_FAIL("%s: %s", r->id, err.msg);
			if (r->want && *r->want != '=') {
				int rc = pt_case_value(&c, r->want, out, &err);
				if (rc != 0 && rc != -ENODATA)
					T_FAIL("%s: %s", r->id, err.msg);
			}
			if (r->verdict == PT_VERDICT_ADAPT && !r->want)
				T_FAIL("%s adapts to nothing", r->id);
		}
	}
}

// Each knob that rules name by its key exists.
static void keys_are_known(void)
{
	for (const struct pt_rule_table *const *t = pt_rule_tables; *t; t++) {
		for (size_t i = 0; i < (*t)->n; i++) {
			const char *key = (*t)->rows[i].key;
			if (!strpbrk(key, "*?[") && !pt_knob_find(key))
				T_FAIL("%s: no knob is called %s", (*t)->rows[i].id, key);
		}
	}
}

static void corrections(void)
{
	static const struct {
		const char *key, *asked, *current, *expr, *want;
	} rows[] = {
		{ "net.ipv4.tcp_rmem", "4096 87380 134217728", "4096 131072 6291456",
			"keep;keep;clamp(2*bdp, c2, max(c2, ram/128))", "4096 131072 20000000" },
		{ "net.core.default_qdisc", "fq", "pfifo_fast", "=fq_codel", "fq_codel" },
		{ "nic.rps", "fff", "0", "rps_mask", "f" },
		{ "fs.file-max", "2097152", "9223372036854775807", "keep", "9223372036854775807" },
		{ "net.core.netdev_budget_usecs", "8000", "8000", "round(2000000/hz)", "2000" },
	};
	struct pt_facts f;

	for (int i = 0; i < PT_FACT_COUNT; i++)
		f.value[i] = NAN;
	f.value[PT_FACT_bdp] = 1e7;
	f.value[PT_FACT_ram] = 8e9;
	f.value[PT_FACT_cpus] = 4;
	f.value[PT_FACT_hz] = 1000;
	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		struct pt_case c;
		struct pt_err err = { 0 };
		char out[PT_KNOB_VALUE] = "";
		pt_case_init(&c, pt_knob_find(rows[i].key), &f);
		pt_case_ask(&c, rows[i].asked);
		pt_case_current(&c, rows[i].current);
		if (pt_case_value(&c, rows[i].expr, out, &err) < 0)
			T_FAIL("%s: %s", rows[i].key, err.msg);
		T_STR(out, rows[i].want);
	}
}

T_MAIN({ "every rule has a case for it and one against it", every_rule },
	{ "every name that rules use is known", names_are_known },
	{ "every key that rules name is in the catalogue", keys_are_known },
	{ "corrected values", corrections })
