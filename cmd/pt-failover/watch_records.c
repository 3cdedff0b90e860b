// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "plane/state.h"
#include "watch.h"

#define MAX_ORDERS 4096 // of one reading; more are applied in several batches

static void on_write(struct watch *w, int ret, const struct pt_err *err)
{
	if (ret == -EPIPE)
		pt_loop_stop(w->loop, PT_EXIT_OK); // whoever read us has gone
	else if (ret)
		pt_log(PT_LOG_WARN, "%s", err->msg);
}

void watch_tell(struct watch *w, const char *type, const struct pt_schema *schema, const void *body)
{
	struct pt_err err = {};

	on_write(w, pt_record_write(w->out, type, pt_json_write(schema, body), &err), &err);
}

// ---- decisions ----

static void apply_orders(struct watch *w)
{
	struct pt_err err = {};
	uint32_t changed = 0;

	if (w->n_orders && pt_order_apply(&w->names, w->orders, w->n_orders, &changed, &err))
		pt_log(PT_LOG_WARN, "decisions not applied: %s", err.msg);
	w->n_orders = 0;
	if (changed)
		watch_look(w, "decision");
}

// Of history only the last word on a group counts.
static bool replaces(struct watch *w, const struct pt_order *o)
{
	for (uint32_t i = 0; i < w->n_orders; i++) {
		if (w->orders[i].site == o->site && w->orders[i].policy == o->policy) {
			w->orders[i] = *o;
			return true;
		}
	}
	return false;
}

// Decided before a person gave the group its present order.
static bool is_older_than_hand(
	const struct watch *w, const json_t *record, const struct pt_order *o)
{
	const char *made = json_string_value(json_object_get(record, "boot"));
	char boot[PT_BOOT_ID_LEN] = "";
	int64_t at_ns = json_integer_value(json_object_get(record, "mono_ns"));

	(void)pt_boot_id(boot); // unknown: no record is of it
	return pt_order_is_newer_by_hand(
		w->plane, o->site, o->policy, made && !strcmp(made, boot) ? at_ns : 0);
}

static void on_decision(struct watch *w, const json_t *record)
{
	pt_autoarena arena = {};
	struct pt_decision d = {};
	struct pt_order o;
	struct pt_err err = {};

	if (pt_json_read(record, &pt_decision_schema, &arena, &d, &err) ||
		pt_order_resolve(&w->names, &d, &o, &err)) {
		// History may name what the configuration no longer has.
		pt_log(w->history ? PT_LOG_DEBUG : PT_LOG_WARN, "decision ignored: %s", err.msg);
		return;
	}
	if (w->history && (is_older_than_hand(w, record, &o) || replaces(w, &o)))
		return;
	w->orders[w->n_orders++] = o;
	if (w->n_orders == MAX_ORDERS)
		apply_orders(w);
}

static int on_record(void *ctx, const json_t *record, const char *type, const char *line)
{
	struct watch *w = ctx;
	struct pt_err err = {};

	if (!strcmp(type, "decision"))
		on_decision(w, record);
	// In a pipe the stages behind us want what the stages before us said, too.
	if (!w->ctx->from)
		on_write(w, pt_record_forward(w->out, line, strlen(line), &err), &err);
	return 0;
}

static void on_bad(void *ctx, uint64_t number, const char *why)
{
	(void)ctx;
	pt_log(PT_LOG_WARN, "line %llu: %s", (unsigned long long)number, why);
}

void watch_on_records(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;
	struct pt_err err = {};
	int ret;

	(void)events;
	ret = pt_record_read(w->reader, &err);
	apply_orders(w);
	if (ret > 0 || (ret == 0 && w->ctx->from))
		return;
	if (ret < 0)
		pt_log(PT_LOG_WARN, "reading decisions: %s", err.msg);
	(void)pt_loop_fd_del(w->loop, fd); // the pipe has ended; watching goes on
}

// Files have no readiness: epoll refuses them, and they are read to their end at once.
static int add_reader(struct watch *w, struct pt_err *err)
{
	int fd = pt_record_reader_fd(w->reader);
	int ret = pt_loop_fd_add(w->loop, fd, EPOLLIN, watch_on_records, w);

	if (ret != -EPERM)
		return ret ? pt_err_errno(err, ret, "reading decisions") : 0;
	ret = pt_record_read_all(w->reader, err);
	apply_orders(w);
	return ret < 0 ? ret : 0;
}

static int take_history(struct watch *w, struct pt_err *err)
{
	int ret;

	w->history = true;
	ret = pt_record_read_all(w->reader, err);
	apply_orders(w);
	w->history = false;
	return ret < 0 ? ret : 0;
}

int watch_records_init(struct watch *w, struct pt_err *err)
{
	const struct pt_record_sink sink = { .fn = on_record, .bad = on_bad, .ctx = w };
	char host[256] = "?";
	pt_autofree char *src = NULL;
	int ret;

	(void)gethostname(host, sizeof(host) - 1);
	if (asprintf(&src, "%s/pt-failover", host) < 0) {
		src = NULL;
		return pt_err_set(err, -ENOMEM, "out of memory");
	}
	w->orders = calloc(MAX_ORDERS, sizeof(*w->orders));
	if (!w->orders)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = pt_record_writer_new(src, STDOUT_FILENO, w->ctx->spool, &w->out, err);
	if (ret)
		return ret;
	if (!w->ctx->from && isatty(STDIN_FILENO))
		return 0;
	// A spool from its oldest line on: what was decided while nobody was here holds, too.
	ret = pt_record_reader_new(w->ctx->from ? -1 : STDIN_FILENO, w->ctx->from,
		w->ctx->from ? "" : NULL, &sink, &w->reader, err);
	if (!ret && w->ctx->from)
		ret = take_history(w, err);
	return ret ? ret : add_reader(w, err);
}

void watch_records_done(struct watch *w)
{
	pt_record_reader_free(w->reader);
	pt_record_writer_free(w->out);
	free(w->orders);
}

// ---- traffic, counters ----

static void tell_traffic(struct watch *w, uint32_t path)
{
	struct pt_count *told = &w->guard[path].told;
	struct pt_state s;
	struct pt_traffic t;

	if (pt_state_read(w->plane, path, &s, NULL))
		return;
	t = (struct pt_traffic){
		.path = pt_names_id(&w->names, PT_NAME_PATH, path),
		.tx_packets = (int64_t)(s.traffic.tx_packets - told->tx_packets),
		.tx_bytes = (int64_t)(s.traffic.tx_bytes - told->tx_bytes),
		.rx_packets = PT_NULL,
		.rx_bytes = PT_NULL,
	};
	if (s.rx_known) {
		t.rx_packets = (int64_t)(s.traffic.rx_packets - told->rx_packets);
		t.rx_bytes = (int64_t)(s.traffic.rx_bytes - told->rx_bytes);
	}
	*told = s.traffic;
	watch_tell(w, "traffic", &pt_traffic_schema, &t);
}

static void tell_stats(struct watch *w)
{
	uint64_t stat[PT_STAT_COUNT];
	json_t *counters, *body;
	struct pt_err err = {};

	if (pt_stat_read(w->plane, stat))
		return;
	counters = json_object();
	for (int i = 0; i < PT_STAT_COUNT; i++)
		(void)json_object_set_new(
			counters, pt_stat_docs[i].key, json_integer((json_int_t)stat[i]));
	body = json_object();
	(void)json_object_set_new(body, "counters", counters);
	(void)json_object_set_new(body, "detection_us", pt_hist_summary(&w->detection_us));
	(void)json_object_set_new(body, "switch_ns", pt_hist_summary(&w->switch_ns));
	(void)json_object_set_new(body, "outage_us", pt_hist_summary(&w->outage_us));
	on_write(w, pt_record_write(w->out, "stats", body, &err), &err);
}

void watch_on_tick(void *ctx, uint64_t expirations)
{
	struct watch *w = ctx;

	(void)expirations;
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++)
		if (w->plane->hop[i].flags & PT_HOP_USED &&
			pt_names_id(&w->names, PT_NAME_PATH, i)) {
			tell_traffic(w, i);
			watch_trips_tell(w, i);
		}
	watch_passive_tell(w);
	tell_stats(w);
	(void)pt_events_read(w->events); // what waits is no loss
	watch_reconcile(w);
	watch_look(w, "manual"); // whoever writes the maps without telling us
}
