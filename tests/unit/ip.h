// SPDX-License-Identifier: MIT
// Runs ip(8) for tests that build devices in a network namespace of their own.
#pragma once
#include <errno.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/wait.h>

static int ip(const char *const *argv)
{
	extern char **environ;
	union {
		const char *const *in;
		char *const *out;
	} words = { .in = argv }; // posix_spawn does not write them
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, "ip", NULL, NULL, words.out, environ))
		return -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

// 0 when it succeeded.
#define IP(...) ip((const char *const[]){ "ip", __VA_ARGS__, NULL })
