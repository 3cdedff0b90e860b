// SPDX-License-Identifier: MIT
#include "probe/bfd_link.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FIRST_PORT 49152 // RFC 5881 section 4: the source port is one of these
#define PORTS      16384
#define PORT_TRIES 64
#define PRIORITY   7 // TC_PRIO_CONTROL
#define FAREWELLS  3 // copies, for one may be lost and none is answered
#define SMALL      2048

// ---- the socket ----

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int set_dscp(const struct pt_bfd_link *l, int fd)
{
	int code = l->o.target.family == AF_INET6
		? set_int(fd, SOL_IPV6, IPV6_TCLASS, l->o.dscp << 2)
		: set_int(fd, SOL_IP, IP_TOS, l->o.dscp << 2);

	(void)set_int(fd, SOL_SOCKET, SO_PRIORITY, PRIORITY); // TOS has set it: needs its turn
	return code;
}

static int set_options(const struct pt_bfd_link *l, int fd)
{
	bool v6 = l->o.target.family == AF_INET6;
	int code = v6 ? set_int(fd, SOL_IPV6, IPV6_UNICAST_HOPS, PT_BFD_TTL)
		      : set_int(fd, SOL_IP, IP_TTL, PT_BFD_TTL);

	if (!code)
		code = set_dscp(l, fd);
	if (v6)
		(void)set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, SMALL); // nobody answers to this port
	return code;
}

// Any port of the range that is free; the session keeps it.
static int bind_port(struct pt_bfd_link *l, int fd)
{
	const struct pt_addr any = { .family = l->o.target.family };
	struct sockaddr_storage ss;
	int code = -EADDRINUSE;

	for (int i = 0; code == -EADDRINUSE && i < PORT_TRIES; i++) {
		uint32_t random = (uint32_t)pt_noise_u64(&l->hub->noise);
		socklen_t len = pt_addr_sockaddr(
			&any, (uint16_t)(FIRST_PORT + random % PORTS), &ss);
		code = bind(fd, (const struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
	}
	return code;
}

static int open_socket(struct pt_bfd_link *l)
{
	pt_autofd fd = socket(l->o.target.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->o.device,
		    (socklen_t)strlen(l->o.device) + 1))
		return -errno;
	int code = set_options(l, fd);
	if (!code)
		code = bind_port(l, fd);
	if (code)
		return code;
	l->ifindex = if_nametoindex(l->o.device);
	l->fd = pt_take_fd(&fd);
	return 0;
}

static void close_socket(struct pt_bfd_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void pt_bfd_link_look(struct pt_bfd_link *l)
{
	unsigned ifindex = if_nametoindex(l->o.device);

	if (l->fd >= 0 && (ifindex == l->ifindex || !ifindex))
		return;
	close_socket(l);
	l->fault = open_socket(l);
}

static int transmit(const struct pt_bfd_link *l, const void *packet)
{
	struct sockaddr_storage ss;
	socklen_t len = pt_addr_sockaddr(&l->o.target, l->ear->port, &ss);

	if (l->fd < 0)
		return l->fault;
	if (l->o.target.family == AF_INET6) {
		struct sockaddr_in6 to;
		memcpy(&to, &ss, sizeof(to));
		to.sin6_scope_id = l->ifindex; // heeded for link-local targets alone
		memcpy(&ss, &to, sizeof(to));
	}
	return sendto(l->fd, packet, PT_BFD_LEN, 0, (const struct sockaddr *)&ss, len) < 0 ? -errno
											   : 0;
}

// A packet that cannot leave counts as sent: its time has passed, and the next has its own.
static void send_packet(struct pt_bfd_link *l, bool final)
{
	struct pt_bfd_control c;
	uint8_t packet[PT_BFD_LEN];

	pt_bfd_compose(&l->b, final, &c);
	(void)pt_bfd_write(&c, packet, sizeof(packet)); // it has room
	pt_bfd_sent(&l->b, final, pt_mono_now(), pt_noise_u64(&l->hub->noise));
	l->fault = transmit(l, packet);
	if (l->fault)
		l->hub->n.unsent++;
	else
		l->hub->n.sent++;
}

// ---- time ----

static struct pt_mono next_due(const struct pt_bfd *b)
{
	struct pt_mono tx = pt_bfd_tx_due(b), rx = pt_bfd_rx_due(b);

	return !tx.ns || (rx.ns && rx.ns < tx.ns) ? rx : tx;
}

// A timer that fires too early is set anew then, which is cheaper than setting it for each packet.
static void arm(struct pt_bfd_link *l)
{
	struct pt_mono due = next_due(&l->b);

	if (!due.ns || (l->armed.ns && l->armed.ns <= due.ns))
		return;
	l->armed = due;
	(void)pt_loop_timer_set(l->timer, due, 0); // a valid time
}

// After whatever may have changed the session.
static void settle(struct pt_bfd_link *l, enum pt_bfd_state was)
{
	struct pt_mono due = pt_bfd_tx_due(&l->b);

	if (due.ns && due.ns <= pt_mono_now().ns)
		send_packet(l, false);
	arm(l);
	if (l->b.state != was)
		l->fn(l->ctx, &l->b, was);
}

static void on_timer(void *ctx, uint64_t expirations)
{
	struct pt_bfd_link *l = ctx;
	enum pt_bfd_state was;
	struct pt_mono due = pt_bfd_rx_due(&l->b);

	(void)expirations;
	l->armed.ns = 0;
	if (due.ns && due.ns <= pt_mono_now().ns)
		pt_bfd_ear_read(l->ear);
	was = l->b.state;
	(void)pt_bfd_expire(&l->b, pt_mono_now()); // its effect is in the state
	settle(l, was);
}

void pt_bfd_link_hear(struct pt_bfd_link *l, const struct pt_bfd_control *c)
{
	enum pt_bfd_state was = l->b.state;

	if (pt_bfd_receive(&l->b, c, pt_mono_now()))
		send_packet(l, true);
	settle(l, was);
}

// ---- life ----

int pt_bfd_link_new(struct pt_bfd_hub *h, const struct pt_bfd_opts *o, pt_bfd_fn *fn, void *ctx,
	struct pt_bfd_link **out)
{
	struct pt_bfd_link *l = calloc(1, sizeof(*l));
	uint32_t discriminator = 0;

	if (!l)
		return -ENOMEM;
	*l = (struct pt_bfd_link){ .hub = h, .o = *o, .fd = -1, .fn = fn, .ctx = ctx };
	l->o.device = strdup(o->device);
	int code = l->o.device ? pt_bfd_slot_take(h, l, &discriminator) : -ENOMEM;
	pt_bfd_init(&l->b, &o->params, discriminator);
	if (!code)
		code = pt_bfd_ear_join(h, o, &l->ear);
	if (!code)
		code = pt_loop_timer_add(h->loop, (struct pt_mono){ 1 }, 0, on_timer, l, &l->timer);
	if (code) {
		pt_bfd_link_free(l);
		return code;
	}
	l->armed.ns = 1; // first packet with the loop's first turn
	pt_bfd_link_look(l);
	*out = l;
	return 0;
}

void pt_bfd_link_free(struct pt_bfd_link *l)
{
	if (!l)
		return;
	pt_bfd_enable(&l->b, false);
	for (int i = 0; l->fd >= 0 && i < FAREWELLS; i++)
		send_packet(l, false);
	pt_loop_timer_del(l->timer);
	if (l->ear)
		pt_bfd_ear_leave(l->ear);
	close_socket(l);
	if (l->slot)
		l->hub->slots[l->slot] = NULL;
	free((void *)(uintptr_t)l->o.device); // ours
	free(l);
}

void pt_bfd_link_mark(struct pt_bfd_link *l, uint8_t dscp)
{
	if (l->o.dscp == dscp)
		return;
	l->o.dscp = dscp;
	if (l->fd >= 0)
		l->fault = set_dscp(l, l->fd);
}

void pt_bfd_link_tune(struct pt_bfd_link *l, const struct pt_bfd_params *p)
{
	l->o.params = *p;
	pt_bfd_tune(&l->b, p);
	settle(l, l->b.state);
}

void pt_bfd_link_enable(struct pt_bfd_link *l, bool on)
{
	enum pt_bfd_state was = l->b.state;

	pt_bfd_enable(&l->b, on);
	settle(l, was);
}

const struct pt_bfd *pt_bfd_link_session(const struct pt_bfd_link *l)
{
	return &l->b;
}

const struct pt_bfd_opts *pt_bfd_link_opts(const struct pt_bfd_link *l)
{
	return &l->o;
}

int pt_bfd_link_fault(const struct pt_bfd_link *l)
{
	return l->fault ? l->fault : l->ear->fault;
}
