// SPDX-License-Identifier: MIT
#include "store/open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/config.h"
#include "store/backup.h"
#include "store/migrate.h"
#include "store/owner.h"

#define PT_STORE_DIR_MODE 0755
#define MOVED_TRIES       10
#define LOG_KEPT          (64 * 1024 * 1024) // bytes of a log that is begun anew
#define SWITCH_PAUSE_MS   10

// journal_mode answers with the mode it arrived at, which need not be the one asked for.
static int switch_journal(struct pt_sql *db, const struct pt_config *c, struct pt_err *err)
{
	const char *want = pt_journal_mode_names[c->database.journal_mode];
	char sql[64], have[16];

	int code = pt_sql_text(db, "PRAGMA journal_mode", have, sizeof(have), err);
	if (code || strcasecmp(have, want) == 0)
		return code;
	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", want);
	code = pt_sql_text(db, sql, have, sizeof(have), err);
	if (!code && strcasecmp(have, want) != 0)
		return pt_err_set(err, -EOPNOTSUPP, "%s: journal_mode stays %s, %s is not possible",
			pt_sql_path(db), have, want);
	return code;
}

// SQLite does not wait where two switch at once, as those do who find a file just restored.
static int set_journal_mode(struct pt_sql *db, const struct pt_config *c, struct pt_err *err)
{
	const struct timespec pause = { .tv_nsec = SWITCH_PAUSE_MS * PT_NS_PER_MS };
	struct pt_mono end = pt_mono_add(pt_mono_now(), c->database.busy_timeout_ms * PT_NS_PER_MS);
	int code;

	while ((code = switch_journal(db, c, err)) == -EBUSY &&
		pt_mono_diff(end, pt_mono_now()) > 0)
		(void)nanosleep(&pause, NULL); // an early end is a try more
	return code;
}

static int set_connection(
	struct pt_sql *db, enum pt_sql_mode mode, const struct pt_config *c, struct pt_err *err)
{
	pt_sql_busy_timeout(db, c->database.busy_timeout_ms);
	pt_sql_cache_size(db, (size_t)c->database.statement_cache_size);
	int code = pt_sql_sync(db, pt_synchronous_names[c->database.synchronous], err);
	return code ? code
		    : pt_sql_execf(db, err,
			      "PRAGMA cache_size=%" PRId64 "; PRAGMA mmap_size=%" PRId64
			      "; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON; PRAGMA "
			      "journal_size_limit=%d; PRAGMA query_only=%s",
			      c->database.cache_size, c->database.mmap_size, LOG_KEPT,
			      mode == PT_SQL_READ ? "ON" : "OFF");
}

static int open_connection(const char *path, enum pt_sql_mode mode, const struct pt_config *c,
	struct pt_sql **out, struct pt_err *err)
{
	pt_autosql db = NULL;
	int code = pt_sql_open(path ? path : c->database.path, mode, &db, err);
	if (!code)
		code = set_connection(db, mode, c, err);
	if (!code)
		*out = pt_take(&db);
	return code;
}

static int need_current(struct pt_sql *db, struct pt_err *err)
{
	enum pt_store_state state;
	int64_t version;
	int code = pt_store_state(db, &state, &version, err);
	if (code || state == PT_STORE_CURRENT)
		return code;
	if (state == PT_STORE_EMPTY)
		return pt_err_set(err, -ENODATA, "%s: empty, no database yet: run pt-db init",
			pt_sql_path(db));
	return pt_err_set(err, -EPROTO,
		"%s: database version %" PRId64 " is older than this program's %" PRId64
		": run pt-db migrate",
		pt_sql_path(db), version, pt_store_version());
}

// A restore may give the name to another file between the opening of this one and its first lock:
// the log of that name is then not this file's, whatever is read.
int pt_store_open(const char *path, enum pt_sql_mode mode, const struct pt_config *config,
	struct pt_sql **out, struct pt_err *err)
{
	pt_autosql db = NULL;
	int code;

	for (unsigned tries = 0;; tries++) {
		code = pt_sql_open(path ? path : config->database.path, mode, &db, err);
		if (!code)
			code = set_connection(db, mode, config, err);
		if (!code)
			code = need_current(db, err);
		if (!db || !pt_sql_moved(db) || tries == MOVED_TRIES)
			break;
		pt_sql_free(pt_take(&db));
	}
	if (!code && mode == PT_SQL_WRITE)
		code = set_journal_mode(db, config, err);
	if (!code)
		*out = pt_take(&db);
	return code;
}

// Makers take turns: SQLite answers "locked" at once when two switch a new file to WAL.
static int lock_parent(const char *path, int *fd, struct pt_err *err)
{
	const char *slash = strrchr(path, '/');
	pt_autofree char *dir = !slash ? strdup(".")
		: slash == path        ? strdup("/")
				       : strndup(path, (size_t)(slash - path));
	if (!dir)
		return pt_err_errno(err, -ENOMEM, "%s", path);
	if (mkdir(dir, PT_STORE_DIR_MODE) != 0 && errno != EEXIST)
		return pt_err_errno(err, -errno, "%s", dir);
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
		return pt_err_errno(err, -errno, "%s", dir);
	return 0;
}

int pt_store_durable(struct pt_sql *db, struct pt_err *err)
{
	return pt_sql_sync(db, pt_synchronous_names[PT_SYNC_FULL], err);
}

// page_size and auto_vacuum count only before the first page is written, so they come before the
// journal mode, which writes it.
static int fill_empty(struct pt_sql *db, const struct pt_config *c, struct pt_err *err)
{
	int code = pt_sql_execf(db, err,
		"PRAGMA page_size=%" PRId64 "; PRAGMA auto_vacuum=INCREMENTAL",
		c->database.page_size);
	if (!code)
		code = pt_store_durable(db, err);
	if (!code)
		code = set_journal_mode(db, c, err);
	if (!code)
		code = pt_store_migrate(db, NULL, err);
	return code ? code : pt_sql_sync(db, pt_synchronous_names[c->database.synchronous], err);
}

int pt_store_create(const char *path, const struct pt_config *config, bool *created,
	struct pt_sql **out, struct pt_err *err)
{
	pt_autosql db = NULL;
	pt_autofd lock = -1;
	enum pt_store_state state;

	path = path ? path : config->database.path;
	int code = lock_parent(path, &lock, err);
	if (!code)
		code = open_connection(path, PT_SQL_CREATE, config, &db, err);
	if (!code)
		code = pt_store_state(db, &state, NULL, err);
	if (code)
		return code;
	*created = state == PT_STORE_EMPTY;
	if (*created) // before there is a log, which goes by the file's owner
		code = pt_owner_take(path, NULL, err);
	if (!code)
		code = *created ? fill_empty(db, config, err) : need_current(db, err);
	if (!code)
		*out = pt_take(&db);
	return code;
}

static int open_for_upgrade(const char *path, const struct pt_config *config, struct pt_sql **out,
	enum pt_store_state *state, int64_t *version, struct pt_err *err)
{
	pt_autosql db = NULL;
	int code = open_connection(path, PT_SQL_WRITE, config, &db, err);

	if (!code)
		code = pt_store_state(db, state, version, err);
	if (!code && *state == PT_STORE_EMPTY)
		code = need_current(db, err);
	if (!code)
		code = pt_store_durable(db, err);
	if (!code)
		*out = pt_take(&db);
	return code;
}

int pt_store_upgrade_in_place(
	const char *path, const struct pt_config *config, unsigned *applied, struct pt_err *err)
{
	pt_autosql db = NULL;
	enum pt_store_state state;
	int64_t version;
	int code = open_for_upgrade(path, config, &db, &state, &version, err);

	return code ? code : pt_store_migrate(db, applied, err);
}

int pt_store_upgrade(const char *path, const struct pt_config *config, unsigned *applied,
	char *copy, size_t copy_len, struct pt_err *err)
{
	pt_autosql db = NULL;
	pt_autofd lock = -1;
	enum pt_store_state state;
	int64_t version;
	char name[PT_BACKUP_PATH];

	path = path ? path : config->database.path;
	if (copy_len)
		*copy = '\0';
	int code = open_for_upgrade(path, config, &db, &state, &version, err);
	if (code || state == PT_STORE_CURRENT)
		return code ? code : pt_store_migrate(db, applied, err);
	if (snprintf(name, sizeof(name), "%s.before-version-%" PRId64, path, pt_store_version()) >=
		(int)sizeof(name))
		return pt_err_set(err, -ENAMETOOLONG, "%s: too long a name", path);
	code = lock_parent(path, &lock, err); // two at once would write one copy
	if (!code)
		code = pt_store_state(db, &state, NULL, err);
	if (!code && state == PT_STORE_OLD)
		code = pt_backup_copy(db, name, NULL, err);
	if (!code && copy_len)
		(void)snprintf(copy, copy_len, "%s", name);
	return code ? code : pt_store_migrate(db, applied, err);
}
