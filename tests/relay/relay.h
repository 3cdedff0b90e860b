// SPDX-License-Identifier: MIT
// The parts of tests/tools/relay: lanes decide the fate of packets, ports move them, control
// answers `relay set|get|reset`. One thread; nothing here is locked.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/tools/common/tool.h"

#define MILLION 1000000u

enum {
	MAX_WANS = 16,
	MAX_CLIENTS = 8,
	MAX_REQUEST = 4096,
	RING = 65536, // packets a lane can hold, a power of two
	BATCH = 64,   // packets per system call
	SMALL = 2048, // buffers for everything but super-packets, kept for reuse
	BIG = 66000,  // a super-packet with its headers
	POOL = 65536, // small buffers kept
	SOCKET_BUFFER = 64 << 20,
	FIFO_PRIORITY = 40,
};

// name, most, what it does
#define SETTINGS(X)                                                                        \
	X(delay_us, 10000000, "added to every packet")                                     \
	X(jitter_us, 10000000, "uniform, plus or minus, order kept")                       \
	X(reorder_ppm, MILLION, "share that skips the delay and so overtakes")             \
	X(duplicate_ppm, MILLION, "share sent twice")                                      \
	X(loss_ppm, MILLION, "share lost at random")                                       \
	X(burst_enter_ppm, MILLION, "Gilbert-Elliott: good to bad, per packet")            \
	X(burst_leave_ppm, MILLION, "Gilbert-Elliott: bad (all lost) to good, per packet") \
	X(rate_kbps, 100000000, "bottleneck, 0 = none")                                    \
	X(limit_bytes, 1u << 30, "queue before the bottleneck, 0 = no limit")              \
	X(limit_packets, RING, "packets held, 0 = as many as fit")                         \
	X(blackhole, 1, "swallow everything, carrier stays")

#define COUNTERS(X)       \
	X(rx)             \
	X(tx)             \
	X(held)           \
	X(lost_random)    \
	X(lost_burst)     \
	X(lost_blackhole) \
	X(lost_queue)     \
	X(lost_send)      \
	X(lost_receive)   \
	X(duplicated)     \
	X(reordered)      \
	X(late_max_us)    \
	X(changed_ns)

struct settings {
#define X(name, most, doc) uint32_t name;
	SETTINGS(X)
#undef X
};

struct counters {
#define X(name) uint64_t name;
	COUNTERS(X)
#undef X
};

struct packet {
	uint64_t due_ns;
	uint32_t len; // with the virtio header
	uint8_t *data;
};

struct port {
	char ifname[IFNAMSIZ];
	unsigned ifindex;
	int fd;
	bool ready; // the last poll saw something to read
};

struct lane {
	struct port *in, *out;
	struct settings set;
	struct counters count;
	struct packet *ring; // ordered by due_ns, from head to tail
	uint32_t head, tail;
	uint64_t last_due_ns;
	uint64_t line_free_ns; // when the bottleneck has sent all it holds
	uint64_t seed, number;
	bool bad; // Gilbert-Elliott state
};

struct wan {
	char name[16];
	struct port port[2];
	struct lane lane[2];
};

struct pool {
	void *free[POOL];
	unsigned count;
};

struct batch {
	uint8_t data[BATCH][BIG];
	char control[BATCH][64];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH];
};

struct relay {
	struct wan wan[MAX_WANS];
	unsigned wans;
	uint64_t seed;
	int64_t real_minus_mono_ns;
	uint64_t offset_read_ns;
	int control_fd, link_fd, signal_fd;
	int client[MAX_CLIENTS];
	struct pool pool;
	struct batch rx;
	struct mmsghdr tx_msg[BATCH];
	struct iovec tx_iov[BATCH];
};

// lane.c
uint64_t lane_seed(uint64_t seed, unsigned number);
uint32_t lane_held(const struct lane *l);
void lane_take_in(struct pool *p, struct lane *l, const struct iovec *frame, uint64_t stamp_ns);
void lane_reset(struct lane *l); // counters and chance start again, held packets stay
void lane_free(struct pool *p, struct lane *l);
void pool_put(struct pool *p, void *data, uint32_t len);
void pool_free(struct pool *p);

// port.c
int port_open(struct port *p); // on whatever device now has its name; 0 or -errno
void port_follow_links(struct relay *r);
void port_receive(struct relay *r, struct lane *l);
void port_send_due(struct relay *r, struct lane *l);
void port_count_overruns(struct lane *l);
void port_init_batches(struct relay *r);

// control.c
int control_open(struct relay *r, const char *path);
void control_accept(struct relay *r);
void control_serve(struct relay *r, int *client);
int control_ask(int words, char **word); // the client: VERB SOCKET TARGET [KEY=NUMBER...]
void control_list_settings(FILE *to);
