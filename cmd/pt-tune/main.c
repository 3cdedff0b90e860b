// SPDX-License-Identifier: MIT
// pt-tune: changes a host like a transaction and proves that it helped (pt-tune(8)).
#include "tune.h"

#define OPTIONS(list) .options = list, .parse = tune_parse, .opts_size = sizeof(struct tune_opts)

static const struct pt_verb verbs[] = {
	{ .name = "check",
		.run = tune_check,
		OPTIONS(tune_check_options),
		.args = "",
		.need = PT_NEED_JSON | PT_NEED_NETNS,
		.doc = "Check requirements, conflicts and both of the guide's checklists" },
	{ .name = "plan",
		.run = tune_plan,
		OPTIONS(tune_plan_options),
		.args = "",
		.need = PT_NEED_JSON | PT_NEED_NETNS,
		.doc = "Show what a profile would change here, and why it would not; changes "
		       "nothing" },
	{ .name = "lint",
		.run = tune_lint,
		OPTIONS(tune_lint_options),
		.args = "PROFILE",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_JSON | PT_NEED_NETNS,
		.doc = "Tell every rule that a profile's values break, and its reason" },
	{ .name = "profile",
		.run = tune_profile,
		OPTIONS(tune_profile_options),
		.args = "[NAME]",
		.max_args = 1,
		.need = PT_NEED_JSON,
		.doc = "List the profiles, or what one asks for" },
	{ .name = "measure",
		.run = tune_measure,
		OPTIONS(tune_measure_options),
		.args = "",
		.need = PT_NEED_JSON | PT_NEED_NETNS,
		.doc = "Show how far the kernel's counters move in a window" },
	{ .name = "advise",
		.run = tune_advise,
		OPTIONS(tune_advise_options),
		.args = "",
		.need = PT_NEED_JSON | PT_NEED_NETNS,
		.doc = "Name the knobs that a counter asks for, and no others" },
	{ .name = "diagnose",
		.run = tune_diagnose,
		OPTIONS(tune_check_options),
		.args = "[cpu|mem|db|net...]",
		.max_args = -1,
		.need = PT_NEED_JSON | PT_NEED_NETNS,
		.doc = "Find what is the matter with CPU, memory, database or network, and a "
		       "cure" },
	{ .name = "explain",
		.run = tune_explain,
		OPTIONS(tune_explain_options),
		.args = "[KEY|PATTERN...]",
		.max_args = -1,
		.need = PT_NEED_JSON,
		.doc = "Say what a knob is, whom it touches, what is done with it and why" },
	{ .name = NULL },
};

static const struct pt_tool tool = {
	.name = "pt-tune",
	.doc = "Tunes a host by a corrected, reversible version of the tuning guide.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return pt_cli_main(&tool, argc, argv);
}
