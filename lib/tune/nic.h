// SPDX-License-Identifier: MIT
// Devices and their settings, by the catalogue's names behind "nic.": from the kernel, or from the
// files of a fixture (ROOT/ethtool/DEVICE: "rings.rx 256 max 4096", "features.tso on fixed").
#pragma once
#include <net/if.h>
#include <stdbool.h>

#include "tune/host.h"
#include "tune/profile.h"

#define PT_NIC_SETTINGS 160
#define PT_NIC_KEY      48
#define PT_NIC_DEVICES  256

struct pt_nic_setting {
	char key[PT_NIC_KEY]; // "rings.rx"
	char value[PT_KNOB_VALUE];
	double max; // NaN: none
	bool fixed;
};

struct pt_nic {
	char name[IFNAMSIZ];
	char driver[32]; // "": not known
	bool wan;        // has a default route
	double queues;   // receive queues
	double rate_bps; // of the uplink it is, as the inventory declares it; NaN: it does not
	struct pt_nic_setting setting[PT_NIC_SETTINGS];
	unsigned n;
};

struct pt_nics {
	struct pt_nic *nic;
	unsigned n;
	struct pt_ethtool_socket *sock; // NULL: fixture, or no ethtool netlink
	const struct pt_host *host;
};

// Every device but lo.
int pt_nics_read(const struct pt_host *h, struct pt_nics *out, struct pt_err *err);
void pt_nics_done(struct pt_nics *n);
const struct pt_nic *pt_nics_find(const struct pt_nics *n, const char *name);
// NULL: the device has no such setting. key without "nic.".
const struct pt_nic_setting *pt_nic_get(const struct pt_nic *n, const char *key);
bool pt_nic_matches(const struct pt_nic *n, const struct pt_profile_match *m);

// Reads one device anew.
int pt_nic_refresh(const struct pt_nics *all, struct pt_nic *n, struct pt_err *err);
// Writes one setting in canonical form.
int pt_nic_write(const struct pt_nics *all, const char *device, const char *key, const char *value,
	struct pt_err *err);
