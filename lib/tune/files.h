// SPDX-License-Identifier: MIT
// Files that keep settings over a restart: written whole or not at all, and what the merged view of
// /etc/sysctl.d makes of them.
#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "tune/host.h"

#define PT_FILE_SYSCTL  "etc/sysctl.d/zz-patronus.conf" // sorts behind 99-sysctl.conf
#define PT_FILE_MODULES "etc/modules-load.d/patronus.conf"

// A temporary file, fsync, rename, fsync of the directory, which is made where it is missing. text
// NULL: the file goes, and with it a unit's directory of drop-ins that is empty then.
int pt_file_put(const struct pt_host *h, const char *path, const char *text, struct pt_err *err);

// Files NAME.conf of several directories, by name; one in an earlier directory hides the same name
// in a later one. How many.
struct pt_conf {
	char name[256]; // sorts the files
	char path[512];
};
unsigned pt_conf_list(const struct pt_host *h, const char *const *dirs, size_t n_dirs,
	struct pt_arena *a, struct pt_conf **out);

// Which file and line has the last word on a key, as sysctl(8) and systemd-sysctl(8) order them,
// and what it says. -ENOENT: none.
struct pt_sysctl_origin {
	const char *file, *value;
	unsigned line;
};
int pt_sysctl_origin(
	const struct pt_host *h, const char *key, struct pt_arena *a, struct pt_sysctl_origin *out);
