// SPDX-License-Identifier: MIT
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define RENEW_NS PT_NS_PER_S

static const struct pt_mono never = { INT64_MAX };

static void on_ring(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;
	int ret;

	(void)fd;
	(void)events;
	watch_renew(w);
	ret = pt_events_read(w->events);
	if (ret)
		pt_log(PT_LOG_WARN, "events: %s", strerror(-ret));
	watch_look_paced(w);
}

// A verb has changed what packets use.
static void on_touch(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;

	(void)events;
	pt_pin_touch_read(fd);
	w->keep_dirty = true;
	watch_look(w, "manual");
}

static void on_netlink(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;
	struct pt_err err = {};

	(void)fd;
	(void)events;
	if (pt_link_monitor_read(w->monitor, watch_on_link, w, &err))
		pt_log(PT_LOG_WARN, "%s", err.msg);
}

static void set_tick(struct watch *w)
{
	int64_t period = w->in->cfg.metrics.enabled
		? w->in->cfg.metrics.export_interval_secs * PT_NS_PER_S
		: 0;

	(void)pt_loop_timer_set(
		w->tick, period ? pt_mono_add(pt_mono_now(), period) : never, period);
}

// A file that is wrong in any way changes nothing.
static void reload(struct watch *w)
{
	struct pt_inputs *next = calloc(1, sizeof(*next));
	struct pt_err err = {};
	int ret = next ? pt_inputs_load(w->ctx, next, &err) : -ENOMEM;

	if (!ret && strcmp(next->self->id, w->in->self->id) != 0)
		ret = pt_err_set(&err, -EINVAL, "this edge is %s, not %s; detach first",
			w->in->self->id, next->self->id);
	if (!ret)
		ret = watch_refresh(w, next, true, &err);
	if (ret) {
		pt_log(PT_LOG_ERROR, "reload: nothing changed: %s", err.msg);
		if (next)
			pt_inputs_done(next);
		free(next);
		return;
	}
	pt_inputs_done(w->in);
	free(w->in);
	w->in = next;
	set_tick(w);
	watch_look(w, "reload");
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++)
		if (w->plane->hop[i].flags & PT_HOP_USED)
			watch_note(w, i, "reload", PT_NULL); // maintenance began or ended
	watch_on_settle(w, 1);
	pt_log(PT_LOG_INFO, "reloaded");
}

static void on_signal(void *ctx, int signo)
{
	struct watch *w = ctx;

	if (signo == SIGHUP) {
		reload(w);
		return;
	}
	watch_gather_end(w);
	watch_keep(w);
	pt_loop_stop(w->loop, PT_EXIT_OK);
}

static int add_timers(struct watch *w, struct pt_err *err)
{
	const struct {
		struct pt_timer **slot;
		pt_loop_timer_fn *fn;
	} timers[] = {
		{ &w->look, watch_on_look },
		{ &w->hold, watch_on_hold },
		{ &w->renew, watch_on_renew },
		{ &w->gather, watch_on_gather },
		{ &w->tick, watch_on_tick },
		{ &w->settle, watch_on_settle },
	};
	int ret = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(timers) && !ret; i++)
		ret = pt_loop_timer_add(w->loop, never, 0, timers[i].fn, w, timers[i].slot);
	return ret ? pt_err_errno(err, ret, "timers") : 0;
}

static int open_plane(struct watch *w, struct pt_err *err)
{
	const char *dir = pt_pin_dir(w->ctx);
	pt_autodevices devices = {};
	struct pt_setup setup;
	int ret = pt_pin_exists(dir, err);

	if (!ret)
		ret = pt_pin_lock(dir, PT_PIN_LOCK_WATCH, &w->lock, err);
	if (!ret)
		ret = pt_pin_touch_watch(dir, &w->touched, err);
	if (!ret)
		ret = pt_plane_open(dir, PT_PLANE_WRITE, &w->plane, err);
	if (!ret)
		ret = pt_devices_read(w->in, &devices, &setup, err);
	if (ret)
		return ret;
	pt_plane_changed(w->plane); // what a writer that was killed has begun, packets look at, too
	return pt_setup_load(w->plane, &setup, &w->progs, err);
}

static int open_all(struct watch *w, struct pt_err *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	int ret = pt_inputs_load(w->ctx, w->in, err);

	if (!ret)
		ret = pt_loop_new(&w->loop, err);
	if (!ret)
		ret = pt_loop_signals(w->loop, signals, on_signal, w);
	if (!ret)
		ret = add_timers(w, err);
	if (!ret)
		ret = open_plane(w, err);
	// Changes are subscribed to before the present is read: nothing falls between.
	if (!ret)
		ret = pt_link_monitor_new(&w->monitor, err);
	if (!ret)
		ret = watch_ways_init(w, err);
	if (!ret)
		ret = watch_refresh(w, w->in, true, err);
	if (!ret)
		ret = watch_paths_init(w, err);
	if (!ret)
		ret = pt_events_new(w->plane, watch_on_event, w, &w->events, err);
	if (!ret)
		ret = watch_passive_init(w, err);
	if (!ret)
		ret = watch_records_init(w, err);
	return ret;
}

static void on_reader_gone(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;

	(void)fd;
	(void)events;
	pt_loop_stop(w->loop, PT_EXIT_OK);
}

static int run(struct watch *w, struct pt_err *err)
{
	int ret = pt_loop_fd_add(w->loop, pt_link_monitor_fd(w->monitor), EPOLLIN, on_netlink, w);

	if (!ret)
		ret = pt_loop_fd_add(w->loop, pt_events_fd(w->events), EPOLLIN, on_ring, w);
	if (!ret)
		ret = pt_loop_fd_add(w->loop, w->touched, EPOLLIN, on_touch, w);
	if (!ret)
		ret = pt_loop_reader_add(w->loop, STDOUT_FILENO, on_reader_gone, w);
	if (ret)
		return pt_err_errno(err, ret, "loop");
	on_ring(w, -1, 0); // what happened while nobody watched
	(void)pt_loop_timer_set(w->renew, pt_mono_add(pt_mono_now(), RENEW_NS), RENEW_NS);
	watch_on_settle(w, 1);
	set_tick(w);
	pt_notify("READY=1");
	ret = pt_loop_run(w->loop);
	return ret < 0 ? pt_err_errno(err, ret, "loop") : ret;
}

static void close_all(struct watch *w)
{
	watch_records_done(w);
	watch_passive_done(w);
	watch_paths_done(w);
	pt_names_done(&w->names);
	pt_events_free(w->events);
	watch_devices_done(w);
	watch_ways_done(w);
	pt_loop_free(w->loop);
	pt_programs_done(&w->progs);
	pt_plane_free(w->plane);
	pt_cleanup_fd(&w->touched);
	pt_cleanup_fd(&w->lock);
	pt_inputs_done(w->in);
	free(w->in);
}

int failover_watch(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct watch w = { .ctx = ctx, .progs = PT_PROGRAMS_NONE, .lock = -1, .touched = -1 };
	int ret;

	(void)argc; // none are taken
	(void)argv;
	(void)opts;
	w.in = calloc(1, sizeof(*w.in));
	if (!w.in) {
		(void)pt_err_set(&ctx->err, -ENOMEM, "out of memory");
		return PT_EXIT_FAIL;
	}
	ret = open_all(&w, &ctx->err);
	if (!ret)
		ret = run(&w, &ctx->err);
	close_all(&w);
	return ret < 0 ? PT_EXIT_FAIL : ret;
}
