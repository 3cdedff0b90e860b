// SPDX-License-Identifier: MIT
// What the parts of pt-probe ping share.
#pragma once
#include "base/cli.h"
#include "probe/schedule.h"
#include "probe/stream.h"
#include "verbs.h"
#include "wire/stamp_auth.h"

#define PING_MAX_TARGETS 65536

struct ping;
struct trail;
struct board;
struct target {
	struct ping *ping;
	const char *name; // as given
	char text[PT_ADDR_LEN];
	struct pt_stream *stream;
	uint64_t tried;
	bool finished;
	int fault;           // last one told
	struct trail *trail; // for the board; NULL: there is none
};

struct ping {
	struct pt_ctx *ctx;
	const struct probe_ping_opts *o;
	struct pt_hub hub;
	struct pt_stamp_key *key; // authenticated mode; NULL: open
	struct target *targets;
	uint32_t n;
	uint32_t sending;    // targets that still want probes
	uint32_t unfinished; // targets that still want probes or answers
	uint32_t look;       // at this target next for overdue probes
	char *listed;        // the text of -f, which names borrow from
	struct pt_schedule schedule;
	struct pt_timer *tick;
	struct pt_mono start;
	bool silent;         // a target never answered, says the report
	bool live;           // a line for each answer
	struct board *board; // a line for each host, drawn again and again; NULL: none
};

// Defaults, and what does not go together. -EINVAL: a usage error.
int ping_options_complete(struct pt_ctx *ctx, struct probe_ping_opts *o);

// Hosts of the command line, of -f and, where neither names any, of standard input.
int ping_targets_add(struct ping *p, int argc, char **argv);

// Records or the table; the exit code.
int ping_report(struct ping *p);

// A line a host on a terminal, with a sparkline of its last answers. Where there is no terminal, or
// too few rows, nothing happens.
int ping_board_new(struct ping *p, struct pt_err *err);
void ping_board_event(struct target *t, const struct pt_stream_event *e);
void ping_board_free(struct ping *p); // draws it a last time
