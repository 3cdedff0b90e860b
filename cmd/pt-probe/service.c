// SPDX-License-Identifier: MIT
// pt-probe tcp, http, dns: the verbs' options and arguments.
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "wire/dns.h"

enum {
	KEY_OPEN = 0x100,
	KEY_STATUS,
	KEY_BODY,
	KEY_CA,
	KEY_INSECURE,
	KEY_CERT_DAYS,
	KEY_ADDRESS,
	KEY_RCODE,
	KEY_ANSWER
};

#define COMMON_OPTIONS                                                                 \
	{ .name = "count",                                                             \
		.key = 'c',                                                            \
		.arg = "N",                                                            \
		.doc = "Stop after N requests (default: when interrupted)" },          \
		{ .name = "interval",                                                  \
			.key = 'i',                                                    \
			.arg = "TIME",                                                 \
			.doc = "Between two requests: 100ms, 2s (default 1s)" },       \
		{ .name = "timeout",                                                   \
			.key = 'W',                                                    \
			.arg = "TIME",                                                 \
			.doc = "A request has failed after this time (default: 5s)" }, \
		PROBE_WAY_OPTIONS

const struct argp_option probe_tcp_options[] = {
	COMMON_OPTIONS,
	{ .name = "open", .key = KEY_OPEN, .doc = "A refused connection is a failure, too" },
	{ 0 },
};

const struct argp_option probe_http_options[] = {
	COMMON_OPTIONS,
	{ .name = "status",
		.key = KEY_STATUS,
		.arg = "LIST",
		.doc = "Right answers: 200,301-308 (default 200-399)" },
	{ .name = "body",
		.key = KEY_BODY,
		.arg = "TEXT",
		.doc = "Has to be within the first MiB of the page" },
	{ .name = "ca",
		.key = KEY_CA,
		.arg = "FILE",
		.doc = "Trust the certificates in this file" },
	{ .name = "insecure", .key = KEY_INSECURE, .doc = "Take any certificate" },
	{ .name = "cert-days",
		.key = KEY_CERT_DAYS,
		.arg = "N",
		.doc = "The certificate has to be good for N more days" },
	{ .name = "address",
		.key = KEY_ADDRESS,
		.arg = "ADDRESS",
		.doc = "Connect to this address, whatever the URL's name resolves to" },
	{ 0 },
};

const struct argp_option probe_dns_options[] = {
	COMMON_OPTIONS,
	{ .name = "port", .key = 'p', .arg = "PORT", .doc = "Of the server (default 53)" },
	{ .name = "type",
		.key = 't',
		.arg = "TYPE",
		.doc = "Of record: a, aaaa, cname, mx, ns, ptr, soa, srv, txt, TYPE65 (default "
		       "a)" },
	{ .name = "rcode",
		.key = KEY_RCODE,
		.arg = "CODE",
		.doc = "Right answer: noerror, nxdomain, refused, ... (default noerror)" },
	{ .name = "answer",
		.key = KEY_ANSWER,
		.arg = "TEXT",
		.doc = "Has to be among the records: an address, a name, a text" },
	{ 0 },
};

static int parse_common(struct pt_ctx *ctx, int key, char *arg, struct probe_service_opts *o)
{
	switch (key) {
	case 'c':
		if (pt_parse_u64(arg, 1, UINT32_MAX, &o->count))
			return pt_err_set(&ctx->err, -EINVAL, "--count: '%s' is no count", arg);
		return 0;
	case 'i':
		return probe_parse_time(ctx, "interval", arg, &o->interval_ns);
	case 'W':
		return probe_parse_time(ctx, "timeout", arg, &o->timeout_ns);
	default:
		return probe_way_parse(ctx, key, arg, &o->way);
	}
}

int probe_tcp_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_service_opts *o = opts;

	if (key != KEY_OPEN)
		return parse_common(ctx, key, arg, o);
	o->open = true;
	return 0;
}

// "200,301-308"
static int parse_status(struct pt_ctx *ctx, char *arg, struct probe_service_opts *o)
{
	char *save = NULL;
	pt_autobuf whole = { 0 };

	pt_buf_puts(&whole, arg);
	o->n_status = 0;
	for (char *s = strtok_r(arg, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		struct pt_port_range *r = &o->status[o->n_status];
		if (o->n_status == PROBE_STATUS_MAX || pt_parse_ports(s, &r->lo, &r->hi) ||
			r->lo < 100 || r->hi > 999)
			return pt_err_set(&ctx->err, -EINVAL,
				"--status: '%s' is no list of codes such as 200,301-308",
				whole.data);
		o->n_status++;
	}
	return o->n_status ? 0 : pt_err_set(&ctx->err, -EINVAL, "--status: names none");
}

int probe_http_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_service_opts *o = opts;

	switch (key) {
	case KEY_STATUS:
		return parse_status(ctx, arg, o);
	case KEY_BODY:
		o->body = arg;
		return *arg ? 0 : pt_err_set(&ctx->err, -EINVAL, "--body: is empty");
	case KEY_CA:
		o->ca_file = arg;
		return 0;
	case KEY_INSECURE:
		o->insecure = true;
		return 0;
	case KEY_CERT_DAYS:
		return probe_parse_number(ctx, "cert-days", arg, 1, 36500, &o->cert_days);
	case KEY_ADDRESS:
		o->address = arg;
		return 0;
	default:
		return parse_common(ctx, key, arg, o);
	}
}

int probe_dns_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_service_opts *o = opts;

	switch (key) {
	case 'p':
		return probe_parse_number(ctx, "port", arg, 1, UINT16_MAX, &o->port);
	case 't':
		return pt_dns_type_parse(arg, &o->type)
			? pt_err_set(&ctx->err, -EINVAL, "--type: '%s' is no record type", arg)
			: 0;
	case KEY_RCODE:
		return pt_dns_rcode_parse(arg, &o->rcode)
			? pt_err_set(&ctx->err, -EINVAL, "--rcode: '%s' is no response code", arg)
			: 0;
	case KEY_ANSWER:
		o->answer = arg;
		return 0;
	default:
		return parse_common(ctx, key, arg, o);
	}
}

// ---- arguments ----

// All options have been read. -EINVAL: a usage error.
static int complete(struct pt_ctx *ctx, struct probe_service_opts *o, enum pt_probe_kind probe,
	struct pt_service_opts *so)
{
	if (!o->interval_ns)
		o->interval_ns = PT_NS_PER_S;
	if (!o->timeout_ns)
		o->timeout_ns = 5 * PT_NS_PER_S;
	*so = (struct pt_service_opts){ .probe = probe, .timeout_ns = o->timeout_ns };
	int code = probe_way_complete(ctx, &o->way);
	so->family = o->way.family;
	so->way = (struct pt_service_way){ .device = o->way.device,
		.source = o->way.source,
		.mark = o->way.mark,
		.dscp = o->way.dscp };
	return code;
}

// "host:443", "[2001:db8::1]:443" into the host and the port; cuts text.
static int split_host(struct pt_ctx *ctx, char *text, const char **host, uint16_t *port)
{
	char *colon = strrchr(text, ':');
	uint32_t number = 0;
	bool bracket = *text == '[';

	if (!colon || pt_parse_u32(colon + 1, 1, UINT16_MAX, &number) || colon == text ||
		(bracket && colon[-1] != ']') || (!bracket && strchr(text, ':') != colon))
		return pt_err_set(&ctx->err, -EINVAL, "'%s' is not HOST:PORT or [IPV6]:PORT", text);
	colon[bracket ? -1 : 0] = '\0';
	*host = text + bracket;
	*port = (uint16_t)number;
	return 0;
}

static int exit_code(int code)
{
	return code < 0 ? PT_EXIT_FAIL : code;
}

int probe_tcp(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct probe_service_opts *o = opts;
	struct pt_service_opts so;
	const char *host = NULL;
	pt_autobuf asked = { 0 };

	(void)argc;
	pt_buf_puts(&asked, argv[0]);
	if (complete(ctx, o, PT_PROBE_TCP, &so) || split_host(ctx, argv[0], &host, &so.port))
		return PT_EXIT_USAGE;
	so.open = o->open;
	int code = probe_resolve(ctx, host, &o->way, &so.target, &so.scope);
	return exit_code(code ? code : probe_service_run(ctx, o, &so, asked.data));
}

int probe_http(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct probe_service_opts *o = opts;
	struct pt_service_opts so;

	(void)argc;
	if (complete(ctx, o, PT_PROBE_HTTP, &so))
		return PT_EXIT_USAGE;
	if (o->address && pt_addr_parse(o->address, &so.target)) {
		(void)pt_err_set(&ctx->err, -EINVAL, "--address: '%s' is no address", o->address);
		return PT_EXIT_USAGE;
	}
	so.http.url = argv[0];
	so.http.status = o->status;
	so.http.n_status = o->n_status;
	so.http.body = o->body;
	so.http.ca_file = o->ca_file;
	so.http.insecure = o->insecure;
	so.http.cert_days = o->cert_days;
	return exit_code(probe_service_run(ctx, o, &so, argv[0]));
}

int probe_dns(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct probe_service_opts *o = opts;
	struct pt_service_opts so;

	(void)argc;
	if (complete(ctx, o, PT_PROBE_DNS, &so))
		return PT_EXIT_USAGE;
	so.port = (uint16_t)(o->port ? o->port : PT_DNS_PORT);
	so.dns.name = argv[1];
	so.dns.type = o->type ? o->type : PT_DNS_A;
	so.dns.rcode = o->rcode;
	so.dns.answer = o->answer;
	int code = probe_resolve(ctx, argv[0], &o->way, &so.target, &so.scope);
	return exit_code(code ? code : probe_service_run(ctx, o, &so, argv[1]));
}
