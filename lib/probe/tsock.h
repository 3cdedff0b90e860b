// SPDX-License-Identifier: MIT
// A connected datagram socket to one target, with the kernel's own time stamps of what leaves and
// arrives (SO_TIMESTAMPING, software), so that a measured delay excludes our scheduling.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

enum pt_tsock_kind { PT_TSOCK_UDP, PT_TSOCK_ICMP };

struct pt_tsock_opts {
	enum pt_tsock_kind kind;
	struct pt_addr target;
	uint32_t scope;     // interface index of a link-local target
	uint16_t port;      // UDP
	const char *device; // NULL: as routed
	uint8_t dscp, ttl;
	bool icmp_errors; // report what routers say about our packets
};

struct pt_tsock {
	int fd; // -1: closed
	int family;
	bool raw;                  // ICMP by SOCK_RAW: IPv4 packets arrive with their IP header
	bool rx_kernel, tx_kernel; // stamps that the kernel agreed to
	uint32_t tx_key;           // kernel's number of the next packet
};

// What arrived, and when. Stamps are CLOCK_REALTIME in ns, 0 where the kernel gave none.
struct pt_tsock_rx {
	int64_t kernel_ns;
	int ttl; // -1: unknown
};

enum pt_tsock_event_kind { PT_TSOCK_EVENT_TX, PT_TSOCK_EVENT_ICMP };
struct pt_tsock_event {
	enum pt_tsock_event_kind kind;
	uint32_t tx_key; // TX: which packet left, and when
	int64_t kernel_ns;
	int code; // ICMP: what it amounts to, -errno; -ETIME: hops ran out
	struct pt_addr from;
};

// The socket is non-blocking. The error names the capability that is missing.
int pt_tsock_open(const struct pt_tsock_opts *o, struct pt_tsock *out, struct pt_err *err);
void pt_tsock_close(struct pt_tsock *s);

// *key: what the TX event of this packet will carry. A fault kept by the kernel for an earlier
// packet is retried once.
int pt_tsock_send(struct pt_tsock *s, const void *buf, size_t len, uint32_t *key);
// Bytes received; -EAGAIN: nothing there; -EMSGSIZE: longer than the buffer (dropped).
ssize_t pt_tsock_recv(struct pt_tsock *s, void *buf, size_t size, struct pt_tsock_rx *out);
// Next entry of the error queue, or -EAGAIN.
int pt_tsock_event(struct pt_tsock *s, struct pt_tsock_event *out);

// Applies SO_TIMESTAMPING; false when the kernel refuses.
bool pt_tsock_stamp(int fd, unsigned flags);
struct msghdr;
// The kernel's receive stamp out of a control message, or 0.
int64_t pt_tsock_stamp_ns(struct msghdr *m);
