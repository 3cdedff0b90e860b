// SPDX-License-Identifier: MIT
#include "base/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "test.h"

static char parent[64], dir[80], offset[80];

static void fresh(void)
{
	snprintf(parent, sizeof(parent), "/tmp/pt-test-spool-XXXXXX");
	if (!mkdtemp(parent))
		T_FAIL("mkdtemp");
	snprintf(dir, sizeof(dir), "%s/spool", parent);
	snprintf(offset, sizeof(offset), "%s/offset", parent);
	if (mkdir(dir, 0755))
		T_FAIL("mkdir");
}

static void empty_dir(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
}

static void clean(void)
{
	empty_dir();
	rmdir(dir);
	unlink(offset);
	rmdir(parent);
}

static struct pt_spool_writer *writer(void)
{
	struct pt_spool_writer *w = NULL;
	struct pt_err err = { 0 };

	if (pt_spool_writer_new(dir, &w, &err))
		T_FAIL("%s", err.msg);
	return w;
}

static struct pt_spool_reader *reader(const char *offset_file)
{
	struct pt_spool_reader *r = NULL;
	struct pt_err err = { 0 };

	if (pt_spool_reader_new(dir, offset_file, &r, &err))
		T_FAIL("%s", err.msg);
	return r;
}

static void put(struct pt_spool_writer *w, const char *line)
{
	struct pt_err err = { 0 };

	if (pt_spool_write(w, line, strlen(line), &err))
		T_FAIL("%s", err.msg);
}

// Everything that is there, read in steps of `step` bytes.
static void drain(struct pt_spool_reader *r, size_t step, struct pt_buf *out)
{
	struct pt_err err = { 0 };
	char *chunk = malloc(step);
	ssize_t n;

	while ((n = pt_spool_read(r, chunk, step, &err)) > 0)
		pt_buf_add(out, chunk, (size_t)n);
	if (n < 0)
		T_FAIL("%s", err.msg);
	free(chunk);
}

static void expect(struct pt_spool_reader *r, size_t step, const char *want)
{
	pt_autobuf got = { 0 };

	drain(r, step, &got);
	T_STR(pt_buf_str(&got), want);
}

// The path of the only or newest segment.
static void newest(char *out, size_t len)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort);

	snprintf(out, len, "%s/%s", dir, n > 2 ? list[n - 1]->d_name : "none");
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void append_raw(const char *bytes)
{
	char path[400];

	newest(path, sizeof(path));
	pt_autofd fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
		T_FAIL("cannot append to %s", path);
}

static void lines_in_order(void)
{
	fresh();
	struct pt_spool_writer *w = writer();
	struct pt_spool_reader *early = reader(NULL), *all;

	put(w, "one\n");
	put(w, "two\n");
	expect(early, 100, "one\ntwo\n");
	put(w, "three\n");
	expect(early, 2, "three\n"); // a line longer than the buffer comes in pieces
	all = reader(offset);        // no offset yet: from the oldest
	expect(all, 3, "one\ntwo\nthree\n");
	struct pt_spool_reader *late = reader(NULL);
	expect(late, 100, "");
	put(w, "four\n");
	expect(late, 100, "four\n");
	T_EQ(pt_spool_write(w, "no newline", 10, NULL), -EINVAL);
	T_EQ(pt_spool_write(w, "", 0, NULL), -EINVAL);
	expect(late, 100, "");
	pt_spool_reader_free(early);
	pt_spool_reader_free(all);
	pt_spool_reader_free(late);
	pt_spool_writer_free(w);
	clean();
}

static void one_writer_only(void)
{
	struct pt_spool_writer *second = NULL;
	struct pt_err err = { 0 };

	fresh();
	struct pt_spool_writer *w = writer();
	T_EQ(pt_spool_writer_new(dir, &second, &err), -EBUSY);
	T_HAS(err.msg, "another writer holds it");
	pt_spool_writer_free(w);
	w = writer();
	put(w, "again\n");
	pt_spool_writer_free(w);
	clean();
}

static void offsets_survive(void)
{
	fresh();
	struct pt_spool_writer *w = writer();
	struct pt_spool_reader *r = reader(offset);

	put(w, "one\n");
	put(w, "two\n");
	expect(r, 100, "one\ntwo\n");
	T_EQ(pt_spool_reader_commit(r, 4, NULL), 0); // "two" was read, not used
	pt_spool_reader_free(r);
	r = reader(offset);
	expect(r, 100, "two\n");
	T_EQ(pt_spool_reader_commit(r, 0, NULL), 0);
	pt_spool_reader_free(r);
	pt_spool_writer_free(w);
	w = writer(); // a restarted writer goes on in the same segment
	put(w, "three\n");
	r = reader(offset);
	expect(r, 100, "three\n");
	T_EQ(pt_spool_reader_commit(r, 1000, NULL), -EINVAL);
	pt_spool_reader_free(r);
	// The spool is wiped and begun anew: the old offset means nothing in it.
	pt_spool_writer_free(w);
	empty_dir();
	w = writer();
	put(w, "an\n");
	put(w, "entirely different beginning\n");
	r = reader(offset);
	expect(r, 100, "an\nentirely different beginning\n");
	pt_spool_reader_free(r);
	pt_spool_writer_free(w);
	clean();
}

static void hostile_offset_files(void)
{
	static const char *const bad[] = { "", "\n", "x\n", "1\n", "1 \n", "-1 2\n", "1 2", "0 0\n",
		"1 2 3\n", "99999999999999999999999 1\n", "1 2\n\n", "1\n2 3" };
	struct pt_spool_reader *r = NULL;
	struct pt_err err = { 0 };

	fresh();
	struct pt_spool_writer *w = writer();
	put(w, "one\n");
	for (size_t i = 0; i < PT_ARRAY_LEN(bad); i++) {
		pt_autofd fd = open(offset, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		T_NEED(write(fd, bad[i], strlen(bad[i])) == (ssize_t)strlen(bad[i]));
		if (pt_spool_reader_new(dir, offset, &r, &err) != -EINVAL)
			T_FAIL("took \"%s\"", bad[i]);
		T_HAS(err.msg, "not a spool offset");
	}
	pt_autofd fd = open(offset, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	T_NEED(write(fd, "9000000000000000000 77\n", 23) == 23); // far past the end
	r = reader(offset);
	expect(r, 100, "one\n");
	pt_spool_reader_free(r);
	pt_spool_writer_free(w);
	clean();
}

static void torn_lines_are_never_read(void)
{
	fresh();
	struct pt_spool_writer *w = writer();
	struct pt_spool_reader *r = reader(offset);

	put(w, "whole\n");
	append_raw("{\"torn\":tr");
	expect(r, 100, "whole\n");
	struct pt_spool_reader *late = reader(NULL);
	expect(late, 100, "");
	pt_spool_writer_free(w);
	w = writer();
	put(w, "next\n");
	expect(r, 100, "next\n");
	expect(late, 100, "next\n");
	pt_spool_reader_free(r);
	pt_spool_reader_free(late);
	pt_spool_writer_free(w);
	clean();
}

// Writes "N N N ... N\n" lines, rising, as fast as it can, until it is killed.
static void write_forever(void)
{
	struct pt_spool_writer *w = NULL;
	char line[4096];

	if (pt_spool_writer_new(dir, &w, NULL))
		_exit(1);
	for (unsigned n = 1;; n++) {
		size_t len = 0;
		for (unsigned i = 0; i < 1 + n % 300; i++)
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%u ", n);
		line[len - 1] = '\n';
		if (pt_spool_write(w, line, len, NULL))
			_exit(2);
	}
}

// One line: "N N ... N", 1 + N % 300 times; 0 when it is anything else.
static uint64_t whole_line(char *line)
{
	char *save = NULL;
	uint64_t first = 0, n, fields = 0;

	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save), fields++) {
		if (pt_parse_u64(w, 1, UINT32_MAX, &n) || (fields && n != first))
			return 0;
		first = n;
	}
	return fields == 1 + first % 300 ? first : 0;
}

// Numbers rise by one unless bytes were lost; a new writer starts over at 1.
static void check_lines(char *text, uint64_t *last, bool gaps)
{
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		uint64_t n = whole_line(l);
		if (n == 0)
			T_FAIL("torn line after %" PRIu64, *last);
		else if (n != *last + 1 && n != 1 && !gaps)
			T_FAIL("%" PRIu64 " after %" PRIu64, n, *last);
		*last = n;
	}
}

static void killed_writers(void)
{
	uint64_t last = 0;
	unsigned rounds = 0;

	fresh();
	struct pt_spool_reader *r = reader(offset);
	for (; rounds < 20 && !t_failed; rounds++) {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0)
			write_forever();
		struct timespec ts = { .tv_nsec = 1000000 + rounds * 217000L };
		nanosleep(&ts, NULL);
		uint64_t lost = pt_spool_lost_bytes(r);
		pt_autobuf during = { 0 }, after = { 0 };
		drain(r, 70000, &during);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		drain(r, 70000, &after);
		pt_buf_puts(&during, pt_buf_str(&after));
		check_lines(during.data ? during.data : after.data, &last,
			pt_spool_lost_bytes(r) != lost);
	}
	T_OK(last > 0);
	pt_spool_reader_free(r);
	clean();
}

static void slow_reader_learns_what_it_lost(void)
{
	enum { LINE = 1000 };
	char line[LINE + 1];
	unsigned lines = (PT_SPOOL_SEGMENTS + 4) * (PT_SPOOL_SEGMENT_BYTES / LINE);
	pt_autobuf got = { 0 };

	fresh();
	struct pt_spool_writer *w = writer();
	struct pt_spool_reader *slow = reader(offset), *held = reader(offset);
	for (unsigned i = 0; i < lines; i++) {
		snprintf(line, sizeof(line), "%0*u\n", LINE - 1, i);
		put(w, line);
		if (i == 0)
			expect(held, LINE, line); // has the first segment open from here on
	}
	T_OK(pt_spool_dropped(w) >= 3);
	drain(slow, 65536, &got);
	T_EQ(got.len % LINE, 0);
	T_EQ(got.len + pt_spool_lost_bytes(slow), (uint64_t)lines * LINE);
	T_EQ(pt_spool_lost_bytes(slow),
		pt_spool_dropped(w) * (PT_SPOOL_SEGMENT_BYTES / LINE * LINE));
	snprintf(line, sizeof(line), "%0*u\n", LINE - 1, lines - 1);
	T_OK(memcmp(got.data + got.len - LINE, line, LINE) == 0);
	// An open segment is read to its end even when it is already removed.
	pt_buf_clear(&got);
	drain(held, 65536, &got);
	T_EQ(got.len + pt_spool_lost_bytes(held) + LINE, (uint64_t)lines * LINE);
	T_EQ(pt_spool_lost_bytes(held),
		(pt_spool_dropped(w) - 1) * (PT_SPOOL_SEGMENT_BYTES / LINE * LINE));
	pt_spool_reader_free(slow);
	pt_spool_reader_free(held);
	pt_spool_writer_free(w);
	clean();
}

static void offset_of_a_dropped_segment(void)
{
	char *line = malloc(PT_SPOOL_SEGMENT_BYTES);

	fresh();
	memset(line, 'x', PT_SPOOL_SEGMENT_BYTES - 1);
	line[PT_SPOOL_SEGMENT_BYTES - 1] = '\n';
	struct pt_spool_writer *w = writer();
	put(w, "first\n");
	struct pt_spool_reader *r = reader(offset);
	expect(r, 100, "first\n");
	T_EQ(pt_spool_reader_commit(r, 0, NULL), 0);
	pt_spool_reader_free(r);
	for (unsigned i = 0; i < PT_SPOOL_SEGMENTS + 2; i++)
		T_EQ(pt_spool_write(w, line, PT_SPOOL_SEGMENT_BYTES, NULL), 0);
	T_EQ(pt_spool_write(w, line, PT_SPOOL_SEGMENT_BYTES + 1, NULL), -EINVAL);
	r = reader(offset);
	pt_autobuf got = { 0 };
	drain(r, 65536, &got);
	T_EQ(got.len, (uint64_t)PT_SPOOL_SEGMENTS * PT_SPOOL_SEGMENT_BYTES);
	T_EQ(pt_spool_lost_bytes(r), 2ULL * PT_SPOOL_SEGMENT_BYTES);
	pt_spool_reader_free(r);
	pt_spool_writer_free(w);
	clean();
	free(line);
}

// In a child with a mount namespace of its own: a spool on a file system smaller than its bound.
static void write_to_full(void)
{
	enum { LINE = 1000, LINES = 12000 };
	char line[LINE + 1];
	struct pt_err err = { 0 };
	pt_autobuf got = { 0 };

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("pt-test", dir, "tmpfs", 0, "size=4m"))
		_exit(77);
	struct pt_spool_writer *w = writer();
	struct pt_spool_reader *r = reader(offset);
	for (unsigned i = 0; i < LINES && !t_failed; i++) {
		snprintf(line, sizeof(line), "%0*u\n", LINE - 1, i);
		if (pt_spool_write(w, line, LINE, &err))
			T_FAIL("line %u: %s", i, err.msg);
	}
	drain(r, 65536, &got);
	T_OK(pt_spool_dropped(w) >= 7); // 12 MB in 4
	T_EQ(got.len + pt_spool_lost_bytes(r), (uint64_t)LINE * LINES);
	T_EQ(got.len % LINE, 0);
	T_OK(got.len > 2u << 20);
	T_OK(memcmp(got.data + got.len - LINE, line, LINE) == 0);
	_exit(t_failed);
}

static void a_full_file_system_is_a_bound(void)
{
	int status = -1;

	fresh();
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS))
			_exit(77);
		write_to_full();
	}
	waitpid(pid, &status, 0);
	clean();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		T_SKIP("no mount namespace of our own");
	T_EQ(status, 0);
}

static void foreign_files_are_left_alone(void)
{
	char path[400];

	fresh();
	static const char *const names[] = { "README", "1.ndjson", "0000000000000000000x.ndjson",
		"00000000000000000000.ndjson", "00000000000000000001.ndjson.bak" };
	for (size_t i = 0; i < PT_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
	struct pt_spool_writer *w = writer();
	struct pt_spool_reader *r = reader(offset);
	put(w, "one\n");
	expect(r, 100, "one\n");
	pt_spool_reader_free(r);
	pt_spool_writer_free(w);
	snprintf(path, sizeof(path), "%s/README", dir);
	T_EQ(access(path, F_OK), 0);
	clean();
}

static void readiness_and_a_new_directory(void)
{
	fresh();
	rmdir(dir);
	struct pt_spool_reader *r = reader(NULL); // before the writer: makes the directory
	struct pt_spool_writer *w = writer();
	struct pollfd p = { .fd = pt_spool_reader_fd(r), .events = POLLIN };

	expect(r, 100, "");
	T_EQ(poll(&p, 1, 0), 0);
	put(w, "one\n");
	T_EQ(poll(&p, 1, 1000), 1);
	expect(r, 100, "one\n");
	T_EQ(poll(&p, 1, 0), 0);
	pt_spool_writer_free(w);
	empty_dir();
	rmdir(dir); // the service's runtime directory goes with the service
	T_EQ(poll(&p, 1, 1000), 1);
	expect(r, 100, "");
	w = writer();
	put(w, "two\n");
	T_EQ(poll(&p, 1, 1000), 1);
	expect(r, 100, "two\n");
	pt_spool_reader_free(r);
	pt_spool_writer_free(w);
	clean();
}

T_MAIN({ "lines in order, from now or from the oldest", lines_in_order },
	{ "one writer only", one_writer_only }, { "offsets survive a restart", offsets_survive },
	{ "hostile offset files", hostile_offset_files },
	{ "torn lines are never read", torn_lines_are_never_read },
	{ "killed writers leave whole lines", killed_writers },
	{ "a slow reader learns what it lost", slow_reader_learns_what_it_lost },
	{ "the offset of a dropped segment", offset_of_a_dropped_segment },
	{ "a full file system is a bound like any other", a_full_file_system_is_a_bound },
	{ "foreign files are left alone", foreign_files_are_left_alone },
	{ "readiness, and a directory made anew", readiness_and_a_new_directory })
