// SPDX-License-Identifier: MIT
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/open.h"
#include "store/owner.h"
#include "store/verify.h"

#define DIR_MODE  0750
#define STAMP_LEN 16 // "20260131T120000Z"

static void parent_of(const char *path, char *out, size_t len)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		(void)snprintf(out, len, ".");
	else
		(void)snprintf(out, len, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

// "/var/lib/patronus/sdwan.db" is "sdwan".
static void stem_of(const char *path, char *out, size_t len)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');

	(void)snprintf(
		out, len, "%.*s", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
}

static void stamp(char out[STAMP_LEN + 1])
{
	time_t now = (time_t)(pt_wall_us() / 1000000);
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(out, STAMP_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
}

static int sync_parent(const char *path, struct pt_err *err)
{
	char dir[PT_BACKUP_PATH];

	parent_of(path, dir, sizeof(dir));
	pt_autofd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return pt_err_errno(err, -errno, "%s", dir);
	return 0;
}

static void drop_database(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
	char name[PT_BACKUP_PATH + 16];

	for (size_t i = 0; i < PT_ARRAY_LEN(tails); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		(void)unlink(name); // mostly not there
	}
}

int pt_backup_copy(
	struct pt_sql *db, const char *to, const struct pt_backup_opts *o, struct pt_err *err)
{
	char temp[PT_BACKUP_PATH + 8];

	(void)snprintf(temp, sizeof(temp), "%s.new", to);
	drop_database(temp);
	int code = pt_sql_copy(db, temp, o ? o->progress : NULL, o ? o->ctx : NULL, err);
	if (!code)
		code = pt_verify_file(temp, o && o->full, err);
	if (!code && rename(temp, to) != 0)
		code = pt_err_errno(err, -errno, "%s", to);
	if (!code)
		code = sync_parent(to, err);
	if (code)
		drop_database(temp);
	return code;
}

// Runs for one directory take turns, or one would take the other's half for its own.
static int open_dir(const char *dir, int *fd, struct pt_err *err)
{
	int code = mkdir(dir, DIR_MODE) == 0 ? pt_owner_take(dir, NULL, err)
		: errno == EEXIST            ? 0
					     : pt_err_errno(err, -errno, "%s", dir);
	if (code)
		return code;
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
		return pt_err_errno(err, -errno, "%s", dir);
	return 0;
}

static bool is_backup(const char *name, const char *stem)
{
	size_t n = strlen(stem);

	return strncmp(name, stem, n) == 0 && name[n] == '-' &&
		strlen(name + n + 1) == STAMP_LEN + 3 && name[n + 1 + 8] == 'T' &&
		strspn(name + n + 1, "0123456789") == 8 &&
		strcmp(name + n + 1 + STAMP_LEN, ".db") == 0;
}

// Halves of runs that were killed: nobody else is at it while we hold the directory.
static void drop_halves(int dir_fd, const char *dir, const char *stem)
{
	struct dirent **names;
	size_t len = strlen(stem);
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		if (strncmp(name, stem, len) == 0 && name[len] == '-' && strstr(name, ".db.new"))
			(void)unlinkat(dir_fd, name, 0); // the next run tries again
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

// By name is by time. The one just made stays, though its clock may say that it is the oldest.
static int drop_oldest(int dir_fd, const struct pt_backup_opts *o, const char *stem,
	const char *made, unsigned *dropped, struct pt_err *err)
{
	struct dirent **names;
	unsigned have = 1;
	int n = scandir(o->dir, &names, NULL, alphasort);

	if (n < 0)
		return pt_err_errno(err, -errno, "%s", o->dir);
	for (int i = n - 1; i >= 0; i--) {
		bool drop = strcmp(names[i]->d_name, made) != 0 &&
			is_backup(names[i]->d_name, stem) && ++have > o->keep;
		if (drop && unlinkat(dir_fd, names[i]->d_name, 0) == 0)
			(*dropped)++;
		free(names[i]);
	}
	free(names);
	return 0;
}

int pt_backup_make(struct pt_sql *db, const struct pt_backup_opts *o, char out[PT_BACKUP_PATH],
	unsigned *dropped, struct pt_err *err)
{
	char stem[128], when[STAMP_LEN + 1];
	pt_autofd dir = -1;
	int code = open_dir(o->dir, &dir, err);

	*dropped = 0;
	if (code)
		return code;
	stem_of(pt_sql_path(db), stem, sizeof(stem));
	stamp(when);
	drop_halves(dir, o->dir, stem);
	int n = snprintf(out, PT_BACKUP_PATH, "%s/%s-%s.db", o->dir, stem, when);
	if (n >= PT_BACKUP_PATH)
		return pt_err_set(err, -ENAMETOOLONG, "%s: too long a name", o->dir);
	code = pt_backup_copy(db, out, o, err);
	if (!code && o->keep)
		code = drop_oldest(dir, o, stem, strrchr(out, '/') + 1, dropped, err);
	return code;
}

// The newest backup in dir, by its name, which is by time.
static bool newest(const char *dir, const char *stem, char *out, size_t len)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	*out = '\0';
	for (int i = 0; i < n; i++) {
		if (is_backup(names[i]->d_name, stem))
			(void)snprintf(out, len, "%s", names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return *out;
}

int pt_backup_need(const char *from, const char *path, const char *dir, struct pt_err *err)
{
	char stem[128], last[NAME_MAX + 1];

	if (access(from, R_OK) == 0)
		return 0;
	int code = -errno;
	if (code != -ENOENT)
		return pt_err_errno(err, code, "%s", from);
	stem_of(path, stem, sizeof(stem));
	if (newest(dir, stem, last, sizeof(last)))
		return pt_err_set(
			err, code, "%s: no such backup: the newest is %s/%s", from, dir, last);
	return pt_err_set(err, code, "%s: no such backup, and none in %s", from, dir);
}

// Bytes of the file that every connection of SQLite has a lock on: one that reads by its own leave
// (shared), all of them as long as the file is in WAL mode.
#define LOCK_START 0x40000000
#define LOCK_LEN   512

// SQLite's connections keep a lock on the file while they have it open; ours are not asked here.
// Keeps others from opening it for as long as *fd is open. -1: there is no file.
static int lock_out(const char *path, int *fd, struct pt_err *err)
{
	struct flock l = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_START, .l_len = LOCK_LEN
	};

	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? 0 : pt_err_errno(err, -errno, "%s", path);
	if (fcntl(*fd, F_OFD_SETLK, &l) == 0)
		return 0;
	int code = -errno;
	return code == -EAGAIN || code == -EACCES
		? pt_err_set(err, -EBUSY, "%s: in use: stop patronus-db and patronus-serve first",
			  path)
		: pt_err_errno(err, code, "%s", path);
}

static int need_nobody(const char *path, struct pt_err *err)
{
	pt_autofd fd = -1;

	return lock_out(path, &fd, err);
}

// What the log of a sound file has goes into the file; the last one out removes the log.
static void fold_log(const char *path)
{
	struct pt_err ignored = { 0 };
	struct pt_sql *db = NULL;

	if (pt_sql_open(path, PT_SQL_WRITE, &db, &ignored) == 0)
		(void)pt_sql_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", &ignored);
	pt_sql_free(db);
}

// A log is read into whatever bears its name, be its own file damaged or gone: it must not meet the
// new one, and is kept under the old one's new name.
static int put_log_away(const char *path, const char *old, struct pt_err *err)
{
	static const char *const tails[] = { "-wal", "-shm", "-journal" };
	char from[PT_BACKUP_PATH + 16], to[PT_BACKUP_PATH + 16];

	for (size_t i = 0; i < PT_ARRAY_LEN(tails); i++) {
		(void)snprintf(from, sizeof(from), "%s%s", path, tails[i]);
		(void)snprintf(to, sizeof(to), "%s%s", old, tails[i]);
		if (rename(from, to) != 0 && errno != ENOENT)
			return pt_err_errno(err, -errno, "%s", from);
	}
	return 0;
}

// The old file gets a second name, then the new one takes the first: at no instant is there none.
// Who waits for the lock meanwhile has the old file in hand, and finds that out: pt_store_open.
static int swap(const char *fresh, const char *path, const char *old, bool *had, struct pt_err *err)
{
	pt_autofd lock = -1;

	fold_log(path);
	int code = lock_out(path, &lock, err);
	if (code)
		return code;
	*had = lock >= 0;
	if (*had && link(path, old) != 0)
		return pt_err_errno(err, -errno, "%s", old);
	code = put_log_away(path, old, err);
	if (!code && rename(fresh, path) != 0)
		code = pt_err_errno(err, -errno, "%s", path);
	return code ? code : sync_parent(path, err);
}

static int make_fresh(const char *from, const char *fresh, const struct pt_config *config,
	const struct pt_backup_opts *o, struct pt_err *err)
{
	struct pt_sql *source = NULL;
	int code = pt_verify_file(from, o->full, err); // before anything of ours is touched

	if (!code)
		code = pt_sql_open(from, PT_SQL_READ, &source, err);
	drop_database(fresh);
	if (!code)
		code = pt_sql_copy(source, fresh, o->progress, o->ctx, err);
	pt_sql_free(source);
	if (!code)
		code = pt_store_upgrade_in_place(fresh, config, NULL, err);
	if (!code)
		code = pt_verify_file(fresh, o->full, err);
	return code;
}

// A name that is free: a run that was killed may have taken that of this second.
static void name_old(const char *path, const char *when, char old[PT_BACKUP_PATH])
{
	(void)snprintf(old, PT_BACKUP_PATH, "%s.before-%s", path, when);
	for (unsigned n = 2; access(old, F_OK) == 0; n++)
		(void)snprintf(old, PT_BACKUP_PATH, "%s.before-%s-%u", path, when, n);
}

int pt_backup_restore(const char *from, const char *path, const struct pt_config *config,
	const struct pt_backup_opts *o, char old[PT_BACKUP_PATH], struct pt_err *err)
{
	char fresh[PT_BACKUP_PATH + 8], dir[PT_BACKUP_PATH], when[STAMP_LEN + 1];
	pt_autofree char *real = realpath(path, NULL); // the file, not the link that leads to it
	pt_autofd lock = -1;
	bool had = real;

	*old = '\0';
	path = real ? real : path;
	if (strlen(path) + sizeof(when) + 32 > PT_BACKUP_PATH)
		return pt_err_set(err, -ENAMETOOLONG, "%s: too long a name", path);
	stamp(when);
	parent_of(path, dir, sizeof(dir));
	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	name_old(path, when, old);
	int code = open_dir(dir, &lock, err);
	if (!code)
		code = need_nobody(path, err);
	if (!code)
		code = make_fresh(from, fresh, config, o, err);
	if (!code)
		code = pt_owner_take(fresh, had ? path : NULL, err);
	if (!code)
		code = swap(fresh, path, old, &had, err);
	if (code)
		drop_database(fresh);
	if (!had)
		*old = '\0';
	return code;
}
