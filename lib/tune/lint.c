// SPDX-License-Identifier: MIT
#include "tune/lint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/expr.h"

// What the reference machine has before anybody tunes it; rules compare with these.
static const struct {
	const char *key, *value;
} reference[] = {
	{ "net.core.rmem_default", "212992" },
	{ "net.core.rmem_max", "212992" },
	{ "net.core.wmem_default", "212992" },
	{ "net.core.wmem_max", "212992" },
	{ "net.ipv4.tcp_rmem", "4096 131072 6291456" },
	{ "net.ipv4.tcp_wmem", "4096 16384 4194304" },
	{ "net.ipv4.tcp_mem", "94149 125534 188298" },
	{ "net.ipv4.udp_rmem_min", "4096" },
	{ "net.core.netdev_max_backlog", "1000" },
	{ "net.core.netdev_budget", "300" },
	{ "net.core.somaxconn", "4096" },
	{ "net.core.default_qdisc", "fq_codel" },
	{ "net.ipv4.ip_forward", "0" },
	{ "fs.file-max", "9223372036854775807" },
	{ "net.ipv4.neigh.default.gc_thresh1", "128" },
	{ "net.ipv4.neigh.default.gc_thresh2", "512" },
	{ "net.ipv4.neigh.default.gc_thresh3", "1024" },
	{ "net.core.bpf_jit_enable", "1" },
	{ "net.core.bpf_jit_harden", "0" },
	{ "net.core.bpf_jit_limit", "528482304" },
	{ "nic.rings.rx", "256" },
	{ "nic.rings.tx", "256" },
	{ "nic.features.lro", "off" },
	{ "nic.channels.combined", "1" },
};

static const struct {
	enum pt_fact fact;
	double value;
} reference_facts[] = {
	{ PT_FACT_kernel, 5015 },
	{ PT_FACT_hz, 250 },
	{ PT_FACT_page, 4096 },
	{ PT_FACT_ram, 8.0 * (1 << 30) },
	{ PT_FACT_cpus, 4 },
	{ PT_FACT_numa_nodes, 1 },
	{ PT_FACT_zram, 0 },
	{ PT_FACT_router, 1 },
	{ PT_FACT_wans, 2 },
	{ PT_FACT_uplink_mbit, 1000 },
	{ PT_FACT_rtt_ms, 80 },
	{ PT_FACT_conntrack, 0 },
	{ PT_FACT_bbr, 1 },
	{ PT_FACT_fq_codel, 1 },
	{ PT_FACT_unpriv_bpf, 0 },
	{ PT_FACT_nr_open, 1048576 },
	{ PT_FACT_systemd, 1 },
	{ PT_FACT_sysctl_conf_shadows, 1 },
	{ PT_FACT_ifupdown, 0 },
	{ PT_FACT_reload, 0 },
	{ PT_FACT_jemalloc, 1 },
	{ PT_FACT_db_wal, 1 },
	{ PT_FACT_db_page_size, 4096 },
	{ PT_FACT_db_auto_vacuum, 0 },
	{ PT_FACT_softnet_dropped, 0 },
	{ PT_FACT_softnet_squeezed, 0 },
	{ PT_FACT_listen_overflows, 0 },
	{ PT_FACT_tcp_timewait, 0 },
	{ PT_FACT_udp_mem_errors, 0 },
	{ PT_FACT_neigh_fulls, 0 },
	{ PT_FACT_neigh6_fulls, 0 },
	{ PT_FACT_rx_missed, 0 },
};
#define REFERENCE_RING_MAX 256 // virtio

void pt_lint_reference(struct pt_facts *out)
{
	for (int i = 0; i < PT_FACT_COUNT; i++)
		out->value[i] = NAN;
	for (size_t i = 0; i < PT_ARRAY_LEN(reference_facts); i++)
		out->value[reference_facts[i].fact] = reference_facts[i].value;
	pt_facts_derive(out);
}

struct linter {
	const struct pt_tuning_ask *ask;
	struct pt_case c;
	struct pt_item item;
	struct pt_arena *a;
	pt_lint_fn *fn;
	void *ctx;
	unsigned commented; // values with a comment behind them, told once
};

static const enum pt_tune_action actions[] = {
	[PT_VERDICT_WARN] = PT_TUNE_WARN,
	[PT_VERDICT_ADAPT] = PT_TUNE_ADAPT,
	[PT_VERDICT_SKIP] = PT_TUNE_SKIP,
	[PT_VERDICT_REFUSE] = PT_TUNE_REFUSE,
};

static void on_rule(void *ctx, const struct pt_rule *r)
{
	struct linter *l = ctx;
	char want[PT_KNOB_VALUE];

	if (strcmp(r->id, "SYS-COMMENT") == 0 && l->commented++)
		return;
	l->item.action = actions[r->verdict];
	l->item.rule = r->id;
	l->item.why = r->why;
	l->item.want = r->want && pt_case_value(&l->c, r->want, want, NULL) == 0
		? pt_arena_strdup(l->a, want)
		: NULL;
	l->fn(l->ctx, &l->item);
}

static void fill_reference(struct linter *l, const struct pt_knob *k)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(reference); i++) {
		if (strcmp(reference[i].key, k->key) == 0) {
			l->item.before = reference[i].value;
			pt_case_current(&l->c, reference[i].value);
		}
	}
	if (strncmp(k->key, "nic.", 4) != 0)
		return;
	l->c.there = 1;
	l->c.fixed = 0;
	l->c.queues = 1;
	l->c.max = strncmp(k->key, "nic.rings.", 10) == 0 ? REFERENCE_RING_MAX : (double)NAN;
}

static const struct pt_nic *first_nic(
	const struct pt_tuning_ask *ask, const struct pt_profile_item *it)
{
	for (unsigned i = 0; ask->nics && i < ask->nics->n; i++) {
		if (pt_nic_matches(&ask->nics->nic[i], &it->match))
			return &ask->nics->nic[i];
	}
	return NULL;
}

static void fill_host(struct linter *l, const struct pt_profile_item *it, char now[PT_KNOB_VALUE])
{
	const struct pt_nic *nic = strncmp(it->knob->key, "nic.", 4) == 0 ? first_nic(l->ask, it)
									  : NULL;

	l->c.host = l->ask->host;
	if (pt_tuning_current(l->ask->host, l->ask->facts, nic, it->knob, now) == 0) {
		l->item.before = now;
		pt_case_current(&l->c, now);
	}
	if (!nic)
		return;
	const struct pt_nic_setting *s = pt_nic_get(nic, it->knob->key + 4);
	l->c.there = s != NULL;
	l->c.queues = nic->queues;
	l->c.max = s ? s->max : (double)NAN;
	l->c.fixed = s ? s->fixed : (double)NAN;
}

static bool profile_has(const struct pt_profile *p, const struct pt_knob *k)
{
	for (size_t i = 0; i < p->n_items; i++) {
		if (p->items[i].knob == k)
			return true;
	}
	return false;
}

// Keys that the profile does not have and should.
static int lint_lacks(struct linter *l, struct pt_err *err)
{
	for (size_t i = 0; i < pt_rules_lack.n; i++) {
		const struct pt_rule *r = &pt_rules_lack.rows[i];
		const struct pt_knob *k = pt_knob_find(r->key);
		bool holds;
		if (!k || profile_has(l->ask->profile, k) || !pt_tuning_wanted(l->ask, r->key))
			continue;
		l->item = (struct pt_item){ .knob = k };
		pt_case_init(&l->c, k, l->ask->facts);
		l->c.profile = l->ask->profile;
		int rc = pt_expr_holds(r->when, pt_case_lookup, &l->c, &holds, err);
		if (rc < 0)
			return pt_err_wrap(err, "rule %s", r->id);
		if (holds)
			on_rule(l, r);
	}
	return 0;
}

int pt_lint(const struct pt_tuning_ask *ask, pt_lint_fn *fn, void *ctx, struct pt_arena *a,
	struct pt_err *err)
{
	struct linter l = { .ask = ask, .a = a, .fn = fn, .ctx = ctx };

	for (size_t i = 0; i < ask->profile->n_items; i++) {
		const struct pt_profile_item *it = &ask->profile->items[i];
		char now[PT_KNOB_VALUE], value[PT_KNOB_VALUE] = "";
		if (!pt_tuning_wanted(ask, it->knob->key) || !*it->text)
			continue;
		l.item = (struct pt_item){ .knob = it->knob, .guide = it->text };
		pt_case_init(&l.c, it->knob, ask->facts);
		l.c.profile = ask->profile;
		l.c.comment = it->comment;
		if (ask->host)
			fill_host(&l, it, now);
		else
			fill_reference(&l, it->knob);
		if (pt_profile_item_literal(it, value, NULL) < 0 &&
			pt_case_value(&l.c, it->text, value, NULL) < 0)
			continue; // hangs on what is not known: nothing to judge
		pt_case_ask(&l.c, value);
		int rc = pt_rules_judge(&l.c, on_rule, &l, err);
		if (rc < 0)
			return rc;
	}
	return lint_lacks(&l, err);
}
