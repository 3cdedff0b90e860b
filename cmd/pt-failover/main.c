// SPDX-License-Identifier: MIT
// pt-failover: puts the kernel's data plane in place, watches it and writes decisions into it.
#include <errno.h>
#include <unistd.h>

#include "failover.h"

static const struct pt_verb verbs[] = {
	{ .name = "attach",
		.run = failover_attach,
		.options = attach_options,
		.parse = attach_parse,
		.opts_size = sizeof(struct attach_opts),
		.args = "",
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_PIN | PT_NEED_NETNS |
			PT_NEED_ROOT | PT_NEED_DRY_RUN | PT_NEED_STATE,
		.doc = "Load the data plane, fill its tables, attach it to this edge's devices" },
	{ .name = "detach",
		.run = failover_detach,
		.args = "",
		.need = PT_NEED_PIN | PT_NEED_NETNS | PT_NEED_ROOT,
		.doc = "Remove all that attach put in place" },
	{ .name = "watch",
		.run = failover_watch,
		.args = "",
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_PIN | PT_NEED_NETNS |
			PT_NEED_ROOT | PT_NEED_RECORDS | PT_NEED_STATE,
		.doc = "Follow events, devices and decisions; write records" },
	{ .name = "apply",
		.run = failover_apply,
		.args = "",
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_PIN | PT_NEED_NETNS |
			PT_NEED_ROOT | PT_NEED_DRY_RUN | PT_NEED_STATE,
		.doc = "Make the data plane hold what the files say; nothing where it does" },
	{ .name = "status",
		.run = failover_status,
		.options = status_options,
		.parse = status_parse,
		.opts_size = sizeof(struct status_opts),
		.args = "",
		.need = PT_NEED_PIN | PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Show paths, groups and counters as the kernel has them" },
	{ .name = "switch",
		.run = failover_switch,
		.options = switch_options,
		.parse = switch_parse,
		.opts_size = sizeof(struct switch_opts),
		.args = "PATH...",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_PIN | PT_NEED_ROOT | PT_NEED_DRY_RUN | PT_NEED_STATE,
		.doc = "Prefer these paths to their site, or block and unblock them, by hand" },
	{ .name = "drain",
		.run = failover_drain,
		.options = drain_options,
		.parse = drain_parse,
		.opts_size = sizeof(struct drain_opts),
		.args = "PATH...",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_PIN | PT_NEED_ROOT | PT_NEED_DRY_RUN | PT_NEED_STATE,
		.doc = "Move users off paths without losing a packet, and wait until they are "
		       "off" },
	{ .name = "undrain",
		.run = failover_undrain,
		.args = "PATH...",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_PIN | PT_NEED_ROOT | PT_NEED_DRY_RUN | PT_NEED_STATE,
		.doc = "Allow drained paths again" },
	{ .name = "drill",
		.run = failover_drill,
		.options = drill_options,
		.parse = drain_parse,
		.opts_size = sizeof(struct drain_opts),
		.args = "PATH...",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_PIN | PT_NEED_ROOT | PT_NEED_DRY_RUN,
		.doc = "Rehearse the loss of paths for a while; ends by itself, however it ends" },
	{ .name = "why",
		.run = failover_why,
		.options = why_options,
		.parse = why_parse,
		.opts_size = sizeof(struct why_opts),
		.args = "[FLOW]",
		.max_args = 1,
		.need = PT_NEED_PIN | PT_NEED_NETNS | PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Tell step by step where a packet goes, or what would be without a path" },
	{ .name = "events",
		.run = failover_events,
		.options = events_options,
		.parse = events_parse,
		.opts_size = sizeof(struct events_opts),
		.args = "",
		.doc = "Tell in words what happened" },
	{ .name = NULL },
};

static const struct pt_tool tool = {
	.name = "pt-failover",
	.doc = "Detects dead paths in the kernel and moves traffic to living ones.",
	.verbs = verbs,
};

int pt_inputs_load(const struct pt_ctx *ctx, struct pt_inputs *out, struct pt_err *err)
{
	const char *config = ctx->config;
	int ret;

	if (!ctx->config_given && access(config, F_OK) < 0 && errno == ENOENT)
		config = NULL; // every key has a default
	*out = (struct pt_inputs){};
	ret = pt_config_load(config, &out->arena, &out->cfg, err);
	if (!ret)
		ret = pt_network_load(ctx->network, &out->arena, &out->net, err);
	if (ret)
		return ret;
	out->self = pt_network_self(&out->net, out->cfg.edge);
	if (!out->self)
		return pt_err_set(err, -ENOENT,
			"%s: no site has the edge '%s'; set `edge` in the configuration",
			ctx->network, out->cfg.edge ? out->cfg.edge : "(this host's name)");
	return 0;
}

void pt_inputs_done(struct pt_inputs *in)
{
	pt_arena_done(&in->arena);
}

const char *pt_pin_dir(const struct pt_ctx *ctx)
{
	return ctx->pin_dir ? ctx->pin_dir : PT_PIN_DIR;
}

const char *pt_state_dir(const struct pt_ctx *ctx)
{
	if (ctx->state_dir)
		return ctx->state_dir;
	return ctx->pin_dir ? NULL : PT_DEFAULT_STATE;
}

int main(int argc, char **argv)
{
	return pt_cli_main(&tool, argc, argv);
}
