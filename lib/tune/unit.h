// SPDX-License-Identifier: MIT
// Settings of systemd's units, by the catalogue's keys limits.* and unit.*: lines of a drop-in of
// ours. Until they are confirmed they are in /run, so that a restart takes them back; confirmed
// they are in /etc. A unit's processes have them from its next start on.
#pragma once
#include "tune/files.h"
#include "tune/host.h"
#include "tune/knob.h"
#include "tune/nic.h"

#define PT_UNIT_DEFAULT "patronus-sdwan.service"
#define PT_UNIT_NAME    128

bool pt_unit_is(const char *key); // one that is written here
bool pt_unit_name_ok(const char *unit);

// In our drop-in: canonical, or "none".
int pt_unit_read(const struct pt_host *h, const char *unit, const char *key,
	char out[PT_KNOB_VALUE], struct pt_err *err);
// "none" takes it out; the drop-in goes with its last line.
int pt_unit_write(const struct pt_host *h, const char *unit, const char *key, const char *value,
	struct pt_err *err);

// Whether the line, outside of comments, says something of the key, and what: only in [Service],
// which *service follows from line to line.
bool pt_unit_line(const char *line, const char *key, bool *service, char out[PT_KNOB_VALUE]);

// The file that has the last word, whosever it is: the unit's own, or a drop-in. -ENOENT: none;
// -ENODEV: there is no such unit.
int pt_unit_origin(const struct pt_host *h, const char *unit, const char *key, struct pt_arena *a,
	struct pt_sysctl_origin *out);
bool pt_unit_is_ours(const char *unit, const char *path); // the confirmed or the waiting drop-in
// It starts others and has no process that lives.
bool pt_unit_is_oneshot(const struct pt_host *h, const char *unit);

// What stands for a value of this host: "jemalloc" is the library's path, "wan" the memory node of
// the first WAN device, or its CPUs. -ENODATA: it is not known here. Others are as they are.
int pt_unit_resolve(const struct pt_host *h, const struct pt_nics *nics, const char *key,
	const char *text, char out[PT_KNOB_VALUE]);

// Where the confirmed and the waiting settings of a unit are.
void pt_unit_paths(const char *unit, char kept[256], char waiting[256]);
// What is confirmed waits again: the next start takes it away.
int pt_unit_unkeep(const struct pt_host *h, const char *unit, struct pt_err *err);
// Tells systemd to read its files anew, where it runs.
int pt_unit_reload(const struct pt_host *h, struct pt_err *err);

// Whether the unit's first process has the value: 1, 0, or -ENODATA: none runs, or it cannot be
// seen.
int pt_unit_live(const struct pt_host *h, const char *unit, const char *key, const char *value,
	unsigned *pid);
