// SPDX-License-Identifier: MIT
#include "model/records.h"

#include "base/cleanup.h"
#include "model/network.h"

#define PPM 1000000
#define SCHEMA(type, table)                                                         \
	{                                                                           \
		.name = #type, .size = sizeof(struct pt_##type), .fields = (table), \
		.n = PT_ARRAY_LEN(table)                                            \
	}

const char *const pt_probe_kind_names[] = {
	[PT_PROBE_STAMP] = "stamp",
	[PT_PROBE_ICMP] = "icmp",
	[PT_PROBE_TCP] = "tcp",
	[PT_PROBE_HTTP] = "http",
	[PT_PROBE_DNS] = "dns",
	NULL,
};
const char *const pt_family_names[] = {
	[PT_FAMILY_IPV4] = "ipv4",
	[PT_FAMILY_IPV6] = "ipv6",
	NULL,
};

// Rows of the same shape: a count that is always known, and a figure that may not be.
#define COUNT(type, key_, text)                                                                   \
	{                                                                                         \
		.key = #key_, .kind = PT_KIND_I64, PT_FIELD_AT(struct pt_##type, key_), .min = 0, \
		.max = INT64_MAX, .doc = (text)                                                   \
	}
#define FIGURE(type, key_, max_, unit_, text)                                           \
	{                                                                               \
		.key = #key_, .kind = PT_KIND_I64, PT_FIELD_AT(struct pt_##type, key_), \
		.flags = PT_FIELD_NULLABLE, .min = 0, .max = (max_), .def = PT_NULL,    \
		.unit = (unit_), .doc = (text)                                          \
	}
#define TEXT(type, key_, text)                                                          \
	{                                                                               \
		.key = #key_, .kind = PT_KIND_STR, PT_FIELD_AT(struct pt_##type, key_), \
		.doc = (text)                                                           \
	}
#define STATUS(type, key_, text)                                                         \
	{                                                                                \
		.key = #key_, .kind = PT_KIND_ENUM, PT_FIELD_AT(struct pt_##type, key_), \
		.names = pt_path_status_names, .flags = PT_FIELD_REQUIRED, .doc = (text) \
	}
#define TEXTS(type, key_, count, text)                                         \
	{                                                                      \
		.key = #key_, .kind = PT_KIND_LIST, .item = PT_KIND_STR,       \
		PT_FIELD_LIST_AT(struct pt_##type, key_, count), .doc = (text) \
	}

#define RTT(key_, text)                                                                 \
	{                                                                               \
		.key = #key_, .kind = PT_KIND_I64, PT_FIELD_AT(struct pt_rtt_us, key_), \
		.flags = PT_FIELD_NULLABLE, .min = 0, .max = INT64_MAX, .def = PT_NULL, \
		.unit = "us", .doc = (text)                                             \
	}
static const struct pt_field rtt_fields[] = {
	RTT(min, "Least"),
	RTT(p50, "Median"),
	RTT(p95, "95th percentile"),
	RTT(p99, "99th percentile"),
	RTT(max, "Greatest"),
	RTT(mean, "Mean"),
};
static const struct pt_schema rtt_schema = {
	.name = "rtt_us",
	.size = sizeof(struct pt_rtt_us),
	.fields = rtt_fields,
	.n = PT_ARRAY_LEN(rtt_fields),
};

static const struct pt_field health_fields[] = {
	TEXT(health, path, "Path id; null for a target that is no path"),
	{ .key = "target",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_health, target),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Address that was probed" },
	{ .key = "family",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_health, family),
		.names = pt_family_names,
		.flags = PT_FIELD_REQUIRED,
		.doc = "Its family" },
	{ .key = "dscp",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_health, dscp),
		.min = 0,
		.max = 63,
		.doc = "Code point of the probes" },
	{ .key = "probe",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_health, probe),
		.names = pt_probe_kind_names,
		.flags = PT_FIELD_REQUIRED,
		.doc = "Kind of probe" },
	{ .key = "window_ms",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_health, window_ms),
		.flags = PT_FIELD_REQUIRED,
		.min = 0,
		.max = INT64_MAX,
		.unit = "ms",
		.doc = "Time that the record covers" },
	{ .key = "sent",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_health, sent),
		.flags = PT_FIELD_REQUIRED,
		.min = 0,
		.max = INT64_MAX,
		.doc = "Probes sent" },
	{ .key = "received",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_health, received),
		.flags = PT_FIELD_REQUIRED,
		.min = 0,
		.max = INT64_MAX,
		.doc = "Probes answered, late ones of this window included" },
	COUNT(health, late,
		"Answered after the timeout; a loss that this window has counted is revoked"),
	FIGURE(health, loss_ppm, PPM, "ppm", "Probes lost, either way"),
	FIGURE(health, loss_out_ppm, PPM, "ppm", "Lost on the way out"),
	FIGURE(health, loss_back_ppm, PPM, "ppm", "Lost on the way back"),
	{ .key = "rtt_us",
		.kind = PT_KIND_OBJECT,
		PT_FIELD_AT(struct pt_health, rtt_us),
		.sub = &rtt_schema,
		.unit = "us",
		.doc = "Round trips without the reflector's own time" },
	{ .key = "rtt_hist",
		.kind = PT_KIND_HIST,
		PT_FIELD_AT(struct pt_health, rtt_hist),
		.unit = "us",
		.doc = "Round trips as [[bucket, count], ...]; windows add up" },
	{ .key = "owd_out_us",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_health, owd_out_us),
		.flags = PT_FIELD_NULLABLE,
		.def = PT_NULL,
		.unit = "us",
		.doc = "One-way delay out, by both clocks" },
	{ .key = "owd_back_us",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_health, owd_back_us),
		.flags = PT_FIELD_NULLABLE,
		.def = PT_NULL,
		.unit = "us",
		.doc = "One-way delay back, by both clocks" },
	FIGURE(health, owd_error_us, INT64_MAX, "us", "Error bound of both one-way delays"),
	FIGURE(health, jitter_us, INT64_MAX, "us", "Interarrival jitter, RFC 3550 section 6.4.1"),
	FIGURE(health, pdv_us, INT64_MAX, "us", "Delay variation, RFC 5481: p95 less the least"),
	COUNT(health, reordered, "Replies that overtook an earlier one"),
	COUNT(health, duplicates, "Replies to a probe answered before"),
	FIGURE(health, mtu, 65535, "bytes", "Path MTU"),
	{ .key = "mos",
		.kind = PT_KIND_MILLI,
		PT_FIELD_AT(struct pt_health, mos),
		.flags = PT_FIELD_NULLABLE,
		.min = 1000,
		.max = 5000,
		.def = PT_NULL,
		.doc = "Voice quality by the E-model, ITU-T G.107" },
	FIGURE(health, score, 100, NULL, "0 to 100, for people; verdicts do not use it"),
	TEXT(health, timestamps, "Who stamped the probes: kernel or user"),
};
const struct pt_schema pt_health_schema = SCHEMA(health, health_fields);

#define STEP(key_, text)                                                                \
	{                                                                               \
		.key = #key_, .kind = PT_KIND_I64,                                      \
		.offset = offsetof(struct pt_service_figures, steps_us.key_) -          \
			offsetof(struct pt_service_figures, steps_us),                  \
		.flags = PT_FIELD_NULLABLE, .min = 0, .max = INT64_MAX, .def = PT_NULL, \
		.unit = "us", .doc = (text)                                             \
	}
static const struct pt_field steps_fields[] = {
	STEP(lookup, "Until the name was resolved"),
	STEP(connect, "Until the connection stood"),
	STEP(tls, "Until TLS was agreed on"),
	STEP(first_byte, "Until the first byte of the answer"),
	STEP(total, "Until the answer was complete"),
};
static const struct pt_schema steps_schema = {
	.name = "steps_us",
	.size = sizeof(((const struct pt_service_figures *)NULL)->steps_us),
	.fields = steps_fields,
	.n = PT_ARRAY_LEN(steps_fields),
};

static const struct pt_field service_fields[] = {
	TEXT(service_figures, asked, "URL, address and port, or name and type"),
	{ .key = "steps_us",
		.kind = PT_KIND_OBJECT,
		PT_FIELD_AT(struct pt_service_figures, steps_us),
		.sub = &steps_schema,
		.unit = "us",
		.doc = "From the start of a request, means of those that succeeded" },
	FIGURE(service_figures, status, INT64_MAX, NULL,
		"HTTP status or DNS code of the last answer"),
	{ .key = "cert_days",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_service_figures, cert_days),
		.flags = PT_FIELD_NULLABLE,
		.min = -1000000,
		.max = INT64_MAX,
		.def = PT_NULL,
		.unit = "days",
		.doc = "Until the server's certificate expires" },
	FIGURE(service_figures, bytes, INT64_MAX, "bytes", "Of the last page"),
	FIGURE(service_figures, answers, INT64_MAX, NULL, "DNS records in the last answer"),
	FIGURE(service_figures, resent, INT64_MAX, NULL, "SYNs that had to be sent again"),
	TEXT(service_figures, why, "What was wrong last; null: nothing in this window"),
};
const struct pt_schema pt_service_schema = {
	.name = "service",
	.size = sizeof(struct pt_service_figures),
	.fields = service_fields,
	.n = PT_ARRAY_LEN(service_fields),
};

static const struct pt_field target_reach_fields[] = {
	TEXT(target_reach, asked, "Address, address and port, URL, or server and name"),
	{ .key = "probe",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_target_reach, probe),
		.names = pt_probe_kind_names,
		.flags = PT_FIELD_REQUIRED,
		.doc = "Kind of probe" },
	TEXT(target_reach, target, "Address that was asked; null: it is not known yet"),
	COUNT(target_reach, sent, "Times that it was asked"),
	COUNT(target_reach, received, "Answers that were right"),
	FIGURE(target_reach, rtt_us, INT64_MAX, "us", "Mean time until they were complete"),
	FIGURE(target_reach, status, INT64_MAX, NULL, "HTTP status or DNS code of the last answer"),
	{ .key = "cert_days",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct pt_target_reach, cert_days),
		.flags = PT_FIELD_NULLABLE,
		.min = -1000000,
		.max = INT64_MAX,
		.def = PT_NULL,
		.unit = "days",
		.doc = "Until the server's certificate expires" },
	{ .key = "answers",
		.kind = PT_KIND_BOOL,
		PT_FIELD_AT(struct pt_target_reach, answers),
		.doc = "Most of what it was asked was answered" },
	TEXT(target_reach, why, "What was wrong last; null: nothing in this window"),
};
static const struct pt_schema target_reach_schema = SCHEMA(target_reach, target_reach_fields);

static const struct pt_field reach_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_reach, path),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Path id" },
	COUNT(reach, window_ms, "Time that the record covers, ms"),
	COUNT(reach, quorum, "Targets that have to answer"),
	COUNT(reach, answering, "Targets that do"),
	{ .key = "targets",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_OBJECT,
		.sub = &target_reach_schema,
		PT_FIELD_LIST_AT(struct pt_reach, targets, n_targets),
		.doc = "Each of them, in the order of the file" },
};
const struct pt_schema pt_reach_schema = SCHEMA(reach, reach_fields);

static const struct pt_field transition_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_transition, path),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Path id" },
	STATUS(transition, from, "State before"),
	STATUS(transition, to, "State now"),
	TEXT(transition, cause,
		"What decided, such as timeout, reply, late, bfd-timeout, bfd-down, bfd-up, "
		"carrier, manual"),
	FIGURE(transition, silence_us, INT64_MAX, "us", "Time since the newest accepted reply"),
};
const struct pt_schema pt_transition_schema = SCHEMA(transition, transition_fields);

static const struct pt_field rejected_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_rejected, path),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Path id" },
	{ .key = "why",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_rejected, why),
		.flags = PT_FIELD_REQUIRED,
		.doc = "What spoke against it" },
};
static const struct pt_schema rejected_schema = SCHEMA(rejected, rejected_fields);

static const struct pt_field decision_fields[] = {
	{ .key = "site",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_decision, site),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Destination site" },
	{ .key = "policy",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_decision, policy),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Policy id" },
	TEXTS(decision, paths, n_paths, "Path ids, best first"),
	{ .key = "weights",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_I64,
		PT_FIELD_LIST_AT(struct pt_decision, weights, n_weights),
		.doc = "Shares of these paths, of a weighted policy; 0: none while another is "
		       "fit" },
	TEXTS(decision, previous, n_previous, "The order before"),
	TEXT(decision, reason, "Why this order"),
	{ .key = "rejected",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_OBJECT,
		.sub = &rejected_schema,
		PT_FIELD_LIST_AT(struct pt_decision, rejected, n_rejected),
		.doc = "Paths not chosen, and why" },
	{ .key = "drop",
		.kind = PT_KIND_BOOL,
		PT_FIELD_AT(struct pt_decision, drop),
		.doc = "No path is inside the SLA and the policy then drops" },
	TEXT(decision, config, "Hash of the configuration it was made under"),
};
const struct pt_schema pt_decision_schema = SCHEMA(decision, decision_fields);

static const struct pt_field mark_fields[] = {
	FIGURE(probe_mark, sent_ns, INT64_MAX, "ns", "When it passed the device"),
	FIGURE(probe_mark, rtt_us, INT64_MAX, "us", "Its round trip; null: not answered"),
};
static const struct pt_schema mark_schema = SCHEMA(probe_mark, mark_fields);

static const struct pt_field switch_fields[] = {
	TEXTS(switch, paths, n_paths, "Paths that went down, or came back"),
	COUNT(switch, sites, "Sites whose first choice moved"),
	TEXT(switch, from, "First affected group's path before"),
	TEXT(switch, to, "Its path now; null where none is left"),
	TEXT(switch, cause,
		"What decided, such as timeout, bfd-timeout, bfd-down, carrier, manual"),
	FIGURE(switch, last_reply_ns, INT64_MAX, "ns", "Newest accepted reply"),
	FIGURE(switch, detected_ns, INT64_MAX, "ns", "When the kernel judged"),
	FIGURE(switch, committed_ns, INT64_MAX, "ns", "When the verdict stood for every packet"),
	FIGURE(switch, first_packet_ns, INT64_MAX, "ns", "First user packet on the new path"),
	FIGURE(switch, first_reply_ns, INT64_MAX, "ns",
		"First answered probe on the new path after that"),
	{ .key = "probes",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_OBJECT,
		.sub = &mark_schema,
		PT_FIELD_LIST_AT(struct pt_switch, probes, n_probes),
		.doc = "The last probes of the first path that fell, oldest first, at most 256" },
};
const struct pt_schema pt_switch_schema = SCHEMA(switch, switch_fields);

static const char *const session_state_names[] = {
	[PT_SESSION_ADMIN_DOWN] = "admin-down",
	[PT_SESSION_DOWN] = "down",
	[PT_SESSION_INIT] = "init",
	[PT_SESSION_UP] = "up",
	NULL,
};
#define SESSION_STATE(key_, text)                                                                \
	{                                                                                        \
		.key = #key_, .kind = PT_KIND_ENUM, PT_FIELD_AT(struct pt_session_change, key_), \
		.names = session_state_names, .flags = PT_FIELD_REQUIRED, .doc = (text)          \
	}
static const struct pt_field session_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_session_change, path),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Path id" },
	TEXT(session_change, protocol, "Of the session: bfd"),
	SESSION_STATE(from, "State before"),
	SESSION_STATE(to, "State now"),
	TEXT(session_change, diag, "Why, in the words of RFC 5880 section 4.1"),
	SESSION_STATE(remote, "State of the far end as it was heard last"),
	TEXT(session_change, remote_diag, "Why, as the far end says"),
	FIGURE(session_change, local_id, UINT32_MAX, NULL, "Our discriminator"),
	FIGURE(session_change, remote_id, UINT32_MAX, NULL,
		"The far end's; null where it is not known"),
	FIGURE(session_change, detect_us, INT64_MAX, "us",
		"Detection time; null where the far end is not heard"),
};
const struct pt_schema pt_session_change_schema = {
	.name = "session",
	.size = sizeof(struct pt_session_change),
	.fields = session_fields,
	.n = PT_ARRAY_LEN(session_fields),
};

static const struct pt_field traffic_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_traffic, path),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Path id" },
	TEXT(traffic, policy, "Policy id; null: all policies"),
	COUNT(traffic, tx_packets, "Packets sent since the record before"),
	COUNT(traffic, tx_bytes, "Bytes sent since then"),
	FIGURE(traffic, rx_packets, INT64_MAX, NULL,
		"Packets received since then, without probes; null where several paths share a "
		"device"),
	FIGURE(traffic, rx_bytes, INT64_MAX, NULL, "Bytes received since then"),
};
const struct pt_schema pt_traffic_schema = SCHEMA(traffic, traffic_fields);

static const struct pt_field passive_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_passive, path),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Path id" },
	{ .key = "policy",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_passive, policy),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Policy id" },
	COUNT(passive, share, "Of so many TCP flows one is followed; the rest is of those"),
	COUNT(passive, segments, "Segments with data that left since the record before"),
	COUNT(passive, retransmitted, "Of these with data that had left before"),
	FIGURE(passive, retransmitted_ppm, INT64_MAX, "ppm", "Their share"),
	COUNT(passive, crossed, "Answers not measured, for they came back by another device"),
	{ .key = "rtt_us",
		.kind = PT_KIND_OBJECT,
		PT_FIELD_AT(struct pt_passive, rtt_us),
		.sub = &rtt_schema,
		.unit = "us",
		.doc = "From this edge to the far host and back; least and greatest are null" },
	{ .key = "rtt_hist",
		.kind = PT_KIND_HIST,
		PT_FIELD_AT(struct pt_passive, rtt_hist),
		.unit = "us",
		.doc = "The same as [[bucket, count], ...]; records add up" },
};
const struct pt_schema pt_passive_schema = SCHEMA(passive, passive_fields);

static const struct pt_field trips_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_trips, path),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Path id" },
	COUNT(trips, replies, "Answered probes since the path was attached, traffic's own too"),
	COUNT(trips, sum_us, "Sum of their round trips"),
	{ .key = "rtt_us",
		.kind = PT_KIND_OBJECT,
		PT_FIELD_AT(struct pt_trips, rtt_us),
		.sub = &rtt_schema,
		.unit = "us",
		.doc = "From this edge's device and back to it; least and greatest are null" },
	{ .key = "rtt_hist",
		.kind = PT_KIND_HIST,
		PT_FIELD_AT(struct pt_trips, rtt_hist),
		.unit = "us",
		.doc = "The same as [[bucket, count], ...]: counts only rise" },
};
const struct pt_schema pt_trips_schema = SCHEMA(trips, trips_fields);
