// SPDX-License-Identifier: MIT
#include "probe/port_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>

#include "probe/kstamp.h"
#include "wire/icmp.h"

// ---- batches ----

int pt_inbox_room(struct pt_inbox *b, unsigned n, size_t size)
{
	const bool nameless = b->nameless;

	if (b->n >= n && b->size >= size)
		return 0;
	pt_inbox_done(b);
	b->nameless = nameless;
	b->n = n;
	b->size = size;
	b->msg = calloc(n, sizeof(*b->msg));
	b->iov = calloc(n, sizeof(*b->iov));
	b->control = calloc(n, sizeof(*b->control));
	b->peer = calloc(n, sizeof(*b->peer));
	b->bytes = malloc(n * size); // untouched pages cost nothing
	return b->msg && b->iov && b->control && b->peer && b->bytes ? 0 : -ENOMEM;
}

void pt_inbox_done(struct pt_inbox *b)
{
	free(b->msg);
	free(b->iov);
	free(b->control);
	free(b->peer);
	free(b->bytes);
	*b = (struct pt_inbox){ 0 };
}

int pt_inbox_read(struct pt_inbox *b, int fd, int flags)
{
	for (unsigned i = 0; i < b->n; i++) {
		b->iov[i] = (struct iovec){ .iov_base = b->bytes + i * b->size,
			.iov_len = b->size };
		b->msg[i].msg_hdr = (struct msghdr){ .msg_name = b->nameless ? NULL : &b->peer[i],
			.msg_namelen = b->nameless ? 0 : sizeof(b->peer[i]),
			.msg_iov = &b->iov[i],
			.msg_iovlen = 1,
			.msg_control = &b->control[i],
			.msg_controllen = sizeof(b->control[i]) };
	}
	int n = recvmmsg(fd, b->msg, b->n, MSG_DONTWAIT | flags, NULL);
	return n < 0 ? -errno : n;
}

// ---- one message ----

void pt_port_peer(const struct msghdr *m, struct pt_port_packet *out)
{
	const struct sockaddr *sa = m->msg_name;
	out->peer = (struct pt_addr){ 0 };
	out->scope = out->port = 0;
	if (m->msg_namelen < sizeof(*sa) || pt_addr_from_sockaddr(sa, &out->peer, &out->port))
		return;
	if (sa->sa_family == AF_INET6)
		out->scope = ((const struct sockaddr_in6 *)m->msg_name)->sin6_scope_id;
}

static bool is(const struct cmsghdr *c, int level, int type, size_t len)
{
	return c->cmsg_level == level && c->cmsg_type == type && c->cmsg_len >= CMSG_LEN(len);
}

void pt_port_control_read(struct msghdr *m, struct pt_port_packet *out, uint32_t *dropped)
{
	out->kernel_ns = pt_kstamp_ns(m);
	out->ttl = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (is(c, SOL_IP, IP_TTL, sizeof(int)) ||
			is(c, SOL_IPV6, IPV6_HOPLIMIT, sizeof(int)))
			memcpy(&out->ttl, CMSG_DATA(c), sizeof(out->ttl));
		else if (is(c, SOL_SOCKET, SO_RXQ_OVFL, sizeof(*dropped)))
			memcpy(dropped, CMSG_DATA(c), sizeof(*dropped));
	}
}

bool pt_port_icmp_strip(bool raw, int family, uint16_t id, struct pt_port_packet *p)
{
	uint16_t got;
	int skip = raw && family == AF_INET ? pt_ip4_header_len(p->data, p->len) : 0;
	if (skip < 0 || p->len < (size_t)skip + PT_ICMP_HEADER_LEN)
		return false;
	if (skip) { // RFC 791: what the kernel would tell for more than it costs to look
		p->ttl = p->data[8];
		p->peer = (struct pt_addr){ .family = AF_INET };
		memcpy(p->peer.bytes, p->data + 12, 4);
	}
	p->data += skip;
	p->len -= (size_t)skip;
	memcpy(&got, p->data + 4, sizeof(got)); // RFC 792: type, code, checksum, identifier
	return !raw || ntohs(got) == id;        // else somebody else's ping
}

// ---- the error queue ----

bool pt_port_extended(struct msghdr *m, struct sock_extended_err *ee, struct pt_addr *from)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (!is(c, SOL_IP, IP_RECVERR, sizeof(*ee)) &&
			!is(c, SOL_IPV6, IPV6_RECVERR, sizeof(*ee)))
			continue;
		memcpy(ee, CMSG_DATA(c), sizeof(*ee));
		struct sockaddr_storage ss = { 0 };
		size_t len = c->cmsg_len - CMSG_LEN(sizeof(*ee));
		memcpy(&ss, CMSG_DATA(c) + sizeof(*ee), len < sizeof(ss) ? len : sizeof(ss));
		if (pt_addr_from_sockaddr((const struct sockaddr *)&ss, from, NULL))
			*from = (struct pt_addr){ 0 };
		return true;
	}
	return false;
}

int pt_port_refusal(const struct sock_extended_err *ee)
{
	bool v4 = ee->ee_origin == SO_EE_ORIGIN_ICMP;

	if (!v4 && ee->ee_origin != SO_EE_ORIGIN_ICMP6)
		return 0;
	// The kernel calls it "no route", as it does a good many other things.
	if (ee->ee_type == (v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED))
		return -ETIME;
	return -(int)ee->ee_errno;
}

bool pt_port_error_read(struct msghdr *m, struct pt_port_error *out)
{
	struct sock_extended_err ee;
	*out = (struct pt_port_error){ 0 };
	if (!pt_port_extended(m, &ee, &out->from))
		return false;
	if (ee.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
		out->stamp = true;
		out->key = ee.ee_data;
		out->kernel_ns = pt_kstamp_ns(m);
		return true;
	}
	out->code = pt_port_refusal(&ee);
	return out->code != 0;
}
