// SPDX-License-Identifier: MIT
#include "base/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/spool.h"
#include "test.h"

// What a reader delivered, as text: "type:line;" and "!number:why;".
struct seen {
	struct pt_buf text;
	unsigned records, bad, stop_at;
	uint64_t last_bad;
};

static int on_record(void *ctx, const json_t *record, const char *type, const char *line)
{
	struct seen *s = ctx;

	T_OK(json_is_object(record));
	pt_buf_printf(&s->text, "%s:%zu;", type, strlen(line));
	return ++s->records == s->stop_at ? -ECANCELED : 0;
}

static void on_bad(void *ctx, uint64_t number, const char *why)
{
	struct seen *s = ctx;

	s->bad++;
	s->last_bad = number;
	pt_buf_printf(&s->text, "!%" PRIu64 ";", number);
	for (; *why; why++)
		T_OK(*why >= ' ' && *why <= '~');
}

static struct pt_record_reader *open_reader(
	int fd, const char *spool, const char *offset, struct seen *s)
{
	const struct pt_record_sink sink = { .fn = on_record, .bad = on_bad, .ctx = s };
	struct pt_record_reader *r = NULL;
	struct pt_err err = { 0 };

	if (pt_record_reader_new(fd, spool, offset, &sink, &r, &err))
		T_FAIL("%s", err.msg);
	return r;
}

// Feeds bytes through a file.
static void read_bytes(const char *bytes, size_t n, struct seen *s)
{
	char path[] = "/tmp/pt-test-record-XXXXXX";
	pt_autofd fd = mkstemp(path);
	struct pt_err err = { 0 };

	unlink(path);
	if (write(fd, bytes, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
		T_FAIL("temporary file");
	struct pt_record_reader *r = open_reader(fd, NULL, NULL, s);
	T_EQ(pt_record_read_all(r, &err), 0);
	T_EQ(pt_record_reader_bad(r), s->bad);
	T_EQ(pt_record_read(r, &err), 0); // the end stays the end
	pt_record_reader_free(r);
}

static void common_fields(void)
{
	int p[2];
	char line[4096];
	struct pt_record_writer *w = NULL;
	char boot[PT_BOOT_ID_LEN];
	int64_t us = 0, before = pt_wall_us(), mono = pt_mono_now().ns;

	T_NEED(pipe2(p, O_CLOEXEC) == 0 && pt_boot_id(boot) == 0);
	T_NEED(pt_record_writer_new("host/pt-test", p[1], NULL, &w, NULL) == 0);
	for (int seq = 1; seq <= 3; seq++) {
		json_t *body = json_pack(
			"{s:i, s:s, s:s, s:n}", "rtt", 7, "type", "forged", "src", "forged", "mtu");
		T_EQ(pt_record_write(w, "health", body, NULL), 0);
		ssize_t n = read(p[0], line, sizeof(line)); // one write: one read has it all
		T_NEED(n > 0 && line[n - 1] == '\n');
		T_OK(strncmp(line, "{\"type\":\"health\",\"v\":1,\"ts\":\"", 29) == 0);
		pt_autojson json_t *j = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
		T_NEED(j);
		T_STR(json_string_value(json_object_get(j, "src")), "host/pt-test");
		T_STR(json_string_value(json_object_get(j, "boot")), boot);
		T_EQ(json_integer_value(json_object_get(j, "seq")), seq);
		T_EQ(json_integer_value(json_object_get(j, "rtt")), 7);
		T_OK(json_is_null(json_object_get(j, "mtu")));
		T_OK(json_integer_value(json_object_get(j, "mono_ns")) >= mono);
		T_EQ(pt_rfc3339_parse(json_string_value(json_object_get(j, "ts")), &us), 0);
		T_OK(us >= before && us <= pt_wall_us());
	}
	T_EQ(pt_record_write(w, "bad", json_integer(3), NULL), -EINVAL);
	T_EQ(pt_record_write(w, "bad", NULL, NULL), -EINVAL);
	T_EQ(pt_record_write(w, "bad \xff", json_object(), NULL), -EINVAL);
	pt_record_writer_free(w);
	close(p[0]);
	close(p[1]);
}

static void forwards_untouched(void)
{
	static const char odd[] = "{ \"v\":99,\"type\":\"from_the_future\",\"x\":[1.50, null] }";
	int p[2];
	char line[256];
	struct pt_record_writer *w = NULL;

	T_NEED(pipe2(p, O_CLOEXEC) == 0);
	T_NEED(pt_record_writer_new("h/t", p[1], NULL, &w, NULL) == 0);
	T_EQ(pt_record_forward(w, odd, strlen(odd), NULL), 0);
	T_EQ(read(p[0], line, sizeof(line)), sizeof(odd));
	T_OK(memcmp(line, odd, sizeof(odd) - 1) == 0);
	T_EQ(pt_record_forward(w, "a\nb", 3, NULL), -EINVAL);
	T_EQ(pt_record_forward(w, "\n", 1, NULL), -EINVAL);
	T_EQ(pt_record_forward(w, "", 0, NULL), -EINVAL);
	pt_record_writer_free(w);
	close(p[0]);
	close(p[1]);
}

static void closed_and_full_pipes(void)
{
	int p[2];
	struct pt_record_writer *w = NULL;
	struct pt_err err = { 0 };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	T_NEED(sigaction(SIGPIPE, &ignore, NULL) == 0 && pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	T_NEED(pt_record_writer_new("h/t", p[1], NULL, &w, NULL) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) { // reads late and slowly: the writer finds the pipe full
		struct seen s = { 0 };
		close(p[1]);
		struct pt_record_reader *r = open_reader(p[0], NULL, NULL, &s);
		pt_record_read_all(r, NULL);
		_exit(s.records == 2000 && s.bad == 0 ? 0 : 1);
	}
	for (int i = 0; i < 2000; i++)
		T_EQ(pt_record_write(w, "x",
			     json_pack("{s:s}", "pad", "0123456789012345678901234567890123456789"),
			     &err),
			0);
	close(p[0]);
	pt_record_writer_free(w);
	close(p[1]);
	int status = -1;
	waitpid(pid, &status, 0);
	T_EQ(status, 0);

	T_NEED(pipe2(p, O_CLOEXEC) == 0);
	T_NEED(pt_record_writer_new("h/t", p[1], NULL, &w, NULL) == 0);
	close(p[0]);
	T_EQ(pt_record_write(w, "x", json_object(), &err), -EPIPE);
	T_HAS(err.msg, "Broken pipe");
	pt_record_writer_free(w);
	close(p[1]);
}

static void hostile_lines(void)
{
	static const char *const bad[] = { "{", "}", "[]", "null", "7", "\"type\"", "{}",
		"nonsense", "{\"type\":7}", "{\"type\":null}", "{\"type\":\"x\"",
		"{\"type\":\"x\"}}", "{\"type\":\"x\",\"type\":\"y\"}", "{\"type\":\"\\u0000\"}",
		"{'type':'x'}", "{\"type\":\"\xff\xfe\"}", "\x1b[31m",
		"{\"type\":\"x\",\"n\":1e999}", "{\"type\":\"x\",\"n\":99999999999999999999}",
		"{\"type\":\"x\"} {\"type\":\"x\"}" };

	for (size_t i = 0; i < PT_ARRAY_LEN(bad); i++) {
		pt_autobuf text = { 0 };
		struct seen s = { 0 };
		pt_buf_printf(&text, "{\"type\":\"a\"}\n%s\n{\"type\":\"b\"}\n", bad[i]);
		read_bytes(text.data, text.len, &s);
		T_STR(pt_buf_str(&s.text), "a:12;!2;b:12;");
		if (t_failed)
			T_FAIL("with %s", bad[i]);
		pt_buf_done(&s.text);
	}
}

static void nul_bytes_crlf_blank_lines(void)
{
	static const char text[] = "\r\n  \n{\"type\":\"a\"}\r\n\0\0\n{\"type\":\"a\"\0}\n\t\n"
				   "{\"type\":\"tail\"}"; // no newline at the end
	struct seen s = { 0 };

	read_bytes(text, sizeof(text) - 1, &s);
	T_STR(pt_buf_str(&s.text), "a:12;!4;!5;tail:15;");
	pt_buf_done(&s.text);
	struct seen torn = { 0 };
	read_bytes("{\"type\":\"a\"}\n{\"typ", 18, &torn);
	T_STR(pt_buf_str(&torn.text), "a:12;!2;");
	pt_buf_done(&torn.text);
	struct seen none = { 0 };
	read_bytes("", 0, &none);
	T_EQ(none.records + none.bad, 0);
	pt_buf_done(&none.text);
}

static void binary_garbage(void)
{
	pt_autobuf text = { 0 };
	struct seen s = { 0 };
	uint64_t x = 88172645463325252ULL, newlines = 0;

	for (int i = 0; i < 400000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		newlines += (char)x == '\n';
		pt_buf_putc(&text, (char)x);
	}
	pt_buf_puts(&text, "\n{\"type\":\"after\"}\n");
	read_bytes(text.data, text.len, &s);
	T_EQ(s.records, 1);
	T_OK(s.bad > newlines / 2);
	pt_buf_done(&s.text);
}

static void very_long_lines(void)
{
	static const size_t sizes[] = { PT_RECORD_MAX - 1, PT_RECORD_MAX, PT_RECORD_MAX + 1,
		5 * PT_RECORD_MAX };

	for (size_t i = 0; i < PT_ARRAY_LEN(sizes); i++) {
		pt_autobuf text = { 0 };
		struct seen s = { 0 };
		pt_buf_puts(&text, "{\"type\":\"a\"}\n{\"type\":\"b\",\"x\":\"");
		while (text.len < 13 + sizes[i] - 2)
			pt_buf_putc(&text, 'x');
		pt_buf_puts(&text, "\"}\n{\"type\":\"c\"}\n");
		read_bytes(text.data, text.len, &s);
		T_EQ(s.records, i == 0 ? 3 : 2);
		T_EQ(s.bad, i == 0 ? 0 : 1);
		if (i)
			T_STR(pt_buf_str(&s.text), "a:12;!2;c:12;");
		pt_buf_done(&s.text);
	}
	pt_autobuf endless = { 0 };
	struct seen s = { 0 };
	while (endless.len < 3 * PT_RECORD_MAX)
		pt_buf_putc(&endless, '{');
	read_bytes(endless.data, endless.len, &s); // and no newline, ever
	T_STR(pt_buf_str(&s.text), "!1;");
	pt_buf_done(&s.text);

	pt_autofd null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct pt_record_writer *w = NULL;
	T_NEED(null >= 0 && pt_record_writer_new("h/t", null, NULL, &w, NULL) == 0);
	json_t *big = json_object();
	json_object_set_new(big, "x", json_stringn(endless.data, endless.len));
	T_EQ(pt_record_write(w, "x", big, NULL), -EMSGSIZE);
	T_EQ(pt_record_forward(w, endless.data, endless.len, NULL), -EMSGSIZE);
	pt_record_writer_free(w);
}

static void a_sink_may_stop(void)
{
	static const char text[] = "{\"type\":\"a\"}\n{\"type\":\"b\"}\n{\"type\":\"c\"}\n";
	int p[2];
	struct seen s = { .stop_at = 2 };

	T_NEED(pipe2(p, O_CLOEXEC) == 0 && write(p[1], text, sizeof(text) - 1) > 0);
	close(p[1]);
	struct pt_record_reader *r = open_reader(p[0], NULL, NULL, &s);
	T_EQ(pt_record_read(r, NULL), -ECANCELED);
	T_STR(pt_buf_str(&s.text), "a:12;b:12;");
	T_EQ(pt_record_read_all(r, NULL), 0); // the rest was kept
	T_STR(pt_buf_str(&s.text), "a:12;b:12;c:12;");
	pt_record_reader_free(r);
	pt_buf_done(&s.text);
	close(p[0]);
}

static void pieces_through_a_pipe(void)
{
	static const char text[] = "{\"type\":\"a\"}\nbad\n{\"type\":\"b\"}\n";
	int p[2];
	struct seen s = { 0 };

	T_NEED(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	struct pt_record_reader *r = open_reader(p[0], NULL, NULL, &s);
	T_EQ(pt_record_reader_fd(r), p[0]);
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		T_EQ(write(p[1], text + i, 1), 1);
		T_EQ(pt_record_read(r, NULL), 1);
	}
	T_STR(pt_buf_str(&s.text), "a:12;!2;b:12;");
	close(p[1]);
	T_EQ(pt_record_read(r, NULL), 0);
	pt_record_reader_free(r);
	pt_buf_done(&s.text);
	close(p[0]);
	struct pt_record_reader *none = NULL;
	const struct pt_record_sink sink = { .fn = on_record };
	T_EQ(pt_record_reader_new(-1, NULL, NULL, &sink, &none, NULL), -EINVAL);
	T_EQ(pt_record_reader_new(0, "/tmp", NULL, &sink, &none, NULL), -EINVAL);
}

static void through_the_spool(void)
{
	char base[] = "/tmp/pt-test-record-XXXXXX", dir[64], offset[64], path[128];
	int p[2];
	struct pt_record_writer *w = NULL;
	struct seen s = { .stop_at = 2 }, again = { 0 }, end = { 0 };

	T_NEED(mkdtemp(base) && pipe2(p, O_CLOEXEC) == 0);
	snprintf(dir, sizeof(dir), "%s/deeper/spool", base);
	snprintf(offset, sizeof(offset), "%s/offset", base);
	T_NEED(pt_record_writer_new("h/t", p[1], dir, &w, NULL) == 0);
	for (int i = 0; i < 4; i++)
		T_EQ(pt_record_write(w, i % 2 ? "odd" : "even", json_object(), NULL), 0);
	struct pt_record_reader *r = open_reader(-1, dir, offset, &s);
	T_EQ(pt_record_read(r, NULL), -ECANCELED);
	T_EQ(pt_record_reader_commit(r, NULL), 0); // two delivered, two not
	pt_record_reader_free(r);
	r = open_reader(-1, dir, offset, &again);
	T_EQ(pt_record_read_all(r, NULL), 0);
	T_EQ(again.records, 2);
	T_EQ(pt_record_reader_commit(r, NULL), 0);
	close(p[0]); // the pipe's reader is gone; the spool still gets its record
	T_EQ(pt_record_write(w, "even", json_object(), NULL), -EPIPE);
	T_EQ(pt_record_read(r, NULL), 1);
	T_EQ(again.records, 3);
	T_EQ(pt_record_reader_commit(r, NULL), 0);
	pt_record_reader_free(r);
	r = open_reader(-1, dir, offset, &end);
	T_EQ(pt_record_read(r, NULL), 1);
	T_EQ(end.records + end.bad, 0);
	pt_record_reader_free(r);
	pt_record_writer_free(w);
	close(p[1]);
	pt_buf_done(&s.text);
	pt_buf_done(&again.text);
	pt_buf_done(&end.text);
	snprintf(path, sizeof(path), "%s/00000000000000000001.ndjson", dir);
	T_EQ(unlink(path) | rmdir(dir) | unlink(offset), 0);
	snprintf(path, sizeof(path), "%s/deeper", base);
	T_EQ(rmdir(path) | rmdir(base), 0);
}

static void loss_is_reported(void)
{
	char base[] = "/tmp/pt-test-record-XXXXXX", offset[64];
	struct pt_record_writer *w = NULL;
	struct seen s = { 0 };
	unsigned segments = PT_SPOOL_SEGMENTS + 1;

	T_NEED(mkdtemp(base));
	snprintf(offset, sizeof(offset), "%s/offset", base);
	T_NEED(pt_record_writer_new("h/t", -1, base, &w, NULL) == 0);
	struct pt_record_reader *r = open_reader(-1, base, offset, &s);
	pt_autobuf pad = { 0 };
	pt_buf_printf(&pad, "%0*d", (int)PT_SPOOL_SEGMENT_BYTES - 1000, 1);
	for (unsigned i = 0; i < segments; i++)
		T_EQ(pt_record_write(w, "x", json_pack("{s:s}", "pad", pad.data), NULL), 0);
	T_EQ(pt_record_read(r, NULL), 1);
	T_EQ(s.records, PT_SPOOL_SEGMENTS);
	T_EQ(s.bad, 1); // told once, with the bytes
	T_EQ(pt_record_reader_bad(r), 0);
	pt_record_reader_free(r);
	pt_record_writer_free(w);
	pt_buf_done(&s.text);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		execlp("rm", "rm", "-rf", base, (char *)NULL);
	waitpid(pid, NULL, 0);
}

// A reader that keeps its own position goes on behind the line its sink stopped at.
static void position_of_the_caller(void)
{
	char base[] = "/tmp/pt-test-record-XXXXXX", dir[96];
	struct pt_record_writer *w = NULL;
	struct pt_spool_pos pos = { 0 };
	struct pt_err err = { 0 };
	pt_autobuf all = { 0 };

	T_NEED(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/spool", base);
	T_NEED(pt_record_writer_new("h/t", -1, dir, &w, &err) == 0);
	for (int i = 0; i < 7; i++)
		T_EQ(pt_record_write(w, i % 2 ? "odd" : "even", json_object(), &err), 0);
	for (int round = 0; round < 4; round++) { // 3, 3, 1, none
		struct seen s = { .stop_at = 3 };
		const struct pt_record_sink sink = { .fn = on_record, .bad = on_bad, .ctx = &s };
		struct pt_record_reader *r = NULL;
		T_NEED(pt_record_reader_new_at(dir, &pos, &sink, &r, &err) == 0);
		(void)pt_record_read(r, &err);
		T_EQ(s.records, round < 2 ? 3 : round == 2);
		T_EQ(pt_record_reader_line(r), s.records);
		pt_record_reader_pos(r, &pos);
		for (const char *t = pt_buf_str(&s.text); *t; t += strcspn(t, ";") + 1)
			pt_buf_putc(&all, *t);
		pt_record_reader_free(r);
		pt_buf_done(&s.text);
	}
	T_STR(pt_buf_str(&all), "eoeoeoe");
	pt_record_writer_free(w);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		execlp("rm", "rm", "-rf", base, (char *)NULL);
	waitpid(pid, NULL, 0);
}

T_MAIN({ "common fields, one write a line", common_fields },
	{ "passes records on untouched", forwards_untouched },
	{ "full and closed pipes", closed_and_full_pipes }, { "hostile lines", hostile_lines },
	{ "NUL bytes, CRLF, blank lines, no newline at the end", nul_bytes_crlf_blank_lines },
	{ "binary garbage", binary_garbage }, { "very long lines", very_long_lines },
	{ "a sink may stop, the rest is kept", a_sink_may_stop },
	{ "lines in pieces", pieces_through_a_pipe }, { "through the spool", through_the_spool },
	{ "loss is reported", loss_is_reported },
	{ "the caller keeps the position", position_of_the_caller })
