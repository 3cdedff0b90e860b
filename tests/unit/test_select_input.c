// SPDX-License-Identifier: MIT
// From records to the engine: one time line, types, hostile content.
#include "select_rig.h"

#include "base/cleanup.h"
#include "select/input.h"

static void time_line(void)
{
	struct pt_input in = { 0 };

	// The first boot's monotonic clock is the time; others are placed by the wall clock.
	T_EQ(pt_input_time(&in, "one", 5000 * MS, 1000000000), 5000 * MS);
	T_EQ(pt_input_time(&in, "one", 6000 * MS, 9), 6000 * MS); // a stepped wall clock is nothing
	T_EQ(pt_input_time(&in, "two", 100 * MS, 1060000000), 65000 * MS);
	T_EQ(pt_input_time(&in, "two", 200 * MS, PT_NULL), 65100 * MS);
	T_EQ(pt_input_time(&in, NULL, 0, 1070000000), 75000 * MS);
	T_EQ(pt_input_time(&in, "one", 7000 * MS, 1000000000), 7000 * MS);
	for (char c = 'a'; c < 'z'; c++)
		T_EQ(pt_input_time(&in, (char[]){ c, '\0' }, 1, 1080000000), 85000 * MS);
	in = (struct pt_input){ 0 };
	T_EQ(pt_input_time(&in, NULL, 0, 1000), 1000000);
	T_EQ(pt_input_time(&in, "one", 5, 2000), 2000000);
}

static int feed(struct pt_input *in, const char *text, struct pt_err *err)
{
	pt_autojson json_t *j = json_loads(text, 0, NULL);
	const char *type = json_string_value(json_object_get(j, "type"));

	if (!type)
		return 0; // the reader's business
	return pt_input_record(in, j, type, err);
}

static void records(void)
{
	struct rig r;
	struct pt_input in = { 0 };
	struct pt_err err = { 0 };

	if (!setup(&r, VOICE))
		return;
	in.select = r.select;
	T_EQ(feed(&in, "{\"type\":\"bench\",\"x\":1}", &err), 0);
	T_EQ(feed(&in, "{\"type\":\"health\",\"path\":\"hq-fibre\"}", &err), -EINVAL);
	T_HAS(err.msg, "neither ts nor mono_ns");
	T_EQ(feed(&in, "{\"type\":\"health\",\"ts\":\"yesterday\"}", &err), -EINVAL);
	T_HAS(err.msg, "ts: not an RFC 3339 time");
	T_EQ(feed(&in,
		     "{\"type\":\"health\",\"mono_ns\":5,\"boot\":\"b\",\"target\":\"192.0.2.1\","
		     "\"family\":\"ipv4\",\"probe\":\"stamp\",\"window_ms\":1000,\"path\":\"hq-"
		     "fibre\","
		     "\"sent\":\"many\"}",
		     &err),
		-EINVAL);
	T_HAS(err.msg, "sent");
	T_EQ(feed(&in, "{\"type\":\"health\",\"ts\":\"9999-01-01T00:00:00Z\"}", &err), -EINVAL);
	T_HAS(err.msg, "ts: out of range");
	T_EQ(feed(&in, "{\"type\":\"health\",\"mono_ns\":9223372036854775807,\"boot\":\"b\"}",
		     &err),
		-EINVAL);
	T_HAS(err.msg, "mono_ns: out of range");
	in.latest_ns = 100 * S;
	T_EQ(feed(&in,
		     "{\"type\":\"health\",\"mono_ns\":1000000000000000000,\"boot\":\"b\","
		     "\"path\":\"hq-fibre\",\"sent\":1}",
		     &err),
		-EINVAL);
	T_HAS(err.msg, "in the future");
	in.latest_ns = 0;
	T_EQ(feed(&in,
		     "{\"type\":\"health\",\"v\":1,\"mono_ns\":100000000000,\"boot\":\"b\",\"seq\":"
		     "1,\"path\":\"hq-fibre\",\"target\":\"192.0.2.1\",\"family\":\"ipv4\","
		     "\"probe\":\"stamp\",\"window_ms\":1000,\"sent\":100,\"received\":50,"
		     "\"loss_ppm\":500000,\"rtt_us\":{\"p95\":10000},\"later\":true}",
		     &err),
		1);
	T_EQ(feed(&in,
		     "{\"type\":\"transition\",\"mono_ns\":100000000001,\"boot\":\"b\",\"path\":"
		     "\"hq-lte\",\"from\":\"up\",\"to\":\"down\",\"cause\":\"carrier\"}",
		     &err),
		1);
	T_EQ(feed(&in,
		     "{\"type\":\"decision\",\"mono_ns\":100000000001,\"boot\":\"b\",\"site\":"
		     "\"branch\",\"policy\":\"voice\",\"paths\":[\"hq-sat\"]}",
		     &err),
		1);
	pt_select_finish(r.select, true);
	T_HAS(pt_buf_str(&r.log),
		"hq-fibre hq-sat hq-lte: first decision; hq-fibre: loss 500000 "
		"ppm over 10000 ppm for 1 s\n"
		"  hq-sat: unknown: no data yet\n"
		"  hq-lte: down (carrier)\n");
	teardown(&r);
}

// Valid lines with a few bytes changed: taken, passed over or refused, and never more than that.
static void damaged(void)
{
	static const char *const lines[] = {
		"{\"type\":\"health\",\"ts\":\"2026-01-01T00:00:00.5Z\",\"mono_ns\":100000000000,"
		"\"boot\":\"b\",\"seq\":1,\"path\":\"hq-fibre\",\"target\":\"192.0.2.1\","
		"\"family\":\"ipv4\",\"probe\":\"stamp\",\"window_ms\":1000,\"sent\":100,"
		"\"received\":50,\"loss_ppm\":500000,\"rtt_us\":{\"p95\":10000},\"jitter_us\":99}",
		"{\"type\":\"transition\",\"mono_ns\":100000000001,\"boot\":\"b\",\"path\":"
		"\"hq-lte\",\"from\":\"up\",\"to\":\"down\",\"cause\":\"carrier\"}",
		"{\"type\":\"decision\",\"mono_ns\":100000000001,\"boot\":\"b\",\"site\":"
		"\"branch\",\"policy\":\"voice\",\"paths\":[\"hq-sat\",\"hq-lte\"],"
		"\"previous\":[\"hq-lte\"]}",
	};
	static const char bytes[] = "0123456789-+.eE\"{}[]:,abntruefalse\\";
	struct rig r;
	struct pt_input in = { .take_decisions = true };
	uint64_t x = 1;
	unsigned took = 0;

	if (!setup(&r, VOICE))
		return;
	in.select = r.select;
	for (unsigned i = 0; i < 30000; i++) {
		char text[512];
		struct pt_err err = { 0 };
		size_t len;

		snprintf(text, sizeof(text), "%s", lines[i % PT_ARRAY_LEN(lines)]);
		len = strlen(text);
		for (unsigned k = 0; k < 1 + i % 3; k++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			text[(x >> 33) % len] = bytes[(x >> 20) % (sizeof(bytes) - 1)];
		}
		took += feed(&in, text, &err) > 0;
	}
	pt_select_finish(r.select, true);
	T_OK(took > 100);
	T_OK(r.decisions > 0);
	teardown(&r);
}

T_MAIN({ "one time line for all boots", time_line }, { "records in", records },
	{ "damaged records", damaged })
