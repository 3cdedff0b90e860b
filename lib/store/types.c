// SPDX-License-Identifier: MIT
#include "store/types.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/record.h"
#include "model/records.h"

const struct pt_store_table pt_store_tables[PT_STORE_TYPES] = {
	[PT_STORE_HEALTH] = { .type = "health",
		.table = "sdwan_path_health",
		.schema = &pt_health_schema,
		.renames = (const struct pt_rename[]){ { "path", "path_id" }, { 0 } } },
	[PT_STORE_TRANSITION] = { .type = "transition",
		.table = "transitions",
		.schema = &pt_transition_schema,
		.renames = (const struct pt_rename[]){ { "path", "path_id" },
			{ "from", "from_status" }, { "to", "to_status" }, { 0 } } },
	[PT_STORE_DECISION] = { .type = "decision",
		.table = "decisions",
		.schema = &pt_decision_schema,
		.renames = (const struct pt_rename[]){ { "site", "site_id" },
			{ "policy", "policy_id" }, { "drop", "dropped" }, { 0 } } },
	[PT_STORE_SWITCH] = { .type = "switch",
		.table = "switches",
		.schema = &pt_switch_schema,
		.renames = (const struct pt_rename[]){ { "from", "from_path_id" },
			{ "to", "to_path_id" }, { "probes", NULL }, { 0 } },
		.keep_record = true },
	[PT_STORE_TRAFFIC] = { .type = "traffic",
		.table = "traffic_stats",
		.schema = &pt_traffic_schema,
		.renames = (const struct pt_rename[]){ { "path", "path_id" },
			{ "policy", "policy_id" }, { 0 } } },
	[PT_STORE_STATS] = { .type = "stats", .table = "stats", .keep_record = true },
	// Columns of theirs are generated from the record.
	[PT_STORE_TUNE] = { .type = "tune", .table = "tune_changes", .keep_record = true },
	[PT_STORE_BENCH] = { .type = "bench", .table = "bench_results", .keep_record = true },

};

int pt_store_find_type(const char *type, size_t len)
{
	for (int t = 0; t < PT_STORE_TYPES; t++) {
		if (strncmp(pt_store_tables[t].type, type, len) == 0 &&
			!pt_store_tables[t].type[len])
			return t;
	}
	return -1;
}

void pt_store_map(enum pt_store_type t, struct pt_row_map *map)
{
	map->n = 0;
	if (pt_store_tables[t].schema)
		pt_row_map_init(map, pt_store_tables[t].schema, pt_store_tables[t].renames);
}

static bool take_text(const json_t *record, const char *key, struct pt_text *out)
{
	const json_t *v = json_object_get(record, key);

	out->p = json_string_value(v);
	out->len = json_string_length(v);
	return out->p;
}

static int read_header(const json_t *record, struct pt_store_record *r, struct pt_err *err)
{
	const json_t *v = json_object_get(record, "v");
	const json_t *seq = json_object_get(record, "seq"),
		     *mono = json_object_get(record, "mono_ns");
	struct pt_text ts;

	if (!json_is_integer(v) || json_integer_value(v) != PT_RECORD_VERSION)
		return pt_err_set(err, -EINVAL, "v: not %d", PT_RECORD_VERSION);
	if (!take_text(record, "ts", &ts) || pt_rfc3339_parse(ts.p, &r->ts_us) != 0)
		return pt_err_set(err, -EINVAL, "ts: not a time of RFC 3339");
	if (!take_text(record, "src", &r->src) || !take_text(record, "boot", &r->boot))
		return pt_err_set(err, -EINVAL, "%s: missing", r->src.p ? "boot" : "src");
	if (!json_is_integer(seq) || !json_is_integer(mono))
		return pt_err_set(err, -EINVAL, "%s: not an integer",
			json_is_integer(seq) ? "mono_ns" : "seq");
	r->seq = json_integer_value(seq);
	r->mono_ns = json_integer_value(mono);
	if (r->seq < 0 || r->mono_ns < 0)
		return pt_err_set(err, -EINVAL, "%s: negative", r->seq < 0 ? "seq" : "mono_ns");
	return 0;
}

int pt_store_record_read(struct pt_store_record *r, const struct pt_row_map *map,
	const json_t *record, struct pt_err *err)
{
	r->row.n = 0;
	int code = read_header(record, r, err);
	return code ? code : pt_row_from_json(&r->row, map, record, err);
}
