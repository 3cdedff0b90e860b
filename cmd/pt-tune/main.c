// SPDX-License-Identifier: MIT
// pt-tune: changes a host like a transaction and proves that it helped (pt-tune(8)).
#include "tune.h"

#define OPTIONS(list) .options = list, .parse = tune_parse, .opts_size = sizeof(struct tune_opts)

static const struct pt_verb verbs[] = {
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
