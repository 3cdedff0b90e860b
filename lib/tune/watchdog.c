// SPDX-License-Identifier: MIT
#include "tune/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAX_FDS   1024
#define FILE_NAME "watchdog" // locked for as long as it lives
#define RETRY_MS  1000
#define MAX_BLIND 10 // then without the devices: the rest of the host is put back

bool pt_tx_watched(const struct pt_tx *t)
{
	pt_autofd fd = openat(t->dir_fd, FILE_NAME, O_RDWR | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

struct dog {
	struct pt_host host;
	struct pt_tx_state state;
	const char *id;
	int link;
	unsigned blind; // tries that did not find the devices
};

// False: not now, it must be tried again.
static bool undo(struct dog *d)
{
	pt_autoarena a = { 0 };
	struct pt_nics nics = { 0 };
	struct pt_tx t;
	enum pt_tx_result result;

	int rc = pt_tx_lock(&d->state, true, NULL);
	if (rc == 0)
		rc = pt_tx_load(&d->state, &a, d->id, &t, NULL);
	if (rc) {
		pt_tx_unlock(&d->state);
		return rc == -ENOENT; // without its journal it knows nothing
	}
	// Somebody may have confirmed, or undone, or given more time, while the lock was waited
	// for.
	bool late = !t.applied || (t.deadline_ms && t.deadline_ms <= pt_tx_boottime_ms());
	bool done = t.result != PT_TX_OPEN;
	if (!done && late && (pt_nics_read(&d->host, &nics, NULL) == 0 || ++d->blind > MAX_BLIND)) {
		const struct pt_access access = { &d->host, &nics };
		(void)pt_tx_undo(&t, &access, false, &result, NULL); // the journal has its result
		done = true;
	}
	pt_nics_done(&nics);
	pt_tx_close(&t);
	pt_tx_unlock(&d->state);
	return done;
}

// The deadline in the journal; 0: closed, nothing to wait for; -1: none. A journal that cannot be
// read now leaves *at as it was.
static int deadline(struct dog *d, int64_t *at)
{
	pt_autoarena a = { 0 };
	struct pt_tx t;
	int rc = pt_tx_load(&d->state, &a, d->id, &t, NULL);

	if (rc == -ENOENT)
		*at = 0;
	if (rc < 0)
		return rc;
	*at = t.result != PT_TX_OPEN ? 0 : t.deadline_ms ? t.deadline_ms : -1;
	pt_tx_close(&t);
	return 0;
}

static void arm(int timer, int64_t at_ms)
{
	struct itimerspec when = { .it_value = { .tv_sec = at_ms / 1000,
					   .tv_nsec = at_ms % 1000 * 1000000 } };

	(void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL); // cannot fail with these
}

// Until the deadline, or until the journal says that it is over. Where the kernel has no timer or
// no watch left for it, it looks every second.
static void wait_for_result(struct dog *d)
{
	pt_autofd timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	pt_autofd watch = inotify_init1(IN_CLOEXEC);
	char path[128], events[4096];
	int64_t at = -1;

	(void)snprintf(
		path, sizeof(path), "/proc/self/fd/%d/tx/%.39s/journal", d->state.dir_fd, d->id);
	bool look = timer < 0 || watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0;
	for (;;) {
		bool unread = deadline(d, &at) < 0;
		bool due = at > 0 && at <= pt_tx_boottime_ms();
		if (at == 0 || (due && undo(d)))
			return;
		if (at > 0 && timer >= 0 && !due)
			arm(timer, at);
		struct pollfd p[] = { { .fd = due ? -1 : timer, .events = POLLIN },
			{ .fd = watch, .events = POLLIN } };
		(void)poll(p, PT_ARRAY_LEN(p), look || unread || due ? RETRY_MS : -1);
		if (p[1].revents)
			(void)!read(
				watch, events, sizeof(events)); // what happened is in the journal
	}
}

static void live(struct dog *d)
{
	char word;
	ssize_t n;

	do
		n = read(d->link, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1 && word == 'A')
		wait_for_result(d);
	while (n == 0 && !undo(d)) // it died in the middle
		(void)poll(NULL, 0, RETRY_MS);
}

// Whoever waits for the end of a pipe that the caller had open must not wait for this process.
static void close_others(const struct dog *d, int locked)
{
	const int keep[] = { d->host.root_fd, d->host.sys_fd, d->state.dir_fd, d->link, locked };

	for (int fd = STDERR_FILENO + 1; fd < MAX_FDS; fd++) {
		bool kept = false;
		for (size_t i = 0; i < PT_ARRAY_LEN(keep); i++)
			kept |= keep[i] == fd;
		if (!kept)
			(void)close(fd);
	}
}

static void leave_terminal(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP,
		SIGXFSZ };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < PT_ARRAY_LEN(ignored); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	(void)setsid();
	(void)!chdir("/");
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
}

static _Noreturn void run(struct dog *d, const struct pt_tx *t)
{
	char pid[24];
	int fd = openat(t->dir_fd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	leave_terminal();
	(void)snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(fd, pid, strlen(pid)) < 0 ||
		write(d->link, "R", 1) != 1)
		_exit(1);
	close_others(d, fd);
	live(d);
	_exit(0);
}

int pt_watchdog_start(const struct pt_host *h, const struct pt_tx_state *s, const struct pt_tx *t,
	struct pt_watchdog *out, struct pt_err *err)
{
	int pair[2];
	char word = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return pt_err_errno(err, -errno, "watchdog");
	pid_t pid = fork();
	if (pid == 0) {
		struct dog d = { .host = *h, .state = *s, .id = t->id, .link = pair[1] };
		(void)close(pair[0]);
		// The lock belongs to the parent: kept open here, it would outlive it.
		pt_tx_unlock(&d.state);
		run(&d, t);
	}
	int rc = pid < 0 ? -errno : 0;
	(void)close(pair[1]);
	if (rc == 0 && (read(pair[0], &word, 1) != 1 || word != 'R'))
		rc = -ECHILD;
	if (rc < 0) {
		(void)close(pair[0]);
		return pt_err_errno(err, rc, "watchdog");
	}
	*out = (struct pt_watchdog){ .link = pair[0], .pid = pid };
	return 0;
}

void pt_watchdog_applied(struct pt_watchdog *w)
{
	(void)send(w->link, "A", 1, MSG_NOSIGNAL); // a dead watchdog is found by pt_tx_watched
	pt_cleanup_fd(&w->link);
	w->link = -1;
}

void pt_watchdog_stop(struct pt_watchdog *w)
{
	if (w->link < 0)
		return;
	(void)send(w->link, "X", 1, MSG_NOSIGNAL);
	pt_cleanup_fd(&w->link);
	w->link = -1;
	(void)waitpid(w->pid, NULL, 0);
}
