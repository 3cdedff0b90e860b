// SPDX-License-Identifier: MIT
#include "model/budget.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

// A STAMP packet with the counts of direct measurement (RFC 8762, RFC 8972), UDP, Ethernet with its
// check sum.
#define PAYLOAD_BYTES (44 + 16 + 8 + 18)
#define IP4_BYTES     20
#define IP6_BYTES     40

static int64_t probe_bits(const struct pt_path *p)
{
	return 8 * (PAYLOAD_BYTES + (p->target.family == AF_INET6 ? IP6_BYTES : IP4_BYTES));
}

static bool probed(const struct pt_path *p, const struct pt_site *self)
{
	return self && strcmp(p->source, self->id) == 0 && p->quality != PT_QUALITY_NONE;
}

// `units` a period, of which `allowed` may leave a second.
static void limit(
	struct pt_budget *b, int64_t units, int64_t allowed, const char *cap, const char *uplink)
{
	int64_t period_ns;

	if (allowed < 1)
		allowed = 1;
	period_ns = (units * PT_NS_PER_S + allowed - 1) / allowed;
	if (period_ns <= b->period_ns)
		return;
	b->period_ns = period_ns;
	b->cap = cap;
	b->uplink = uplink;
	b->needed = units * PT_NS_PER_S / b->wanted_ns;
	b->allowed = allowed;
}

static void limit_uplink(struct pt_budget *b, const struct pt_config *c, const struct pt_network *n,
	const struct pt_site *self, const struct pt_uplink *u)
{
	int64_t bits = 0;

	if (u->rate_bps == PT_NULL || !self || strcmp(u->site, self->id) != 0)
		return;
	for (uint32_t i = 0; i < n->n_paths; i++)
		if (probed(&n->paths[i], self) && strcmp(n->paths[i].uplink, u->id) == 0)
			bits += probe_bits(&n->paths[i]);
	if (bits)
		limit(b, bits, u->rate_bps / 100 * c->health.budget_percent,
			"health.budget_percent", u->id);
}

void pt_budget_make(const struct pt_config *c, const struct pt_network *n,
	const struct pt_site *self, struct pt_budget *out)
{
	struct pt_budget b = { .wanted_ns = pt_config_probe_ns(c) };
	int64_t bits = 0;

	b.period_ns = b.wanted_ns;
	for (uint32_t i = 0; i < n->n_paths; i++)
		if (probed(&n->paths[i], self)) {
			b.paths++;
			bits += probe_bits(&n->paths[i]);
		}
	if (c->health.budget_pps != PT_NULL)
		limit(&b, b.paths, c->health.budget_pps, "health.budget_pps", NULL);
	if (c->health.budget_bps != PT_NULL)
		limit(&b, bits, c->health.budget_bps, "health.budget_bps", NULL);
	if (c->health.budget_percent != PT_NULL)
		for (uint32_t i = 0; i < n->n_uplinks; i++)
			limit_uplink(&b, c, n, self, &n->uplinks[i]);
	*out = b;
}

void pt_budget_explain(const struct pt_budget *b, const struct pt_config *c, struct pt_buf *out)
{
	char wanted[32], period[32], down[32];
	bool packets = b->cap && strcmp(b->cap, "health.budget_pps") == 0;

	pt_duration_format(b->wanted_ns, wanted, sizeof(wanted));
	pt_duration_format(b->period_ns, period, sizeof(period));
	pt_duration_format(b->period_ns * c->failover.detection_threshold, down, sizeof(down));
	pt_buf_printf(out,
		"%" PRIu32 " paths probed every %s need %" PRId64 " %s%s%s, %s allows %" PRId64
		": each is probed every %s, and found dead after %s",
		b->paths, wanted, b->needed, packets ? "packets/s" : "bit/s",
		b->uplink ? " of uplink " : "", b->uplink ? b->uplink : "", b->cap, b->allowed,
		period, down);
}
