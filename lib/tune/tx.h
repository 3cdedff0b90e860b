// SPDX-License-Identifier: MIT
// A transaction and its journal: STATE/tx/ID/journal, one JSON record a line, each on disk before
// what it announces is done. Whoever reads the journal knows what must be undone, whatever died in
// between.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "tune/access.h"

#define PT_TX_STATE  "var/lib/patronus/tune"
#define PT_TX_MAX    8192 // settings of one transaction
#define PT_TX_ID_LEN 40

enum pt_tx_result {
	PT_TX_OPEN,       // not finished
	PT_TX_CONFIRMED,  // stands
	PT_TX_RESTORED,   // undone
	PT_TX_INCOMPLETE, // undone but for what could not be written
	PT_TX_FOREIGN,    // undone but for what somebody else has changed since
	PT_TX_REBOOTED,   // the machine was restarted: what was not confirmed is gone
};
extern const char *const pt_tx_result_names[];
extern const char pt_tx_gone[]; // the trouble of an item whose device or peer is gone

struct pt_tx_item {
	const char *key, *device; // device NULL: none
	const char *before;       // canonical
	const char *want;         // NULL: derived, only watched and restored
	const char *after;        // read back; NULL: not yet
	const char *guide, *rule; // for show; may be NULL
	bool intent, undone;
	const char *trouble; // why it was not restored; NULL: it was, or was not tried
	bool gone;           // that is why: its device or peer is not there, nor is its value
};

struct pt_tx {
	struct pt_arena *a;
	char id[PT_TX_ID_LEN];
	int dir_fd, journal_fd;
	const char *profile, *boot;
	int64_t timeout_ms;  // 0: none
	int64_t deadline_ms; // CLOCK_BOOTTIME; 0: not yet applied, or none
	uint32_t uid;
	bool ready;        // the snapshot is whole
	bool applied;      // all is written, probes were content
	bool runtime_only; // nothing is to be persisted
	bool confirming;   // files are being written
	bool undoing;      // values are being put back
	enum pt_tx_result result;
	struct pt_tx_item *item;
	unsigned n, room; // items there are, and space for
	bool torn;        // the journal's last line is not whole
	// Files that were changed, with what they held before (NULL: were not there) and hold now.
	struct pt_tx_file {
		const char *path, *before, *now;
		bool left; // undone but for what somebody else has changed in it
	} * file;
	unsigned n_file, file_room;
	const char *effect; // counters that moved (tune/effect.h); NULL: none, or not measured
};

// The directory of states and its lock. Created where it is missing.
struct pt_tx_state {
	int dir_fd, lock_fd;
};
#define PT_TX_STATE_NONE                    \
	{                                   \
		.dir_fd = -1, .lock_fd = -1 \
	}
// path NULL: the host's own; a network namespace has one of its own.
int pt_tx_state_open(
	const struct pt_host *h, const char *path, struct pt_tx_state *out, struct pt_err *err);
void pt_tx_state_close(struct pt_tx_state *s);
// -EBUSY: somebody else is at work.
int pt_tx_lock(struct pt_tx_state *s, bool wait, struct pt_err *err);
void pt_tx_unlock(struct pt_tx_state *s);

struct pt_tx_terms {
	const char *profile;
	int64_t timeout_ms;
	bool runtime_only;
};
// A new one, in its directory, with its first record written.
int pt_tx_begin(struct pt_tx_state *s, struct pt_arena *a, const struct pt_tx_terms *terms,
	struct pt_tx *out, struct pt_err *err);
// As its journal tells it. A torn last line is none.
int pt_tx_load(struct pt_tx_state *s, struct pt_arena *a, const char *id, struct pt_tx *out,
	struct pt_err *err);
void pt_tx_close(struct pt_tx *t); // descriptors; the journal stays
// Ids, oldest first; how many. -errno.
int pt_tx_list(struct pt_tx_state *s, struct pt_arena *a, char ***out, struct pt_err *err);
// The newest that is open, or with `confirmed` the newest that stands. -ENOENT: none.
int pt_tx_find(struct pt_tx_state *s, struct pt_arena *a, bool confirmed, struct pt_tx *out,
	struct pt_err *err);

// Records. What announces a write is on disk when it returns; what tells of one is with the next.
int pt_tx_add(struct pt_tx *t, const struct pt_tx_item *item, struct pt_err *err);
int pt_tx_mark(
	struct pt_tx *t, const char *rec, struct pt_err *err); // "ready", "confirming", "undoing"
int pt_tx_intent(struct pt_tx *t, unsigned i, struct pt_err *err);
int pt_tx_done(struct pt_tx *t, unsigned i, const char *after, struct pt_err *err);
int pt_tx_applied(struct pt_tx *t, int64_t deadline_ms, const char *effect, struct pt_err *err);
int pt_tx_file(
	struct pt_tx *t, const char *path, const char *before, const char *now, struct pt_err *err);
int pt_tx_undone(struct pt_tx *t, unsigned i, const char *trouble, struct pt_err *err);
int pt_tx_finish(struct pt_tx *t, enum pt_tx_result result, struct pt_err *err);

bool pt_tx_same_boot(const struct pt_tx *t);
int64_t pt_tx_boottime_ms(void);
bool pt_tx_has_units(const struct pt_tx *t); // it writes settings of systemd's units
// Its watchdog lives (its pid and start time are those in the directory).
bool pt_tx_watched(const struct pt_tx *t);

// Puts everything back that the transaction changed, last first, wherever the value is still the
// one that it wrote; force: wherever. Idempotent, and goes on after a crash in its own middle.
// What went with its device, or with its peer, is recorded as gone and is no failure.
// Writes the result into the journal and to *out. A journal that cannot be written (a full disk)
// keeps no value from being put back: that is done first, and then the error returned.
int pt_tx_undo(struct pt_tx *t, const struct pt_access *a, bool force, enum pt_tx_result *out,
	struct pt_err *err);
