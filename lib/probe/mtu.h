// SPDX-License-Identifier: MIT
// The path MTU by search (RFC 8899): a size counts when an echo of that size was answered, whatever
// routers say; what they say (RFC 1191, RFC 8201) shortens the search. So it is right where ICMP is
// filtered, too. Echoes come back at their size: the result holds for both ways.
#pragma once
#include "probe/echo.h"

struct pt_mtu_opts {
	struct pt_echo_opts echo;
	uint32_t most;  // bytes; 0: the device's MTU
	unsigned tries; // probes of a size that must stay unanswered before it counts as too big
	int64_t timeout_ns; // of one; less once the round trip is known
	// What became of a size, for people; may be NULL.
	void (*told)(void *ctx, uint32_t size, const struct pt_echo_news *news);
	void *ctx;
};

struct pt_mtu_result {
	uint32_t mtu;           // bytes of IP packet that pass
	uint32_t device_mtu;    // of our own device
	bool black_hole;        // too big ones vanish without a word
	struct pt_addr told_by; // the last router that said how much fits; family 0: none
	unsigned probes, lost;
	int64_t rtt_ns; // of the smallest
};

// -ETIMEDOUT: not even the smallest size is answered, or no longer. Other refusals as they come.
int pt_mtu_search(const struct pt_mtu_opts *o, struct pt_mtu_result *out, struct pt_err *err);
