// SPDX-License-Identifier: MIT
#include "tune/unit.h"

#include <ctype.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

extern char **environ;

#define FILE_NAME "zz-patronus.conf" // sorts behind those of others
// This one goes before /etc, where a file of the same name is hidden then: systemd.unit(5).
#define WAITING "run/systemd/system.control"
#define KEPT    "etc/systemd/system"
#define ENV     "unit.env."

static const char head[] = "# Written by pt-tune; `pt-tune rollback' takes it back.\n[Service]\n";

static const char numa_key[] = "unit.numa", numa_mask[] = "NUMAMask", cpus[] = "CPUAffinity";
static const struct {
	const char *key, *directive;
} directives[] = {
	{ "limits.nofile", "LimitNOFILE" }, { "limits.nproc", "TasksMax" },
	{ "limits.memlock", "LimitMEMLOCK" }, { "unit.affinity", cpus }, { "unit.slice", "Slice" },
	{ "unit.numa", "NUMAPolicy" }, // and NUMAMask
};

static const char *directive_of(const char *key)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(directives); i++) {
		if (strcmp(directives[i].key, key) == 0)
			return directives[i].directive;
	}
	return strncmp(key, ENV, sizeof(ENV) - 1) == 0 ? "Environment" : NULL;
}

bool pt_unit_is(const char *key)
{
	return directive_of(key) != NULL;
}

bool pt_unit_name_ok(const char *unit)
{
	size_t len = strlen(unit);

	for (const char *p = unit; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.@:\\", *p))
			return false;
	}
	return len < PT_UNIT_NAME && len > 8 && unit[0] != '.' &&
		strcmp(unit + len - 8, ".service") == 0;
}

void pt_unit_paths(const char *unit, char kept[256], char waiting[256])
{
	(void)snprintf(kept, 256, KEPT "/%.127s.d/" FILE_NAME, unit);
	(void)snprintf(waiting, 256, WAITING "/%.127s.d/" FILE_NAME, unit);
}

bool pt_unit_is_ours(const char *unit, const char *path)
{
	char kept[256], waiting[256];

	pt_unit_paths(unit, kept, waiting);
	return strcmp(path, kept) == 0 || strcmp(path, waiting) == 0;
}

// ---- lines ----

// "%" and quotes mean something to systemd.
static void put_escaped(struct pt_buf *b, const char *value)
{
	for (; *value; value++) {
		if (*value == '%')
			pt_buf_putc(b, '%');
		else if (*value == '"' || *value == '\\')
			pt_buf_putc(b, '\\');
		pt_buf_putc(b, *value);
	}
}

// Masks of several files are added up: an empty one first takes back what others say.
static void put_lines(struct pt_buf *b, const char *key, const char *value)
{
	const char *directive = directive_of(key), *colon = strchr(value, ':');

	if (strcmp(value, "none") == 0)
		return;
	if (strncmp(key, ENV, sizeof(ENV) - 1) == 0) {
		pt_buf_printf(b, "Environment=\"%s=", key + sizeof(ENV) - 1);
		put_escaped(b, value);
		pt_buf_puts(b, "\"\n");
	} else if (strcmp(key, numa_key) == 0 && colon) {
		pt_buf_printf(b, "%s=%.*s\n%s=\n%s=%s\n", directive, (int)(colon - value), value,
			numa_mask, numa_mask, colon + 1);
	} else {
		if (strcmp(directive, cpus) == 0)
			pt_buf_printf(b, "%s=\n", cpus);
		pt_buf_printf(b, "%s=%s\n", directive,
			strcmp(value, "unlimited") == 0 ? "infinity" : value);
	}
}

// Behind "NAME=", which may be quoted, up to the quote or blank that ends it.
static bool env_value(const char *text, const char *name, char out[PT_KNOB_VALUE])
{
	size_t len = strlen(name), n = 0;

	for (const char *p = text; *p;) {
		char quote = *p == '"' || *p == '\'' ? *p++ : '\0';
		bool mine = strncmp(p, name, len) == 0 && p[len] == '=';
		if (mine)
			p += len + 1;
		for (; *p && (quote ? *p != quote : !isspace((unsigned char)*p)); p++) {
			if ((*p == '\\' || (*p == '%' && p[1] == '%')) && p[1])
				p++;
			if (mine && n < PT_KNOB_VALUE - 1)
				out[n++] = *p;
		}
		if (mine) {
			out[n] = '\0';
			return true;
		}
		p += *p != '\0';
		p += strspn(p, " \t");
	}
	return false;
}

// What a line says of the key. An empty assignment takes back what was said before.
static bool line_value(const char *line, const char *key, char out[PT_KNOB_VALUE])
{
	const char *directive = directive_of(key);
	char numa[PT_KNOB_VALUE];
	size_t len = directive ? strlen(directive) : 0;

	if (!directive)
		return false;
	line += strspn(line, " \t");
	if (strcmp(key, numa_key) == 0 && strncmp(line, "NUMAMask=", 9) == 0) {
		(void)snprintf(
			numa, sizeof(numa), "%.*s:%.100s", (int)strcspn(out, ":"), out, line + 9);
		(void)snprintf(out, PT_KNOB_VALUE, "%s", numa);
		return true;
	}
	if (strncmp(line, directive, len) != 0)
		return false;
	line += len;
	line += strspn(line, " \t"); // systemd reads blanks on either side
	if (*line++ != '=')
		return false;
	line += strspn(line, " \t");
	if (strncmp(key, ENV, sizeof(ENV) - 1) == 0 && *line)
		return env_value(line, key + sizeof(ENV) - 1, out);
	(void)snprintf(out, PT_KNOB_VALUE, "%s",
		!*line                                  ? "none"
			: strcmp(line, "infinity") == 0 ? "unlimited"
							: line);
	return true;
}

bool pt_unit_line(const char *line, const char *key, bool *service, char out[PT_KNOB_VALUE])
{
	static const char section[] = "[Service]";

	line += strspn(line, " \t");
	if (*line == '[')
		*service = strncmp(line, section, sizeof(section) - 1) == 0;
	return *service && line_value(line, key, out);
}

static void text_value(char *text, const char *key, char out[PT_KNOB_VALUE])
{
	bool service = false;

	for (char *at = text, *line; at && (line = strsep(&at, "\n"));)
		(void)pt_unit_line(line, key, &service, out);
}

static int read_ours(const struct pt_host *h, const char *unit, struct pt_buf *out)
{
	char kept[256], waiting[256];

	pt_unit_paths(unit, kept, waiting);
	int rc = pt_host_read(h, waiting, out);
	return rc == -ENOENT ? pt_host_read(h, kept, out) : rc;
}

int pt_unit_read(const struct pt_host *h, const char *unit, const char *key,
	char out[PT_KNOB_VALUE], struct pt_err *err)
{
	pt_autobuf text = { 0 };
	int rc = read_ours(h, unit, &text);

	if (rc < 0 && rc != -ENOENT)
		return pt_err_errno(err, rc, "%s", unit);
	(void)snprintf(out, PT_KNOB_VALUE, "none");
	if (text.data)
		text_value(text.data, key, out);
	return 0;
}

// ---- writing ----

static bool has_settings(const char *text)
{
	for (const char *line = text; line && *line;
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (*line != '\n' && *line != '#' && *line != '[')
			return true;
	}
	return false;
}

// The old text with the key's lines in their place, or at the end; everybody else's stay.
// service: *out ends within [Service] already.
static void rewrite(char *old, const char *key, const char *value, bool service, struct pt_buf *out)
{
	char ignored[PT_KNOB_VALUE] = "";
	bool placed = false;

	for (char *at = old, *line; at && (line = strsep(&at, "\n"));) {
		if (!at && !*line)
			break; // behind the last newline
		if (!pt_unit_line(line, key, &service, ignored)) {
			pt_buf_printf(out, "%s\n", line);
			continue;
		}
		if (!placed)
			put_lines(out, key, value);
		placed = true;
	}
	if (!placed && !service)
		pt_buf_puts(out, "[Service]\n");
	if (!placed)
		put_lines(out, key, value);
}

int pt_unit_write(const struct pt_host *h, const char *unit, const char *key, const char *value,
	struct pt_err *err)
{
	char kept[256], waiting[256];
	pt_autobuf old = { 0 }, text = { 0 }, stands = { 0 };

	if (!pt_unit_name_ok(unit))
		return pt_err_set(err, -EINVAL, "'%s' is no service's name", unit);
	if (strchr(value, '\n'))
		return pt_err_set(err, -EINVAL, "%s: more than a line", key);
	pt_unit_paths(unit, kept, waiting);
	int rc = read_ours(h, unit, &old);
	if (rc < 0 && rc != -ENOENT)
		return pt_err_errno(err, rc, "%s", unit);
	if (rc == -ENOENT)
		pt_buf_puts(&text, head);
	rewrite(old.data, key, value, rc == -ENOENT, &text);
	bool keeps = pt_host_read(h, kept, &stands) == 0;
	bool same = keeps ? strcmp(pt_buf_str(&stands), pt_buf_str(&text)) == 0
			  : !has_settings(pt_buf_str(&text));
	return pt_file_put(h, waiting, same ? NULL : pt_buf_str(&text), err);
}

int pt_unit_unkeep(const struct pt_host *h, const char *unit, struct pt_err *err)
{
	char kept[256], waiting[256];
	pt_autobuf text = { 0 };

	pt_unit_paths(unit, kept, waiting);
	if (pt_host_read(h, kept, &text) < 0)
		return 0;
	int rc = pt_host_has(h, waiting) ? 0 : pt_file_put(h, waiting, pt_buf_str(&text), err);
	return rc < 0 ? rc : pt_file_put(h, kept, NULL, err);
}

int pt_unit_reload(const struct pt_host *h, struct pt_err *err)
{
	char program[] = "systemctl", verb[] = "daemon-reload", *argv[] = { program, verb, NULL };
	int status = 0;
	pid_t pid;

	if (h->root || !pt_host_has(h, "run/systemd/system"))
		return 0;
	int rc = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	if (rc)
		return pt_err_errno(err, -rc, "systemctl");
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return pt_err_set(err, -EIO, "systemctl daemon-reload failed");
	return 0;
}
