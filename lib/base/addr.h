// SPDX-License-Identifier: MIT
// IPv4 and IPv6 addresses and prefixes, one shape for both.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PT_ADDR_LEN   46 // INET6_ADDRSTRLEN
#define PT_PREFIX_LEN 50

#define PT_ADDR_AUTO 255 // a family: whatever the kernel's routes say

struct pt_addr {
	uint8_t family;    // AF_INET, AF_INET6, PT_ADDR_AUTO, or 0: unset
	uint8_t bytes[16]; // network order; IPv4 in the first four
};

struct pt_prefix {
	struct pt_addr addr; // host bits are zero
	uint8_t len;
};

int pt_addr_parse(const char *s, struct pt_addr *out);               // 0 or -EINVAL
void pt_addr_format(const struct pt_addr *a, char out[PT_ADDR_LEN]); // "auto", too
bool pt_addr_eq(const struct pt_addr *a, const struct pt_addr *b);
socklen_t pt_addr_sockaddr(const struct pt_addr *a, uint16_t port, struct sockaddr_storage *out);
int pt_addr_from_sockaddr(const struct sockaddr *sa, struct pt_addr *out, uint16_t *port);

// -EINVAL: no prefix; -ERANGE: length out of range; -EDOM: host bits set.
int pt_prefix_parse(const char *s, struct pt_prefix *out);
void pt_prefix_format(const struct pt_prefix *p, char out[PT_PREFIX_LEN]);
int pt_prefix_cmp(const struct pt_prefix *a, const struct pt_prefix *b); // family, address, length
bool pt_prefix_contains(const struct pt_prefix *p, const struct pt_addr *a);
