// SPDX-License-Identifier: MIT
#include "base/emit.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hist.h"

#define COLUMN_GAP  2
#define REAL_DIGITS JSON_REAL_PRECISION(15) // 4.123, not its 17 binary digits

struct pt_emit {
	enum pt_emit_kind kind;
	FILE *out;
	const struct pt_column *columns;
	unsigned n_columns;
	unsigned at;           // next column of the open row; n_columns: no row open
	bool any_table;        // something was printed before: a blank line in between
	struct pt_buf scratch; // one cell or one line
	struct pt_arena words; // TABLE: text of all rows so far
	const char **cells;    // and where each cell's is
	size_t n_cells, cap_cells;
	json_t *row;     // JSON, NDJSON: the open one
	unsigned n_rows; // JSON: written of the table in hand
	int err;
};

int pt_emit_new(enum pt_emit_kind kind, FILE *out, struct pt_emit **res)
{
	struct pt_emit *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->kind = kind;
	e->out = out;
	*res = e;
	return 0;
}

static void put(struct pt_emit *e, const char *bytes, size_t n)
{
	if (!e->err && fwrite(bytes, 1, n, e->out) != n)
		e->err = errno ? -errno : -EIO;
}

static void puts_text(struct pt_emit *e, const char *text)
{
	put(e, text, strlen(text));
}

// Characters, not bytes: what a terminal advances by (wide glyphs aside).
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void put_cell(struct pt_emit *e, const char *text, size_t width, bool right, bool last)
{
	size_t pad = width - text_width(text);

	if (right)
		pt_buf_printf(&e->scratch, "%*s", (int)pad, "");
	pt_buf_puts(&e->scratch, text);
	if (!last)
		pt_buf_printf(&e->scratch, "%*s", (int)((right ? 0 : pad) + COLUMN_GAP), "");
}

static void put_table(struct pt_emit *e)
{
	unsigned n = e->n_columns;

	if (n == 0)
		return;
	size_t *width = calloc(n, sizeof(*width));
	if (!width)
		abort();
	if (e->any_table)
		put(e, "\n", 1);
	for (unsigned c = 0; c < n; c++)
		width[c] = text_width(e->columns[c].heading);
	for (size_t i = 0; i < e->n_cells; i++) {
		size_t w = text_width(e->cells[i]);
		width[i % n] = w > width[i % n] ? w : width[i % n];
	}
	for (size_t i = 0; i < e->n_cells + n; i++) {
		unsigned c = (unsigned)(i % n);
		const char *text = i < n ? e->columns[c].heading : e->cells[i - n];
		put_cell(e, text, width[c], e->columns[c].right, c + 1 == n);
		if (c + 1 < n)
			continue;
		pt_buf_putc(&e->scratch, '\n');
		put(e, e->scratch.data, e->scratch.len);
		pt_buf_clear(&e->scratch);
	}
	pt_arena_done(&e->words);
	e->n_cells = 0;
	free(width);
}

// Ends the table in hand.
static void finish_table(struct pt_emit *e)
{
	if (!e->columns)
		return;
	while (e->at < e->n_columns)
		pt_emit_null(e); // a verb that stopped in the middle of a row
	if (e->kind == PT_EMIT_TABLE)
		put_table(e);
	if (e->kind == PT_EMIT_JSON)
		puts_text(e, e->n_rows ? "\n  ]" : "]");
	e->any_table = true;
	e->columns = NULL;
}

static void put_csv(struct pt_emit *e, const char *text, bool first)
{
	if (!first)
		pt_buf_putc(&e->scratch, ',');
	if (!text[strcspn(text, ",\"\r\n")]) {
		pt_buf_puts(&e->scratch, text);
		return;
	}
	pt_buf_putc(&e->scratch, '"'); // RFC 4180
	for (; *text; text++) {
		if (*text == '"')
			pt_buf_putc(&e->scratch, '"');
		pt_buf_putc(&e->scratch, *text);
	}
	pt_buf_putc(&e->scratch, '"');
}

static void end_line(struct pt_emit *e, const char *eol)
{
	pt_buf_puts(&e->scratch, eol);
	put(e, e->scratch.data, e->scratch.len);
	pt_buf_clear(&e->scratch);
	if (!e->err && fflush(e->out)) // rows of a live view are seen when they happen
		e->err = -errno;
}

void pt_emit_table(struct pt_emit *e, const char *name, const struct pt_column *columns)
{
	finish_table(e);
	e->columns = columns;
	for (e->n_columns = 0; columns[e->n_columns].key;)
		e->n_columns++;
	e->at = e->n_columns;
	if (e->kind == PT_EMIT_JSON) {
		puts_text(e, e->any_table ? ",\n  \"" : "{\n  \"");
		puts_text(e, name);
		puts_text(e, "\": [");
		e->n_rows = 0;
	}
	if (e->kind == PT_EMIT_CSV) {
		if (e->any_table)
			put(e, "\r\n", 2);
		for (unsigned c = 0; c < e->n_columns; c++)
			put_csv(e, columns[c].key, c == 0);
		end_line(e, "\r\n");
	}
}

void pt_emit_row(struct pt_emit *e)
{
	assert(e->columns);
	while (e->at < e->n_columns)
		pt_emit_null(e);
	e->at = 0;
	if (e->kind == PT_EMIT_JSON || e->kind == PT_EMIT_NDJSON)
		e->row = json_object();
}

// Names come from files and from the network: no escape sequence reaches the terminal.
static void add_text(struct pt_emit *e, const char *text)
{
	char *copy = pt_arena_strdup(&e->words, text);

	for (char *p = copy; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	if (e->n_cells == e->cap_cells) {
		e->cap_cells = e->cap_cells ? e->cap_cells * 2 : 64;
		e->cells = reallocarray(e->cells, e->cap_cells, sizeof(*e->cells));
		if (!e->cells)
			abort();
	}
	e->cells[e->n_cells++] = copy;
}

// As json_dumps would have written it in the whole document, which need not fit into memory.
static void put_json_row(struct pt_emit *e)
{
	pt_autofree char *text = json_dumps(e->row, JSON_INDENT(2) | REAL_DIGITS);

	pt_buf_puts(&e->scratch, e->n_rows++ ? ",\n    " : "\n    ");
	for (const char *p = text ? text : "{}"; *p; p++)
		*p == '\n' ? pt_buf_puts(&e->scratch, "\n    ") : pt_buf_putc(&e->scratch, *p);
	put(e, e->scratch.data, e->scratch.len);
	pt_buf_clear(&e->scratch);
	json_decref(e->row);
	e->row = NULL;
}

// The one way into a row: its value for machines (owned) and its words for people.
static void add(struct pt_emit *e, json_t *value, const char *csv, const char *text)
{
	assert(e->at < e->n_columns); // more values than columns: the verb is wrong
	const char *key = e->columns[e->at].key;
	bool first = e->at == 0, last = ++e->at == e->n_columns;

	switch (e->kind) {
	case PT_EMIT_TABLE:
		add_text(e, text);
		break;
	case PT_EMIT_CSV:
		put_csv(e, csv, first);
		if (last)
			end_line(e, "\r\n");
		break;
	case PT_EMIT_JSON:
	case PT_EMIT_NDJSON:
		(void)json_object_set(e->row, key, value);
		break;
	}
	json_decref(value);
	if (e->kind == PT_EMIT_JSON && last)
		put_json_row(e);
	if (e->kind == PT_EMIT_NDJSON && last) {
		pt_autofree char *line = json_dumps(e->row, JSON_COMPACT | REAL_DIGITS);
		pt_buf_puts(&e->scratch, line ? line : "{}");
		json_decref(e->row);
		e->row = NULL;
		end_line(e, "\n");
	}
}

// Text that is not UTF-8 (a device name, say) still makes a valid document.
static json_t *json_text(const char *s)
{
	json_t *j = json_string(s);

	if (j)
		return j;
	char *copy = strdup(s);
	if (!copy)
		abort();
	for (char *p = copy; *p; p++) {
		if (*p & 0x80)
			*p = '?';
	}
	j = json_string(copy);
	free(copy);
	return j;
}

void pt_emit_str(struct pt_emit *e, const char *value)
{
	if (value)
		add(e, json_text(value), value, value);
	else
		pt_emit_null(e);
}

void pt_emit_null(struct pt_emit *e)
{
	add(e, json_null(), "", "-");
}

void pt_emit_bool(struct pt_emit *e, bool value)
{
	add(e, json_boolean(value), value ? "true" : "false", value ? "yes" : "no");
}

void pt_emit_i64_as(struct pt_emit *e, int64_t value, const char *text)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%" PRId64, value);
	add(e, json_integer(value), number, text ? text : number);
}

void pt_emit_i64(struct pt_emit *e, int64_t value)
{
	pt_emit_i64_as(e, value, NULL);
}

void pt_emit_milli(struct pt_emit *e, int64_t value)
{
	uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char text[32];

	(void)snprintf(text, sizeof(text), "%s%" PRIu64 ".%03u", value < 0 ? "-" : "", v / 1000,
		(unsigned)(v % 1000));
	pt_emit_i64_as(e, value, text);
}

void pt_emit_real(struct pt_emit *e, double value)
{
	char text[32];
	json_t *j = json_real(value);

	(void)snprintf(text, sizeof(text), "%.15g", value);
	add(e, j ? j : json_string(text), text, text); // JSON knows no infinity
}

void pt_emit_strs(struct pt_emit *e, const char *const *values, unsigned n)
{
	pt_autobuf text = { 0 };
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++) {
		pt_buf_printf(&text, "%s%s", i ? "," : "", values[i]);
		(void)json_array_append_new(list, json_text(values[i]));
	}
	add(e, list, pt_buf_str(&text), n ? pt_buf_str(&text) : "-");
}

void pt_emit_hist(struct pt_emit *e, const struct pt_hist *h)
{
	char count[24];

	(void)snprintf(count, sizeof(count), "%" PRIu64, h->count);
	add(e, pt_hist_to_json(h), count, count);
}

int pt_emit_fault(const struct pt_emit *e)
{
	return e->err;
}

int pt_emit_end(struct pt_emit *e)
{
	finish_table(e);
	if (e->kind == PT_EMIT_JSON)
		puts_text(e, e->any_table ? "\n}\n" : "{}\n");
	if (!e->err && fflush(e->out))
		e->err = -errno;
	int err = e->err;
	json_decref(e->row);
	pt_buf_done(&e->scratch);
	free(e->cells);
	free(e);
	return err;
}
