// SPDX-License-Identifier: MIT
#include "tests/tools/common/tool.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>

int tool_fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", tool_name, what, why);
	return 2;
}

uint64_t tool_clock_ns(int clock_id)
{
	struct timespec t;

	clock_gettime(clock_id, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

bool tool_parse_u64(const char *text, uint64_t most, uint64_t *out)
{
	return !pt_parse_u64(text, 0, most, out);
}

int tool_enter_netns(const char *name)
{
	char path[256];
	int fd, err = 0;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET))
		err = -errno;
	close(fd);
	return err;
}

void tool_go_realtime(int priority)
{
	struct sched_param fifo = { .sched_priority = priority };

	(void)prctl(PR_SET_TIMERSLACK, 1ul);
	if (sched_setscheduler(0, SCHED_FIFO, &fifo))
		fprintf(stderr, "%s: no SCHED_FIFO here (%s): times will be less exact\n",
			tool_name, strerror(errno));
}
