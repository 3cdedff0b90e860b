// SPDX-License-Identifier: MIT
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/spool_dir.h"

struct pt_spool_writer {
	int dirfd; // locked while the writer lives
	int fd;    // newest segment, -1 before the first line
	uint64_t base;
	int64_t size;
	uint64_t dropped;
	struct pt_spool_list segments;
	char *dir;
};

// Takes up the newest segment, without the line that a crash has torn.
static int resume(struct pt_spool_writer *w)
{
	int code = pt_spool_dir_list(w->dirfd, &w->segments);

	if (code || !w->segments.n)
		return code;
	w->base = w->segments.base[w->segments.n - 1];
	w->fd = pt_spool_dir_segment(w->dirfd, w->base, O_RDWR);
	if (w->fd < 0)
		return w->fd;
	int64_t size = pt_spool_size(w->fd);
	w->size = size < 0 ? size : pt_spool_line_end(w->fd, 0);
	if (w->size < 0)
		return (int)w->size;
	return w->size < size && ftruncate(w->fd, w->size) ? -errno : 0;
}

int pt_spool_writer_new(const char *dir, struct pt_spool_writer **out, struct pt_err *err)
{
	int dirfd = pt_spool_dir_open(dir, err);

	if (dirfd < 0)
		return dirfd;
	struct pt_spool_writer *w = calloc(1, sizeof(*w));
	if (!w) {
		close(dirfd);
		return pt_err_errno(err, -ENOMEM, "spool %s", dir);
	}
	w->dirfd = dirfd;
	w->fd = -1;
	w->dir = strdup(dir);
	int code = w->dir ? 0 : -ENOMEM;
	if (!code && flock(dirfd, LOCK_EX | LOCK_NB))
		code = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (code == -EBUSY) {
		pt_spool_writer_free(w);
		return pt_err_set(err, code, "spool %s: another writer holds it", dir);
	}
	if (!code)
		code = resume(w);
	if (code) {
		pt_spool_writer_free(w);
		return pt_err_errno(err, code, "spool %s", dir);
	}
	*out = w;
	return 0;
}

void pt_spool_writer_free(struct pt_spool_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	close(w->dirfd); // and with it the lock
	free(w->dir);
	free(w);
}

static int drop_oldest(struct pt_spool_writer *w)
{
	int code = pt_spool_dir_unlink(w->dirfd, w->segments.base[0]);

	if (code)
		return code;
	w->dropped++;
	w->segments.n--;
	memmove(w->segments.base, w->segments.base + 1, w->segments.n * sizeof(uint64_t));
	return 0;
}

static int next_segment(struct pt_spool_writer *w)
{
	uint64_t base = w->fd < 0 ? 1 : w->base + (uint64_t)w->size;

	while (w->segments.n >= PT_SPOOL_SEGMENTS) {
		int code = drop_oldest(w);
		if (code)
			return code;
	}
	int fd = pt_spool_dir_segment(w->dirfd, base, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return fd;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = fd;
	w->base = base;
	w->size = 0;
	w->segments.base[w->segments.n++] = base;
	return 0;
}

// One whole line at the end of the newest segment, or nothing.
static int append(struct pt_spool_writer *w, const char *line, size_t len)
{
	ssize_t n;

	do
		n = pwrite(w->fd, line, len, w->size);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len) {
		w->size += n;
		return 0;
	}
	int code = n < 0 ? -errno : -ENOSPC;
	(void)!ftruncate(w->fd, w->size); // readers stop at the last newline in any case
	return code;
}

static int write_line(struct pt_spool_writer *w, const char *line, size_t len)
{
	int code = 0;

	if (w->fd < 0 || (uint64_t)w->size + len > PT_SPOOL_SEGMENT_BYTES)
		code = next_segment(w);
	return code ? code : append(w, line, len);
}

int pt_spool_write(struct pt_spool_writer *w, const char *line, size_t len, struct pt_err *err)
{
	if (len == 0 || len > PT_SPOOL_SEGMENT_BYTES || line[len - 1] != '\n')
		return pt_err_set(err, -EINVAL, "spool %s: not a line of at most %u bytes", w->dir,
			PT_SPOOL_SEGMENT_BYTES);
	int code = write_line(w, line, len);
	// A full file system is a bound like ours: the oldest goes for the newest.
	while (code == -ENOSPC && w->segments.n > 1 && drop_oldest(w) == 0)
		code = write_line(w, line, len);
	return code ? pt_err_errno(err, code, "spool %s", w->dir) : 0;
}

uint64_t pt_spool_dropped(const struct pt_spool_writer *w)
{
	return w->dropped;
}
