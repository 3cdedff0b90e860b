// SPDX-License-Identifier: MIT
#include "store/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/sql.h"

#define PT_SOURCES_KNOWN 256 // in memory at a time; hostile input may name any number
#define PT_SOURCE_NAME   255

int pt_sources_init(struct pt_sources *s, struct pt_sql *db, struct pt_err *err)
{
	*s = (struct pt_sources){
		.db = db, .data_version = -1, .known = calloc(PT_SOURCES_KNOWN, sizeof(*s->known))
	};
	if (!s->known)
		return pt_err_errno(err, -ENOMEM, "sources");
	int code = pt_stmt_get(db, "SELECT id, mono_ns, seq FROM sources WHERE src=?1 AND boot=?2",
		&s->select, NULL, err);
	if (!code)
		code = pt_stmt_get(db,
			"INSERT INTO sources (src, boot, mono_ns, seq) VALUES (?1, ?2, -1, -1)",
			&s->insert, NULL, err);
	if (!code)
		code = pt_stmt_get(db, "UPDATE sources SET mono_ns=?2, seq=?3 WHERE id=?1",
			&s->update, NULL, err);
	return code;
}

void pt_sources_forget(struct pt_sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->known[i].src);
		free(s->known[i].boot);
	}
	s->n = 0;
}

void pt_sources_done(struct pt_sources *s)
{
	pt_sources_forget(s);
	pt_stmt_put(s->select);
	pt_stmt_put(s->insert);
	pt_stmt_put(s->update);
	free(s->known);
	*s = (struct pt_sources){ 0 };
}

int pt_sources_refresh(struct pt_sources *s, bool *foreign, struct pt_err *err)
{
	int64_t version;
	int code = pt_sql_i64(s->db, "PRAGMA data_version", &version, err);
	if (code)
		return code;
	*foreign = version != s->data_version;
	if (*foreign)
		pt_sources_forget(s);
	s->data_version = version;
	return 0;
}

int pt_sources_write(struct pt_sources *s, struct pt_err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		struct pt_source *k = &s->known[i];
		if (!k->dirty)
			continue;
		pt_stmt_bind_i64(s->update, 1, k->id);
		pt_stmt_bind_i64(s->update, 2, k->mono_ns);
		pt_stmt_bind_i64(s->update, 3, k->seq);
		int code = pt_stmt_run(s->update, err);
		if (code)
			return code;
		k->dirty = false;
	}
	return 0;
}

static int load(struct pt_sources *s, struct pt_source *k, struct pt_err *err)
{
	pt_stmt_bind_text(s->select, 1, k->src);
	pt_stmt_bind_text(s->select, 2, k->boot);
	int code = pt_stmt_step(s->select, err);
	if (code > 0) {
		k->id = pt_stmt_i64(s->select, 0);
		k->mono_ns = pt_stmt_i64(s->select, 1);
		k->seq = pt_stmt_i64(s->select, 2);
	}
	pt_stmt_reset(s->select);
	if (code != 0)
		return code < 0 ? code : 0;

	pt_stmt_bind_text(s->insert, 1, k->src);
	pt_stmt_bind_text(s->insert, 2, k->boot);
	code = pt_stmt_run(s->insert, err);
	k->id = pt_sql_last_id(s->db);
	k->mono_ns = k->seq = -1;
	return code;
}

static int add(struct pt_sources *s, struct pt_text src, struct pt_text boot, struct pt_err *err)
{
	struct pt_source k = {
		.src = strndup(src.p, src.len),
		.boot = strndup(boot.p, boot.len),
		.src_len = src.len,
		.boot_len = boot.len,
	};
	int code = k.src && k.boot ? load(s, &k, err) : pt_err_errno(err, -ENOMEM, "sources");
	if (code) {
		free(k.src);
		free(k.boot);
		return code;
	}
	s->known[s->n++] = k;
	return 0;
}

static bool is_source(const struct pt_source *k, struct pt_text src, struct pt_text boot)
{
	return k->src_len == src.len && k->boot_len == boot.len &&
		memcmp(k->src, src.p, src.len) == 0 && memcmp(k->boot, boot.p, boot.len) == 0;
}

int pt_sources_find(struct pt_sources *s, struct pt_text src, struct pt_text boot,
	struct pt_source **out, struct pt_err *err)
{
	size_t i = 0;

	while (i < s->n && !is_source(&s->known[i], src, boot))
		i++;
	if (i == s->n) {
		if (src.len > PT_SOURCE_NAME || boot.len > PT_SOURCE_NAME)
			return pt_err_set(
				err, -EINVAL, "src, boot: longer than %d bytes", PT_SOURCE_NAME);
		int code = s->n < PT_SOURCES_KNOWN ? 0 : pt_sources_write(s, err);
		if (s->n == PT_SOURCES_KNOWN)
			pt_sources_forget(s);
		if (!code)
			code = add(s, src, boot, err);
		if (code)
			return code;
		i = s->n - 1;
	}
	if (i) {
		struct pt_source found = s->known[i];
		memmove(&s->known[1], &s->known[0], i * sizeof(found));
		s->known[0] = found;
	}
	*out = &s->known[0];
	return 0;
}

bool pt_source_is_newer(const struct pt_source *s, int64_t mono_ns, int64_t seq)
{
	return mono_ns != s->mono_ns ? mono_ns > s->mono_ns : seq > s->seq;
}

void pt_source_advance(struct pt_source *s, int64_t mono_ns, int64_t seq)
{
	s->mono_ns = mono_ns;
	s->seq = seq;
	s->dirty = true;
}
