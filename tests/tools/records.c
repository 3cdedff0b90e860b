// SPDX-License-Identifier: MIT
// Makes records of every type through the real writer, for tests of what reads them.
//   records N [RATE] [SPOOL]   N records, RATE a second (0: as fast as it goes), to standard output
//                              or into a spool. Of eight records five are health, and one each
//                              traffic, transition and stats.
#include "tests/tools/common/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/record.h"

#define PATHS 3

const char *tool_name = "records";

static json_t *health(unsigned i)
{
	static const char *const paths[PATHS] = { "west-east-fiber", "west-east-cable",
		"west-east-lte" };

	return json_pack(
		"{ss ss ss si ss si si si si si sn si s{si si si si si si} s[[ii][ii]] si si "
		"sn si si si si si sf si ss}",
		"path", paths[i % PATHS], "target", "192.0.2.130", "family", "ipv4", "dscp", 0,
		"probe", "stamp", "window_ms", 10000, "sent", 10, "received", 9, "late", 0,
		"loss_ppm", 100000, "loss_out_ppm", "loss_back_ppm", 0, "rtt_us", "min", 100, "p50",
		120, "p95", 200, "p99", 250, "max", 300, "mean", 130, "rtt_hist", 80, 3, 81, 6,
		"owd_out_us", 60, "owd_back_us", 60, "owd_error_us", "jitter_us", 5, "pdv_us", 100,
		"reordered", 0, "duplicates", 0, "mtu", 1500, "mos", 4.409, "score", 98,
		"timestamps", "kernel");
}

static int write_one(struct pt_record_writer *w, unsigned i, struct pt_err *err)
{
	switch (i % 8) {
	case 5:
		return pt_record_write(w, "traffic",
			json_pack("{ss ss si}", "path", "west-east-lte", "policy", "voice",
				"tx_packets", i),
			err);
	case 6:
		return pt_record_write(w, "transition",
			json_pack("{ss ss ss ss si}", "path", "west-east-lte", "from",
				i % 16 < 8 ? "up" : "down", "to", i % 16 < 8 ? "down" : "up",
				"cause", "timeout", "silence_us", 30000),
			err);
	case 7:
		return pt_record_write(w, "stats", json_pack("{si}", "n", i), err);
	default:
		return pt_record_write(w, "health", health(i), err);
	}
}

static void sleep_until(struct pt_mono t)
{
	const struct timespec ts = { .tv_sec = t.ns / PT_NS_PER_S, .tv_nsec = t.ns % PT_NS_PER_S };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
		;
}

int main(int argc, char **argv)
{
	struct pt_record_writer *w = NULL;
	struct pt_err err = { 0 };
	uint32_t n = 0, rate = 0;
	const char *spool = argc > 3 ? argv[3] : NULL;

	if (argc < 2 || pt_parse_u32(argv[1], 0, UINT32_MAX, &n) ||
		(argc > 2 && pt_parse_u32(argv[2], 0, 1000000, &rate))) {
		fprintf(stderr, "usage: records N [RATE] [SPOOL]\n");
		return 64;
	}
	int code = pt_record_writer_new(
		"test/records", spool ? -1 : STDOUT_FILENO, spool, &w, &err);
	struct pt_mono start = pt_mono_now();
	for (uint32_t i = 0; !code && i < n; i++) {
		if (rate)
			sleep_until(pt_mono_add(start, (int64_t)i * (PT_NS_PER_S / rate)));
		code = write_one(w, i, &err);
	}
	pt_record_writer_free(w);
	return code ? tool_fail("write", err.msg) : 0;
}
