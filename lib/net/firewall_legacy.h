// SPDX-License-Identifier: MIT
// Legacy iptables, which nftables does not show. For firewall.c.
#pragma once
#include "net/firewall.h"

// Adds what it finds. Only tables that are there are asked: asking would make them.
void pt_firewall_legacy_read(struct pt_firewall *f);

void pt_firewall_add(
	struct pt_firewall *f, const char *family, const char *table, const char *chain);
