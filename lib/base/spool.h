// SPDX-License-Identifier: MIT
// Bounded append-only NDJSON segments, DIR/00000000000000000001.ndjson and rising, written whole
// lines at a time by one writer (flock), read by any number of readers with offsets of their own.
// The writer never waits for a reader: past the bound, or on a full file system, the oldest segment
// is removed, and a reader that had not finished it learns how many bytes it lost.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define PT_SPOOL_SEGMENT_BYTES (1u << 20)
#define PT_SPOOL_SEGMENTS      16u

// Where a reader stands: bytes over the spool's whole life, and which spool it was.
struct pt_spool_pos {
	uint64_t position; // 0: at the oldest line
	uint64_t fingerprint;
};

struct pt_spool_writer;
struct pt_spool_reader;

// Creates the directory (0755) where it is missing. -EBUSY: another writer holds it. A torn last
// line (crash in the middle of a write) is cut off.
int pt_spool_writer_new(const char *dir, struct pt_spool_writer **out, struct pt_err *err);
void pt_spool_writer_free(struct pt_spool_writer *w);
int pt_spool_write(struct pt_spool_writer *w, const char *line, size_t len, struct pt_err *err);
uint64_t pt_spool_dropped(const struct pt_spool_writer *w); // segments removed before their time

// offset_file NULL: starts at the end. Otherwise resumes there, or at the oldest line when the file
// does not exist yet.
int pt_spool_reader_new(
	const char *dir, const char *offset_file, struct pt_spool_reader **out, struct pt_err *err);
// The same for a reader that keeps its position itself, with what it made of the lines.
int pt_spool_reader_new_at(const char *dir, const struct pt_spool_pos *from,
	struct pt_spool_reader **out, struct pt_err *err);
void pt_spool_reader_pos(const struct pt_spool_reader *r, size_t unread, struct pt_spool_pos *out);
void pt_spool_reader_free(struct pt_spool_reader *r);
// Bytes read (whole lines not guaranteed), 0: nothing new now, or -errno.
ssize_t pt_spool_read(struct pt_spool_reader *r, char *buf, size_t len, struct pt_err *err);
int pt_spool_reader_fd(const struct pt_spool_reader *r); // inotify on the directory
uint64_t pt_spool_lost_bytes(const struct pt_spool_reader *r);
int pt_spool_reader_commit(struct pt_spool_reader *r, size_t unread, struct pt_err *err);
