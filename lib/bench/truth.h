// SPDX-License-Identifier: MIT
// An independent clock of echo requests and their answers: programs at tc egress and ingress of a
// device stamp each, by sequence number. IPv4, no VLAN; one stream at a time, or, by_host, a probe
// to each of many hosts, by the low 16 bits of their addresses.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_truth;

// On a device of the calling thread's network namespace.
int pt_truth_new(uint32_t ifindex, bool by_host, struct pt_truth **out, struct pt_err *err);
void pt_truth_free(struct pt_truth *t);
void pt_truth_reset(struct pt_truth *t);
// CLOCK_MONOTONIC of request and first answer; false: one of them was not seen.
bool pt_truth_times(
	const struct pt_truth *t, uint16_t number, uint64_t *left_ns, uint64_t *came_ns);
// Between them, or -1.
int64_t pt_truth_rtt_ns(const struct pt_truth *t, uint16_t number);
