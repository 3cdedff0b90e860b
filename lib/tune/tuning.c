// SPDX-License-Identifier: MIT
#include "tune/tuning.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/qos.h"
#include "tune/unit.h"
#include "tune/wg.h"

#define MAX_ITEMS 8192
#define NIC       "nic."

const char *const pt_action_signs[] = {
	[PT_TUNE_SAME] = "=",
	[PT_TUNE_SET] = "+",
	[PT_TUNE_ADAPT] = "A",
	[PT_TUNE_SKIP] = "S",
	[PT_TUNE_REFUSE] = "R",
	[PT_TUNE_UNKNOWN] = "?",
	[PT_TUNE_HAND] = "H",
	[PT_TUNE_SHADOWED] = "!",
	[PT_TUNE_WARN] = "W",
};

static bool any_matches(const char *const *patterns, unsigned n, const char *key)
{
	for (unsigned i = 0; i < n; i++) {
		if (fnmatch(patterns[i], key, 0) == 0)
			return true;
	}
	return false;
}

bool pt_tuning_wanted(const struct pt_tuning_ask *ask, const char *key)
{
	if (ask->n_only && !any_matches(ask->only, ask->n_only, key))
		return false;
	return !any_matches(ask->skip, ask->n_skip, key);
}

static int current_sysctl(const struct pt_host *h, const struct pt_knob *k, char out[PT_KNOB_VALUE])
{
	pt_autobuf text = { 0 };
	char path[256];
	struct pt_knob unbounded = *k; // the kernel may hold what may not be asked for

	unbounded.min = unbounded.max = 0;
	int rc = pt_host_sysctl_path(k->key, path, sizeof(path));
	if (rc == 0)
		rc = pt_host_read(h, path, &text);
	if (rc < 0)
		return rc;
	if (unbounded.canon == PT_CANON_WORD || unbounded.canon == PT_CANON_PORTS || text.len)
		return pt_knob_canonical(&unbounded, pt_buf_str(&text), out, NULL);
	return -ENODATA;
}

// What facts know of services and the database.
static int current_fact(const struct pt_facts *f, const struct pt_knob *k, char out[PT_KNOB_VALUE])
{
	static const char *const vacuum[] = { "none", "full", "incremental" };
	double v;

	if (strcmp(k->key, "limits.nofile") == 0) {
		v = f->value[PT_FACT_nofile];
	} else if (strcmp(k->key, "sqlite.page_size") == 0) {
		v = f->value[PT_FACT_db_page_size];
	} else if (strcmp(k->key, "sqlite.journal_mode") == 0 && !isnan(f->value[PT_FACT_db_wal])) {
		(void)snprintf(
			out, PT_KNOB_VALUE, "%s", f->value[PT_FACT_db_wal] == 1 ? "wal" : "delete");
		return 0;
	} else if (strcmp(k->key, "sqlite.auto_vacuum") == 0 &&
		!isnan(f->value[PT_FACT_db_auto_vacuum])) {
		(void)snprintf(
			out, PT_KNOB_VALUE, "%s", vacuum[(int)f->value[PT_FACT_db_auto_vacuum]]);
		return 0;
	} else {
		return -ENODATA;
	}
	if (isnan(v))
		return -ENODATA;
	(void)snprintf(out, PT_KNOB_VALUE, "%.0f", v);
	return 0;
}

static int current_joined(const struct pt_joined *j, const struct pt_host *h, const char *device,
	const struct pt_knob *k, char out[PT_KNOB_VALUE])
{
	char text[PT_KNOB_VALUE];
	int rc = pt_joined_get(j, "", k->key, out); // the guide's knobs are not all words of it

	if (rc == 0)
		rc = j->read(h, device, text, NULL);
	return rc < 0 ? rc : pt_joined_get(j, text, k->key, out);
}

int pt_tuning_current(const struct pt_host *h, const struct pt_facts *f, const struct pt_nic *nic,
	const struct pt_knob *k, char out[PT_KNOB_VALUE])
{
	const struct pt_joined *joined = pt_joined_of(k->key);

	if (pt_knob_is_sysctl(k))
		return current_sysctl(h, k, out);
	if (strncmp(k->key, NIC, sizeof(NIC) - 1) == 0) {
		const struct pt_nic_setting *s = nic ? pt_nic_get(nic, k->key + sizeof(NIC) - 1)
						     : NULL;
		if (!s)
			return -ENOENT;
		(void)snprintf(out, PT_KNOB_VALUE, "%s", s->value);
		return 0;
	}
	if (joined && (nic || !joined->per_device))
		return current_joined(joined, h, nic ? nic->name : NULL, k, out);
	return current_fact(f, k, out);
}

// Whosever word is the last: our own drop-in may say nothing.
static int current_unit(
	const struct pt_host *h, const char *unit, const struct pt_knob *k, char out[PT_KNOB_VALUE])
{
	struct pt_knob unbounded = *k;
	struct pt_sysctl_origin o;
	pt_autoarena a = { 0 };

	unbounded.min = unbounded.max = 0;
	int rc = pt_unit_origin(h, unit, k->key, &a, &o);
	if (rc == -ENODEV)
		return -ENOENT;
	if (rc < 0 || pt_knob_canonical(&unbounded, o.value, out, NULL) < 0)
		(void)snprintf(out, PT_KNOB_VALUE, "none");
	return 0;
}

// One item on its way through the rules.
struct maker {
	const struct pt_tuning_ask *ask;
	struct pt_arena *a;
	struct pt_tuning *out;
	struct pt_item *item;
	const char *tunnel; // of WireGuard, or its peer; NULL: no such setting
	double tunnel_mtu;
	const char *unit; // whose setting it is; NULL: no unit's
	struct pt_case c;
	const struct pt_rule *decided; // first rule that was no mere warning
	const struct pt_rule *warned;
};

static void on_rule(void *ctx, const struct pt_rule *r)
{
	struct maker *m = ctx;

	for (unsigned i = 0; i < m->ask->n_allow; i++) {
		if (strcmp(m->ask->allow[i], r->id) == 0 && r->verdict == PT_VERDICT_REFUSE)
			return;
	}
	if (r->verdict == PT_VERDICT_WARN) {
		m->warned = m->warned ? m->warned : r;
	} else if (!m->decided ||
		(r->verdict == PT_VERDICT_REFUSE && m->decided->verdict != PT_VERDICT_REFUSE)) {
		m->decided = r;
	}
}

static void decide(struct pt_item *it, enum pt_tune_action action, const struct pt_rule *r)
{
	it->action = action;
	if (r) {
		it->rule = r->id;
		it->why = r->why;
	}
}

// Per field the greater of what is asked for and what is there.
static int raise_value(struct maker *m, char value[PT_KNOB_VALUE])
{
	struct pt_case c = m->c;
	char out[PT_KNOB_VALUE];
	static const char higher[] = "max(v0, c0);max(v1, c1);max(v2, c2)";

	pt_case_ask(&c, value);
	if (isnan(c.c[0]) || isnan(c.v[0]))
		return 0;
	if (c.knob->fields < 2 && c.c[0] >= c.v[0]) { // as it is: doubles round large numbers
		(void)snprintf(value, PT_KNOB_VALUE, "%s", m->item->before);
		return 0;
	}
	int rc = pt_case_value(&c, higher, out, NULL);
	if (rc == 0)
		(void)snprintf(value, PT_KNOB_VALUE, "%s", out);
	return rc;
}

// The best that the kernel has of what is named; the last name where it has none.
static int asked_leaf(struct maker *m, const struct pt_profile_item *from, char out[PT_KNOB_VALUE])
{
	const char *last = strrchr(from->text, ';');
	struct pt_err err;
	int rc = pt_qos_leaf(m->ask->host, from->text, out, &err);

	m->c.there = rc == 0;
	if (rc < 0 && rc != -ENOENT) {
		m->item->why = pt_arena_strdup(m->a, err.msg);
		return rc;
	}
	if (rc < 0)
		(void)snprintf(out, PT_KNOB_VALUE, "%s", last ? last + 1 : from->text);
	return 0;
}

// The value that is asked for, in canonical form.
static int asked_value(struct maker *m, const struct pt_profile_item *from, char out[PT_KNOB_VALUE])
{
	struct pt_err err;

	if (from->op == PT_OP_KEEP && !*from->text) {
		(void)snprintf(out, PT_KNOB_VALUE, "%s", m->item->before ? m->item->before : "");
		return m->item->before ? 0 : -ENODATA;
	}
	if (strcmp(from->knob->key, "qos.leaf") == 0)
		return asked_leaf(m, from, out);
	if (m->unit && !from->list && from->knob->canon == PT_CANON_WORD) {
		int rc = pt_unit_resolve(
			m->ask->host, m->ask->nics, from->knob->key, from->text, out);
		if (rc < 0)
			m->item->why = strcmp(from->text, "wan") == 0
				? "this host does not say where its WAN devices are"
				: "no libjemalloc.so.2 is here";
		return rc;
	}
	if (pt_profile_item_literal(from, out, NULL) == 0)
		return 0;
	int rc = pt_case_value(&m->c, from->text, out, &err);
	if (rc < 0)
		m->item->why = pt_arena_strdup(m->a, err.msg);
	return rc;
}

static bool is_nic(const struct pt_knob *k)
{
	return strncmp(k->key, NIC, sizeof(NIC) - 1) == 0;
}

static bool written_here(const struct pt_knob *k)
{
	const struct pt_joined *joined = pt_joined_of(k->key);
	char word[PT_KNOB_VALUE];

	if (is_nic(k))
		return strcmp(k->key, "nic.qdisc") != 0;
	return pt_knob_is_sysctl(k) || pt_wg_is(k->key) || pt_unit_is(k->key) ||
		(joined && pt_joined_get(joined, "", k->key, word) == 0);
}

static int settle(struct maker *m, const struct pt_profile_item *from, char value[PT_KNOB_VALUE],
	struct pt_err *err)
{
	struct pt_item *it = m->item;
	int rc = pt_rules_judge(&m->c, on_rule, m, err);

	if (rc < 0)
		return rc;
	if (m->decided && m->decided->verdict == PT_VERDICT_REFUSE) {
		decide(it, PT_TUNE_REFUSE, m->decided);
		return 0;
	}
	if (m->decided && m->decided->verdict == PT_VERDICT_SKIP) {
		decide(it, PT_TUNE_SKIP, m->decided);
		return 0;
	}
	decide(it, PT_TUNE_SET, m->warned);
	if (m->decided) {
		decide(it, PT_TUNE_ADAPT, m->decided);
		if (pt_case_value(&m->c, m->decided->want, value, NULL) < 0) {
			if (it->before) // what it hangs on is not known: leave it alone
				(void)snprintf(value, PT_KNOB_VALUE, "%s", it->before);
			else
				it->action = PT_TUNE_SKIP;
		}
	}
	if (from->op == PT_OP_KEEP && it->before)
		(void)snprintf(value, PT_KNOB_VALUE, "%s", it->before);
	if (from->op == PT_OP_RAISE && it->before && raise_value(m, value) < 0)
		it->action = PT_TUNE_UNKNOWN;
	it->want = pt_arena_strdup(m->a, value);
	if (it->before && strcmp(it->before, value) == 0)
		it->action = PT_TUNE_SAME;
	else if (!written_here(it->knob) && it->action != PT_TUNE_SKIP)
		it->action = PT_TUNE_HAND;
	return 0;
}

// Of the items made so far.
static double wanted_rate(const struct maker *m, const struct pt_nic *nic)
{
	double v[PT_KNOB_FIELDS];

	for (unsigned i = m->out->n; i-- > 0;) {
		const struct pt_item *it = &m->out->item[i];
		if (it->device && it->want && strcmp(it->knob->key, "qos.rate") == 0 &&
			strcmp(it->device, nic->name) == 0 &&
			pt_knob_numbers(it->knob, it->want, v))
			return v[0];
	}
	return NAN;
}

static void fill_case(struct maker *m, const struct pt_nic *nic)
{
	const struct pt_tuning_ask *ask = m->ask;
	const struct pt_joined *joined = pt_joined_of(m->item->knob->key);
	char text[PT_KNOB_VALUE];

	pt_case_init(&m->c, m->item->knob, ask->facts);
	m->c.profile = ask->profile;
	m->c.host = ask->host;
	if (joined && (nic || !joined->per_device))
		m->c.fixed = joined->read(ask->host, nic ? nic->name : NULL, text, NULL) == 0 &&
			pt_joined_is_other(text);
	if (m->unit) {
		m->c.there = m->item->before != NULL;
		m->c.oneshot = pt_unit_is_oneshot(ask->host, m->unit);
	}
	if (m->tunnel)
		m->c.max = m->tunnel_mtu;
	if (!nic)
		return;
	m->c.uplink = nic->rate_bps / 1e6;
	m->c.rate = wanted_rate(m, nic);
	if (!is_nic(m->item->knob))
		return;
	const struct pt_nic_setting *s = pt_nic_get(nic, m->item->knob->key + sizeof(NIC) - 1);
	m->c.there = s != NULL;
	m->c.queues = nic->queues;
	if (s) {
		m->c.max = s->max;
		m->c.fixed = s->fixed;
	}
}

static int make_item(struct maker *m, const struct pt_profile_item *from, const struct pt_nic *nic,
	struct pt_err *err)
{
	char now[PT_KNOB_VALUE], value[PT_KNOB_VALUE];
	struct pt_item *it = m->item;
	const struct pt_knob *k = from->knob;

	m->unit = !pt_unit_is(k->key) ? NULL
		: from->match.unit    ? from->match.unit
				      : PT_UNIT_DEFAULT;
	*it = (struct pt_item){ .knob = k,
		.device = m->tunnel ? m->tunnel
			: nic       ? pt_arena_strdup(m->a, nic->name)
				    : m->unit };
	it->guide = pt_arena_strdup(
		m->a, from->op == PT_OP_KEEP && !*from->text ? "keep" : from->text);
	int here = m->tunnel ? pt_wg_get(m->ask->nics, k->key, m->tunnel, now, NULL)
		: m->unit    ? current_unit(m->ask->host, m->unit, k, now)
			     : pt_tuning_current(m->ask->host, m->ask->facts, nic, k, now);
	if (here == 0)
		it->before = pt_arena_strdup(m->a, now);
	fill_case(m, nic);
	if (here == 0)
		pt_case_current(&m->c, it->before);
	m->c.comment = from->comment;
	if (m->ask->netns && k->scope != PT_SCOPE_NETNS && k->scope != PT_SCOPE_DEVICE) {
		it->action = PT_TUNE_REFUSE;
		it->rule = "SCOPE-NETNS";
		it->why = "not each network namespace has its own: it would reach the host";
		return 0;
	}
	int rc = asked_value(m, from, value);
	if (rc < 0) {
		bool no_setting = nic && !it->before;
		it->action = no_setting ? PT_TUNE_SKIP : PT_TUNE_UNKNOWN;
		it->rule = no_setting ? "NIC-UNSUPPORTED" : NULL;
		it->why = no_setting ? "the driver has no such setting" : it->why;
		return 0;
	}
	pt_case_ask(&m->c, pt_arena_strdup(m->a, value));
	rc = settle(m, from, value, err);
	if (rc == 0 && here < 0 && written_here(k) &&
		(it->action == PT_TUNE_SET || it->action == PT_TUNE_ADAPT) && !k->module) {
		it->action = here == -ENOENT ? PT_TUNE_SKIP : PT_TUNE_UNKNOWN;
		it->why = here == -ENOENT ? "this kernel has no such key here"
					  : pt_arena_strdup(m->a, strerrordesc_np(-here));
	}
	if (!it->why || it->action == PT_TUNE_SAME)
		it->why = from->why ? from->why : it->why;
	return rc;
}

static int add(struct maker *m, const struct pt_profile_item *from, const struct pt_nic *nic,
	struct pt_err *err)
{
	if (m->out->n == MAX_ITEMS)
		return pt_err_set(err, -E2BIG, "more than %d settings", MAX_ITEMS);
	m->item = &m->out->item[m->out->n];
	m->decided = m->warned = NULL;
	int rc = make_item(m, from, nic, err);
	if (rc < 0)
		return rc;
	m->out->count[m->item->action]++;
	m->out->n++;
	return 0;
}

static int add_devices(struct maker *m, const struct pt_profile_item *from, struct pt_err *err)
{
	const struct pt_nics *all = m->ask->nics;
	const char *only = m->ask->device;

	for (unsigned i = 0; i < all->n; i++) {
		bool mine = only ? strcmp(only, all->nic[i].name) == 0
				 : pt_nic_matches(&all->nic[i], &from->match);
		int rc = mine ? add(m, from, &all->nic[i], err) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

// Each device of WireGuard, or each peer of it.
static int add_tunnel(struct maker *m, const struct pt_profile_item *from, const struct pt_nic *nic,
	struct pt_err *err)
{
	struct pt_wg_view view;
	int rc = pt_wg_view(m->ask->host, nic->name, &view, NULL);

	if (rc < 0)
		return rc == -ENOMEM ? pt_err_set(err, rc, "out of memory") : 0; // of another kind
	m->tunnel_mtu = view.mtu;
	if (!pt_wg_per_peer(from->knob->key)) {
		m->tunnel = pt_arena_strdup(m->a, nic->name);
		rc = add(m, from, nic, err);
	}
	for (unsigned i = 0; pt_wg_per_peer(from->knob->key) && rc == 0 && i < view.n; i++) {
		m->tunnel = pt_arena_printf(m->a, "%s/%s", nic->name, view.peer[i]);
		rc = add(m, from, nic, err);
	}
	m->tunnel = NULL;
	pt_wg_view_done(&view);
	return rc;
}

static int add_tunnels(struct maker *m, const struct pt_profile_item *from, struct pt_err *err)
{
	const struct pt_nics *all = m->ask->nics;
	const char *only = m->ask->device;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < all->n; i++) {
		if (only ? strcmp(only, all->nic[i].name) == 0
			 : pt_nic_matches(&all->nic[i], &from->match))
			rc = add_tunnel(m, from, &all->nic[i], err);
	}
	return rc;
}

int pt_tuning_make(const struct pt_tuning_ask *ask, struct pt_arena *a, struct pt_tuning *out,
	struct pt_err *err)
{
	struct maker m = { .ask = ask, .a = a, .out = out };

	*out = (struct pt_tuning){ 0 };
	out->item = pt_arena_alloc(a, MAX_ITEMS * sizeof(*out->item));
	for (size_t i = 0; i < ask->profile->n_items; i++) {
		const struct pt_profile_item *from = &ask->profile->items[i];
		const struct pt_joined *joined = pt_joined_of(from->knob->key);
		int rc;
		if (!pt_tuning_wanted(ask, from->knob->key))
			continue;
		if (pt_wg_is(from->knob->key))
			rc = add_tunnels(&m, from, err);
		else if (is_nic(from->knob) || (joined && joined->per_device))
			rc = add_devices(&m, from, err);
		else
			rc = add(&m, from, NULL, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
