// SPDX-License-Identifier: MIT
#include "store/owner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN 4096

int pt_owner_take(const char *path, const char *like, struct pt_err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_LEN] = ".";
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (!like && slash)
		(void)snprintf(
			dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (stat(like ? like : dir, &st) != 0)
		return pt_err_errno(err, -errno, "%s", like ? like : dir);
	if (st.st_uid != 0 && lchown(path, st.st_uid, st.st_gid) != 0)
		return pt_err_errno(err, -errno, "%s", path);
	return 0;
}
