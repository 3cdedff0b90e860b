// SPDX-License-Identifier: MIT
// One stream of probes to one target: STAMP (RFC 8762) or ICMP echo, its socket, what is on its
// way, its statistics. It never gives up: a socket that fails is opened again, once a second.
#pragma once
#include <stdint.h>

#include "base/loop.h"
#include "probe/env.h"
#include "probe/stats.h"
#include "probe/track.h"
#include "probe/tsock.h"

#define PT_STREAM_MAX_PAYLOAD 65000u

struct pt_stream_opts {
	struct pt_tsock_opts sock; // device is copied
	enum pt_probe_kind probe;  // PT_PROBE_STAMP or PT_PROBE_ICMP
	uint16_t ssid;             // STAMP
	size_t payload;            // bytes behind the ICMP header, or STAMP's whole packet (>= 44)
	int64_t timeout_ns;
	int64_t period_ns; // how often pt_stream_send will be called: sizes the memory of probes
};

// What all streams of a process share.
struct pt_stream_env {
	struct pt_loop *loop;
	struct pt_noise noise;
	struct pt_clock_watch clock;
	int warm_fd; // keeps the kernel stamping while no stream has a socket
};

// The kernel takes a moment to turn receive stamps on: the first socket does it here, not with the
// first probe. Never fails: without stamps ours serve.
void pt_stream_env_init(struct pt_stream_env *env, struct pt_loop *loop);
void pt_stream_env_done(struct pt_stream_env *env); // zeroed or initialised
#define PT_STREAM_WARM_NS (10 * PT_NS_PER_MS)       // until stamps are on

enum pt_stream_event_kind {
	PT_STREAM_ANSWER, // in time; sample is set
	PT_STREAM_LATE,   // sample is set
	PT_STREAM_DUPLICATE,
	PT_STREAM_LOST,
	PT_STREAM_ICMP, // a router or the target refused a packet: code, from
};

struct pt_stream_event {
	enum pt_stream_event_kind kind;
	uint32_t seq; // not of ICMP
	struct pt_sample sample;
	size_t len;
	int ttl;
	int code; // -errno
	struct pt_addr from;
};

typedef void pt_stream_fn(void *ctx, const struct pt_stream_event *e);

struct pt_stream_counters {
	uint64_t sent;    // probes that left
	uint64_t failed;  // probes that could not
	uint64_t foreign; // packets that answered none of ours: forged, or very late
	uint64_t opened;  // sockets
};

struct pt_stream;

// Opens no socket yet; the first send does. fn may be NULL.
int pt_stream_new(const struct pt_stream_opts *o, struct pt_stream_env *env, pt_stream_fn *fn,
	void *ctx, struct pt_stream **out);
void pt_stream_free(struct pt_stream *s);

// Sends the next probe. Opens the socket where there is none, at most once a second; -ENOTCONN
// between two attempts, any other failure is told in err.
int pt_stream_send(struct pt_stream *s, struct pt_err *err);
// Counts what is overdue as lost, after it has read what arrived meanwhile: answers that lie in the
// socket of a process that was not scheduled are no losses. Calls fn. Called by send, too; call it
// before reading the statistics.
void pt_stream_expire(struct pt_stream *s);
bool pt_stream_waiting(const struct pt_stream *s); // for any answer
// A record of the window so far, all but `path`. Strings and histogram borrow from s.
void pt_stream_health(struct pt_stream *s, int64_t window_ms, struct pt_health *out);
void pt_stream_next_window(struct pt_stream *s);
const struct pt_stream_counters *pt_stream_counters(const struct pt_stream *s);
const struct pt_stream_opts *pt_stream_opts(const struct pt_stream *s);
