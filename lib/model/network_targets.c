// SPDX-License-Identifier: MIT
// Targets of paths: their keys, and what each kind of probe needs of them.
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/host.h"
#include "model/network_index.h"
#include "model/records.h"

#define TEXT(key_, text)                                                                \
	{                                                                               \
		.key = #key_, .kind = PT_KIND_STR, PT_FIELD_AT(struct pt_target, key_), \
		.doc = (text)                                                           \
	}
#define NUMBER(key_, min_, max_, unit_, text)                                             \
	{                                                                                 \
		.key = #key_, .kind = PT_KIND_I64, PT_FIELD_AT(struct pt_target, key_),   \
		.flags = PT_FIELD_NULLABLE, .min = (min_), .max = (max_), .def = PT_NULL, \
		.unit = (unit_), .doc = (text)                                            \
	}

const char *const pt_record_type_names[] = { "a", "aaaa", "cname", "mx", "ns", "ptr", "soa", "srv",
	"txt", NULL };

static const struct pt_field target_fields[] = {
	{ .key = "probe",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_target, probe),
		.names = pt_probe_kind_names,
		.flags = PT_FIELD_REQUIRED,
		.doc = "How it is asked; stamp is for the path's own target" },
	{ .key = "address",
		.kind = PT_KIND_ADDR,
		PT_FIELD_AT(struct pt_target, address),
		.doc = "Whom to ask; http: instead of looking the URL's name up" },
	NUMBER(port, 1, UINT16_MAX, NULL, "tcp: needed; dns: 53 where absent"),
	TEXT(url, "http: what to ask for"),
	{ .key = "status",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_PORTS,
		PT_FIELD_LIST_AT(struct pt_target, status, n_status),
		.max = 32,
		.doc = "http: right answers, numbers and ranges; 200-399 where absent" },
	TEXT(body, "http: has to be within the first MiB of the page"),
	TEXT(ca, "https: PEM file of the certificates to trust; the system's where absent"),
	{ .key = "insecure",
		.kind = PT_KIND_BOOL,
		PT_FIELD_AT(struct pt_target, insecure),
		.doc = "https: any certificate will do" },
	NUMBER(cert_days, 1, 36500, "days", "https: the certificate has to be good for so long"),
	TEXT(name, "dns: the name to ask for"),
	{ .key = "type",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_target, type),
		.names = pt_record_type_names,
		.doc = "dns: of record" },
	TEXT(answer, "dns: has to be among the records, by value"),
	NUMBER(interval_ms, 100, 3600000, "ms",
		"Between two questions; health's check interval where absent"),
	NUMBER(timeout_ms, 1, 60000, "ms", "For an answer; health.probe_timeout_ms where absent"),
};
const struct pt_schema pt_target_schema = {
	.name = "target",
	.size = sizeof(struct pt_target),
	.fields = target_fields,
	.n = PT_ARRAY_LEN(target_fields),
};

#define OF(kind) (1u << PT_PROBE_##kind)

// Which kinds a key is for, and which cannot do without it.
struct rule {
	const char *key;
	const void *at;
	bool given;
	unsigned allowed, needed;
};

static int check_rules(
	struct pt_check *c, uint32_t i, uint32_t k, const struct rule *rules, size_t n)
{
	const struct pt_target *t = &c->n->paths[i].targets[k];
	const char *kind = pt_probe_kind_names[t->probe];

	for (size_t r = 0; r < n; r++) {
		if (rules[r].given && !(rules[r].allowed & 1u << t->probe))
			return pt_check_bad(c, rules[r].at, t,
				"paths[%" PRIu32 "].targets[%" PRIu32 "].%s: not of probe %s", i, k,
				rules[r].key, kind);
		if (!rules[r].given && (rules[r].needed & 1u << t->probe))
			return pt_check_bad(c, t, &c->n->paths[i],
				"paths[%" PRIu32 "].targets[%" PRIu32 "]: probe %s needs %s", i, k,
				kind, rules[r].key);
	}
	return 0;
}

static int bad(struct pt_check *c, const struct pt_target *t, const void *at, const char *why)
{
	for (uint32_t i = 0; i < c->n->n_paths; i++) {
		const struct pt_path *p = &c->n->paths[i];

		if (t < p->targets || t >= p->targets + p->n_targets)
			continue;
		return pt_check_bad(c, at, t, "paths[%" PRIu32 "].targets[%" PRIu32 "].%s", i,
			(uint32_t)(t - p->targets), why);
	}
	return -EINVAL; // it is somebody's
}

// What can only be had by TLS, where the address has none.
static int check_web(struct pt_check *c, const struct pt_target *t)
{
	const struct {
		const void *at;
		bool given;
		const char *why;
	} secure[] = {
		{ &t->cert_days, t->cert_days != PT_NULL,
			"cert_days: an http:// address shows no certificate" },
		{ &t->ca, t->ca, "ca: an http:// address shows no certificate" },
		{ &t->insecure, t->insecure, "insecure: an http:// address shows no certificate" },
	};
	bool tls = false;
	const char *fault = t->url ? pt_host_url_fault(t->url, &tls) : NULL;
	char why[128];

	if (fault) {
		(void)snprintf(why, sizeof(why), "url: %s", fault);
		return bad(c, t, &t->url, why);
	}
	for (size_t r = 0; t->url && !tls && r < PT_ARRAY_LEN(secure); r++)
		if (secure[r].given)
			return bad(c, t, secure[r].at, secure[r].why);
	return 0;
}

// What kind of answer a type of record can have at all; others have text, or none that is told.
static int check_dns(struct pt_check *c, const struct pt_target *t)
{
	const char *type = pt_record_type_names[t->type];
	struct pt_addr a;
	int rc = 0;

	if (t->name && !pt_host_is_name(t->name))
		return bad(c, t, &t->name,
			"name: not a name of DNS: labels of 1 to 63 bytes, 253 in all");
	if (!t->answer || strcmp(type, "txt") == 0)
		return 0;
	if (strcmp(type, "soa") == 0)
		return bad(c, t, &t->answer, "answer: not of type soa, whose records are not read");
	if (strcmp(type, "a") == 0)
		rc = pt_addr_parse(t->answer, &a) || a.family != AF_INET
			? bad(c, t, &t->answer, "answer: not an IPv4 address, as type a has them")
			: 0;
	else if (strcmp(type, "aaaa") == 0)
		rc = pt_addr_parse(t->answer, &a) || a.family != AF_INET6
			? bad(c, t, &t->answer,
				  "answer: not an IPv6 address, as type aaaa has them")
			: 0;
	else if (!pt_host_is_name(t->answer))
		rc = bad(c, t, &t->answer, "answer: not a name of DNS");
	return rc;
}

static int check_target(struct pt_check *c, uint32_t i, uint32_t k)
{
	const struct pt_target *t = &c->n->paths[i].targets[k];
	const struct rule rules[] = {
		{ "address", &t->address, t->address.family, ~0u, ~OF(HTTP) },
		{ "port", &t->port, t->port != PT_NULL, OF(TCP) | OF(DNS), OF(TCP) },
		{ "url", &t->url, t->url, OF(HTTP), OF(HTTP) },
		{ "status", &t->status, t->n_status, OF(HTTP), 0 },
		{ "body", &t->body, t->body, OF(HTTP), 0 },
		{ "ca", &t->ca, t->ca, OF(HTTP), 0 },
		{ "insecure", &t->insecure, t->insecure, OF(HTTP), 0 },
		{ "cert_days", &t->cert_days, t->cert_days != PT_NULL, OF(HTTP), 0 },
		{ "name", &t->name, t->name, OF(DNS), OF(DNS) },
		{ "answer", &t->answer, t->answer, OF(DNS), 0 },
	};

	if (t->probe == PT_PROBE_STAMP)
		return pt_check_bad(c, &t->probe, t,
			"paths[%" PRIu32 "].targets[%" PRIu32
			"].probe: stamp is for the path's own target",
			i, k);
	int rc = check_rules(c, i, k, rules, PT_ARRAY_LEN(rules));
	if (rc == 0)
		rc = check_web(c, t);
	return rc ? rc : check_dns(c, t);
}

int pt_check_targets(struct pt_check *c)
{
	for (uint32_t i = 0; i < c->n->n_paths; i++) {
		const struct pt_path *p = &c->n->paths[i];

		for (uint32_t k = 0; k < p->n_targets; k++) {
			int rc = check_target(c, i, k);
			if (rc)
				return rc;
		}
		if (p->quorum > 1 && p->quorum > p->n_targets)
			return pt_check_bad(c, &p->quorum, p,
				"paths[%" PRIu32 "].quorum: %" PRId64 " of %" PRIu32
				" targets cannot answer",
				i, p->quorum, p->n_targets);
	}
	return 0;
}
