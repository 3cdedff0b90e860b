// SPDX-License-Identifier: MIT
// The way back: compare and set, last first, then what the kernel changed along with it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tune/files.h"
#include "tune/joined.h"
#include "tune/tx.h"
#include "tune/unit.h"
#include "tune/wg.h"

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
	const struct pt_joined *joined = pt_joined_of(it->key);
	if (!it->after && joined && joined->steps) // broken off between them
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

// No record may keep a value from being put back: a full disk would leave the host as it is.
struct undoing {
	struct pt_tx *t;
	const struct pt_access *a;
	bool force, booted;
	unsigned n_foreign, n_failed;
};

// Not merely unreadable: the device is not there, or the tunnel is and has no such peer.
static bool is_gone(const struct undoing *u, const struct pt_tx_item *it, int read)
{
	return it->device && !pt_unit_is(it->key) && (read == -ENODEV || read == -ENOENT) &&
		u->a->nics->host && pt_wg_peer_gone(u->a->host, it->device);
}

static void undo_item(struct undoing *u, unsigned i)
{
	struct pt_tx_item *it = &u->t->item[i];
	struct pt_err why = { 0 };
	char now[PT_KNOB_VALUE];

	if (it->undone || (it->trouble && !u->force && strcmp(it->trouble, foreign) == 0))
		return;
	if (!u->force && pt_access_read(u->a, it->key, it->device, now, &why) == 0 &&
		is_foreign(it, now) && it->want) {
		(void)pt_tx_undone(u->t, i, foreign, NULL);
		return;
	}
	int rc = put_back(it, u->a, &why);
	const char *trouble = rc == 0 ? NULL : is_gone(u, it, rc) ? pt_tx_gone : why.msg;
	(void)pt_tx_undone(u->t, i, trouble, NULL);
}

// Derived values that somebody else set: told before the main values are put back, because that
// changes them again; never when an undo that was broken off may have done so.
static void find_foreign_derived(struct undoing *u)
{
	for (unsigned i = 0; i < u->t->n; i++) {
		struct pt_tx_item *it = &u->t->item[i];
		char now[PT_KNOB_VALUE];
		if (it->want || it->undone || !it->after || u->force)
			continue;
		if (pt_access_read(u->a, it->key, it->device, now, NULL) == 0 &&
			is_foreign(it, now))
			(void)pt_tx_undone(u->t, i, foreign, NULL);
	}
}

static bool anything_written(const struct pt_tx *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->item[i].intent)
			return true;
	}
	return false;
}

static bool is_changed(const struct undoing *u, const struct pt_tx_file *f)
{
	pt_autobuf now = { 0 };

	return !u->force && f->now && pt_host_read(u->a->host, f->path, &now) == 0 &&
		strcmp(pt_buf_str(&now), f->now) != 0 &&
		(!f->before || strcmp(pt_buf_str(&now), f->before) != 0);
}

// What a unit's settings waited in was in /run. It does not go back there when somebody changed
// what became of it, nor after a restart, nor once its settings are being put back one by one.
static bool stays_away(const struct undoing *u, unsigned i)
{
	const struct pt_tx_file *f = &u->t->file[i];

	return strncmp(f->path, "run/", 4) == 0 &&
		(u->booted || u->t->undoing || (i && is_changed(u, &u->t->file[i - 1])));
}

// A file is put back where it still holds what we wrote.
static int undo_files(struct undoing *u)
{
	for (unsigned i = u->t->n_file; i-- > 0;) {
		struct pt_tx_file *f = &u->t->file[i];
		pt_autobuf now = { 0 };
		if (stays_away(u, i))
			continue;
		int rc = pt_host_read(u->a->host, f->path, &now);
		bool ours = rc == 0 && f->now && strcmp(pt_buf_str(&now), f->now) == 0;
		bool before = rc == 0 ? f->before && strcmp(pt_buf_str(&now), f->before) == 0
				      : rc == -ENOENT && !f->before;
		if (before)
			continue;
		f->left = !ours && !u->force && rc != -ENOENT;
		if (f->left)
			u->n_foreign++;
		else if (pt_file_put(u->a->host, f->path, f->before, NULL) < 0)
			u->n_failed++;
	}
	return 0;
}

// What is left in a unit's file after its values were put back one by one is kept as that file was.
static void keep_left(struct undoing *u)
{
	const struct pt_host *h = u->a->host;

	for (unsigned i = 0; i < u->t->n; i++) {
		const struct pt_tx_item *it = &u->t->item[i];
		char kept[256], waiting[256];
		pt_autobuf text = { 0 };
		bool left = false;
		if (!it->want || !it->device || !pt_unit_is(it->key))
			continue;
		pt_unit_paths(it->device, kept, waiting);
		for (unsigned k = 0; k < u->t->n_file; k++)
			left |= u->t->file[k].left && strcmp(u->t->file[k].path, kept) == 0;
		if (left && pt_host_read(h, waiting, &text) == 0 &&
			(pt_file_put(h, kept, pt_buf_str(&text), NULL) < 0 ||
				pt_file_put(h, waiting, NULL, NULL) < 0))
			u->n_failed++;
	}
}

static void undo_values(struct undoing *u)
{
	if (!u->t->undoing) {
		find_foreign_derived(u);
		(void)pt_tx_mark(u->t, "undoing", NULL);
	}
	for (unsigned i = u->t->n; i-- > 0;) {
		if (u->t->item[i].want && u->t->item[i].intent)
			undo_item(u, i);
	}
	for (unsigned i = 0; i < u->t->n; i++) {
		if (!u->t->item[i].want)
			undo_item(u, i);
	}
	for (unsigned i = 0; i < u->t->n; i++) {
		const struct pt_tx_item *it = &u->t->item[i];
		bool by_others = it->trouble && strcmp(it->trouble, foreign) == 0;
		u->n_foreign += by_others;
		u->n_failed += it->trouble && !by_others && !it->gone;
	}
}

// The values went with the kernel that had them. But a confirm that was broken off had its files
// written: they told this kernel the same values again.
static void undo_booted(struct undoing *u)
{
	for (unsigned i = u->t->n; u->t->n_file && i-- > 0;) {
		struct pt_tx_item *it = &u->t->item[i];
		char now[PT_KNOB_VALUE];
		if (it->want && it->intent && !it->device &&
			pt_access_read(u->a, it->key, NULL, now, NULL) == 0 &&
			strcmp(now, it->after ? it->after : it->want) == 0)
			undo_item(u, i);
		u->n_failed += it->trouble && !it->gone && strcmp(it->trouble, foreign) != 0;
	}
}

int pt_tx_undo(struct pt_tx *t, const struct pt_access *a, bool force, enum pt_tx_result *out,
	struct pt_err *err)
{
	bool booted = !pt_tx_same_boot(t) && !a->host->root;
	struct undoing u = { .t = t, .a = a, .force = force, .booted = booted };

	(void)undo_files(&u);
	if (booted)
		undo_booted(&u);
	else if (anything_written(t))
		undo_values(&u);
	keep_left(&u);
	if (pt_tx_has_units(t) && pt_unit_reload(a->host, NULL) < 0)
		u.n_failed++;
	*out = u.n_failed     ? PT_TX_INCOMPLETE
		: booted      ? PT_TX_REBOOTED
		: u.n_foreign ? PT_TX_FOREIGN
			      : PT_TX_RESTORED;
	return pt_tx_finish(t, *out, err);
}
