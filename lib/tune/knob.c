// SPDX-License-Identifier: MIT
#include "tune/knob.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "tune/knob_tables.h"

#define MAX_PORT_RANGES 64
#define NUMBER_LEN      24 // an int64 and its NUL

const struct pt_knob_table *const pt_knob_tables[] = {
	&pt_knobs_core,
	&pt_knobs_tcp,
	&pt_knobs_ip,
	&pt_knobs_nic,
	&pt_knobs_qos,
	&pt_knobs_service,
	&pt_knobs_db,
	NULL,
};

const char *const pt_knob_type_names[] = {
	[PT_KNOB_INT] = "number",
	[PT_KNOB_BOOL] = "switch",
	[PT_KNOB_VECTOR] = "numbers",
	[PT_KNOB_RANGE] = "range",
	[PT_KNOB_WORD] = "word",
	[PT_KNOB_MASK] = "CPU mask",
	[PT_KNOB_LIST] = "list",
	[PT_KNOB_TEXT] = "text",
};
const char *const pt_knob_scope_names[] = {
	[PT_SCOPE_NETNS] = "network namespace",
	[PT_SCOPE_VISIBLE] = "first network namespace, seen in all",
	[PT_SCOPE_INIT] = "first network namespace",
	[PT_SCOPE_HOST] = "whole host",
	[PT_SCOPE_DEVICE] = "device",
	[PT_SCOPE_SERVICE] = "service",
	[PT_SCOPE_DATABASE] = "database file",
	[PT_SCOPE_FILE] = "file",
	[PT_SCOPE_NONE] = "none",
};
const char *const pt_knob_plane_names[] = {
	[PT_PLANE_FORWARD] = "forwarded traffic",
	[PT_PLANE_LOCAL] = "local sockets",
	[PT_PLANE_CONTROL] = "control",
	[PT_PLANE_HOST] = "host",
	[PT_PLANE_DATABASE] = "database",
};
const char *const pt_knob_canon_names[] = {
	[PT_CANON_NUMBER] = "number",
	[PT_CANON_FIELDS] = "numbers joined by one space",
	[PT_CANON_WORD] = "as it is",
	[PT_CANON_POW2] = "rounded up to a power of two",
	[PT_CANON_MASK] = "hexadecimal without leading zeros",
	[PT_CANON_PORTS] = "sorted, ranges merged",
	[PT_CANON_FEATURE] = "on or off",
	[PT_CANON_RATE] = "down to whole bytes a second",
	[PT_CANON_DSCP] = "the code point's name, or keep",
};
const char *const pt_knob_op_names[] = {
	[PT_OP_SET] = "set",
	[PT_OP_RAISE] = "raise",
	[PT_OP_KEEP] = "keep",
};

const struct pt_knob *pt_knob_find(const char *key)
{
	for (const struct pt_knob_table *const *t = pt_knob_tables; *t; t++) {
		for (size_t i = 0; i < (*t)->n; i++) {
			if (strcmp((*t)->rows[i].key, key) == 0)
				return &(*t)->rows[i];
		}
	}
	return NULL;
}

bool pt_knob_is_sysctl(const struct pt_knob *k)
{
	return k->scope <= PT_SCOPE_HOST && strncmp(k->key, "marking", 7) != 0;
}

static int canonical_number(
	const struct pt_knob *k, const char *text, char out[NUMBER_LEN], struct pt_err *err)
{
	int64_t v;
	int rc = pt_parse_i64(text, INT64_MIN, INT64_MAX, &v);

	if (rc < 0)
		return pt_err_set(err, -EINVAL, "'%.40s' is no whole number", text);
	if ((k->min || k->max) && (v < k->min || v > k->max))
		return pt_err_set(err, -ERANGE, "%" PRId64 " is not within %" PRId64 " to %" PRId64,
			v, k->min, k->max);
	if (k->canon == PT_CANON_POW2 && v > 0) {
		int64_t p = 1;
		while (p < v)
			p *= 2;
		v = p;
	}
	if (k->canon == PT_CANON_RATE)
		v -= v % 8;
	(void)snprintf(out, NUMBER_LEN, "%" PRId64, v);
	return 0;
}

static int canonical_fields(
	const struct pt_knob *k, const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	char copy[PT_KNOB_VALUE], number[NUMBER_LEN];
	char *at = copy, *word;
	unsigned n = 0;
	size_t len = 0;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&at, " \t\n"))) {
		if (!*word)
			continue;
		int rc = canonical_number(k, word, number, err);
		if (rc < 0)
			return rc;
		len += (size_t)snprintf(
			out + len, PT_KNOB_VALUE - len, "%s%s", n ? " " : "", number);
		n++;
		if (n > k->fields)
			break;
	}
	if (n != k->fields)
		return pt_err_set(err, -EINVAL,
			"needs %u numbers: the kernel takes fewer and leaves "
			"the rest as it was",
			k->fields);
	return 0;
}

static int canonical_mask(const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		if (*p == ',')
			continue;
		if (!isxdigit((unsigned char)*p))
			return pt_err_set(err, -EINVAL, "'%.40s' is no CPU mask", text);
		if ((n || *p != '0') && n < PT_KNOB_VALUE - 1)
			out[n++] = (char)tolower((unsigned char)*p);
	}
	if (!n)
		out[n++] = '0';
	out[n] = '\0';
	return 0;
}

struct range {
	uint16_t lo, hi;
};

static int by_low(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->lo - y->lo;
}

static int canonical_ports(const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	char copy[PT_KNOB_VALUE];
	struct range r[MAX_PORT_RANGES] = { 0 };
	char *at = copy, *word;
	size_t n = 0, len = 0;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&at, ", \t\n"))) {
		if (!*word)
			continue;
		if (n == MAX_PORT_RANGES || pt_parse_ports(word, &r[n].lo, &r[n].hi) < 0)
			return pt_err_set(err, -EINVAL, "'%.40s' is no list of ports", text);
		n++;
	}
	qsort(r, n, sizeof(r[0]), by_low);
	out[0] = '\0';
	for (size_t i = 0; i < n && len < PT_KNOB_VALUE; i++) {
		while (i + 1 < n && r[i + 1].lo <= r[i].hi + 1) {
			r[i + 1].lo = r[i].lo;
			r[i + 1].hi = r[i + 1].hi > r[i].hi ? r[i + 1].hi : r[i].hi;
			i++;
		}
		len += (size_t)snprintf(out + len, PT_KNOB_VALUE - len,
			r[i].lo == r[i].hi ? "%s%u" : "%s%u-%u", len ? "," : "", r[i].lo, r[i].hi);
	}
	return 0;
}

static int canonical_feature(const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	static const char *const on[] = { "on", "1", "true", "yes" };
	static const char *const off[] = { "off", "0", "false", "no" };

	for (size_t i = 0; i < PT_ARRAY_LEN(on); i++) {
		if (strcasecmp(text, on[i]) == 0 || strcasecmp(text, off[i]) == 0) {
			(void)snprintf(out, PT_KNOB_VALUE, "%s",
				strcasecmp(text, on[i]) == 0 ? "on" : "off");
			return 0;
		}
	}
	return pt_err_set(err, -EINVAL, "'%.40s' is neither on nor off", text);
}

static int canonical_dscp(const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	uint8_t dscp;

	if (strcmp(text, "keep") == 0) {
		(void)snprintf(out, PT_KNOB_VALUE, "%s", text);
		return 0;
	}
	if (pt_parse_dscp(text, &dscp) < 0)
		return pt_err_set(err, -EINVAL, "'%.40s' is neither a DSCP nor keep", text);
	if (pt_dscp_name(dscp))
		(void)snprintf(out, PT_KNOB_VALUE, "%s", pt_dscp_name(dscp));
	else
		(void)snprintf(out, PT_KNOB_VALUE, "%u", dscp);
	return 0;
}

int pt_knob_canonical(
	const struct pt_knob *k, const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	char trimmed[PT_KNOB_VALUE];
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (len >= PT_KNOB_VALUE)
		return pt_err_set(err, -EINVAL, "longer than %d bytes", PT_KNOB_VALUE - 1);
	memcpy(trimmed, text, len);
	trimmed[len] = '\0';
	if (!len && k->canon != PT_CANON_PORTS)
		return pt_err_set(err, -EINVAL, "empty: the kernel takes that and does nothing");
	switch (k->canon) {
	case PT_CANON_NUMBER:
	case PT_CANON_POW2:
	case PT_CANON_RATE:
		return canonical_number(k, trimmed, out, err);
	case PT_CANON_FIELDS:
		return canonical_fields(k, trimmed, out, err);
	case PT_CANON_MASK:
		return canonical_mask(trimmed, out, err);
	case PT_CANON_PORTS:
		return canonical_ports(trimmed, out, err);
	case PT_CANON_FEATURE:
		return canonical_feature(trimmed, out, err);
	case PT_CANON_DSCP:
		return canonical_dscp(trimmed, out, err);
	case PT_CANON_WORD:
		break;
	}
	(void)snprintf(out, PT_KNOB_VALUE, "%s", trimmed);
	return 0;
}

unsigned pt_knob_numbers(const struct pt_knob *k, const char *canonical, double v[PT_KNOB_FIELDS])
{
	const char *p = canonical;
	unsigned n = 0;

	if (k->canon == PT_CANON_FEATURE) {
		v[0] = strcmp(canonical, "on") == 0;
		return 1;
	}
	if (k->canon == PT_CANON_WORD || k->canon == PT_CANON_PORTS || k->canon == PT_CANON_MASK ||
		k->canon == PT_CANON_DSCP)
		return 0;
	while (n < PT_KNOB_FIELDS && *p) {
		char *end;
		v[n] = strtod(p, &end);
		if (end == p)
			break;
		n++;
		p = end;
	}
	return n;
}

bool pt_knob_strip_comment(char *text)
{
	char *hash = strpbrk(text, "#;");

	if (!hash)
		return false;
	*hash = '\0';
	for (size_t n = strlen(text); n && strchr(" \t\"", text[n - 1]); n--)
		text[n - 1] = '\0';
	return true;
}
