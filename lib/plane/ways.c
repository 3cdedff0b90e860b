// SPDX-License-Identifier: MIT
#include "plane/ways.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/ours.h"
#include "plane/ways_object.h"
#include "plane/ways_want.h"

static const uint8_t families[] = { AF_INET, AF_INET6 };

struct pt_ways {
	struct pt_rtnl *rtnl;
	// As of the last sync.
	struct pt_ways_objects objects;
	uint32_t policy; // that sites' objects follow
	uint8_t *usable; // by path
};

int pt_ways_new(struct pt_ways **out, struct pt_err *err)
{
	struct pt_ways *w = calloc(1, sizeof(*w));
	int ret;

	if (!w)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = pt_rtnl_new(NETLINK_ROUTE, &w->rtnl, err);
	if (ret) {
		pt_ways_free(w);
		return ret;
	}
	*out = w;
	return 0;
}

void pt_ways_free(struct pt_ways *w)
{
	if (!w)
		return;
	pt_rtnl_free(w->rtnl);
	pt_ways_objects_done(&w->objects);
	free(w->usable);
	free(w);
}

// ---- what is there ----

struct reading {
	struct pt_ways_set set;
	bool failed;
};

// Doubles at powers of two, so that nobody needs a capacity.
static bool grow(void *slot, uint32_t n, size_t size)
{
	void **array = slot, *grown;

	if (n & (n - 1))
		return true;
	grown = realloc(*array, (n ? 2 * (size_t)n : 1) * size);
	if (grown)
		*array = grown;
	return grown;
}

static void on_route(void *ctx, const struct pt_route *r)
{
	struct reading *have = ctx;

	if (grow(&have->set.route, have->set.n_route, sizeof(*r)))
		have->set.route[have->set.n_route++] = *r;
	else
		have->failed = true;
}

static void on_rule(void *ctx, const struct pt_route_rule *r)
{
	struct reading *have = ctx;

	if (grow(&have->set.rule, have->set.n_rule, sizeof(*r)))
		have->set.rule[have->set.n_rule++] = *r;
	else
		have->failed = true;
}

static void on_nexthop(void *ctx, const struct pt_nexthop *h)
{
	struct reading *have = ctx;

	if (grow(&have->set.nexthop, have->set.n_nexthop, sizeof(*h)))
		have->set.nexthop[have->set.n_nexthop++] = *h;
	else
		have->failed = true;
}

// A host without IPv6 has none of ours.
static int read_have(struct pt_rtnl *n, struct pt_ways_set *out, bool *ipv6, struct pt_err *err)
{
	struct reading have = {};
	int ret = pt_nexthops_read(n, PT_NET_PROTOCOL, on_nexthop, &have, err);

	*ipv6 = true;
	for (size_t i = 0; i < PT_ARRAY_LEN(families) && !ret; i++) {
		ret = pt_route_rules_read(n, families[i], PT_NET_PROTOCOL, on_rule, &have, err);
		if (ret == -EOPNOTSUPP && families[i] == AF_INET6) {
			*ipv6 = false;
			ret = 0;
			break;
		}
		if (!ret)
			ret = pt_routes_read(n,
				&(struct pt_route_filter){ families[i], PT_NET_PROTOCOL, 0 },
				on_route, &have, err);
	}
	if (!ret && have.failed)
		ret = pt_err_set(err, -ENOMEM, "out of memory");
	if (ret)
		pt_ways_set_done(&have.set);
	else
		*out = have.set;
	return ret;
}

// ---- order and equality ----

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int by_route(const void *a, const void *b)
{
	const struct pt_route *x = a, *y = b;
	int c = COMPARE(x->table, y->table);

	c = c ? c : pt_prefix_cmp(&x->dst, &y->dst);
	return c ? c : COMPARE(x->metric, y->metric);
}

static bool same_route(const void *a, const void *b)
{
	const struct pt_route *x = a, *y = b;

	if (x->nexthop || y->nexthop)
		return x->nexthop == y->nexthop;
	return x->ifindex == y->ifindex && pt_addr_eq(&x->via, &y->via) && x->mtu == y->mtu &&
		x->mtu_locked == y->mtu_locked;
}

static int by_rule(const void *a, const void *b)
{
	const struct pt_route_rule *x = a, *y = b;
	int c = COMPARE(x->family, y->family);

	return c ? c : COMPARE(x->priority, y->priority);
}

static bool same_rule(const void *a, const void *b)
{
	const struct pt_route_rule *x = a, *y = b;

	return x->action == y->action && x->mark == y->mark && x->mask == y->mask &&
		x->table == y->table && x->target == y->target;
}

static int by_nexthop(const void *a, const void *b)
{
	const struct pt_nexthop *x = a, *y = b;

	return COMPARE(x->id, y->id);
}

static bool same_nexthop(const void *a, const void *b)
{
	const struct pt_nexthop *x = a, *y = b;

	return x->id == y->id && x->family == y->family && x->ifindex == y->ifindex &&
		pt_addr_eq(&x->via, &y->via);
}

// ---- making it so ----

// How things of one kind differ, and what to do about it.
struct kind {
	size_t size;
	int (*by)(const void *a, const void *b);
	bool (*same)(const void *a, const void *b);
	void (*put)(struct pt_rtnl *n, const void *want);
	void (*remove)(struct pt_rtnl *n, const void *have);
	bool replaces; // put does without remove
};

static void put_route(struct pt_rtnl *n, const void *want)
{
	const struct pt_route *r = want;

	// In a table that others use, too, what they have stays.
	if (r->table == RT_TABLE_MAIN)
		pt_route_add(n, r);
	else
		pt_route_put(n, r);
}

static void remove_route(struct pt_rtnl *n, const void *have)
{
	pt_route_delete(n, have);
}

static void put_rule(struct pt_rtnl *n, const void *want)
{
	pt_route_rule_put(n, want);
}

static void remove_rule(struct pt_rtnl *n, const void *have)
{
	pt_route_rule_delete(n, have);
}

static void put_nexthop(struct pt_rtnl *n, const void *want)
{
	pt_nexthop_put(n, want);
}

static void remove_nexthop(struct pt_rtnl *n, const void *have)
{
	pt_nexthop_delete(n, ((const struct pt_nexthop *)have)->id);
}

static const struct kind routes = {
	.size = sizeof(struct pt_route),
	.by = by_route,
	.same = same_route,
	.put = put_route,
	.remove = remove_route,
};
static const struct kind rules = {
	.size = sizeof(struct pt_route_rule),
	.by = by_rule,
	.same = same_rule,
	.put = put_rule,
	.remove = remove_rule,
};
static const struct kind nexthops = {
	.size = sizeof(struct pt_nexthop),
	.by = by_nexthop,
	.same = same_nexthop,
	.put = put_nexthop,
	.remove = remove_nexthop,
	.replaces = true,
};

struct list {
	const struct kind *kind;
	const void *at;
	uint32_t n;
};

static const void *item(const struct list *l, uint32_t i)
{
	return (const char *)l->at + i * l->kind->size;
}

static void sort(void *at, uint32_t n, const struct kind *kind)
{
	if (n)
		qsort(at, n, kind->size, kind->by);
}

// Both are sorted. Only what is wanted and differs is put, only what is not wanted is removed.
static void settle(struct pt_rtnl *n, const struct list *want, const struct list *have, bool put,
	bool remove, struct pt_ways_done *done)
{
	const struct kind *k = want->kind;
	uint32_t i = 0, j = 0;

	while (i < want->n || j < have->n) {
		int c = i == want->n ? 1 : j == have->n ? -1 : k->by(item(want, i), item(have, j));
		bool same = !c && k->same(item(want, i), item(have, j));

		if (remove && (c > 0 || (!c && !same && !k->replaces))) {
			k->remove(n, item(have, j));
			done->removed++;
		}
		if (put && (c < 0 || (!c && !same))) {
			k->put(n, item(want, i));
			done->put++;
		}
		i += c <= 0;
		j += c >= 0;
	}
}

static void apply(struct pt_rtnl *n, struct pt_ways_set *want, struct pt_ways_set *have,
	struct pt_ways_done *done)
{
	const struct list lists[][2] = {
		{ { &nexthops, want->nexthop, want->n_nexthop },
			{ &nexthops, have->nexthop, have->n_nexthop } },
		{ { &routes, want->route, want->n_route },
			{ &routes, have->route, have->n_route } },
		{ { &rules, want->rule, want->n_rule }, { &rules, have->rule, have->n_rule } },
	};

	sort(want->nexthop, want->n_nexthop, &nexthops);
	sort(have->nexthop, have->n_nexthop, &nexthops);
	sort(want->route, want->n_route, &routes);
	sort(have->route, have->n_route, &routes);
	sort(want->rule, want->n_rule, &rules);
	sort(have->rule, have->n_rule, &rules);
	settle(n, &lists[0][0], &lists[0][1], true, false, done);
	settle(n, &lists[1][0], &lists[1][1], true, true, done);
	settle(n, &lists[2][0], &lists[2][1], true, true, done);
	settle(n, &lists[0][0], &lists[0][1], false, true, done); // when no route needs them
}

// ---- the whole ----

static void drop_ipv6(uint8_t *usable, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		usable[i] &= PT_WAYS_V4;
}

// With it the kernel's answers to a marked packet bear the mark, and would leave by the path.
static int check_reflect(struct pt_err *err)
{
	static const char *const paths[] = { "/proc/sys/net/ipv4/fwmark_reflect",
		"/proc/sys/net/ipv6/fwmark_reflect" };

	for (size_t i = 0; i < PT_ARRAY_LEN(paths); i++) {
		pt_autofd fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		char digit = '0';

		if (fd >= 0 && read(fd, &digit, 1) == 1 && digit == '1')
			return pt_err_set(err, -EINVAL,
				"this host's answers would not find back; "
				"sysctl net.ipv%d.fwmark_reflect=0",
				i ? 6 : 4);
	}
	return 0;
}

int pt_ways_sync(struct pt_ways *w, struct pt_plane *p, const struct pt_setup *s,
	struct pt_ways_done *done, struct pt_err *err)
{
	pt_autoways have = {}, want = {};
	struct pt_ways_done did = {};
	bool ipv6;
	int ret = read_have(w->rtnl, &have, &ipv6, err);

	if (ret)
		return ret;
	free(w->usable);
	w->usable = pt_ways_usable(p, s->links);
	if (!w->usable)
		return pt_err_set(err, -ENOMEM, "out of memory");
	if (!ipv6)
		drop_ipv6(w->usable, p->meta->path_cap);
	w->policy = s->net->n_policies - 1;
	pt_ways_objects_done(&w->objects);
	ret = pt_ways_objects_make(p, w->usable, w->policy, &w->objects, err);
	if (!ret)
		ret = pt_ways_want(p, s, w->usable, &w->objects, &want, err);
	if (ret)
		return ret;
	apply(w->rtnl, &want, &have, &did);
	if (done)
		*done = did;
	ret = pt_rtnl_flush(w->rtnl, err);
	return ret ? ret : check_reflect(err);
}

int pt_ways_follow(struct pt_ways *w, const struct pt_plane *p, uint32_t *moved, struct pt_err *err)
{
	pt_autofree struct pt_nexthop *to = calloc(w->objects.n + 1, sizeof(*to));
	bool parted;
	int ret;

	*moved = 0;
	if (!to)
		return pt_err_set(err, -ENOMEM, "out of memory");
	parted = pt_ways_objects_move(&w->objects, p, w->usable, w->policy, to);
	for (uint32_t i = 0; i < w->objects.n; i++) {
		if (same_nexthop(&to[i], &w->objects.object[i]))
			continue;
		pt_nexthop_put(w->rtnl, &to[i]);
		w->objects.object[i] = to[i];
		++*moved;
	}
	ret = pt_rtnl_flush(w->rtnl, err);
	return ret ? ret : parted;
}

bool pt_ways_expects(const struct pt_ways *w, const struct pt_nexthop *h)
{
	for (uint32_t i = 0; i < w->objects.n; i++)
		if (w->objects.object[i].id == h->id)
			return same_nexthop(h, &w->objects.object[i]);
	return false;
}

int pt_ways_remove(struct pt_err *err)
{
	struct pt_ways_done done = {};
	struct pt_ways_set none = {};
	pt_autoways have = {};
	struct pt_ways *w = NULL;
	bool ipv6;
	int ret = pt_ways_new(&w, err);

	if (!ret)
		ret = read_have(w->rtnl, &have, &ipv6, err);
	if (!ret) {
		apply(w->rtnl, &none, &have, &done);
		ret = pt_rtnl_flush(w->rtnl, err);
	}
	pt_ways_free(w);
	return ret;
}
