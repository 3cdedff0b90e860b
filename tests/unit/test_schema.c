// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "model/config.h"
#include "model/network.h"
#include "model/records.h"
#include "sample.h"
#include "test.h"

static int from_json(const char *text, struct pt_arena *a, struct sample *s, struct pt_err *err)
{
	pt_autojson json_t *j = json_loads(text, 0, NULL);

	if (!j)
		return pt_err_set(err, -EBADMSG, "the test's own JSON is broken");
	return pt_json_read(j, &sample_schema, a, s, err);
}

static void json_round_trip(void)
{
	pt_autoarena a = { 0 };
	struct sample s, t;
	struct pt_err err = { 0 };
	struct pt_hist h = { 0 };

	T_NEED(sample_parse(full_yaml, &a, &s, &err) == 0);
	pt_hist_add(&h, 3);
	pt_hist_add(&h, 70000);
	s.hist = &h;
	pt_autojson json_t *j = pt_json_write(&sample_schema, &s);
	pt_autofree char *text = json_dumps(j, PT_JSON_DUMP);
	if (from_json(text, &a, &t, &err) < 0) {
		T_FAIL("%s", err.msg);
		return;
	}
	T_OK(pt_schema_equal(&sample_schema, &s, &t));
	T_HAS(text, "\"milli\":-0.25,");
	T_HAS(text, "\"dscp\":46,");
	T_HAS(text, "\"ports\":\"1000-2000\"");
}

static void json_integers_for_words(void)
{
	pt_autoarena a = { 0 };
	pt_autobuf yaml = { 0 };
	struct sample s;
	struct pt_err err = { 0 };

	T_NEED(from_json("{\"ports\": 22, \"dscp\": 2}", &a, &s, &err) == 0);
	T_EQ(s.ports.lo, 22);
	T_EQ(s.ports.hi, 22);
	T_EQ(s.dscp, 2);
	T_EQ(pt_yaml_write(&sample_schema, &s, &yaml), 0);
	T_STR(yaml.data, "dscp: 2\nports: 22\n"); // no name for this code point
}

static void json_nulls(void)
{
	pt_autoarena a = { 0 };
	struct sample s, t;
	struct pt_err err = { 0 };

	pt_schema_defaults(&sample_schema, &s);
	pt_autojson json_t *j = pt_json_write(&sample_schema, &s);
	T_OK(json_is_null(json_object_get(j, "id")));
	T_OK(json_is_null(json_object_get(j, "maybe")));
	T_OK(json_is_null(json_object_get(j, "addr")));
	T_OK(json_is_null(json_object_get(j, "hist")));
	T_OK(json_is_array(json_object_get(j, "items")));
	T_NEED(pt_json_read(j, &sample_schema, &a, &t, &err) == 0);
	T_OK(pt_schema_equal(&sample_schema, &s, &t));
}

// Thousandths must not drift through binary fractions.
static void json_thousandths(void)
{
	pt_autoarena a = { 0 };
	struct pt_err err = { 0 };

	for (int64_t v = -1000; v <= 5000; v++) {
		struct sample s, t;
		pt_schema_defaults(&sample_schema, &s);
		s.milli = v;
		pt_autojson json_t *j = pt_json_write(&sample_schema, &s);
		pt_autofree char *text = json_dumps(j, PT_JSON_DUMP);
		T_NEED(from_json(text, &a, &t, &err) == 0);
		if (t.milli != v || strstr(text, "00000"))
			T_FAIL("%" PRId64 " came back as %" PRId64 " from %s", v, t.milli, text);
	}
}

static void json_refuses(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "[]", "needs an object, has a list" },
		{ "{\"number\": \"1\"}", "number: needs a whole number, has a text" },
		{ "{\"number\": 1.5}", "number: needs a whole number, has a number" },
		{ "{\"number\": null}", "number: needs a whole number, has null" },
		{ "{\"number\": 4000}", "number: 4000 is out of range -5 to 3600 s" },
		{ "{\"maybe\": -9223372036854775808}",
			"maybe: -9223372036854775808 is out of range: at least 0" },
		{ "{\"flag\": 1}", "flag: needs true or false, has a whole number" },
		{ "{\"milli\": \"1\"}", "milli: needs a number, has a text" },
		{ "{\"milli\": 6}", "milli: 6 is out of range" },
		{ "{\"milli\": 1e300}", "milli: 1e+300 is out of range" },
		{ "{\"colour\": 1}", "colour: needs a text, has a whole number" },
		{ "{\"colour\": \"pink\"}",
			"colour: \"pink\" is not a word for this; valid here: red, green, blue" },
		{ "{\"dscp\": 64}", "dscp: 64 is out of range 0 to 63" },
		{ "{\"ports\": 0}", "ports: 0 is out of range 1 to 65535" },
		{ "{\"ports\": 65536}", "ports: 65536 is out of range 1 to 65535" },
		{ "{\"addr\": \"x\"}",
			"addr: \"x\" is not an address, such as 192.0.2.1 or 2001:db8::1" },
		{ "{\"id\": \"\"}", "id: \"\" is not an id: 1 to 63 of A-Z a-z 0-9 . _ -" },
		{ "{\"text\": \"\\u001b[2J\"}", "text: control character 0x1b in a text" },
		{ "{\"inner\": {\"count\": 11}}", "inner.count: 11 is out of range 1 to 10 s" },
		{ "{\"inner\": null}", "inner: needs an object, has null" },
		{ "{\"items\": [{\"id\": \"a\"}, {}]}", "items[1].id: is missing" },
		{ "{\"items\": {}}", "items: needs a list, has an object" },
		{ "{\"items\": [{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"},{\"id\":\"d\"}]}",
			"items: 4 items, at most 3 are possible" },
		{ "{\"words\": [\"a\", null]}", "words[1]: needs a text, has null" },
		{ "{\"prefixes\": [\"10.0.0.1/8\"]}",
			"prefixes[0]: \"10.0.0.1/8\" is not a prefix: bits are set beyond its "
			"length" },
		{ "{\"hist\": [[1]]}", "hist: is not a histogram: [[bucket, count], ...]" },
		{ "{\"hist\": [[999999, 1]]}", "hist: is not a histogram: [[bucket, count], ...]" },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		pt_autoarena a = { 0 };
		struct sample s;
		struct pt_err err = { 0 };
		int rc = from_json(rows[i].text, &a, &s, &err);
		if (rc >= 0)
			T_FAIL("accepted: %s", rows[i].text);
		else if (strcmp(err.msg, rows[i].error) != 0 || err.code != rc)
			T_FAIL("%s:\n#  got  %d %s\n#  want %d %s", rows[i].text, err.code, err.msg,
				rc, rows[i].error);
	}
}

static void json_passes_unknown_keys(void)
{
	pt_autoarena a = { 0 };
	struct sample s;
	struct pt_err err = { 0 };

	T_EQ(from_json("{\"later\": [1], \"number\": 3, \"inner\": {\"x\": {}, \"count\": 2}}", &a,
		     &s, &err),
		0);
	T_EQ(s.number, 3);
	T_EQ(s.inner.count, 2);
	T_OK(s.inner.on);
}

// One edit in each field must show in both the comparison and the hash.
static void every_field_counts(void)
{
	static const char *const edits[] = { "id: x", "text: x", "flag: true", "number: 8",
		"maybe: 1", "milli: 0.001", "dscp: cs1", "colour: red", "addr: 192.0.2.1",
		"prefix: 10.0.0.0/8", "ports: 1", "inner: {count: 6}", "inner: {on: false}",
		"items: [{id: a}]", "items: [{id: a, weight: 2}]", "words: [a]", "words: [a, b]",
		"words: [b, a]", "prefixes: [10.0.0.0/8]", "prefixes: [10.0.0.0/9]",
		"numbers: [0]" };
	enum { N = PT_ARRAY_LEN(edits) };
	pt_autoarena a = { 0 };
	struct sample s[N + 1];
	char hash[N + 1][17];
	struct pt_err err = { 0 };

	pt_schema_defaults(&sample_schema, &s[N]);
	pt_schema_hash(&sample_schema, &s[N], hash[N]);
	for (size_t i = 0; i < N; i++) {
		T_NEED(sample_parse(edits[i], &a, &s[i], &err) == 0);
		pt_schema_hash(&sample_schema, &s[i], hash[i]);
		T_OK(pt_schema_equal(&sample_schema, &s[i], &s[i]));
	}
	for (size_t i = 0; i <= N; i++) {
		for (size_t j = 0; j < i; j++) {
			if (pt_schema_equal(&sample_schema, &s[i], &s[j]))
				T_FAIL("%s equals %s", i < N ? edits[i] : "defaults", edits[j]);
			if (strcmp(hash[i], hash[j]) == 0)
				T_FAIL("%s hashes as %s", i < N ? edits[i] : "defaults", edits[j]);
		}
	}
}

// The hash names a configuration across hosts and versions: it must not move by itself.
static void hash_is_stable(void)
{
	struct inner in = { .count = 5, .on = true };
	char hash[17];

	pt_schema_hash(&inner_schema, &in, hash); // FNV-1a of {"count":5,"on":true}
	T_STR(hash, "6b40b4156d0451b0");
}

// Rows must be complete and must not contradict themselves.
static void check_rows(const struct pt_schema *s, unsigned *seen)
{
	T_OK(s->n > 0 && s->n <= 64);
	for (size_t i = 0; i < s->n; i++, (*seen)++) {
		const struct pt_field *f = &s->fields[i];
		bool number = f->kind == PT_KIND_I64 || f->kind == PT_KIND_MILLI;
		bool nullable = f->flags & PT_FIELD_NULLABLE;
		if (!f->doc || !*f->doc || f->doc[strlen(f->doc) - 1] == '.')
			T_FAIL("%s.%s has no doc line", s->name, f->key);
		if (f->offset >= s->size)
			T_FAIL("%s.%s lies outside", s->name, f->key);
		if (number && (f->min || f->max) && f->def != PT_NULL &&
			(f->def < f->min || f->def > f->max) && !(f->flags & PT_FIELD_REQUIRED))
			T_FAIL("%s.%s: its default is out of its range", s->name, f->key);
		if (f->def == PT_NULL && !nullable)
			T_FAIL("%s.%s is null and must not be", s->name, f->key);
		if ((f->kind == PT_KIND_ENUM) != (f->names != NULL))
			T_FAIL("%s.%s: words", s->name, f->key);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(f->key, s->fields[j].key) == 0 ||
				f->offset == s->fields[j].offset)
				T_FAIL("%s.%s and %s.%s collide", s->name, f->key, s->name,
					s->fields[j].key);
		}
		if (f->sub)
			check_rows(f->sub, seen);
	}
}

static void tables_are_sound(void)
{
	static const struct pt_schema *const all[] = { &pt_config_schema, &pt_network_schema,
		&pt_health_schema, &pt_transition_schema, &pt_decision_schema, &pt_switch_schema,
		&pt_traffic_schema, &pt_passive_schema, &pt_trips_schema };
	unsigned seen = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(all); i++)
		check_rows(all[i], &seen);
	T_OK(seen > 140);
}

T_MAIN({ "JSON round trip", json_round_trip },
	{ "JSON integers for words", json_integers_for_words }, { "JSON nulls", json_nulls },
	{ "thousandths do not drift", json_thousandths }, { "JSON that is refused", json_refuses },
	{ "JSON of a newer writer", json_passes_unknown_keys },
	{ "every field counts in comparison and hash", every_field_counts },
	{ "the hash is stable", hash_is_stable }, { "all tables are sound", tables_are_sound })
