// SPDX-License-Identifier: MIT
#include "bench/blast.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/proc.h"
#include "bench/rig.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/blast.skel.h"
#pragma GCC diagnostic pop

// linux/bpf.h of Debian 12 has it, older ones do not.
#define LIVE_FRAMES (1U << 1)
#define LIVE_REPEAT (1 << 26) // setting up takes 25 ms, so once has to do for a turn
#define LIVE_BATCH  64
#define BURST       64
#define CPUS        512
#define START_NS    (2 * PT_NS_PER_S)
#define WARM_NS     (10 * PT_NS_PER_MS)
#define PORT_OUT    0
#define PORT_WAN    1

struct pt_blast {
	const struct pt_lane *lane;
	struct blast_bpf *skel;
	uint8_t frame[PT_FLOWS_FRAME6];
	int sink;   // link of the sink program, -1
	int socket; // where there are no live frames, -1
	const struct pt_flow_row *rows;
	uint32_t next, mask;
	pid_t child; // the generator; 0 none
	bool first;  // before all ordinary work: its rate is measured
};

static int live(const struct pt_blast *b, uint32_t frames)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = b->frame, .data_size_in = PT_FLOWS_FRAME,
		.repeat = (int)frames, .flags = LIVE_FRAMES, .batch_size = LIVE_BATCH);

	return bpf_prog_test_run_opts(bpf_program__fd(b->skel->progs.blast), &opts);
}

// ---- packet sockets ----

static int open_socket(void *ctx, struct pt_err *err)
{
	struct pt_blast *b = ctx;
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)b->lane->out.ifindex,
	};
	int yes = 1;
	pt_autofd fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); // receives nothing

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes)) ||
		bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return pt_err_errno(err, -errno, "packet socket");
	b->socket = pt_take_fd(&fd);
	return 0;
}

static void write_frame(const struct pt_blast *b, uint32_t i, uint8_t frame[PT_FLOWS_FRAME])
{
	const struct pt_flow_row *row = &b->rows[i & b->mask];
	uint8_t *ip = frame + ETH_HLEN, *udp = ip + sizeof(struct iphdr);

	memcpy(frame, b->frame, PT_FLOWS_FRAME);
	memcpy(ip + offsetof(struct iphdr, check), &row->check, 2);
	memcpy(ip + offsetof(struct iphdr, saddr), row->src, 4);
	memcpy(ip + offsetof(struct iphdr, daddr), row->dst, 4);
	memcpy(udp, &row->sport, 2);
	memcpy(udp + 2, &row->dport, 2);
}

static int burst(struct pt_blast *b)
{
	uint8_t frame[BURST][PT_FLOWS_FRAME];
	struct mmsghdr msg[BURST] = { 0 };
	struct iovec iov[BURST];

	for (int i = 0; i < BURST; i++) {
		write_frame(b, b->next++, frame[i]);
		iov[i] = (struct iovec){ frame[i], PT_FLOWS_FRAME };
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(b->socket, msg, BURST, 0) < 0 && errno != ENOBUFS ? -errno : 0;
}

// ---- a turn ----

uint64_t pt_blast_sunk(const struct pt_blast *b)
{
	uint64_t value[CPUS] = { 0 }, sum = 0;
	uint32_t key = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.blast_sunk), &key, value))
		return 0;
	for (int i = 0; i < CPUS; i++)
		sum += value[i];
	return sum;
}

// The generator's process, until it is killed: one long test run ends by no other means.
static void generate(struct pt_blast *b, pid_t parent) __attribute__((noreturn));
static void generate(struct pt_blast *b, pid_t parent)
{
	int ret = prctl(PR_SET_PDEATHSIG, SIGKILL);

	pt_proc_pin(); // generator, router and sink work one after the other
	if (b->first)
		pt_proc_first();
	while (!ret && getppid() == parent)
		ret = b->socket < 0 ? live(b, LIVE_REPEAT) : burst(b);
	_exit(1);
}

struct flowing {
	const struct pt_blast *b;
	uint64_t sunk;
};

static bool flows(const void *ctx)
{
	const struct flowing *f = ctx;

	return pt_blast_sunk(f->b) > f->sunk;
}

int pt_blast_start(struct pt_blast *b, struct pt_err *err)
{
	struct flowing f = { b, pt_blast_sunk(b) };
	const struct pt_rig_wait wait = { flows, &f, START_NS, "no packet arrives" };
	pid_t parent = getpid();
	int ret;

	b->child = fork();
	if (b->child < 0)
		return pt_err_errno(err, -errno, "generator");
	if (!b->child)
		generate(b, parent);
	ret = pt_rig_wait(&wait, err);
	if (ret)
		pt_blast_stop(b);
	return ret;
}

void pt_blast_stop(struct pt_blast *b)
{
	if (b->child <= 0)
		return;
	(void)kill(b->child, SIGKILL);
	while (waitpid(b->child, NULL, 0) < 0 && errno == EINTR)
		;
	b->child = 0;
}

int pt_blast_run(struct pt_blast *b, int64_t ns, int64_t *rate, struct pt_err *err)
{
	uint64_t sunk;
	int64_t start;
	int ret;

	b->first = true;
	ret = pt_blast_start(b, err);
	b->first = false;
	if (!ret)
		ret = pt_rig_nap(WARM_NS, err);
	sunk = pt_blast_sunk(b);
	start = pt_mono_now().ns;
	if (!ret)
		ret = pt_rig_nap(ns, err);
	*rate = (int64_t)((double)(pt_blast_sunk(b) - sunk) * 1e9 /
		(double)(pt_mono_now().ns - start + 1));
	pt_blast_stop(b);
	return ret;
}

// ---- setting up ----

static int put_port(struct pt_blast *b, uint32_t port, uint32_t ifindex, struct pt_err *err)
{
	struct bpf_devmap_val val = { .ifindex = ifindex };
	int ret = bpf_map_update_elem(bpf_map__fd(b->skel->maps.blast_port), &port, &val, BPF_ANY);

	return ret ? pt_err_errno(err, ret, "port %u", port) : 0;
}

static int put_out(void *ctx, struct pt_err *err)
{
	struct pt_blast *b = ctx;

	return put_port(b, PORT_OUT, b->lane->out.ifindex, err);
}

static int put_wan(void *ctx, struct pt_err *err)
{
	struct pt_blast *b = ctx;

	return put_port(b, PORT_WAN, b->lane->wan.ifindex, err);
}

static int attach_sink(void *ctx, struct pt_err *err)
{
	struct pt_blast *b = ctx;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);

	b->sink = bpf_link_create(
		bpf_program__fd(b->skel->progs.sink), (int)b->lane->in.ifindex, BPF_XDP, &opts);
	return b->sink < 0 ? pt_err_errno(err, b->sink, "%s: counting", b->lane->in.name) : 0;
}

int pt_blast_sink(struct pt_blast *b, bool on, struct pt_err *err)
{
	if (on == (b->sink >= 0))
		return 0;
	if (on)
		return pt_nodes_in(&b->lane->nodes, PT_LANE_TO, attach_sink, b, err);
	(void)close(b->sink); // the link goes with it
	b->sink = -1;
	return 0;
}

static int map_rows(struct pt_blast *b, struct pt_err *err)
{
	void *rows = mmap(NULL, PT_FLOWS * sizeof(*b->rows), PROT_READ, MAP_SHARED,
		bpf_map__fd(b->skel->maps.blast_rows), 0);

	if (rows == MAP_FAILED)
		return pt_err_errno(err, -errno, "flows");
	b->rows = rows;
	return 0;
}

static int set_up(struct pt_blast *b, const struct pt_fleet *f, unsigned flows, struct pt_err *err)
{
	const struct pt_lane *l = b->lane;
	int ret;

	b->skel = blast_bpf__open_and_load();
	if (!b->skel)
		return pt_err_errno(err, errno ? -errno : -EINVAL, "loading the generator");
	b->mask = b->skel->bss->flow_mask = flows - 1;
	memcpy((void *)b->skel->bss->lan_mac, l->lan_mac, sizeof(l->lan_mac));
	memcpy((void *)b->skel->bss->wan_mac, l->wan_mac, sizeof(l->wan_mac));
	b->skel->bss->wan_ifindex = l->wan.ifindex;
	b->skel->bss->wan_via = inet_addr(PT_LANE_VIA);
	pt_flows_frame(AF_INET, b->frame);
	memcpy(b->frame, l->lan_mac, sizeof(l->lan_mac));
	ret = pt_flows_fill(f, AF_INET, bpf_map__fd(b->skel->maps.blast_rows), err);
	if (!ret)
		ret = map_rows(b, err);
	if (!ret)
		ret = pt_nodes_in(&l->nodes, PT_LANE_FROM, put_out, b, err);
	if (!ret)
		ret = pt_nodes_in(&l->nodes, PT_LANE_ROUTER, put_wan, b, err);
	if (!ret && live(b, 1))
		ret = pt_nodes_in(&l->nodes, PT_LANE_FROM, open_socket, b, err);
	return ret;
}

int pt_blast_new(const struct pt_lane *l, const struct pt_fleet *f, unsigned flows,
	struct pt_blast **out, struct pt_err *err)
{
	struct pt_blast *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return pt_err_errno(err, -ENOMEM, "generator");
	*b = (struct pt_blast){ .lane = l, .sink = -1, .socket = -1 };
	ret = set_up(b, f, flows, err);
	if (ret)
		pt_blast_free(b);
	else
		*out = b;
	return ret;
}

void pt_blast_free(struct pt_blast *b)
{
	if (!b)
		return;
	pt_blast_stop(b);
	if (b->sink >= 0)
		(void)close(b->sink);
	if (b->socket >= 0)
		(void)close(b->socket);
	if (b->rows)
		(void)munmap((void *)(uintptr_t)b->rows, PT_FLOWS * sizeof(*b->rows));
	blast_bpf__destroy(b->skel);
	free(b);
}

bool pt_blast_is_live(const struct pt_blast *b)
{
	return b->socket < 0;
}

int pt_blast_bare_tc(const struct pt_blast *b)
{
	return bpf_program__fd(b->skel->progs.bare_tc);
}

int pt_blast_bare_neigh(const struct pt_blast *b)
{
	return bpf_program__fd(b->skel->progs.bare_neigh);
}

int pt_blast_bare_xdp(const struct pt_blast *b)
{
	return bpf_program__fd(b->skel->progs.bare_xdp);
}
