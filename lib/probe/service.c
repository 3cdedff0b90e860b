// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/service_kind.h"

static const struct pt_service_kind *kind_of(enum pt_probe_kind probe)
{
	switch (probe) {
	case PT_PROBE_TCP:
		return &pt_service_tcp;
	case PT_PROBE_DNS:
		return &pt_service_dns;
	case PT_PROBE_HTTP:
		return &pt_service_http;
	default:
		return NULL;
	}
}

void pt_service_fail(struct pt_service *s, const char *fmt, ...)
{
	va_list ap;

	s->news.ok = false;
	va_start(ap, fmt);
	(void)vsnprintf(s->news.why, sizeof(s->news.why), fmt, ap);
	va_end(ap);
}

static void close_socket(struct pt_service *s)
{
	if (s->fd < 0)
		return;
	(void)pt_loop_fd_del(s->loop, s->fd); // -ENOENT: never got so far
	(void)close(pt_take_fd(&s->fd));
}

void pt_service_done(struct pt_service *s)
{
	pt_service_fn *fn = s->fn;

	close_socket(s);
	(void)pt_loop_timer_set(s->timer, (struct pt_mono){ 0 }, 0); // disarming cannot fail
	s->fn = NULL;
	if (s->news.ok)
		s->news.why[0] = '\0';
	if (fn)
		fn(s->ctx, &s->news);
}

static void on_timeout(void *ctx, uint64_t expirations)
{
	struct pt_service *s = ctx;

	(void)expirations;
	if (!s->fn)
		return;
	pt_service_fail(s, "no answer within %lld ms", (long long)(s->o.timeout_ns / PT_NS_PER_MS));
	s->kind->stop(s);
	pt_service_done(s);
}

// ---- sockets that take the way they are told ----

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int bind_source(struct pt_service *s, int fd)
{
	struct sockaddr_storage ss;
	char text[PT_ADDR_LEN];
	socklen_t len = pt_addr_sockaddr(&s->o.way.source, 0, &ss);

	if (bind(fd, (const struct sockaddr *)&ss, len) == 0)
		return 0;
	int code = -errno;
	pt_addr_format(&s->o.way.source, text);
	pt_service_fail(s, "source %s: %s", text, strerrordesc_np(-code));
	return code;
}

int pt_service_prepare(struct pt_service *s, int fd, int family)
{
	const struct pt_service_way *w = &s->o.way;
	bool v6 = family == AF_INET6;
	int code = 0;

	if (w->device &&
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, w->device,
			(socklen_t)strlen(w->device) + 1)) {
		code = -errno;
		pt_service_fail(s, "device %s: %s", w->device, strerrordesc_np(-code));
		return code;
	}
	if (w->mark)
		code = set_int(fd, SOL_SOCKET, SO_MARK, (int)w->mark);
	if (code) {
		pt_service_fail(s, "packet mark: %s",
			code == -EPERM ? "needs CAP_NET_ADMIN or CAP_NET_RAW"
				       : strerrordesc_np(-code));
		return code;
	}
	if (w->dscp)
		code = v6 ? set_int(fd, SOL_IPV6, IPV6_TCLASS, w->dscp << 2)
			  : set_int(fd, SOL_IP, IP_TOS, w->dscp << 2);
	if (code) {
		pt_service_fail(s, "traffic class: %s", strerrordesc_np(-code));
		return code;
	}
	return w->source.family == family ? bind_source(s, fd) : 0;
}

int pt_service_socket(struct pt_service *s, int type)
{
	pt_autofd fd = socket(s->o.target.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int code = fd < 0 ? -errno : 0;

	if (code)
		pt_service_fail(s, "socket: %s", strerrordesc_np(-code));
	else
		code = pt_service_prepare(s, fd, s->o.target.family);
	if (code) {
		s->news.unsent = true;
		return code;
	}
	s->fd = pt_take_fd(&fd);
	return 0;
}

int pt_service_connect(struct pt_service *s)
{
	struct sockaddr_storage ss;
	socklen_t len = pt_addr_sockaddr(&s->o.target, s->o.port, &ss);

	if (s->o.target.family == AF_INET6)
		((struct sockaddr_in6 *)&ss)->sin6_scope_id = s->o.scope;
	return connect(s->fd, (const struct sockaddr *)&ss, len) ? -errno : 0;
}

// ---- life ----

int pt_service_new(const struct pt_service_opts *o, struct pt_loop *loop, struct pt_http *http,
	struct pt_service **out, struct pt_err *err)
{
	const struct pt_service_kind *kind = kind_of(o->probe);
	if (!kind || o->timeout_ns <= 0)
		return pt_err_set(err, -EINVAL, "a service cannot be asked so");
	struct pt_service *s = calloc(1, sizeof(*s));
	if (!s)
		return pt_err_set(err, -ENOMEM, "out of memory");
	*s = (struct pt_service){ .o = *o, .kind = kind, .loop = loop, .http = http, .fd = -1 };
	int code = kind->check ? kind->check(s, err) : 0;
	if (!code &&
		(code = pt_loop_timer_add(
			 loop, (struct pt_mono){ 0 }, 0, on_timeout, s, &s->timer)))
		(void)pt_err_errno(err, code, "timer");
	if (code)
		pt_service_free(s);
	else
		*out = s;
	return code;
}

void pt_service_free(struct pt_service *s)
{
	if (!s)
		return;
	if (s->fn && s->kind->stop)
		s->kind->stop(s);
	close_socket(s);
	if (s->kind->release)
		s->kind->release(s);
	pt_loop_timer_del(s->timer);
	free(s);
}

bool pt_service_busy(const struct pt_service *s)
{
	return s->fn;
}

bool pt_service_ask(struct pt_service *s, pt_service_fn *fn, void *ctx)
{
	if (s->fn)
		return false;
	s->fn = fn;
	s->ctx = ctx;
	s->news = (struct pt_service_news){ .peer = s->o.target, .rtt_ns = PT_NULL };
	pt_schema_defaults(&pt_service_schema, &s->news.figures);
	s->start = pt_mono_now();
	s->start_real_ns = pt_wall_ns();
	// A valid time: it cannot fail.
	(void)pt_loop_timer_set(s->timer, pt_mono_add(s->start, s->o.timeout_ns), 0);
	s->kind->start(s);
	return true;
}
