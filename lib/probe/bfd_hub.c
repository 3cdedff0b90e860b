// SPDX-License-Identifier: MIT
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/bfd_link.h"

#define LOOK_NS   PT_NS_PER_S
#define BATCH     32
#define READ_MOST 1024 // packets a call; a flood must not hold us
#define ROOM      128  // bytes; what is longer is still read as far as it matters
#define SLOT_BITS 14

_Static_assert(PT_BFD_MAX_LINKS == 1 << SLOT_BITS, "slots fit into discriminators");

// ---- whom a packet is for ----

static bool is_from(
	const struct pt_bfd_link *l, const struct pt_bfd_ear *e, const struct pt_port_packet *p)
{
	return l && l->ear == e && pt_addr_eq(&l->o.target, &p->peer);
}

// By our discriminator; a far end that does not know it yet, by where it is.
static struct pt_bfd_link *find(const struct pt_bfd_ear *e, const struct pt_port_packet *p,
	const struct pt_bfd_control *c, enum pt_bfd_fault *fault)
{
	const struct pt_bfd_hub *h = e->hub;
	struct pt_bfd_link *l = h->slots[c->yours & (PT_BFD_MAX_LINKS - 1)];

	*fault = PT_BFD_FAULT_DISCRIMINATOR;
	if (c->yours && (!l || l->b.mine != c->yours))
		return NULL;
	*fault = PT_BFD_FAULT_PEER;
	for (uint32_t i = 1; !c->yours && i <= h->highest; i++) {
		l = h->slots[i];
		if (is_from(l, e, p))
			break;
	}
	return is_from(l, e, p) ? l : NULL;
}

static void on_packet(struct pt_bfd_ear *e, const struct pt_port_packet *p)
{
	struct pt_bfd_control c;
	enum pt_bfd_fault fault = pt_bfd_read(p->data, p->len, &c);
	struct pt_bfd_link *l = NULL;

	if (!fault && e->port == PT_BFD_PORT && p->ttl != PT_BFD_TTL)
		fault = PT_BFD_FAULT_HOPS;
	if (!fault)
		l = find(e, p, &c, &fault);
	if (!l) {
		e->hub->n.refused[fault]++;
		return;
	}
	e->hub->n.received++;
	pt_bfd_link_hear(l, &c);
}

void pt_bfd_ear_read(struct pt_bfd_ear *e)
{
	struct pt_inbox *in = &e->hub->in;
	int n = BATCH;

	if (e->hub->reading)
		return; // the inbox is in use; what is there makes it ready again
	e->hub->reading = true;
	for (unsigned left = READ_MOST; e->fd >= 0 && n == BATCH && left; left -= BATCH) {
		n = pt_inbox_read(in, e->fd, 0);
		for (int i = 0; i < n; i++) {
			struct pt_port_packet p = {
				.data = in->msg[i].msg_hdr.msg_iov->iov_base,
				.len = in->msg[i].msg_len,
			};
			uint32_t dropped;
			pt_port_peer(&in->msg[i].msg_hdr, &p);
			pt_port_control_read(&in->msg[i].msg_hdr, &p, &dropped);
			on_packet(e, &p);
		}
	}
	e->hub->reading = false;
}

// ---- ears ----

static void on_ready(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	pt_bfd_ear_read(ctx);
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int bind_ear(const struct pt_bfd_ear *e, int fd)
{
	const struct pt_addr any = { .family = (uint8_t)e->family };
	bool v6 = e->family == AF_INET6;
	struct sockaddr_storage ss;
	socklen_t len = pt_addr_sockaddr(&any, e->port, &ss);

	if (setsockopt(
		    fd, SOL_SOCKET, SO_BINDTODEVICE, e->device, (socklen_t)strlen(e->device) + 1))
		return -errno;
	if (v6)
		(void)set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1); // leaves the port to IPv4's socket
	int code = v6 ? set_int(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1)
		      : set_int(fd, SOL_IP, IP_RECVTTL, 1);
	if (code)
		return code;
	return bind(fd, (const struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
}

static int open_ear(struct pt_bfd_ear *e)
{
	pt_autofd fd = socket(e->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int code = bind_ear(e, fd);
	if (!code)
		code = pt_loop_fd_add(e->hub->loop, fd, EPOLLIN, on_ready, e);
	if (code)
		return code;
	e->ifindex = if_nametoindex(e->device);
	e->fd = pt_take_fd(&fd);
	return 0;
}

static void close_ear(struct pt_bfd_ear *e)
{
	if (e->fd < 0)
		return;
	(void)pt_loop_fd_del(e->hub->loop, e->fd); // it was added
	close(e->fd);
	e->fd = -1;
}

static void look_at_ear(struct pt_bfd_ear *e)
{
	unsigned ifindex = if_nametoindex(e->device);

	if (e->fd >= 0 && (ifindex == e->ifindex || !ifindex))
		return;
	close_ear(e);
	e->fault = open_ear(e);
}

int pt_bfd_ear_join(struct pt_bfd_hub *h, const struct pt_bfd_opts *o, struct pt_bfd_ear **out)
{
	uint16_t port = o->multihop ? PT_BFD_PORT_HOPS : PT_BFD_PORT;
	struct pt_bfd_ear *e = h->ears;

	while (e &&
		(e->port != port || e->family != o->target.family ||
			strcmp(e->device, o->device) != 0))
		e = e->next;
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		*e = (struct pt_bfd_ear){
			.hub = h, .family = o->target.family, .port = port, .fd = -1
		};
		e->device = strdup(o->device);
		if (!e->device) {
			free(e);
			return -ENOMEM;
		}
		e->next = h->ears;
		h->ears = e;
		look_at_ear(e);
	}
	e->users++;
	*out = e;
	return 0;
}

void pt_bfd_ear_leave(struct pt_bfd_ear *e)
{
	struct pt_bfd_ear **at = &e->hub->ears;

	if (--e->users)
		return;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	close_ear(e);
	free(e->device);
	free(e);
}

// ---- life ----

static void on_look(void *ctx, uint64_t expirations)
{
	struct pt_bfd_hub *h = ctx;

	(void)expirations;
	for (struct pt_bfd_ear *e = h->ears; e; e = e->next)
		look_at_ear(e);
	for (uint32_t i = 1; i <= h->highest; i++)
		if (h->slots[i])
			pt_bfd_link_look(h->slots[i]);
}

int pt_bfd_slot_take(struct pt_bfd_hub *h, struct pt_bfd_link *l, uint32_t *discriminator)
{
	uint32_t random = (uint32_t)pt_noise_u64(&h->noise);

	for (uint32_t i = 1; i < PT_BFD_MAX_LINKS; i++) {
		if (h->slots[i])
			continue;
		h->slots[i] = l;
		h->highest = i > h->highest ? i : h->highest;
		l->slot = i;
		*discriminator = random << SLOT_BITS | i;
		return 0;
	}
	return -ENOSPC;
}

int pt_bfd_hub_new(struct pt_loop *loop, struct pt_bfd_hub **out)
{
	struct pt_bfd_hub *h = calloc(1, sizeof(*h)); // slots are touched as links come
	int code = h ? 0 : -ENOMEM;

	if (!code) {
		h->loop = loop;
		code = pt_inbox_room(&h->in, BATCH, ROOM);
	}
	if (!code)
		code = pt_loop_timer_add(
			loop, pt_mono_add(pt_mono_now(), LOOK_NS), LOOK_NS, on_look, h, &h->look);
	if (code)
		pt_bfd_hub_free(h);
	else
		*out = h;
	return code;
}

void pt_bfd_hub_free(struct pt_bfd_hub *h)
{
	if (!h)
		return;
	pt_loop_timer_del(h->look);
	pt_inbox_done(&h->in);
	free(h);
}

void pt_bfd_hub_counters(const struct pt_bfd_hub *h, struct pt_bfd_counters *out)
{
	*out = h->n;
}
