// SPDX-License-Identifier: MIT
#include "plane/bank.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

// A packet reads the bank's number once, within one RCU read-side section. The barrier below is the
// kernel's synchronize_rcu: afterwards no packet holds a number from before it.
static int wait_for_packets(struct pt_err *err)
{
	const struct timespec long_enough = { .tv_nsec = 50 * PT_NS_PER_MS };

	if (!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return pt_err_errno(err, -errno, "membarrier");
	// No such call with nohz_full: a packet takes microseconds, so this is ample.
	(void)nanosleep(&long_enough, NULL);
	return 0;
}

static size_t groups(const struct pt_plane *p)
{
	return (size_t)p->meta->site_cap * PT_MAX_POLICY;
}

int pt_bank_begin(struct pt_plane *p, struct pt_bank *out, struct pt_err *err)
{
	uint32_t active = p->meta->bank & 1, spare = !active;
	int ret = wait_for_packets(err);

	if (ret)
		return ret;
	memcpy(p->group + spare * groups(p), p->group + active * groups(p),
		groups(p) * sizeof(*p->group));
	memcpy(&p->rule[spare], &p->rule[active], sizeof(*p->rule));
	*out = (struct pt_bank){ .plane = p, .spare = spare };
	return 0;
}

struct pt_rule *pt_bank_rule(const struct pt_bank *b)
{
	return &b->plane->rule[b->spare];
}

static struct pt_group *group_at(
	const struct pt_plane *p, uint32_t bank, uint32_t site, uint32_t policy)
{
	if (site >= p->meta->site_cap || policy >= PT_MAX_POLICY)
		return NULL;
	return p->group + bank * groups(p) + (size_t)site * PT_MAX_POLICY + policy;
}

struct pt_group *pt_bank_group(const struct pt_bank *b, uint32_t site, uint32_t policy)
{
	return group_at(b->plane, b->spare, site, policy);
}

void pt_bank_commit(struct pt_bank *b)
{
	__atomic_store_n(&b->plane->meta->bank, b->spare, __ATOMIC_RELEASE);
}

const struct pt_group *pt_group_active(const struct pt_plane *p, uint32_t site, uint32_t policy)
{
	return group_at(p, __atomic_load_n(&p->meta->bank, __ATOMIC_ACQUIRE) & 1, site, policy);
}
