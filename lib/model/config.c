// SPDX-License-Identifier: MIT
#include "model/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/parse.h"
#include "model/node.h"

int64_t pt_config_detection_ms(const struct pt_config *c)
{
	int64_t ms = c->failover.detection_interval_ms;

	return ms == PT_NULL ? c->failover.detection_interval_secs * 1000 : ms;
}

int64_t pt_config_check_ms(const struct pt_config *c)
{
	int64_t ms = c->health.check_interval_ms;

	return ms == PT_NULL ? c->health.check_interval_secs * 1000 : ms;
}

int64_t pt_config_hold_ms(const struct pt_config *c)
{
	return c->failover.hold_ms == PT_NULL ? c->failover.cooldown_period_secs * 1000
					      : c->failover.hold_ms;
}

int64_t pt_config_probe_ns(const struct pt_config *c)
{
	int64_t quality_ns = pt_config_check_ms(c) * PT_NS_PER_MS / c->health.probes_per_check;
	int64_t detection_ns = pt_config_detection_ms(c) * PT_NS_PER_MS;

	return quality_ns < detection_ns ? quality_ns : detection_ns;
}

// The first of the fields that the file itself sets: that is where the author must look.
static const char *where(const struct pt_marks *m, const void *a, const void *b)
{
	return pt_marks_where(m, pt_marks_has(m, a) ? a : b);
}

static int check_probes(const struct pt_config *c, const struct pt_marks *m, struct pt_err *err)
{
	const int64_t *timeout = &c->health.probe_timeout_ms;
	int64_t detection = pt_config_detection_ms(c), check = pt_config_check_ms(c);
	int64_t live = *timeout / detection;
	int64_t rounds = (*timeout + check - 1) / check * c->health.probes_per_check;

	if (live > PT_MAX_OUTSTANDING)
		return pt_err_set(err, -ERANGE,
			"%s: health.probe_timeout_ms: %" PRId64 " ms with a probe every %" PRId64
			" ms leaves %" PRId64 " outstanding, at most %d are possible: lower it to "
			"%" PRId64 " or raise failover.detection_interval_ms",
			where(m, timeout, &c->failover.detection_interval_ms), *timeout, detection,
			live, PT_MAX_OUTSTANDING, detection * PT_MAX_OUTSTANDING);
	if (rounds > PT_MAX_OUTSTANDING)
		return pt_err_set(err, -ERANGE,
			"%s: health.probes_per_check: %" PRId64 " probes every %" PRId64
			" ms leave %" PRId64 " outstanding within health.probe_timeout_ms, at most "
			"%d are possible",
			where(m, &c->health.probes_per_check, &c->health.check_interval_ms),
			c->health.probes_per_check, check, rounds, PT_MAX_OUTSTANDING);
	if (c->health.probes_per_check > check)
		return pt_err_set(err, -ERANGE,
			"%s: health.probes_per_check: more than one probe a millisecond",
			pt_marks_where(m, &c->health.probes_per_check));
	return 0;
}

static int check_bind(
	const char *key, const char *const *bind, const struct pt_marks *m, struct pt_err *err)
{
	char host[PT_ADDR_LEN];
	const char *colon = strrchr(*bind, ':'), *start = *bind;
	struct pt_addr addr = { 0 };
	uint32_t port;

	size_t len = colon ? (size_t)(colon - start) : 0;
	bool bracket = len > 2 && start[0] == '[' && start[len - 1] == ']';
	if (bracket) {
		start++;
		len -= 2;
	}
	bool fits = len > 0 && len < sizeof(host);
	(void)snprintf(host, sizeof(host), "%.*s", fits ? (int)len : 0, start);
	if (fits && pt_addr_parse(host, &addr) == 0 && (addr.family == AF_INET6) == bracket &&
		pt_parse_u32(colon + 1, 0, UINT16_MAX, &port) == 0)
		return 0;
	return pt_err_set(err, -EINVAL,
		"%s: %s: \"%s\" is not ADDRESS:PORT, such as 127.0.0.1:8081 or [::1]:8081",
		pt_marks_where(m, bind), key, *bind);
}

static int check_storage(const struct pt_config *c, const struct pt_marks *m, struct pt_err *err)
{
	int64_t page = c->database.page_size;

	if (page & (page - 1))
		return pt_err_set(err, -EINVAL,
			"%s: database.page_size: %" PRId64 " is not a power of two",
			pt_marks_where(m, &c->database.page_size), page);
	if (c->database.connection_pool_size > c->database.max_connections)
		return pt_err_set(err, -ERANGE,
			"%s: database.connection_pool_size: %" PRId64
			" is more than database.max_connections, %" PRId64,
			where(m, &c->database.connection_pool_size, &c->database.max_connections),
			c->database.connection_pool_size, c->database.max_connections);
	if (c->metrics.retention_seconds < c->metrics.aggregation_interval_secs)
		return pt_err_set(err, -ERANGE,
			"%s: metrics.retention_seconds: %" PRId64
			" s is less than metrics.aggregation_interval_secs, %" PRId64 " s",
			where(m, &c->metrics.retention_seconds,
				&c->metrics.aggregation_interval_secs),
			c->metrics.retention_seconds, c->metrics.aggregation_interval_secs);
	return 0;
}

int pt_config_load(const char *path, struct pt_arena *a, struct pt_config *out, struct pt_err *err)
{
	struct pt_config c;
	struct pt_marks *m = NULL;
	int rc;

	pt_schema_defaults(&pt_config_schema, &c);
	if (path) {
		rc = pt_yaml_load(path, &pt_config_schema, a, &m, &c, err);
		if (rc == 0)
			rc = check_probes(&c, m, err);
		if (rc == 0)
			rc = check_bind("api.bind", &c.api.bind, m, err);
		if (rc == 0)
			rc = check_bind("dashboard.bind", &c.dashboard.bind, m, err);
		if (rc == 0)
			rc = check_storage(&c, m, err);
		if (rc < 0)
			return rc;
	}
	*out = c;
	return 0;
}
