// SPDX-License-Identifier: MIT
#include "plane/event.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

struct pt_events {
	struct ring_buffer *ring;
	pt_event_fn *fn;
	void *ctx;
	uint32_t path_cap;
};

static int on_sample(void *ctx, void *data, size_t size)
{
	struct pt_events *e = ctx;
	const struct pt_event *event = data;

	if (size >= sizeof(*event) && event->kind < PT_EVENT_COUNT && event->path < e->path_cap &&
		event->to < e->path_cap)
		e->fn(e->ctx, event);
	return 0;
}

int pt_events_new(const struct pt_plane *p, pt_event_fn *fn, void *ctx, struct pt_events **out,
	struct pt_err *err)
{
	struct pt_events *e = calloc(1, sizeof(*e));

	if (!e)
		return pt_err_set(err, -ENOMEM, "out of memory");
	*e = (struct pt_events){ .fn = fn, .ctx = ctx, .path_cap = p->meta->path_cap };
	e->ring = ring_buffer__new(p->fd[PT_MAP_EVENT], on_sample, e, NULL);
	if (!e->ring) {
		int code = -errno;

		free(e);
		return pt_err_errno(err, code, "%s/pt_event", p->dir);
	}
	*out = e;
	return 0;
}

void pt_events_free(struct pt_events *e)
{
	if (!e)
		return;
	ring_buffer__free(e->ring);
	free(e);
}

int pt_events_fd(const struct pt_events *e)
{
	return ring_buffer__epoll_fd(e->ring);
}

int pt_events_read(struct pt_events *e)
{
	int n = ring_buffer__consume(e->ring);

	return n < 0 ? n : 0;
}
