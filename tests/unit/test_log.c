// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "test.h"

static char words[4096];

// What fn says on standard error.
static void listen_to(void (*fn)(void))
{
	pt_autofd fd = memfd_create("words", MFD_CLOEXEC), saved = dup(STDERR_FILENO);

	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	fn();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	ssize_t n = pread(fd, words, sizeof(words) - 1, 0);
	words[n > 0 ? n : 0] = '\0';
}

static void say_all(void)
{
	pt_log(PT_LOG_ERROR, "error %d", 1);
	pt_log(PT_LOG_WARN, "warn");
	pt_log(PT_LOG_INFO, "info");
	pt_log(PT_LOG_DEBUG, "debug");
}

static void levels(void)
{
	unsetenv("JOURNAL_STREAM");
	pt_log_init("pt-x", PT_LOG_ERROR);
	listen_to(say_all);
	T_STR(words, "pt-x: error 1\n");
	pt_log_init("pt-x", PT_LOG_INFO);
	T_EQ(pt_log_level(), PT_LOG_INFO);
	listen_to(say_all);
	T_STR(words, "pt-x: error 1\npt-x: warn\npt-x: info\n");
}

static void journal(void)
{
	setenv("JOURNAL_STREAM", "8:1", 1);
	pt_log_init("pt-x", PT_LOG_DEBUG);
	unsetenv("JOURNAL_STREAM");
	listen_to(say_all);
	T_STR(words, "<3>pt-x: error 1\n<4>pt-x: warn\n<6>pt-x: info\n<7>pt-x: debug\n");
	pt_log_init("pt-x", PT_LOG_WARN);
}

static void say_hostile(void)
{
	char big[3000];

	memset(big, 'b', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	pt_log(PT_LOG_ERROR, "a\nb\033[2Jc\x7f caf\xc3\xa9");
	pt_log(PT_LOG_ERROR, "%s", big);
}

static void one_line_stays_one(void)
{
	listen_to(say_hostile);
	T_HAS(words, "pt-x: a?b?[2Jc? caf\xc3\xa9\npt-x: bbbb");
	T_EQ(words[strlen(words) - 1], '\n');
	T_OK(strlen(words) < 1100);
}

static void errors(void)
{
	struct pt_err e = { 0 };
	char big[2000];

	T_EQ(pt_err_set(&e, -EINVAL, "paths[%d]: bad", 3), -EINVAL);
	T_STR(e.msg, "paths[3]: bad");
	T_EQ(e.code, -EINVAL);
	T_EQ(pt_err_wrap(&e, "file %s", "f.yaml"), -EINVAL);
	T_STR(e.msg, "file f.yaml: paths[3]: bad");
	T_EQ(pt_err_errno(&e, -ENOENT, "open"), -ENOENT);
	T_STR(e.msg, "open: No such file or directory");
	T_EQ(pt_err_set(&e, -EINVAL, "%s", "two\nlines\x1b[2J\x7f"), -EINVAL);
	T_STR(e.msg, "two?lines?[2J?");
	T_EQ(pt_err_set(NULL, -EIO, "nobody %s", "listens"), -EIO);
	T_EQ(pt_err_errno(NULL, -EIO, "nobody"), -EIO);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	T_EQ(pt_err_set(&e, -EIO, "%s", big), -EIO);
	T_EQ(strlen(e.msg), sizeof(e.msg) - 1);
	T_EQ(pt_err_wrap(&e, "%s", big), -EIO);
	T_EQ(pt_err_errno(&e, -EPERM, "%s", big), -EPERM);
	T_EQ(strlen(e.msg), sizeof(e.msg) - 1);
}

T_MAIN({ "levels", levels }, { "priorities for the journal", journal },
	{ "one line stays one line", one_line_stays_one }, { "errors: set, wrap, cut", errors })
