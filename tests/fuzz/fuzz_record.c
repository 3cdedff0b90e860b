// SPDX-License-Identifier: MIT
// Any bytes as one line of a pipe, as each kind of record and as network.json: refused with one
// line, or the same after it was written and read again.
#include "fuzz.h"

#include "model/network.h"
#include "model/records.h"

static bool try_schema(const json_t *j, const struct pt_schema *s, char *why, size_t n)
{
	pt_autoarena a = { 0 };
	struct pt_err err = { 0 };
	void *body = pt_arena_alloc(&a, s->size), *again = pt_arena_alloc(&a, s->size);

	if (pt_json_read(j, s, &a, body, &err) < 0) {
		bool ok = err.code < 0 && err.msg[0] && !strchr(err.msg, '\n');
		if (!ok)
			(void)snprintf(why, n, "%s: message: %.300s", s->name, err.msg);
		return ok;
	}
	pt_autojson json_t *out = pt_json_write(s, body);
	pt_autofree char *text = json_dumps(out, PT_JSON_DUMP);
	pt_autojson json_t *back = text ? json_loads(text, 0, NULL) : NULL;
	if (!back || pt_json_read(back, s, &a, again, &err) < 0) {
		(void)snprintf(why, n, "%s: written but not read: %.300s", s->name, err.msg);
		return false;
	}
	if (!pt_schema_equal(s, body, again)) {
		(void)snprintf(why, n, "%s: changed on the way", s->name);
		return false;
	}
	return true;
}

static bool try_all(const char *bytes, size_t len, char *why, size_t n)
{
	static const struct pt_schema *const all[] = { &pt_health_schema, &pt_transition_schema,
		&pt_decision_schema, &pt_switch_schema, &pt_traffic_schema, &pt_passive_schema,
		&pt_network_schema };
	pt_autojson json_t *j = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);

	for (size_t i = 0; j && i < PT_ARRAY_LEN(all); i++) {
		if (!try_schema(j, all[i], why, n))
			return false;
	}
	return true;
}

FUZZ_TARGET(try_all, "record")
