// SPDX-License-Identifier: MIT
// Batches of datagrams out of a socket, and what the kernel says about each. For port.c.
#pragma once
#include <sys/socket.h>

#include "probe/port.h"

#define PT_PORT_HEADERS 68  // IPv4 header with all its options, and ICMP's
#define PT_PORT_QUOTE   128 // bytes of a refused packet that are looked at

struct pt_inbox_control {
	union {
		char bytes[256];
		struct cmsghdr align;
	};
};

struct pt_inbox {
	unsigned n;
	size_t size;   // of one buffer
	bool nameless; // the packets themselves say whom they are from
	struct mmsghdr *msg;
	struct iovec *iov;
	struct pt_inbox_control *control;
	union pt_inbox_peer {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} * peer;
	uint8_t *bytes;
};

// n messages of at least `size` bytes; keeps what is larger. -ENOMEM.
int pt_inbox_room(struct pt_inbox *b, unsigned n, size_t size);
void pt_inbox_done(struct pt_inbox *b);
// Messages read, or -errno. Never blocks.
int pt_inbox_read(struct pt_inbox *b, int fd, int flags);

// Peer, scope and port out of a message's address; nothing where there is none.
void pt_port_peer(const struct msghdr *m, struct pt_port_packet *out);
// Stamp and TTL; *dropped is the kernel's count where it tells.
void pt_port_control_read(struct msghdr *m, struct pt_port_packet *out, uint32_t *dropped);
// From the IP header, if there is one, which tells peer and TTL, to the ICMP header. False: not an
// answer to us.
bool pt_port_icmp_strip(bool raw, int family, uint16_t id, struct pt_port_packet *p);

// The kernel's extended error out of a message of the error queue, and whom it is from. False: none
// there.
struct sock_extended_err;
bool pt_port_extended(struct msghdr *m, struct sock_extended_err *ee, struct pt_addr *from);
// What an ICMP error means: -ETIME where the hops ran out, else -errno. 0: it is none.
int pt_port_refusal(const struct sock_extended_err *ee);

// An entry of the error queue: the stamp of packet `key`, or a refusal.
struct pt_port_error {
	bool stamp;
	uint32_t key;
	int64_t kernel_ns;
	int code;
	struct pt_addr from;
};
bool pt_port_error_read(struct msghdr *m, struct pt_port_error *out);
