// SPDX-License-Identifier: MIT
#include "tests/tools/common/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/tools/common/tool.h"

enum { MOST_OPTIONS = 24, HELP };

static int take(const struct tool_option *row)
{
	if (row->flag)
		*row->flag = true;
	else if (row->text)
		*row->text = optarg;
	else if (!tool_parse_u64(optarg, row->most, row->number))
		return tool_fail(optarg, "not a number in range");
	return 0;
}

int tool_options(int argc, char **argv, const struct tool_option *rows, const char *usage)
{
	struct option names[MOST_OPTIONS + 2] = { { "help", no_argument, NULL, HELP } };
	int at = 0, c;

	for (int i = 0; rows[i].name && i < MOST_OPTIONS; i++)
		names[i + 1] = (struct option){ .name = rows[i].name,
			.has_arg = rows[i].flag ? no_argument : required_argument };
	while ((c = getopt_long(argc, argv, "", names, &at)) != -1) {
		if (c == HELP) {
			(void)fputs(usage, stdout);
			exit(0);
		}
		if (c || take(&rows[at - 1]))
			return -1;
	}
	return optind;
}
