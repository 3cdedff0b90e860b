// SPDX-License-Identifier: MIT
#include "probe/kstamp.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define RX_FLAGS (SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)
#define ASKED_FLAGS \
	(SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY)
#define TX_FLAGS (ASKED_FLAGS | SOF_TIMESTAMPING_TX_SOFTWARE)

_Static_assert(PT_KSTAMP_ASK == SOF_TIMESTAMPING_TX_SOFTWARE, "linux/net_tstamp.h");

bool pt_kstamp_set(int fd, unsigned which)
{
	int flags = (which & PT_KSTAMP_RX ? RX_FLAGS : 0) | (which & PT_KSTAMP_TX ? TX_FLAGS : 0) |
		(which & PT_KSTAMP_ASKED ? ASKED_FLAGS : 0);
	return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)) == 0;
}

int64_t pt_kstamp_ns(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct scm_timestamping t;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING ||
			c->cmsg_len < CMSG_LEN(sizeof(t)))
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		return (int64_t)t.ts[0].tv_sec * PT_NS_PER_S + t.ts[0].tv_nsec;
	}
	return 0;
}
