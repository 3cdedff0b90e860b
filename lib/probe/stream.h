// SPDX-License-Identifier: MIT
// One stream of probes to one target: STAMP (RFC 8762) or ICMP echo, what is on its way, its
// statistics. It shares its socket with the other streams of its hub.
#pragma once
#include <stdint.h>

#include "base/loop.h"
#include "probe/hub.h"
#include "probe/stats.h"
#include "probe/track.h"
#include "wire/stamp_auth.h"

struct pt_stream_opts {
	struct pt_addr target;
	uint32_t scope;        // interface index of a link-local target
	uint16_t port;         // STAMP: UDP
	const char *device;    // NULL: as routed; copied
	struct pt_addr source; // family 0: as routed
	uint32_t mark;
	uint8_t dscp, ttl;
	bool icmp_errors;         // report what routers say about our packets
	enum pt_probe_kind probe; // PT_PROBE_STAMP or PT_PROBE_ICMP
	uint16_t ssid;            // STAMP
	size_t payload; // bytes behind the ICMP header, or STAMP's whole packet (at least its base)
	// STAMP: every n-th probe asks for direct measurement, which splits loss by direction; 0:
	// none.
	unsigned counts_every;
	struct pt_stamp_key *key; // STAMP: authenticated mode; borrowed; NULL: open
	int64_t timeout_ns;
	int64_t period_ns; // how often pt_stream_send will be called: sizes the memory of probes
};

enum pt_stream_event_kind {
	PT_STREAM_ANSWER, // in time; sample is set
	PT_STREAM_LATE,   // sample is set
	PT_STREAM_DUPLICATE,
	PT_STREAM_LOST,
	PT_STREAM_ICMP,   // a router or the target refused a packet: code, from
	PT_STREAM_UNSENT, // a probe could not leave: code
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
	uint64_t forged;  // answers that were not signed with our key
	uint64_t foreign; // packets that answered none of ours: forged, or very late
};

struct pt_stream;

// fn may be NULL. The error names the target's device, or the capability that is missing.
int pt_stream_new(const struct pt_stream_opts *o, struct pt_hub *hub, struct pt_stream **out,
	struct pt_err *err);
void pt_stream_listen(struct pt_stream *s, pt_stream_fn *fn, void *ctx); // may be changed
void pt_stream_free(struct pt_stream *s);

// Queues the next probe, which leaves with pt_hub_flush: at most one in between. A failure is an
// event.
void pt_stream_send(struct pt_stream *s);
// Why the newest probe could not leave, -errno, or 0.
int pt_stream_fault(const struct pt_stream *s);
// Counts what was overdue at `now` as lost, after it has read what arrived meanwhile: answers that
// lie in the socket of a process that was not scheduled are no losses. Calls fn. Called by send,
// too; call it before reading the statistics.
void pt_stream_expire(struct pt_stream *s, struct pt_mono now);
bool pt_stream_waiting(const struct pt_stream *s); // for any answer
// A record of the window so far, all but `path`. Strings borrow from s, the histogram from the hub,
// until its next record.
void pt_stream_health(struct pt_stream *s, int64_t window_ms, struct pt_health *out);
void pt_stream_next_window(struct pt_stream *s);
const struct pt_stream_counters *pt_stream_counters(const struct pt_stream *s);
const char *pt_stream_target(const struct pt_stream *s); // as text
const struct pt_stream_opts *pt_stream_opts(const struct pt_stream *s);

// ---- for the hub ----

// Fetches its memory: stage 0 what it is made of, 1 what that points to.
void pt_stream_soon(const struct pt_stream *s, unsigned stage);

// Where it is found.
struct pt_stream_place {
	struct pt_stream *next; // in its bucket
	const struct pt_addr *peer;
	const struct pt_port *port;
	uint16_t ssid;
};
struct pt_stream_place *pt_stream_place(struct pt_stream *s);
// Whether the packet belongs to it; ours: it is a probe that came back, not an answer.
bool pt_stream_knows(struct pt_stream *s, const struct pt_port_packet *p, bool ours);
void pt_stream_answered(struct pt_stream *s, const struct pt_port_packet *p);
void pt_stream_refused(struct pt_stream *s, const struct pt_port_packet *p);
void pt_stream_stamped(void *stream, uint32_t seq, int64_t kernel_ns);
void pt_stream_unsent(void *stream, uint32_t seq, int code);
