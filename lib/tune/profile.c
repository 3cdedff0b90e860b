// SPDX-License-Identifier: MIT
// YAML has the shape of the guide's areas; here it becomes a flat list of items, one a key.
#include "tune/profile.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/node.h"
#include "tune/apply.h"
#include "tune/expr.h"
#include "tune/host.h"
#include "tune/rule.h"
#include "tune/unit.h"

#define MAX_ITEMS   512
#define MAX_EXTENDS 4
#define MAX_GUARDS  16
#define KEY_LEN     128

struct loader {
	const struct pt_host *host;
	struct pt_arena *a;
	struct pt_profile *out;
	struct pt_err *err;
	const char *file;
	unsigned depth;
};

static int load_named(struct loader *l, const char *name);

#define fail(l, node, ...) fail_at((l), (node), pt_err_set((l)->err, -EINVAL, __VA_ARGS__))
static int fail_at(struct loader *l, const struct pt_node *n, int rc)
{
	(void)pt_err_wrap(l->err, "%s:%u:%u", l->file, n->line, n->column);
	return rc;
}

static const struct pt_node *child(const struct pt_node *map, const char *key)
{
	for (const struct pt_node *n = map->kind == PT_NODE_MAP ? map->first : NULL; n;
		n = n->next) {
		if (strcmp(n->key->text.s, key) == 0)
			return n;
	}
	return NULL;
}

static int scalar(struct loader *l, const struct pt_node *n, const char **out)
{
	if (n->kind != PT_NODE_SCALAR)
		return fail(l, n, "needs a single value");
	*out = pt_arena_strdup(l->a, n->text.s);
	return 0;
}

int pt_profile_item_literal(
	const struct pt_profile_item *it, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	char spaced[PT_KNOB_VALUE];

	if (!it->list)
		return pt_knob_canonical(it->knob, it->text, out, err);
	(void)snprintf(spaced, sizeof(spaced), "%s", it->text);
	for (char *p = spaced; *p; p++)
		*p = *p == ';' ? (it->knob->canon == PT_CANON_PORTS ? ',' : ' ') : *p;
	return pt_knob_canonical(it->knob, spaced, out, err);
}

// An expression that only lacks facts is good: -ENODATA.
static int check_value(struct loader *l, const struct pt_node *n, const struct pt_profile_item *it)
{
	char canonical[PT_KNOB_VALUE];
	struct pt_facts none;
	struct pt_case c;
	struct pt_err literal = { 0 }, expression;

	if (it->op == PT_OP_KEEP || pt_profile_item_literal(it, canonical, &literal) == 0)
		return 0;
	// A word that looks like a number out of range is no expression.
	if (literal.code == -ERANGE || it->knob->canon == PT_CANON_WORD ||
		it->knob->canon == PT_CANON_FEATURE || it->knob->canon == PT_CANON_PORTS ||
		it->knob->canon == PT_CANON_DSCP)
		return fail(l, n, "%s: %s", it->knob->key, literal.msg);
	for (int i = 0; i < PT_FACT_COUNT; i++)
		none.value[i] = NAN;
	pt_case_init(&c, it->knob, &none);
	int rc = pt_case_value(&c, it->text, canonical, &expression);
	return rc == 0 || rc == -ENODATA ? 0 : fail(l, n, "%s: %s", it->knob->key, literal.msg);
}

static int join_list(struct loader *l, const struct pt_node *list, const char **out)
{
	pt_autobuf b = { 0 };

	for (const struct pt_node *n = list->first; n; n = n->next) {
		if (n->kind != PT_NODE_SCALAR)
			return fail(l, n, "needs a single value");
		pt_buf_printf(&b, "%s%s", b.len ? ";" : "", n->text.s);
	}
	*out = pt_arena_strdup(l->a, pt_buf_str(&b));
	return 0;
}

static int read_value(struct loader *l, const struct pt_node *n, struct pt_profile_item *it)
{
	int rc;

	if (n->kind == PT_NODE_MAP)
		return fail(l, n, "%s: needs a value or a list", it->knob->key);
	it->list = n->kind == PT_NODE_LIST;
	rc = it->list ? join_list(l, n, &it->text) : scalar(l, n, &it->text);
	if (rc < 0)
		return rc;
	char *text = pt_arena_strdup(l->a, it->text);
	it->comment = !it->list && pt_knob_strip_comment(text);
	it->text = text;
	return 0;
}

static int read_op(struct loader *l, const struct pt_node *n, struct pt_profile_item *it)
{
	const char *word = NULL;
	int rc = scalar(l, n, &word);

	for (int op = PT_OP_SET; rc == 0 && op <= PT_OP_KEEP; op++) {
		if (strcmp(word, pt_knob_op_names[op]) == 0) {
			it->op = (enum pt_knob_op)op;
			return 0;
		}
	}
	return rc < 0 ? rc : fail(l, n, "op: '%s' is none of set, raise, keep", word);
}

// {op: raise, value: [keep, keep, "2*bdp"], why: "..."}
static int read_options(struct loader *l, const struct pt_node *map, struct pt_profile_item *it)
{
	bool has_value = false;

	for (const struct pt_node *n = map->first; n; n = n->next) {
		const char *key = n->key->text.s;
		int rc;
		if (strcmp(key, "value") == 0) {
			rc = read_value(l, n, it);
			has_value = true;
		} else if (strcmp(key, "op") == 0) {
			rc = read_op(l, n, it);
		} else if (strcmp(key, "why") == 0) {
			rc = scalar(l, n, &it->why);
		} else {
			rc = fail(l, n->key, "%s: '%s' is none of value, op, why", it->knob->key,
				key);
		}
		if (rc < 0)
			return rc;
	}
	if (!has_value && it->op != PT_OP_KEEP)
		return fail(l, map, "%s: needs a value, or op: keep", it->knob->key);
	return 0;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

// A later item of the same key and match takes the place of an earlier one.
static int put_item(struct loader *l, const struct pt_node *n, const struct pt_profile_item *it)
{
	struct pt_profile *p = l->out;

	for (size_t i = 0; i < p->n_items; i++) {
		struct pt_profile_item *old = &p->items[i];
		if (old->knob == it->knob && same(old->match.role, it->match.role) &&
			same(old->match.name, it->match.name) &&
			same(old->match.driver, it->match.driver) &&
			same(old->match.unit, it->match.unit)) {
			if (same(old->file, it->file))
				return fail(l, n->key, "%s: given twice, first in line %u",
					it->knob->key, old->line);
			*old = *it;
			return 0;
		}
	}
	if (p->n_items == MAX_ITEMS)
		return fail(l, n, "more than %d settings", MAX_ITEMS);
	p->items[p->n_items++] = *it;
	return 0;
}

static bool is_options(const struct pt_node *n)
{
	return n->kind == PT_NODE_MAP && (child(n, "value") || child(n, "op"));
}

static int read_item(struct loader *l, const struct pt_knob *k, const struct pt_node *n,
	const struct pt_profile_match *match)
{
	struct pt_profile_item it = { .knob = k,
		.text = "",
		.op = k->op,
		.match = *match,
		.line = n->key->line,
		.file = l->file };
	int rc = is_options(n) ? read_options(l, n, &it) : read_value(l, n, &it);

	if (rc == 0)
		rc = check_value(l, n, &it);
	return rc < 0 ? rc : put_item(l, n, &it);
}

// Which devices it is for; the guide's qos.match, a single value, is a knob.
static bool is_device_match(const char *area, const struct pt_node *n)
{
	return strcmp(n->key->text.s, "match") == 0 &&
		(strcmp(area, "nic") == 0 || strcmp(area, "wireguard") == 0 ||
			(strcmp(area, "qos") == 0 && n->kind != PT_NODE_SCALAR));
}

static bool is_unit_name(const char *area, const struct pt_node *n)
{
	return strcmp(area, "unit") == 0 && strcmp(n->key->text.s, "name") == 0;
}

// A unit's limits stand with it; its knobs are limits.*.
static bool is_unit_limits(const char *area, const struct pt_node *n)
{
	return strcmp(area, "unit") == 0 && strcmp(n->key->text.s, "limits") == 0;
}

// "nic" + {rings: {rx: 1}} is nic.rings.rx
static int read_area(struct loader *l, const char *prefix, const struct pt_node *map,
	const struct pt_profile_match *match)
{
	if (map->kind != PT_NODE_MAP)
		return fail(l, map, "needs a mapping (key: value)");
	for (const struct pt_node *n = map->first; n; n = n->next) {
		char key[KEY_LEN];
		int rc;
		if (match->role == NULL && *prefix == '\0' && n->kind == PT_NODE_MAP &&
			!is_options(n))
			return fail(l, n, "%s: needs a value", n->key->text.s);
		if (is_device_match(prefix, n) || is_unit_name(prefix, n))
			continue;
		if (is_unit_limits(prefix, n)) {
			rc = read_area(l, "limits", n, match);
			if (rc < 0)
				return rc;
			continue;
		}
		(void)snprintf(
			key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "", n->key->text.s);
		const struct pt_knob *k = pt_knob_find(key);
		if (k)
			rc = read_item(l, k, n, match);
		else if (n->kind == PT_NODE_MAP && !is_options(n))
			rc = read_area(l, key, n, match);
		else
			rc = fail(l, n->key, "no knob is called '%s'; `pt-tune explain' lists all",
				key);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_match(
	struct loader *l, const char *area, const struct pt_node *map, struct pt_profile_match *out)
{
	const struct pt_node *m = child(map, "match");

	if (!m || !is_device_match(area, m))
		return 0;
	if (m->kind != PT_NODE_MAP)
		return fail(l, m, "match: needs role, name or driver");
	for (const struct pt_node *n = m->first; n; n = n->next) {
		const char *key = n->key->text.s;
		const char **slot = strcmp(key, "role") == 0 ? &out->role
			: strcmp(key, "name") == 0           ? &out->name
			: strcmp(key, "driver") == 0         ? &out->driver
							     : NULL;
		int rc = slot ? scalar(l, n, slot)
			      : fail(l, n->key, "match: '%s' is none of role, name, driver", key);
		if (rc < 0)
			return rc;
	}
	if (out->role && strcmp(out->role, "wan") != 0 && strcmp(out->role, "lan") != 0)
		return fail(l, m, "match: role is wan or lan");
	return 0;
}

// One entry, or a list of them, each with the devices that it is for.
static int read_per_device(
	struct loader *l, const char *area, const struct pt_node *entry, const char *role)
{
	struct pt_profile_match match = { 0 };
	int rc = read_match(l, area, entry, &match);

	if (!match.role && !match.name && !match.driver)
		match.role = role;
	return rc < 0 ? rc : read_area(l, area, entry, &match);
}

static int read_nic(struct loader *l, const struct pt_node *list)
{
	int rc = 0;

	if (list->kind != PT_NODE_LIST)
		return fail(l, list, "nic: needs a list, each entry with a match");
	for (const struct pt_node *n = list->first; rc == 0 && n; n = n->next)
		rc = read_per_device(l, "nic", n, NULL);
	return rc;
}

// One entry or several; role: of devices where an entry has no match, NULL: any.
static int read_devices(
	struct loader *l, const char *area, const struct pt_node *list, const char *role)
{
	int rc = 0;

	if (list->kind != PT_NODE_LIST)
		return read_per_device(l, area, list, role);
	for (const struct pt_node *n = list->first; rc == 0 && n; n = n->next)
		rc = read_per_device(l, area, n, role);
	return rc;
}

static int read_unit(struct loader *l, const struct pt_node *entry)
{
	struct pt_profile_match match = { 0 };
	const struct pt_node *name = child(entry, "name");
	int rc = name ? scalar(l, name, &match.unit) : 0;

	if (rc == 0 && match.unit && !pt_unit_name_ok(match.unit))
		return fail(l, name, "unit: '%s' is no service's name", match.unit);
	return rc < 0 ? rc : read_area(l, "unit", entry, &match);
}

// One unit, or a list of them.
static int read_units(struct loader *l, const struct pt_node *units)
{
	int rc = 0;

	if (units->kind != PT_NODE_LIST)
		return read_unit(l, units);
	for (const struct pt_node *n = units->first; rc == 0 && n; n = n->next)
		rc = read_unit(l, n);
	return rc;
}

static int read_vars(struct loader *l, const struct pt_node *map)
{
	for (const struct pt_node *n = map->kind == PT_NODE_MAP ? map->first : NULL; n;
		n = n->next) {
		enum pt_fact fact = pt_fact_find(n->key->text.s);
		uint64_t v;
		if (!fact || pt_fact_rows[fact].counter)
			return fail(l, n->key, "vars: no fact is called '%s'", n->key->text.s);
		if (n->kind != PT_NODE_SCALAR || pt_parse_u64(n->text.s, 0, 1ull << 52, &v) < 0)
			return fail(l, n, "vars: %s: not a whole number", n->key->text.s);
		l->out->vars[fact] = (double)v;
	}
	return 0;
}

static int read_regress(struct loader *l, const struct pt_node *map)
{
	struct pt_profile *p = l->out;

	p->guards = pt_arena_alloc(l->a, MAX_GUARDS * sizeof(*p->guards));
	p->n_guards = 0;
	for (const struct pt_node *n = map->kind == PT_NODE_MAP ? map->first : NULL; n;
		n = n->next) {
		enum pt_fact fact = pt_fact_find(n->key->text.s);
		uint64_t v;
		if (!fact || !pt_fact_rows[fact].counter)
			return fail(
				l, n->key, "regress: no counter is called '%s'", n->key->text.s);
		if (n->kind != PT_NODE_SCALAR || pt_parse_u64(n->text.s, 0, 1ull << 52, &v) < 0)
			return fail(l, n, "regress: %s: not a whole number", n->key->text.s);
		if (p->n_guards == MAX_GUARDS)
			return fail(l, n, "regress: more than %d counters", MAX_GUARDS);
		p->guards[p->n_guards++] = (struct pt_profile_guard){ fact, (double)v };
	}
	return 0;
}

static int read_guards(struct loader *l, const struct pt_node *map)
{
	const struct pt_node *regress = child(map, "regress"), *probes = child(map, "probes");

	for (const struct pt_node *n = map->kind == PT_NODE_MAP ? map->first : NULL; n;
		n = n->next) {
		if (n != regress && n != probes)
			return fail(l, n->key, "guards: '%s' is none of probes, regress",
				n->key->text.s);
	}
	if (probes && probes->kind == PT_NODE_LIST) {
		const char **list = pt_arena_alloc(l->a, probes->n * sizeof(*list));
		uint32_t i = 0;
		for (const struct pt_node *n = probes->first; n; n = n->next) {
			struct pt_err why = { 0 };
			int rc = scalar(l, n, &list[i]);
			if (rc < 0)
				return rc;
			if (pt_probe_check(list[i++], &why) < 0)
				return fail(l, n, "guards: %s", why.msg);
		}
		l->out->probes = list;
		l->out->n_probes = i;
	}
	return regress ? read_regress(l, regress) : 0;
}

static int read_extends(struct loader *l, const struct pt_node *list)
{
	if (list->kind != PT_NODE_LIST)
		return fail(l, list, "extends: needs a list of profiles");
	for (const struct pt_node *n = list->first; n; n = n->next) {
		const char *name = NULL, *file = l->file;
		int rc = scalar(l, n, &name);
		if (rc < 0)
			return rc;
		if (l->depth >= MAX_EXTENDS)
			return fail(l, n, "extends: deeper than %d", MAX_EXTENDS);
		l->depth++;
		rc = load_named(l, name);
		l->depth--;
		l->file = file;
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_top(struct loader *l, const struct pt_node *n)
{
	static const char *const areas[] = { "marking", "limits", "sqlite", "config", "persist",
		"host", "claim" };
	static const struct pt_profile_match any = { 0 };
	const char *key = n->key->text.s;

	if (strcmp(key, "apiVersion") == 0 || strcmp(key, "extends") == 0)
		return 0; // read before
	if (strcmp(key, "name") == 0)
		return scalar(l, n, &l->out->name);
	if (strcmp(key, "doc") == 0)
		return scalar(l, n, &l->out->doc);
	if (strcmp(key, "match") == 0)
		return scalar(l, n, &l->out->match);
	if (strcmp(key, "vars") == 0)
		return read_vars(l, n);
	if (strcmp(key, "guards") == 0)
		return read_guards(l, n);
	if (strcmp(key, "sysctl") == 0)
		return read_area(l, "", n, &any);
	if (strcmp(key, "nic") == 0)
		return read_nic(l, n);
	if (strcmp(key, "qos") == 0)
		return read_devices(l, "qos", n, "wan");
	if (strcmp(key, "wireguard") == 0)
		return read_devices(l, "wireguard", n, NULL);
	if (strcmp(key, "unit") == 0)
		return read_units(l, n);
	for (size_t i = 0; i < PT_ARRAY_LEN(areas); i++) {
		if (strcmp(key, areas[i]) == 0)
			return read_area(l, areas[i], n, &any);
	}
	return fail(l, n->key, "unknown key '%s'", key);
}

static int load_text(struct loader *l, const char *file, const char *text, size_t len)
{
	struct pt_node *root = NULL;
	int rc = pt_node_parse(file, text, len, l->a, &root, l->err);

	if (rc < 0)
		return rc;
	l->file = pt_arena_strdup(l->a, file);
	if (!root || root->kind != PT_NODE_MAP)
		return pt_err_set(l->err, -EINVAL, "%s: is no profile", file);
	const struct pt_node *api = child(root, "apiVersion"), *bases = child(root, "extends");
	if (!api || api->kind != PT_NODE_SCALAR || strcmp(api->text.s, "patronus/tune/v1") != 0)
		return fail(l, api ? api : root, "apiVersion: needs patronus/tune/v1");
	rc = bases ? read_extends(l, bases) : 0;
	for (const struct pt_node *n = root->first; rc == 0 && n; n = n->next)
		rc = read_top(l, n);
	return rc;
}

static int load_named(struct loader *l, const char *name)
{
	pt_autobuf text = { 0 };
	char path[256];

	if (strchr(name, '/')) {
		int rc = pt_file_read(name, &text, l->err);
		return rc < 0 ? rc : load_text(l, name, pt_buf_str(&text), text.len);
	}
	(void)snprintf(path, sizeof(path), PT_PROFILE_DIR "/%s.yaml", name);
	if (pt_host_read(l->host, path, &text) == 0)
		return load_text(l, path, pt_buf_str(&text), text.len);
	for (const struct pt_shipped_profile *s = pt_shipped_profiles; s->name; s++) {
		if (strcmp(s->name, name) == 0)
			return load_text(l, name, s->text, (size_t)(s->end - s->text));
	}
	return pt_err_set(
		l->err, -ENOENT, "no profile is called '%s'; `pt-tune profile' lists all", name);
}

int pt_profile_load(const struct pt_host *h, const char *name, struct pt_arena *a,
	struct pt_profile *out, struct pt_err *err)
{
	struct pt_err own = { 0 };
	struct loader l = { .host = h, .a = a, .out = out, .err = err ? err : &own };

	*out = (struct pt_profile){ 0 };
	out->items = pt_arena_alloc(a, MAX_ITEMS * sizeof(*out->items));
	for (int i = 0; i < PT_FACT_COUNT; i++)
		out->vars[i] = NAN;
	int rc = load_named(&l, name);
	if (rc == 0 && !out->name)
		return pt_err_set(l.err, -EINVAL, "%s: name: is missing", l.file);
	out->file = l.file;
	return rc;
}

void pt_profile_set_facts(const struct pt_profile *p, struct pt_facts *f)
{
	for (int i = 0; i < PT_FACT_COUNT; i++) {
		if (!isnan(p->vars[i]))
			f->value[i] = p->vars[i];
	}
	pt_facts_derive(f);
}
