// SPDX-License-Identifier: MIT
#include "probe/bfd_paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "model/records.h"
#include "probe/bfd_hub.h"

#define DSCP_CS6  48 // what routers give such packets
#define US_PER_MS 1000
#define BUCKETS   4096u // a power of two

_Static_assert((int)PT_SESSION_ADMIN_DOWN == PT_BFD_ADMIN_DOWN && (int)PT_SESSION_UP == PT_BFD_UP,
	"the record's words are the packet's states");

struct member {
	struct pt_bfd_paths *paths;
	struct member *next, *next_alike; // of all, and of those in its bucket
	char *id;
	struct pt_bfd_link *link;
	bool wanted;
	int fault; // as it was told
};

struct pt_bfd_paths {
	struct pt_loop *loop;
	struct pt_bfd_hub *hub;
	struct member *members;
	struct member *bucket[BUCKETS]; // by id: a reload asks for each of thousands
	struct pt_timer *look;
	pt_bfd_tell_fn *tell;
	void *ctx;
};

// ---- what happens ----

static int64_t detect_us(const struct pt_bfd *b)
{
	int64_t ns = pt_bfd_detect_ns(b);
	return ns ? ns / PT_NS_PER_US : PT_NULL;
}

static void on_change(void *ctx, const struct pt_bfd *b, enum pt_bfd_state from)
{
	struct member *m = ctx;
	const struct pt_session_change change = {
		.path = m->id,
		.protocol = "bfd",
		.from = (int)from,
		.to = b->state,
		.diag = pt_bfd_diag_name(b->diag),
		.remote = b->remote_state,
		.remote_diag = pt_bfd_diag_name(b->remote_diag),
		.local_id = b->mine,
		.remote_id = b->theirs ? (int64_t)b->theirs : PT_NULL,
		.detect_us = detect_us(b),
	};

	pt_log(PT_LOG_INFO, "path %s: BFD %s: %s", m->id, pt_bfd_state_name(b->state),
		pt_bfd_diag_name(b->diag));
	m->paths->tell(m->paths->ctx, pt_json_write(&pt_session_change_schema, &change));
}

static void on_look(void *ctx, uint64_t expirations)
{
	struct pt_bfd_paths *p = ctx;

	(void)expirations;
	for (struct member *m = p->members; m; m = m->next) {
		int fault = pt_bfd_link_fault(m->link);
		if (fault == m->fault)
			continue;
		m->fault = fault;
		if (fault)
			pt_log(PT_LOG_WARN, "path %s: no BFD by %s: %s", m->id,
				pt_bfd_link_opts(m->link)->device, strerrordesc_np(-fault));
		else
			pt_log(PT_LOG_WARN, "path %s: BFD packets leave again", m->id);
	}
}

// ---- what is wanted ----

static uint32_t interval_us(int64_t ms, const struct pt_config *c)
{
	return (uint32_t)((ms == PT_NULL ? pt_config_detection_ms(c) : ms) * US_PER_MS);
}

static struct pt_bfd_opts opts_of(const struct pt_path *p, const struct pt_config *c)
{
	int64_t mult = p->bfd.detect_mult == PT_NULL ? c->failover.detection_threshold
						     : p->bfd.detect_mult;

	return (struct pt_bfd_opts){
		.device = p->device,
		.target = p->target,
		.dscp = (uint8_t)(p->dscp ? p->dscp : DSCP_CS6),
		.multihop = p->bfd.multihop,
		.params = { .min_tx_us = interval_us(p->bfd.min_tx_ms, c),
			.min_rx_us = interval_us(p->bfd.min_rx_ms, c),
			.mult = (uint8_t)(mult < UINT8_MAX ? mult : UINT8_MAX) },
	};
}

static bool same_session(const struct pt_bfd_opts *a, const struct pt_bfd_opts *b)
{
	return pt_addr_eq(&a->target, &b->target) && strcmp(a->device, b->device) == 0 &&
		a->multihop == b->multihop;
}

static bool same_params(const struct pt_bfd_params *a, const struct pt_bfd_params *b)
{
	return a->min_tx_us == b->min_tx_us && a->min_rx_us == b->min_rx_us && a->mult == b->mult;
}

static struct member **bucket_of(struct pt_bfd_paths *p, const char *id)
{
	uint32_t hash = 2166136261u; // FNV-1a

	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619u;
	return &p->bucket[hash & (BUCKETS - 1)];
}

static struct member *find(struct pt_bfd_paths *p, const char *id)
{
	struct member *m = *bucket_of(p, id);

	while (m && strcmp(m->id, id) != 0)
		m = m->next_alike;
	return m;
}

static void leave_bucket(struct member *m)
{
	struct member **at = bucket_of(m->paths, m->id);

	while (*at != m)
		at = &(*at)->next_alike;
	*at = m->next_alike;
}

static void member_free(struct member *m)
{
	pt_bfd_link_free(m->link);
	free(m->id);
	free(m);
}

static int add(struct pt_bfd_paths *p, const char *id, const struct pt_bfd_opts *o)
{
	struct member *m = calloc(1, sizeof(*m));
	int code = -ENOMEM;

	if (!m)
		return code;
	*m = (struct member){ .paths = p, .id = strdup(id), .wanted = true };
	if (m->id)
		code = pt_bfd_link_new(p->hub, o, on_change, m, &m->link);
	if (code) {
		member_free(m);
		return code;
	}
	struct member **same = bucket_of(p, id);
	m->next_alike = *same;
	*same = m;
	m->next = p->members;
	p->members = m;
	return 0;
}

// Ends the sessions that are not wanted, so that others may take their device and target.
static void sweep(struct pt_bfd_paths *p)
{
	struct member **at = &p->members;

	while (*at) {
		struct member *m = *at;
		if (m->wanted) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		leave_bucket(m);
		member_free(m);
	}
}

static bool is_mine(const struct pt_path *path, const struct pt_site *self)
{
	return path->liveness == PT_LIVENESS_BFD && strcmp(path->source, self->id) == 0;
}

static void keep(struct pt_bfd_paths *p, const struct pt_path *path, const struct pt_config *c)
{
	struct pt_bfd_opts o = opts_of(path, c);
	struct member *m = find(p, path->id);

	if (!m || !same_session(pt_bfd_link_opts(m->link), &o))
		return;
	m->wanted = true;
	pt_bfd_link_mark(m->link, o.dscp);
	if (!same_params(&pt_bfd_link_opts(m->link)->params, &o.params))
		pt_bfd_link_tune(m->link, &o.params);
}

int pt_bfd_paths_load(struct pt_bfd_paths *p, const struct pt_config *c, const struct pt_network *n,
	const struct pt_site *self, struct pt_err *err)
{
	int code = 0;

	for (struct member *m = p->members; m; m = m->next)
		m->wanted = false;
	for (uint32_t i = 0; i < n->n_paths; i++)
		if (is_mine(&n->paths[i], self))
			keep(p, &n->paths[i], c);
	sweep(p);
	for (uint32_t i = 0; i < n->n_paths && !code; i++) {
		const struct pt_path *path = &n->paths[i];
		struct pt_bfd_opts o = opts_of(path, c);
		if (!is_mine(path, self))
			continue;
		if (!find(p, path->id))
			code = add(p, path->id, &o);
		if (!code)
			pt_bfd_link_enable(find(p, path->id)->link, !path->maintenance);
	}
	on_look(p, 1);
	return code ? pt_err_errno(err, code, "BFD sessions") : 0;
}

json_t *pt_bfd_paths_stats(const struct pt_bfd_paths *p)
{
	struct pt_bfd_counters n;
	json_t *refused = json_object();
	int sessions = 0, up = 0;

	pt_bfd_hub_counters(p->hub, &n);
	for (const struct member *m = p->members; m; m = m->next, sessions++)
		up += pt_bfd_link_session(m->link)->state == PT_BFD_UP;
	for (unsigned i = PT_BFD_FAULT_NONE + 1; i < PT_BFD_FAULT_COUNT; i++)
		if (n.refused[i])
			(void)json_object_set_new(refused, pt_bfd_fault_name(i),
				json_integer((json_int_t)n.refused[i])); // no memory: left out
	return json_pack("{s:i,s:i,s:I,s:I,s:I,s:o}", "sessions", sessions, "up", up, "sent",
		(json_int_t)n.sent, "received", (json_int_t)n.received, "unsent",
		(json_int_t)n.unsent, "refused", refused);
}

// ---- life ----

int pt_bfd_paths_new(
	struct pt_loop *loop, pt_bfd_tell_fn *tell, void *ctx, struct pt_bfd_paths **out)
{
	struct pt_bfd_paths *p = calloc(1, sizeof(*p));
	int code = p ? 0 : -ENOMEM;

	if (!code) {
		*p = (struct pt_bfd_paths){ .loop = loop, .tell = tell, .ctx = ctx };
		code = pt_bfd_hub_new(loop, &p->hub);
	}
	if (!code)
		code = pt_loop_timer_add(loop, pt_mono_add(pt_mono_now(), PT_NS_PER_S), PT_NS_PER_S,
			on_look, p, &p->look);
	if (code)
		pt_bfd_paths_free(p);
	else
		*out = p;
	return code;
}

void pt_bfd_paths_free(struct pt_bfd_paths *p)
{
	if (!p)
		return;
	for (struct member *m = p->members; m; m = m->next)
		m->wanted = false;
	sweep(p);
	pt_loop_timer_del(p->look);
	pt_bfd_hub_free(p->hub);
	free(p);
}
