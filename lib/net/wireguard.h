// SPDX-License-Identifier: MIT
// Peers of a WireGuard device: the kernel's, by generic netlink, or a program's that serves the
// cross-platform interface on /var/run/wireguard/DEVICE.sock (wireguard-go, boringtun), which goes
// first, as with wg(8). Keys of others are never read into memory that is kept.
#pragma once
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define PT_WG_KEY    32
#define PT_WG_BASE64 45 // a key as wg(8) writes it, with its NUL

struct pt_wg_peer {
	uint8_t key[PT_WG_KEY];           // public
	uint16_t keepalive_s;             // 0: none
	struct sockaddr_storage endpoint; // ss_family 0: not known
	uint32_t n_allowed;               // addresses that it may use
};

struct pt_wg_device {
	uint32_t fwmark;
	struct pt_wg_peer *peer; // owned
	uint32_t n, room;
};

// -ENODEV: no WireGuard device of that name; -EPERM.
int pt_wg_read(const char *device, struct pt_wg_device *out, struct pt_err *err);
void pt_wg_done(struct pt_wg_device *d);
#define pt_autowg __attribute__((cleanup(pt_wg_done))) struct pt_wg_device

// -ENOENT: no such peer. Nothing else of it changes.
int pt_wg_set_keepalive(
	const char *device, const uint8_t key[PT_WG_KEY], uint16_t keepalive_s, struct pt_err *err);

void pt_wg_base64(const uint8_t key[PT_WG_KEY], char out[PT_WG_BASE64]);
int pt_wg_parse_base64(const char *text, uint8_t out[PT_WG_KEY]); // -EINVAL

// A new peer at the end, zeroed; NULL: out of memory.
struct pt_wg_peer *pt_wg_add(struct pt_wg_device *d);
