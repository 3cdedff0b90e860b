// SPDX-License-Identifier: MIT
#include "bench/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define STOP_NS    PT_NS_PER_S
#define WORDS_KEPT 200 // bytes of a child's last line that make it into an error

extern char **environ;

static int memory_file(const char *text)
{
	int fd = memfd_create("pt-bench", MFD_CLOEXEC);
	size_t len = text ? strlen(text) : 0;

	if (fd < 0)
		return -errno;
	if (len && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

// The benchmark blocks signals and ignores SIGPIPE; its children start as from a shell.
static void default_signals(posix_spawnattr_t *attr)
{
	sigset_t none, pipe_only;

	sigemptyset(&none);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	posix_spawnattr_init(attr);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &pipe_only);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(const char *const argv[], int in, int out, int words, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	char *const *args;

	memcpy(&args, &argv, sizeof(args)); // execve promises not to write to them
	default_signals(&attr);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	else
		posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, words, STDERR_FILENO);
	int code = -posix_spawnp(pid, argv[0], &files, &attr, args, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return code;
}

int pt_proc_start(
	const char *const argv[], const char *input, struct pt_proc *out, struct pt_err *err)
{
	return pt_proc_start_into(argv, input, -1, out, err);
}

int pt_proc_start_into(const char *const argv[], const char *input, int out_fd, struct pt_proc *out,
	struct pt_err *err)
{
	struct pt_proc p = PT_PROC_NONE;

	pt_autofd in = memory_file(input);
	pt_autofd words = memory_file(NULL);
	if (in < 0 || words < 0)
		return pt_err_errno(err, in < 0 ? in : words, "%s", argv[0]);
	int code = spawn(argv, in, out_fd, words, &p.pid);
	if (code)
		return pt_err_errno(err, code, "%s", argv[0]);
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	p.words_fd = pt_take_fd(&words);
	p.name = argv[0];
	*out = p;
	return 0;
}

static void forget(struct pt_proc *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->words_fd >= 0)
		close(p->words_fd);
	*p = PT_PROC_NONE;
}

static void last_line(int fd, char out[WORDS_KEPT])
{
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = size > WORDS_KEPT - 1 ? size - (WORDS_KEPT - 1) : 0;
	ssize_t n = pread(fd, out, WORDS_KEPT - 1, from);

	while (n > 0 && out[n - 1] == '\n')
		n--;
	out[n > 0 ? n : 0] = '\0';
	const char *line = strrchr(out, '\n');
	if (line)
		memmove(out, line + 1, strlen(line + 1) + 1);
}

// Its status is there: 0 for exit 0.
static int reap(struct pt_proc *p, struct pt_err *err)
{
	char words[WORDS_KEPT];
	int status = 0, code = 0;

	if (waitpid(p->pid, &status, 0) < 0) {
		code = pt_err_errno(err, -errno, "%s", p->name);
	} else if (status) {
		last_line(p->words_fd, words);
		code = pt_err_set(err, -EREMOTEIO, "%s: %s %d: %s", p->name,
			WIFEXITED(status) ? "exit" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), words);
	}
	forget(p);
	return code;
}

static bool ended(const struct pt_proc *p, int64_t timeout_ns)
{
	struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };

	return poll(&pfd, 1, (int)(timeout_ns / PT_NS_PER_MS)) == 1;
}

int pt_proc_wait(struct pt_proc *p, int64_t timeout_ns, struct pt_err *err)
{
	if (!ended(p, timeout_ns))
		return pt_err_set(err, -ETIMEDOUT, "%s: no end after %d ms", p->name,
			(int)(timeout_ns / PT_NS_PER_MS));
	return reap(p, err);
}

int pt_proc_check(struct pt_proc *p, struct pt_err *err)
{
	const char *name = p->name;

	if (!ended(p, 0))
		return 0;
	int code = reap(p, err);
	return code ? code : pt_err_set(err, -ESRCH, "%s: ended too early", name);
}

void pt_proc_stop(struct pt_proc *p)
{
	if (p->pid <= 0)
		return;
	(void)kill(p->pid, SIGTERM); // it may have ended: then there is only its status to take
	if (!ended(p, STOP_NS))
		(void)kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, NULL, 0);
	forget(p);
}

int pt_proc_run(const char *const argv[], const char *input, int64_t timeout_ns, struct pt_err *err)
{
	struct pt_proc p = PT_PROC_NONE;
	int code = pt_proc_start(argv, input, &p, err);

	if (!code)
		code = pt_proc_wait(&p, timeout_ns, err);
	pt_proc_stop(&p);
	return code;
}

int pt_proc_tool(const char *tools_dir, const char *name, char *out, size_t len, struct pt_err *err)
{
	char self[PATH_MAX];

	if (!tools_dir) {
		ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
		if (n < 0)
			return pt_err_errno(err, -errno, "/proc/self/exe");
		self[n] = '\0';
		*strrchr(self, '/') = '\0'; // an absolute path, always
		tools_dir = self;
	}
	int n = snprintf(out, len, "%s/%s", tools_dir, name);
	if (n < 0 || (size_t)n >= len)
		return pt_err_set(err, -ENAMETOOLONG, "%s/%s", tools_dir, name);
	if (access(out, X_OK))
		return pt_err_errno(err, -errno, "%s", out);
	return 0;
}

void pt_proc_pin(void)
{
	cpu_set_t all, one;
	int last = -1;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			last = i;
	if (last >= 0)
		CPU_SET(last, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

void pt_proc_first(void)
{
	(void)setpriority(PRIO_PROCESS, 0, -20);
}
