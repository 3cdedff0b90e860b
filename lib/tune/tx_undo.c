// SPDX-License-Identifier: MIT
// The way back: compare and set, last first, then what the kernel changed along with it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tune/files.h"
#include "tune/tx.h"

static const char foreign[] = "changed by somebody else since";

// Of the two halves of each vm.dirty_* pair one is 0, and that 0 is refused: writing the other half
// brings it back.
static bool inactive_half(const struct pt_tx_item *it)
{
	return strncmp(it->key, "vm.dirty_", 9) == 0 && strcmp(it->before, "0") == 0;
}

// A value that is neither ours nor the one before: not ours to touch.
static bool is_foreign(const struct pt_tx_item *it, const char *now)
{
	const char *ours = it->after ? it->after : it->want;

	if (strcmp(now, it->before) == 0)
		return false;
	return ours && strcmp(now, ours) != 0;
}

static int put_back(const struct pt_tx_item *it, const struct pt_access *a, struct pt_err *err)
{
	char now[PT_KNOB_VALUE];
	int rc = pt_access_read(a, it->key, it->device, now, err);

	if (rc < 0)
		return rc;
	if (strcmp(now, it->before) == 0 || inactive_half(it))
		return 0;
	rc = pt_access_write(a, it->key, it->device, it->before, err);
	if (rc == 0)
		rc = pt_access_read(a, it->key, it->device, now, err);
	if (rc == 0 && strcmp(now, it->before) != 0)
		rc = pt_err_set(err, -EIO, "is %s after %s was written", now, it->before);
	return rc;
}

struct undoing {
	struct pt_tx *t;
	const struct pt_access *a;
	bool force;
	unsigned n_foreign, n_failed;
};

static int undo_item(struct undoing *u, unsigned i, struct pt_err *err)
{
	struct pt_tx_item *it = &u->t->item[i];
	struct pt_err why = { 0 };
	char now[PT_KNOB_VALUE];

	if (it->undone || (it->trouble && !u->force && strcmp(it->trouble, foreign) == 0))
		return 0;
	if (!u->force && pt_access_read(u->a, it->key, it->device, now, &why) == 0 &&
		is_foreign(it, now) && it->want)
		return pt_tx_undone(u->t, i, foreign, err);
	int rc = put_back(it, u->a, &why);
	return pt_tx_undone(u->t, i, rc < 0 ? why.msg : NULL, err);
}

// Derived values that somebody else set: told before the main values are put back, because that
// changes them again; never when an undo that was broken off may have done so.
static int find_foreign_derived(struct undoing *u, struct pt_err *err)
{
	for (unsigned i = 0; i < u->t->n; i++) {
		struct pt_tx_item *it = &u->t->item[i];
		char now[PT_KNOB_VALUE];
		if (it->want || it->undone || !it->after || u->force)
			continue;
		if (pt_access_read(u->a, it->key, it->device, now, NULL) < 0 ||
			!is_foreign(it, now))
			continue;
		int rc = pt_tx_undone(u->t, i, foreign, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool anything_written(const struct pt_tx *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->item[i].intent)
			return true;
	}
	return false;
}

// A file is put back where it still holds what we wrote.
static int undo_files(struct undoing *u)
{
	for (unsigned i = u->t->n_file; i-- > 0;) {
		const struct pt_tx_file *f = &u->t->file[i];
		pt_autobuf now = { 0 };
		int rc = pt_host_read(u->a->host, f->path, &now);
		bool ours = rc == 0 && f->now && strcmp(pt_buf_str(&now), f->now) == 0;
		bool before = rc == 0 ? f->before && strcmp(pt_buf_str(&now), f->before) == 0
				      : rc == -ENOENT && !f->before;
		if (before)
			continue;
		if (!ours && !u->force && rc != -ENOENT)
			u->n_foreign++;
		else if (pt_file_put(u->a->host, f->path, f->before, NULL) < 0)
			u->n_failed++;
	}
	return 0;
}

static int undo_values(struct undoing *u, struct pt_err *err)
{
	int rc = u->t->undoing ? 0 : find_foreign_derived(u, err);

	if (rc == 0 && !u->t->undoing)
		rc = pt_tx_mark(u->t, "undoing", err);
	for (unsigned i = u->t->n; rc == 0 && i-- > 0;) {
		if (u->t->item[i].want && u->t->item[i].intent)
			rc = undo_item(u, i, err);
	}
	for (unsigned i = 0; rc == 0 && i < u->t->n; i++) {
		if (!u->t->item[i].want)
			rc = undo_item(u, i, err);
	}
	for (unsigned i = 0; rc == 0 && i < u->t->n; i++) {
		const char *trouble = u->t->item[i].trouble;
		u->n_foreign += trouble && strcmp(trouble, foreign) == 0;
		u->n_failed += trouble && strcmp(trouble, foreign) != 0;
	}
	return rc;
}

int pt_tx_undo(struct pt_tx *t, const struct pt_access *a, bool force, enum pt_tx_result *out,
	struct pt_err *err)
{
	struct undoing u = { .t = t, .a = a, .force = force };
	int rc = 0;

	(void)undo_files(&u);
	if (!pt_tx_same_boot(t) &&
		!a->host->root) { // the values went with the kernel that had them
		*out = PT_TX_REBOOTED;
		return pt_tx_finish(t, *out, err);
	}
	if (anything_written(t))
		rc = undo_values(&u, err);
	if (rc < 0)
		return rc;
	*out = u.n_failed ? PT_TX_INCOMPLETE : u.n_foreign ? PT_TX_FOREIGN : PT_TX_RESTORED;
	return pt_tx_finish(t, *out, err);
}
