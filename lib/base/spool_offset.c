// SPDX-License-Identifier: MIT
#include "base/spool_offset.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define FINGER_BYTES 512
#define OFFSET_MAX   96 // bytes of an offset file

uint64_t pt_spool_fingerprint(int fd)
{
	unsigned char buf[FINGER_BYTES];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);
	uint64_t h = 0xcbf29ce484222325;

	for (ssize_t i = 0; i < n && buf[i] != '\n'; i++)
		h = (h ^ buf[i]) * 0x100000001b3;
	return h;
}

// "POSITION FINGERPRINT\n". -ENOENT: no such file; -EINVAL: not one of ours.
static int load(const char *path, struct pt_spool_pos *out)
{
	char text[OFFSET_MAX + 1];
	pt_autofd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, OFFSET_MAX);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	char *space = strchr(text, ' '), *end = strchr(text, '\n');
	if (!space || !end || space > end || end + 1 != text + n)
		return -EINVAL;
	*space = *end = '\0';
	return pt_parse_u64(text, 1, INT64_MAX, &out->position) ||
			pt_parse_u64(space + 1, 0, UINT64_MAX, &out->fingerprint)
		? -EINVAL
		: 0;
}

int pt_spool_offset_load(const char *path, struct pt_spool_pos *out, struct pt_err *err)
{
	struct pt_spool_pos o;
	int code = load(path, &o);

	if (code == -ENOENT)
		return code;
	if (code == -EINVAL)
		return pt_err_set(err, code,
			"%s: not a spool offset: remove it to read from the start", path);
	if (code)
		return pt_err_errno(err, code, "%s", path);
	*out = o;
	return 0;
}

static int write_all(const char *path, const char *text)
{
	pt_autofd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, len);
	if (n != (ssize_t)len)
		return n < 0 ? -errno : -ENOSPC;
	return fsync(fd) ? -errno : 0;
}

int pt_spool_offset_save(const char *path, const struct pt_spool_pos *pos, struct pt_err *err)
{
	char text[OFFSET_MAX], tmp[PATH_MAX];
	int n = snprintf(tmp, sizeof(tmp), "%s.tmp", path);

	if (n < 0 || (size_t)n >= sizeof(tmp))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", path);
	(void)snprintf(
		text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", pos->position, pos->fingerprint);
	int code = write_all(tmp, text);
	if (!code && rename(tmp, path))
		code = -errno;
	if (!code)
		return 0;
	(void)unlink(tmp); // it is worthless
	return pt_err_errno(err, code, "%s", path);
}
