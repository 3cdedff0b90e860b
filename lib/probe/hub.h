// SPDX-License-Identifier: MIT
// What all streams of a process share: the ports they send by, who gets which answer, the clock,
// unpredictable bits. Probes leave in batches: every pt_stream_send must be followed by one
// pt_hub_flush, after as many others as there are.
#pragma once
#include "base/hist.h"
#include "base/loop.h"
#include "probe/env.h"
#include "probe/port.h"
#include "probe/track.h"

#define PT_HUB_WARM_NS (10 * PT_NS_PER_MS) // until the kernel stamps what arrives

struct pt_stream;
struct pt_hub_port;
struct pt_harvest;

struct pt_hub {
	struct pt_loop *loop;
	struct pt_noise noise;
	struct pt_clock_watch clock;
	// Answers are read by pt_hub_flush and pt_hub_drain alone. Their kernel stamps say when
	// they arrived, so reading them late costs nothing, and one wake-up serves many.
	bool polled;
	// A device that is not there, or any other fault of a port, makes its streams silent until
	// it is mended. Else they cannot be made.
	bool patient;
	struct pt_mono now; // of the batch that is being filled
	int64_t real_ns;    // the same moment, CLOCK_REALTIME; 0: no batch
	struct pt_steps steps;
	struct pt_mono looked;
	struct pt_harvest *harvest; // owned; NULL: all answers come by the ports
	struct pt_hub_port *ports;
	struct pt_stream **bucket; // by peer
	uint32_t n_buckets, n_streams;
	uint64_t foreign;    // packets of no stream: forged, very late, or somebody else's
	struct pt_hist hist; // of the record that is being made
	int warm_fd;         // keeps the kernel stamping while there is no port
};

// The kernel takes a moment to turn receive stamps on: it starts here, not with the first probe.
// Never fails: without stamps ours serve.
void pt_hub_init(struct pt_hub *h, struct pt_loop *loop);
void pt_hub_done(struct pt_hub *h); // zeroed or initialised; after all streams

int pt_hub_poll(struct pt_hub *h, bool polled); // may be changed at any time
// Sends what was queued, and reads what these ports have.
void pt_hub_flush(struct pt_hub *h);
// Reads what all ports have.
void pt_hub_drain(struct pt_hub *h);
// Reads the answers that the kernel has kept (probe/harvest.h), if any. False: there are more.
bool pt_hub_harvest(struct pt_hub *h);
// Begins a batch, unless one is on: one look at the clocks serves all its probes.
void pt_hub_begin(struct pt_hub *h);

// Sums over all ports, since the beginning.
void pt_hub_counters(const struct pt_hub *h, struct pt_port_counters *sum);

// For stream.c. The port is shared; a stream is found by its peer and key.
int pt_hub_join(struct pt_hub *h, struct pt_stream *s, const struct pt_port_opts *o,
	struct pt_port **port, struct pt_err *err);
void pt_hub_leave(struct pt_hub *h, struct pt_stream *s, struct pt_port *port);
// The first stream of some that may have this peer and session (pt_stream_place), or NULL.
struct pt_stream *pt_hub_streams(const struct pt_hub *h, const struct pt_addr *peer, uint16_t ssid);
