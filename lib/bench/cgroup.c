// SPDX-License-Identifier: MIT
#include "bench/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#define LEAVE_NS (5 * PT_NS_PER_S)

static int find_mount(char *out, size_t len)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent entry;
	char buf[PATH_MAX];
	int code = -ENOENT;

	while (mounts && code && getmntent_r(mounts, &entry, buf, sizeof(buf))) {
		if (strcmp(entry.mnt_type, "cgroup2") != 0)
			continue;
		(void)snprintf(out, len, "%s", entry.mnt_dir);
		code = 0;
	}
	if (mounts)
		(void)endmntent(mounts);
	return code;
}

// "0::/path" is where version 2 has us.
static int find_home(char *out, size_t len)
{
	pt_autofile FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX / 2];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(out, len, "%s", line[4] ? line + 3 : "");
		return 0;
	}
	return -ENOENT;
}

int pt_cgroup_open(struct pt_cgroup *g, struct pt_err *err)
{
	char mount[PATH_MAX / 4], home[PATH_MAX / 2];

	*g = (struct pt_cgroup){ 0 };
	if (find_mount(mount, sizeof(mount)) || find_home(home, sizeof(home)))
		return pt_err_set(err, -ENOENT, "no control groups of version 2 here");
	(void)snprintf(g->home, sizeof(g->home), "%s%s", mount, home);
	(void)snprintf(g->dir, sizeof(g->dir), "%s%s/pt-bench-%d", mount, home, getpid());
	if (mkdir(g->dir, 0755) == 0)
		return 0;
	int code = -errno;
	g->dir[0] = '\0';
	return pt_err_errno(err, code, "control group");
}

// A process that has been waited for leaves its group a moment later, on a busy machine a long one.
void pt_cgroup_close(struct pt_cgroup *g)
{
	const struct timespec nap = { .tv_nsec = 10 * PT_NS_PER_MS };
	struct pt_mono end = pt_mono_add(pt_mono_now(), LEAVE_NS);

	while (g->dir[0] && rmdir(g->dir) && errno == EBUSY && pt_mono_diff(end, pt_mono_now()) > 0)
		(void)nanosleep(&nap, NULL);
	g->dir[0] = '\0';
}

static int move_to(const char *dir, struct pt_err *err)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	pt_autofd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "0", 1) == 1)
		return 0;
	int code = -errno;
	return pt_err_errno(err, code, "%s", path);
}

int pt_cgroup_enter(const struct pt_cgroup *g, struct pt_err *err)
{
	return move_to(g->dir, err);
}

int pt_cgroup_leave(const struct pt_cgroup *g, struct pt_err *err)
{
	return move_to(g->home, err);
}

// The numbers behind a word in the first line of a file that begins with it. How many, at most n.
static int read_numbers(const char *path, const char *word, uint64_t *out, int n)
{
	char text[512] = "", *rest = text, *token;
	int got = 0;
	pt_autofile FILE *f = fopen(path, "re");

	while (f && fgets(text, sizeof(text), f) && strncmp(text, word, strlen(word)) != 0)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)strsep(&rest, " ");
	while (got < n && (token = strsep(&rest, " ")))
		if (*token && pt_parse_u64(token, 0, INT64_MAX, &out[got++]))
			return 0;
	return got;
}

int pt_cgroup_usage_us(const struct pt_cgroup *g, int64_t *out, struct pt_err *err)
{
	char path[PATH_MAX + 16];
	uint64_t usage_us;

	(void)snprintf(path, sizeof(path), "%s/cpu.stat", g->dir);
	if (read_numbers(path, "usage_usec ", &usage_us, 1) != 1)
		return pt_err_set(err, -EIO, "%s: no usage_usec", path);
	*out = (int64_t)usage_us;
	return 0;
}

int pt_machine_busy_us(int64_t *out, struct pt_err *err)
{
	uint64_t t[7]; // user, nice, system, idle, iowait, irq, softirq

	if (read_numbers("/proc/stat", "cpu ", t, PT_ARRAY_LEN(t)) != PT_ARRAY_LEN(t))
		return pt_err_set(err, -EIO, "/proc/stat: not as expected");
	uint64_t ticks = t[0] + t[1] + t[2] + t[5] + t[6];
	*out = (int64_t)ticks * (PT_NS_PER_S / PT_NS_PER_US) / sysconf(_SC_CLK_TCK);
	return 0;
}
