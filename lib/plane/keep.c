// SPDX-License-Identifier: MIT
#include "plane/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "plane/bank.h"
#include "plane/block.h"
#include "plane/order.h"

#define KEEP_VERSION 1
#define KEPT_REASONS (PT_BLOCK_MANUAL | PT_BLOCK_DRAINED)
#define KEEP_PATH    512
#define TURN_NS      (2 * PT_NS_PER_S) // that a writer waits for the others

static int64_t wall_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); // cannot fail
	return t.tv_sec;
}

// ---- writing ----

static json_t *path_to_json(const struct pt_plane *p, uint32_t path, int64_t now)
{
	const struct pt_penalty *pen = &p->penalty[path];
	uint8_t why = p->block->path[path];
	int64_t left = (int64_t)pen->hold_until_ns - now;

	if (!(why & KEPT_REASONS) && !pen->figure && !pen->hold_until_ns)
		return NULL;
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:I}", "manual", !!(why & PT_BLOCK_MANUAL),
		"drained", !!(why & PT_BLOCK_DRAINED), "figure", (json_int_t)pen->figure,
		"figure_age_ms", (json_int_t)((now - (int64_t)pen->figure_ns) / PT_NS_PER_MS),
		"falls", (json_int_t)pen->falls, "hold_ms",
		(json_int_t)(pen->hold_until_ns && left > 0 ? left / PT_NS_PER_MS : 0));
}

static json_t *paths_to_json(const struct pt_plane *p, const struct pt_names *n)
{
	json_t *all = json_object();
	int64_t now = pt_mono_now().ns;

	for (uint32_t i = 1; i < p->meta->path_cap; i++) {
		const char *id = pt_names_id(n, PT_NAME_PATH, i);
		json_t *one = id ? path_to_json(p, i, now) : NULL;

		if (one)
			(void)json_object_set_new(all, id, one); // what fails is not kept
	}
	return all;
}

static json_t *group_to_json(
	const struct pt_names *n, const struct pt_group *g, uint32_t site, uint32_t policy)
{
	json_t *paths = json_array();

	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++) {
		const char *id = pt_names_id(n, PT_NAME_PATH, g->path[i]);

		if (id)
			(void)json_array_append_new(paths, json_string(id));
	}
	return json_pack("{s:s?, s:s?, s:o}", "site", pt_names_id(n, PT_NAME_SITE, site), "policy",
		pt_names_id(n, PT_NAME_POLICY, policy), "paths", paths);
}

static json_t *orders_to_json(const struct pt_plane *p, const struct pt_names *n)
{
	json_t *all = json_array();

	for (uint32_t site = 1; site < p->meta->site_cap; site++) {
		for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++) {
			const struct pt_group *g = pt_group_active(p, site, policy);

			if (g && g->by_hand_cs && g->count)
				(void)json_array_append_new(all, group_to_json(n, g, site, policy));
		}
	}
	return all;
}

static int write_whole(const char *path, const json_t *root, struct pt_err *err)
{
	char *text = json_dumps(root, JSON_INDENT(1));
	size_t len = text ? strlen(text) : 0;
	pt_autofd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int ret = 0;

	if (!text)
		ret = pt_err_set(err, -ENOMEM, "out of memory");
	else if (fd < 0)
		ret = pt_err_errno(err, -errno, "%s", path);
	else if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0)
		ret = pt_err_errno(err, errno ? -errno : -EIO, "%s", path);
	free(text);
	return ret;
}

// The daemon and every verb write this file: one after the other, so that the last knows what those
// before it did. The descriptor holds the turn.
static int take_turn(const char *dir, int *turn, struct pt_err *err)
{
	const struct timespec pause = { .tv_nsec = 5 * PT_NS_PER_MS };
	const struct pt_mono end = pt_mono_add(pt_mono_now(), TURN_NS);
	pt_autofd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return pt_err_errno(err, -errno, "%s", dir);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return pt_err_errno(err, -errno, "%s: lock", dir);
		if (pt_mono_diff(end, pt_mono_now()) <= 0)
			return pt_err_set(err, -EBUSY, "%s: another pt-failover is writing", dir);
		(void)nanosleep(&pause, NULL); // cut short is as good
	}
	*turn = pt_take_fd(&fd);
	return 0;
}

int pt_keep_save(
	const char *dir, const struct pt_plane *p, const struct pt_names *n, struct pt_err *err)
{
	char path[KEEP_PATH], fresh[KEEP_PATH], boot[PT_BOOT_ID_LEN] = "";
	pt_autofd turn = -1;
	json_t *root;
	int ret;

	if ((size_t)snprintf(path, sizeof(path), "%s/" PT_KEEP_FILE, dir) >= sizeof(path) ||
		(size_t)snprintf(fresh, sizeof(fresh), "%s/." PT_KEEP_FILE, dir) >= sizeof(fresh))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", dir);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return pt_err_errno(err, -errno, "%s", dir);
	ret = take_turn(dir, &turn, err);
	if (ret)
		return ret;
	(void)pt_boot_id(boot); // unknown: the wall clock counts
	root = json_pack("{s:i, s:s, s:I, s:I, s:o, s:o}", "v", KEEP_VERSION, "boot", boot,
		"mono_ns", (json_int_t)pt_mono_now().ns, "wall_s", (json_int_t)wall_s(), "paths",
		paths_to_json(p, n), "orders", orders_to_json(p, n));
	if (!root)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = write_whole(fresh, root, err);
	json_decref(root);
	if (!ret && rename(fresh, path) < 0)
		ret = pt_err_errno(err, -errno, "%s", path);
	return ret;
}

// ---- reading ----

static int64_t integer(const json_t *obj, const char *key, int64_t most)
{
	json_int_t n = json_integer_value(json_object_get(obj, key));

	return n < 0 ? 0 : n > most ? most : n;
}

// How long ago it was written: exactly within one boot, by the wall clock over several.
static int64_t age_ns(const json_t *root)
{
	const char *was = json_string_value(json_object_get(root, "boot"));
	char boot[PT_BOOT_ID_LEN] = "";
	int64_t age;

	(void)pt_boot_id(boot);
	if (was && *was && !strcmp(was, boot))
		age = pt_mono_now().ns - integer(root, "mono_ns", INT64_MAX);
	else
		age = (wall_s() - integer(root, "wall_s", INT64_MAX / PT_NS_PER_S)) * PT_NS_PER_S;
	return age > 0 ? age : 0; // a clock that went back
}

static void load_path(struct pt_plane *p, uint32_t path, const json_t *one, int64_t age)
{
	const int64_t most_ms = INT64_MAX / PT_NS_PER_MS / 2;
	struct pt_penalty *pen = &p->penalty[path];
	int64_t now = pt_mono_now().ns;
	int64_t left = integer(one, "hold_ms", most_ms) * PT_NS_PER_MS - age;

	pen->figure = (__u32)integer(one, "figure", UINT16_MAX);
	pen->falls = (__u32)integer(one, "falls", UINT32_MAX);
	pen->figure_ns = (__u64)(now - age - integer(one, "figure_age_ms", most_ms) * PT_NS_PER_MS);
	pen->hold_until_ns = left > 0 ? (__u64)(now + left) : 0;
	(void)pt_block_path(p, path, PT_BLOCK_DAMPED, left > 0);
	(void)pt_block_path(p, path, PT_BLOCK_MANUAL, json_is_true(json_object_get(one, "manual")));
	(void)pt_block_path(
		p, path, PT_BLOCK_DRAINED, json_is_true(json_object_get(one, "drained")));
}

static int load_order(const struct pt_names *n, const json_t *one, struct pt_err *err)
{
	const json_t *paths = json_object_get(one, "paths"), *id;
	const char *ids[PT_GROUP_PATHS];
	struct pt_decision d = { .site = json_string_value(json_object_get(one, "site")),
		.policy = json_string_value(json_object_get(one, "policy")),
		.paths = ids };
	struct pt_order o;
	uint32_t changed;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)paths, i, id)
		if (json_is_string(id) && d.n_paths < PT_GROUP_PATHS &&
			pt_names_index(n, PT_NAME_PATH, json_string_value(id)) != PT_NAMES_NONE)
			ids[d.n_paths++] = json_string_value(id);
	if (!d.site || !d.policy || pt_order_resolve(n, &d, &o, NULL))
		return 0; // of another network
	pt_order_by_hand(&o);
	return pt_order_apply(n, &o, 1, &changed, err);
}

int pt_keep_load(const char *dir, struct pt_plane *p, const struct pt_names *n, struct pt_err *err)
{
	char path[KEEP_PATH];
	json_error_t why;
	json_t *root, *one;
	const char *id;
	size_t i;
	int ret = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/" PT_KEEP_FILE, dir) >= sizeof(path))
		return pt_err_set(err, -ENAMETOOLONG, "%s: name too long", dir);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return pt_err_set(err, -EINVAL, "%s:%d: %s", path, why.line, why.text);
	if (json_integer_value(json_object_get(root, "v")) != KEEP_VERSION)
		ret = pt_err_set(err, -EINVAL, "%s: of another version", path);
	if (!ret) {
		int64_t age = age_ns(root);

		json_object_foreach(json_object_get(root, "paths"), id, one) {
			uint32_t index = pt_names_index(n, PT_NAME_PATH, id);

			if (index != PT_NAMES_NONE)
				load_path(p, index, one, age);
		}
		json_array_foreach(json_object_get(root, "orders"), i, one)
			ret = ret ? ret : load_order(n, one, err);
	}
	json_decref(root);
	return ret;
}
