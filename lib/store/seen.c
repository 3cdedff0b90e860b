// SPDX-License-Identifier: MIT
#include "store/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/sql.h"

#define SLOTS        4096 // a power of two
#define MAX_USED     (SLOTS / 2)
#define NAME_MAX_LEN 255

struct slot {
	char *path; // NULL: free
	uint32_t len;
	int64_t timestamp; // 0: nothing to write
};

// Paths stay from one transaction to the next: they are mostly the same.
struct pt_seen {
	struct slot slot[SLOTS];
	unsigned used;
	uint16_t dirty[MAX_USED];
	unsigned n_dirty;
};

int pt_seen_new(struct pt_seen **out, struct pt_err *err)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : pt_err_errno(err, -ENOMEM, "paths");
}

void pt_seen_free(struct pt_seen *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		free(s->slot[i].path);
	free(s);
}

static uint32_t hash(struct pt_text t) // FNV-1a
{
	uint32_t h = 2166136261;

	for (size_t i = 0; i < t.len; i++)
		h = (h ^ (unsigned char)t.p[i]) * 16777619;
	return h ^ h >> 15;
}

int pt_seen_add(struct pt_seen *s, struct pt_text path, int64_t timestamp)
{
	uint32_t i = hash(path) % SLOTS;

	if (path.len > NAME_MAX_LEN || timestamp <= 0)
		return 0; // no path of ours, no time of ours
	while (s->slot[i].path &&
		(s->slot[i].len != path.len || memcmp(s->slot[i].path, path.p, path.len) != 0))
		i = (i + 1) % SLOTS;
	struct slot *k = &s->slot[i];
	if (!k->path) {
		if (s->used == MAX_USED)
			return -ENOSPC;
		k->path = strndup(path.p, path.len);
		if (!k->path)
			return -ENOMEM;
		k->len = (uint32_t)path.len;
		s->used++;
	}
	if (!k->timestamp)
		s->dirty[s->n_dirty++] = (uint16_t)i;
	if (timestamp > k->timestamp)
		k->timestamp = timestamp;
	return 0;
}

void pt_seen_forget(struct pt_seen *s)
{
	for (unsigned i = 0; i < s->n_dirty; i++)
		s->slot[s->dirty[i]].timestamp = 0;
	s->n_dirty = 0;
	if (s->used < MAX_USED)
		return;
	for (unsigned i = 0; i < SLOTS; i++) {
		free(s->slot[i].path);
		s->slot[i].path = NULL;
	}
	s->used = 0;
}

int pt_seen_write(struct pt_seen *s, struct pt_sql *db, struct pt_err *err)
{
	int64_t now = pt_wall_us() / 1000000;
	pt_autostmt up = NULL;
	// A clock that ran ahead must not have said the last word for as long as it was ahead.
	int code = pt_stmt_get(db,
		"UPDATE sites SET last_seen=?2 WHERE id=(SELECT dest_site_id FROM paths WHERE "
		"id=?1) AND (ifnull(last_seen, 0) < ?2 OR last_seen > ?3)",
		&up, NULL, err);
	for (unsigned i = 0; !code && i < s->n_dirty; i++) {
		const struct slot *k = &s->slot[s->dirty[i]];
		pt_stmt_bind_bytes(up, 1, k->path, k->len);
		pt_stmt_bind_i64(up, 2, k->timestamp);
		pt_stmt_bind_i64(up, 3, now);
		code = pt_stmt_run(up, err);
	}
	pt_seen_forget(s);
	return code;
}
