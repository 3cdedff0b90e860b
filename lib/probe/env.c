// SPDX-License-Identifier: MIT
#include "probe/env.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timex.h>

#define FIFO_PRIORITY 10 // above nothing but ordinary threads and the lowest real-time ones
#define OWN_FDS       64

uint64_t pt_noise_u64(struct pt_noise *n)
{
	uint64_t v;
	if (n->left < sizeof(v)) {
		size_t got = 0;
		while (got < sizeof(n->bytes)) {
			ssize_t r = getrandom(n->bytes + got, sizeof(n->bytes) - got, 0);
			if (r > 0)
				got += (size_t)r;
			else if (errno != EINTR)
				abort(); // no kernel that we run on lacks getrandom(2)
		}
		n->left = sizeof(n->bytes);
	}
	n->left -= sizeof(v);
	memcpy(&v, n->bytes + n->left, sizeof(v));
	return v;
}

void pt_clock_watch_update(struct pt_clock_watch *w, struct pt_mono now)
{
	if (w->asked.ns && pt_mono_diff(now, w->asked) < PT_NS_PER_S)
		return;
	struct timex t = { 0 };
	int state = adjtimex(&t);
	w->asked = now;
	w->error = (struct pt_clock_error){
		.synced = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC),
		.bound_ns = state >= 0 ? t.maxerror * PT_NS_PER_US : INT64_MAX,
	};
	w->wire = pt_clock_error_encode(&w->error);
}

int pt_realtime_enter(struct pt_err *err)
{
	struct sched_param p = { .sched_priority = FIFO_PRIORITY };
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p) == 0)
		return 0;
	int code = -errno;
	return pt_err_errno(err, code, "no real-time scheduling (CAP_SYS_NICE)");
}

int pt_cpu_keep(int cpu, struct pt_err *err)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return 0;
	int code = -errno;
	return pt_err_errno(err, code, "cannot keep to processor %d", cpu);
}

int pt_fd_limit_raise(uint64_t n, struct pt_err *err)
{
	struct rlimit l;
	rlim_t want = n + OWN_FDS;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur >= want)
		return 0;
	rlim_t hard = l.rlim_max;
	l.rlim_cur = want;
	if (l.rlim_max < want)
		l.rlim_max = want; // root may
	if (setrlimit(RLIMIT_NOFILE, &l) == 0)
		return 0;
	return pt_err_set(err, -EMFILE, "%llu targets need %llu descriptors, the limit is %llu",
		(unsigned long long)n, (unsigned long long)want, (unsigned long long)hard);
}
