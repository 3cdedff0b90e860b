// SPDX-License-Identifier: MIT
// pt-tune diagnose net --to, --url: pt-probe measures, its records are read.
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/proc.h"
#include "tune.h"

#define PATIENCE (60 * PT_NS_PER_S)

// One record of pt-probe; NULL with the reason told. A measurement that says no has its record,
// too.
static json_t *probe(struct pt_ctx *ctx, const char *const words[])
{
	const char *argv[16];
	char tool[512];
	struct pt_err why = { 0 };
	struct pt_proc p = PT_PROC_NONE;
	unsigned n = 1;

	pt_autofd out = memfd_create("record", MFD_CLOEXEC);
	int rc = pt_proc_tool(NULL, "pt-probe", tool, sizeof(tool), &why);
	argv[0] = tool;
	for (; words[n - 1] && n < PT_ARRAY_LEN(argv) - 1; n++)
		argv[n] = words[n - 1];
	argv[n] = NULL;
	if (rc == 0 && out < 0)
		rc = pt_err_errno(&why, -errno, "record");
	if (rc == 0)
		rc = pt_proc_start_into(argv, NULL, out, &p, &why);
	if (rc == 0)
		rc = pt_proc_wait(&p, PATIENCE, &why);
	pt_proc_stop(&p);
	json_t *record = NULL;
	if (out >= 0 && lseek(out, 0, SEEK_SET) == 0)
		record = json_loadfd(out, JSON_DISABLE_EOF_CHECK, NULL);
	if (!record && !ctx->quiet)
		(void)fprintf(stderr, "pt-tune: pt-probe %s: %s\n", words[0],
			rc < 0 ? why.msg : "no record");
	return record;
}

static double number(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	return json_is_number(v)     ? json_number_value(v)
		: json_is_boolean(v) ? (double)json_is_true(v)
				     : (double)NAN;
}

static void read_ping(struct pt_ctx *ctx, const char *to, struct pt_facts *f)
{
	pt_autojson json_t *j = probe(ctx,
		(const char *const[]){
			"ping", "--json", "-c", "20", "-i", "50ms", "--", to, NULL });
	const json_t *rtt = json_object_get(j, "rtt_us");

	f->value[PT_FACT_far_loss] = number(j, "loss_ppm") * 1e-4;
	f->value[PT_FACT_far_min_ms] = number(rtt, "min") * 1e-3;
	f->value[PT_FACT_far_p95_ms] = number(rtt, "p95") * 1e-3;
}

// Loss that a hop has in common with all behind it: the most that any adds.
static void read_trace(struct pt_ctx *ctx, const char *to, struct pt_facts *f)
{
	pt_autojson json_t *j = probe(ctx,
		(const char *const[]){
			"trace", "--json", "-c", "10", "-i", "50ms", "--", to, NULL });
	const json_t *hops = json_object_get(j, "hops");
	double before = 0, most = 0;

	for (size_t i = 0; i < json_array_size(hops); i++) {
		double loss = number(json_array_get(hops, i), "path_loss_ppm") * 1e-4;
		most = fmax(most, loss - before);
		before = loss;
	}
	if (json_array_size(hops))
		f->value[PT_FACT_far_hop_loss] = most;
}

static void read_mtu(struct pt_ctx *ctx, const char *to, struct pt_facts *f)
{
	pt_autojson json_t *j = probe(
		ctx, (const char *const[]){ "mtu", "--json", "--", to, NULL });

	f->value[PT_FACT_far_mtu] = number(j, "mtu");
	f->value[PT_FACT_far_mtu_own] = number(j, "device_mtu");
	f->value[PT_FACT_far_hole] = number(j, "black_hole");
}

void tune_far_facts(struct pt_ctx *ctx, const struct tune_opts *o, struct pt_facts *f)
{
	read_ping(ctx, o->to, f);
	read_trace(ctx, o->to, f);
	read_mtu(ctx, o->to, f);
}

// As curl -w tells them, but each step by itself.
void tune_url_facts(struct pt_ctx *ctx, const struct tune_opts *o, struct pt_facts *f)
{
	static const struct {
		const char *step;
		enum pt_fact fact;
	} steps[] = {
		{ "lookup", PT_FACT_url_lookup_ms },
		{ "connect", PT_FACT_url_connect_ms },
		{ "tls", PT_FACT_url_tls_ms },
		{ "first_byte", PT_FACT_url_wait_ms },
	};
	pt_autojson json_t *j = probe(
		ctx, (const char *const[]){ "http", "--json", "-c", "1", "--", o->url, NULL });
	const json_t *at = json_object_get(j, "steps_us");
	double before = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(steps); i++) {
		double us = number(at, steps[i].step);
		if (isnan(us)) // no TLS, no name
			continue;
		f->value[steps[i].fact] = (us - before) * 1e-3;
		before = us;
	}
	f->value[PT_FACT_url_total_ms] = number(json_object_get(j, "rtt_us"), "max") * 1e-3;
}
