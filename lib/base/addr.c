// SPDX-License-Identifier: MIT
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

static size_t family_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

int pt_addr_parse(const char *s, struct pt_addr *out)
{
	struct pt_addr a = { 0 };

	if (!s)
		return -EINVAL;
	a.family = strchr(s, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, s, a.bytes) != 1) // refuses octal, short forms and zone ids
		return -EINVAL;
	*out = a;
	return 0;
}

void pt_addr_format(const struct pt_addr *a, char out[PT_ADDR_LEN])
{
	out[0] = '\0';
	if (a->family == PT_ADDR_AUTO)
		(void)snprintf(out, PT_ADDR_LEN, "auto");
	else if (a->family)
		(void)inet_ntop(a->family, a->bytes, out, PT_ADDR_LEN); // the longest fits
}

bool pt_addr_eq(const struct pt_addr *a, const struct pt_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, family_bytes(a->family)) == 0;
}

socklen_t pt_addr_sockaddr(const struct pt_addr *a, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(out, 0, sizeof(*out));
	switch (a->family) {
	case AF_INET:
		memcpy(&v4.sin_addr, a->bytes, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	case AF_INET6:
		memcpy(&v6.sin6_addr, a->bytes, 16);
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	default:
		return 0;
	}
}

int pt_addr_from_sockaddr(const struct sockaddr *sa, struct pt_addr *out, uint16_t *port)
{
	struct pt_addr a = { 0 };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	uint16_t p;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		memcpy(a.bytes, &v4.sin_addr, 4);
		p = ntohs(v4.sin_port);
		break;
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		memcpy(a.bytes, &v6.sin6_addr, 16);
		p = ntohs(v6.sin6_port);
		break;
	default:
		return -EAFNOSUPPORT;
	}
	a.family = (uint8_t)sa->sa_family;
	*out = a;
	if (port)
		*port = p;
	return 0;
}

// Clears all bits past len.
static void mask_bits(uint8_t bytes[16], unsigned len)
{
	for (unsigned i = 0; i<16; i++, len = len> 8 ? len - 8 : 0) {
		if (len < 8)
			bytes[i] &= (uint8_t)(0xff00u >> len);
	}
}

int pt_prefix_parse(const char *s, struct pt_prefix *out)
{
	const char *slash = s ? strchr(s, '/') : NULL;
	char text[PT_ADDR_LEN];
	struct pt_prefix p;
	uint64_t len;

	if (!slash || (size_t)(slash - s) >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';
	if (pt_addr_parse(text, &p.addr))
		return -EINVAL;
	int err = pt_parse_u64(slash + 1, 0, family_bytes(p.addr.family) * 8, &len);
	if (err)
		return err;
	p.len = (uint8_t)len;
	struct pt_addr masked = p.addr;
	mask_bits(masked.bytes, p.len);
	if (!pt_addr_eq(&masked, &p.addr))
		return -EDOM;
	*out = p;
	return 0;
}

void pt_prefix_format(const struct pt_prefix *p, char out[PT_PREFIX_LEN])
{
	char addr[PT_ADDR_LEN];

	pt_addr_format(&p->addr, addr);
	(void)snprintf(out, PT_PREFIX_LEN, "%s/%u", addr, p->len);
}

int pt_prefix_cmp(const struct pt_prefix *a, const struct pt_prefix *b)
{
	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	int order = memcmp(a->addr.bytes, b->addr.bytes, family_bytes(a->addr.family));
	if (order)
		return order < 0 ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

bool pt_prefix_contains(const struct pt_prefix *p, const struct pt_addr *a)
{
	struct pt_addr masked = *a;

	mask_bits(masked.bytes, p->len);
	return a->family && pt_addr_eq(&masked, &p->addr);
}
