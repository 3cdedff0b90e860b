// SPDX-License-Identifier: MIT
#include "store/audit.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/schema.h"
#include "store/sql.h"

#define PT_PASSWD_BYTES 4096

static char *dump(const json_t *j)
{
	return j ? json_dumps(j, PT_JSON_DUMP) : NULL;
}

int pt_audit_write(struct pt_sql *db, const struct pt_audit *a, struct pt_err *err)
{
	pt_autofree char *before = dump(a->before), *after = dump(a->after);
	int64_t now_us = pt_wall_us();
	pt_autostmt s = NULL;
	int code = pt_stmt_get(db,
		"INSERT INTO audit_logs (timestamp, ts_us, username, event_type, object_type, "
		"object_id, origin, before_json, after_json) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		&s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_i64(s, 1, now_us / 1000000);
	pt_stmt_bind_i64(s, 2, now_us);
	pt_stmt_bind_text(s, 3, a->username);
	pt_stmt_bind_text(s, 4, a->event_type);
	pt_stmt_bind_text(s, 5, a->object_type);
	pt_stmt_bind_text(s, 6, a->object_id);
	pt_stmt_bind_text(s, 7, a->origin);
	pt_stmt_bind_text(s, 8, before);
	pt_stmt_bind_text(s, 9, after);
	return pt_stmt_run(s, err);
}

void pt_audit_user(char out[PT_AUDIT_USER_LEN])
{
	const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
	char buf[PT_PASSWD_BYTES];
	struct passwd pw, *found = NULL;

	if (sudo && *sudo)
		(void)snprintf(out, PT_AUDIT_USER_LEN, "%s", sudo);
	else if (getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found) == 0 && found)
		(void)snprintf(out, PT_AUDIT_USER_LEN, "%s", pw.pw_name);
	else
		(void)snprintf(out, PT_AUDIT_USER_LEN, "uid %u", (unsigned)geteuid());
}
