// SPDX-License-Identifier: MIT
#include "base/record.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/spool.h"

struct pt_record_writer {
	int fd; // borrowed; -1: none
	struct pt_spool_writer *spool;
	char *src;
	char boot[PT_BOOT_ID_LEN];
	uint64_t seq;
	struct pt_buf line;
};

int pt_record_writer_new(const char *src, int fd, const char *spool_dir,
	struct pt_record_writer **out, struct pt_err *err)
{
	struct pt_record_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return pt_err_errno(err, -ENOMEM, "record writer");
	w->fd = fd;
	w->src = strdup(src);
	int code = w->src ? pt_boot_id(w->boot) : -ENOMEM;
	if (code)
		pt_err_errno(err, code, "record writer: boot id");
	else if (spool_dir)
		code = pt_spool_writer_new(spool_dir, &w->spool, err);
	if (code) {
		pt_record_writer_free(w);
		return code;
	}
	*out = w;
	return 0;
}

void pt_record_writer_free(struct pt_record_writer *w)
{
	if (!w)
		return;
	pt_spool_writer_free(w->spool);
	pt_buf_done(&w->line);
	free(w->src);
	free(w);
}

static int wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

// One write for one line; more only where the kernel takes less (a full pipe, a signal).
static int write_whole(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		int code = errno == EAGAIN ? wait_writable(fd) : errno == EINTR ? 0 : -errno;
		if (code)
			return code;
	}
	return 0;
}

// The spool first: a pipe without a reader must not keep a record from it.
static int write_line(struct pt_record_writer *w, struct pt_err *err)
{
	int code = 0;

	if (w->spool)
		code = pt_spool_write(w->spool, w->line.data, w->line.len, err);
	if (w->fd < 0)
		return code;
	int fd_code = write_whole(w->fd, w->line.data, w->line.len);
	if (fd_code)
		return pt_err_errno(err, fd_code, "record output");
	return code;
}

static int append_json(const char *bytes, size_t n, void *line)
{
	pt_buf_add(line, bytes, n);
	return 0;
}

int pt_record_write(struct pt_record_writer *w, const char *type, json_t *body, struct pt_err *err)
{
	pt_autojson json_t *owned = body;
	char ts[PT_RFC3339_LEN];

	pt_rfc3339_format(pt_wall_us(), ts);
	pt_autojson json_t *record = json_pack("{s:s, s:i, s:s, s:I, s:s, s:s, s:I}", "type", type,
		"v", PT_RECORD_VERSION, "ts", ts, "mono_ns", (json_int_t)pt_mono_now().ns, "boot",
		w->boot, "src", w->src, "seq", (json_int_t)w->seq + 1);
	if (!record || json_object_update_missing(record, owned))
		return pt_err_set(err, -EINVAL, "record '%s': not an object of UTF-8 text", type);
	pt_buf_clear(&w->line);
	if (json_dump_callback(
		    record, append_json, &w->line, JSON_COMPACT | JSON_REAL_PRECISION(15)))
		return pt_err_set(err, -EINVAL, "record '%s': cannot be written as JSON", type);
	pt_buf_putc(&w->line, '\n');
	if (w->line.len > PT_RECORD_MAX)
		return pt_err_set(
			err, -EMSGSIZE, "record '%s': longer than %d bytes", type, PT_RECORD_MAX);
	w->seq++;
	return write_line(w, err);
}

int pt_record_forward(struct pt_record_writer *w, const char *line, size_t len, struct pt_err *err)
{
	if (len && line[len - 1] == '\n')
		len--;
	if (len == 0 || memchr(line, '\n', len))
		return pt_err_set(err, -EINVAL, "record to pass on: not one line");
	if (len >= PT_RECORD_MAX)
		return pt_err_set(
			err, -EMSGSIZE, "record to pass on: longer than %d bytes", PT_RECORD_MAX);
	pt_buf_clear(&w->line);
	pt_buf_add(&w->line, line, len);
	pt_buf_putc(&w->line, '\n');
	return write_line(w, err);
}
