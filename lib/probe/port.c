// SPDX-License-Identifier: MIT
#include "probe/port.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/ahead.h"
#include "probe/departures.h"
#include "probe/kstamp.h"
#include "probe/port_io.h"
#include "probe/port_open.h"

#define DRAIN_MOST 4096 // packets a call; a flood must not hold us

struct queued {
	struct pt_port_dest to;
	struct iovec iov;
	void *owner;
	uint32_t tag;
	bool asks; // when it left
	union {
		char bytes[2 * CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
};

struct pt_port {
	struct pt_port_opts o;
	char *device; // owns o.device
	struct pt_loop *loop;
	const struct pt_port_ops *ops;
	void *ctx;

	int fd;    // -1: none
	int fault; // why not
	bool raw, rx_kernel, tx_kernel;
	bool asks; // for stamps, packet by packet; else each has one
	bool listening, draining, flushing;
	unsigned ifindex; // of the device when the socket was bound to it
	uint16_t id;      // of ICMP over a raw socket
	struct pt_port_counters n;
	uint32_t dropped; // as the kernel counts for this socket

	unsigned n_queued;
	struct queued queue[PT_PORT_BATCH];
	struct mmsghdr out[PT_PORT_BATCH];
	uint8_t *composed; // PT_PORT_BATCH packets
	size_t largest;    // bytes of one
	struct pt_departures left;

	struct pt_inbox in, err;
};

void pt_port_dest_set(
	struct pt_port_dest *d, const struct pt_addr *to, uint16_t port, uint32_t scope)
{
	struct sockaddr_storage ss;
	d->len = pt_addr_sockaddr(to, port, &ss);
	memcpy(&d->to, &ss, sizeof(d->to));
	if (to->family == AF_INET6)
		d->to.v6.sin6_scope_id = scope;
}

// ---- stamps of what leaves ----

static void set_stamps(struct pt_port *p)
{
	// Of datagram sockets of ICMPv6 kernels before 5.18 leave control messages out.
	bool deaf = p->o.kind == PT_PORT_ICMP && p->o.family == AF_INET6 && !p->raw;
	unsigned how = deaf ? PT_KSTAMP_TX : PT_KSTAMP_ASKED;

	pt_departures_reset(&p->left, deaf);
	p->asks = !deaf;
	p->rx_kernel = p->tx_kernel = pt_kstamp_set(p->fd, PT_KSTAMP_RX | how);
	if (!p->tx_kernel)
		p->rx_kernel = pt_kstamp_set(p->fd, PT_KSTAMP_RX);
}

static void on_error_message(struct pt_port *p, struct msghdr *m, size_t len)
{
	struct pt_port_error e;
	if (!pt_port_error_read(m, &e))
		return;
	if (e.stamp) {
		pt_departures_stamp(&p->left, e.key, e.kernel_ns, p->ops->stamped);
		return;
	}
	struct pt_port_packet packet = {
		.data = m->msg_iov->iov_base, .len = len, .code = e.code, .router = e.from
	};
	pt_port_peer(m, &packet);
	p->ops->refused(p->ctx, p, &packet);
}

static void read_errors(struct pt_port *p)
{
	int n = PT_PORT_BATCH;
	for (unsigned left = DRAIN_MOST; p->fd >= 0 && n == PT_PORT_BATCH && left;
		left -= PT_PORT_BATCH) {
		n = pt_inbox_read(&p->err, p->fd, MSG_ERRQUEUE);
		for (int i = 0; i < n; i++)
			on_error_message(p, &p->err.msg[i].msg_hdr, p->err.msg[i].msg_len);
	}
}

void pt_port_stamps(struct pt_port *p)
{
	if (p->o.icmp_errors || pt_departures_awaited(&p->left))
		read_errors(p);
}

// After a failed send it is unknown whether the kernel has counted the packet: count anew.
static void restart_keys(struct pt_port *p)
{
	if (!p->tx_kernel)
		return;
	(void)pt_kstamp_set(p->fd, PT_KSTAMP_RX);
	read_errors(p);
	set_stamps(p);
}

// ---- the socket ----

static void on_ready(void *ctx, int fd, uint32_t events)
{
	struct pt_port *p = ctx;
	(void)fd;
	if (events & EPOLLERR)
		read_errors(p); // also those that nobody waits for any more
	(void)pt_port_drain(p); // what is left makes it ready again
	if (events & EPOLLERR && p->fd >= 0)
		pt_port_clear_fault(p->fd);
}

static void close_socket(struct pt_port *p)
{
	if (p->fd < 0)
		return;
	if (p->listening)
		(void)pt_loop_fd_del(p->loop, p->fd); // it was added
	close(p->fd);
	p->fd = -1;
	pt_departures_reset(&p->left, false);
}

int pt_port_open(struct pt_port *p, struct pt_err *err)
{
	pt_autofd fd = -1;
	int code = pt_port_socket(&p->o, &fd, &p->raw, err);
	if (!code && p->listening && pt_loop_fd_add(p->loop, fd, EPOLLIN, on_ready, p))
		code = pt_err_set(err, -ENOMEM, "cannot watch a socket");
	p->fault = code;
	if (code)
		return code;
	p->ifindex = p->o.device ? if_nametoindex(p->o.device) : 0;
	p->fd = pt_take_fd(&fd);
	p->in.nameless = p->raw && p->o.family == AF_INET;
	p->dropped = 0;
	p->n.opened++;
	set_stamps(p);
	return 0;
}

void pt_port_look(struct pt_port *p)
{
	unsigned ifindex = p->o.device ? if_nametoindex(p->o.device) : 0;
	if (p->fd >= 0 && (ifindex == p->ifindex || !ifindex))
		return;
	close_socket(p);
	(void)pt_port_open(p, NULL); // tried again, and told by every packet that cannot leave
}

int pt_port_listen(struct pt_port *p, bool on)
{
	if (on == p->listening)
		return 0;
	p->listening = on;
	if (p->fd < 0)
		return 0;
	return on ? pt_loop_fd_add(p->loop, p->fd, EPOLLIN, on_ready, p)
		  : pt_loop_fd_del(p->loop, p->fd);
}

// ---- what leaves ----

uint8_t *pt_port_compose(struct pt_port *p)
{
	if (p->n_queued == PT_PORT_BATCH && pt_port_flush(p))
		pt_port_stamps(p); // of a long burst the first would be forgotten
	return p->n_queued < PT_PORT_BATCH ? p->composed + p->n_queued * p->largest : NULL;
}

int pt_port_queue(
	struct pt_port *p, const struct pt_port_dest *to, size_t len, void *owner, uint32_t tag)
{
	if (p->fd < 0)
		return p->fault;
	struct queued *q = &p->queue[p->n_queued];
	struct msghdr *m = &p->out[p->n_queued].msg_hdr;
	q->to = *to;
	q->owner = owner;
	q->tag = tag;
	q->iov = (struct iovec){ .iov_base = p->composed + p->n_queued++ * p->largest,
		.iov_len = len };
	*m = (struct msghdr){
		.msg_name = &q->to.to, .msg_namelen = to->len, .msg_iov = &q->iov, .msg_iovlen = 1
	};
	return 0;
}

static size_t put_control(struct queued *q, size_t at, int level, int type, int value)
{
	struct cmsghdr c = {
		.cmsg_len = CMSG_LEN(sizeof(value)), .cmsg_level = level, .cmsg_type = type
	};

	memcpy(q->control.bytes + at, &c, sizeof(c));
	memcpy(q->control.bytes + at + CMSG_LEN(0), &value, sizeof(value));
	return at + CMSG_SPACE(sizeof(value));
}

static void ask_for_stamps(struct pt_port *p)
{
	bool v6 = p->o.family == AF_INET6;

	pt_departures_begin(&p->left);
	for (unsigned i = 0; i < p->n_queued; i++) {
		struct queued *q = &p->queue[i];
		struct msghdr *m = &p->out[i].msg_hdr;
		size_t len = 0;
		q->asks = p->tx_kernel && pt_departures_asks(&p->left, i, p->n_queued);
		if (q->to.dscp)
			len = put_control(q, len, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TCLASS : IP_TOS,
				q->to.dscp << 2);
		if (q->asks && p->asks)
			len = put_control(q, len, SOL_SOCKET, SO_TIMESTAMPING, PT_KSTAMP_ASK);
		m->msg_control = len ? &q->control : NULL;
		m->msg_controllen = len;
	}
}

static void note_sent(struct pt_port *p, unsigned from, unsigned n)
{
	for (unsigned i = from; p->tx_kernel && i < from + n; i++)
		pt_departures_left(&p->left, p->queue[i].owner, p->queue[i].tag, p->queue[i].asks);
}

bool pt_port_flush(struct pt_port *p)
{
	unsigned at = 0;
	bool again = false;
	if (p->flushing || !p->n_queued)
		return false;
	p->flushing = true;
	ask_for_stamps(p);
	while (at < p->n_queued && p->fd >= 0) {
		int sent = sendmmsg(p->fd, p->out + at, p->n_queued - at, MSG_DONTWAIT);
		if (sent > 0) {
			note_sent(p, at, (unsigned)sent);
			at += (unsigned)sent;
			again = false;
			continue;
		}
		int code = -errno;
		restart_keys(p);
		again = !again; // the first may be the answer to an earlier packet
		if (again)
			continue;
		p->ops->unsent(p->queue[at].owner, p->queue[at].tag, code);
		at++;
	}
	p->n_queued = 0;
	p->flushing = false;
	return true;
}

void pt_port_forget(struct pt_port *p, const void *owner)
{
	(void)pt_port_flush(p);
	pt_departures_forget(&p->left, owner);
}

// ---- what arrives ----

// The packets of one system call that are for us.
struct arrived {
	struct pt_port *port;
	struct pt_port_packet packet[PT_PORT_BATCH];
};

static bool read_message(struct pt_port *p, const struct mmsghdr *mm, struct pt_port_packet *packet)
{
	struct msghdr m = mm->msg_hdr;
	uint32_t dropped = p->dropped;
	if (m.msg_flags & MSG_TRUNC) {
		p->n.truncated++;
		return false;
	}
	packet->data = m.msg_iov->iov_base;
	packet->len = mm->msg_len;
	pt_port_peer(&m, packet);
	pt_port_control_read(&m, packet, &dropped);
	p->n.overflown += dropped - p->dropped;
	p->dropped = dropped;
	return p->o.kind != PT_PORT_ICMP || pt_port_icmp_strip(p->raw, p->o.family, p->id, packet);
}

static void on_soon(void *ctx, unsigned i, unsigned stage)
{
	struct arrived *a = ctx;
	a->port->ops->soon(a->port->ctx, a->port, &a->packet[i], stage);
}

static void on_turn(void *ctx, unsigned i)
{
	struct arrived *a = ctx;
	if (a->port->fd >= 0) // else an earlier one closed it
		a->port->ops->packet(a->port->ctx, a->port, &a->packet[i]);
}

// Reads a batch and hands it on. Messages read, or less.
static int take_batch(struct pt_port *p)
{
	static const struct pt_ahead_ops ops = { .soon = on_soon, .turn = on_turn };
	struct arrived a; // large: only what arrived is set
	a.port = p;
	unsigned ours = 0;
	int n = pt_inbox_read(&p->in, p->fd, 0);
	struct pt_mono at = pt_mono_now();
	int64_t real_ns = pt_wall_ns();
	for (int i = 0; i < n; i++) {
		a.packet[ours] = (struct pt_port_packet){ .at = at, .real_ns = real_ns };
		ours += read_message(p, &p->in.msg[i], &a.packet[ours]);
	}
	pt_ahead_run(ours, &ops, &a);
	return n;
}

bool pt_port_drain(struct pt_port *p)
{
	int n = PT_PORT_BATCH;
	unsigned left = DRAIN_MOST;
	if (p->draining)
		return false;
	p->draining = true;
	pt_port_stamps(p);
	while (p->fd >= 0 && n == PT_PORT_BATCH && left) {
		n = take_batch(p);
		left -= PT_PORT_BATCH;
	}
	p->draining = false;
	return left > 0;
}

// ---- life ----

int pt_port_room(struct pt_port *p, size_t len)
{
	if (len <= p->largest)
		return 0;
	(void)pt_port_flush(p);
	uint8_t *bytes = calloc(PT_PORT_BATCH, len);
	if (!bytes || pt_inbox_room(&p->in, PT_PORT_BATCH, len + PT_PORT_HEADERS)) {
		free(bytes);
		return -ENOMEM;
	}
	free(p->composed);
	p->composed = bytes;
	p->largest = len;
	return 0;
}

int pt_port_new(const struct pt_port_opts *o, struct pt_loop *loop, const struct pt_port_ops *ops,
	void *ctx, struct pt_port **out)
{
	struct pt_port *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct pt_port){
		.o = *o, .loop = loop, .ops = ops, .ctx = ctx, .fd = -1, .fault = -ENOTCONN
	};
	p->o.device = p->device = o->device ? strdup(o->device) : NULL;
	(void)getrandom(&p->id, sizeof(p->id), 0); // any will do
	if ((o->device && !p->device) || pt_inbox_room(&p->err, PT_PORT_BATCH, PT_PORT_QUOTE)) {
		pt_port_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void pt_port_free(struct pt_port *p)
{
	if (!p)
		return;
	close_socket(p);
	pt_inbox_done(&p->in);
	pt_inbox_done(&p->err);
	free(p->composed);
	free(p->device);
	free(p);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool pt_port_same(const struct pt_port *p, const struct pt_port_opts *o)
{
	return p->o.kind == o->kind && p->o.family == o->family && p->o.mark == o->mark &&
		p->o.ttl == o->ttl && p->o.icmp_errors == o->icmp_errors &&
		p->o.small == o->small && pt_addr_eq(&p->o.source, &o->source) &&
		same_text(p->o.device, o->device);
}

enum pt_port_kind pt_port_kind(const struct pt_port *p)
{
	return p->o.kind;
}

int pt_port_local(const struct pt_port *p, unsigned *ifindex, uint16_t *port)
{
	struct sockaddr_storage ss;
	struct pt_addr any;
	socklen_t len = sizeof(ss);
	if (p->fd < 0 || getsockname(p->fd, (struct sockaddr *)&ss, &len) ||
		pt_addr_from_sockaddr((const struct sockaddr *)&ss, &any, port))
		return -ENOTCONN;
	*ifindex = p->ifindex;
	return 0;
}

bool pt_port_stamps_sent(const struct pt_port *p)
{
	return p->tx_kernel;
}

uint16_t pt_port_icmp_id(const struct pt_port *p)
{
	return p->id;
}

const struct pt_port_counters *pt_port_counters(const struct pt_port *p)
{
	return &p->n;
}
