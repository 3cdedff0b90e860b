// SPDX-License-Identifier: MIT
// ICMP echoes of any size and reach, one by one, and what becomes of each: the target's answer, or
// what our host or a router says against it. Packets are never fragmented and ignore what the
// kernel believes about the path's MTU. For mtu.c and trace.c.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"

struct pt_echo_opts {
	struct pt_addr target;
	uint32_t scope;        // interface index of a link-local target
	const char *device;    // NULL: as routed
	struct pt_addr source; // family 0: as routed
	uint32_t mark;         // 0: none
	uint8_t dscp;
};

struct pt_echo;

struct pt_echo_news {
	uint16_t seq;
	int code;            // 0: answered; -ETIME: hops ran out; -EMSGSIZE; another refusal
	uint32_t mtu;        // with -EMSGSIZE: of the link it did not fit; 0: not told
	struct pt_addr from; // who says so
	int64_t rtt_ns;      // arrivals by the kernel's stamp, where it has one
};

// The error names the capability or device that is missing.
int pt_echo_new(const struct pt_echo_opts *o, struct pt_echo **out, struct pt_err *err);
void pt_echo_free(struct pt_echo *e);
// size: bytes of the IP packet; ttl 0: the kernel's. -EMSGSIZE: does not fit the device, see below.
int pt_echo_send(struct pt_echo *e, uint16_t seq, uint32_t size, uint8_t ttl);
// 1: news of a probe that had none before; 0: none until then. -errno.
int pt_echo_wait(struct pt_echo *e, struct pt_mono until, struct pt_echo_news *out);

// Bytes of the shortest echo, and of the longest IP packet.
uint32_t pt_echo_least(int family);
#define PT_ECHO_MOST 65535u
// MTU of the device that packets to the target leave by, at most PT_ECHO_MOST.
int pt_echo_device_mtu(struct pt_echo *e, uint32_t *out);
