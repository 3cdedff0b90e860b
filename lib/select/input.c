// SPDX-License-Identifier: MIT
#include "select/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static int64_t shift_of_new_boot(struct pt_input *in, const char *boot, int64_t shift_ns)
{
	unsigned at;

	if (in->n_boots == PT_INPUT_BOOTS)
		memmove(in->boots, in->boots + 1, --in->n_boots * sizeof(in->boots[0]));
	at = in->n_boots++;
	snprintf(in->boots[at].boot, sizeof(in->boots[at].boot), "%s", boot);
	in->boots[at].shift_ns = shift_ns;
	return shift_ns;
}

int64_t pt_input_time(struct pt_input *in, const char *boot, int64_t mono_ns, int64_t wall_us)
{
	int64_t wall_ns = wall_us == PT_NULL ? PT_NULL : wall_us * PT_NS_PER_US;

	if (!boot) {
		if (!in->placed) {
			in->placed = true;
			in->wall_less_ns = 0;
		}
		return wall_ns - in->wall_less_ns;
	}
	for (unsigned i = 0; i < in->n_boots; i++)
		if (strcmp(in->boots[i].boot, boot) == 0)
			return mono_ns + in->boots[i].shift_ns;
	if (wall_ns == PT_NULL)
		return mono_ns + shift_of_new_boot(in, boot, 0);
	if (!in->placed) {
		in->placed = true;
		in->wall_less_ns = wall_ns - mono_ns;
	}
	return mono_ns + shift_of_new_boot(in, boot, wall_ns - mono_ns - in->wall_less_ns);
}

// Bounds within which no sum of clock readings overflows: 36 years of uptime, the year 2116.
#define MONO_MAX_NS (1LL << 60)
#define WALL_MAX_US ((1LL << 62) / PT_NS_PER_US)

static int when(struct pt_input *in, const json_t *record, int64_t *at_ns, struct pt_err *err)
{
	const json_t *mono = json_object_get(record, "mono_ns");
	const char *boot = json_string_value(json_object_get(record, "boot"));
	const char *ts = json_string_value(json_object_get(record, "ts"));
	int64_t wall_us = PT_NULL;

	if (ts && pt_rfc3339_parse(ts, &wall_us) < 0)
		return pt_err_set(err, -EINVAL, "ts: not an RFC 3339 time");
	if (ts && (wall_us < 0 || wall_us > WALL_MAX_US))
		return pt_err_set(err, -EINVAL, "ts: out of range");
	if (!json_is_integer(mono))
		boot = NULL;
	else if (json_integer_value(mono) < 0 || json_integer_value(mono) > MONO_MAX_NS)
		return pt_err_set(err, -EINVAL, "mono_ns: out of range");
	if (!boot && !ts)
		return pt_err_set(err, -EINVAL, "neither ts nor mono_ns with boot");
	*at_ns = pt_input_time(in, boot, boot ? json_integer_value(mono) : 0, wall_us);
	if (in->latest_ns && *at_ns > in->latest_ns)
		return pt_err_set(err, -EINVAL, "%lld s in the future",
			(*at_ns - in->latest_ns) / PT_NS_PER_S);
	return 0;
}

static int take_health(struct pt_input *in, const json_t *record, struct pt_arena *a, int64_t seq,
	struct pt_err *err)
{
	struct pt_health h;
	int64_t at_ns = 0;
	int rc = when(in, record, &at_ns, err);

	if (rc == 0)
		rc = pt_json_read(record, &pt_health_schema, a, &h, err);
	if (rc == 0)
		pt_select_health(in->select, at_ns, seq, &h);
	return rc;
}

static int take_reach(struct pt_input *in, const json_t *record, struct pt_arena *a, int64_t seq,
	struct pt_err *err)
{
	struct pt_reach r;
	int64_t at_ns = 0;
	int rc = when(in, record, &at_ns, err);

	if (rc == 0)
		rc = pt_json_read(record, &pt_reach_schema, a, &r, err);
	if (rc == 0)
		pt_select_reach(in->select, at_ns, seq, &r);
	return rc;
}

static int take_transition(struct pt_input *in, const json_t *record, struct pt_arena *a,
	int64_t seq, struct pt_err *err)
{
	struct pt_transition t;
	int64_t at_ns = 0;
	int rc = when(in, record, &at_ns, err);

	if (rc == 0)
		rc = pt_json_read(record, &pt_transition_schema, a, &t, err);
	if (rc == 0)
		pt_select_transition(in->select, at_ns, seq, &t);
	return rc;
}

static int take_decision(struct pt_input *in, const json_t *record, struct pt_arena *a, int64_t seq,
	struct pt_err *err)
{
	struct pt_decision d;
	int64_t at_ns = 0;
	int rc;

	(void)seq; // decisions arrive in their order
	if (!in->take_decisions)
		return 0;
	rc = when(in, record, &at_ns, err);
	if (rc == 0)
		rc = pt_json_read(record, &pt_decision_schema, a, &d, err);
	if (rc == 0)
		pt_select_restore(in->select, at_ns, &d);
	return rc;
}

static const struct {
	const char *type;
	int (*take)(struct pt_input *in, const json_t *record, struct pt_arena *a, int64_t seq,
		struct pt_err *err);
} types[] = {
	{ .type = "health", .take = take_health },
	{ .type = "reach", .take = take_reach },
	{ .type = "transition", .take = take_transition },
	{ .type = "decision", .take = take_decision },
};

int pt_input_record(struct pt_input *in, const json_t *record, const char *type, struct pt_err *err)
{
	int64_t seq = json_integer_value(json_object_get(record, "seq"));

	for (size_t i = 0; i < PT_ARRAY_LEN(types); i++) {
		pt_autoarena a = { 0 };
		int rc;

		if (strcmp(types[i].type, type) != 0)
			continue;
		rc = types[i].take(in, record, &a, seq, err);
		return rc < 0 ? rc : 1;
	}
	return 0;
}
