// SPDX-License-Identifier: MIT
// The targets of one path: ICMP echo, TCP, HTTP and DNS, each asked at its own pace by the path's
// device, and how many of them answer.
#pragma once
#include "base/arena.h"
#include "model/config.h"
#include "model/network.h"
#include "probe/hub.h"
#include "probe/service.h"

struct pt_targets;

struct pt_targets_opts {
	const struct pt_path *path;     // copied
	const struct pt_config *config; // read
	struct pt_hub *hub;
	struct pt_http *http; // NULL: HTTP targets do not answer, and `no_http` is why
	const char *no_http;
	bool by_hand; // asked by pt_targets_ask alone, not at their own pace
};

// Never fails for what a target says: one that cannot be asked does not answer, and tells why.
int pt_targets_new(const struct pt_targets_opts *o, struct pt_targets **out, struct pt_err *err);
void pt_targets_free(struct pt_targets *t);
// Whether these are just the targets that the path has under this configuration.
bool pt_targets_same(const struct pt_targets *t, const struct pt_targets_opts *o);
// Descriptors that the targets of a path take.
uint32_t pt_targets_fds(const struct pt_path *path);

// The window so far, and a new one: all but `path`. Everything in it borrows t, until the next
// call.
void pt_targets_reach(struct pt_targets *t, int64_t window_ms, struct pt_reach *out);
// Figures of the first target that answers, or of the first: the path's own where no reflector
// measures it. Call it before pt_targets_reach. Borrows t.
void pt_targets_health(struct pt_targets *t, int64_t window_ms, struct pt_health *out);
void pt_targets_ask(struct pt_targets *t); // each once
// Every target has been asked at least once, and nothing is on its way.
bool pt_targets_settled(const struct pt_targets *t);
