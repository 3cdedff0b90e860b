// SPDX-License-Identifier: MIT
// Any bytes as config.yaml and as network.yaml: a fault is one line that begins with the file's
// name; what is accepted is written, read again and is the same.
#include "fuzz.h"

#include "model/config.h"
#include "model/network.h"

static bool same_again(
	const struct pt_schema *s, const void *obj, struct pt_arena *a, char *why, size_t n)
{
	pt_autobuf text = { 0 };
	struct pt_err err = { 0 };
	void *again = pt_arena_alloc(a, s->size);

	if (pt_yaml_write(s, obj, &text) < 0) {
		(void)snprintf(why, n, "%s: read but cannot be written", s->name);
		return false;
	}
	if (pt_yaml_parse(&(struct pt_yaml_text){ "again", pt_buf_str(&text), text.len }, s, a,
		    NULL, again, &err) < 0) {
		(void)snprintf(why, n, "%s: written but not read: %.300s", s->name, err.msg);
		return false;
	}
	if (!pt_schema_equal(s, obj, again)) {
		(void)snprintf(why, n, "%s: changed on the way", s->name);
		return false;
	}
	return true;
}

static bool one_line(const struct pt_schema *s, const struct pt_err *err, char *why, size_t n)
{
	bool ok = err->code < 0 && strncmp(err->msg, "seed", 4) == 0;

	for (const char *p = err->msg; *p; p++)
		ok = ok && (unsigned char)*p >= 0x20;
	if (!ok)
		(void)snprintf(why, n, "%s: message: %.300s", s->name, err->msg);
	return ok;
}

static bool try_schema(
	const struct pt_schema *s, const char *bytes, size_t len, char *why, size_t n)
{
	pt_autoarena a = { 0 };
	struct pt_marks *marks = NULL;
	struct pt_err err = { 0 };
	void *obj = pt_arena_alloc(&a, s->size);

	int rc = pt_yaml_parse(
		&(struct pt_yaml_text){ "seed", bytes, len }, s, &a, &marks, obj, &err);
	if (rc == 0 && s == &pt_network_schema)
		rc = pt_network_check(obj, &a, marks, &err);
	if (rc < 0)
		return one_line(s, &err, why, n);
	return same_again(s, obj, &a, why, n);
}

static bool try_both(const char *bytes, size_t len, char *why, size_t n)
{
	return try_schema(&pt_config_schema, bytes, len, why, n) &&
		try_schema(&pt_network_schema, bytes, len, why, n);
}

FUZZ_TARGET(try_both, "yaml")
