// SPDX-License-Identifier: MIT
// What is confirmed is kept: one file for sysctl.d, one for modules-load.d, and it must have the
// last word.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/apply.h"
#include "tune/files.h"
#include "tune/unit.h"

static const char head[] = "# Written by pt-tune; `pt-tune unpersist' takes it back.\n";

static bool is_kept(const struct pt_tx_item *it)
{
	const struct pt_knob *k = it->want ? pt_knob_find(it->key) : NULL;

	return k && pt_knob_is_sysctl(k);
}

// Lines of the old file whose keys this transaction does not set stay.
static void keep_others(const struct pt_tx *t, char *old, struct pt_buf *out)
{
	for (char *line; (line = strsep(&old, "\n"));) {
		char key[PT_KNOB_VALUE];
		bool ours = false;
		if (!*line || *line == '#' || sscanf(line, "%255[^ =]", key) != 1)
			continue;
		for (unsigned i = 0; i < t->n; i++)
			ours |= is_kept(&t->item[i]) && strcmp(t->item[i].key, key) == 0;
		if (!ours)
			pt_buf_printf(out, "%s\n", line);
	}
}

static int put_file(struct pt_tx *t, const struct pt_host *h, const char *path, struct pt_buf *text,
	struct pt_err *err)
{
	pt_autobuf old = { 0 };
	int there = pt_host_read(h, path, &old);
	const char *before = there == 0 ? pt_buf_str(&old) : NULL;

	if (before && strcmp(before, pt_buf_str(text)) == 0)
		return 0;
	int rc = pt_tx_file(t, path, before, pt_buf_str(text), err);
	return rc < 0 ? rc : pt_file_put(h, path, pt_buf_str(text), err);
}

static int persist_sysctl(struct pt_tx *t, const struct pt_host *h, struct pt_err *err)
{
	pt_autobuf old = { 0 }, text = { 0 };
	unsigned n = 0;

	pt_buf_puts(&text, head);
	if (pt_host_read(h, PT_FILE_SYSCTL, &old) == 0 && old.data)
		keep_others(t, old.data, &text);
	for (unsigned i = 0; i < t->n; i++) {
		const struct pt_tx_item *it = &t->item[i];
		if (is_kept(it) && ++n)
			pt_buf_printf(
				&text, "%s = %s\n", it->key, it->after ? it->after : it->want);
	}
	return n ? put_file(t, h, PT_FILE_SYSCTL, &text, err) : 0;
}

static int persist_modules(struct pt_tx *t, const struct pt_host *h, struct pt_err *err)
{
	pt_autobuf old = { 0 }, text = { 0 };
	bool more = false;

	if (pt_host_read(h, PT_FILE_MODULES, &old) == 0)
		pt_buf_puts(&text, pt_buf_str(&old));
	for (unsigned i = 0; i < t->n; i++) {
		const struct pt_knob *k = t->item[i].want ? pt_knob_find(t->item[i].key) : NULL;
		if (!k || !k->module || strstr(pt_buf_str(&text), k->module))
			continue;
		pt_buf_printf(&text, "%s\n", k->module);
		more = true;
	}
	return more ? put_file(t, h, PT_FILE_MODULES, &text, err) : 0;
}

// What waits in /run for each unit that the transaction sets goes to /etc.
static int persist_units(struct pt_tx *t, const struct pt_host *h, struct pt_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < t->n; i++) {
		char kept[256], waiting[256];
		pt_autobuf text = { 0 };
		if (!t->item[i].want || !t->item[i].device || !pt_unit_is(t->item[i].key))
			continue;
		pt_unit_paths(t->item[i].device, kept, waiting);
		if (pt_host_read(h, waiting, &text) < 0)
			continue; // of this unit all is there already
		rc = put_file(t, h, kept, &text, err);
		if (rc == 0)
			rc = pt_tx_file(t, waiting, pt_buf_str(&text), NULL, err);
		if (rc == 0)
			rc = pt_file_put(h, waiting, NULL, err);
	}
	return rc < 0 || !pt_tx_has_units(t) ? rc : pt_unit_reload(h, err);
}

static int find_unit_shadow(const struct pt_tx_item *it, const struct pt_host *h,
	struct pt_arena *a, struct pt_err *err)
{
	struct pt_sysctl_origin o;
	int rc = pt_unit_origin(h, it->device, it->key, a, &o);

	if (rc < 0 || pt_unit_is_ours(it->device, o.file))
		return 0;
	return pt_err_set(err, -EEXIST, "%s %s: %s:%u has the last word (%s)", it->device, it->key,
		o.file, o.line, o.value);
}

static int find_shadow(struct pt_tx *t, const struct pt_host *h, struct pt_err *err)
{
	for (unsigned i = 0; i < t->n; i++) {
		const struct pt_tx_item *it = &t->item[i];
		struct pt_sysctl_origin o;
		bool unit = it->want && it->device && pt_unit_is(it->key);
		int rc = unit ? find_unit_shadow(it, h, t->a, err) : 0;
		if (rc < 0)
			return rc;
		if (!is_kept(it) || pt_sysctl_origin(h, it->key, t->a, &o) < 0 ||
			strcmp(o.file, PT_FILE_SYSCTL) == 0)
			continue;
		return pt_err_set(err, -EEXIST, "%s: %s:%u has the last word (%s)", it->key, o.file,
			o.line, o.value);
	}
	return 0;
}

static void take_files_back(struct pt_tx *t, const struct pt_host *h)
{
	while (t->n_file) {
		const struct pt_tx_file *f = &t->file[--t->n_file];
		(void)pt_file_put(h, f->path, f->before, NULL); // the journal still has it
	}
}

int pt_apply_persist(struct pt_tx *t, const struct pt_host *h, struct pt_err *err)
{
	int rc = persist_modules(t, h, err);

	if (rc == 0)
		rc = persist_sysctl(t, h, err);
	if (rc == 0)
		rc = persist_units(t, h, err);
	if (rc == 0)
		rc = find_shadow(t, h, err);
	if (rc < 0)
		take_files_back(t, h);
	return rc;
}

int pt_apply_confirm(struct pt_tx *t, const struct pt_access *access, struct pt_err *err)
{
	char now[PT_KNOB_VALUE];
	int rc = 0;

	for (unsigned i = 0; i < t->n; i++) {
		const struct pt_tx_item *it = &t->item[i];
		if (!it->want)
			continue;
		rc = pt_access_read(access, it->key, it->device, now, err);
		if (rc < 0)
			return rc;
		if (strcmp(now, it->after ? it->after : it->want) != 0)
			return pt_err_set(err, -ESTALE,
				"%s%s%s is %s, %s was written: changed by somebody else since",
				it->device ? it->device : "", it->device ? " " : "", it->key, now,
				it->want);
	}
	rc = pt_tx_mark(t, "confirming", err);
	if (rc == 0 && !t->runtime_only)
		rc = pt_apply_persist(t, access->host, err);
	return rc < 0 ? rc : pt_tx_finish(t, PT_TX_CONFIRMED, err);
}
