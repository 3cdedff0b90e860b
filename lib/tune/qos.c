// SPDX-License-Identifier: MIT
#include "tune/qos.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "bpf/shape.h"
#include "net/htb.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/shape.skel.h"
#pragma GCC diagnostic pop

#define MINOR(class)  ((class) & 0xffff)
#define QUANTUM_LEAST 1514
#define QUANTUM_MOST  60000
#define QUANTUM_SHARE 80 // of a second's bits, in bytes: a tenth of a second's bytes

// The classes, best first; their places are those of pt_htb.
static const struct {
	const char *name;
	uint16_t minor;
} classes[PT_HTB_CLASSES] = {
	{ "control", MINOR(PT_SHAPE_CONTROL) },
	{ "data", MINOR(PT_SHAPE_DATA) },
	{ "bulk", MINOR(PT_SHAPE_BULK) },
};

// Leaves, best first.
static const char *const leaves[] = { "cake", "fq_codel", "fq", "sfq", "pfifo" };

static const struct pt_joined_word words[] = {
	{ "qos.rate", "htb", NULL },
	{ "qos.default", "default", NULL },
	{ "qos.class.control", "control", NULL },
	{ "qos.class.data", "data", NULL },
	{ "qos.class.bulk", "bulk", NULL },
	{ "qos.quantum", "quantum", NULL },
	{ "qos.leaf", "leaf", NULL },
};

// ---- text and tree ----

static struct pt_htb shape(void)
{
	struct pt_htb t = { .owner = PT_HTB_OURS };

	for (unsigned i = 0; i < PT_HTB_CLASSES; i++)
		t.class[i].minor = classes[i].minor;
	return t;
}

static uint32_t auto_quantum(uint64_t rate_bps)
{
	uint64_t q = rate_bps / QUANTUM_SHARE;

	return (uint32_t)(q < QUANTUM_LEAST ? QUANTUM_LEAST : q > QUANTUM_MOST ? QUANTUM_MOST : q);
}

static void put_quantum(const struct pt_htb *t, char out[16])
{
	uint32_t first = t->class[0].quantum_bytes;
	bool by_rate = true, same = true;

	for (unsigned i = 0; i < PT_HTB_CLASSES; i++) {
		uint32_t q = t->class[i].quantum_bytes;
		by_rate = by_rate && q == auto_quantum(t->class[i].rate_bps);
		same = same && q == first;
	}
	if (by_rate || !same)
		(void)snprintf(out, 16, "%s", by_rate ? "auto" : "mixed");
	else
		(void)snprintf(out, 16, "%" PRIu32, first);
}

static void tree_text(const struct pt_htb *t, char out[PT_KNOB_VALUE])
{
	char quantum[16];
	const char *fallback = "none";

	if (t->owner != PT_HTB_OURS) {
		const char *kind = *t->kind ? t->kind : "none";
		if (t->owner == PT_HTB_NONE)
			(void)snprintf(out, PT_KNOB_VALUE, "default %s", kind);
		else
			(void)snprintf(out, PT_KNOB_VALUE,
				"%s %s %x:", t->owner == PT_HTB_PART ? "part" : "other", kind,
				t->handle >> 16);
		return;
	}
	for (unsigned i = 0; i < PT_HTB_CLASSES; i++) {
		if (t->fallback == classes[i].minor)
			fallback = classes[i].name;
	}
	put_quantum(t, quantum);
	(void)snprintf(out, PT_KNOB_VALUE,
		"htb %" PRIu64 " default %s control %" PRIu64 " data %" PRIu64 " bulk %" PRIu64
		" quantum %s leaf %s",
		t->rate_bps, fallback, t->class[0].rate_bps, t->class[1].rate_bps,
		t->class[2].rate_bps, quantum, t->leaf);
}

static void get(const char *text, const char *key, char out[PT_KNOB_VALUE])
{
	(void)pt_joined_get(&pt_joined_qos, text, key, out); // the key is of the table
}

static int get_rate(const char *text, const char *key, uint64_t *out, struct pt_err *err)
{
	char value[PT_KNOB_VALUE];

	get(text, key, value);
	if (pt_parse_u64(value, 8, UINT64_MAX / 8, out) < 0)
		return pt_err_set(err, -EINVAL, "%s: '%s' is no rate", key, value);
	return 0;
}

static int parse_tree(const char *text, struct pt_htb *out, struct pt_err *err)
{
	char value[PT_KNOB_VALUE], key[32];
	uint64_t sum = 0, quantum = 0;

	*out = shape();
	int rc = get_rate(text, "qos.rate", &out->rate_bps, err);
	get(text, "qos.quantum", value);
	if (rc == 0 && strcmp(value, "auto") != 0 && strcmp(value, "none") != 0 &&
		pt_parse_u64(value, QUANTUM_LEAST, UINT32_MAX, &quantum) < 0)
		rc = pt_err_set(err, -EINVAL, "qos.quantum: '%s' is neither auto nor bytes", value);
	for (unsigned i = 0; rc == 0 && i < PT_HTB_CLASSES; i++) {
		struct pt_htb_class *c = &out->class[i];
		(void)snprintf(key, sizeof(key), "qos.class.%s", classes[i].name);
		rc = get_rate(text, key, &c->rate_bps, err);
		c->quantum_bytes = quantum ? (uint32_t)quantum : auto_quantum(c->rate_bps);
		sum += c->rate_bps;
	}
	if (rc == 0 && sum > out->rate_bps)
		rc = pt_err_set(err, -EINVAL,
			"qos.class: %" PRIu64 " bit/s together, more than qos.rate: %" PRIu64, sum,
			out->rate_bps);
	get(text, "qos.default", value);
	for (unsigned i = 0; i < PT_HTB_CLASSES; i++) {
		if (strcmp(value, classes[i].name) == 0)
			out->fallback = classes[i].minor;
	}
	if (rc == 0 && !out->fallback)
		rc = pt_err_set(
			err, -EINVAL, "qos.default: '%s' is none of control, data, bulk", value);
	get(text, "qos.leaf", value);
	(void)snprintf(out->leaf, sizeof(out->leaf), "%.*s", PT_QDISC_KIND - 1, value);
	return rc;
}

// ---- the device ----

static int device_index(const struct pt_host *h, const char *device, uint32_t *out)
{
	char path[96];
	double v;

	(void)snprintf(path, sizeof(path), "sys/class/net/%s/ifindex", device);
	int rc = pt_host_number(h, path, &v);
	if (rc == 0)
		*out = (uint32_t)v;
	return rc;
}

static int read_fixture(const struct pt_host *h, const char *device, char out[PT_KNOB_VALUE])
{
	pt_autobuf text = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "tc/%s", device);
	int rc = pt_host_read(h, path, &text);
	if (rc == 0) {
		(void)snprintf(out, PT_KNOB_VALUE, "%s", pt_buf_str(&text));
		out[strcspn(out, "\n")] = '\0';
	}
	return rc;
}

static int read_qos(
	const struct pt_host *h, const char *device, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	const struct pt_htb want = shape();
	struct pt_htb now;
	uint32_t ifindex = 0;
	int rc = h->root ? read_fixture(h, device, out) : device_index(h, device, &ifindex);

	if (rc < 0 || h->root)
		return rc < 0 ? pt_err_errno(err, rc, "%s: qos", device) : 0;
	rc = pt_htb_read(ifindex, &want, &now, err);
	if (rc == 0)
		tree_text(&now, out);
	return rc < 0 ? pt_err_wrap(err, "%s", device) : 0;
}

static int write_tree(uint32_t ifindex, const char *text, struct pt_err *err)
{
	struct pt_htb want;
	int rc = parse_tree(text, &want, err);

	if (rc < 0)
		return rc;
	struct shape_bpf *skel = shape_bpf__open_and_load();
	if (!skel)
		return pt_err_errno(err, -errno, "the program that classifies");
	rc = pt_htb_put(ifindex, &want, bpf_program__fd(skel->progs.pt_shape), err);
	shape_bpf__destroy(skel); // the filter keeps the program
	return rc;
}

static int write_qos(
	const struct pt_host *h, const char *device, const char *text, struct pt_err *err)
{
	const struct pt_htb want = shape();
	uint32_t ifindex = 0;
	char path[64], line[PT_KNOB_VALUE + 1];

	if (pt_joined_is_other(text))
		return pt_err_set(
			err, -EEXIST, "%s: somebody else's shaper cannot be built again", device);
	if (h->root) {
		(void)snprintf(path, sizeof(path), "tc/%s", device);
		(void)snprintf(line, sizeof(line), "%s\n", text);
		int rc = pt_host_write(h, path, line);
		return rc < 0 ? pt_err_errno(err, rc, "%s", path) : 0;
	}
	int rc = device_index(h, device, &ifindex);
	if (rc < 0)
		return pt_err_errno(err, rc, "%s", device);
	rc = strncmp(text, "htb ", 4) == 0 ? write_tree(ifindex, text, err)
					   : pt_htb_remove(ifindex, &want, err);
	return rc < 0 ? pt_err_wrap(err, "%s", device) : 0;
}

// ---- leaves ----

static int fixture_kinds(const struct pt_host *h, uint32_t *have)
{
	pt_autobuf text = { 0 };
	int rc = pt_host_read(h, "tc/kinds", &text);

	*have = 0;
	for (char *at = rc == 0 ? text.data : NULL, *word; (word = strsep(&at, " \n"));) {
		for (unsigned i = 0; i < PT_ARRAY_LEN(leaves); i++)
			*have |= (strcmp(word, leaves[i]) == 0) << i;
	}
	return rc;
}

static bool is_named(const char *kinds, const char *kind)
{
	char copy[PT_KNOB_VALUE], *at = copy, *word;

	(void)snprintf(copy, sizeof(copy), "%s", kinds);
	while ((word = strsep(&at, ";"))) {
		if (strcmp(word, kind) == 0 || strcmp(word, "auto") == 0)
			return true;
	}
	return false;
}

int pt_qos_leaf(
	const struct pt_host *h, const char *kinds, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	uint32_t have = 0;
	int rc = h->root ? fixture_kinds(h, &have)
			 : pt_htb_kinds(leaves, PT_ARRAY_LEN(leaves), &have, err);

	for (unsigned i = 0; rc == 0 && i < PT_ARRAY_LEN(leaves); i++) {
		if (have & 1u << i && is_named(kinds, leaves[i])) {
			(void)snprintf(out, PT_KNOB_VALUE, "%s", leaves[i]);
			return 0;
		}
	}
	return rc < 0 ? rc : pt_err_set(err, -ENOENT, "this kernel has none of %s", kinds);
}

// ---- the plan ----

static int settle(const char *text, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	struct pt_htb tree;
	int rc = parse_tree(text, &tree, err);

	if (rc == 0)
		tree_text(&tree, out);
	return rc;
}

const struct pt_joined pt_joined_qos = {
	.key = "qos",
	.mark = "htb ",
	.words = words,
	.n = PT_ARRAY_LEN(words),
	.per_device = true,
	.steps = true,
	.settle = settle,
	.read = read_qos,
	.write = write_qos,
};
