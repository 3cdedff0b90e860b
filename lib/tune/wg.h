// SPDX-License-Identifier: MIT
// WireGuard's knobs: the MTU of a device, the keepalive of each of its peers. A peer is named
// "DEVICE/KEY", the key as wg(8) writes it. Fixtures have a device in ROOT/wireguard/DEVICE, a line
// "KEY KEEPALIVE FAMILY PATHMTU" a peer (FAMILY 4, 6 or 0: no endpoint).
#pragma once
#include "net/wireguard.h"
#include "tune/nic.h"

#define PT_WG_NAME (IFNAMSIZ + PT_WG_BASE64)

bool pt_wg_is(const char *key); // one that is written here
bool pt_wg_per_peer(const char *key);

struct pt_wg_view {
	char (*peer)[PT_WG_BASE64]; // owned
	unsigned n;
	double mtu; // that fits the paths to all peers; NaN: not known
};
// -ENODEV: no WireGuard device.
int pt_wg_view(
	const struct pt_host *h, const char *device, struct pt_wg_view *out, struct pt_err *err);
void pt_wg_view_done(struct pt_wg_view *v);

// name: the device's or the peer's. -ENODEV, -ENOENT: not there.
int pt_wg_get(const struct pt_nics *nics, const char *key, const char *name,
	char out[PT_KNOB_VALUE], struct pt_err *err);
// "DEVICE" or "DEVICE/KEY": the device is not there, or it is and has no such peer. False where
// that cannot be told.
bool pt_wg_peer_gone(const struct pt_host *h, const char *name);
int pt_wg_set(const struct pt_nics *nics, const char *key, const char *name, const char *value,
	struct pt_err *err);
