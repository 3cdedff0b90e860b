// SPDX-License-Identifier: MIT
// All paths of this edge, measured for ever: one STAMP stream each, with a period of
// min(failover detection interval, check interval / probes_per_check), and one `health` record a
// path every check interval. Paths under maintenance are measured, too.
#pragma once
#include "base/loop.h"
#include "base/record.h"

struct pt_watch_opts {
	const char *config, *network; // files
	const char *pin_dir;          // of the plane that may keep replies; NULL: none
	struct pt_record_writer *out; // borrowed
};

struct pt_watch;

// Reads both files and starts. READY=1 is sent once every path has had its first probe.
int pt_watch_new(const struct pt_watch_opts *o, struct pt_loop *loop, struct pt_watch **out,
	struct pt_err *err);
void pt_watch_free(struct pt_watch *w);

// Reads both files again. On failure everything stays as it is. Streams of paths that are the same
// as before keep their sequence numbers, statistics and sockets.
int pt_watch_reload(struct pt_watch *w, struct pt_err *err);
