// SPDX-License-Identifier: MIT
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define EVENTS_A_ROUND 32

// One descriptor in the loop. A deleted source is only marked, and freed between two rounds: an
// event for it may already be in hand.
struct source {
	struct source *next;
	int fd;
	bool dead;
	bool always; // a regular file: epoll refuses it, it is always ready
	void (*dispatch)(struct source *s, uint32_t events);
	void *ctx;
	union {
		pt_loop_fd_fn *fd_fn;
		pt_loop_timer_fn *timer_fn;
		pt_loop_signal_fn *signal_fn;
	};
	uint32_t events;
};

struct pt_timer {
	struct source source; // first: the loop frees both as one
	struct pt_loop *loop;
};

struct pt_loop {
	int epfd;
	struct source *sources;
	unsigned n_always;
	bool buried; // a dead source waits to be freed
	bool stop;
	int code;
};

int pt_loop_new(struct pt_loop **out, struct pt_err *err)
{
	struct pt_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return pt_err_errno(err, -ENOMEM, "event loop");
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0) {
		int code = -errno;
		free(loop);
		return pt_err_errno(err, code, "epoll");
	}
	*out = loop;
	return 0;
}

static void dispatch_fd(struct source *s, uint32_t events)
{
	s->fd_fn(s->ctx, s->fd, events);
}

static void dispatch_timer(struct source *s, uint32_t events)
{
	uint64_t expirations;

	(void)events;
	// A timer set again since it fired has nothing to read.
	if (read(s->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		s->timer_fn(s->ctx, expirations);
}

static void dispatch_signal(struct source *s, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (!s->dead && read(s->fd, &info, sizeof(info)) == sizeof(info))
		s->signal_fn(s->ctx, (int)info.ssi_signo);
}

// The loop's own descriptors are closed with their source; the caller keeps his.
static bool owns_fd(const struct source *s)
{
	return s->dispatch != dispatch_fd;
}

static void source_free(struct source *s)
{
	if (owns_fd(s) && s->fd >= 0)
		close(s->fd);
	free(s);
}

void pt_loop_free(struct pt_loop *loop)
{
	if (!loop)
		return;
	while (loop->sources) {
		struct source *s = loop->sources;
		loop->sources = s->next;
		source_free(s);
	}
	close(loop->epfd);
	free(loop);
}

// A source that the loop owns from the start, without a descriptor yet.
static struct source *source_new(struct pt_loop *loop, size_t size)
{
	struct source *s = calloc(1, size);

	if (!s)
		return NULL;
	s->fd = -1;
	s->next = loop->sources;
	loop->sources = s;
	return s;
}

static void source_bury(struct pt_loop *loop, struct source *s)
{
	s->dead = true;
	loop->buried = true;
}

static int source_arm(struct pt_loop *loop, struct source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	s->events = events;
	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, s->fd, &ev)) {
		if (errno != EPERM)
			return -errno;
		s->always = true;
		loop->n_always++;
	}
	return 0;
}

static void source_kill(struct pt_loop *loop, struct source *s)
{
	if (s->always)
		loop->n_always--;
	else
		(void)epoll_ctl(loop->epfd, EPOLL_CTL_DEL, s->fd, NULL); // gone if fd was closed
	source_bury(loop, s);
}

static void free_dead(struct pt_loop *loop)
{
	if (!loop->buried)
		return;
	for (struct source **at = &loop->sources; *at;) {
		struct source *s = *at;
		if (!s->dead) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		source_free(s);
	}
	loop->buried = false;
}

int pt_loop_fd_add(struct pt_loop *loop, int fd, uint32_t events, pt_loop_fd_fn *fn, void *ctx)
{
	struct source *s = source_new(loop, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->dispatch = dispatch_fd;
	s->fd_fn = fn;
	s->ctx = ctx;
	int err = source_arm(loop, s, events);
	if (err)
		source_bury(loop, s);
	return err;
}

int pt_loop_reader_add(struct pt_loop *loop, int fd, pt_loop_fd_fn *fn, void *ctx)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return 0;
	return pt_loop_fd_add(loop, fd, 0, fn, ctx); // EPOLLERR alone
}

int pt_loop_fd_del(struct pt_loop *loop, int fd)
{
	for (struct source *s = loop->sources; s; s = s->next) {
		if (s->fd == fd && !s->dead && !owns_fd(s)) {
			source_kill(loop, s);
			return 0;
		}
	}
	return -ENOENT;
}

static int timer_arm(int fd, struct pt_mono first, int64_t period_ns)
{
	struct itimerspec when = {
		.it_value = { first.ns / PT_NS_PER_S, first.ns % PT_NS_PER_S },
		.it_interval = { period_ns / PT_NS_PER_S, period_ns % PT_NS_PER_S },
	};

	if (first.ns < 0 || period_ns < 0)
		return -EINVAL;
	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) ? -errno : 0;
}

int pt_loop_timer_set(struct pt_timer *timer, struct pt_mono first, int64_t period_ns)
{
	return timer_arm(timer->source.fd, first, period_ns);
}

int pt_loop_timer_add(struct pt_loop *loop, struct pt_mono first, int64_t period_ns,
	pt_loop_timer_fn *fn, void *ctx, struct pt_timer **out)
{
	struct source *s = source_new(loop, sizeof(struct pt_timer));

	if (!s)
		return -ENOMEM;
	s->dispatch = dispatch_timer;
	s->timer_fn = fn;
	s->ctx = ctx;
	s->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int err = s->fd < 0 ? -errno : timer_arm(s->fd, first, period_ns);
	if (!err)
		err = source_arm(loop, s, EPOLLIN);
	if (err) {
		source_bury(loop, s);
		return err;
	}
	struct pt_timer *t = (struct pt_timer *)s;
	t->loop = loop;
	if (out)
		*out = t;
	return 0;
}

void pt_loop_timer_del(struct pt_timer *timer)
{
	if (timer)
		source_kill(timer->loop, &timer->source);
}

int pt_loop_signals(struct pt_loop *loop, const int *signals, pt_loop_signal_fn *fn, void *ctx)
{
	struct source *s = source_new(loop, sizeof(*s));
	sigset_t set;

	if (!s)
		return -ENOMEM;
	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	s->dispatch = dispatch_signal;
	s->signal_fn = fn;
	s->ctx = ctx;
	int err = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!err) {
		s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
		err = s->fd < 0 ? -errno : source_arm(loop, s, EPOLLIN);
	}
	if (err)
		source_bury(loop, s);
	return err;
}

static void run_always(struct pt_loop *loop)
{
	// Sources added on the way sit in front of the list and wait for the next round.
	for (struct source *s = loop->sources; s && !loop->stop; s = s->next) {
		if (s->always && !s->dead)
			s->dispatch(s, s->events & (EPOLLIN | EPOLLOUT));
	}
}

int pt_loop_run(struct pt_loop *loop)
{
	struct epoll_event ev[EVENTS_A_ROUND];

	while (!loop->stop) {
		int n = epoll_wait(loop->epfd, ev, EVENTS_A_ROUND, loop->n_always ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !loop->stop; i++) {
			struct source *s = ev[i].data.ptr;
			if (!s->dead)
				s->dispatch(s, ev[i].events);
		}
		if (loop->n_always)
			run_always(loop);
		free_dead(loop);
	}
	loop->stop = false;
	return loop->code;
}

void pt_loop_stop(struct pt_loop *loop, int code)
{
	loop->stop = true;
	loop->code = code;
}

void pt_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len > sizeof(to.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (*path == '@')
		to.sun_path[0] = '\0'; // an abstract address
	pt_autofd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	// The manager not listening is no fault of ours.
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}
