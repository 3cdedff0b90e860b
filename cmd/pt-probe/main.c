// SPDX-License-Identifier: MIT
// pt-probe: measures paths.
#include <unistd.h>

#include "base/log.h"
#include "probe/env.h"
#include "service.h"
#include "verbs.h"

static const struct pt_verb verbs[] = {
	{
		.name = "ping",
		.run = probe_ping,
		.options = probe_ping_options,
		.parse = probe_ping_parse,
		.opts_size = sizeof(struct probe_ping_opts),
		.args = "[HOST...]",
		.max_args = -1,
		.need = PT_NEED_NETNS | PT_NEED_JSON,
		.doc = "Measure loss, delay and jitter to hosts, by ICMP or STAMP",
	},
	{
		.name = "mtu",
		.run = probe_mtu,
		.options = probe_mtu_options,
		.parse = probe_mtu_parse,
		.opts_size = sizeof(struct probe_mtu_opts),
		.args = "HOST",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_NETNS | PT_NEED_JSON,
		.doc = "Find the path MTU to a host, where ICMP is filtered, too",
	},
	{
		.name = "trace",
		.run = probe_trace,
		.options = probe_trace_options,
		.parse = probe_trace_parse,
		.opts_size = sizeof(struct probe_trace_opts),
		.args = "HOST",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_NETNS | PT_NEED_JSON,
		.doc = "Show loss and delay of every hop on the way to a host",
	},
	{
		.name = "tcp",
		.run = probe_tcp,
		.options = probe_tcp_options,
		.parse = probe_tcp_parse,
		.opts_size = sizeof(struct probe_service_opts),
		.args = "HOST:PORT",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_NETNS | PT_NEED_JSON,
		.doc = "Time TCP handshakes with a service",
	},
	{
		.name = "http",
		.run = probe_http,
		.options = probe_http_options,
		.parse = probe_http_parse,
		.opts_size = sizeof(struct probe_service_opts),
		.args = "URL",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_NETNS | PT_NEED_JSON,
		.doc = "Time HTTP and HTTPS requests, step by step, and check the answers",
	},
	{
		.name = "dns",
		.run = probe_dns,
		.options = probe_dns_options,
		.parse = probe_dns_parse,
		.opts_size = sizeof(struct probe_service_opts),
		.args = "SERVER NAME",
		.min_args = 2,
		.max_args = 2,
		.need = PT_NEED_NETNS | PT_NEED_JSON,
		.doc = "Time DNS queries over UDP, and check the answers",
	},
	{
		.name = "once",
		.run = probe_once,
		.options = probe_watch_options,
		.parse = probe_watch_parse,
		.args = "[PATH...]",
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_NETNS | PT_NEED_JSON,
		.doc = "Measure the paths of this edge once: are all in their SLA?",
	},
	{
		.name = "watch",
		.run = probe_watch,
		.options = probe_watch_options,
		.parse = probe_watch_parse,
		.args = "",
		.need = PT_NEED_CONFIG | PT_NEED_NETWORK | PT_NEED_NETNS | PT_NEED_PIN,
		.doc = "Measure all paths of this edge for ever, write health records",
	},
	{
		.name = "reflect",
		.run = probe_reflect,
		.options = probe_reflect_options,
		.parse = probe_reflect_parse,
		.opts_size = sizeof(struct probe_reflect_opts),
		.args = "",
		.need = PT_NEED_CONFIG | PT_NEED_NETNS,
		.doc = "Answer STAMP probes (RFC 8762)",
	},
	{ .name = NULL },
};

static const struct pt_tool tool = {
	.name = "pt-probe",
	.doc = "Measures paths: delay, loss, jitter, by kernel time stamps.",
	.verbs = verbs,
};

void probe_realtime(void)
{
	struct pt_err err = { 0 };
	if (pt_realtime_enter(&err))
		pt_log(PT_LOG_INFO, "%s: probes may leave late on a busy machine", err.msg);
}

void probe_source(char *out, size_t len, const char *part)
{
	char host[HOST_NAME_MAX + 1] = "";
	if (gethostname(host, sizeof(host) - 1) || !host[0])
		(void)snprintf(host, sizeof(host), "localhost");
	(void)snprintf(out, len, "%s/%s%s", host, tool.name, part);
}

int main(int argc, char **argv)
{
	return pt_cli_main(&tool, argc, argv);
}
