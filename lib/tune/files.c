// SPDX-License-Identifier: MIT
#include "tune/files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAX_FILES 512

static int sync_dir(const struct pt_host *h, const char *path)
{
	char dir[256];
	const char *slash = strrchr(path, '/');

	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	pt_autofd fd = openat(h->root_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_temporary(const struct pt_host *h, const char *path, const char *text)
{
	size_t len = strlen(text);
	pt_autofd fd = openat(h->root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, len);
	if (n != (ssize_t)len)
		return n < 0 ? -errno : -ENOSPC;
	return fsync(fd) < 0 ? -errno : 0;
}

// Where they are there already, so much the better; a new one is on disk before what is in it.
static void make_dirs(const struct pt_host *h, const char *path)
{
	char dir[256];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(p - path), path);
		if (mkdirat(h->root_fd, dir, 0755) == 0)
			(void)sync_dir(h, dir);
	}
}

static void drop_dir(const struct pt_host *h, const char *path)
{
	char dir[256];

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (strstr(dir, "/systemd/") && strcmp(dir + strlen(dir) - 2, ".d") == 0)
		(void)unlinkat(h->root_fd, dir, AT_REMOVEDIR); // refused where it is not empty
}

int pt_file_put(const struct pt_host *h, const char *path, const char *text, struct pt_err *err)
{
	char temporary[256];
	int rc;

	if (!text) {
		if (unlinkat(h->root_fd, path, 0) < 0 && errno != ENOENT)
			return pt_err_errno(err, -errno, "%s", path);
		rc = sync_dir(h, path);
		drop_dir(h, path);
		return rc < 0 && rc != -ENOENT ? pt_err_errno(err, rc, "%s", path) : 0;
	}
	make_dirs(h, path);
	(void)snprintf(temporary, sizeof(temporary), "%s.pt-tune", path);
	rc = write_temporary(h, temporary, text);
	if (rc == 0 && renameat(h->root_fd, temporary, h->root_fd, path) < 0)
		rc = -errno;
	if (rc == 0)
		rc = sync_dir(h, path);
	if (rc < 0)
		(void)unlinkat(h->root_fd, temporary, 0);
	return rc < 0 ? pt_err_errno(err, rc, "%s", path) : 0;
}

static int by_name(const void *a, const void *b)
{
	const struct pt_conf *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

// A name in an earlier directory hides the same name in a later one.
static void add_dir(const struct pt_host *h, const char *dir, struct pt_conf *list, unsigned *n)
{
	int fd = pt_host_dir(h, dir);
	__attribute__((cleanup(close_dir))) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	while (d && (e = readdir(d)) && *n < MAX_FILES) {
		size_t len = strlen(e->d_name);
		bool hidden = false;
		if (len < 6 || len >= sizeof(list->name) ||
			strcmp(e->d_name + len - 5, ".conf") != 0)
			continue;
		for (unsigned i = 0; i < *n; i++)
			hidden |= strcmp(list[i].name, e->d_name) == 0;
		if (hidden)
			continue;
		(void)snprintf(list[*n].name, sizeof(list->name), "%.255s", e->d_name);
		(void)snprintf(list[*n].path, sizeof(list->path), "%s/%.255s", dir, e->d_name);
		(*n)++;
	}
}

unsigned pt_conf_list(const struct pt_host *h, const char *const *dirs, size_t n_dirs,
	struct pt_arena *a, struct pt_conf **out)
{
	struct pt_conf *list = pt_arena_alloc(a, MAX_FILES * sizeof(*list));
	unsigned n = 0;

	for (size_t i = 0; i < n_dirs; i++)
		add_dir(h, dirs[i], list, &n);
	qsort(list, n, sizeof(*list), by_name);
	*out = list;
	return n;
}

// "-net.ipv4.conf/all.forwarding = 1": the key with dots, the value without blanks around.
static bool split_line(char *line, char **key, char **value)
{
	char *eq = strchr(line, '=');

	while (isspace((unsigned char)*line) || *line == '-')
		line++;
	if (!eq || *line == '#' || *line == ';')
		return false;
	*eq = '\0';
	for (char *p = line; *p; p++) {
		if (*p == '/')
			*p = '.';
		if (isspace((unsigned char)*p))
			*p = '\0';
	}
	*key = line;
	*value = eq + 1 + strspn(eq + 1, " \t");
	for (size_t len = strlen(*value); len && isspace((unsigned char)(*value)[len - 1]); len--)
		(*value)[len - 1] = '\0';
	return true;
}

static bool scan_file(const struct pt_host *h, const char *path, const char *key,
	struct pt_arena *a, struct pt_sysctl_origin *out)
{
	pt_autobuf text = { 0 };
	unsigned number = 0;
	bool found = false;

	if (pt_host_read(h, path, &text) < 0 || !text.data)
		return false;
	for (char *at = text.data, *line, *k, *v; (line = strsep(&at, "\n"));) {
		number++;
		if (!split_line(line, &k, &v) || fnmatch(k, key, 0) != 0)
			continue;
		*out = (struct pt_sysctl_origin){ pt_arena_strdup(a, path), pt_arena_strdup(a, v),
			number };
		found = true;
	}
	return found;
}

int pt_sysctl_origin(
	const struct pt_host *h, const char *key, struct pt_arena *a, struct pt_sysctl_origin *out)
{
	static const char *const dirs[] = { "etc/sysctl.d", "run/sysctl.d",
		"usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d" };
	struct pt_conf *list;
	unsigned n = pt_conf_list(h, dirs, PT_ARRAY_LEN(dirs), a, &list);
	bool found = false;

	for (unsigned i = 0; i < n; i++)
		found |= scan_file(h, list[i].path, key, a, out);
	return found ? 0 : -ENOENT;
}
