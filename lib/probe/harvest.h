// SPDX-License-Identifier: MIT
// Answers that the kernel keeps for a hub in a ring (probe/replies.h), read in batches when probes
// leave instead of one by one out of sockets. It begins by itself when a plane is attached, ends
// when that goes, and as long as there is none, or another process reads it, sockets serve as ever.
#pragma once
#include "probe/hub.h"

struct pt_harvest;

// dir: the plane's pin directory; copied. -ENOMEM.
int pt_harvest_new(const char *dir, struct pt_harvest **out);
void pt_harvest_free(struct pt_harvest *v);
// Whether it may: not where somebody waits for each answer.
void pt_harvest_allow(struct pt_harvest *v, bool allowed);

enum pt_harvest_state {
	PT_HARVEST_NONE,   // nothing comes by here
	PT_HARVEST_LAPSED, // what came was read, but for a while all has gone to the ports
	PT_HARVEST_ALL,
	PT_HARVEST_MORE, // a processor is just writing one, with others behind
};
// Reads what has come until now, oldest first.
enum pt_harvest_state pt_harvest_read(struct pt_harvest *v, struct pt_hub *h);
// Nothing comes by here after a lapse, until this was called.
void pt_harvest_renew(struct pt_harvest *v);
// Once a second or so: follows the plane, its paths, and the ports that the hub's streams send by.
// True: answers that came by ports come by here from now on.
bool pt_harvest_look(struct pt_harvest *v, struct pt_hub *h);
// A stream that goes.
void pt_harvest_forget(struct pt_harvest *v, const struct pt_stream *s);

uint64_t pt_harvest_count(const struct pt_harvest *v); // answers read; v may be NULL
