// SPDX-License-Identifier: MIT
// Options of the test tools, as a table: --name VALUE or --name.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct tool_option {
	const char *name;
	uint64_t most;     // of a number
	const char **text; // one of these three
	uint64_t *number;
	bool *flag;
};

// Rows that end with a nameless one. Returns where the arguments begin, or -1 after one line on
// stderr. --help prints the usage and ends the tool.
int tool_options(int argc, char **argv, const struct tool_option *rows, const char *usage);
