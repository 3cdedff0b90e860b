// SPDX-License-Identifier: MIT
// Any bytes as what one tool reads of another: a stream, a spool's segment, and the offset file of
// a spool's reader. Every line is a record or is reported; a spool gives the same as a stream.
#include "fuzz.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/record.h"
#include "base/spool.h"

#define SEGMENT "00000000000000000001.ndjson"

struct seen {
	uint64_t records, bad;
	uint64_t hash; // of what was delivered
	bool wrong;
};

static int on_record(void *ctx, const json_t *record, const char *type, const char *line)
{
	struct seen *s = ctx;
	const char *own = json_string_value(json_object_get(record, "type"));

	s->records++;
	s->wrong = s->wrong || !own || strcmp(own, type) != 0 || strchr(line, '\n');
	for (; *line; line++)
		s->hash = (s->hash ^ (uint8_t)*line) * 0x100000001b3u;
	return 0;
}

static void on_bad(void *ctx, uint64_t number, const char *why)
{
	struct seen *s = ctx;

	s->bad++;
	s->wrong = s->wrong || !number;
	for (; *why; why++)
		s->wrong = s->wrong || *why < ' ' || *why > '~';
}

static bool read_all(int fd, const char *spool, const char *offset, struct seen *out)
{
	const struct pt_record_sink sink = { .fn = on_record, .bad = on_bad, .ctx = out };
	struct pt_record_reader *r = NULL;
	struct pt_err err = { 0 };
	bool ok = !pt_record_reader_new(fd, spool, offset, &sink, &r, &err);

	if (ok)
		(void)pt_record_read_all(r, &err);
	pt_record_reader_free(r);
	return ok;
}

static bool put(int dir, const char *name, const char *bytes, size_t len)
{
	pt_autofd fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, bytes, len) == (ssize_t)len;
}

static bool as_stream(const char *bytes, size_t len, struct seen *out)
{
	pt_autofd fd = memfd_create("fuzz", MFD_CLOEXEC);

	return fd >= 0 && write(fd, bytes, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0 &&
		read_all(fd, NULL, NULL, out);
}

static char spool_name[] = "/dev/shm/pt-fuzz-XXXXXX";

static void remove_spool(void)
{
	(void)rmdir(spool_name);
}

// One directory for all: only what is in it differs.
static int spool_dir(const char **path)
{
	static int fd = -1;

	if (fd < 0 && mkdtemp(spool_name)) {
		fd = open(spool_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)atexit(remove_spool); // left behind otherwise, and no more
	}
	*path = spool_name;
	return fd;
}

static void spool_gone(int dir, const char *path)
{
	(void)unlinkat(dir, SEGMENT, 0);
	(void)unlinkat(dir, "offset", 0);
	(void)unlinkat(dir, ".lock", 0);
	(void)path;
}

static bool as_spool(const char *bytes, size_t len, struct seen *out)
{
	const char *path;
	int dir = spool_dir(&path);
	bool ok = dir >= 0 && put(dir, SEGMENT, bytes, len) && read_all(-1, path, "", out);

	spool_gone(dir, path);
	return ok;
}

// What the offset file says is nonsense, or somewhere; both must do.
static bool as_offset(const char *bytes, size_t len)
{
	static const char line[] = "{\"type\":\"x\",\"v\":1}\n";
	struct seen seen = { 0 };
	char offset[PATH_MAX];
	const char *path;
	int dir = spool_dir(&path);

	(void)snprintf(offset, sizeof(offset), "%s/offset", path);
	bool ok = dir >= 0 && put(dir, SEGMENT, line, sizeof(line) - 1) &&
		put(dir, "offset", bytes, len);
	if (ok)
		(void)read_all(-1, path, offset, &seen); // may be refused
	spool_gone(dir, path);
	return ok && !seen.wrong && seen.records <= 1;
}

// The kernel takes 18 ms to close a spool's reader (inotify): one input in 32 is tried as a spool.
static bool is_for_spools(const char *bytes, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
	return hash >> 27 == 0;
}

static bool try_all(const char *bytes, size_t len, char *why, size_t n)
{
	struct seen stream = { 0 }, spool = { 0 };
	uint64_t lines = len && bytes[len - 1] != '\n';
	bool spools = is_for_spools(bytes, len);

	for (size_t i = 0; i < len; i++)
		lines += bytes[i] == '\n';
	if (!as_stream(bytes, len, &stream) ||
		(spools && (!as_spool(bytes, len, &spool) || !as_offset(bytes, len))))
		(void)snprintf(why, n, "not read");
	else if (stream.wrong || spool.wrong)
		(void)snprintf(why, n, "a record or a complaint is not sound");
	else if (stream.records + stream.bad > lines)
		(void)snprintf(why, n, "%llu records and %llu bad lines of %llu lines",
			(unsigned long long)stream.records, (unsigned long long)stream.bad,
			(unsigned long long)lines);
	else if (spools && len && bytes[len - 1] == '\n' &&
		(stream.hash != spool.hash || stream.records != spool.records))
		(void)snprintf(why, n, "a spool gives other records than a stream");
	else
		return true;
	return false;
}

FUZZ_TARGET(try_all, "stream")
