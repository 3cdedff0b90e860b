// SPDX-License-Identifier: MIT
// The baseline: what a good routing daemon does today. A user-space process of its own (here a
// real-time thread) sends an echo request every interval over one WAN; when none has been answered
// for `threshold` intervals (as BFD, RFC 5880 section 6.8.4), it moves the kernel's route.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"

struct pt_daemon_opts {
	const char *netns, *device; // to watch from
	struct pt_addr target;      // IPv4, answers echo requests
	int64_t interval_ns;
	unsigned threshold;
	struct pt_prefix (*prefix)(unsigned n); // whose routes move, n < prefixes
	unsigned prefixes;
	struct pt_addr first, second;
};

struct pt_daemon;

int pt_daemon_new(const struct pt_daemon_opts *o, struct pt_daemon **out, struct pt_err *err);
void pt_daemon_free(struct pt_daemon *d);

struct pt_daemon_verdict {
	struct pt_mono decided, committed; // 0: it has not moved the route
	int error;                         // -errno of the route change
};
struct pt_daemon_verdict pt_daemon_verdict(const struct pt_daemon *d);
// True once the target answers; then pt_daemon_rearm moves the route back to `first` and watches
// on.
bool pt_daemon_alive(const struct pt_daemon *d);
int pt_daemon_rearm(struct pt_daemon *d, struct pt_err *err);
