// SPDX-License-Identifier: MIT
// pt-select: decides which path each site and policy uses.
#include "verbs.h"

#define WINDOWS                                                         \
	.options = select_window_options, .parse = select_window_parse, \
	.opts_size = sizeof(struct select_windows)

static const struct pt_verb verbs[] = {
	{
		.name = "once",
		.run = select_once,
		WINDOWS,
		.args = "[FILE|SPOOL...]",
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_RECORDS,
		.doc = "Read records to their end, write one decision for each site and policy",
	},
	{
		.name = "watch",
		.run = select_watch,
		WINDOWS,
		.args = "[FILE|SPOOL...]",
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_RECORDS,
		.doc = "Follow records for ever, write a decision whenever an order changes",
	},
	{
		.name = "explain",
		.run = select_explain,
		.options = select_explain_options,
		.parse = select_window_parse,
		.opts_size = sizeof(struct select_windows),
		.args = "SITE POLICY [FILE|SPOOL...]",
		.min_args = 2,
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_JSON,
		.doc = "Show every candidate, its metrics against the SLA, its place and why",
	},
	{
		.name = "classify",
		.run = select_classify,
		.args = "['PROTOCOL ADDRESS[:PORT] > ADDRESS[:PORT] [DSCP] [in DEVICE]'...]",
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_JSON,
		.doc = "Show the site, policy and paths that packets belong to, and why",
	},
	{
		.name = "check",
		.run = select_check,
		WINDOWS,
		.args = "",
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_JSON,
		.doc = "Check the two files; with -v show the values in effect",
	},
	{ .name = NULL },
};

static const struct pt_tool tool = {
	.name = "pt-select",
	.doc = "Decides which path each site and policy uses, from records of health.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return pt_cli_main(&tool, argc, argv);
}
