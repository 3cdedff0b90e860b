// SPDX-License-Identifier: MIT
#include "tune/nic.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "net/ethtool.h"
#include "net/qdisc.h"
#include "tune/declared.h"
#include "tune/scan.h"

#define MAX_QUEUES 1024

// The guide speaks ethtool(8)'s old names; one of them may stand for several bits, and for more
// with each kernel.
static const struct {
	const char *key, *bits;
} features[] = {
	{ "features.tso", "tx-tcp*-segmentation" },
	{ "features.gso", "tx-generic-segmentation" },
	{ "features.gro", "rx-gro" },
	{ "features.lro", "rx-lro" },
	{ "features.sg", "tx-scatter-gather*" },
	{ "features.tx-checksumming", "tx-checksum-*" },
	{ "features.rx-checksumming", "rx-checksum" },
};

static struct pt_nic_setting *put(struct pt_nic *n, const char *key, const char *value)
{
	if (n->n == PT_NIC_SETTINGS)
		return NULL;
	struct pt_nic_setting *s = &n->setting[n->n++];
	*s = (struct pt_nic_setting){ .max = NAN };
	(void)snprintf(s->key, sizeof(s->key), "%s", key);
	(void)snprintf(s->value, sizeof(s->value), "%s", value);
	return s;
}

const struct pt_nic_setting *pt_nic_get(const struct pt_nic *n, const char *key)
{
	for (unsigned i = 0; i < n->n; i++) {
		if (strcmp(n->setting[i].key, key) == 0)
			return &n->setting[i];
	}
	return NULL;
}

// On where one of its bits is, fixed where all are.
static void put_group(
	struct pt_nic *n, const struct pt_ethtool *e, const char *key, const char *bits)
{
	struct pt_nic_setting *s = NULL;

	for (unsigned i = 0; i < e->n_feature; i++) {
		const struct pt_ethtool_feature *f = &e->feature[i];
		if (fnmatch(bits, f->name, 0) != 0)
			continue;
		if (!s && (s = put(n, key, "off")))
			s->fixed = true;
		if (!s)
			return;
		if (f->active)
			(void)snprintf(s->value, sizeof(s->value), "on");
		s->fixed = s->fixed && f->fixed;
	}
}

// Each bit stands beside its group by its own name, so that what a group pulls along can be put
// back.
static void put_features(struct pt_nic *n, const struct pt_ethtool *e)
{
	char key[PT_NIC_KEY];

	for (size_t i = 0; i < PT_ARRAY_LEN(features); i++)
		put_group(n, e, features[i].key, features[i].bits);
	for (unsigned i = 0; i < e->n_feature; i++) {
		(void)snprintf(key, sizeof(key), "features.%s", e->feature[i].name);
		struct pt_nic_setting *s = put(n, key, e->feature[i].active ? "on" : "off");
		if (s)
			s->fixed = e->feature[i].fixed;
	}
}

static int read_kernel(const struct pt_nics *all, struct pt_nic *n, struct pt_err *err)
{
	pt_autofree struct pt_ethtool *e = calloc(1, sizeof(*e));
	char text[16];

	if (!e)
		return pt_err_set(err, -ENOMEM, "out of memory");
	int rc = all->sock ? pt_ethtool_read(all->sock, n->name, e, err) : 0;
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < e->n_number; i++) {
		const struct pt_ethtool_number *v = &e->number[i];
		const struct pt_knob *k;
		char key[48];
		if (!v->there)
			continue;
		(void)snprintf(key, sizeof(key), "nic.%s", v->key);
		k = pt_knob_find(key);
		bool word = k && k->canon == PT_CANON_FEATURE;
		(void)snprintf(text, sizeof(text), "%u", v->value);
		struct pt_nic_setting *s = put(n, v->key, word ? (v->value ? "on" : "off") : text);
		if (s && v->max)
			s->max = v->max;
	}
	put_features(n, e);
	return 0;
}

// "rings.rx 256 max 4096", "features.tso on fixed"
static int read_fixture(const struct pt_nics *all, struct pt_nic *n)
{
	pt_autobuf text = { 0 };
	char path[64], key[PT_NIC_KEY], value[64], word[16], most[24];

	(void)snprintf(path, sizeof(path), "ethtool/%s", n->name);
	if (pt_host_read(all->host, path, &text) < 0 || !text.data)
		return 0;
	for (char *at = text.data, *line; (line = strsep(&at, "\n"));) {
		int got = sscanf(line, "%47s %63s %15s %23s", key, value, word, most);
		struct pt_nic_setting *s = got >= 2 ? put(n, key, value) : NULL;
		if (s && got >= 3 && strcmp(word, "fixed") == 0)
			s->fixed = true;
		if (s && got == 4)
			s->max = pt_scan_number(most);
	}
	return 0;
}

// One value for all queues, or "mixed".
static void read_queues(const struct pt_nics *all, struct pt_nic *n, const char *kind,
	const char *file, const char *key)
{
	const struct pt_knob *k;
	pt_autobuf text = { 0 };
	char path[128], one[PT_KNOB_VALUE] = "", value[PT_KNOB_VALUE];
	unsigned q = 0;

	(void)snprintf(path, sizeof(path), "nic.%s", key);
	k = pt_knob_find(path);
	for (; k && q < MAX_QUEUES; q++) {
		(void)snprintf(path, sizeof(path), "sys/class/net/%s/queues/%s-%u/%s", n->name,
			kind, q, file);
		if (pt_host_read(all->host, path, &text) < 0 ||
			pt_knob_canonical(k, pt_buf_str(&text), value, NULL) < 0)
			break;
		(void)snprintf(
			one, sizeof(one), "%s", q && strcmp(one, value) != 0 ? "mixed" : value);
	}
	if (q && *one)
		(void)put(n, key, one);
	if (q && strcmp(kind, "rx") == 0)
		n->queues = q;
}

// The root queueing discipline; multiqueue devices have mq there, with a leaf for each queue.
static void read_qdisc(const struct pt_nics *all, struct pt_nic *n)
{
	const struct pt_qdisc *root;
	struct pt_qdiscs qdiscs;
	char path[96];
	double ifindex;

	(void)snprintf(path, sizeof(path), "sys/class/net/%s/ifindex", n->name);
	if (all->host->root || pt_host_number(all->host, path, &ifindex) < 0 ||
		pt_qdiscs_read(&qdiscs, NULL) < 0)
		return;
	root = pt_qdiscs_root(&qdiscs, (uint32_t)ifindex);
	if (root)
		(void)put(n, "qdisc", root->kind);
	pt_qdiscs_done(&qdiscs);
}

static void read_driver(const struct pt_nics *all, struct pt_nic *n)
{
	char path[96], target[256];

	(void)snprintf(path, sizeof(path), "class/net/%s/device/driver", n->name);
	ssize_t len = readlinkat(all->host->sys_fd, path, target, sizeof(target) - 1);
	if (len <= 0)
		return;
	target[len] = '\0';
	const char *base = strrchr(target, '/');
	(void)snprintf(n->driver, sizeof(n->driver), "%.31s", base ? base + 1 : target);
}

int pt_nic_refresh(const struct pt_nics *all, struct pt_nic *n, struct pt_err *err)
{
	char path[96], text[32];
	double mtu;
	int rc;

	n->n = 0;
	n->queues = NAN;
	rc = all->host->root ? read_fixture(all, n) : read_kernel(all, n, err);
	if (rc < 0)
		return rc;
	read_queues(all, n, "rx", "rps_cpus", "rps");
	read_queues(all, n, "rx", "rps_flow_cnt", "rps_flow_cnt");
	read_queues(all, n, "tx", "xps_cpus", "xps");
	read_qdisc(all, n);
	(void)snprintf(path, sizeof(path), "sys/class/net/%s/mtu", n->name);
	if (pt_host_number(all->host, path, &mtu) == 0) {
		(void)snprintf(text, sizeof(text), "%.0f", mtu);
		(void)put(n, "mtu", text);
	}
	return 0;
}

static bool has_default_route(const struct pt_host *h, const char *device)
{
	pt_autobuf text = { 0 };
	char name[32], destination[40], length[8];

	if (pt_host_read(h, "proc/net/route", &text) == 0) {
		for (const char *p = strchr(pt_buf_str(&text), '\n'); p && p[1];
			p = strchr(p + 1, '\n')) {
			if (sscanf(p, " %31s %39s", name, destination) == 2 &&
				strcmp(name, device) == 0 && strcmp(destination, "00000000") == 0)
				return true;
		}
	}
	if (pt_host_read(h, "proc/net/ipv6_route", &text) < 0)
		return false;
	for (const char *p = pt_buf_str(&text); p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (sscanf(p, "%39s %7s %*s %*s %*s %*s %*s %*s %*s %31s", destination, length,
			    name) == 3 &&
			strcmp(name, device) == 0 && strcmp(length, "00") == 0)
			return true;
	}
	return false;
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static int by_name(const void *a, const void *b)
{
	const struct pt_nic *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int pt_nics_read(const struct pt_host *h, struct pt_nics *out, struct pt_err *err)
{
	struct pt_nics all = { .host = h };
	int fd = pt_host_dir(h, "sys/class/net"), rc = 0;
	__attribute__((cleanup(close_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	*out = all;
	if (!dir)
		return 0; // no devices to be seen
	if (!h->root)
		(void)pt_ethtool_open(&all.sock, NULL); // without it: the settings are not there
	all.nic = calloc(PT_NIC_DEVICES, sizeof(*all.nic));
	if (!all.nic)
		rc = pt_err_set(err, -ENOMEM, "out of memory");
	while (rc == 0 && (d = readdir(dir)) && all.n < PT_NIC_DEVICES) {
		struct pt_nic *n = &all.nic[all.n];
		char path[IFNAMSIZ + 32];
		if (d->d_name[0] == '.' || strcmp(d->d_name, "lo") == 0 ||
			strlen(d->d_name) >= IFNAMSIZ)
			continue;
		(void)snprintf(n->name, sizeof(n->name), "%.15s", d->d_name);
		(void)snprintf(path, sizeof(path), "sys/class/net/%s/mtu", n->name);
		if (!pt_host_has(h, path))
			continue; // bonding_masters and the like
		n->wan = has_default_route(h, n->name);
		read_driver(&all, n);
		if (pt_nic_refresh(&all, n, NULL) == 0) // a device may go while it is read
			all.n++;
	}
	if (rc < 0) {
		pt_nics_done(&all);
		return rc;
	}
	qsort(all.nic, all.n, sizeof(*all.nic), by_name);
	pt_nics_declare(&all);
	*out = all;
	return 0;
}

void pt_nics_done(struct pt_nics *n)
{
	pt_ethtool_close(n->sock);
	free(n->nic);
	*n = (struct pt_nics){ 0 };
}

const struct pt_nic *pt_nics_find(const struct pt_nics *n, const char *name)
{
	for (unsigned i = 0; i < n->n; i++) {
		if (strcmp(n->nic[i].name, name) == 0)
			return &n->nic[i];
	}
	return NULL;
}

bool pt_nic_matches(const struct pt_nic *n, const struct pt_profile_match *m)
{
	if (m->role && (strcmp(m->role, "wan") == 0) != n->wan)
		return false;
	if (m->name && fnmatch(m->name, n->name, 0) != 0)
		return false;
	return !m->driver || fnmatch(m->driver, n->driver, 0) == 0;
}

static int write_fixture(const struct pt_nics *all, const char *device, const char *key,
	const char *value, struct pt_err *err)
{
	pt_autobuf text = { 0 }, out = { 0 };
	char path[64];
	size_t len = strlen(key);
	bool found = false;

	(void)snprintf(path, sizeof(path), "ethtool/%s", device);
	int rc = pt_host_read(all->host, path, &text);
	if (rc < 0 || !text.data)
		return pt_err_errno(err, rc < 0 ? rc : -ENODATA, "%s", path);
	for (char *at = text.data, *line; (line = strsep(&at, "\n"));) {
		if (strncmp(line, key, len) == 0 && line[len] == ' ') {
			const char *rest = strchr(line + len + 1, ' ');
			pt_buf_printf(&out, "%s %s%s\n", key, value, rest ? rest : "");
			found = true;
		} else if (*line) {
			pt_buf_printf(&out, "%s\n", line);
		}
	}
	if (!found)
		return pt_err_set(err, -EOPNOTSUPP, "%s: no such setting", device);
	rc = pt_host_write(all->host, path, pt_buf_str(&out));
	return rc < 0 ? pt_err_errno(err, rc, "%s", path) : 0;
}

static int write_queues(const struct pt_nics *all, const char *device, const char *kind,
	const char *file, const char *value)
{
	char path[128];
	unsigned q = 0;

	for (; q < MAX_QUEUES; q++) {
		(void)snprintf(path, sizeof(path), "sys/class/net/%s/queues/%s-%u/%s", device, kind,
			q, file);
		int rc = pt_host_write(all->host, path, value);
		if (rc == -ENOENT)
			break;
		if (rc < 0)
			return rc;
	}
	return q ? 0 : -ENOENT;
}

static int write_feature(
	const struct pt_nics *all, const char *device, const char *key, bool on, struct pt_err *err)
{
	pt_autofree struct pt_ethtool *e = calloc(1, sizeof(*e));
	int rc = e ? pt_ethtool_read(all->sock, device, e, err)
		   : pt_err_set(err, -ENOMEM, "out of memory");
	const char *bits = key + strlen("features.");

	for (size_t i = 0; i < PT_ARRAY_LEN(features); i++) {
		if (strcmp(features[i].key, key) == 0)
			bits = features[i].bits;
	}
	for (unsigned i = 0; rc == 0 && i < e->n_feature; i++) {
		const struct pt_ethtool_feature *f = &e->feature[i];
		if (fnmatch(bits, f->name, 0) == 0 && !f->fixed && f->active != on)
			rc = pt_ethtool_set_feature(all->sock, device, f->name, on, err);
	}
	return rc;
}

static int write_file(
	const struct pt_nics *all, const char *device, const char *key, const char *value)
{
	char path[96];

	if (strcmp(key, "rps") == 0)
		return write_queues(all, device, "rx", "rps_cpus", value);
	if (strcmp(key, "rps_flow_cnt") == 0)
		return write_queues(all, device, "rx", "rps_flow_cnt", value);
	if (strcmp(key, "xps") == 0)
		return write_queues(all, device, "tx", "xps_cpus", value);
	(void)snprintf(path, sizeof(path), "sys/class/net/%s/mtu", device);
	return pt_host_write(all->host, path, value);
}

int pt_nic_write(const struct pt_nics *all, const char *device, const char *key, const char *value,
	struct pt_err *err)
{
	bool feature = strncmp(key, "features.", 9) == 0;
	uint64_t v;

	if (!strchr(key, '.')) {
		int rc = write_file(all, device, key, value);
		return rc < 0 ? pt_err_errno(err, rc, "%s: %s", device, key) : 0;
	}
	if (all->host->root)
		return write_fixture(all, device, key, value, err);
	if (!all->sock)
		return pt_err_set(err, -EOPNOTSUPP, "this kernel has no ethtool netlink");
	if (feature)
		return write_feature(all, device, key, strcmp(value, "on") == 0, err);
	if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0)
		v = strcmp(value, "on") == 0;
	else if (pt_parse_u64(value, 0, UINT32_MAX, &v) < 0)
		return pt_err_set(err, -EINVAL, "%s: '%s' is no number", key, value);
	return pt_ethtool_set_number(all->sock, device, key, (uint32_t)v, err);
}
