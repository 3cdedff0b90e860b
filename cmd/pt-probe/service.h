// SPDX-License-Identifier: MIT
// What pt-probe tcp, http and dns share: asking one service again and again, and telling about it.
#pragma once
#include "probe/service.h"
#include "verbs.h"

#define PROBE_STATUS_MAX 32 // ranges of --status

struct probe_service_opts {
	struct probe_way way;
	uint64_t count; // 0: until interrupted
	int64_t interval_ns, timeout_ns;
	uint32_t port;
	bool open;                                     // tcp
	struct pt_port_range status[PROBE_STATUS_MAX]; // http
	uint32_t n_status, cert_days;
	const char *body, *ca_file, *address;
	bool insecure;
	uint16_t type; // dns; 0: A
	unsigned rcode;
	const char *answer;
};

// The options of one verb, and what of its arguments and options goes into so.
int probe_service_run(struct pt_ctx *ctx, const struct probe_service_opts *o,
	const struct pt_service_opts *so, const char *asked);
