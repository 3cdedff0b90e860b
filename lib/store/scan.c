// SPDX-License-Identifier: MIT
#include "store/scan.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/record.h"
#include "model/schema.h"

#define MAX_KEYS    80
#define MAX_DIGITS  18 // of an integer: no overflow
#define REAL_DIGITS 15 // so many are exact in a double, and so is the power of ten below them
#define MINUTE_LEN  16 // "2026-01-31T12:00"
#define TS_LEN      (PT_RFC3339_LEN - 1)

// What stands in front of the body, and then the fields of the schema.
enum { KEY_V, KEY_TS, KEY_MONO, KEY_BOOT, KEY_SRC, KEY_SEQ, KEY_FIELDS };
static const char *const header_keys[KEY_FIELDS] = { "v", "ts", "mono_ns", "boot", "src", "seq" };

struct key {
	char text[PT_ROW_NAME + 4]; // `"rtt_us":`
	size_t len;
	int column;            // of a field with a value
	int members, n_member; // of an object; 0: a value
};

// The keys of one type, in the order in which our writers write them; an object's behind them all.
struct grammar {
	char start[32]; // `{"type":"health",`
	size_t start_len;
	struct pt_row_map map;
	struct key key[MAX_KEYS];
	int n_top, n;
};

struct pt_scan {
	struct grammar grammar[PT_STORE_TYPES];
	char minute[MINUTE_LEN]; // of the newest time, for the next is mostly in it
	int64_t minute_us;
};

static void set_key(struct key *k, const char *name, int column)
{
	*k = (struct key){ .column = column };
	int n = snprintf(k->text, sizeof(k->text), "\"%s\":", name);
	k->len = (size_t)n;
}

static void add_members(struct grammar *g, struct key *k, int column)
{
	const char *parent = g->map.columns[column].keys[0];

	k->members = g->n;
	for (; column < g->map.n && g->map.columns[column].keys[1] &&
		g->map.columns[column].keys[0] == parent;
		column++) {
		assert(g->n < MAX_KEYS);
		set_key(&g->key[g->n++], g->map.columns[column].keys[1], column);
	}
	k->n_member = g->n - k->members;
}

static void make_grammar(struct grammar *g, enum pt_store_type t)
{
	int n = snprintf(g->start, sizeof(g->start), "{\"type\":\"%s\",", pt_store_tables[t].type);
	g->start_len = (size_t)n;
	pt_store_map(t, &g->map);
	for (int i = 0; i < KEY_FIELDS; i++)
		set_key(&g->key[g->n_top++], header_keys[i], -1);
	for (int i = 0; i < g->map.n; i++) {
		const struct pt_row_column *c = &g->map.columns[i];
		assert(g->n_top < MAX_KEYS); // a table of the model outgrew it
		if (!c->keys[1] || !i || g->map.columns[i - 1].keys[0] != c->keys[0])
			set_key(&g->key[g->n_top++], c->keys[0], i);
	}
	g->n = g->n_top;
	for (int i = KEY_FIELDS; i < g->n_top; i++) {
		if (g->map.columns[g->key[i].column].keys[1])
			add_members(g, &g->key[i], g->key[i].column);
	}
}

int pt_scan_new(struct pt_scan **out, struct pt_err *err)
{
	struct pt_scan *s = calloc(1, sizeof(*s));

	if (!s)
		return pt_err_errno(err, -ENOMEM, "scan");
	for (int t = 0; t < PT_STORE_TYPES; t++)
		make_grammar(&s->grammar[t], (enum pt_store_type)t);
	*out = s;
	return 0;
}

void pt_scan_free(struct pt_scan *s)
{
	free(s);
}

// Each of these moves *at behind what it has taken; false: odd. The NUL at the end stops all.

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool take_word(const char **at, const char *word, size_t len)
{
	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// At least one and at most `max` of them, and no digit behind.
static bool take_digits(const char **at, int max, int64_t *n, int *count)
{
	const char *p = *at;

	*n = 0;
	while (is_digit(*p) && p - *at < max)
		*n = *n * 10 + (*p++ - '0');
	*count = (int)(p - *at);
	*at = p;
	return *count && !is_digit(*p);
}

static bool ends_value(char c)
{
	return c == ',' || c == '}' || c == ']';
}

// An integer in the one way that ours are written.
static bool take_i64(const char **at, int64_t *n)
{
	const char *p = *at;
	bool minus = take_char(&p, '-');
	const char *first = p;
	int count;

	if (!take_digits(&p, MAX_DIGITS, n, &count) || !ends_value(*p) ||
		(*first == '0' && (count > 1 || minus)))
		return false;
	*n = minus ? -*n : *n;
	*at = p;
	return true;
}

// Digits, perhaps a point and more digits: few enough for the result to be exact before the one
// division, which then rounds as strtod would.
static bool take_real(const char **at, double *out)
{
	static const double tens[REAL_DIGITS + 1] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
		1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	const char *p = *at;
	bool minus = take_char(&p, '-');
	const char *first = p;
	int64_t whole, part = 0;
	int n_whole, n_part = 0;

	if (!take_digits(&p, REAL_DIGITS, &whole, &n_whole) || (*first == '0' && n_whole > 1))
		return false;
	if (take_char(&p, '.') && !take_digits(&p, REAL_DIGITS, &part, &n_part))
		return false;
	if (!ends_value(*p) || n_whole + n_part > REAL_DIGITS || (minus && !whole && !part))
		return false;
	double v = ((double)whole * tens[n_part] + (double)part) / tens[n_part];
	*out = minus ? -v : v;
	*at = p;
	return true;
}

// Printable ASCII without an escape.
static bool take_text(const char **at, struct pt_text *out)
{
	const char *p = *at;

	if (*p++ != '"')
		return false;
	out->p = p;
	while (*p >= ' ' && *p <= '~' && *p != '"' && *p != '\\')
		p++;
	out->len = (size_t)(p - out->p);
	*at = p + 1;
	return *p == '"';
}

static bool take_ts(struct pt_scan *s, const char **at, int64_t *us)
{
	struct pt_text t;
	char copy[PT_RFC3339_LEN];

	if (!take_text(at, &t) || t.len != TS_LEN)
		return false;
	memcpy(copy, t.p, TS_LEN);
	copy[TS_LEN] = '\0';
	if (memcmp(copy, s->minute, MINUTE_LEN) != 0) {
		static const char zero[] = ":00.000000Z";
		char start[PT_RFC3339_LEN];
		memcpy(start, copy, MINUTE_LEN);
		memcpy(start + MINUTE_LEN, zero, sizeof(zero));
		if (pt_rfc3339_parse(start, &s->minute_us))
			return false;
		memcpy(s->minute, copy, MINUTE_LEN);
	}
	const char *p = copy + MINUTE_LEN;
	int64_t sec, frac;
	int n;
	if (!take_char(&p, ':') || !take_digits(&p, 2, &sec, &n) || n != 2 || sec > 59 ||
		!take_char(&p, '.') || !take_digits(&p, 6, &frac, &n) || n != 6 ||
		strcmp(p, "Z") != 0)
		return false;
	*us = s->minute_us + sec * 1000000 + frac;
	return true;
}

// Lists of integers, or of lists of integers with something in them, such as histograms: their
// text is the column's.
static bool take_numbers(const char **at, int depth)
{
	int64_t n;

	if (!take_char(at, '['))
		return false;
	do {
		if (**at == '[' ? !depth || !take_numbers(at, depth - 1) : !take_i64(at, &n))
			return false;
	} while (take_char(at, ','));
	return take_char(at, ']');
}

static bool take_list(const char **at, struct pt_text *out)
{
	out->p = *at;
	if (!take_word(at, "[]", 2) && !take_numbers(at, 1))
		return false;
	out->len = (size_t)(*at - out->p);
	return true;
}

static bool is_word_of(const struct pt_text *t, const char *const *names)
{
	for (; *names; names++) {
		if (strncmp(*names, t->p, t->len) == 0 && !(*names)[t->len])
			return true;
	}
	return false;
}

static bool set_text(struct pt_cell *to, const struct pt_text *t)
{
	*to = (struct pt_cell){ .kind = PT_CELL_TEXT, .text = t->p, .len = (uint32_t)t->len };
	return true;
}

static bool take_value(const char **at, const struct pt_field *f, struct pt_cell *to)
{
	struct pt_text t;

	if (**at == 'n')
		return !(f->flags & PT_FIELD_REQUIRED) && take_word(at, "null", 4);
	switch (f->kind) {
	case PT_KIND_I64:
		to->kind = PT_CELL_I64;
		return take_i64(at, &to->i64) && pt_row_fits_i64(f, to->i64);
	case PT_KIND_MILLI:
		to->kind = PT_CELL_REAL;
		return take_real(at, &to->real) && pt_row_fits_real(f, to->real);
	case PT_KIND_STR:
		return take_text(at, &t) && set_text(to, &t);
	case PT_KIND_ENUM:
		return take_text(at, &t) && is_word_of(&t, f->names) && set_text(to, &t);
	case PT_KIND_LIST:
	case PT_KIND_HIST:
		return take_list(at, &t) && set_text(to, &t);
	default:
		return false;
	}
}

struct line {
	struct pt_scan *scan;
	const struct grammar *g;
	const char *at;
	uint64_t seen[2]; // keys
	struct pt_store_record *out;
};

static bool take_header(struct line *l, int key)
{
	struct pt_store_record *r = l->out;
	int64_t version;

	switch (key) {
	case KEY_V:
		return take_i64(&l->at, &version) && version == PT_RECORD_VERSION;
	case KEY_TS:
		return take_ts(l->scan, &l->at, &r->ts_us);
	case KEY_MONO:
		return take_i64(&l->at, &r->mono_ns) && r->mono_ns >= 0;
	case KEY_BOOT:
		return take_text(&l->at, &r->boot);
	case KEY_SRC:
		return take_text(&l->at, &r->src);
	default:
		return take_i64(&l->at, &r->seq) && r->seq >= 0;
	}
}

// The key that comes now, mostly the one behind the last; -1: none of ours, or one that was.
static int take_key(struct line *l, int first, int n, int expect)
{
	for (int i = 0; i < n; i++, expect++) {
		if (expect >= first + n)
			expect = first;
		const struct key *k = &l->g->key[expect];
		if (!take_word(&l->at, k->text, k->len))
			continue;
		uint64_t bit = UINT64_C(1) << (expect % 64), *word = &l->seen[expect / 64];
		if (*word & bit)
			return -1;
		*word |= bit;
		return expect;
	}
	return -1;
}

// Members of an object, behind its brace and up to its end.
static bool take_members(struct line *l, int first, int n)
{
	int k = first - 1;

	do {
		k = take_key(l, first, n, k + 1);
		if (k < 0)
			return false;
		const struct key *key = &l->g->key[k];
		bool ok = key->n_member
			? take_char(&l->at, '{') && take_members(l, key->members, key->n_member)
			: key->column < 0 ? take_header(l, k)
					  : take_value(&l->at, l->g->map.columns[key->column].field,
						    &l->out->row.cell[key->column]);
		if (!ok)
			return false;
	} while (take_char(&l->at, ','));
	return take_char(&l->at, '}');
}

static bool required_are_there(const struct grammar *g, const struct pt_row *row)
{
	for (int i = 0; i < g->map.n; i++) {
		if ((g->map.columns[i].field->flags & PT_FIELD_REQUIRED) &&
			row->cell[i].kind == PT_CELL_NULL)
			return false;
	}
	return true;
}

bool pt_scan_line(struct pt_scan *s, const char *line, size_t len, struct pt_store_record *out)
{
	struct line l = { .scan = s, .out = out };

	for (int t = 0; t < PT_STORE_TYPES && !l.g; t++) {
		if (strncmp(line, s->grammar[t].start, s->grammar[t].start_len) == 0) {
			l.g = &s->grammar[t];
			out->type = (enum pt_store_type)t;
		}
	}
	if (!l.g || pt_store_tables[out->type].keep_record)
		return false;
	out->line = line;
	out->row.n = l.g->map.n;
	for (int i = 0; i < out->row.n; i++)
		out->row.cell[i] = (struct pt_cell){ .kind = PT_CELL_NULL };
	l.at = line + l.g->start_len;
	return take_members(&l, 0, l.g->n_top) && l.at == line + len &&
		(l.seen[0] & ((1 << KEY_FIELDS) - 1)) == (1 << KEY_FIELDS) - 1 &&
		required_are_there(l.g, &out->row);
}
