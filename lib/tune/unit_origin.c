// SPDX-License-Identifier: MIT
// Whose word is the last on a unit's setting, as systemd.unit(5) orders the unit's own file and its
// drop-ins.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/unit.h"

#define MAX_DIRS 256
#define SUFFIX   ".service"

// Where units are looked for, the first wins; generators' among them.
static const char *const paths[] = { "etc/systemd/system.control", "run/systemd/system.control",
	"run/systemd/transient", "run/systemd/generator.early", "etc/systemd/system",
	"etc/systemd/system.attached", "run/systemd/system", "run/systemd/system.attached",
	"run/systemd/generator", "usr/local/lib/systemd/system", "usr/lib/systemd/system",
	"lib/systemd/system", "run/systemd/generator.late" };

static int find_fragment(const struct pt_host *h, const char *unit, char path[256])
{
	char name[PT_UNIT_NAME], *at;

	(void)snprintf(name, sizeof(name), "%s", unit);
	for (int round = 0; round < 2; round++) { // itself, then its template
		for (size_t i = 0; i < PT_ARRAY_LEN(paths); i++) {
			(void)snprintf(path, 256, "%s/%s", paths[i], name);
			if (pt_host_has(h, path))
				return 0;
		}
		at = strchr(name, '@');
		if (!at)
			break;
		(void)snprintf(at, sizeof(name) - (size_t)(at - name), "@" SUFFIX);
	}
	return -ENODEV;
}

bool pt_unit_is_oneshot(const struct pt_host *h, const char *unit)
{
	pt_autobuf text = { 0 };
	char path[256];

	return find_fragment(h, unit, path) == 0 && pt_host_read(h, path, &text) == 0 &&
		strstr(pt_buf_str(&text), "\nType=oneshot\n");
}

// ---- drop-ins ----

struct dirs {
	struct pt_arena *a;
	const char *list[MAX_DIRS];
	size_t n;
};

static void add_dir(struct dirs *d, const char *path, const char *name)
{
	if (d->n < MAX_DIRS)
		d->list[d->n++] = pt_arena_printf(d->a, "%s/%s.d", path, name);
}

// "a-b-c" and "@x": "a-b-@x"; then "a-@x". False: there is no dash before what was cut already.
static bool cut_prefix(char name[PT_UNIT_NAME])
{
	char rest[PT_UNIT_NAME], *at = strchr(name, '@');
	char *end = at ? at : name + strlen(name) - (sizeof(SUFFIX) - 1);

	(void)snprintf(rest, sizeof(rest), "%s", end);
	if (end > name && end[-1] == '-')
		end--;
	while (end > name && end[-1] != '-')
		end--;
	if (end == name)
		return false;
	(void)snprintf(end, PT_UNIT_NAME - (size_t)(end - name), "%s", rest);
	return true;
}

// Of one place, the most special first: foo-bar@x.service.d, foo-bar@.service.d, foo-@.service.d,
// foo-@x.service.d.
static void add_names(struct dirs *d, const char *path, const char *unit)
{
	char name[PT_UNIT_NAME], template[PT_UNIT_NAME];
	const char *at = strchr(unit, '@');
	bool instance = at && strcmp(at, "@" SUFFIX) != 0;

	add_dir(d, path, unit);
	if (instance) {
		(void)snprintf(template, sizeof(template), "%.*s@" SUFFIX, (int)(at - unit), unit);
		add_dir(d, path, template);
		while (cut_prefix(template))
			add_dir(d, path, template);
	}
	(void)snprintf(name, sizeof(name), "%s", unit);
	while (cut_prefix(name))
		add_dir(d, path, name);
}

static void scan(const struct pt_host *h, const char *path, const char *key, struct pt_arena *a,
	struct pt_sysctl_origin *out)
{
	char value[PT_KNOB_VALUE] = "none";
	pt_autobuf text = { 0 };
	unsigned number = 0;
	bool service = false;

	if (pt_host_read(h, path, &text) < 0)
		return;
	for (char *at = text.data, *line; at && (line = strsep(&at, "\n"));) {
		number++;
		if (pt_unit_line(line, key, &service, value))
			*out = (struct pt_sysctl_origin){ pt_arena_strdup(a, path),
				pt_arena_strdup(a, value), number };
	}
}

int pt_unit_origin(const struct pt_host *h, const char *unit, const char *key, struct pt_arena *a,
	struct pt_sysctl_origin *out)
{
	char path[256];
	struct pt_sysctl_origin o = { 0 };
	struct dirs d = { .a = a };
	struct pt_conf *conf;

	if (find_fragment(h, unit, path) < 0)
		return -ENODEV;
	scan(h, path, key, a, &o);
	for (size_t i = 0; i < PT_ARRAY_LEN(paths); i++)
		add_names(&d, paths[i], unit);
	for (size_t i = 0; i < PT_ARRAY_LEN(paths); i++) // of all services, behind the others
		add_dir(&d, paths[i], "service");
	unsigned n = pt_conf_list(h, d.list, d.n, a, &conf);
	for (unsigned i = 0; i < n; i++)
		scan(h, conf[i].path, key, a, &o);
	if (!o.file)
		return -ENOENT;
	*out = o;
	return 0;
}
