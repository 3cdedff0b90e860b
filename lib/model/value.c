// SPDX-License-Identifier: MIT
#include "model/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/parse.h"

#define QUOTE_MAX  40
#define LISTED_MAX 20 // words

size_t pt_value_size(enum pt_kind kind, const struct pt_schema *sub)
{
	switch (kind) {
	case PT_KIND_BOOL:
		return sizeof(bool);
	case PT_KIND_I64:
	case PT_KIND_MILLI:
	case PT_KIND_DSCP:
		return sizeof(int64_t);
	case PT_KIND_STR:
		return sizeof(const char *);
	case PT_KIND_ENUM:
		return sizeof(int);
	case PT_KIND_ADDR:
		return sizeof(struct pt_addr);
	case PT_KIND_PREFIX:
		return sizeof(struct pt_prefix);
	case PT_KIND_PORTS:
		return sizeof(struct pt_port_range);
	case PT_KIND_OBJECT:
		return sub->size;
	case PT_KIND_LIST:
	case PT_KIND_HIST:
	case PT_KIND_COUNT:
		break;
	}
	return sizeof(void *);
}

bool pt_value_optional(const struct pt_field *f)
{
	if (f->flags & PT_FIELD_REQUIRED)
		return false;
	switch (f->kind) {
	case PT_KIND_I64:
	case PT_KIND_MILLI:
	case PT_KIND_DSCP:
		return f->flags & PT_FIELD_NULLABLE;
	case PT_KIND_STR:
		return !f->def_str;
	case PT_KIND_ADDR:
	case PT_KIND_PREFIX:
	case PT_KIND_PORTS:
	case PT_KIND_HIST:
		return true;
	default:
		return false;
	}
}

void pt_text_quote(const char *s, size_t len, struct pt_buf *out)
{
	size_t n = len < QUOTE_MAX ? len : QUOTE_MAX;

	while (n < len && n > 0 && (s[n] & 0xc0) == 0x80) // never cut a character in two
		n--;
	pt_buf_putc(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		pt_buf_putc(out, c < 0x20 || c == 0x7f ? '?' : s[i]);
	}
	pt_buf_puts(out, n < len ? "...\"" : "\"");
}

static void trail_format(const struct pt_trail *t, struct pt_buf *out)
{
	if (t->up)
		trail_format(t->up, out);
	if (!t->key) {
		pt_buf_printf(out, "[%" PRIu32 "]", t->index);
		return;
	}
	if (out->len)
		pt_buf_putc(out, '.');
	for (size_t i = 0; i < QUOTE_MAX && t->key[i]; i++) {
		unsigned char c = (unsigned char)t->key[i];
		pt_buf_putc(out, c < 0x20 || c == 0x7f ? '?' : t->key[i]);
	}
}

int pt_trail_fail(const struct pt_trail *t, const char *where, struct pt_err *err)
{
	pt_autobuf b = { 0 };
	int code = err ? err->code : -EINVAL;

	if (t)
		trail_format(t, &b);
	if (b.len)
		(void)pt_err_wrap(err, "%s", b.data);
	if (where && *where)
		(void)pt_err_wrap(err, "%s", where);
	return code;
}

// Edits between two words: a letter more, less or changed, or two neighbours swapped.
static unsigned distance(const char *a, const char *b)
{
	enum { WORD_MAX = 48 };
	unsigned char d[WORD_MAX + 1][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return UINT8_MAX;
	for (size_t i = 0; i <= la; i++) {
		for (size_t j = 0; j <= lb; j++) {
			size_t best = i + j; // one of them is 0 on the edges
			if (i && j) {
				size_t change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
				size_t more = (d[i - 1][j] < d[i][j - 1] ? d[i - 1][j]
									 : d[i][j - 1]) +
					1U;
				best = change < more ? change : more;
			}
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				d[i - 2][j - 2] + 1U < best)
				best = d[i - 2][j - 2] + 1U;
			d[i][j] = (unsigned char)best;
		}
	}
	return d[la][lb];
}

void pt_words_suggest(const char *given, const char *const *words, struct pt_buf *out)
{
	unsigned best = strlen(given) > 3 ? 3 : 2;
	const char *near = NULL;

	for (const char *const *w = words; *w; w++) {
		unsigned d = strcasecmp(given, *w) == 0 ? 0 : distance(given, *w);
		if (d < best) {
			best = d;
			near = *w;
		}
	}
	if (near) {
		pt_buf_printf(out, "; did you mean %s?", near);
		return;
	}
	size_t n = 0;
	while (words[n])
		n++;
	if (n == 0 || n > LISTED_MAX)
		return;
	pt_buf_puts(out, "; valid here: ");
	for (const char *const *w = words; *w; w++)
		pt_buf_printf(out, "%s%s", w == words ? "" : ", ", *w);
}

// "TEXT is not WHAT"
static int not_a(const struct pt_text *t, const char *what, struct pt_err *err)
{
	pt_autobuf b = { 0 };

	pt_text_quote(t->s, t->len, &b);
	return pt_err_set(err, -EINVAL, "%s is not %s", b.data, what);
}

static int out_of_range(const struct pt_field *f, const char *given, struct pt_err *err)
{
	const char *unit = f->unit ? f->unit : "", *gap = f->unit ? " " : "";

	if (f->kind == PT_KIND_MILLI)
		return pt_err_set(err, -ERANGE, "%s is out of range %g to %g%s%s", given,
			(double)f->min / 1000, (double)f->max / 1000, gap, unit);
	if (f->max == INT64_MAX)
		return pt_err_set(err, -ERANGE, "%s is out of range: at least %" PRId64 "%s%s",
			given, f->min, gap, unit);
	return pt_err_set(err, -ERANGE, "%s is out of range %" PRId64 " to %" PRId64 "%s%s", given,
		f->min, f->max, gap, unit);
}

int pt_value_integer(
	const struct pt_field *f, enum pt_kind kind, int64_t v, void *slot, struct pt_err *err)
{
	char given[24];

	if (kind == PT_KIND_PORTS) {
		if (v < 1 || v > UINT16_MAX)
			return pt_err_set(
				err, -ERANGE, "%" PRId64 " is out of range 1 to 65535", v);
		*(struct pt_port_range *)slot = (struct pt_port_range){ (uint16_t)v, (uint16_t)v };
		return 0;
	}
	(void)snprintf(given, sizeof(given), "%" PRId64, v);
	if (kind == PT_KIND_DSCP && (v < 0 || v > 63))
		return pt_err_set(err, -ERANGE, "%s is out of range 0 to 63", given);
	bool bounded = f->min || f->max;
	if (v == PT_NULL || (kind != PT_KIND_DSCP && bounded && (v < f->min || v > f->max)))
		return out_of_range(f, given, err);
	*(int64_t *)slot = v;
	return 0;
}

static int parse_i64(
	const struct pt_field *f, const struct pt_text *t, void *slot, struct pt_err *err)
{
	const char *digits = t->s + (t->s[0] == '-');
	int64_t v;

	// 010 is eight to some readers and ten to others: to us it is neither.
	if (!t->plain || (digits[0] == '0' && digits[1]))
		return not_a(t, "a whole number", err);
	int rc = pt_parse_i64(t->s, INT64_MIN + 1, INT64_MAX, &v);
	if (rc == -ERANGE)
		return out_of_range(f, t->len < 30 ? t->s : "the number", err);
	if (rc < 0)
		return not_a(t, "a whole number", err);
	return pt_value_integer(f, PT_KIND_I64, v, slot, err);
}

// "-12.345", at most three decimals, in thousandths.
static int parse_milli(
	const struct pt_field *f, const struct pt_text *t, void *slot, struct pt_err *err)
{
	const char *p = t->s;
	bool negative = *p == '-';
	int64_t v = 0;
	int decimals = -1, digits = 0;

	for (p += negative; *p && digits < 15; p++) {
		if (*p == '.' && decimals < 0 && digits) {
			decimals = 0;
			continue;
		}
		if (*p < '0' || *p > '9' || decimals == 3)
			break;
		v = v * 10 + (*p - '0');
		digits++;
		decimals += decimals >= 0;
	}
	if (!t->plain || *p || !digits || decimals == 0)
		return not_a(t, "a number with at most three decimals", err);
	for (int d = decimals < 0 ? 0 : decimals; d < 3; d++)
		v *= 10;
	v = negative ? -v : v;
	if ((f->min || f->max) && (v < f->min || v > f->max))
		return out_of_range(f, t->s, err);
	*(int64_t *)slot = v;
	return 0;
}

static int parse_str(const struct pt_field *f, const struct pt_text *t, struct pt_arena *a,
	void *slot, struct pt_err *err)
{
	for (size_t i = 0; i < t->len; i++) {
		unsigned char c = (unsigned char)t->s[i];
		if (c < 0x20 || c == 0x7f)
			return pt_err_set(err, -EINVAL, "control character 0x%02x in a text", c);
	}
	if (f->flags & PT_FIELD_ID) {
		size_t good = strspn(t->s,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			"0123456789._-");
		if (good != t->len || !t->len || t->len > 63)
			return not_a(t, "an id: 1 to 63 of A-Z a-z 0-9 . _ -", err);
	} else if (!t->len) {
		return pt_err_set(err, -EINVAL, "is empty");
	}
	*(const char **)slot = pt_arena_strndup(a, t->s, t->len);
	return 0;
}

static int parse_enum(
	const struct pt_field *f, const struct pt_text *t, void *slot, struct pt_err *err)
{
	pt_autobuf b = { 0 };

	for (int i = 0; f->names[i]; i++) {
		if (strcmp(t->s, f->names[i]) == 0) {
			*(int *)slot = i;
			return 0;
		}
	}
	pt_text_quote(t->s, t->len, &b);
	pt_buf_puts(&b, " is not a word for this");
	pt_words_suggest(t->s, f->names, &b);
	return pt_err_set(err, -EINVAL, "%s", b.data);
}

static int parse_bool(const struct pt_text *t, void *slot, struct pt_err *err)
{
	bool yes = strcmp(t->s, "true") == 0;

	if (!t->plain || (!yes && strcmp(t->s, "false") != 0))
		return not_a(t, "true or false", err);
	*(bool *)slot = yes;
	return 0;
}

static int parse_addr(
	const struct pt_field *f, const struct pt_text *t, struct pt_addr *slot, struct pt_err *err)
{
	bool may_auto = f->flags & PT_FIELD_AUTO;

	if (may_auto && !strcmp(t->s, "auto")) {
		*slot = (struct pt_addr){ .family = PT_ADDR_AUTO };
		return 0;
	}
	if (!pt_addr_parse(t->s, slot))
		return 0;
	return not_a(t,
		may_auto ? "an address, such as 192.0.2.1 or 2001:db8::1, nor auto"
			 : "an address, such as 192.0.2.1 or 2001:db8::1",
		err);
}

static int parse_prefix(const struct pt_text *t, void *slot, struct pt_err *err)
{
	switch (pt_prefix_parse(t->s, slot)) {
	case 0:
		return 0;
	case -ERANGE:
		return not_a(t, "a prefix: its length is out of range", err);
	case -EDOM:
		return not_a(t, "a prefix: bits are set beyond its length", err);
	default:
		return not_a(t, "a prefix, such as 10.1.0.0/16 or 2001:db8::/32", err);
	}
}

static int parse_ports(const struct pt_text *t, void *slot, struct pt_err *err)
{
	struct pt_port_range r;

	if (pt_parse_ports(t->s, &r.lo, &r.hi) < 0)
		return not_a(t, "a port or a range, such as 5060 or 10000-20000", err);
	*(struct pt_port_range *)slot = r;
	return 0;
}

static int parse_dscp(const struct pt_text *t, void *slot, struct pt_err *err)
{
	uint8_t v;

	if (pt_parse_dscp(t->s, &v) < 0)
		return not_a(t, "a DSCP: 0 to 63, or a name such as ef, af41, cs1, be", err);
	*(int64_t *)slot = v;
	return 0;
}

int pt_value_parse(const struct pt_field *f, enum pt_kind kind, const struct pt_text *t,
	struct pt_arena *a, void *slot, struct pt_err *err)
{
	if (memchr(t->s, 0, t->len))
		return pt_err_set(err, -EINVAL, "control character 0x00 in a text");
	switch (kind) {
	case PT_KIND_BOOL:
		return parse_bool(t, slot, err);
	case PT_KIND_I64:
		return parse_i64(f, t, slot, err);
	case PT_KIND_MILLI:
		return parse_milli(f, t, slot, err);
	case PT_KIND_STR:
		return parse_str(f, t, a, slot, err);
	case PT_KIND_ENUM:
		return parse_enum(f, t, slot, err);
	case PT_KIND_ADDR:
		return parse_addr(f, t, slot, err);
	case PT_KIND_PREFIX:
		return parse_prefix(t, slot, err);
	case PT_KIND_DSCP:
		return parse_dscp(t, slot, err);
	case PT_KIND_PORTS:
		return parse_ports(t, slot, err);
	default:
		return pt_err_set(err, -EINVAL, "a single value cannot stand here");
	}
}

static void format_milli(int64_t v, struct pt_buf *out)
{
	int64_t a = v < 0 ? -v : v;

	pt_buf_printf(out, "%s%" PRId64, v < 0 ? "-" : "", a / 1000);
	if (a % 1000) {
		pt_buf_printf(out, ".%03" PRId64, a % 1000);
		while (out->data[out->len - 1] == '0')
			out->data[--out->len] = '\0';
	}
}

static bool format_ports(const struct pt_port_range *r, struct pt_buf *out)
{
	if (!r->hi)
		return false;
	pt_buf_printf(out, "%u", r->lo);
	if (r->hi != r->lo)
		pt_buf_printf(out, "-%u", r->hi);
	return true;
}

static bool format_address(enum pt_kind kind, const void *slot, struct pt_buf *out)
{
	char addr[PT_ADDR_LEN], prefix[PT_PREFIX_LEN];

	if (kind == PT_KIND_ADDR) {
		if (!((const struct pt_addr *)slot)->family)
			return false;
		pt_addr_format(slot, addr);
		pt_buf_puts(out, addr);
		return true;
	}
	if (!((const struct pt_prefix *)slot)->addr.family)
		return false;
	pt_prefix_format(slot, prefix);
	pt_buf_puts(out, prefix);
	return true;
}

bool pt_value_format(
	const struct pt_field *f, enum pt_kind kind, const void *slot, struct pt_buf *out)
{
	int64_t v = PT_NULL;

	if (kind == PT_KIND_I64 || kind == PT_KIND_MILLI || kind == PT_KIND_DSCP) {
		v = *(const int64_t *)slot;
		if (v == PT_NULL)
			return false;
	}
	switch (kind) {
	case PT_KIND_BOOL:
		pt_buf_puts(out, *(const bool *)slot ? "true" : "false");
		return true;
	case PT_KIND_I64:
		pt_buf_printf(out, "%" PRId64, v);
		return true;
	case PT_KIND_MILLI:
		format_milli(v, out);
		return true;
	case PT_KIND_DSCP: {
		const char *name = v >= 0 && v <= 63 ? pt_dscp_name((uint8_t)v) : NULL;
		if (name)
			pt_buf_puts(out, name);
		else
			pt_buf_printf(out, "%" PRId64, v);
		return true;
	}
	case PT_KIND_STR:
		if (!*(const char *const *)slot)
			return false;
		pt_buf_puts(out, *(const char *const *)slot);
		return true;
	case PT_KIND_ENUM:
		pt_buf_puts(out, f->names[*(const int *)slot]);
		return true;
	case PT_KIND_ADDR:
	case PT_KIND_PREFIX:
		return format_address(kind, slot, out);
	case PT_KIND_PORTS:
		return format_ports(slot, out);
	default:
		return false;
	}
}
