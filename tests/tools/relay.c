// SPDX-License-Identifier: MIT
// relay: the WANs between two edges, in user space, where the kernel has no netem.
//
// One process joins pairs of Ethernet devices (a, b) of one network namespace. Each direction of
// each pair is a lane: it delays, loses, reorders, duplicates, shapes or swallows what passes, by
// settings that `relay set` changes while it runs. Frames keep their virtio header, so GSO
// super-packets and unfinished checksums cross as they are (one loss then takes a whole
// super-packet). Delay counts from the kernel's receive stamp, not from when we woke up.
//
// Chance is a pure function of (seed, wan, direction, number of the packet): the same packets
// through the same seed meet the same fate. VLAN tags held outside the frame are not carried.
#include "tests/relay/relay.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

static void pump(struct relay *r)
{
	for (unsigned i = 0; i < r->wans; i++)
		for (int d = 0; d < 2; d++)
			port_receive(r, &r->wan[i].lane[d]);
	for (unsigned i = 0; i < r->wans; i++)
		for (int d = 0; d < 2; d++)
			port_send_due(r, &r->wan[i].lane[d]);
}

static uint64_t next_due_ns(const struct relay *r)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < r->wans; i++)
		for (int d = 0; d < 2; d++) {
			const struct lane *l = &r->wan[i].lane[d];

			if (lane_held(l) && l->ring[l->head % RING].due_ns < due)
				due = l->ring[l->head % RING].due_ns;
		}
	return due;
}

// Sleep until a packet, a request, a link change, a signal, or the next due time.
static bool wait_and_serve(struct relay *r)
{
	struct pollfd fds[3 + MAX_CLIENTS + 2 * MAX_WANS];
	struct timespec left = { 1, 0 };
	uint64_t due = next_due_ns(r), now_ns = tool_clock_ns(CLOCK_MONOTONIC);
	nfds_t n = 0;

	if (now_ns - r->offset_read_ns > NS_PER_SEC) {
		r->real_minus_mono_ns = (int64_t)(tool_clock_ns(CLOCK_REALTIME) - now_ns);
		r->offset_read_ns = now_ns;
	}
	fds[n++] = (struct pollfd){ .fd = r->signal_fd, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = r->control_fd, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = r->link_fd, .events = POLLIN };
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		fds[n++] = (struct pollfd){ .fd = r->client[i], .events = POLLIN };
	for (unsigned i = 0; i < r->wans; i++)
		for (int d = 0; d < 2; d++)
			fds[n++] = (struct pollfd){ .fd = r->wan[i].port[d].fd, .events = POLLIN };
	if (due <= now_ns)
		left = (struct timespec){ 0, 0 };
	else if (due - now_ns < NS_PER_SEC)
		left = (struct timespec){ 0, (long)(due - now_ns) };
	if (ppoll(fds, n, &left, NULL) <= 0)
		return true;
	if (fds[1].revents)
		control_accept(r);
	if (fds[2].revents)
		port_follow_links(r);
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		if (r->client[i] >= 0 && fds[3 + i].revents)
			control_serve(r, &r->client[i]);
	for (unsigned i = 0; i < 2 * r->wans; i++)
		r->wan[i / 2].port[i % 2].ready = fds[3 + MAX_CLIENTS + i].revents != 0;
	return !fds[0].revents;
}

// ---- starting ----

// NAME=ifA:ifB
static int wan_add(struct relay *r, const char *text)
{
	struct wan *w = &r->wan[r->wans];
	int used = -1;

	if (r->wans == MAX_WANS)
		return tool_fail(text, "too many WANs");
	if (sscanf(text, "%15[^=:]=%15[^=:]:%15[^=:]%n", w->name, w->port[0].ifname,
		    w->port[1].ifname, &used) != 3 ||
		text[used])
		return tool_fail(text, "want NAME=DEVICE:DEVICE");
	for (unsigned d = 0; d < 2; d++) {
		struct lane *l = &w->lane[d];

		w->port[d].fd = -1;
		l->in = &w->port[d];
		l->out = &w->port[!d];
		l->seed = lane_seed(r->seed, r->wans * 2 + d);
		l->ring = calloc(RING, sizeof(*l->ring));
		if (!l->ring)
			return tool_fail(text, "out of memory");
	}
	r->wans++;
	return 0;
}

static int open_ports(struct relay *r)
{
	for (unsigned i = 0; i < 2 * r->wans; i++) {
		struct port *p = &r->wan[i / 2].port[i % 2];
		int err = port_open(p);

		if (err)
			return tool_fail(p->ifname, strerror(-err));
	}
	return 0;
}

static int open_link_watch(struct relay *r)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	r->link_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (r->link_fd < 0 || bind(r->link_fd, (struct sockaddr *)&at, sizeof(at)))
		return tool_fail("netlink", strerror(errno));
	return 0;
}

static int serve(struct relay *r, const char *control)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	r->signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return tool_fail("signalfd", strerror(errno));
	port_init_batches(r);
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		r->client[i] = -1;
	if (open_link_watch(r) || open_ports(r) || control_open(r, control))
		return 2;
	(void)mlockall(MCL_CURRENT | MCL_FUTURE); // worse timing where it is refused, still right
	tool_go_realtime(FIFO_PRIORITY);
	while (wait_and_serve(r))
		pump(r);
	(void)unlink(control);
	return 0;
}

static void relay_free(struct relay *r)
{
	for (unsigned i = 0; i < 2 * r->wans; i++) {
		struct wan *w = &r->wan[i / 2];

		lane_free(&r->pool, &w->lane[i % 2]);
		if (w->port[i % 2].fd >= 0)
			close(w->port[i % 2].fd);
	}
	pool_free(&r->pool);
	free(r);
}

static void usage(FILE *to)
{
	fputs("usage: relay --netns NAME --control SOCKET [--seed N] [--with-parent] "
	      "WAN=DEV_A:DEV_B...\n"
	      "       relay set|get|reset SOCKET WAN|WAN:ab|WAN:ba|all [KEY=NUMBER...]\n"
	      "settings:\n",
		to);
	control_list_settings(to);
}

const char *tool_name = "relay";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "netns", required_argument, NULL, 'n' },
		{ "control", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "with-parent", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *netns = NULL, *control = NULL;
	struct relay *r;
	int c, err;

	if (argc > 3 &&
		(!strcmp(argv[1], "set") || !strcmp(argv[1], "get") || !strcmp(argv[1], "reset")))
		return control_ask(argc - 1, argv + 1);
	r = calloc(1, sizeof(*r));
	if (!r)
		return tool_fail("start", "out of memory");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c == 'n')
			netns = optarg;
		else if (c == 'c')
			control = optarg;
		else if (c == 'p')
			(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		else if (c != 's' || !tool_parse_u64(optarg, UINT64_MAX, &r->seed))
			return c == 's' ? tool_fail(optarg, "not a seed") : 64;
	}
	if (!netns || !control || optind == argc) {
		usage(stderr);
		return 64;
	}
	for (; optind < argc; optind++)
		if (wan_add(r, argv[optind]))
			return 2;
	err = tool_enter_netns(netns);
	if (err)
		return tool_fail(netns, strerror(-err));
	err = serve(r, control);
	relay_free(r);
	return err;
}
