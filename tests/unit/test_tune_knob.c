// SPDX-License-Identifier: MIT
// The catalogue's canonical forms: what a person writes and what the kernel shows are one.
#include "base/cleanup.h"
#include "test.h"
#include "tune/knob.h"

static const struct {
	const char *key, *text, *want; // want NULL: refused, why in message
	const char *message;
} forms[] = {
	{ "net.ipv4.tcp_fin_timeout", " 15\n", "15", NULL },
	{ "net.ipv4.tcp_fin_timeout", "-1", NULL, "not within 1 to 3600" },
	{ "net.ipv4.tcp_fin_timeout", "15x", NULL, "no whole number" },
	{ "net.ipv4.tcp_fin_timeout", "0x10", NULL, "no whole number" },
	{ "net.ipv4.tcp_fin_timeout", "", NULL, "the kernel takes that and does nothing" },
	{ "net.ipv4.tcp_syncookies", "3", NULL, "not within 0 to 2" },
	{ "net.ipv4.tcp_rmem", "4096\t131072\t33554432\n", "4096 131072 33554432", NULL },
	{ "net.ipv4.tcp_rmem", "8192", NULL, "needs 3 numbers" },
	{ "net.ipv4.tcp_rmem", "4096 87380 abc", NULL, "no whole number" },
	{ "net.ipv4.tcp_rmem", "1 2 3 4", NULL, "needs 3 numbers" },
	{ "fs.file-max", "9223372036854775807", "9223372036854775807", NULL },
	{ "net.core.rps_sock_flow_entries", "32000", "32768", NULL },
	{ "net.core.rps_sock_flow_entries", "0", "0", NULL },
	{ "nic.rps", "00000000,0000000F", "f", NULL },
	{ "nic.rps", "0", "0", NULL },
	{ "nic.rps", "xyz", NULL, "no CPU mask" },
	{ "net.ipv4.ip_local_reserved_ports", "8081,8080,51820", "8080-8081,51820", NULL },
	{ "net.ipv4.ip_local_reserved_ports", "10-20,15-30,31", "10-31", NULL },
	{ "net.ipv4.ip_local_reserved_ports", "", "", NULL },
	{ "net.ipv4.ip_local_reserved_ports", "http", NULL, "no list of ports" },
	{ "nic.features.lro", "On", "on", NULL },
	{ "nic.features.lro", "0", "off", NULL },
	{ "nic.features.lro", "2", NULL, "neither on nor off" },
	{ "net.ipv4.tcp_congestion_control", "bbr\n", "bbr", NULL },
};

static void canonical(void)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(forms); i++) {
		char out[PT_KNOB_VALUE] = "";
		struct pt_err err = { 0 };
		const struct pt_knob *k = pt_knob_find(forms[i].key);
		T_NEED(k);
		int rc = pt_knob_canonical(k, forms[i].text, out, &err);
		if (forms[i].want) {
			T_EQ(rc, 0);
			T_STR(out, forms[i].want);
		} else {
			T_OK(rc < 0);
			T_HAS(err.msg, forms[i].message);
		}
	}
}

static void guide_values_are_canonical_or_known_to_be_wrong(void)
{
	unsigned bad = 0;

	for (const struct pt_knob_table *const *t = pt_knob_tables; *t; t++) {
		for (size_t i = 0; i < (*t)->n; i++) {
			const struct pt_knob *k = &(*t)->rows[i];
			char out[PT_KNOB_VALUE];
			struct pt_err err;
			if (k->guide && pt_knob_canonical(k, k->guide, out, &err) < 0) {
				bad++;
				T_STR(k->key, "nic.channels.combined"); // $(nproc)
			}
		}
	}
	T_EQ(bad, 1);
}

static void numbers(void)
{
	double v[PT_KNOB_FIELDS];

	T_EQ(pt_knob_numbers(pt_knob_find("net.ipv4.tcp_rmem"), "4096 87380 134217728", v), 3);
	T_EQ(v[0], 4096);
	T_EQ(v[2], 134217728);
	T_EQ(pt_knob_numbers(pt_knob_find("nic.features.gro"), "on", v), 1);
	T_EQ(v[0], 1);
	T_EQ(pt_knob_numbers(pt_knob_find("net.core.default_qdisc"), "fq", v), 0);
}

static void comments(void)
{
	char with[] = "bbr   # Google", without[] = "bbr", quoted[] = "2097152\"  # 2 MB";

	T_OK(pt_knob_strip_comment(with));
	T_STR(with, "bbr");
	T_OK(!pt_knob_strip_comment(without));
	T_OK(pt_knob_strip_comment(quoted));
	T_STR(quoted, "2097152");
}

T_MAIN({ "values have one form", canonical },
	{ "the guide's values are read", guide_values_are_canonical_or_known_to_be_wrong },
	{ "a value's numbers", numbers }, { "comments behind values", comments })
