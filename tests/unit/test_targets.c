// SPDX-License-Identifier: MIT
// Targets of paths: what each kind of probe needs, and what it may not have.
#include "test.h"

#include <errno.h>

#include "base/buf.h"
#include "model/network.h"

static const char head[] = "sites:\n  - {id: a}\n  - {id: b}\n"
			   "uplinks:\n  - {id: u, site: a, device: wan0}\n"
			   "paths:\n  - {id: p, source: a, dest: b, uplink: u, target: 192.0.2.1, ";

static int load(const char *rest, struct pt_err *err)
{
	pt_autoarena a = { 0 };
	pt_autobuf text = { 0 };
	struct pt_marks *m = NULL;
	struct pt_network n;

	pt_buf_printf(&text, "%s%s}\n", head, rest);
	int rc = pt_yaml_parse(&(struct pt_yaml_text){ "t", text.data, text.len },
		&pt_network_schema, &a, &m, &n, err);
	return rc ? rc : pt_network_check(&n, &a, m, err);
}

static void refused(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "targets: [{probe: stamp, address: 192.0.2.9}]",
			"t:7:81: paths[0].targets[0].probe: stamp is for the path's own target" },
		{ "targets: [{probe: tcp, address: 192.0.2.9}]",
			"paths[0].targets[0]: probe tcp needs port" },
		{ "targets: [{probe: icmp, address: 192.0.2.9}, {probe: http}]",
			"paths[0].targets[1]: probe http needs url" },
		{ "targets: [{probe: dns, address: 192.0.2.9}]",
			"paths[0].targets[0]: probe dns needs name" },
		{ "targets: [{probe: dns, name: a}]",
			"paths[0].targets[0]: probe dns needs address" },
		{ "targets: [{probe: icmp, address: 192.0.2.9, port: 80}]",
			"paths[0].targets[0].port: not of probe icmp" },
		{ "targets: [{probe: http, url: 'ftp://a/'}]",
			"paths[0].targets[0].url: not an http:// or https:// address" },
		{ "targets: [{probe: http, url: 'http://a:0/'}]",
			"t:7:92: paths[0].targets[0].url: its port is not 1 to 65535" },
		{ "targets: [{probe: http, url: 'http://a/', cert_days: 7}]",
			"t:7:116: paths[0].targets[0].cert_days: an http:// address shows no "
			"certificate" },
		{ "targets: [{probe: http, url: 'http://a/', insecure: true}]",
			"paths[0].targets[0].insecure: an http:// address shows no certificate" },
		{ "targets: [{probe: dns, address: 192.0.2.9, name: a..b}]",
			"t:7:112: paths[0].targets[0].name: not a name of DNS: labels of 1 to 63 "
			"bytes, 253 in all" },
		{ "targets: [{probe: dns, address: 192.0.2.9, name: a, answer: x}]",
			"t:7:123: paths[0].targets[0].answer: not an IPv4 address, as type a has "
			"them" },
		{ "targets: [{probe: dns, address: 192.0.2.9, name: a, type: aaaa, answer: "
		  "192.0.2.1}]",
			"paths[0].targets[0].answer: not an IPv6 address, as type aaaa has them" },
		{ "targets: [{probe: dns, address: 192.0.2.9, name: a, type: mx, answer: a..b}]",
			"paths[0].targets[0].answer: not a name of DNS" },
		{ "targets: [{probe: dns, address: 192.0.2.9, name: a, type: soa, answer: a}]",
			"paths[0].targets[0].answer: not of type soa, whose records are not read" },
		{ "targets: [{probe: icmp, address: 192.0.2.9}], quorum: 2",
			"paths[0].quorum: 2 of 1 targets cannot answer" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pt_err err = { 0 };

		T_EQ(load(rows[i].text, &err), -EINVAL);
		T_HAS(err.msg, rows[i].want);
	}
}

static void taken(void)
{
	static const char *const rows[] = {
		"quorum: 1",
		"targets: []",
		"targets: [{probe: icmp, address: '2001:db8::9', interval_ms: 500, timeout_ms: "
		"90}]",
		"targets: [{probe: tcp, address: 192.0.2.9, port: 443}, {probe: http, url: "
		"'https://a.example/', status: [200, 301-308], body: x, cert_days: 7}], quorum: 2",
		"targets: [{probe: dns, address: 192.0.2.9, name: a.example, type: aaaa, "
		"answer: '2001:DB8:0::1'}, {probe: dns, address: 192.0.2.9, name: a, type: txt, "
		"answer: two words}]",
		"liveness: bfd, quality: none, targets: [{probe: icmp, address: 192.0.2.9}]",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pt_err err = { 0 };

		if (load(rows[i], &err))
			T_FAIL("%s: %s", rows[i], err.msg);
	}
}

T_MAIN({ "what is refused, and where", refused }, { "what is taken", taken })
