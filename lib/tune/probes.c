// SPDX-License-Identifier: MIT
// Does the host still do what it is there for?
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "tune/apply.h"

#define TIMEOUT_MS 5000
#define MAX_WORDS  16
#define SPEC_LEN   512

extern char **environ;

static int parse_tcp(const char *target, struct pt_addr *addr, uint64_t *port, struct pt_err *err)
{
	char host[PT_ADDR_LEN + 2];
	const char *colon = strrchr(target, ':');

	(void)snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - target) : 0, target);
	size_t n = strlen(host);
	if (host[0] == '[' && n > 2) { // IPv6 in brackets
		memmove(host, host + 1, n - 2);
		host[n - 2] = '\0';
	}
	if (!colon || pt_addr_parse(host, addr) < 0 || pt_parse_u64(colon + 1, 1, 65535, port) < 0)
		return pt_err_set(err, -EINVAL, "probe tcp:%s: needs ADDRESS:PORT", target);
	return 0;
}

static int probe_tcp(const char *target, struct pt_err *err)
{
	struct sockaddr_storage sa;
	struct pt_addr addr;
	uint64_t port;
	int error = 0;
	socklen_t len = sizeof(error);

	if (parse_tcp(target, &addr, &port, err) < 0)
		return -EINVAL;
	socklen_t size = pt_addr_sockaddr(&addr, (uint16_t)port, &sa);
	pt_autofd fd = socket(addr.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return pt_err_errno(err, -errno, "probe tcp:%s", target);
	if (connect(fd, (const struct sockaddr *)&sa, size) == 0)
		return 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	if (errno != EINPROGRESS)
		return pt_err_errno(err, -errno, "probe tcp:%s", target);
	if (poll(&p, 1, TIMEOUT_MS) != 1)
		return pt_err_set(err, -ETIMEDOUT, "probe tcp:%s: no answer", target);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		return pt_err_errno(err, error ? -error : -errno, "probe tcp:%s", target);
	return 0;
}

static int wait_for(pid_t pid, const char *command, struct pt_err *err)
{
	pt_autofd fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int status = 0;

	if (fd < 0 || poll(&p, 1, TIMEOUT_MS) != 1) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return pt_err_set(err, -ETIMEDOUT, "probe exec:%s: not done in %d s", command,
			TIMEOUT_MS / 1000);
	}
	if (waitpid(pid, &status, 0) < 0)
		return pt_err_errno(err, -errno, "probe exec:%s", command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return pt_err_set(err, -EREMOTEIO, "probe exec:%s: failed (%d)", command,
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

static int probe_exec(const char *command, struct pt_err *err)
{
	char copy[SPEC_LEN], *argv[MAX_WORDS + 1] = { 0 };
	char *at = copy, *word;
	unsigned n = 0;
	pid_t pid;

	(void)snprintf(copy, sizeof(copy), "%s", command);
	while ((word = strsep(&at, " ")) && n < MAX_WORDS) {
		if (*word)
			argv[n++] = word;
	}
	if (!n)
		return pt_err_set(err, -EINVAL, "probe exec: needs a program");
	int rc = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	return rc ? pt_err_errno(err, -rc, "probe exec:%s", argv[0]) : wait_for(pid, command, err);
}

int pt_probe_check(const char *spec, struct pt_err *err)
{
	struct pt_addr addr;
	uint64_t port;

	if (strncmp(spec, "tcp:", 4) == 0)
		return parse_tcp(spec + 4, &addr, &port, err);
	if (strncmp(spec, "exec:", 5) == 0 && spec[5 + strspn(spec + 5, " ")])
		return 0;
	return pt_err_set(
		err, -EINVAL, "probe '%.60s': is neither tcp:ADDRESS:PORT nor exec:PROGRAM", spec);
}

int pt_probe_run(const char *spec, struct pt_err *err)
{
	int rc = pt_probe_check(spec, err);

	if (rc < 0)
		return rc;
	return *spec == 't' ? probe_tcp(spec + 4, err) : probe_exec(spec + 5, err);
}
