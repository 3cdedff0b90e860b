// SPDX-License-Identifier: MIT
// The bodies of the records that the stages exchange (pt-records(5)). The common fields (type, v,
// ts, mono_ns, boot, src, seq) are base/record.h's. PT_NULL: not known.
#pragma once
#include "base/hist.h"
#include "model/schema.h"

enum pt_probe_kind { PT_PROBE_STAMP, PT_PROBE_ICMP, PT_PROBE_TCP, PT_PROBE_HTTP, PT_PROBE_DNS };
extern const char *const pt_probe_kind_names[];
enum pt_family { PT_FAMILY_IPV4, PT_FAMILY_IPV6 };
extern const char *const pt_family_names[];

struct pt_rtt_us {
	int64_t min, p50, p95, p99, max, mean;
};

struct pt_health {
	const char *path;   // NULL for targets that are no path (pt-probe ping)
	const char *target; // address
	int family;         // enum pt_family
	int64_t dscp;
	int probe; // enum pt_probe_kind
	int64_t window_ms;
	int64_t sent, received, late; // late: after the timeout, received or not
	int64_t loss_ppm, loss_out_ppm, loss_back_ppm;
	struct pt_rtt_us rtt_us;
	struct pt_hist *rtt_hist;
	int64_t owd_out_us, owd_back_us, owd_error_us; // one-way delays and their error bound
	int64_t jitter_us;                             // RFC 3550 section 6.4.1
	int64_t pdv_us;                                // RFC 5481: p95 - min
	int64_t reordered, duplicates;
	int64_t mtu;
	int64_t mos;            // thousandths, ITU-T G.107 E-model
	int64_t score;          // 0 to 100
	const char *timestamps; // "kernel" or "user"
};

// What health records of services (probe tcp, http, dns) have beside the above.
struct pt_service_figures {
	const char *asked; // "https://www.example.com/", "192.0.2.1:443", "example.com A"
	struct {
		int64_t lookup, connect, tls, first_byte, total;
	} steps_us;
	int64_t status;    // HTTP's or DNS's
	int64_t cert_days; // until the server's certificate expires; below 0: it has
	int64_t bytes, answers, resent;
	const char *why; // NULL: nothing was wrong
};

// Which of a path's targets answered.
struct pt_target_reach {
	const char *asked;  // "https://www.example.com/", "192.0.2.1:443", "192.0.2.1"
	int probe;          // enum pt_probe_kind
	const char *target; // address; NULL: it never came so far
	int64_t sent, received;
	int64_t rtt_us; // mean
	int64_t status, cert_days;
	bool answers;
	const char *why;
};
struct pt_reach {
	const char *path;
	int64_t window_ms;
	int64_t quorum, answering;
	struct pt_target_reach *targets;
	uint32_t n_targets;
};

struct pt_transition {
	const char *path;
	int from, to;      // enum pt_path_status
	const char *cause; // "timeout", "reply", "carrier", "manual", ...
	int64_t silence_us;
};

struct pt_rejected {
	const char *path, *why;
};

struct pt_decision {
	const char *site, *policy;
	const char *const *paths; // best first
	uint32_t n_paths;
	const int64_t *weights; // of paths, 0: takes part only when no other is usable
	uint32_t n_weights;     // 0: no shares, the first usable path takes all
	const char *const *previous;
	uint32_t n_previous;
	const char *reason;
	struct pt_rejected *rejected;
	uint32_t n_rejected;
	bool drop;          // none inside the SLA and the policy says so
	const char *config; // hash
};

struct pt_probe_mark {
	int64_t sent_ns, rtt_us; // rtt_us PT_NULL: unanswered when the record was made
};

struct pt_switch {
	const char *const *paths; // that went down
	uint32_t n_paths;
	int64_t sites;         // groups whose first choice moved, counted by site
	const char *from, *to; // first affected group's old and new path; to NULL: nothing left
	const char *cause;
	int64_t last_reply_ns, detected_ns, committed_ns, first_packet_ns, first_reply_ns;
	struct pt_probe_mark *probes; // of the first path that fell, oldest first
	uint32_t n_probes;
};

// As RFC 5880 section 4.1 counts them.
enum pt_session_state {
	PT_SESSION_ADMIN_DOWN,
	PT_SESSION_DOWN,
	PT_SESSION_INIT,
	PT_SESSION_UP,
};

struct pt_session_change {
	const char *path;
	const char *protocol; // "bfd"
	int from, to;         // enum pt_session_state
	const char *diag;     // why, as we tell the far end
	int remote;           // enum pt_session_state, as the far end told last
	const char *remote_diag;
	int64_t local_id, remote_id; // discriminators
	int64_t detect_us;
};

struct pt_traffic {
	const char *path, *policy; // policy NULL: all
	int64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
};

// Of the users' own TCP flows that are followed, since the record before.
struct pt_passive {
	const char *path, *policy;
	int64_t share;                   // one flow in so many is followed
	int64_t segments, retransmitted; // that left with data; of these, with data that had left
	int64_t retransmitted_ppm;
	int64_t crossed;         // answers that came back by another device
	struct pt_rtt_us rtt_us; // min and max are not known
	struct pt_hist *rtt_hist;
};

// All round trips of a path's probes, as the kernel timed them, since its slot began.
struct pt_trips {
	const char *path;
	int64_t replies, sum_us;
	struct pt_rtt_us rtt_us; // min and max are not known
	struct pt_hist *rtt_hist;
};

extern const struct pt_schema pt_health_schema, pt_service_schema, pt_reach_schema,
	pt_transition_schema, pt_decision_schema, pt_switch_schema, pt_session_change_schema,
	pt_traffic_schema, pt_passive_schema, pt_trips_schema;
