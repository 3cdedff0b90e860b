// SPDX-License-Identifier: MIT
// A small network with the engine on it, for the tests of lib/select: what goes in and, as text,
// what comes out.
#pragma once
#include "test.h"

#include <errno.h>

#include "base/clock.h"
#include "select/select.h"

#define S  PT_NS_PER_S
#define MS PT_NS_PER_MS

// hq reaches branch by three ways; check rounds of 1 s: short window 3 s, long window 10 s.
static const char sites[] = "sites:\n"
			    "  - {id: hq, prefixes: [10.1.0.0/16]}\n"
			    "  - {id: branch, prefixes: [10.2.0.0/16]}\n"
			    "uplinks:\n"
			    "  - {id: fibre, site: hq, device: wan0, cost: 10}\n"
			    "  - {id: lte, site: hq, device: wan1, cost: 50}\n"
			    "  - {id: sat, site: hq, device: wan2, cost: 90}\n"
			    "  - {id: far, site: branch, device: wan0}\n"
			    "paths:\n"
			    "  - {id: hq-fibre, source: hq, dest: branch, uplink: fibre, "
			    "target: 192.0.2.1, preference: 30, quorum: 2, targets: "
			    "[{probe: icmp, address: 192.0.2.7}, {probe: tcp, address: "
			    "192.0.2.8, port: 53}, {probe: icmp, address: 192.0.2.9}]}\n"
			    "  - {id: hq-lte, source: hq, dest: branch, uplink: lte, "
			    "target: 192.0.2.2, preference: 20}\n"
			    "  - {id: hq-sat, source: hq, dest: branch, uplink: sat, "
			    "target: 192.0.2.3, preference: 10}\n"
			    "  - {id: branch-far, source: branch, dest: hq, uplink: far, "
			    "target: 192.0.2.4}\n";
#define VOICE                                                                                \
	"policies:\n"                                                                        \
	"  - {id: voice, strategy: ordered, sla: {loss_ppm: 10000, rtt_ms: 30, stale_secs: " \
	"5}, cooldown_secs: 20}\n"

struct rig {
	struct pt_arena arena;
	struct pt_select *select;
	bool maintenance;    // of hq-fibre, for the next open_with
	struct pt_buf log;   // a line a decision: "policy: first,second,third: reason"
	struct pt_buf notes; // a line a note
	unsigned decisions;
	char first[64];
	char weights[64]; // of the last decision: "60,40"
	bool drop;
	uint64_t seq;
};

static void on_decision(void *ctx, const struct pt_decision *d, int64_t at_ns)
{
	struct rig *r = ctx;

	pt_buf_printf(&r->log, "%" PRId64 " %s/%s:", (int64_t)(at_ns / MS), d->site, d->policy);
	for (uint32_t i = 0; i < d->n_paths; i++)
		pt_buf_printf(&r->log, " %s", d->paths[i]);
	pt_buf_printf(&r->log, "%s: %s\n", d->drop ? " DROP" : "", d->reason);
	for (uint32_t i = 0; i < d->n_rejected; i++)
		pt_buf_printf(&r->log, "  %s: %s\n", d->rejected[i].path, d->rejected[i].why);
	r->decisions++;
	r->drop = d->drop;
	snprintf(r->first, sizeof(r->first), "%s", d->paths[0]);
	r->weights[0] = 0;
	for (uint32_t i = 0; i < d->n_weights; i++)
		snprintf(r->weights + strlen(r->weights), sizeof(r->weights) - strlen(r->weights),
			"%s%" PRId64, i ? "," : "", d->weights[i]);
}

static void on_note(void *ctx, const char *text)
{
	struct rig *r = ctx;

	pt_buf_printf(&r->notes, "%s\n", text);
}

static int open_with(struct rig *r, const char *policies, struct pt_select **out)
{
	const struct pt_select_opts opts = { 3 * S, 10 * S, 60 * S };
	const struct pt_select_sink sink = { on_decision, on_note, r };
	struct pt_network *network = pt_arena_alloc(&r->arena, sizeof(*network));
	struct pt_marks *marks = NULL;
	struct pt_err err = { 0 };
	pt_autobuf text = { 0 };
	int rc;

	pt_buf_puts(&text, sites);
	pt_buf_puts(&text, policies);
	rc = pt_yaml_parse(&(struct pt_yaml_text){ "test", text.data, text.len },
		&pt_network_schema, &r->arena, &marks, network, &err);
	for (uint32_t i = 0; rc == 0 && i < network->n_paths; i++)
		if (strcmp(network->paths[i].id, "hq-fibre") == 0)
			network->paths[i].maintenance = r->maintenance;
	if (rc == 0)
		rc = pt_network_check(network, &r->arena, marks, &err);
	if (rc == 0)
		rc = pt_select_new(
			network, pt_network_site(network, "hq"), &opts, &sink, out, &err);
	if (rc < 0)
		printf("# %s\n", err.msg);
	return rc;
}

static bool setup(struct rig *r, const char *policies)
{
	*r = (struct rig){ 0 };
	if (open_with(r, policies, &r->select) == 0)
		return true;
	t_failed = true;
	return false;
}

static void teardown(struct rig *r)
{
	pt_select_free(r->select);
	pt_arena_done(&r->arena);
	pt_buf_done(&r->log);
	pt_buf_done(&r->notes);
}
