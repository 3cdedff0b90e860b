// SPDX-License-Identifier: MIT
// network.yaml, network.json and the database hold the same thing: the fleet's sites, uplinks,
// paths and policies. One edge uses the paths that start at its own site.
#pragma once
#include "base/addr.h"
#include "model/schema.h"

#define PT_MAX_SITES    16384
#define PT_MAX_UPLINKS  1024
#define PT_MAX_PATHS    16384 // index 0 means none
#define PT_MAX_POLICIES 64
#define PT_MAX_WEIGHT   255
#define PT_MAX_PRIORITY 65535 // of a policy: matched last
#define PT_STAMP_PORT   862

#define PT_SITE_INTERNET \
	"internet" // id of the site that has 0.0.0.0/0 and ::/0 where it names none

// Who made a row: apply changes only rows of its own file.
enum pt_origin { PT_ORIGIN_FILE, PT_ORIGIN_API, PT_ORIGIN_CLI };
enum pt_path_status { PT_STATUS_UNKNOWN, PT_STATUS_UP, PT_STATUS_DOWN, PT_STATUS_MAINTENANCE };
extern const char *const pt_path_status_names[];

struct pt_site {
	const char *id;
	const char *name;       // NULL: same as id
	const char *edge;       // NULL: same as id
	const char *const *lan; // devices of its edge on which traffic to steer arrives
	uint32_t n_lan;
	struct pt_prefix *prefixes; // "internet" owns 0.0.0.0/0 and ::/0
	uint32_t n_prefixes;
	int64_t preference; // decides between two sites with an equal prefix: higher wins
	bool transit;       // its edge also steers what enters by a path
};

struct pt_uplink {
	const char *id;
	const char *site;
	const char *device;
	int64_t cost;         // for the `cheapest` strategy; lower is cheaper
	int64_t weight;       // for the `weighted` strategy: share of flows
	int64_t rate_bps;     // PT_NULL: unknown
	const char *underlay; // uplink of the same site that it rides on; NULL: none
	bool nat;             // source addresses are translated on the way out
	int mode;             // enum pt_mode, for paths whose own is auto
};

// How a packet gets from the program to the path's device.
enum pt_mode {
	PT_MODE_AUTO,
	PT_MODE_REDIRECT, // straight there: fastest, past netfilter
	PT_MODE_MARK,     // through the kernel: conntrack, NAT, firewall
};

// Who says whether a path is alive.
enum pt_liveness {
	PT_LIVENESS_STAMP, // our probes, which the far reflector answers
	PT_LIVENESS_BFD,   // a BFD session with whatever speaks it at the far end
};
// What measures a path's quality; none: nothing does.
enum pt_quality { PT_QUALITY_STAMP, PT_QUALITY_ICMP, PT_QUALITY_NONE };

// PT_NULL: as config.yaml has it for probes.
struct pt_bfd_keys {
	int64_t min_tx_ms, min_rx_ms; // failover.detection_interval_ms
	int64_t detect_mult;          // failover.detection_threshold
	bool multihop;                // RFC 5883
};

// Something that has to be within reach over a path, asked again and again. PT_NULL: as the kind of
// probe or health.* have it.
struct pt_target {
	int probe;              // enum pt_probe_kind, but STAMP
	struct pt_addr address; // to connect to; HTTP may leave it to the URL
	int64_t port;
	const char *url, *body, *ca; // HTTP
	struct pt_port_range *status;
	uint32_t n_status;
	int64_t cert_days;
	bool insecure;
	const char *name, *answer; // DNS
	int type;                  // index into pt_record_type_names
	int64_t interval_ms, timeout_ms;
};
#define PT_MAX_TARGETS 16                        // of a path
extern const char *const pt_record_type_names[]; // of DNS

struct pt_path {
	const char *id;
	const char *source, *dest; // site ids
	const char *uplink;
	const char *device;      // NULL: the uplink's
	const char *underlay;    // a further uplink of the source that it rides on; NULL: none
	const char *via;         // the transit site that it leads through; NULL: none
	struct pt_addr next_hop; // IPv4; family 0: none, PT_ADDR_AUTO: as the routes say
	struct pt_addr next_hop6;
	struct pt_addr target; // remote probe address, either family
	int64_t port;          // of the far reflector
	int64_t dscp;          // of the probes
	int64_t ssid;       // RFC 8972 session id; PT_NULL in the file: chosen by pt_network_check
	int64_t mtu;        // PT_NULL: the device's
	int64_t preference; // order where a policy names none: higher first
	int64_t weight;     // PT_NULL: the uplink's
	bool maintenance;
	int mode;     // enum pt_mode; auto: the uplink's
	int liveness; // enum pt_liveness
	int quality;  // enum pt_quality
	struct pt_bfd_keys bfd;
	struct pt_target *targets;
	uint32_t n_targets;
	int64_t quorum; // so many of them have to answer
};

struct pt_match {
	int protocol; // enum pt_protocol
	int64_t dscp; // PT_NULL: any
	struct pt_port_range *src_ports, *dst_ports;
	uint32_t n_src_ports, n_dst_ports; // 0: any
	const char *const *devices;        // that the packet enters by
	uint32_t n_devices;                // 0: any
	struct pt_prefix *src_prefixes;
	uint32_t n_src_prefixes; // 0: any
};
enum pt_protocol {
	PT_PROTO_ANY,
	PT_PROTO_TCP,
	PT_PROTO_UDP,
	PT_PROTO_ICMP,
	PT_PROTO_ICMP6,
	PT_PROTO_SCTP
};
uint8_t pt_protocol_number(int protocol); // 0 for any

// PT_NULL: that metric does not matter to the policy.
struct pt_sla {
	int64_t loss_ppm, rtt_ms, jitter_ms; // rtt: p95 of the window
	int64_t stale_secs;                  // records older than this are no data
};

enum pt_strategy {
	PT_STRATEGY_ORDERED,
	PT_STRATEGY_BEST,
	PT_STRATEGY_CHEAPEST,
	PT_STRATEGY_WEIGHTED,
	PT_STRATEGY_PINNED
};
// What a weighted policy's flows are told apart by.
enum pt_flow_hash {
	PT_FLOW_HASH_AUTO, // ports where the match names some, for then it meets no fragment
	PT_FLOW_HASH_HOSTS,
	PT_FLOW_HASH_PORTS,
};
enum pt_heed { PT_FIREWALL_OBEY, PT_FIREWALL_BYPASS };
enum pt_none_inside { PT_NONE_BEST_OF_WORST, PT_NONE_BACKUP, PT_NONE_DROP };
extern const char *const pt_strategy_names[];

struct pt_policy {
	const char *id;
	int64_t priority; // lower number wins
	struct pt_match match;
	struct pt_sla sla;
	int strategy;              // enum pt_strategy
	int none_inside;           // enum pt_none_inside
	const char *const *prefer; // uplink ids, best first; those not named follow by preference
	uint32_t n_prefer;
	int64_t margin_percent; // a challenger must beat the incumbent's score by this much
	int64_t cooldown_secs;  // PT_NULL: failover.cooldown_period_secs
	int firewall;           // enum pt_heed
	const int64_t *weights; // of the uplinks in `prefer`, in that order
	uint32_t n_weights;
	int flow_hash;        // enum pt_flow_hash
	int64_t set_dscp;     // PT_NULL: packets keep theirs
	const char *tc_class; // NULL: packets keep their priority
};

struct pt_network {
	struct pt_site *sites;
	uint32_t n_sites;
	struct pt_uplink *uplinks;
	uint32_t n_uplinks;
	struct pt_path *paths;
	uint32_t n_paths;
	struct pt_policy *policies; // after the check: by priority, then id
	uint32_t n_policies;
	const struct pt_path **by_pair; // by source, dest, preference, id; NULL before the check
};

extern const struct pt_schema pt_network_schema, pt_site_schema, pt_uplink_schema, pt_path_schema,
	pt_policy_schema, pt_target_schema;

// Loads network.yaml or network.json (told apart by content) and checks it.
int pt_network_load(
	const char *path, struct pt_arena *a, struct pt_network *out, struct pt_err *err);
// What no single field can show: duplicate ids, unknown references, equal prefixes without a
// preference, two paths with one session id, a path from a site to itself. Fills ssid, device and
// the default policy, sorts the policies, and the rest by id, which the look-ups below rely on.
// marks may be NULL.
int pt_network_check(
	struct pt_network *n, struct pt_arena *a, const struct pt_marks *marks, struct pt_err *err);

// A path's share under a policy: as the policy gives its uplink, else its own, else the uplink's.
uint32_t pt_network_weight(
	const struct pt_network *n, const struct pt_policy *policy, const struct pt_path *path);
// Whether a weighted policy tells flows of the same two hosts apart.
bool pt_policy_by_ports(const struct pt_policy *policy);
// What sets a path's costs for flows apart from another's (bpf/share.h): its name alone, so that it
// is the same wherever and whenever it is made.
uint32_t pt_path_salt(const char *id);
// "1:10", two hexadecimal numbers as tc(8) writes them, to what a packet's priority has to be.
int pt_tc_class_parse(const char *text, uint32_t *out);

// The site whose edge is `edge` (NULL: this host's name), and NULL when there is none.
const struct pt_site *pt_network_self(const struct pt_network *n, const char *edge);
const struct pt_site *pt_network_site(const struct pt_network *n, const char *id);
const struct pt_uplink *pt_network_uplink(const struct pt_network *n, const char *id);
const struct pt_path *pt_network_path(const struct pt_network *n, const char *id);
const struct pt_policy *pt_network_policy(const struct pt_network *n, const char *id);

// The paths from self to dest in the order of the policy: prefer list, then preference, then id.
// Writes at most max pointers, returns how many there are.
uint32_t pt_network_candidates(const struct pt_network *n, const struct pt_site *self,
	const struct pt_site *dest, const struct pt_policy *policy, const struct pt_path **out,
	uint32_t max);
