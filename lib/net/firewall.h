// SPDX-License-Identifier: MIT
// What the calling thread's network namespace has in the way of forwarded packets: base chains of
// the forward hook, of nftables and of legacy iptables, that have rules or do not accept by
// default.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_firewall {
	uint32_t chains; // how many there are
	char names[256]; // "inet filter forward, ip filter FORWARD"; the first ones that fit
};

int pt_firewall_read(struct pt_firewall *out, struct pt_err *err);

// Tells that nftables changed. Legacy iptables does not tell.
struct pt_firewall_monitor;
int pt_firewall_monitor_new(struct pt_firewall_monitor **out, struct pt_err *err);
void pt_firewall_monitor_free(struct pt_firewall_monitor *m);
int pt_firewall_monitor_fd(const struct pt_firewall_monitor *m); // non-blocking, for the loop
void pt_firewall_monitor_drain(struct pt_firewall_monitor *m);
