// SPDX-License-Identifier: MIT
#include "probe/http.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct pt_http {
	struct pt_curl curl;
	struct pt_loop *loop;
	struct pt_timer *timer;
	CURLM *multi;
};

const struct pt_curl *pt_http_curl(const struct pt_http *h)
{
	return &h->curl;
}

// Transfers that have ended. Their callbacks may start new ones.
static void settle(struct pt_http *h)
{
	CURLMsg *m;
	int left;

	while ((m = h->curl.multi_info_read(h->multi, &left))) {
		struct pt_http_transfer *t = NULL;
		CURLcode result = m->data.result;
		CURL *easy = m->easy_handle;
		if (m->msg != CURLMSG_DONE)
			continue;
		(void)h->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &t);
		(void)h->curl.multi_remove_handle(h->multi, easy);
		t->fn(t->ctx, result);
	}
}

static void act(struct pt_http *h, curl_socket_t fd, int what)
{
	int running;

	(void)h->curl.multi_socket_action(h->multi, fd, what, &running); // faults end transfers
	settle(h);
}

static void on_fd(void *ctx, int fd, uint32_t events)
{
	int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		(events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		(events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

	act(ctx, fd, what);
}

static void on_timer(void *ctx, uint64_t expirations)
{
	(void)expirations;
	act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

// libcurl says which descriptors it waits for. It calls this before it closes one.
static int want_fd(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct pt_http *h = ctx;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
		(what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	(void)easy;
	(void)known;
	(void)pt_loop_fd_del(h->loop, fd); // -ENOENT: a new one
	if (what == CURL_POLL_REMOVE || !events)
		return 0;
	return pt_loop_fd_add(h->loop, fd, events, on_fd, h) ? -1 : 0;
}

static int want_timer(CURLM *multi, long ms, void *ctx)
{
	struct pt_http *h = ctx;
	struct pt_mono at = { 0 }; // none

	(void)multi;
	if (ms >= 0) // never 0, which would disarm it
		at = pt_mono_add(pt_mono_now(), ms * PT_NS_PER_MS + 1);
	return pt_loop_timer_set(h->timer, at, 0) ? -1 : 0;
}

int pt_http_new(struct pt_loop *loop, struct pt_http **out, struct pt_err *err)
{
	struct pt_http *h = calloc(1, sizeof(*h));

	if (!h)
		return pt_err_set(err, -ENOMEM, "out of memory");
	h->loop = loop;
	int code = pt_curl_load(&h->curl, err);
	if (!code && !(h->multi = h->curl.multi_init()))
		code = pt_err_set(err, -ENOMEM, "out of memory");
	if (!code &&
		(code = pt_loop_timer_add(loop, (struct pt_mono){ 0 }, 0, on_timer, h, &h->timer)))
		(void)pt_err_errno(err, code, "timer");
	if (code) {
		pt_http_free(h);
		return code;
	}
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_fd);
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	*out = h;
	return 0;
}

void pt_http_free(struct pt_http *h)
{
	if (!h)
		return;
	if (h->multi)
		(void)h->curl.multi_cleanup(h->multi);
	pt_loop_timer_del(h->timer);
	free(h);
}

int pt_http_start(struct pt_http *h, struct pt_http_transfer *t)
{
	(void)h->curl.easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	return h->curl.multi_add_handle(h->multi, t->easy) ? -EIO : 0;
}

void pt_http_stop(struct pt_http *h, struct pt_http_transfer *t)
{
	(void)h->curl.multi_remove_handle(h->multi, t->easy);
}
