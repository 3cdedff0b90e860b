// SPDX-License-Identifier: MIT
// NDJSON records (pt-records(5)): one object a line, each with type, v, ts, mono_ns, boot, src,
// seq. Writers go to a descriptor or a spool; readers take any descriptor or a spool, whole lines
// at a time, and report a malformed line by its number instead of failing.
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define PT_RECORD_VERSION 1
#define PT_RECORD_MAX     (1 << 20) // bytes of one line; a longer one is malformed

struct pt_record_writer;
struct pt_record_reader;
struct pt_spool_pos; // base/spool.h

// src is "HOST/TOOL". The descriptor stays the caller's; spool_dir may be NULL. Both may be given:
// every record then goes to both. fd -1: no descriptor.
int pt_record_writer_new(const char *src, int fd, const char *spool_dir,
	struct pt_record_writer **out, struct pt_err *err);
void pt_record_writer_free(struct pt_record_writer *w);

// Takes ownership of body, adds the common fields (type first) and writes one line in one write.
// -EPIPE when the reader has gone.
int pt_record_write(struct pt_record_writer *w, const char *type, json_t *body, struct pt_err *err);
// Passes a record of another tool on, untouched.
int pt_record_forward(struct pt_record_writer *w, const char *line, size_t len, struct pt_err *err);

// Calls fn once for each well-formed line. `record` is borrowed, `line` is the raw text without its
// newline. A negative return stops reading and is handed to the caller.
typedef int pt_record_fn(void *ctx, const json_t *record, const char *type, const char *line);
// Calls for malformed lines: number from 1, and why. Also, uncounted, for what a reader that was
// too slow for its spool has lost behind that line.
typedef void pt_record_bad_fn(void *ctx, uint64_t line_number, const char *why);

// Sees each line before it is parsed, without its newline and with a NUL instead. 1: taken, fn is
// not called; 0: not its business; negative as with fn.
typedef int pt_record_line_fn(void *ctx, const char *line, size_t len);

struct pt_record_sink {
	pt_record_fn *fn;
	pt_record_line_fn *raw; // NULL: every line is parsed
	pt_record_bad_fn *bad;  // NULL: counted only
	void *ctx;
};

// Reads from fd (pipe, file, terminal), or follows a spool directory from `offset_file` (may be
// NULL: from now on). Exactly one of fd >= 0 and spool_dir is given.
int pt_record_reader_new(int fd, const char *spool_dir, const char *offset_file,
	const struct pt_record_sink *sink, struct pt_record_reader **out, struct pt_err *err);
// Follows a spool from a position that the caller keeps, and tells where it stands: behind the last
// line the sink was given.
int pt_record_reader_new_at(const char *spool_dir, const struct pt_spool_pos *from,
	const struct pt_record_sink *sink, struct pt_record_reader **out, struct pt_err *err);
void pt_record_reader_pos(const struct pt_record_reader *r, struct pt_spool_pos *out);
void pt_record_reader_free(struct pt_record_reader *r);
// Reads all that is there without blocking (fd mode: one read when the fd blocks). 1: more may
// come; 0: end of input; negative: error or the sink's code.
int pt_record_read(struct pt_record_reader *r, struct pt_err *err);
// Blocks until the end of input, for filters and one-shot verbs; a spool ends at what is there now.
int pt_record_read_all(struct pt_record_reader *r, struct pt_err *err);
// A descriptor that turns readable when pt_record_read has something to do (inotify for a spool).
int pt_record_reader_fd(const struct pt_record_reader *r);
// Number of the line that was delivered last, from 1; for messages about its content.
uint64_t pt_record_reader_line(const struct pt_record_reader *r);
uint64_t pt_record_reader_bad(const struct pt_record_reader *r); // malformed lines so far
// Saves the offset: what was read so far will not be read again. Spool mode only.
int pt_record_reader_commit(struct pt_record_reader *r, struct pt_err *err);
