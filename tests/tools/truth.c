// SPDX-License-Identifier: MIT
// truth: when did each echo request leave by a device, and when did its answer come, as programs at
// tc egress and ingress saw it. A clock beside pt-probe's, of the very same packets.
//
//   truth DEVICE    prints "ready", and on SIGTERM a line for each answered request:
//                   SEQ LEFT CAME, in nanoseconds
#include "tests/tools/common/tool.h"

#include <net/if.h>
#include <signal.h>
#include <stdio.h>

#include "bench/truth.h"

const char *tool_name = "truth";

static void print_all(const struct pt_truth *t)
{
	for (unsigned seq = 0; seq <= UINT16_MAX; seq++) {
		uint64_t left, came;
		if (pt_truth_times(t, (uint16_t)seq, &left, &came))
			printf("%u %llu %llu\n", seq, (unsigned long long)left,
				(unsigned long long)came);
	}
}

int main(int argc, char **argv)
{
	struct pt_truth *t = NULL;
	struct pt_err err = { 0 };
	sigset_t end;
	int got;

	if (argc != 2)
		return tool_fail("usage", "truth DEVICE");
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	if (pt_truth_new(if_nametoindex(argv[1]), false, &t, &err))
		return tool_fail(argv[1], err.msg);
	puts("ready");
	fflush(stdout);
	sigwait(&end, &got);
	print_all(t);
	pt_truth_free(t);
	return 0;
}
