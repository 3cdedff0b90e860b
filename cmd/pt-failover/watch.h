// SPDX-License-Identifier: MIT
// The daemon: kernel events, device changes and decisions in; records, blocks and groups out.
// watch.c wires the loop, watch_paths.c holds the state of paths, watch_hold.c holds them back,
// watch_switch.c tells switches, watch_devices.c follows devices, watch_ways.c keeps the kernel's
// routes, watch_passive.c tells what users' flows told, watch_records.c reads and writes.
#pragma once
#include "base/hist.h"
#include "base/loop.h"
#include "base/record.h"
#include "failover.h"
#include "model/records.h"
#include "net/link.h"
#include "plane/choices.h"
#include "plane/event.h"
#include "plane/names.h"
#include "plane/order.h"
#include "plane/state.h"

// What the daemon knows of a path beyond the plane.
struct guard {
	enum pt_path_status status; // last told
	struct pt_count told;       // traffic already in records
	bool gone;                  // its device has been told to be missing
};

// A switch that is still gathering: paths that fall together are one event.
struct gathering {
	bool open;
	uint32_t n_paths;
	uint32_t *paths; // path_cap
	struct pt_moved moved;
	const char *cause;
	int64_t last_reply_ns, detected_ns, committed_ns, first_packet_ns, first_reply_ns;
	int64_t gather_until_ns; // more may fall until then
	int64_t deadline_ns;     // told then, whatever is missing
	bool boxed;
	struct pt_watch box; // of the first path that fell, as we found it
};

struct watch {
	struct pt_ctx *ctx; // borrowed
	struct pt_loop *loop;
	struct pt_plane *plane;
	struct pt_inputs *in;
	struct pt_programs progs;
	struct pt_names names;
	struct pt_choices choices;
	struct pt_link_monitor *monitor;
	struct pt_gateway_monitor *routes; // NULL: no next hop depends on them
	struct pt_devices devices;         // as last read
	struct pt_setup setup;             // borrows from devices and in
	struct watch_ways *ways;
	struct watch_passive *passive;
	struct pt_events *events;
	struct pt_record_writer *out;
	struct pt_record_reader *reader; // NULL: no decisions come in
	struct guard *guard;             // path_cap
	struct gathering now;
	// Of all switches that the kernel's verdicts made: silence until the verdict, from there
	// until packets could go elsewhere, and silence until one did.
	struct pt_hist detection_us, switch_ns, outage_us;
	struct pt_order *orders; // of the records being read
	uint32_t n_orders;
	bool history;                                   // what is read was decided before we came
	struct pt_timer *hold, *gather, *tick, *settle; // settle: devices and addresses
	struct pt_timer *renew;                         // of the lease
	struct pt_timer *look;                          // at what verdicts moved
	uint32_t epoch;                                 // as last looked at
	int64_t looked_ns, look_cost_ns;                // when, and for how long
	bool look_waits;                                // for `look`
	int64_t hold_at_ns;                             // what `hold` is set to; 0 not
	bool keep_dirty;                                // the state file is older than the state
	char keep_complaint[sizeof(((struct pt_err *)NULL)->msg)];
	int touched;          // the pin directory is watched for what verbs do; -1 not
	bool devices_changed; // hooks and sessions need a refresh
	int64_t settle_by_ns; // whatever else changes; 0: nothing has
	char complaint[sizeof(((struct pt_err *)NULL)->msg)]; // told last about devices
	int lock;
};

// ---- watch_paths.c ----

int watch_paths_init(struct watch *w, struct pt_err *err);
void watch_paths_done(struct watch *w);
const char *watch_path_id(const struct watch *w, uint32_t path); // NULL: none
void watch_on_event(void *ctx, const struct pt_event *event);
// Tells a transition when the path's status is another than last told.
void watch_note(struct watch *w, uint32_t path, const char *cause, int64_t silence_us);
// Makes up for events that the kernel could not deliver because the ring was full.
void watch_reconcile(struct watch *w);

// ---- watch_hold.c ----

// A path fell; it came back, and is held back for a while; it had not fallen after all.
void watch_hold_fall(struct watch *w, uint32_t path, int64_t at_ns);
void watch_hold(struct watch *w, uint32_t path, int64_t at_ns);
void watch_hold_late(struct watch *w, uint32_t path, int64_t at_ns);
void watch_hold_adopt(struct watch *w, uint32_t path);
void watch_on_hold(void *ctx, uint64_t expirations);
// To be called more often than PT_LEASE_NS, and before events are read.
void watch_renew(struct watch *w);
// Writes the state file if anything in it has changed.
void watch_keep(struct watch *w);
void watch_on_renew(void *ctx, uint64_t expirations);

// ---- watch_switch.c ----

// After anything that may have moved traffic: tells what moved.
void watch_look(struct watch *w, const char *cause);
// The same after verdicts of the kernel: at once, but where thousands fall one after the other only
// so often that looking leaves the processor to others.
void watch_look_paced(struct watch *w);
// What waits is looked at now: before anything else moves traffic, for its cause is known.
void watch_look_waiting(struct watch *w);
void watch_on_look(void *ctx, uint64_t expirations);
// Not before then is there time for another look.
int64_t watch_look_next_ns(const struct watch *w);
void watch_gather_fall(struct watch *w, const struct pt_event *event, const char *cause);
void watch_gather_packet(struct watch *w, const struct pt_event *event);
void watch_gather_path(struct watch *w, uint32_t path);
// What still waits is told as it is.
void watch_gather_end(struct watch *w);
void watch_on_gather(void *ctx, uint64_t expirations);

// ---- watch_devices.c ----

void watch_on_link(void *ctx, enum pt_link_change change, const struct pt_link *link);
// Reads devices anew; tables and hooks follow, with `groups` the network too. A failure leaves all
// as it was.
int watch_refresh(struct watch *w, const struct pt_inputs *in, bool groups, struct pt_err *err);
void watch_on_settle(void *ctx, uint64_t expirations);
void watch_settle_soon(struct watch *w);
void watch_devices_done(struct watch *w);

// ---- watch_ways.c ----

int watch_ways_init(struct watch *w, struct pt_err *err);
void watch_ways_done(struct watch *w);
// The kernel's routing follows the plane and w->setup; all of it is read and compared.
void watch_ways_sync(struct watch *w);
// The same soon, because something may have touched it.
void watch_ways_stir(struct watch *w);
// After anything that may have moved traffic: the sites' routes go with it, at once.
void watch_ways_follow(struct watch *w);

// ---- watch_passive.c ----

int watch_passive_init(struct watch *w, struct pt_err *err);
void watch_passive_done(struct watch *w);
// A record for each path and policy whose flows have sent anything since the last time.
void watch_passive_tell(struct watch *w);
// What the kernel has timed on the path, if there was anything.
void watch_trips_tell(struct watch *w, uint32_t path);

// ---- watch_records.c ----

int watch_records_init(struct watch *w, struct pt_err *err);
void watch_records_done(struct watch *w);
void watch_on_records(void *ctx, int fd, uint32_t events);
void watch_tell(
	struct watch *w, const char *type, const struct pt_schema *schema, const void *body);
void watch_on_tick(void *ctx, uint64_t expirations);
