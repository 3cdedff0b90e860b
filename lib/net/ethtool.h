// SPDX-License-Identifier: MIT
// A device's rings, channels, interrupt coalescing and features, by ethtool's generic netlink, in
// the network namespace of the calling thread.
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// Numbers by name: "rings.rx", "channels.combined", "coalesce.rx-usecs", "coalesce.adaptive-rx".
struct pt_ethtool_number {
	const char *key;
	bool there;          // the driver has it
	uint32_t value, max; // max 0: not known
};

#define PT_ETHTOOL_NUMBERS  12
#define PT_ETHTOOL_FEATURES 128
#define PT_ETHTOOL_NAME     32

// Bits by the kernel's name: "rx-lro", "tx-scatter-gather".
struct pt_ethtool_feature {
	char name[PT_ETHTOOL_NAME];
	bool active, fixed;
};

struct pt_ethtool {
	struct pt_ethtool_number number[PT_ETHTOOL_NUMBERS];
	struct pt_ethtool_feature feature[PT_ETHTOOL_FEATURES];
	unsigned n_number, n_feature;
};

struct pt_ethtool_socket;
// -EOPNOTSUPP: the kernel has no ethtool netlink.
int pt_ethtool_open(struct pt_ethtool_socket **out, struct pt_err *err);
void pt_ethtool_close(struct pt_ethtool_socket *s);

// What the driver does not have is there = false, and no error.
int pt_ethtool_read(struct pt_ethtool_socket *s, const char *device, struct pt_ethtool *out,
	struct pt_err *err);
// false where the driver does not have the feature.
bool pt_ethtool_active(const struct pt_ethtool *told, const char *feature);
// One number, or one feature of the kernel's name; the message carries the driver's own words.
// -EINVAL, -ERANGE, -EOPNOTSUPP as the kernel says.
int pt_ethtool_set_number(struct pt_ethtool_socket *s, const char *device, const char *key,
	uint32_t value, struct pt_err *err);
int pt_ethtool_set_feature(struct pt_ethtool_socket *s, const char *device, const char *name,
	bool on, struct pt_err *err);
