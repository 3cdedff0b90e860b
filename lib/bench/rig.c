// SPDX-License-Identifier: MIT
#include "bench/rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "plane/event.h"
#include "plane/names.h"
#include "plane/plane.h"
#include "plane/state.h"

#define STAMP_PORT  862
#define STREAM_PORT 5000
#define CROWD_PORT  5001
#define TOOL_NS     (20 * PT_NS_PER_S) // for a tool to do its work and end
#define READY_NS    (20 * PT_NS_PER_S) // for all paths to answer
#define STEP_NS     (2 * PT_NS_PER_MS)
#define REPLIES     5 // of a path before it counts as answered

int pt_rig_nap(int64_t ns, struct pt_err *err)
{
	struct timespec ts = { ns / PT_NS_PER_S, ns % PT_NS_PER_S };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return sigtimedwait(&set, NULL, &ts) > 0 ? pt_err_set(err, -EINTR, "interrupted") : 0;
}

int pt_rig_wait(const struct pt_rig_wait *w, struct pt_err *err)
{
	struct pt_mono end = pt_mono_add(pt_mono_now(), w->limit_ns);

	while (!w->done(w->ctx)) {
		int code = pt_rig_nap(STEP_NS, err);
		if (code)
			return code;
		if (pt_mono_diff(pt_mono_now(), end) > 0)
			return pt_err_set(err, -ETIMEDOUT, "%s", w->what);
	}
	return 0;
}

static int start_reflector(struct pt_rig *r, struct pt_err *err)
{
	const char *const argv[] = { r->probe_tool, "reflect", "--netns",
		r->sites.nodes.netns[PT_NODE_EB], NULL };

	return pt_proc_start(argv, NULL, &r->reflect, err);
}

static int start_stream(struct pt_rig *r, const struct pt_rig_opts *opts, struct pt_err *err)
{
	struct pt_feed_opts o = {
		.from_netns = r->sites.nodes.netns[PT_NODE_HA],
		.to_netns = r->sites.nodes.netns[PT_NODE_HB],
		.port = STREAM_PORT,
		.interval_ns = opts->stream_ns,
	};

	// Constants of ours: they parse.
	(void)pt_addr_parse("10.1.0.2", &o.from);
	(void)pt_addr_parse("10.2.0.2", &o.to);
	int code = pt_feed_new(&o, &r->stream, err);
	o.port = CROWD_PORT;
	o.targets = PT_FEED_TARGETS;
	return code || opts->prefixes == 1 ? code : pt_feed_new(&o, &r->crowd, err);
}

static int find_tools(struct pt_rig *r, const char *dir, struct pt_err *err)
{
	int code = pt_proc_tool(dir, "pt-probe", r->probe_tool, sizeof(r->probe_tool), err);

	return code
		? code
		: pt_proc_tool(dir, "pt-failover", r->failover_tool, sizeof(r->failover_tool), err);
}

int pt_rig_open(const struct pt_rig_opts *o, struct pt_rig *r, struct pt_err *err)
{
	const struct pt_sites_profile profile = {
		.interval_ms = o->interval_ms,
		.threshold = o->threshold,
		.port = STAMP_PORT,
		.prefixes = o->prefixes,
		.sites = o->sites,
	};

	*r = (struct pt_rig){
		.sites = { .nodes = PT_NODES_NONE }, .reflect = PT_PROC_NONE, .watch = PT_PROC_NONE
	};
	int code = find_tools(r, o->tools_dir, err);
	if (!code)
		code = pt_sites_up(PT_RIG_WANS, &r->sites, err);
	if (code)
		return code;
	(void)snprintf(r->config, sizeof(r->config), "%s/config.yaml", r->sites.scratch);
	(void)snprintf(r->network, sizeof(r->network), "%s/network.yaml", r->sites.scratch);
	(void)snprintf(r->probed, sizeof(r->probed), "%s/probed.yaml", r->sites.scratch);
	(void)snprintf(
		r->pin_dir, sizeof(r->pin_dir), "/sys/fs/bpf/pt-bench-%d/plane", (int)getpid());
	code = pt_sites_configure(&r->sites, &profile, err);
	if (!code)
		code = start_reflector(r, err);
	return code ? code : start_stream(r, o, err);
}

void pt_rig_close(struct pt_rig *r)
{
	pt_feed_free(r->stream);
	pt_feed_free(r->crowd);
	r->stream = r->crowd = NULL;
	pt_proc_stop(&r->reflect);
	pt_sites_down(&r->sites);
}

bool pt_rig_paths_answer(const struct pt_rig *r)
{
	unsigned answering = 0;

	for (uint32_t i = 1; i < r->plane->meta->path_cap; i++) {
		struct pt_state s;
		if (!(r->plane->hop[i].flags & PT_HOP_USED))
			continue;
		if (pt_state_read(r->plane, i, &s, NULL))
			return false;
		answering += !s.down && s.watch.replies >= REPLIES;
	}
	return answering == PT_RIG_WANS; // nobody else is probed
}

static bool paths_answer(const void *ctx)
{
	return pt_rig_paths_answer(ctx);
}

static void on_event(void *ctx, const struct pt_event *event)
{
	struct pt_rig *r = ctx;

	if (event->path != r->first_path)
		return;
	if (event->kind == PT_EVENT_DOWN && !r->down.detected_ns)
		r->down = *event;
	if (event->kind == PT_EVENT_FIRST_PACKET && !r->avoided.detected_ns)
		r->avoided = *event;
}

void pt_rig_forget(struct pt_rig *r)
{
	(void)pt_events_read(r->events); // an error shows in pt_rig_verdicts
	r->down = r->avoided = (struct pt_event){ 0 };
}

int pt_rig_verdicts(struct pt_rig *r, struct pt_err *err)
{
	int code = pt_events_read(r->events);

	return code < 0 ? pt_err_errno(err, code, "events of %s", r->pin_dir) : 0;
}

static int open_plane(struct pt_rig *r, struct pt_err *err)
{
	pt_autonames names = { 0 };
	int code = pt_plane_open(r->pin_dir, PT_PLANE_READ, &r->plane, err);

	if (!code)
		code = pt_names_read(r->plane, &names, err);
	if (code)
		return code;
	r->first_path = pt_names_index(&names, PT_NAME_PATH, "wan0");
	if (r->first_path == PT_NAMES_NONE)
		return pt_err_set(err, -ENOENT, "%s: no path wan0", r->pin_dir);
	return pt_events_new(r->plane, on_event, r, &r->events, err);
}

int pt_rig_attach(struct pt_rig *r, struct pt_err *err)
{
	const char *const attach[] = { r->failover_tool, "attach", "--config", r->config,
		"--network", r->network, "--pin-dir", r->pin_dir, "--netns",
		r->sites.nodes.netns[PT_NODE_EA], NULL };
	const char *const watch[] = { r->probe_tool, "watch", "--config", r->config, "--network",
		r->probed, "--pin-dir", r->pin_dir, "--netns", r->sites.nodes.netns[PT_NODE_EA],
		NULL };
	const struct pt_rig_wait ready = { paths_answer, r, READY_NS, "a path is not answered" };
	int code = pt_proc_run(attach, NULL, TOOL_NS, err);

	r->attached = !code;
	if (!code)
		code = open_plane(r, err);
	if (!code)
		code = pt_proc_start(watch, NULL, &r->watch, err);
	if (!code)
		code = pt_rig_wait(&ready, err);
	if (code == -ETIMEDOUT)
		(void)pt_proc_check(&r->watch, err); // what it died of explains more
	return code;
}

void pt_rig_detach(struct pt_rig *r)
{
	const char *const detach[] = { r->failover_tool, "detach", "--pin-dir", r->pin_dir,
		"--netns", r->sites.nodes.netns[PT_NODE_EA], NULL };

	pt_proc_stop(&r->watch);
	pt_events_free(r->events);
	r->events = NULL;
	pt_plane_free(r->plane);
	r->plane = NULL;
	if (r->attached)
		(void)pt_proc_run(detach, NULL, TOOL_NS, NULL); // an error before is told first
	r->attached = false;
}
