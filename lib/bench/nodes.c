// SPDX-License-Identifier: MIT
#include "bench/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/netns.h"
#include "bench/proc.h"

#define IP_TIMEOUT_NS (20 * PT_NS_PER_S)

// Per namespace, so nothing outside is touched.
static const struct {
	const char *path, *value;
} sysctls[] = {
	{ .path = "/proc/sys/net/ipv4/conf/all/rp_filter", .value = "0" },
	{ .path = "/proc/sys/net/ipv4/conf/default/rp_filter", .value = "0" },
	{ .path = "/proc/sys/net/ipv4/conf/all/send_redirects", .value = "0" },
	{ .path = "/proc/sys/net/ipv4/conf/default/send_redirects", .value = "0" },
	{ .path = "/proc/sys/net/ipv4/ip_forward", .value = "1" },
	{ .path = "/proc/sys/net/ipv6/conf/all/forwarding", .value = "1" },
};

int pt_nodes_ip(const char *netns, const char *lines, struct pt_err *err)
{
	const char *const home[] = { "ip", "-batch", "-", NULL };
	const char *const inside[] = { "ip", "-n", netns, "-batch", "-", NULL };

	return pt_proc_run(netns ? inside : home, lines, IP_TIMEOUT_NS, err);
}

static int set_sysctls(void *ctx, struct pt_err *err)
{
	(void)ctx;
	for (size_t i = 0; i < PT_ARRAY_LEN(sysctls); i++) {
		pt_autofd fd = open(sysctls[i].path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, sysctls[i].value, 1) != 1)
			return pt_err_errno(err, -errno, "%s", sysctls[i].path);
	}
	return 0;
}

int pt_nodes_up(const char *const names[], size_t n, struct pt_nodes *out, struct pt_err *err)
{
	*out = PT_NODES_NONE;
	out->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (out->home < 0)
		return pt_err_errno(err, -errno, "/proc/thread-self/ns/net");
	for (unsigned i = 0; i < n && i < PT_NODES_MAX; i++) {
		char line[64];
		(void)snprintf(out->netns[i], sizeof(out->netns[i]), "pt-bench-%d-%s",
			(int)getpid(), names[i]);
		(void)snprintf(line, sizeof(line), "netns add %s\n", out->netns[i]);
		int code = pt_nodes_ip(NULL, line, err);
		if (code)
			return code;
		out->made++;
		code = pt_nodes_in(out, i, set_sysctls, NULL, err);
		if (code)
			return code;
	}
	return 0;
}

void pt_nodes_down(struct pt_nodes *n)
{
	while (n->made) {
		const char *const argv[] = { "ip", "netns", "del", n->netns[--n->made], NULL };
		(void)pt_proc_run(argv, NULL, IP_TIMEOUT_NS, NULL); // the next one all the same
	}
	if (n->home >= 0)
		close(n->home);
	n->home = -1;
}

int pt_nodes_in(const struct pt_nodes *n, unsigned node, int (*fn)(void *ctx, struct pt_err *),
	void *ctx, struct pt_err *err)
{
	int code = pt_netns_enter(n->netns[node], err);

	if (code)
		return code;
	code = fn(ctx, err);
	if (setns(n->home, CLONE_NEWNET))
		abort(); // nothing that follows may happen in the wrong place
	return code;
}
