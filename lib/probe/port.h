// SPDX-License-Identifier: MIT
// A datagram socket that many streams share: what they queue leaves by one sendmmsg(2), what
// arrived is read by recvmmsg(2), and both carry the kernel's time stamps. It never gives up: when
// its device was made anew, or a socket could not be opened, it opens another, once a second.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"

#define PT_PORT_BATCH       128 // packets a system call
#define PT_PORT_MAX_PAYLOAD 65000u

enum pt_port_kind { PT_PORT_UDP, PT_PORT_ICMP };

// Streams share a port when all of these are the same.
struct pt_port_opts {
	enum pt_port_kind kind;
	int family;
	const char *device;    // NULL: as routed
	struct pt_addr source; // family 0: as routed
	uint32_t mark;         // 0: none
	uint8_t ttl;
	bool icmp_errors; // report what routers say about our packets
	// Packets fit through any path (RFC 791: 576 bytes): they need no fragments, so the kernel
	// need not number them, which costs as much as much of the rest of sending.
	bool small;
};
#define PT_PORT_SMALL 500 // bytes that are small for sure

struct pt_port_dest {
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	socklen_t len;
	uint8_t dscp;
};
// port: of UDP, else 0; scope: interface index of a link-local address.
void pt_port_dest_set(
	struct pt_port_dest *d, const struct pt_addr *to, uint16_t port, uint32_t scope);

// A packet that arrived, or what is left in it of one of ours that a router or the target refused.
struct pt_port_packet {
	uint8_t *data; // ICMP: from the ICMP header on
	size_t len;
	struct pt_addr peer; // who sent it; of a refused one: where it went
	uint32_t scope;
	uint16_t port;
	int ttl;               // -1: unknown
	int64_t kernel_ns;     // arrival, CLOCK_REALTIME; 0: unknown
	struct pt_mono at;     // when we read it
	int64_t real_ns;       // the same moment, CLOCK_REALTIME
	int code;              // refused: what it amounts to, -errno; -ETIME: hops ran out
	struct pt_addr router; // refused: who says so
};

struct pt_port;

// Answers that come back from a port. `owner` and `tag` are those of pt_port_queue.
struct pt_port_ops {
	// The packet's turn comes soon: fetch what it will need (probe/ahead.h).
	void (*soon)(
		void *ctx, struct pt_port *port, const struct pt_port_packet *p, unsigned stage);
	void (*packet)(void *ctx, struct pt_port *port, const struct pt_port_packet *p);
	void (*refused)(void *ctx, struct pt_port *port, const struct pt_port_packet *p);
	void (*stamped)(void *owner, uint32_t tag, int64_t kernel_ns); // when it left
	void (*unsent)(void *owner, uint32_t tag, int code);           // -errno
};

struct pt_port_counters {
	uint64_t opened;    // sockets
	uint64_t truncated; // packets longer than any that was sent
	uint64_t overflown; // packets that the kernel dropped because nobody read them in time
};

// device is copied. Nothing is registered with the loop before pt_port_listen.
int pt_port_new(const struct pt_port_opts *o, struct pt_loop *loop, const struct pt_port_ops *ops,
	void *ctx, struct pt_port **out);
// The error names the capability or device that is missing.
int pt_port_open(struct pt_port *p, struct pt_err *err);
void pt_port_free(struct pt_port *p);
bool pt_port_same(const struct pt_port *p, const struct pt_port_opts *o);

// Whether packets are read as soon as they arrive, or by pt_port_drain alone.
int pt_port_listen(struct pt_port *p, bool on);
// Packets up to this length will be sent and received: call it before them, and not out of a
// callback.
int pt_port_room(struct pt_port *p, size_t len);

// Where the next packet is to be written; NULL: the queue is full and this was called out of a
// flush.
uint8_t *pt_port_compose(struct pt_port *p);
// Queues what was composed, until pt_port_flush; a full queue is flushed. Where there is no socket,
// why it could not be opened; that is tried again by pt_port_look.
int pt_port_queue(
	struct pt_port *p, const struct pt_port_dest *to, size_t len, void *owner, uint32_t tag);
bool pt_port_flush(struct pt_port *p); // false: there was nothing to do
// Reads what there is: stamps first, then packets. True: it is empty now. False: there is more than
// a fair share, or this was called out of a callback of its own.
bool pt_port_drain(struct pt_port *p);
// Reads stamps alone; allowed in callbacks.
void pt_port_stamps(struct pt_port *p);
// Once a second or so: opens a socket where there is none or its device was made anew.
void pt_port_look(struct pt_port *p);
// Forgets an owner that goes: no callback names it any more.
void pt_port_forget(struct pt_port *p, const void *owner);

enum pt_port_kind pt_port_kind(const struct pt_port *p);
// Of an open port of UDP: the device that it is bound to and the port that it sends from.
// -ENOTCONN.
int pt_port_local(const struct pt_port *p, unsigned *ifindex, uint16_t *port);
bool pt_port_stamps_sent(const struct pt_port *p); // the kernel stamps what leaves
uint16_t pt_port_icmp_id(const struct pt_port *p); // of our echo requests
const struct pt_port_counters *pt_port_counters(const struct pt_port *p);
