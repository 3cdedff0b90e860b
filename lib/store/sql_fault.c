// SPDX-License-Identifier: MIT
// What SQLite's codes mean to us.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/sql_internal.h"

#define SPACE_CURE "free some space; nothing of this transaction was written"
#define DISK_CURE  "the disk is at fault, see dmesg; nothing of this transaction was written"

// What a primary result code means to us, and what the user can do about it.
static const struct pt_sql_fault {
	int rc;
	int code;
	const char *cure;
} faults[] = {
	{ SQLITE_BUSY, -EBUSY, "another process kept it for longer than database.busy_timeout_ms" },
	{ SQLITE_LOCKED, -EBUSY, NULL },
	{ SQLITE_FULL, -ENOSPC, SPACE_CURE },
	{ SQLITE_READONLY, -EROFS, NULL },
	{ SQLITE_CORRUPT, -EUCLEAN,
		"truncated or damaged, restore a backup or salvage it with .recover of sqlite3" },
	{ SQLITE_NOTADB, -EBADMSG, "give the database with --db" },
	{ SQLITE_CONSTRAINT, -EEXIST, NULL },
	{ SQLITE_NOMEM, -ENOMEM, NULL },
	{ SQLITE_IOERR, -EIO, NULL },
	{ SQLITE_CANTOPEN, -EIO, NULL },
	{ SQLITE_PERM, -EACCES, NULL },
	{ SQLITE_AUTH, -EACCES, NULL },
	{ SQLITE_INTERRUPT, -EINTR, NULL },
	{ SQLITE_TOOBIG, -E2BIG, NULL },
};

// "unable to open" may mean the -wal and -shm beside the file, which readers need to make, too.
// Why the directory or the file cannot be written, or 0.
static int not_writable(const char *path)
{
	const char *slash = strrchr(path, '/');
	pt_autofree char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	if (access(path, W_OK) != 0 || !dir || access(dir, W_OK) != 0)
		return -errno;
	return 0;
}

const char *pt_sql_read_only_cure(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		return "its file system is mounted read-only: remount it, or see dmesg why it is";
	if (not_writable(path))
		return "this user may not write the file or its directory: run as their owner";
	return "this connection only reads";
}

int pt_sql_fail(struct pt_sql *db, int rc, struct pt_err *err)
{
	int code = -ENOEXEC;
	const char *cure = NULL;

	for (size_t i = 0; i < PT_ARRAY_LEN(faults); i++) {
		if (faults[i].rc == (rc & 0xff)) {
			code = faults[i].code;
			cure = faults[i].cure;
		}
	}
	if (code == -ENOEXEC) // the statement is at fault, not the file
		return pt_err_set(err, code, "%s", sqlite3_errmsg(pt_sql_raw(db)));
	if ((rc & 0xff) == SQLITE_CANTOPEN && not_writable(pt_sql_path(db)))
		return pt_err_set(err, not_writable(pt_sql_path(db)), "%s: %s: %s", pt_sql_path(db),
			sqlite3_errmsg(pt_sql_raw(db)), pt_sql_read_only_cure(pt_sql_path(db)));
	int sys = sqlite3_system_errno(pt_sql_raw(db));
	if (code == -EIO && sys == ENOSPC) // a full disk may show as a failed write, too
		return pt_err_set(err, -ENOSPC, "%s: %s: " SPACE_CURE, pt_sql_path(db),
			strerrordesc_np(ENOSPC));
	if (code == -EIO && sys == EIO)
		return pt_err_set(err, -EIO, "%s: %s: " DISK_CURE, pt_sql_path(db),
			sqlite3_errmsg(pt_sql_raw(db)));
	if (code == -EIO && sys)
		return pt_err_errno(
			err, -sys, "%s: %s", pt_sql_path(db), sqlite3_errmsg(pt_sql_raw(db)));
	if (code == -EROFS)
		return pt_err_set(err, code, "%s: %s: %s", pt_sql_path(db),
			sqlite3_errmsg(pt_sql_raw(db)), pt_sql_read_only_cure(pt_sql_path(db)));
	return pt_err_set(err, code, "%s: %s%s%s", pt_sql_path(db), sqlite3_errmsg(pt_sql_raw(db)),
		cure ? ": " : "", cure ? cure : "");
}
