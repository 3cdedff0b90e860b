// SPDX-License-Identifier: MIT
// What the verbs of pt-failover share.
#pragma once
#include "base/arena.h"
#include "base/cli.h"
#include "model/config.h"
#include "model/network.h"
#include "net/link.h"
#include "plane/plane.h"
#include "plane/setup.h"

// The files of one run; owned by `arena`.
struct pt_inputs {
	struct pt_arena arena; // first: the rest points into it
	struct pt_config cfg;
	struct pt_network net;
	const struct pt_site *self;
};

// Loads --config (its absence at the default place means defaults) and --network, finds this edge.
int pt_inputs_load(const struct pt_ctx *ctx, struct pt_inputs *out, struct pt_err *err);
void pt_inputs_done(struct pt_inputs *in);
#define pt_autoinputs __attribute__((cleanup(pt_inputs_done))) struct pt_inputs

// The kernel's devices, addresses, gateways and firewall at one moment.
struct pt_devices {
	struct pt_links links;
	struct pt_gateways gateways;
	struct pt_firewall firewall;
};

// Reads them for these files; *setup borrows from both.
int pt_devices_read(const struct pt_inputs *in, struct pt_devices *out, struct pt_setup *setup,
	struct pt_err *err);
void pt_devices_done(struct pt_devices *d);
#define pt_autodevices __attribute__((cleanup(pt_devices_done))) struct pt_devices

const char *pt_pin_dir(const struct pt_ctx *ctx);
// NULL: nothing is kept, for the plane is not the one that attach makes at boot.
const char *pt_state_dir(const struct pt_ctx *ctx);

int failover_apply(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_attach(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_detach(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_status(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_switch(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_watch(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_drain(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_undrain(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_drill(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_why(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int failover_events(struct pt_ctx *ctx, int argc, char **argv, void *opts);

struct status_opts {
	uint64_t watch_s; // 0: once
};
extern const struct argp_option status_options[];
int status_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

struct attach_opts {
	bool hook_given; // else failover.hook
	enum pt_hook_kind hook;
};
extern const struct argp_option attach_options[];
int attach_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

struct switch_opts {
	const char *policy;
	bool block, unblock;
};
extern const struct argp_option switch_options[];
int switch_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

struct events_opts {
	bool follow, draw;
};
extern const struct argp_option events_options[];
int events_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

struct why_opts {
	const char *if_down;
};
extern const struct argp_option why_options[];
int why_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

struct drain_opts {
	uint64_t seconds;
	bool force;
};
extern const struct argp_option drain_options[], drill_options[];
int drain_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
