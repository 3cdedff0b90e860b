// SPDX-License-Identifier: MIT
// What stands for values of this host, and whether a running unit has them.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/unit.h"

#define ENV "unit.env."

// ---- values ----

static int find_jemalloc(const struct pt_host *h, char out[PT_KNOB_VALUE])
{
	static const char *const paths[] = {
#if defined(__x86_64__)
		"usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
#elif defined(__aarch64__)
		"usr/lib/aarch64-linux-gnu/libjemalloc.so.2",
#elif defined(__riscv)
		"usr/lib/riscv64-linux-gnu/libjemalloc.so.2",
#endif
		"usr/lib64/libjemalloc.so.2",
		"usr/lib/libjemalloc.so.2",
		"usr/local/lib/libjemalloc.so.2",
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(paths); i++) {
		if (!pt_host_has(h, paths[i]))
			continue;
		(void)snprintf(out, PT_KNOB_VALUE, "/%s", paths[i]);
		return 0;
	}
	return -ENODATA;
}

static int read_line(const struct pt_host *h, const char *path, char out[PT_KNOB_VALUE])
{
	pt_autobuf text = { 0 };
	int rc = pt_host_read(h, path, &text);

	if (rc == 0) {
		(void)snprintf(out, PT_KNOB_VALUE, "%s", pt_buf_str(&text));
		out[strcspn(out, "\n")] = '\0';
	}
	return rc;
}

static int find_node(
	const struct pt_host *h, const struct pt_nics *nics, bool cpus, char out[PT_KNOB_VALUE])
{
	char path[96], node[PT_KNOB_VALUE] = "";

	for (unsigned i = 0; i < nics->n; i++) {
		(void)snprintf(
			path, sizeof(path), "sys/class/net/%s/device/numa_node", nics->nic[i].name);
		if (!nics->nic[i].wan || read_line(h, path, node) < 0 ||
			!isdigit((unsigned char)node[0])) // -1: not said
			continue;
		if (!cpus) {
			(void)snprintf(out, PT_KNOB_VALUE, "preferred:%.8s", node);
			return 0;
		}
		(void)snprintf(
			path, sizeof(path), "sys/devices/system/node/node%.8s/cpulist", node);
		return read_line(h, path, out) < 0 ? -ENODATA : 0;
	}
	return -ENODATA;
}

int pt_unit_resolve(const struct pt_host *h, const struct pt_nics *nics, const char *key,
	const char *text, char out[PT_KNOB_VALUE])
{
	if (strcmp(key, ENV "LD_PRELOAD") == 0 && strcmp(text, "jemalloc") == 0)
		return find_jemalloc(h, out);
	if (strcmp(text, "wan") == 0 &&
		(strcmp(key, "unit.numa") == 0 || strcmp(key, "unit.affinity") == 0))
		return find_node(h, nics, strcmp(key, "unit.affinity") == 0, out);
	(void)snprintf(out, PT_KNOB_VALUE, "%s", text);
	return 0;
}

// ---- processes ----

// Behind a label, the next word.
static bool word_is(const char *text, const char *label, const char *want)
{
	const char *p = strstr(text, label);
	size_t len = strlen(want);

	if (!p)
		return false;
	p += strlen(label);
	p += strspn(p, " \t:");
	return strncmp(p, want, len) == 0 && (!p[len] || isspace((unsigned char)p[len]));
}

static int has_limit(const struct pt_host *h, unsigned pid, const char *label, const char *value)
{
	pt_autobuf text = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%u/limits", pid);
	return pt_host_read(h, path, &text) < 0 ? -ENODATA
						: word_is(pt_buf_str(&text), label, value);
}

// Entries end with NUL.
static int has_env(const struct pt_host *h, unsigned pid, const char *name, const char *value)
{
	pt_autobuf text = { 0 };
	char path[64], entry[2 * PT_KNOB_VALUE];

	(void)snprintf(path, sizeof(path), "proc/%u/environ", pid);
	if (pt_host_read(h, path, &text) < 0)
		return -ENODATA;
	(void)snprintf(entry, sizeof(entry), "%s=%s", name, value);
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1) {
		if (strcmp(text.data + at, entry) == 0)
			return 1;
	}
	return 0;
}

// The loader prints a line and goes on without a library that is not there.
static int has_library(const struct pt_host *h, unsigned pid, const char *value)
{
	pt_autobuf text = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%u/maps", pid);
	return pt_host_read(h, path, &text) < 0 ? -ENODATA
						: strstr(pt_buf_str(&text), value) != NULL;
}

// ---- groups ----

#define MAX_SLICES 8 // one in another
#define GROUP_LEN  512

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len > n && strcmp(name + len - n, end) == 0;
}

// The unit's group in `in`, or in a slice of it. False: it does not run.
static bool find_group(const struct pt_host *h, const char *unit, const char *in, unsigned depth,
	char out[GROUP_LEN])
{
	int fd = pt_host_dir(h, in);
	__attribute__((cleanup(close_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	char below[GROUP_LEN];

	(void)snprintf(out, GROUP_LEN, "%s/%s", in, unit);
	if (dir && pt_host_has(h, out))
		return true;
	while (dir && depth && (e = readdir(dir))) {
		if (!ends_with(e->d_name, ".slice") ||
			snprintf(below, sizeof(below), "%s/%s", in, e->d_name) >=
				(int)sizeof(below))
			continue;
		if (find_group(h, unit, below, depth - 1, out))
			return true;
	}
	return false;
}

// Where there are several hierarchies, systemd's own.
static bool group_of(const struct pt_host *h, const char *unit, char out[GROUP_LEN])
{
	static const char *const roots[] = { "sys/fs/cgroup", "sys/fs/cgroup/unified",
		"sys/fs/cgroup/systemd" };

	for (size_t i = 0; i < PT_ARRAY_LEN(roots); i++) {
		if (find_group(h, unit, roots[i], MAX_SLICES, out))
			return true;
	}
	return false;
}

// ".../NAME.slice/UNIT"
static bool is_in_slice(const char *group, const char *slice)
{
	const char *end = strrchr(group, '/'), *start = end;

	while (start > group && start[-1] != '/')
		start--;
	return (size_t)(end - start) == strlen(slice) && strncmp(start, slice, strlen(slice)) == 0;
}

int pt_unit_live(const struct pt_host *h, const char *unit, const char *key, const char *value,
	unsigned *pid)
{
	char group[GROUP_LEN], path[GROUP_LEN + 16], line[PT_KNOB_VALUE];
	pt_autobuf text = { 0 };
	double first;

	if (!group_of(h, unit, group))
		return -ENODATA;
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	if (pt_host_number(h, path, &first) < 0 || !(first >= 1 && first < 1u << 31))
		return -ENODATA;
	*pid = (unsigned)first;
	if (strcmp(key, "limits.nofile") == 0)
		return has_limit(h, *pid, "Max open files", value);
	if (strcmp(key, "limits.memlock") == 0)
		return has_limit(h, *pid, "Max locked memory", value);
	if (strcmp(key, "limits.nproc") == 0) {
		(void)snprintf(path, sizeof(path), "%s/pids.max", group);
		return read_line(h, path, line) < 0 ? -ENODATA : strcmp(line, value) == 0;
	}
	if (strcmp(key, ENV "LD_PRELOAD") == 0)
		return has_library(h, *pid, value);
	if (strncmp(key, ENV, sizeof(ENV) - 1) == 0)
		return has_env(h, *pid, key + sizeof(ENV) - 1, value);
	if (strcmp(key, "unit.slice") == 0)
		return is_in_slice(group, value);
	if (strcmp(key, "unit.affinity") == 0) {
		(void)snprintf(path, sizeof(path), "proc/%u/status", *pid);
		return pt_host_read(h, path, &text) < 0
			? -ENODATA
			: word_is(pt_buf_str(&text), "Cpus_allowed_list", value);
	}
	return -ENODATA;
}
