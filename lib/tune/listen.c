// SPDX-License-Identifier: MIT
#include "tune/listen.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/host.h"
#include "tune/knob.h"
#include "tune/profile.h"
#include "tune/scan.h"

#define PORTS       65536
#define TCP_LISTEN_ 0x0a
#define UDP_UNCONN  0x07

static void mark_listeners(const struct pt_host *h, const char *path, unsigned state, uint8_t *open)
{
	pt_autobuf text = { 0 };

	if (pt_host_read(h, path, &text) < 0)
		return;
	// "  0: 0100007F:1F90 00000000:0000 0A ..."
	for (const char *p = strchr(pt_buf_str(&text), '\n'); p && p[1]; p = strchr(p + 1, '\n')) {
		unsigned long port, st;
		const char *local = strchr(p, ':');
		const char *colon = local ? strchr(local + 1, ':') : NULL;
		const char *remote = colon ? pt_scan_digits(colon + 1, 16, &port) : NULL;
		colon = remote ? strchr(remote, ':') : NULL;
		const char *state_at = colon ? strchr(colon, ' ') : NULL;
		if (state_at && pt_scan_digits(state_at, 16, &st) && st == state && port < PORTS)
			open[port] = 1;
	}
}

static void unmark(const char *ports, uint8_t *open)
{
	while (ports && *ports) {
		unsigned long lo, hi;
		const char *end = pt_scan_digits(ports, 10, &lo);
		if (!end)
			return;
		hi = lo;
		if (*end == '-')
			(void)pt_scan_digits(end + 1, 10, &hi); // one port where there is no second
		for (unsigned long i = lo; i <= hi && i < PORTS; i++)
			open[i] = 0;
		ports = strchr(ports, ',');
		ports += ports != NULL;
	}
}

static void mark_all(const struct pt_host *h, uint8_t *open)
{
	mark_listeners(h, "proc/net/tcp", TCP_LISTEN_, open);
	mark_listeners(h, "proc/net/tcp6", TCP_LISTEN_, open);
	mark_listeners(h, "proc/net/udp", UDP_UNCONN, open);
	mark_listeners(h, "proc/net/udp6", UDP_UNCONN, open);
}

double pt_listeners_uncovered(
	const struct pt_host *h, const struct pt_profile *p, double lo, double hi)
{
	static const char reserved_key[] = "net.ipv4.ip_local_reserved_ports";
	pt_autofree uint8_t *open = calloc(1, PORTS);
	pt_autobuf reserved = { 0 };
	char canonical[PT_KNOB_VALUE];
	double n = 0;

	if (!open || isnan(lo) || isnan(hi))
		return NAN;
	if (!h)
		open[8080] = open[8081] = open[51820] = 1;
	else
		mark_all(h, open);
	if (h && pt_host_read(h, "proc/sys/net/ipv4/ip_local_reserved_ports", &reserved) == 0)
		unmark(pt_buf_str(&reserved), open);
	for (size_t i = 0; p && i < p->n_items; i++) {
		if (strcmp(p->items[i].knob->key, reserved_key) == 0 &&
			pt_profile_item_literal(&p->items[i], canonical, NULL) == 0)
			unmark(canonical, open);
	}
	for (unsigned i = 0; i < PORTS; i++)
		n += open[i] && i >= lo && i <= hi;
	return n;
}
