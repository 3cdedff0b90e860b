// SPDX-License-Identifier: MIT
// Two sites, three WANs, a user's stream between them, and Patronus on the first site's edge: what
// the workloads that cut WANs stand on.
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/feed.h"
#include "bench/proc.h"
#include "bench/sites.h"
#include "bpf/plane.h"

#define PT_RIG_WANS 3

struct pt_rig_opts {
	int64_t interval_ms;   // between probes
	unsigned threshold;    // unanswered ones that make a path down
	unsigned prefixes;     // of the far sites
	unsigned sites;        // far ones; only the first is probed
	int64_t stream_ns;     // between user packets
	const char *tools_dir; // NULL: beside the running program
};

struct pt_rig {
	struct pt_sites sites;
	struct pt_feed *stream; // from host to host
	struct pt_feed
		*crowd; // the same in turn to PT_FEED_TARGETS of its prefixes; NULL: one prefix
	struct pt_proc reflect, watch;
	char probe_tool[PATH_MAX], failover_tool[PATH_MAX], pin_dir[64];
	char config[PATH_MAX], network[PATH_MAX], probed[PATH_MAX];
	bool attached;
	struct pt_plane *plane; // while attached
	struct pt_events *events;
	uint32_t first_path; // index of the path by wan0
	// Since pt_rig_forget, detected_ns 0: none. Its first verdict; the first packet that
	// avoided it.
	struct pt_event down, avoided;
};

// Namespaces, reflector and stream. After an error as after success, pt_rig_close. The rig must not
// be moved afterwards.
int pt_rig_open(const struct pt_rig_opts *o, struct pt_rig *r, struct pt_err *err);
void pt_rig_close(struct pt_rig *r);

// Attaches Patronus, starts the probes, waits until all paths are answered. pt_rig_detach undoes
// what was done, also after an error.
int pt_rig_attach(struct pt_rig *r, struct pt_err *err);
void pt_rig_detach(struct pt_rig *r);
// The kernel holds all paths up, and every one has been answered.
bool pt_rig_paths_answer(const struct pt_rig *r);
// Forgets all verdicts up to now; reads those since then into r->down.
void pt_rig_forget(struct pt_rig *r);
int pt_rig_verdicts(struct pt_rig *r, struct pt_err *err);

// Sleeps. -EINTR on SIGINT and SIGTERM, which the caller has blocked.
int pt_rig_nap(int64_t ns, struct pt_err *err);
// 0 once `done` says so, -ETIMEDOUT with that line in err, -EINTR.
struct pt_rig_wait {
	bool (*done)(const void *ctx);
	const void *ctx;
	int64_t limit_ns;
	const char *what; // "a path is not answered"
};
int pt_rig_wait(const struct pt_rig_wait *w, struct pt_err *err);
