// SPDX-License-Identifier: MIT
// From the network file to the tables of a plane: attach, reload and detach.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/config.h"
#include "model/network.h"
#include "net/firewall.h"
#include "net/link.h"
#include "net/nexthop_auto.h"
#include "plane/hook.h"
#include "plane/plane.h"

struct pt_setup {
	const struct pt_network *net;
	const struct pt_config *cfg;
	const struct pt_site *self;
	const struct pt_links *links;
	const struct pt_gateways *gateways; // for next hops `auto` (pt_nexthop_read); NULL: none
	const struct pt_firewall *firewall; // NULL: none
	enum pt_hook_kind hook;
	bool strict; // a missing device is an error; otherwise its paths wait for it
};

// What was done, for people.
struct pt_setup_result {
	uint32_t paths, sites, devices, missing;
	bool fresh;           // nothing was attached here before
	struct pt_err routes; // code not 0: what the kernel's routing lacks; the rest works
};

// All that can be refused is refused here, before anything changes: devices, next hops, limits,
// strict reverse path filters.
int pt_setup_check(const struct pt_setup *s, struct pt_err *err);

// Creates or updates the plane in dir: programs, tables, hooks. A failure of the first attach
// leaves nothing behind. An order of candidates that somebody decided survives. -EBUSY while a
// watch runs, which does this itself.
int pt_setup_attach(
	const char *dir, const struct pt_setup *s, struct pt_setup_result *out, struct pt_err *err);

// For the daemon. Programs to attach to devices that come back; they take the timers over.
int pt_setup_load(
	struct pt_plane *p, const struct pt_setup *s, struct pt_programs *out, struct pt_err *err);
// Brings tables and hooks up to date with devices and addresses, and with the network if `groups`.
// What cannot fit is refused before anything changes.
int pt_setup_refresh(struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs,
	bool groups, struct pt_err *err);

// Removes hooks and pins. Works on planes of another ABI, too, as far as they can be read.
int pt_setup_detach(const char *dir, struct pt_err *err);

bool pt_setup_is_lan(const struct pt_setup *s, const char *device);

// Fingerprint of network and configuration, kept in pt_meta and in records.
uint64_t pt_setup_hash(const struct pt_network *net, const struct pt_config *cfg);
