// SPDX-License-Identifier: MIT
// WireGuard's messages of generic netlink (linux/wireguard.h). wireguard.c alone sends them; they
// are apart so that a test can hold them to the header.
#pragma once
#include <libmnl/libmnl.h>

#include "net/wireguard.h"

void pt_wg_put_get(struct nlmsghdr *nlh, const char *device);
void pt_wg_put_keepalive(struct nlmsghdr *nlh, const char *device, const uint8_t key[PT_WG_KEY],
	uint16_t keepalive_s);
// One message of an answer; a peer may come in several, the rest of its addresses in the later
// ones.
int pt_wg_take(const struct nlmsghdr *nlh, struct pt_wg_device *out);

int pt_wg_kernel_read(const char *device, struct pt_wg_device *out, struct pt_err *err);
int pt_wg_kernel_set(
	const char *device, const uint8_t key[PT_WG_KEY], uint16_t keepalive_s, struct pt_err *err);
