// SPDX-License-Identifier: MIT
// Each record's body against the bytes in tests/golden: what other programs rely on.
#include "model/records.h"

#include <errno.h>

#include "base/cleanup.h"
#include "model/network.h"
#include "test.h"

static char *read_golden(const char *name)
{
	pt_autobuf path = { 0 };
	char *text = calloc(1, 65536);

	pt_buf_printf(&path, "tests/golden/%s.json", name);
	pt_autofile FILE *f = fopen(path.data, "re");
	if (!f || !text) {
		T_FAIL("%s is missing", path.data);
		free(text);
		return NULL;
	}
	text[fread(text, 1, 65535, f)] = '\0';
	return text;
}

// Written it is the golden bytes; the golden bytes read are the same struct again.
static void golden(
	const char *name, const struct pt_schema *s, const void *body, void *back, void *blank)
{
	pt_autoarena a = { 0 };
	struct pt_err err = { 0 };
	pt_autobuf line = { 0 };
	pt_autojson json_t *j = pt_json_write(s, body);
	pt_autofree char *got = json_dumps(j, PT_JSON_DUMP);
	pt_autofree char *want = read_golden(name);

	if (!want)
		return;
	pt_buf_printf(&line, "%s\n", got);
	T_STR(line.data, want);
	pt_autojson json_t *parsed = json_loads(want, JSON_REJECT_DUPLICATES, NULL);
	T_NEED(parsed);
	memcpy(back, blank, s->size);
	if (pt_json_read(parsed, s, &a, back, &err) < 0)
		T_FAIL("%s: %s", name, err.msg);
	else
		T_OK(pt_schema_equal(s, body, back));
}

#define GOLDEN(name, type, body)                                                           \
	do {                                                                               \
		struct pt_##type back_, blank_;                                            \
		memset(&blank_, 0xa5, sizeof(blank_)); /* nothing may be left as it was */ \
		golden(name, &pt_##type##_schema, body, &back_, &blank_);                  \
	} while (0)

static void health(void)
{
	struct pt_hist hist = { 0 };
	struct pt_health h;

	for (uint64_t us = 900; us < 1300; us += 40)
		pt_hist_add(&hist, us);
	pt_hist_add(&hist, 25000);
	pt_schema_defaults(&pt_health_schema, &h);
	h.path = "west-east-fiber";
	h.target = "192.0.2.130";
	h.dscp = 46;
	h.probe = PT_PROBE_STAMP;
	h.window_ms = 1000;
	h.sent = 12;
	h.received = 11;
	h.late = 1;
	h.loss_ppm = 83333;
	h.loss_out_ppm = 83333;
	h.loss_back_ppm = 0;
	h.rtt_us.min = 900;
	h.rtt_us.p50 = 1100;
	h.rtt_us.p95 = 25000;
	h.rtt_us.p99 = 25000;
	h.rtt_us.max = 25000;
	h.rtt_us.mean = 3254;
	h.rtt_hist = &hist;
	h.owd_out_us = -120;
	h.owd_back_us = 1220;
	h.owd_error_us = 450;
	h.jitter_us = 40;
	h.pdv_us = 24100;
	h.reordered = 1;
	h.duplicates = 2;
	h.mtu = 1500;
	h.mos = 4123;
	h.score = 87;
	h.timestamps = "kernel";
	GOLDEN("health", health, &h);
}

// A target that never answered: what is not known is null, not 0.
static void health_unknown(void)
{
	struct pt_health h;

	pt_schema_defaults(&pt_health_schema, &h);
	h.target = "2001:db8::1";
	h.family = PT_FAMILY_IPV6;
	h.probe = PT_PROBE_ICMP;
	h.window_ms = 1000;
	h.sent = 5;
	h.loss_ppm = 1000000;
	GOLDEN("health-unknown", health, &h);
}

static void transition(void)
{
	struct pt_transition t = {
		.path = "west-east-fiber",
		.from = PT_STATUS_UP,
		.to = PT_STATUS_DOWN,
		.cause = "timeout",
		.silence_us = 30412,
	};
	GOLDEN("transition", transition, &t);
}

static void session(void)
{
	struct pt_session_change c = {
		.path = "west-east-fiber",
		.protocol = "bfd",
		.from = PT_SESSION_UP,
		.to = PT_SESSION_DOWN,
		.diag = "neighbor signaled session down",
		.remote = PT_SESSION_ADMIN_DOWN,
		.remote_diag = "administratively down",
		.local_id = 4294967295,
		.remote_id = PT_NULL,
		.detect_us = 30000,
	};
	GOLDEN("session", session_change, &c);
}

static void decision(void)
{
	static const char *const paths[] = { "west-east-cable", "west-east-lte" };
	static const char *const previous[] = { "west-east-fiber", "west-east-cable" };
	struct pt_rejected rejected[] = { { "west-east-fiber", "loss 5 % over 1 %" } };
	struct pt_decision d = {
		.site = "east",
		.policy = "voice",
		.paths = paths,
		.n_paths = PT_ARRAY_LEN(paths),
		.previous = previous,
		.n_previous = PT_ARRAY_LEN(previous),
		.reason = "incumbent out of SLA",
		.rejected = rejected,
		.n_rejected = PT_ARRAY_LEN(rejected),
		.config = "0123456789abcdef",
	};
	GOLDEN("decision", decision, &d);
}

static void switch_record(void)
{
	static const char *const paths[] = { "west-east-fiber" };
	struct pt_probe_mark probes[] = { { 1000000000000, 1 }, { 1000010000000, PT_NULL } };
	struct pt_switch s = {
		.probes = probes,
		.n_probes = PT_ARRAY_LEN(probes),
		.paths = paths,
		.n_paths = PT_ARRAY_LEN(paths),
		.sites = 1,
		.from = "west-east-fiber",
		.to = "west-east-cable",
		.cause = "timeout",
		.last_reply_ns = 1000000000001,
		.detected_ns = 1000030412345,
		.committed_ns = 1000030412999,
		.first_packet_ns = 1000031000000,
		.first_reply_ns = 1000032000000,
	};
	GOLDEN("switch", switch, &s);
}

static void traffic(void)
{
	struct pt_traffic t = {
		.path = "west-east-fiber",
		.tx_packets = 9007199254740993, // one more than a double can count
		.tx_bytes = INT64_MAX,
		.rx_packets = 1,
	};
	GOLDEN("traffic", traffic, &t);
}

static void passive(void)
{
	struct pt_hist hist = { 0 };
	struct pt_passive p = {
		.path = "west-east-fiber",
		.policy = "voice",
		.share = 16,
		.segments = 2000000,
		.retransmitted = 1,
		.retransmitted_ppm = 1,
		.crossed = 3,
		.rtt_us = { PT_NULL, 20500, 20500, 41000, PT_NULL, 23000 },
		.rtt_hist = &hist,
	};

	for (int i = 0; i < 98; i++)
		pt_hist_add(&hist, 20123);
	pt_hist_add(&hist, 40123);
	GOLDEN("passive", passive, &p);
}

static void trips(void)
{
	struct pt_hist hist = { 0 };
	struct pt_trips t = {
		.path = "west-east-fiber",
		.replies = 99,
		.sum_us = 2012177,
		.rtt_us = { PT_NULL, 20500, 20500, 41000, PT_NULL, 20325 },
		.rtt_hist = &hist,
	};

	for (int i = 0; i < 98; i++)
		pt_hist_add(&hist, 20123);
	pt_hist_add(&hist, 40123);
	GOLDEN("trips", trips, &t);
}

#define HEALTH_REQUIRED                                                                        \
	"\"target\":\"192.0.2.1\",\"family\":\"ipv4\",\"probe\":\"stamp\",\"window_ms\":1000," \
	"\"sent\":1,\"received\":1"

static void refuses(void)
{
	static const struct {
		const struct pt_schema *schema;
		const char *text, *error;
	} rows[] = {
		{ &pt_health_schema, "{}", "target: is missing" },
		{ &pt_health_schema, "{" HEALTH_REQUIRED ",\"loss_ppm\":1000001}",
			"loss_ppm: 1000001 is out of range 0 to 1000000 ppm" },
		{ &pt_health_schema, "{" HEALTH_REQUIRED ",\"rtt_us\":{\"p95\":-1}}",
			"rtt_us.p95: -1 is out of range: at least 0 us" },
		{ &pt_health_schema, "{" HEALTH_REQUIRED ",\"rtt_us\":[]}",
			"rtt_us: needs an object, has a list" },
		{ &pt_health_schema, "{" HEALTH_REQUIRED ",\"mos\":5.001}",
			"mos: 5.001 is out of range" },
		{ &pt_health_schema, "{" HEALTH_REQUIRED ",\"rtt_hist\":[[5,1],[4,1]]}",
			"rtt_hist: is not a histogram: [[bucket, count], ...]" },
		{ &pt_health_schema, "{" HEALTH_REQUIRED ",\"rtt_hist\":[[5,-1]]}",
			"rtt_hist: is not a histogram: [[bucket, count], ...]" },
		{ &pt_health_schema, "{" HEALTH_REQUIRED ",\"rtt_hist\":[[512,1]]}",
			"rtt_hist: is not a histogram: [[bucket, count], ...]" },
		{ &pt_transition_schema, "{\"path\":\"p\",\"from\":\"up\",\"to\":\"dead\"}",
			"to: \"dead\" is not a word for this; valid here: unknown, up, down, "
			"maintenance" },
		{ &pt_transition_schema, "{\"path\":null,\"from\":\"up\",\"to\":\"down\"}",
			"path: needs a text, has null" },
		{ &pt_decision_schema, "{\"site\":\"s\",\"policy\":\"p\",\"paths\":\"a\"}",
			"paths: needs a list, has a text" },
		{ &pt_decision_schema,
			"{\"site\":\"s\",\"policy\":\"p\",\"rejected\":[{\"path\":\"x\"}]}",
			"rejected[0].why: is missing" },
		{ &pt_switch_schema, "{\"detected_ns\":1.5}",
			"detected_ns: needs a whole number, has a number" },
		{ &pt_traffic_schema, "{\"path\":\"p\",\"tx_bytes\":-1}",
			"tx_bytes: -1 is out of range: at least 0" },
		{ &pt_traffic_schema, "{\"path\":\"p\",\"tx_bytes\":null}",
			"tx_bytes: needs a whole number, has null" },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		pt_autoarena a = { 0 };
		struct pt_err err = { 0 };
		pt_autojson json_t *j = json_loads(rows[i].text, 0, NULL);
		void *body = pt_arena_alloc(&a, rows[i].schema->size);
		T_NEED(j);
		if (pt_json_read(j, rows[i].schema, &a, body, &err) >= 0)
			T_FAIL("accepted: %s", rows[i].text);
		else
			T_STR(err.msg, rows[i].error);
	}
}

static void common_fields_pass(void)
{
	pt_autoarena a = { 0 };
	struct pt_err err = { 0 };
	struct pt_traffic t;
	pt_autojson json_t *j = json_loads("{\"type\":\"traffic\",\"v\":1,\"seq\":9,\"path\":\"p\","
					   "\"tx_bytes\":3,\"later\":{}}",
		0, NULL);

	T_NEED(j);
	T_EQ(pt_json_read(j, &pt_traffic_schema, &a, &t, &err), 0);
	T_EQ(t.tx_bytes, 3);
	T_EQ(t.tx_packets, 0);
	T_EQ(t.rx_bytes, PT_NULL);
	T_OK(!t.policy);
}

T_MAIN({ "health", health }, { "health where nothing answered", health_unknown },
	{ "transition", transition }, { "session", session }, { "decision", decision },
	{ "switch", switch_record }, { "traffic", traffic }, { "passive", passive },
	{ "trips", trips }, { "bodies that are refused", refuses },
	{ "common and unknown fields pass", common_fields_pass })
