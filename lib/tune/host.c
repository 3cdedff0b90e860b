// SPDX-License-Identifier: MIT
#include "tune/host.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAX_FILE (1u << 20)

// A sysfs shows the devices of the network namespace that it was mounted in. The one at /sys may
// be another's: writing there would change devices of the machine from inside a namespace.
static int own_sysfs(void)
{
	pt_autofd fs = fsopen("sysfs", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = fsmount(
		fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool in_init_netns(void)
{
	struct stat mine, first;

	return stat("/proc/thread-self/ns/net", &mine) == 0 &&
		stat("/proc/1/ns/net", &first) == 0 && mine.st_dev == first.st_dev &&
		mine.st_ino == first.st_ino;
}

int pt_host_open(const char *root, struct pt_host *out, struct pt_err *err)
{
	struct pt_host h = { .root = root, .root_fd = -1, .sys_fd = -1, .init_netns = true };

	h.root_fd = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h.root_fd < 0)
		return pt_err_errno(err, -errno, "%s", root ? root : "/");
	if (!root)
		h.init_netns = in_init_netns();
	h.sys_fd = h.init_netns ? openat(h.root_fd, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC)
				: own_sysfs();
	if (h.sys_fd < 0)
		h.sys_fd = -1; // what is in sysfs is then not known
	*out = h;
	return 0;
}

void pt_host_close(struct pt_host *h)
{
	pt_cleanup_fd(&h->root_fd);
	pt_cleanup_fd(&h->sys_fd);
	h->root_fd = h->sys_fd = -1;
}

static int open_at(const struct pt_host *h, const char *path, int flags)
{
	bool sys = strncmp(path, "sys/", 4) == 0;
	int fd = openat(sys ? h->sys_fd : h->root_fd, sys ? path + 4 : path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int pt_host_read(const struct pt_host *h, const char *path, struct pt_buf *out)
{
	char block[4096];
	pt_autofd fd = open_at(h, path, O_RDONLY);

	pt_buf_clear(out);
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		pt_buf_add(out, block, (size_t)n);
		if (out->len > MAX_FILE)
			return -EFBIG;
	}
}

int pt_host_number(const struct pt_host *h, const char *path, double *out)
{
	pt_autobuf text = { 0 };
	int rc = pt_host_read(h, path, &text);
	char *end;

	if (rc < 0)
		return rc;
	double v = strtod(pt_buf_str(&text), &end);
	if (end == pt_buf_str(&text))
		return -EINVAL;
	*out = v;
	return 0;
}

bool pt_host_has(const struct pt_host *h, const char *path)
{
	pt_autofd fd = open_at(h, path, O_PATH);

	return fd >= 0;
}

int pt_host_write(const struct pt_host *h, const char *path, const char *text)
{
	size_t len = strlen(text);
	pt_autofd fd = open_at(h, path, O_WRONLY | O_TRUNC); // O_TRUNC: for fixtures

	if (fd < 0)
		return fd;
	ssize_t n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int pt_host_dir(const struct pt_host *h, const char *path)
{
	return open_at(h, path, O_RDONLY | O_DIRECTORY);
}

int pt_host_sysctl_path(const char *key, char *out, size_t len)
{
	static const char top[] = "proc/sys/";
	size_t n = strlen(key);

	if (!n || key[0] == '.' || strstr(key, "..") || sizeof(top) + n > len)
		return -EINVAL;
	(void)snprintf(out, len, "%s%s", top, key);
	for (char *p = out + sizeof(top) - 1; *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return strstr(out, "/../") ? -EINVAL : 0;
}
