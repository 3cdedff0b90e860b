// SPDX-License-Identifier: MIT
// Runs ip(8) and others for tests that build devices in a network namespace of their own.
#pragma once
#include <errno.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/wait.h>

static int run_command(const char *const *argv)
{
	extern char **environ;
	union {
		const char *const *in;
		char *const *out;
	} words = { .in = argv }; // posix_spawn does not write them
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, words.out, environ))
		return -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

// 0 when it succeeded.
#define RUN(...) run_command((const char *const[]){ __VA_ARGS__, NULL })
#define IP(...)  RUN("ip", __VA_ARGS__)
