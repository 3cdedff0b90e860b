// SPDX-License-Identifier: MIT
#include "probe/envelope.h"

#include <netinet/in.h>
#include <string.h>

#include "probe/kstamp.h"

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

static void read_pktinfo4(const struct cmsghdr *c, struct pt_envelope *e)
{
	struct in_pktinfo p;
	if (c->cmsg_len < CMSG_LEN(sizeof(p)))
		return;
	memcpy(&p, CMSG_DATA(c), sizeof(p));
	e->ifindex = p.ipi_ifindex;
	e->local.family = AF_INET;
	memcpy(e->local.bytes, &p.ipi_addr, 4);
	e->unicast = p.ipi_addr.s_addr == p.ipi_spec_dst.s_addr; // unlike broadcast and groups
}

static void read_pktinfo6(const struct cmsghdr *c, struct pt_envelope *e)
{
	struct in6_pktinfo p;
	if (c->cmsg_len < CMSG_LEN(sizeof(p)))
		return;
	memcpy(&p, CMSG_DATA(c), sizeof(p));
	e->ifindex = (int)p.ipi6_ifindex;
	e->local.family = AF_INET6;
	memcpy(e->local.bytes, &p.ipi6_addr, 16);
	e->unicast = !IN6_IS_ADDR_MULTICAST(&p.ipi6_addr);
}

void pt_envelope_read(struct msghdr *m, struct pt_envelope *e)
{
	*e = (struct pt_envelope){ .kernel_ns = pt_kstamp_ns(m), .ttl = -1, .tos = 0 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO)
			read_pktinfo4(c, e);
		else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			read_pktinfo6(c, e);
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
			(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
			e->ttl = int_of(c);
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TOS) ||
			(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_TCLASS))
			e->tos = int_of(c);
	}
}

// Writes one control message at offset `at`; returns the offset behind it.
static size_t put_control(
	void *control, size_t at, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (void *)((char *)control + at);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return at + CMSG_SPACE(len);
}

void pt_envelope_answer(const struct pt_envelope *e, struct msghdr *m, void *control)
{
	int dscp = e->tos & ~3; // ECN is not ours to echo
	size_t len;
	memset(control, 0, PT_ENVELOPE_CONTROL);
	if (e->local.family == AF_INET) {
		struct in_pktinfo p = { .ipi_ifindex = e->ifindex };
		memcpy(&p.ipi_spec_dst, e->local.bytes, 4);
		len = put_control(control, 0, SOL_IP, IP_PKTINFO, &p, sizeof(p));
		len = put_control(control, len, SOL_IP, IP_TOS, &dscp, sizeof(dscp));
	} else {
		struct in6_pktinfo p = { .ipi6_ifindex = (unsigned)e->ifindex };
		memcpy(&p.ipi6_addr, e->local.bytes, 16);
		len = put_control(control, 0, SOL_IPV6, IPV6_PKTINFO, &p, sizeof(p));
		len = put_control(control, len, SOL_IPV6, IPV6_TCLASS, &dscp, sizeof(dscp));
	}
	m->msg_control = control;
	m->msg_controllen = len;
}
