// SPDX-License-Identifier: MIT
// Preloaded: kills the process that it was loaded into, with SIGKILL, at the Nth record that it
// writes to a journal, before or after the write. Forked children are spared, or with
// PT_KILL_CHILDREN killed first.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char record[] = "{\"rec\":";
static pid_t born;
static int at, after, children, seen;

__attribute__((constructor)) static void read_orders(void)
{
	const char *n = getenv("PT_KILL_AT"), *when = getenv("PT_KILL_WHEN");

	born = getpid();
	(void)sscanf(n ? n : "0", "%d", &at);
	after = when && strcmp(when, "after") == 0;
	children = getenv("PT_KILL_CHILDREN") != NULL;
}

static void die(void)
{
	char path[64];
	int pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)born);
	FILE *f = children ? fopen(path, "re") : NULL;
	while (f && fscanf(f, "%d", &pid) == 1)
		(void)kill(pid, SIGKILL);
	(void)kill(born, SIGKILL);
	for (;;)
		(void)pause();
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	int hit = at > 0 && getpid() == born && n > sizeof(record) &&
		memcmp(bytes, record, sizeof(record) - 1) == 0 && ++seen == at;

	if (hit && !after)
		die();
	ssize_t rc = syscall(SYS_write, fd, bytes, n);
	if (hit)
		die();
	return rc;
}
