// SPDX-License-Identifier: MIT
#include "base/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define NAME_DIGITS 20
#define NAME_LEN    (NAME_DIGITS + sizeof(".ndjson")) // with its NUL
#define SCAN_BYTES  65536

static void segment_name(uint64_t base, char out[NAME_LEN])
{
	(void)snprintf(out, NAME_LEN, "%020" PRIu64 ".ndjson", base);
}

// 0 when the name is none of ours.
static uint64_t segment_base(const char *name)
{
	char digits[NAME_DIGITS + 1];
	uint64_t base;

	if (strlen(name) != NAME_LEN - 1 || strcmp(name + NAME_DIGITS, ".ndjson") != 0)
		return 0;
	memcpy(digits, name, NAME_DIGITS);
	digits[NAME_DIGITS] = '\0';
	const char *s = digits + strspn(digits, "0");
	return pt_parse_u64(s, 1, INT64_MAX, &base) ? 0 : base;
}

static int by_base(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

int pt_spool_dir_list(int dirfd, struct pt_spool_list *out)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		int code = -errno;
		if (fd >= 0)
			close(fd);
		return code;
	}
	bool over = false;
	out->n = 0;
	while (!over && (e = readdir(d))) {
		uint64_t base = segment_base(e->d_name);
		if (!base)
			continue;
		over = out->n == PT_SPOOL_LIST_MAX;
		if (!over)
			out->base[out->n++] = base;
	}
	closedir(d);
	if (over)
		return -EOVERFLOW;
	qsort(out->base, out->n, sizeof(out->base[0]), by_base);
	return 0;
}

int pt_spool_dir_segment(int dirfd, uint64_t base, int flags)
{
	char name[NAME_LEN];

	segment_name(base, name);
	int fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd < 0 ? -errno : fd;
}

int pt_spool_dir_unlink(int dirfd, uint64_t base)
{
	char name[NAME_LEN];

	segment_name(base, name);
	return unlinkat(dirfd, name, 0) && errno != ENOENT ? -errno : 0;
}

int64_t pt_spool_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : st.st_size;
}

int64_t pt_spool_line_end(int fd, int64_t from)
{
	pt_autofree char *buf = malloc(SCAN_BYTES);
	int64_t at = from, end = from;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	while ((n = pread(fd, buf, SCAN_BYTES, at)) > 0) {
		const char *newline = memrchr(buf, '\n', (size_t)n);
		if (newline)
			end = at + (newline - buf) + 1;
		at += n;
	}
	return n < 0 ? -errno : end;
}

// mkdir -p, then open.
int pt_spool_dir_open(const char *dir, struct pt_err *err)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s", dir);

	if (n <= 0 || (size_t)n >= sizeof(path))
		return pt_err_set(err, -EINVAL, "spool '%s': not a path", dir);
	for (char *p = path + 1;; p++) {
		char was = *p;
		if (was && was != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return pt_err_errno(err, -errno, "spool %s: mkdir %s", dir, path);
		*p = was;
		if (!was)
			break;
	}
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? pt_err_errno(err, -errno, "spool %s", dir) : fd;
}
