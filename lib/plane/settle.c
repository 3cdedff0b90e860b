// SPDX-License-Identifier: MIT
#include "plane/settle.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

struct pt_settle {
	struct pt_meta *meta;
	pthread_t thread;
	bool over; // the thread is about to end
};

int pt_settle_wait(struct pt_err *err)
{
	const struct timespec long_enough = { .tv_nsec = 50 * PT_NS_PER_MS };
	bool alone = sysconf(_SC_NPROCESSORS_ONLN) == 1;

	// With one processor the kernel waits for nobody, which is right only where nothing
	// preempts a packet's program.
	if (!alone && !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return 0;
	if (!alone && errno != EINVAL && errno != ENOSYS && errno != EPERM)
		return pt_err_errno(err, -errno, "membarrier");
	// No such call with nohz_full, or behind a filter of system calls: a packet takes
	// microseconds, so this is ample.
	(void)nanosleep(&long_enough, NULL);
	return 0;
}

static uint32_t flips(const struct pt_meta *meta)
{
	return __atomic_load_n(&meta->flips, __ATOMIC_SEQ_CST);
}

static bool is_settled(const struct pt_meta *meta)
{
	return __atomic_load_n(&meta->settled, __ATOMIC_SEQ_CST) == flips(meta);
}

int pt_settle_spare(struct pt_plane *p, struct pt_err *err)
{
	uint32_t done = (flips(p->meta) + 1) & ~1u; // odd: its writer died in the act
	int ret = is_settled(p->meta) ? 0 : pt_settle_wait(err);

	if (ret)
		return ret;
	__atomic_store_n(&p->meta->flips, done, __ATOMIC_SEQ_CST);
	__atomic_store_n(&p->meta->settled, done, __ATOMIC_SEQ_CST);
	return 0;
}

// A barrier counts for what was flipped before it began, and for nothing while a flip is being
// made. Another one meanwhile needs another barrier.
static void *settle(void *ctx)
{
	struct pt_settle *s = ctx;
	uint32_t before;

	do {
		before = flips(s->meta);
		if (pt_settle_wait(NULL))
			break; // whoever comes next waits
		if (!(before & 1))
			__atomic_store_n(&s->meta->settled, before, __ATOMIC_SEQ_CST);
	} while (flips(s->meta) != before);
	__atomic_store_n(&s->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void start(struct pt_plane *p)
{
	sigset_t all, old;
	int ret;

	if (p->settle && !__atomic_load_n(&p->settle->over, __ATOMIC_ACQUIRE))
		return; // it sees this flip, too
	pt_settle_done(p);
	p->settle = calloc(1, sizeof(*p->settle));
	if (!p->settle)
		return;
	p->settle->meta = p->meta;
	// Signals are the caller's, who may have blocked none yet.
	sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(&p->settle->thread, NULL, settle, p->settle);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!ret)
		return;
	free(p->settle);
	p->settle = NULL;
}

void pt_settle_flip(struct pt_plane *p, uint32_t flip)
{
	uint32_t odd = flips(p->meta) | 1;

	__atomic_store_n(&p->meta->flips, odd, __ATOMIC_SEQ_CST);
	__atomic_store_n(&p->meta->bank, p->meta->bank ^ flip, __ATOMIC_SEQ_CST);
	__atomic_store_n(&p->meta->flips, odd + 1, __ATOMIC_SEQ_CST);
	start(p);
}

void pt_settle_done(struct pt_plane *p)
{
	if (p->settle)
		(void)pthread_join(p->settle->thread, NULL); // some milliseconds at most
	free(p->settle);
	p->settle = NULL;
}
