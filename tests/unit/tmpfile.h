// SPDX-License-Identifier: MIT
// A file of this test's own, gone with its scope. Loaders name it in messages; t_file_cut cuts that
// off.
#pragma once
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

struct t_file {
	char path[32];
};

static inline void t_file_done(struct t_file *f)
{
	(void)unlink(f->path);
}
#define t_autofile __attribute__((cleanup(t_file_done))) struct t_file

static inline struct t_file t_file_make(const char *text)
{
	struct t_file f = { "/tmp/pt-test-XXXXXX" };
	int fd = mkstemp(f.path);
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		T_FAIL("cannot write %s", f.path);
	if (fd >= 0)
		(void)close(fd);
	return f;
}

// Cuts "PATH:" off the front of a message, so that a table can hold the rest.
static inline void t_file_cut(const struct t_file *f, char *msg)
{
	size_t n = strlen(f->path);

	if (strncmp(msg, f->path, n) == 0 && msg[n] == ':')
		memmove(msg, msg + n + 1, strlen(msg + n + 1) + 1);
}
