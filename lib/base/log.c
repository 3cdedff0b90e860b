// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static enum pt_log_level current_level = PT_LOG_WARN;
static const char *tool_name = "pt";
static bool to_journal;

// sd-daemon(3) priorities
static const char *const prefix[] = {
	[PT_LOG_ERROR] = "<3>",
	[PT_LOG_WARN] = "<4>",
	[PT_LOG_INFO] = "<6>",
	[PT_LOG_DEBUG] = "<7>",
};

void pt_log_init(const char *tool, enum pt_log_level level)
{
	tool_name = tool;
	current_level = level;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

enum pt_log_level pt_log_level(void)
{
	return current_level;
}

void pt_log(enum pt_log_level level, const char *fmt, ...)
{
	if (level > current_level)
		return;
	char line[1024];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	// Arguments and names from files and peers stand in messages: one line stays one line, and
	// nothing acts on the terminal.
	for (char *p = line; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	(void)fprintf(stderr, "%s%s: %s\n", to_journal ? prefix[level] : "", tool_name, line);
}
