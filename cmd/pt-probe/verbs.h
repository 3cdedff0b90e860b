// SPDX-License-Identifier: MIT
// The verbs of pt-probe, one file each.
#pragma once
#include "base/addr.h"
#include "base/cli.h"
#include "probe/reflect_kernel.h"
#include "way.h"

extern const struct argp_option probe_ping_options[], probe_watch_options[],
	probe_reflect_options[], probe_mtu_options[], probe_trace_options[], probe_tcp_options[],
	probe_http_options[], probe_dns_options[];

struct probe_ping_opts {
	struct probe_way way;
	uint64_t count; // 0: until interrupted
	int64_t interval_ns, timeout_ns;
	uint32_t size;
	bool size_given;
	uint32_t ttl;        // 0: the protocol's usual one
	const char *file;    // of hosts
	uint32_t stamp_port; // 0: ICMP
	bool direction;
	const char *auth_key;
};

#define PROBE_REFLECT_MAX 64 // addresses to bind, prefixes to answer, devices

struct probe_reflect_opts {
	uint32_t port;
	const char *device;
	struct pt_addr bind[PROBE_REFLECT_MAX];
	uint32_t n_bind;
	struct pt_prefix allow[PROBE_REFLECT_MAX];
	uint32_t n_allow;
	uint64_t rate_pps, source_rate_pps;
	struct pt_reflect_device kernel[PROBE_REFLECT_MAX]; // whose requests the kernel answers
	uint32_t n_kernel;
	const char *spool;
	const char *auth_key;
};

struct probe_mtu_opts {
	struct probe_way way;
	uint32_t most, tries; // 0: the default
	int64_t timeout_ns;
};

struct probe_trace_opts {
	struct probe_way way;
	uint32_t hops, rounds; // 0: the default
	int64_t interval_ns, timeout_ns;
};

int probe_tcp_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_tcp(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_http_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_http(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_dns_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_dns(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_mtu_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_mtu(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_trace_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_trace(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_ping_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_ping(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_reflect_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_reflect(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_once(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int probe_watch_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int probe_watch(struct pt_ctx *ctx, int argc, char **argv, void *opts);

// SCHED_FIFO where the kernel lets us; says so with -v where not.
void probe_realtime(void);
// "HOST/pt-probe" and `part`, the `src` of records. Two that run for ever beside each other need
// different ones: readers tell new records from old by source and number.
void probe_source(char *out, size_t len, const char *part);
