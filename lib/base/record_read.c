// SPDX-License-Identifier: MIT
#include "base/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/spool.h"

#define CHUNK_BYTES 65536
#define WHY_MAX     (JSON_ERROR_TEXT_LENGTH + 32)

struct pt_record_reader {
	int fd; // borrowed; -1: a spool
	bool blocking;
	struct pt_spool_reader *spool;
	struct pt_record_sink sink;
	struct pt_buf pending; // read, not yet delivered
	bool overlong;         // in the middle of a line past the bound: skip to its end
	bool ended;
	uint64_t line, bad, lost_bytes;
	char *chunk;
};

static int reader_new(
	const struct pt_record_sink *sink, struct pt_record_reader **out, struct pt_err *err)
{
	struct pt_record_reader *r = calloc(1, sizeof(*r));
	char *chunk = malloc(CHUNK_BYTES);

	if (!r || !chunk) {
		free(r);
		free(chunk);
		return pt_err_errno(err, -ENOMEM, "record reader");
	}
	*r = (struct pt_record_reader){ .fd = -1, .sink = *sink, .chunk = chunk };
	*out = r;
	return 0;
}

static int use_fd(struct pt_record_reader *r, int fd, struct pt_err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return pt_err_errno(err, -errno, "record input");
	r->fd = fd;
	r->blocking = !(flags & O_NONBLOCK);
	return 0;
}

// Hands r out, or frees it.
static int finish_new(struct pt_record_reader *r, int code, struct pt_record_reader **out)
{
	if (code)
		pt_record_reader_free(r);
	else
		*out = r;
	return code;
}

int pt_record_reader_new(int fd, const char *spool_dir, const char *offset_file,
	const struct pt_record_sink *sink, struct pt_record_reader **out, struct pt_err *err)
{
	struct pt_record_reader *r;

	if ((fd >= 0) == (spool_dir != NULL))
		return pt_err_set(err, -EINVAL, "record reader: a descriptor or a spool");
	int code = reader_new(sink, &r, err);
	if (code)
		return code;
	code = spool_dir ? pt_spool_reader_new(spool_dir, offset_file, &r->spool, err)
			 : use_fd(r, fd, err);
	return finish_new(r, code, out);
}

int pt_record_reader_new_at(const char *spool_dir, const struct pt_spool_pos *from,
	const struct pt_record_sink *sink, struct pt_record_reader **out, struct pt_err *err)
{
	struct pt_record_reader *r;
	int code = reader_new(sink, &r, err);

	if (code)
		return code;
	return finish_new(r, pt_spool_reader_new_at(spool_dir, from, &r->spool, err), out);
}

void pt_record_reader_pos(const struct pt_record_reader *r, struct pt_spool_pos *out)
{
	pt_spool_reader_pos(r->spool, r->pending.len, out);
}

void pt_record_reader_free(struct pt_record_reader *r)
{
	if (!r)
		return;
	pt_spool_reader_free(r->spool);
	pt_buf_done(&r->pending);
	free(r->chunk);
	free(r);
}

static void malformed(struct pt_record_reader *r, const char *why)
{
	r->bad++;
	if (r->sink.bad)
		r->sink.bad(r->sink.ctx, r->line, why);
}

// The parser quotes the input in its complaint: nothing of it may act on a terminal.
static void malformed_json(struct pt_record_reader *r, const json_error_t *e)
{
	char why[WHY_MAX];

	(void)snprintf(why, sizeof(why), "byte %d: %s", e->position, e->text);
	for (char *p = why; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
	}
	malformed(r, why);
}

// One line without its newline; text[len] is writable and becomes NUL.
static int take_line(struct pt_record_reader *r, char *text, size_t len)
{
	json_error_t e;

	r->line++;
	if (len && text[len - 1] == '\r')
		len--;
	text[len] = '\0';
	if (len == strspn(text, " \t"))
		return 0;
	int code = r->sink.raw ? r->sink.raw(r->sink.ctx, text, len) : 0;
	if (code)
		return code < 0 ? code : 0;
	pt_autojson json_t *record = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	const char *type = json_string_value(json_object_get(record, "type"));
	if (type)
		return r->sink.fn(r->sink.ctx, record, type, text);
	if (!record)
		malformed_json(r, &e);
	else
		malformed(r, json_is_object(record) ? "no \"type\"" : "not an object");
	return 0;
}

// In the middle of an overlong line: forgets it up to its end, if that has come.
static void skip_overlong(struct pt_record_reader *r)
{
	const char *newline = memchr(r->pending.data, '\n', r->pending.len);

	pt_buf_drop(
		&r->pending, newline ? (size_t)(newline - r->pending.data) + 1 : r->pending.len);
	if (!newline)
		return;
	r->overlong = false;
	r->line++;
	malformed(r, "longer than a record may be");
}

// Delivers the whole lines of pending. 0, or what the sink said: the lines behind that one stay.
static int deliver(struct pt_record_reader *r)
{
	size_t at = 0;
	int code = 0;

	if (r->overlong && r->pending.len)
		skip_overlong(r);
	while (code >= 0 && at < r->pending.len) {
		char *line = r->pending.data + at;
		char *newline = memchr(line, '\n', r->pending.len - at);
		if (!newline)
			break;
		size_t len = (size_t)(newline - line);
		at += len + 1;
		if (len < PT_RECORD_MAX) {
			code = take_line(r, line, len);
			continue;
		}
		r->line++;
		malformed(r, "longer than a record may be");
	}
	pt_buf_drop(&r->pending, at);
	if (code >= 0 && r->pending.len >= PT_RECORD_MAX) {
		r->overlong = true;
		pt_buf_clear(&r->pending);
	}
	return code < 0 ? code : 0;
}

// A last line without its newline is still a line.
static int deliver_last(struct pt_record_reader *r)
{
	r->ended = true;
	if (r->overlong || r->pending.len)
		pt_buf_putc(&r->pending, '\n');
	return deliver(r);
}

static void report_loss(struct pt_record_reader *r)
{
	uint64_t lost = pt_spool_lost_bytes(r->spool);
	char why[64];

	if (lost == r->lost_bytes)
		return;
	(void)snprintf(why, sizeof(why), "%" PRIu64 " bytes lost here: read too slowly",
		lost - r->lost_bytes);
	r->lost_bytes = lost;
	if (r->sink.bad)
		r->sink.bad(r->sink.ctx, r->line, why);
}

static int read_spool(struct pt_record_reader *r, struct pt_err *err)
{
	for (;;) {
		int code = deliver(r);
		if (code)
			return code;
		ssize_t n = pt_spool_read(r->spool, r->chunk, CHUNK_BYTES, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 1;
		report_loss(r);
		pt_buf_add(&r->pending, r->chunk, (size_t)n);
	}
}

int pt_record_read(struct pt_record_reader *r, struct pt_err *err)
{
	int code = deliver(r); // what a sink that said stop has left

	if (code || r->ended)
		return code;
	if (r->spool)
		return read_spool(r, err);
	for (;;) {
		ssize_t n = read(r->fd, r->chunk, CHUNK_BYTES);
		if (n == 0)
			return deliver_last(r);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0)
			return pt_err_errno(err, -errno, "record input");
		pt_buf_add(&r->pending, r->chunk, (size_t)n);
		code = deliver(r);
		if (code || r->blocking)
			return code ? code : 1;
	}
}

int pt_record_read_all(struct pt_record_reader *r, struct pt_err *err)
{
	for (;;) {
		int code = pt_record_read(r, err);
		if (code <= 0 || r->spool)
			return code < 0 ? code : 0;
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return pt_err_errno(err, -errno, "record input");
	}
}

int pt_record_reader_fd(const struct pt_record_reader *r)
{
	return r->spool ? pt_spool_reader_fd(r->spool) : r->fd;
}

uint64_t pt_record_reader_line(const struct pt_record_reader *r)
{
	return r->line;
}

uint64_t pt_record_reader_bad(const struct pt_record_reader *r)
{
	return r->bad;
}

int pt_record_reader_commit(struct pt_record_reader *r, struct pt_err *err)
{
	return r->spool ? pt_spool_reader_commit(r->spool, r->pending.len, err) : 0;
}
