// SPDX-License-Identifier: MIT
#include "tune/apply.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tune/effect.h"
#include "tune/files.h"
#include "tune/joined.h"
#include "tune/unit.h"
#include "tune/watchdog.h"

extern char **environ;

// What must be written before what: forwarding switches other things over, channels wipe what
// belongs to queues, tables of three are raised from the top.
static const struct {
	const char *prefix;
	int rank;
} order[] = {
	{ "net.ipv4.ip_forward", 0 },
	{ "qos", 5 }, // before net.core.default_qdisc, so that it is undone after that
	{ "net.netfilter.nf_conntrack_buckets", 1 },
	{ "net.ipv4.neigh.default.gc_thresh3", 2 },
	{ "net.ipv6.neigh.default.gc_thresh3", 2 },
	{ "net.ipv4.neigh.default.gc_thresh2", 3 },
	{ "net.ipv6.neigh.default.gc_thresh2", 3 },
	{ "net.ipv4.ip_local_reserved_ports", 4 },
	{ "nic.channels.", 20 },
	{ "nic.features.", 30 },
	{ "nic.rings.", 40 },
	{ "nic.coalesce.", 50 },
	{ "nic.mtu", 70 },
	{ "nic.", 60 }, // RPS, XPS
	{ "wireguard.", 75 },
	{ "marking", 80 },
	{ "limits.", 90 }, // of units
	{ "unit.", 90 },
	{ "", 10 },
};

static int rank(const char *key)
{
	size_t i = 0;

	while (strncmp(key, order[i].prefix, strlen(order[i].prefix)) != 0)
		i++;
	return order[i].rank;
}

static int by_rank(const void *a, const void *b)
{
	const struct pt_item *x = *(const struct pt_item *const *)a;
	const struct pt_item *y = *(const struct pt_item *const *)b;
	int d = rank(x->knob->key) - rank(y->knob->key);

	return d ? d : x < y ? -1 : x > y; // as in the profile
}

static bool is_written(const struct pt_item *it)
{
	const struct pt_joined *joined = pt_joined_of(it->knob->key);

	return (!joined || strcmp(joined->key, it->knob->key) == 0) &&
		(it->action == PT_TUNE_SET || it->action == PT_TUNE_ADAPT) && it->want;
}

// ---- modules ----

static int load_module(const char *name, struct pt_err *err)
{
	char program[] = "modprobe", quiet[] = "-q", end[] = "--", module[64];
	char *argv[] = { program, quiet, end, module, NULL };
	int status = 0;
	pid_t pid;

	(void)snprintf(module, sizeof(module), "%s", name);
	int rc = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	if (rc || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return pt_err_set(err, -ENOPKG, "kernel module %s cannot be loaded", name);
	return 0;
}

// ---- the snapshot ----

struct snapshot {
	const struct pt_apply *ap;
	struct pt_access access;
	struct pt_tx *t;
	struct pt_arena *a;
	struct pt_err *err;
};

static bool has_item(const struct pt_tx *t, const char *key, const char *device)
{
	for (unsigned i = 0; i < t->n; i++) {
		bool same = strcmp(t->item[i].key, key) == 0;
		if (same &&
			(!device || (t->item[i].device && strcmp(t->item[i].device, device) == 0)))
			return true;
	}
	return false;
}

static int add_derived(struct snapshot *s, const char *key, const char *device)
{
	char now[PT_KNOB_VALUE];

	if (has_item(s->t, key, device) || pt_access_read(&s->access, key, device, now, NULL) < 0)
		return 0; // not there: nothing to restore
	const struct pt_tx_item it = { .key = pt_arena_strdup(s->a, key),
		.device = device,
		.before = pt_arena_strdup(s->a, now) };
	return pt_tx_add(s->t, &it, s->err);
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

// "net.ipv4.conf" and "forwarding": that key of every device, "all" and "default".
static int add_conf(struct snapshot *s, const char *conf, const char *leaf)
{
	char path[128], key[PT_KNOB_VALUE];
	int rc = pt_host_sysctl_path(conf, path, sizeof(path));
	int fd = rc < 0 ? rc : pt_host_dir(s->ap->host, path);
	__attribute__((cleanup(close_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	rc = 0;
	while (dir && rc == 0 && (d = readdir(dir))) {
		char name[64];
		if (d->d_name[0] == '.' || strlen(d->d_name) >= sizeof(name))
			continue;
		(void)snprintf(name, sizeof(name), "%.63s", d->d_name);
		for (char *p = name; *p; p++) // a dot in a device's name is a slash in the key's
			*p = *p == '.' ? '/' : *p;
		(void)snprintf(key, sizeof(key), "%s.%s.%s", conf, name, leaf);
		rc = add_derived(s, key, NULL);
	}
	return rc;
}

static int add_lro(struct snapshot *s)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->ap->nics->n; i++)
		rc = add_derived(s, "nic.features.lro", s->ap->nics->nic[i].name);
	return rc;
}

// Everything else of a device: one bit pulls others, channels wipe RPS and XPS.
static int add_device(struct snapshot *s, const char *device)
{
	const struct pt_nic *n = pt_nics_find(s->ap->nics, device);
	char key[64];
	int rc = 0;

	for (unsigned i = 0; n && rc == 0 && i < n->n; i++) {
		if (n->setting[i].fixed)
			continue;
		(void)snprintf(key, sizeof(key), "nic.%s", n->setting[i].key);
		rc = add_derived(s, key, n->name);
	}
	return rc;
}

static int add_dirty(struct snapshot *s)
{
	static const char *const keys[] = { "vm.dirty_ratio", "vm.dirty_bytes",
		"vm.dirty_background_ratio", "vm.dirty_background_bytes" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < PT_ARRAY_LEN(keys); i++)
		rc = add_derived(s, keys[i], NULL);
	return rc;
}

static int add_derived_of(struct snapshot *s, const struct pt_tx_item *it)
{
	int rc = 0;

	if (strcmp(it->key, "net.ipv4.ip_forward") == 0 ||
		strcmp(it->key, "net.ipv4.conf.all.forwarding") == 0) {
		rc = add_derived(s, "net.ipv4.ip_forward", NULL);
		if (rc == 0)
			rc = add_conf(s, "net.ipv4.conf", "forwarding");
		if (rc == 0)
			rc = add_conf(s, "net.ipv4.conf", "accept_redirects");
		if (rc == 0)
			rc = add_lro(s);
	} else if (strcmp(it->key, "net.ipv6.conf.all.forwarding") == 0) {
		rc = add_conf(s, "net.ipv6.conf", "forwarding");
	} else if (strncmp(it->key, "vm.dirty_", 9) == 0) {
		rc = add_dirty(s);
	} else if (it->device && !pt_joined_of(it->key)) {
		rc = add_device(s, it->device);
	}
	return rc;
}

static int add_main(struct snapshot *s, const struct pt_item *it)
{
	char now[PT_KNOB_VALUE];
	const char *module = it->knob->module;
	int rc = pt_access_read(&s->access, it->knob->key, it->device, now, s->err);

	if (rc == -ENOENT && module && !s->ap->host->root) {
		rc = load_module(module, s->err);
		if (rc == 0)
			rc = pt_access_read(&s->access, it->knob->key, it->device, now, s->err);
	}
	if (rc < 0)
		return rc;
	const struct pt_tx_item item = { .key = it->knob->key,
		.device = it->device,
		.before = pt_arena_strdup(s->a, now),
		.want = it->want,
		.guide = it->guide,
		.rule = it->rule };
	return pt_tx_add(s->t, &item, s->err);
}

static int take_snapshot(struct snapshot *s, const struct pt_item **list, unsigned n)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = add_main(s, list[i]);
	unsigned mains = s->t->n;
	for (unsigned i = 0; rc == 0 && i < mains; i++)
		rc = add_derived_of(s, &s->t->item[i]);
	return rc < 0 ? rc : pt_tx_mark(s->t, "ready", s->err);
}

// ---- writing ----

static int write_item(struct snapshot *s, unsigned i)
{
	const struct pt_tx_item *it = &s->t->item[i];
	char now[PT_KNOB_VALUE];
	int rc = pt_tx_intent(s->t, i, s->err);

	if (rc == 0)
		rc = pt_access_write(&s->access, it->key, it->device, it->want, s->err);
	if (rc == 0)
		rc = pt_access_read(&s->access, it->key, it->device, now, s->err);
	if (rc == 0 && strcmp(now, it->want) != 0)
		rc = pt_err_set(s->err, -EIO, "%s%s%s: is %s after %s was written",
			it->device ? it->device : "", it->device ? " " : "", it->key, now,
			it->want);
	return rc < 0 ? rc : pt_tx_done(s->t, i, now, s->err);
}

static int write_all(struct snapshot *s)
{
	char now[PT_KNOB_VALUE];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->t->n; i++) {
		if (s->t->item[i].want)
			rc = write_item(s, i);
	}
	if (rc == 0 && pt_tx_has_units(s->t))
		rc = pt_unit_reload(s->ap->host, s->err);
	for (unsigned i = 0; rc == 0 && i < s->t->n; i++) { // what came along with it
		const struct pt_tx_item *it = &s->t->item[i];
		if (!it->want && pt_access_read(&s->access, it->key, it->device, now, NULL) == 0)
			rc = pt_tx_done(s->t, i, now, s->err);
	}
	return rc;
}

static int run_probes(const struct pt_apply *ap, struct pt_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < ap->n_probes; i++)
		rc = pt_probe_run(ap->probes[i], err);
	for (uint32_t i = 0; rc == 0 && i < ap->profile->n_probes; i++)
		rc = pt_probe_run(ap->profile->probes[i], err);
	return rc;
}

static int restore(struct snapshot *s, struct pt_watchdog *dog)
{
	enum pt_tx_result result;
	struct pt_err later = { 0 };
	int rc = pt_tx_undo(s->t, &s->access, false, &result, &later);

	pt_watchdog_stop(dog);
	if (rc < 0 || result == PT_TX_INCOMPLETE)
		return PT_APPLY_INCOMPLETE;
	return result == PT_TX_FOREIGN ? PT_APPLY_FOREIGN : PT_APPLY_RESTORED;
}

static int apply_list(struct snapshot *s, const struct pt_item **list, unsigned n)
{
	struct pt_watchdog dog = { .link = -1 };
	pt_autobuf effect = { 0 };
	struct pt_window before, after;
	int64_t timeout = s->ap->timeout_ms;

	pt_window_take(s->ap->host, s->ap->settle_ms, &before);
	int rc = take_snapshot(s, list, n);
	if (rc == 0)
		rc = pt_watchdog_start(s->ap->host, s->ap->state, s->t, &dog, s->err);
	if (rc == 0)
		rc = write_all(s);
	if (rc == 0)
		rc = run_probes(s->ap, s->err);
	if (rc == 0) {
		pt_window_take(s->ap->host, s->ap->settle_ms, &after);
		pt_window_effect(&before, &after, &effect);
		rc = pt_window_guard(s->ap->profile, &after, s->err);
	}
	if (rc == 0)
		rc = pt_tx_applied(
			s->t, timeout ? pt_tx_boottime_ms() + timeout : 0, effect.data, s->err);
	if (rc < 0)
		return restore(s, &dog);
	pt_watchdog_applied(&dog);
	return PT_APPLY_DONE;
}

struct list {
	const struct pt_item **item;
	unsigned n;
};

static int add_joined(const struct pt_apply *ap, struct pt_arena *a, const struct pt_joined *j,
	const char *device, struct list *list, struct pt_err *err)
{
	struct pt_item *it = pt_arena_alloc(a, sizeof(*it));
	int rc = pt_joined_make(j, ap->plan, device, a, it, err);

	if (rc > 0)
		list->item[list->n++] = it;
	return rc < 0 ? rc : 0;
}

// A setting that stands already is one item (reapply); else its knobs are made one.
static int make_list(
	const struct pt_apply *ap, struct pt_arena *a, struct list *list, struct pt_err *err)
{
	int rc = 0;

	list->item = pt_arena_alloc(a, (ap->plan->n + ap->nics->n + 2) * sizeof(*list->item));
	for (unsigned i = 0; i < ap->plan->n; i++) {
		if (is_written(&ap->plan->item[i]))
			list->item[list->n++] = &ap->plan->item[i];
	}
	for (unsigned i = 0; rc == 0 && i < ap->nics->n; i++)
		rc = add_joined(ap, a, &pt_joined_qos, ap->nics->nic[i].name, list, err);
	return rc < 0 ? rc : add_joined(ap, a, &pt_joined_marking, NULL, list, err);
}

int pt_apply_run(
	const struct pt_apply *ap, struct pt_arena *a, struct pt_tx *out, struct pt_err *err)
{
	struct list list = { 0 };
	struct snapshot s = {
		.ap = ap, .access = { ap->host, ap->nics }, .t = out, .a = a, .err = err
	};
	int rc = make_list(ap, a, &list, err);

	if (rc < 0)
		return rc;
	if (!list.n)
		return PT_APPLY_NOTHING;
	qsort(list.item, list.n, sizeof(*list.item), by_rank);
	const struct pt_tx_terms terms = { ap->profile->name, ap->timeout_ms, ap->runtime_only };
	rc = pt_tx_begin(ap->state, a, &terms, out, err);
	if (rc < 0)
		return rc;
	rc = apply_list(&s, list.item, list.n);
	if (rc != PT_APPLY_DONE)
		pt_tx_close(out);
	return rc;
}
