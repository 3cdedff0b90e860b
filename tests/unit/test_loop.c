// SPDX-License-Identifier: MIT
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

struct state {
	struct pt_loop *loop;
	struct pt_timer *timer;
	int calls, other, fd[2];
	uint64_t expirations;
	struct pt_mono first;
};

static struct pt_loop *new_loop(void)
{
	struct pt_loop *loop = NULL;
	struct pt_err err = { 0 };

	if (pt_loop_new(&loop, &err))
		T_FAIL("%s", err.msg);
	return loop;
}

static void on_tick(void *ctx, uint64_t expirations)
{
	struct state *s = ctx;
	s->expirations += expirations;
	struct pt_mono due = pt_mono_add(
		s->first, (int64_t)(s->expirations - 1) * 5 * PT_NS_PER_MS);
	int64_t late = pt_mono_diff(pt_mono_now(), due);

	if (late < 0)
		T_FAIL("tick %" PRIu64 " came %" PRId64 " ns early", s->expirations, -late);
	if (++s->calls == 3) { // a slow callback must not push the later deadlines
		struct timespec ts = { .tv_nsec = 12 * PT_NS_PER_MS };
		nanosleep(&ts, NULL);
	}
	if (s->expirations >= 20)
		pt_loop_stop(s->loop, 7);
}

static void periods_do_not_drift(void)
{
	struct state s = { .loop = new_loop(), .first = pt_mono_add(pt_mono_now(), PT_NS_PER_MS) };

	T_EQ(pt_loop_timer_add(s.loop, s.first, 5 * PT_NS_PER_MS, on_tick, &s, &s.timer), 0);
	T_EQ(pt_loop_run(s.loop), 7);
	T_OK(s.expirations >= 20);
	T_OK(s.calls < (int)s.expirations); // the ones slept through came as one call
	pt_loop_free(s.loop);
}

static void on_once(void *ctx, uint64_t expirations)
{
	struct state *s = ctx;

	s->calls++;
	s->expirations += expirations;
	if (s->calls == 1) {
		T_EQ(pt_loop_timer_set(s->timer, (struct pt_mono){ 1 }, 0), 0); // long past: now
		return;
	}
	pt_loop_timer_del(s->timer); // itself
	pt_loop_stop(s->loop, 0);
}

static void timers_once_again_and_gone(void)
{
	struct state s = { .loop = new_loop() };

	T_EQ(pt_loop_timer_add(s.loop, pt_mono_now(), 0, on_once, &s, &s.timer), 0);
	T_EQ(pt_loop_timer_add(s.loop, (struct pt_mono){ -1 }, 0, on_once, &s, NULL), -EINVAL);
	T_EQ(pt_loop_run(s.loop), 0);
	T_EQ(s.calls, 2);
	T_EQ(s.expirations, 2);
	pt_loop_free(s.loop);
}

static void on_stop_timer(void *ctx, uint64_t expirations)
{
	struct state *s = ctx;

	(void)expirations;
	pt_loop_stop(s->loop, 0);
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	struct state *s = ctx;

	T_OK(events & EPOLLIN);
	s->calls++;
	// Both ends are ready in the same round; the first to run deletes both.
	T_EQ(pt_loop_fd_del(s->loop, s->fd[0]), 0);
	T_EQ(pt_loop_fd_del(s->loop, s->fd[1]), 0);
	T_EQ(pt_loop_fd_del(s->loop, fd), -ENOENT);
	T_EQ(pt_loop_timer_add(
		     s->loop, pt_mono_add(pt_mono_now(), PT_NS_PER_MS), 0, on_stop_timer, s, NULL),
		0);
}

static void deleted_in_the_same_round(void)
{
	struct state s = { .loop = new_loop() };

	T_NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s.fd) == 0);
	T_NEED(write(s.fd[0], "x", 1) == 1 && write(s.fd[1], "x", 1) == 1);
	T_EQ(pt_loop_fd_add(s.loop, s.fd[0], EPOLLIN, on_readable, &s), 0);
	T_EQ(pt_loop_fd_add(s.loop, s.fd[1], EPOLLIN, on_readable, &s), 0);
	T_EQ(pt_loop_fd_add(s.loop, -1, EPOLLIN, on_readable, &s), -EBADF);
	T_EQ(pt_loop_run(s.loop), 0);
	T_EQ(s.calls, 1);
	pt_loop_free(s.loop);
	T_EQ(write(s.fd[0], "y", 1), 1); // the descriptors stay the caller's
	close(s.fd[0]);
	close(s.fd[1]);
}

static void on_file(void *ctx, int fd, uint32_t events)
{
	struct state *s = ctx;
	char byte;

	(void)events;
	if (read(fd, &byte, 1) == 1) {
		s->calls++;
		return;
	}
	T_EQ(pt_loop_fd_del(s->loop, fd), 0);
	pt_loop_stop(s->loop, 0);
}

static void regular_files_are_ready(void)
{
	char path[] = "/tmp/pt-test-loop-XXXXXX";
	struct state s = { .loop = new_loop() };
	pt_autofd fd = mkstemp(path);

	unlink(path);
	T_NEED(fd >= 0 && write(fd, "abc", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0);
	T_EQ(pt_loop_fd_add(s.loop, fd, EPOLLIN, on_file, &s), 0);
	T_EQ(pt_loop_run(s.loop), 0);
	T_EQ(s.calls, 3);
	pt_loop_free(s.loop);
}

static void on_signal(void *ctx, int signo)
{
	struct state *s = ctx;

	s->calls++;
	s->other += signo;
	if (s->calls == 2)
		pt_loop_stop(s->loop, signo);
}

static void signals_are_callbacks(void)
{
	static const int want[] = { SIGUSR1, SIGUSR2, 0 };
	struct state s = { .loop = new_loop() };

	T_EQ(pt_loop_signals(s.loop, want, on_signal, &s), 0);
	raise(SIGUSR1);
	raise(SIGUSR2);
	T_OK(pt_loop_run(s.loop) > 0);
	T_EQ(s.calls, 2);
	T_EQ(s.other, SIGUSR1 + SIGUSR2);
	pt_loop_free(s.loop);
}

static void notifies(void)
{
	for (int i = 0; i < 2; i++) { // a path and an abstract address
		struct sockaddr_un un = { .sun_family = AF_UNIX };
		char got[32] = "", name[64];
		snprintf(name, sizeof(name), i ? "@pt-test-notify-%d" : "/tmp/pt-test-notify-%d",
			getpid());
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", name);
		socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
		if (i)
			un.sun_path[0] = '\0';
		pt_autofd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		T_NEED(fd >= 0 && bind(fd, (struct sockaddr *)&un, len) == 0);
		setenv("NOTIFY_SOCKET", name, 1);
		pt_notify("READY=1");
		T_EQ(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
		T_STR(got, "READY=1");
		if (!i)
			unlink(name);
	}
	setenv("NOTIFY_SOCKET", "relative", 1);
	pt_notify("READY=1"); // ignored
	unsetenv("NOTIFY_SOCKET");
	pt_notify("READY=1");
}

T_MAIN({ "periods do not drift and missed ones are counted", periods_do_not_drift },
	{ "timers: once, set again, deleted by themselves", timers_once_again_and_gone },
	{ "descriptors deleted while their event is in hand", deleted_in_the_same_round },
	{ "regular files are always ready", regular_files_are_ready },
	{ "signals are callbacks", signals_are_callbacks }, { "notifies the manager", notifies })
