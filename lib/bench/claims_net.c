// SPDX-License-Identifier: MIT
// Offloads, receive steering and buffers, on devices and sockets of a lane: nothing of the host is
// touched.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/claims_parts.h"
#include "bench/lane.h"
#include "bench/tcp.h"
#include "net/ethtool.h"
#include "tune/host.h"

#define BURST      20000
#define BURST_SIZE 200
#define BURST_PORT 5999
#define ASKED      (64 << 20)
#define LONGEST_NS (20 * PT_NS_PER_S)

enum { PLAIN, NO_OFFLOADS, RPS, BUFFERS, UDP_DEFAULT, UDP_ASKS, SIDES };
static const struct pt_turns_metric metrics[] = {
	{ PT_CLAIM_METRIC("offloads", "bit/s", "One TCP connection through a router"), PLAIN,
		NO_OFFLOADS },
	{ PT_CLAIM_METRIC("rps", "bit/s", "One TCP connection through a router"), RPS, PLAIN },
	{ PT_CLAIM_METRIC("tcp_buffers", "bit/s", "One TCP connection through a router"), BUFFERS,
		PLAIN },
	{ PT_CLAIM_METRIC(
		  "rmem_max_asked", "packets", "Of 20000 that come while the program is busy"),
		UDP_ASKS, UDP_DEFAULT },
};
static const struct pt_claim claims[] = {
	{ "ethtool -K tso gso gro sg tx rx on (10-30% improvement)", 1100000, 1300000 },
	{ "RPS: echo fff > rps_cpus (use all CPUs)", 0, 0 },
	{ "tcp_rmem, tcp_wmem 128 MB", 0, 0 },
	{ "net.core.rmem_max (reduce packet loss), and a program that asks for it", 0, 0 },
};

struct net {
	struct pt_lane lane;
	int64_t turn_ns;
	long cpus;
};

static int write_file(const char *path, const char *text, struct pt_err *err)
{
	pt_autofd fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text)
		? 0
		: pt_err_errno(err, -errno, "%s", path);
}

// What a side wants of a node; the same function puts the defaults back.
struct want {
	bool offloads, rps, buffers;
	unsigned cpus;
	const char *devices[2];
};

static int set_offloads(const struct want *w, struct pt_err *err)
{
	// Back to front when they go on: each needs the one behind it.
	static const char *const bits[] = { "rx-gro", "tx-generic-segmentation",
		"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-scatter-gather",
		"tx-checksum-ip-generic" };
	struct pt_ethtool_socket *s = NULL;
	int rc = pt_ethtool_open(&s, err);

	for (int d = 0; d < 2 && rc == 0 && w->devices[d]; d++) {
		for (size_t i = 0; i < PT_ARRAY_LEN(bits) && rc == 0; i++) {
			size_t at = w->offloads ? PT_ARRAY_LEN(bits) - 1 - i : i;
			rc = pt_ethtool_set_feature(s, w->devices[d], bits[at], w->offloads, err);
		}
	}
	pt_ethtool_close(s);
	return rc;
}

static int set_rps(const struct want *w, struct pt_err *err)
{
	struct pt_host h = PT_HOST_NONE;
	char path[96], mask[32];
	int rc = pt_host_open(NULL, &h, err);

	(void)snprintf(mask, sizeof(mask), "%x", w->rps ? (1u << w->cpus) - 1 : 0);
	for (int d = 0; d < 2 && rc == 0 && w->devices[d]; d++) {
		(void)snprintf(
			path, sizeof(path), "sys/class/net/%s/queues/rx-0/rps_cpus", w->devices[d]);
		rc = pt_host_write(&h, path, mask);
		if (rc < 0)
			rc = pt_err_errno(err, rc, "%s", path);
	}
	pt_host_close(&h);
	return rc;
}

static int set_node(void *ctx, struct pt_err *err)
{
	const struct want *w = ctx;
	int rc = set_offloads(w, err);

	if (rc == 0)
		rc = set_rps(w, err);
	if (rc == 0)
		rc = write_file("/proc/sys/net/ipv4/tcp_rmem",
			w->buffers ? "4096 87380 134217728" : "4096 131072 6291456", err);
	if (rc == 0)
		rc = write_file("/proc/sys/net/ipv4/tcp_wmem",
			w->buffers ? "4096 65536 134217728" : "4096 16384 4194304", err);
	return rc;
}

static int set_all(const struct net *n, unsigned side, struct pt_err *err)
{
	static const char *const devices[PT_LANE_NODES][2] = { { "out0" }, { "lan0", "wan0" },
		{ "in0" } };
	struct want w = { .offloads = side != NO_OFFLOADS,
		.rps = side == RPS,
		.buffers = side == BUFFERS,
		.cpus = n->cpus < 31 ? (unsigned)n->cpus : 31 };
	int rc = 0;

	for (unsigned i = 0; i < PT_LANE_NODES && rc == 0; i++) {
		memcpy(w.devices, devices[i], sizeof(w.devices));
		rc = pt_nodes_in(&n->lane.nodes, i, set_node, &w, err);
	}
	return rc;
}

struct burst {
	int fd;
	bool asks;
};

static int open_receiver(void *ctx, struct pt_err *err)
{
	struct burst *b = ctx;
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(BURST_PORT) };
	const int asked = ASKED;

	b->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	// What SO_RCVBUF would give where rmem_max is as large.
	if (b->fd < 0 ||
		(b->asks && setsockopt(b->fd, SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof(asked))) ||
		bind(b->fd, (const struct sockaddr *)&at, sizeof(at)))
		return pt_err_errno(err, -errno, "UDP receiver");
	return 0;
}

static int send_burst(void *ctx, struct pt_err *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(BURST_PORT) };
	static const char body[BURST_SIZE];
	pt_autofd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)ctx;
	(void)inet_pton(AF_INET, PT_LANE_RECEIVER, &to.sin_addr); // a constant of ours
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return pt_err_errno(err, -errno, "UDP sender");
	for (int i = 0; i < BURST; i++)
		(void)send(fd, body, sizeof(body), 0); // what does not go is lost, too
	return 0;
}

static int udp(const struct net *n, bool asks, int64_t *value, struct pt_err *err)
{
	struct burst b = { .fd = -1, .asks = asks };
	const struct timespec settle = { .tv_nsec = 20000000 }; // for other CPUs' backlogs
	char body[BURST_SIZE];
	int rc = pt_nodes_in(&n->lane.nodes, PT_LANE_TO, open_receiver, &b, err);

	if (rc == 0)
		rc = pt_nodes_in(&n->lane.nodes, PT_LANE_FROM, send_burst, NULL, err);
	(void)nanosleep(&settle, NULL);
	*value = 0;
	while (rc == 0 && recv(b.fd, body, sizeof(body), 0) >= 0)
		(*value)++;
	if (b.fd >= 0)
		pt_cleanup_fd(&b.fd);
	return rc == 0 && !*value ? pt_err_set(err, -EPROTO, "UDP: nothing arrived") : rc;
}

// On a busy machine a short turn may pass before anything has arrived: it gets a longer one.
static int tcp(const struct net *n, int64_t *value, struct pt_err *err)
{
	int rc = -EPROTO;

	for (int64_t ns = n->turn_ns; rc == -EPROTO && (ns == n->turn_ns || ns <= LONGEST_NS);
		ns *= 4)
		rc = pt_tcp_run(&n->lane, ns, value, err);
	return rc;
}

static int once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	const struct net *n = ctx;
	int rc = set_all(n, side, err);

	if (rc < 0)
		return rc;
	return side >= UDP_DEFAULT ? udp(n, side == UDP_ASKS, value, err) : tcp(n, value, err);
}

int pt_claims_net(const struct pt_claims_opts *o, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err)
{
	struct net net = { .turn_ns = o->turn_ns, .cpus = sysconf(_SC_NPROCESSORS_ONLN) };
	struct pt_turns_side sides[SIDES] = { [PLAIN] = { .name = "offloads, no RPS" },
		[NO_OFFLOADS] = { .name = "no offloads" },
		[RPS] = { .name = "RPS on all CPUs" },
		[BUFFERS] = { .name = "128 MB of buffers" },
		[UDP_DEFAULT] = { .name = "a socket as it is" },
		[UDP_ASKS] = { .name = "one that asks for 64 MB" } };
	const struct pt_claims_group g = { .claims = claims,
		.turns = { .workload = "claims",
			.sides = sides,
			.n_sides = SIDES,
			.metrics = metrics,
			.n_metrics = PT_ARRAY_LEN(metrics),
			.rounds = o->rounds,
			.once = once,
			.ctx = &net,
			.progress = o->progress } };

	if (net.cpus < 2)
		sides[RPS].skipped = "there is one CPU";
	int rc = pt_lane_up(&net.lane, err);
	if (rc < 0)
		return rc;
	rc = pt_claims_play(&g, out, n, err);
	pt_lane_down(&net.lane);
	return rc;
}
