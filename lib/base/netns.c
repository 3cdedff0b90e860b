// SPDX-License-Identifier: MIT
#include "base/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

int pt_netns_enter(const char *name, struct pt_err *err)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/run/netns/", name);

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || n < 0 ||
		(size_t)n >= sizeof(path))
		return pt_err_set(err, -EINVAL, "netns '%s': not a name", name);
	pt_autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pt_err_errno(err, -errno, "netns '%s'", name);
	if (setns(fd, CLONE_NEWNET))
		return pt_err_errno(err, -errno, "netns '%s'", name);
	return 0;
}
