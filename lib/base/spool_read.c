// SPDX-License-Identifier: MIT
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/spool_dir.h"
#include "base/spool_offset.h"

#define DRAIN_ROUNDS 8

struct pt_spool_reader {
	int dirfd, inotify;
	int fd; // of the segment at base, -1: none yet
	uint64_t base;
	int64_t at;   // next byte in the segment
	int64_t safe; // whole lines reach at least this far
	uint64_t lost_bytes;
	char *dir, *offset_file;
	struct pt_spool_list segments;
};

static int enter_segment(struct pt_spool_reader *r, uint64_t base, int64_t at)
{
	int fd = pt_spool_dir_segment(r->dirfd, base, O_RDONLY);

	if (fd < 0)
		return fd;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = fd;
	r->base = base;
	r->at = r->safe = at;
	return 0;
}

// The first segment behind base, 0 when there is none.
static uint64_t segment_after(const struct pt_spool_list *s, uint64_t base)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->base[i] > base)
			return s->base[i];
	}
	return 0;
}

// A segment may go between listing and opening: the next one is then the oldest.
static int enter_after(struct pt_spool_reader *r, uint64_t base, uint64_t expected)
{
	for (;;) {
		uint64_t next = segment_after(&r->segments, base);
		if (!next)
			return 0;
		int code = enter_segment(r, next, 0);
		if (code == 0) {
			if (expected && next > expected)
				r->lost_bytes += next - expected;
			return 0;
		}
		if (code != -ENOENT)
			return code;
		code = pt_spool_dir_list(r->dirfd, &r->segments);
		if (code)
			return code;
	}
}

static int enter_end(struct pt_spool_reader *r)
{
	while (r->segments.n) {
		int code = enter_segment(r, r->segments.base[r->segments.n - 1], 0);
		if (code == 0) {
			r->at = r->safe = pt_spool_line_end(r->fd, 0);
			return r->at < 0 ? (int)r->at : 0;
		}
		if (code != -ENOENT)
			return code;
		code = pt_spool_dir_list(r->dirfd, &r->segments);
		if (code)
			return code;
	}
	return 0;
}

// Where an earlier reader stopped, if that is still the same spool; else the oldest line.
static int enter_offset(struct pt_spool_reader *r, const struct pt_spool_pos *from)
{
	uint64_t base = 0;

	for (unsigned i = 0; i < r->segments.n && r->segments.base[i] <= from->position; i++)
		base = r->segments.base[i];
	if (!base) // dropped in the meantime, or the spool is empty
		return enter_after(r, 0, r->segments.n ? from->position : 0);
	int64_t at = (int64_t)(from->position - base);
	int code = enter_segment(r, base, at);
	if (code == -ENOENT)
		return enter_after(r, base, from->position);
	if (code)
		return code;
	if (at == 0 ||
		(at <= pt_spool_size(r->fd) && pt_spool_fingerprint(r->fd) == from->fingerprint))
		return 0;
	return enter_after(r, 0, 0); // another spool under the old name
}

// The parent, too: a directory that is removed while a reader holds it open says nothing itself.
static int watch_dir(struct pt_spool_reader *r)
{
	char path[PATH_MAX];

	if (inotify_add_watch(r->inotify, r->dir, IN_CREATE | IN_MODIFY | IN_MOVED_TO) < 0)
		return -errno;
	if ((size_t)snprintf(path, sizeof(path), "%s/..", r->dir) < sizeof(path))
		(void)inotify_add_watch(r->inotify, path, IN_DELETE | IN_MOVED_FROM | IN_CREATE);
	return 0; // without leave to watch the parent we learn of it at the next write
}

static int watch_and_list(struct pt_spool_reader *r)
{
	r->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int code = r->inotify < 0 ? -errno : watch_dir(r);
	return code ? code : pt_spool_dir_list(r->dirfd, &r->segments);
}

static int start_at(struct pt_spool_reader *r, const struct pt_spool_pos *from, struct pt_err *err)
{
	int code = watch_and_list(r);
	if (!code)
		code = from->position ? enter_offset(r, from) : enter_after(r, 0, 0);
	return code ? pt_err_errno(err, code, "spool %s", r->dir) : 0;
}

static int start_at_end(struct pt_spool_reader *r, struct pt_err *err)
{
	int code = watch_and_list(r);
	if (!code)
		code = enter_end(r);
	return code ? pt_err_errno(err, code, "spool %s", r->dir) : 0;
}

static int start_at_file(struct pt_spool_reader *r, const char *offset_file, struct pt_err *err)
{
	struct pt_spool_pos from = { 0 };

	r->offset_file = strdup(offset_file);
	if (!r->offset_file)
		return pt_err_errno(err, -ENOMEM, "spool %s", r->dir);
	int code = pt_spool_offset_load(offset_file, &from, err);
	if (code && code != -ENOENT)
		return code;
	return start_at(r, &from, err);
}

static int open_dir(const char *dir, struct pt_spool_reader **out, struct pt_err *err)
{
	int dirfd = pt_spool_dir_open(dir, err);

	if (dirfd < 0)
		return dirfd;
	struct pt_spool_reader *r = calloc(1, sizeof(*r));
	char *name = strdup(dir);
	if (!r || !name) {
		close(dirfd);
		free(name);
		free(r);
		return pt_err_errno(err, -ENOMEM, "spool %s", dir);
	}
	*r = (struct pt_spool_reader){ .dirfd = dirfd, .fd = -1, .inotify = -1, .dir = name };
	*out = r;
	return 0;
}

int pt_spool_reader_new(
	const char *dir, const char *offset_file, struct pt_spool_reader **out, struct pt_err *err)
{
	struct pt_spool_reader *r;
	int code = open_dir(dir, &r, err);
	if (code)
		return code;
	code = offset_file ? start_at_file(r, offset_file, err) : start_at_end(r, err);
	if (code)
		pt_spool_reader_free(r);
	else
		*out = r;
	return code;
}

int pt_spool_reader_new_at(const char *dir, const struct pt_spool_pos *from,
	struct pt_spool_reader **out, struct pt_err *err)
{
	struct pt_spool_reader *r;
	int code = open_dir(dir, &r, err);
	if (code)
		return code;
	code = start_at(r, from, err);
	if (code)
		pt_spool_reader_free(r);
	else
		*out = r;
	return code;
}

void pt_spool_reader_pos(const struct pt_spool_reader *r, size_t unread, struct pt_spool_pos *out)
{
	int64_t at = r->fd >= 0 ? r->at - (int64_t)unread : 0;

	out->position = r->fd >= 0 ? r->base + (uint64_t)at : 0;
	out->fingerprint = at > 0 ? pt_spool_fingerprint(r->fd) : 0;
}

void pt_spool_reader_free(struct pt_spool_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	if (r->inotify >= 0)
		close(r->inotify);
	close(r->dirfd);
	free(r->dir);
	free(r->offset_file);
	free(r);
}

// Raises r->safe to the end of the last whole line.
static int extend_safe(struct pt_spool_reader *r)
{
	int64_t end = pt_spool_line_end(r->fd, r->safe);

	if (end < 0)
		return (int)end;
	r->safe = end;
	return 0;
}

// Never past the last newline: a line in the middle of being written, or torn by a crash and about
// to be cut off, is not there yet.
static ssize_t read_segment(struct pt_spool_reader *r, char *buf, size_t len)
{
	if (r->fd < 0)
		return 0;
	if (r->at >= r->safe) {
		int code = extend_safe(r);
		if (code)
			return code;
	}
	if ((int64_t)len > r->safe - r->at)
		len = (size_t)(r->safe - r->at);
	if (len == 0)
		return 0;
	ssize_t n = pread(r->fd, buf, len, r->at);
	if (n < 0)
		return -errno;
	r->at += n;
	return n;
}

static bool unlinked(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0;
}

// The whole directory was removed (a service's runtime directory): what comes under its name now
// is another spool, read from its start.
static int follow_new_dir(struct pt_spool_reader *r)
{
	int fd = pt_spool_dir_open(r->dir, NULL);

	if (fd < 0)
		return fd;
	close(r->dirfd);
	r->dirfd = fd;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	return watch_dir(r);
}

// Goes on to the next segment. 1: there may be something to read; 0: there is nothing.
static int advance(struct pt_spool_reader *r)
{
	int code = unlinked(r->dirfd) ? follow_new_dir(r) : 0;

	if (!code)
		code = pt_spool_dir_list(r->dirfd, &r->segments);
	if (code)
		return code;
	if (!segment_after(&r->segments, r->fd < 0 ? 0 : r->base)) {
		// Only older ones, and ours is gone: the spool was wiped and begun anew.
		bool anew = r->segments.n && unlinked(r->fd);
		code = anew ? enter_after(r, 0, 0) : 0;
		return code ? code : anew;
	}
	if (r->fd < 0) { // a spool that was empty when we came begins at 1
		code = enter_after(r, 0, 1);
		return code ? code : 1;
	}
	// A next one exists, so the writer is done with ours: what it holds now is all of it.
	code = extend_safe(r);
	if (!code && r->at == r->safe)
		code = enter_after(r, r->base, r->base + (uint64_t)r->at);
	return code ? code : 1;
}

ssize_t pt_spool_read(struct pt_spool_reader *r, char *buf, size_t len, struct pt_err *err)
{
	char events[4096];
	ssize_t n;
	int more;

	// Before the data: what is written from here on is an event again. A fast writer may leave
	// some behind, which costs one needless wake-up.
	for (int i = 0; i < DRAIN_ROUNDS && read(r->inotify, events, sizeof(events)) > 0; i++)
		;
	do {
		n = read_segment(r, buf, len);
		more = n ? 0 : advance(r);
	} while (more > 0);
	if (n < 0 || more < 0)
		return pt_err_errno(err, n < 0 ? (int)n : more, "spool %s", r->dir);
	return n;
}

int pt_spool_reader_fd(const struct pt_spool_reader *r)
{
	return r->inotify;
}

uint64_t pt_spool_lost_bytes(const struct pt_spool_reader *r)
{
	return r->lost_bytes;
}

int pt_spool_reader_commit(struct pt_spool_reader *r, size_t unread, struct pt_err *err)
{
	struct pt_spool_pos pos;

	if (!r->offset_file || r->fd < 0)
		return 0; // nothing to save, or nowhere
	if (r->at < (int64_t)unread)
		return pt_err_set(err, -EINVAL, "%s: offset out of range", r->offset_file);
	pt_spool_reader_pos(r, unread, &pos);
	return pt_spool_offset_save(r->offset_file, &pos, err);
}
