// SPDX-License-Identifier: MIT
// pt-probe mtu: what fits through the path, and what to set because of it.
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/record.h"
#include "probe/mtu.h"
#include "verbs.h"

#define DEFAULT_TRIES 3
#define IP4_TCP       40u // headers without options
#define IP6_TCP       60u
// Of a WireGuard packet beyond what it carries, by the family it travels in: IP, UDP, its own 16,
// and the authentication tag of 16.
#define WIREGUARD4 60u
#define WIREGUARD6 80u

const struct argp_option probe_mtu_options[] = {
	PROBE_WAY_OPTIONS,
	{ .name = "most",
		.key = 'M',
		.arg = "BYTES",
		.doc = "Search no higher (default: the device's MTU)" },
	{ .name = "tries",
		.key = 't',
		.arg = "N",
		.doc = "Probes of a size that must be lost before it is too big (default 3)" },
	{ .name = "timeout",
		.key = 'W',
		.arg = "TIME",
		.doc = "How long the first answer may take (default 1s)" },
	{ 0 },
};

int probe_mtu_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_mtu_opts *o = opts;
	switch (key) {
	case 'M':
		return probe_parse_number(ctx, "most", arg, 68, PT_ECHO_MOST, &o->most);
	case 't':
		return probe_parse_number(ctx, "tries", arg, 1, 20, &o->tries);
	case 'W':
		return probe_parse_time(ctx, "timeout", arg, &o->timeout_ns);
	default:
		return probe_way_parse(ctx, key, arg, &o->way);
	}
}

// What follows from the path MTU, in the order it is told.
struct advice {
	const char *key, *words;
	uint32_t bytes;
};

static void advise(const struct pt_mtu_result *r, int family, struct advice out[4])
{
	uint32_t tunnel = r->mtu - (family == AF_INET6 ? WIREGUARD6 : WIREGUARD4);
	uint32_t mss = r->mtu - (family == AF_INET6 ? IP6_TCP : IP4_TCP);
	out[0] = (struct advice){ "tcp_mss", "TCP MSS", mss };
	out[1] = (struct advice){ "wireguard_mtu", "WireGuard MTU", tunnel };
	out[2] = (struct advice){ "wireguard_mss4", "TCP MSS inside, IPv4", tunnel - IP4_TCP };
	out[3] = (struct advice){ "wireguard_mss6", "TCP MSS inside, IPv6", tunnel - IP6_TCP };
}

// A path too narrow for a header has no MSS to speak of.
static bool is_sane(const struct advice *a)
{
	return a->bytes <= PT_ECHO_MOST && a->bytes > 0;
}

static void told(void *ctx, uint32_t size, const struct pt_echo_news *news)
{
	char rtt[32], from[PT_ADDR_LEN] = "";
	(void)ctx;
	if (news->from.family)
		pt_addr_format(&news->from, from);
	pt_duration_format(news->rtt_ns, rtt, sizeof(rtt));
	if (!news->code)
		printf("%5u bytes: answered, %s\n", size, rtt);
	else if (news->code == -EMSGSIZE && news->from.family)
		printf("%5u bytes: %s: at most %u\n", size, from, news->mtu);
	else if (news->code == -ETIMEDOUT)
		printf("%5u bytes: silence\n", size);
	else
		printf("%5u bytes: %s\n", size, strerrordesc_np(-news->code));
	(void)fflush(stdout); // the dispatcher looks at the stream's error flag at the end
}

static void write_words(const struct pt_mtu_result *r, int family)
{
	struct advice advice[4];
	char text[PT_ADDR_LEN], rtt[32];
	pt_duration_format(r->rtt_ns, rtt, sizeof(rtt));
	printf("path MTU %u bytes (device %u), %u probes, %u lost, round trip %s\n", r->mtu,
		r->device_mtu, r->probes, r->lost, rtt);
	if (r->told_by.family) {
		pt_addr_format(&r->told_by, text);
		printf("%s says when a packet is too big\n", text);
	}
	if (r->black_hole)
		printf("black hole: packets above that vanish without a word; set the MTU or the "
		       "MSS by hand\n");
	advise(r, family, advice);
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (is_sane(&advice[i]))
			printf("%-22s %u\n", advice[i].words, advice[i].bytes);
}

static int write_record(struct pt_ctx *ctx, const char *name, const struct pt_addr *target,
	const struct pt_mtu_result *r)
{
	struct pt_record_writer *w = NULL;
	struct advice advice[4];
	char src[128], address[PT_ADDR_LEN], teller[PT_ADDR_LEN];
	json_t *body;
	probe_source(src, sizeof(src), "");
	pt_addr_format(target, address);
	if (r->told_by.family)
		pt_addr_format(&r->told_by, teller);
	int code = pt_record_writer_new(src, STDOUT_FILENO, NULL, &w, &ctx->err);
	if (code)
		return code;
	body = json_pack("{s:s,s:s,s:s,s:I,s:I,s:b,s:s?,s:I,s:I,s:I}", "host", name, "target",
		address, "family", target->family == AF_INET6 ? "ipv6" : "ipv4", "mtu",
		(json_int_t)r->mtu, "device_mtu", (json_int_t)r->device_mtu, "black_hole",
		(int)r->black_hole, "told_by", r->told_by.family ? teller : NULL, "probes",
		(json_int_t)r->probes, "lost", (json_int_t)r->lost, "rtt_us",
		(json_int_t)(r->rtt_ns / PT_NS_PER_US));
	advise(r, target->family, advice);
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		(void)json_object_set_new(body, advice[i].key,
			is_sane(&advice[i]) ? json_integer(advice[i].bytes) : json_null());
	code = pt_record_write(w, "mtu", body, &ctx->err);
	pt_record_writer_free(w);
	return code;
}

int probe_mtu(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct probe_mtu_opts *o = opts;
	struct pt_mtu_opts so = { .most = o->most,
		.tries = o->tries ? o->tries : DEFAULT_TRIES,
		.timeout_ns = o->timeout_ns ? o->timeout_ns : PT_NS_PER_S,
		.told = ctx->json || ctx->quiet ? NULL : told };
	struct pt_mtu_result r = { 0 };
	(void)argc; // one
	int code = probe_way_complete(ctx, &o->way);
	if (!code)
		code = probe_echo_opts(ctx, argv[0], &o->way, &so.echo);
	if (!code)
		code = pt_mtu_search(&so, &r, &ctx->err);
	if (code == -ETIMEDOUT) {
		(void)pt_err_set(
			&ctx->err, code, "%s: no answer%s", argv[0], r.rtt_ns ? " any more" : "");
		return PT_EXIT_NO;
	}
	if (code)
		return PT_EXIT_FAIL;
	if (!ctx->json)
		write_words(&r, so.echo.target.family);
	else if (write_record(ctx, argv[0], &so.echo.target, &r))
		return PT_EXIT_FAIL;
	return PT_EXIT_OK;
}
