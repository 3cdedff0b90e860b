// SPDX-License-Identifier: MIT
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/schema.h"

#define PT_PUBLISH_DIR_MODE  0755
#define PT_PUBLISH_FILE_MODE 0644

// The stages that read it run as users of their own.
static int lock_dir(struct pt_publish *p, struct pt_err *err)
{
	const char *slash = strrchr(p->path, '/');
	pt_autofree char *dir = !slash ? strdup(".")
		: slash == p->path     ? strdup("/")
				       : strndup(p->path, (size_t)(slash - p->path));
	if (!dir)
		return pt_err_errno(err, -ENOMEM, "%s", p->path);
	bool made = mkdir(dir, PT_PUBLISH_DIR_MODE) == 0;
	if ((!made && errno != EEXIST) || (made && chmod(dir, PT_PUBLISH_DIR_MODE) != 0))
		return pt_err_errno(err, -errno, "%s", dir);
	p->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir_fd < 0)
		return pt_err_errno(err, -errno, "%s", dir);
	int rc;
	do {
		rc = flock(p->dir_fd, LOCK_EX);
	} while (rc != 0 && errno == EINTR);
	return rc == 0 ? 0 : pt_err_errno(err, -errno, "%s", dir);
}

static bool has_content(const char *path, const char *text)
{
	pt_autofile FILE *f = fopen(path, "re");
	size_t want = strlen(text);
	pt_autofree char *have = f ? malloc(want + 1) : NULL;

	return have && fread(have, 1, want + 1, f) == want && memcmp(have, text, want) == 0;
}

// What no rename replaces shows before the commit.
static int need_file(const char *path, struct pt_err *err)
{
	struct stat st;

	if (!*path)
		return pt_err_set(err, -EINVAL, "network.json: an empty name");
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return pt_err_errno(err, -EISDIR, "%s", path);
	return 0;
}

static int write_temp(struct pt_publish *p, const char *text, struct pt_err *err)
{
	// One name for all: the lock keeps others out, and what a killed one left is overwritten.
	if (asprintf(&p->temp, "%s.new", p->path) < 0) {
		p->temp = NULL;
		return pt_err_errno(err, -ENOMEM, "%s", p->path);
	}
	pt_autofd fd = open(
		p->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, PT_PUBLISH_FILE_MODE);
	if (fd < 0)
		return pt_err_errno(err, -errno, "%s", p->temp);
	for (size_t left = strlen(text); left;) {
		ssize_t n = write(fd, text, left);
		if (n < 0 && errno != EINTR)
			return pt_err_errno(err, -errno, "%s", p->temp);
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	if (fchmod(fd, PT_PUBLISH_FILE_MODE) != 0) // whatever the umask of who applies
		return pt_err_errno(err, -errno, "%s", p->temp);
	if (fsync(fd) != 0) // a rename must never show an empty file after a power cut
		return pt_err_errno(err, -errno, "%s", p->temp);
	return 0;
}

int pt_publish_begin(
	const char *path, const json_t *network, struct pt_publish *out, struct pt_err *err)
{
	pt_autopublish p = { .path = strdup(path), .dir_fd = -1 };
	pt_autofree char *json = json_dumps(network, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	pt_autofree char *text = NULL;

	if (!p.path || !json || asprintf(&text, "%s\n", json) < 0)
		return pt_err_errno(err, -ENOMEM, "%s", path);
	int code = lock_dir(&p, err);
	if (!code)
		code = need_file(path, err);
	if (code)
		return code;
	p.unchanged = has_content(path, text);
	if (!p.unchanged)
		code = write_temp(&p, text, err);
	if (code)
		return code;
	*out = p;
	p = (struct pt_publish){ .dir_fd = -1 };
	return 0;
}

int pt_publish_end(struct pt_publish *p, struct pt_err *err)
{
	if (!p->temp)
		return 0;
	if (rename(p->temp, p->path) != 0) {
		int code = -errno;
		return pt_err_set(err, code,
			"%s: %s: the database has the change, this file has not: pt-db apply "
			"writes it again",
			p->path, strerrordesc_np(-code));
	}
	free(pt_take(&p->temp));
	return 0;
}

void pt_publish_done(struct pt_publish *p)
{
	if (p->temp)
		(void)unlink(p->temp); // a leftover is untidy, not wrong
	free(p->temp);
	free(p->path);
	if (p->dir_fd >= 0)
		close(p->dir_fd); // lets go of the lock
	*p = (struct pt_publish){ .dir_fd = -1 };
}
