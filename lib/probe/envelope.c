// SPDX-License-Identifier: MIT
#include "probe/envelope.h"

#include <netinet/in.h>
#include <string.h>

#include "probe/tsock.h"

static int int_of(const struct cmsghdr *c)
{
	int v = -1;
	size_t len = c->cmsg_len - CMSG_LEN(0);
	if (len == 1)
		v = *CMSG_DATA(c); // IP_TOS is a byte
	else if (len >= sizeof(v))
		memcpy(&v, CMSG_DATA(c), sizeof(v));
	return v;
}

static void read_pktinfo4(const struct cmsghdr *c, struct pt_envelope *a)
{
	struct in_pktinfo p;
	if (c->cmsg_len < CMSG_LEN(sizeof(p)))
		return;
	memcpy(&p, CMSG_DATA(c), sizeof(p));
	a->ifindex = p.ipi_ifindex;
	a->local.family = AF_INET;
	memcpy(a->local.bytes, &p.ipi_addr, 4);
	a->unicast = p.ipi_addr.s_addr == p.ipi_spec_dst.s_addr; // unlike broadcast and groups
}

static void read_pktinfo6(const struct cmsghdr *c, struct pt_envelope *a)
{
	struct in6_pktinfo p;
	if (c->cmsg_len < CMSG_LEN(sizeof(p)))
		return;
	memcpy(&p, CMSG_DATA(c), sizeof(p));
	a->ifindex = (int)p.ipi6_ifindex;
	a->local.family = AF_INET6;
	memcpy(a->local.bytes, &p.ipi6_addr, 16);
	a->unicast = !IN6_IS_ADDR_MULTICAST(&p.ipi6_addr);
}

void pt_envelope_read(struct msghdr *m, struct pt_envelope *a)
{
	*a = (struct pt_envelope){ .kernel_ns = pt_tsock_stamp_ns(m), .ttl = -1, .tos = 0 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO)
			read_pktinfo4(c, a);
		else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			read_pktinfo6(c, a);
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
			(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
			a->ttl = int_of(c);
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TOS) ||
			(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_TCLASS))
			a->tos = int_of(c);
	}
}

static struct cmsghdr *put_control(
	struct msghdr *m, struct cmsghdr *at, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = at ? CMSG_NXTHDR(m, at) : CMSG_FIRSTHDR(m);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return c;
}

void pt_envelope_answer(const struct pt_envelope *a, struct msghdr *m, void *control, size_t size)
{
	int dscp = a->tos & ~3; // ECN is not ours to echo
	struct cmsghdr *c;
	memset(control, 0, size);
	m->msg_control = control;
	m->msg_controllen = size;
	if (a->local.family == AF_INET) {
		struct in_pktinfo p = { .ipi_ifindex = a->ifindex };
		memcpy(&p.ipi_spec_dst, a->local.bytes, 4);
		c = put_control(m, NULL, SOL_IP, IP_PKTINFO, &p, sizeof(p));
		c = put_control(m, c, SOL_IP, IP_TOS, &dscp, sizeof(dscp));
	} else {
		struct in6_pktinfo p = { .ipi6_ifindex = (unsigned)a->ifindex };
		memcpy(&p.ipi6_addr, a->local.bytes, 16);
		c = put_control(m, NULL, SOL_IPV6, IPV6_PKTINFO, &p, sizeof(p));
		c = put_control(m, c, SOL_IPV6, IPV6_TCLASS, &dscp, sizeof(dscp));
	}
	m->msg_controllen = (size_t)((char *)c - (char *)control) + CMSG_SPACE(sizeof(dscp));
}
