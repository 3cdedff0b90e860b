// SPDX-License-Identifier: MIT
// Words for people, on stderr: `pt-x: text`. Under systemd (JOURNAL_STREAM) with <N> priorities.
// The level is the only mutable file-scope state of the house.
#pragma once

enum pt_log_level { PT_LOG_ERROR, PT_LOG_WARN, PT_LOG_INFO, PT_LOG_DEBUG };

void pt_log_init(const char *tool, enum pt_log_level level);
enum pt_log_level pt_log_level(void);
void pt_log(enum pt_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
