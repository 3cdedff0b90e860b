// SPDX-License-Identifier: MIT
#include "plane/pin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#define BPFFS_ROOT "/sys/fs/bpf"

int pt_pin_path(const char *dir, const char *name, char out[PT_PIN_PATH])
{
	int n = snprintf(out, PT_PIN_PATH, "%s/%s", dir, name);

	return n < 0 || n >= PT_PIN_PATH ? -ENAMETOOLONG : 0;
}

static bool on_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

// Everything above the last component, in place or not; false at the root.
static bool parent_of(const char *path, char out[PT_PIN_PATH])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!len || len >= PT_PIN_PATH)
		return false;
	memmove(out, path, len);
	out[len] = 0;
	return true;
}

static int make_dirs(const char *dir, bool *created, struct pt_err *err)
{
	char parent[PT_PIN_PATH];
	bool ignored;

	*created = false;
	if (access(dir, F_OK) == 0)
		return 0;
	if (parent_of(dir, parent) && make_dirs(parent, &ignored, err))
		return err ? err->code : -EIO;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return pt_err_errno(err, -errno, "%s", dir);
	*created = true;
	return 0;
}

int pt_pin_create(const char *dir, bool *created, struct pt_err *err)
{
	char above[PT_PIN_PATH], links[PT_PIN_PATH];
	size_t root = strlen(BPFFS_ROOT);
	bool ignored;
	int ret;

	*created = false;
	if (pt_pin_path(dir, PT_PIN_LINKS, links) || strlen(dir) + 20 > PT_PIN_PATH)
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", dir);
	if (!strncmp(dir, BPFFS_ROOT "/", root + 1) && !on_bpffs(BPFFS_ROOT) &&
		mount("bpf", BPFFS_ROOT, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return pt_err_errno(err, -errno, BPFFS_ROOT ": cannot mount the bpf file system");
	(void)snprintf(above, sizeof(above), "%s", dir);
	while (access(above, F_OK) < 0 && parent_of(above, above))
		;
	if (!on_bpffs(above))
		return pt_err_set(err, -EINVAL,
			"%s: not on a bpf file system; choose a --pin-dir below " BPFFS_ROOT, dir);
	ret = make_dirs(dir, created, err);
	return ret ? ret : make_dirs(links, &ignored, err);
}

int pt_pin_exists(const char *dir, struct pt_err *err)
{
	char meta[PT_PIN_PATH];

	if (pt_pin_path(dir, "pt_meta", meta))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", dir);
	if (access(meta, F_OK) == 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return pt_err_errno(err, -errno, "%s", meta);
	return pt_err_set(
		err, -ENOENT, "%s: nothing is attached here; run pt-failover attach", dir);
}

static bool is_number(const char *name)
{
	return *name && !name[strspn(name, "0123456789")];
}

int pt_pin_other(const char *dir, char out[PT_PIN_PATH])
{
	const char *slash = strrchr(dir, '/'), *own = slash ? slash + 1 : dir;
	char parent[PT_PIN_PATH], found[PT_PIN_PATH];
	const struct dirent *e;
	int ret = -ENOENT;
	DIR *d;

	if (!is_number(own) || !parent_of(dir, parent))
		return -ENOENT;
	d = opendir(parent);
	while (d && ret && (e = readdir(d)))
		if (is_number(e->d_name) && strcmp(e->d_name, own) != 0 &&
			!pt_pin_path(parent, e->d_name, found))
			ret = pt_pin_exists(found, NULL);
	if (d)
		(void)closedir(d);
	if (!ret)
		memcpy(out, found, sizeof(found));
	return ret ? -ENOENT : 0;
}

static int lock_path(const char *dir, enum pt_pin_lock which, char out[PT_PIN_PATH])
{
	return pt_pin_path(dir, which == PT_PIN_LOCK_WATCH ? PT_PIN_LINKS : ".", out);
}

int pt_pin_lock_owner(const char *dir, enum pt_pin_lock which, pid_t *out)
{
	char path[PT_PIN_PATH], line[160], pid[16], file[48], ours[48];
	struct stat st;
	uint32_t owner;
	int ret = -ESRCH;

	if (lock_path(dir, which, path) || stat(path, &st) < 0)
		return -ESRCH;
	(void)snprintf(ours, sizeof(ours), "%02x:%02x:%lu", gnu_dev_major(st.st_dev),
		gnu_dev_minor(st.st_dev), (unsigned long)st.st_ino);
	FILE *f = fopen("/proc/locks", "re");
	while (f && ret && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "FLOCK");
		if (at && sscanf(at, "FLOCK ADVISORY WRITE %15s %47s", pid, file) == 2 &&
			strcmp(file, ours) == 0 && pt_parse_u32(pid, 1, INT32_MAX, &owner) == 0) {
			*out = (pid_t)owner;
			ret = 0;
		}
	}
	if (f)
		(void)fclose(f); // only read
	return ret;
}

int pt_pin_lock(const char *dir, enum pt_pin_lock which, int *fd, struct pt_err *err)
{
	static const char *const why[] = {
		[PT_PIN_LOCK_WRITE] = "another pt-failover is writing",
		[PT_PIN_LOCK_WATCH] = "another pt-failover watch runs",
	};
	char path[PT_PIN_PATH];
	pt_autofd lock = -1;

	if (lock_path(dir, which, path))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", dir);
	lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return pt_err_errno(err, -errno, "%s", path);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return pt_err_set(err, -EBUSY, "%s: %s", dir, why[which]);
		return pt_err_errno(err, -errno, "%s: lock", path);
	}
	*fd = pt_take_fd(&lock);
	return 0;
}

int pt_pin_lock_wait(
	const char *dir, enum pt_pin_lock which, int wait_ms, int *fd, struct pt_err *err)
{
	const struct timespec pause = { .tv_nsec = 5 * PT_NS_PER_MS };
	struct pt_mono end = pt_mono_add(pt_mono_now(), wait_ms * PT_NS_PER_MS);
	int ret;

	// flock(2) knows no timeout; a batch of writes takes well under a millisecond.
	while ((ret = pt_pin_lock(dir, which, fd, err)) == -EBUSY &&
		pt_mono_diff(end, pt_mono_now()) > 0)
		(void)nanosleep(&pause, NULL); // cut short is as good
	return ret;
}

// Removes the files of a directory whose names begin with prefix.
static int remove_pins(const char *dir, const char *prefix, struct pt_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int ret = 0;

	if (!d)
		return errno == ENOENT ? 0 : pt_err_errno(err, -errno, "%s", dir);
	while (!ret && (e = readdir(d)))
		if (e->d_name[0] != '.' && !strncmp(e->d_name, prefix, strlen(prefix)) &&
			unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != EISDIR)
			ret = pt_err_errno(err, -errno, "%s/%s", dir, e->d_name);
	(void)closedir(d); // only read
	return ret;
}

int pt_pin_remove(const char *dir, struct pt_err *err)
{
	char links[PT_PIN_PATH], parent[PT_PIN_PATH];
	int ret;

	if (pt_pin_path(dir, PT_PIN_LINKS, links))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", dir);
	ret = remove_pins(links, "", err);
	if (!ret)
		ret = remove_pins(dir, "pt_", err);
	if (ret)
		return ret;
	if (rmdir(links) < 0 && errno != ENOENT)
		return pt_err_errno(err, -errno, "%s", links);
	if (rmdir(dir) < 0 && errno != ENOENT)
		return pt_err_errno(err, -errno, "%s", dir);
	if (parent_of(dir, parent) && on_bpffs(parent))
		(void)rmdir(parent); // shared with other planes, or the mount point: stays
	return 0;
}

// A time stamp of the directory is what the bpf file system has that others can wait for.
int pt_pin_touch(const char *dir, struct pt_err *err)
{
	return utimensat(AT_FDCWD, dir, NULL, 0) < 0 ? pt_err_errno(err, -errno, "%s", dir) : 0;
}

int pt_pin_touch_watch(const char *dir, int *fd, struct pt_err *err)
{
	pt_autofd watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (watch < 0 || inotify_add_watch(watch, dir, IN_ATTRIB) < 0)
		return pt_err_errno(err, -errno, "%s: watching it", dir);
	*fd = pt_take_fd(&watch);
	return 0;
}

void pt_pin_touch_read(int fd)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(fd, events, sizeof(events)) > 0)
		; // which they are does not matter
}
