// SPDX-License-Identifier: MIT
// Any bytes as a line of NDJSON: what the scanner takes, the parser takes too, and the rows are the
// same, value by value. What it leaves is no fault.
#include "fuzz.h"

#include "base/record.h"
#include "store/scan.h"

static bool same_text(const struct pt_text *a, const struct pt_text *b)
{
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

static bool same_cell(const struct pt_cell *a, const struct pt_cell *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case PT_CELL_I64:
		return a->i64 == b->i64;
	case PT_CELL_REAL:
		return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
	case PT_CELL_TEXT:
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
	default:
		return true;
	}
}

static const char *compare(const struct pt_store_record *a, const struct pt_store_record *b,
	const struct pt_row_map *map)
{
	if (a->seq != b->seq || a->mono_ns != b->mono_ns || a->ts_us != b->ts_us ||
		!same_text(&a->src, &b->src) || !same_text(&a->boot, &b->boot))
		return "the common fields";
	if (a->row.n != b->row.n)
		return "the number of columns";
	for (int i = 0; i < a->row.n; i++) {
		if (!same_cell(&a->row.cell[i], &b->row.cell[i]))
			return map->columns[i].name;
	}
	return NULL;
}

static bool parsed_the_same(
	const struct pt_store_record *scanned, const char *line, size_t len, char *why, size_t n)
{
	struct pt_err err = { 0 };
	struct pt_row_map map;
	struct pt_store_record parsed = { .type = scanned->type };
	pt_autojson json_t *j = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *type = json_string_value(json_object_get(j, "type")), *where = NULL;

	pt_store_map(scanned->type, &map);
	if (!type || strcmp(type, pt_store_tables[scanned->type].type) != 0)
		(void)snprintf(why, n, "taken as %s, but it is no such record",
			pt_store_tables[scanned->type].type);
	else if (pt_store_record_read(&parsed, &map, j, &err))
		(void)snprintf(why, n, "taken, but refused by the parser: %.300s", err.msg);
	else if ((where = compare(scanned, &parsed, &map)))
		(void)snprintf(why, n, "different: %s", where);
	else {
		pt_row_done(&parsed.row);
		return true;
	}
	pt_row_done(&parsed.row);
	return false;
}

static bool try_line(const char *bytes, size_t len, char *why, size_t n)
{
	static struct pt_scan *scan; // one for all: what it remembers must not matter
	static struct pt_store_record record;
	pt_autofree char *line = malloc(len + 1);

	if (!line || (!scan && pt_scan_new(&scan, NULL)))
		return false;
	memcpy(line, bytes, len);
	len -= len && line[len - 1] == '\n'; // a file's last
	line[len] = '\0';
	return len >= PT_RECORD_MAX || !pt_scan_line(scan, line, len, &record) ||
		parsed_the_same(&record, line, len, why, n);
}

FUZZ_TARGET(try_line, "scan")
