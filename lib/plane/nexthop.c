// SPDX-License-Identifier: MIT
#include "plane/nexthop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/ours.h"
#include "plane/settle.h"

static bool is_auto(const struct pt_path *path)
{
	return path->next_hop.family == PT_ADDR_AUTO || path->next_hop6.family == PT_ADDR_AUTO;
}

static bool is_ours(const struct pt_setup *s, const struct pt_path *path)
{
	return !strcmp(path->source, s->self->id);
}

bool pt_nexthop_wanted(const struct pt_setup *s)
{
	for (uint32_t i = 0; i < s->net->n_paths; i++)
		if (is_auto(&s->net->paths[i]) && is_ours(s, &s->net->paths[i]))
			return true;
	return false;
}

int pt_nexthop_read(const struct pt_setup *s, struct pt_gateways *out, struct pt_err *err)
{
	pt_autofree uint32_t *wanted = calloc(s->links->n_link + 1, sizeof(*wanted));
	pt_autofree bool *taken = calloc(s->links->n_link + 1, sizeof(*taken));
	uint32_t n = 0;

	*out = (struct pt_gateways){};
	if (!wanted || !taken)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < s->net->n_paths; i++) {
		const struct pt_path *path = &s->net->paths[i];
		const struct pt_link *link;

		if (!is_auto(path) || !is_ours(s, path))
			continue;
		link = pt_links_named(s->links, path->device);
		if (!link || pt_link_is_l3(link) || taken[link - s->links->link])
			continue;
		taken[link - s->links->link] = true;
		wanted[n++] = link->ifindex;
	}
	return n ? pt_gateways_read(wanted, n, PT_NET_PROTOCOL, out, err) : 0;
}

// Where the routes of one family have to lead: to the probe target, or anywhere.
static struct pt_addr toward(const struct pt_path *path, uint8_t family)
{
	struct pt_addr any = { .family = family };

	return path->target.family == family ? path->target : any;
}

// Only gateways that were read count, and only where they answered otherwise then.
static bool is_news(const struct pt_gateways *known, const struct pt_gateway *neighbour)
{
	for (uint32_t i = 0; known && i < known->n; i++)
		if (known->row[i].ifindex == neighbour->ifindex &&
			known->row[i].silent != neighbour->silent &&
			pt_addr_eq(&known->row[i].via, &neighbour->via))
			return true;
	return false;
}

bool pt_nexthop_concerns(const struct pt_setup *s, const struct pt_gateway *row)
{
	const uint8_t family = row->to.addr.family;

	if (row->neighbour)
		return is_news(s->gateways, row);
	for (uint32_t i = 0; i < s->net->n_paths; i++) {
		const struct pt_path *path = &s->net->paths[i];
		const struct pt_addr *own = family == AF_INET ? &path->next_hop : &path->next_hop6;
		const struct pt_addr to = toward(path, family);
		const struct pt_link *link;

		if (own->family != PT_ADDR_AUTO || !is_ours(s, path) ||
			!pt_prefix_contains(&row->to, &to))
			continue;
		link = row->ifindex ? pt_links_named(s->links, path->device) : NULL;
		if (!link || link->ifindex == row->ifindex)
			return true;
	}
	return false;
}

// The far end itself is a neighbour on that link.
static bool is_neighbour(
	const struct pt_setup *s, const struct pt_link *link, const struct pt_addr *target)
{
	bool on_link = false;

	for (uint32_t i = 0; i < s->links->n_addr; i++) {
		const struct pt_link_addr *a = &s->links->addr[i];

		if (pt_addr_eq(&a->local, target))
			return false;
		on_link |= a->ifindex == link->ifindex && pt_prefix_contains(&a->connected, target);
	}
	return on_link;
}

// false: not known now.
static bool look_up(const struct pt_setup *s, const struct pt_path *path,
	const struct pt_link *link, uint8_t family, struct pt_addr *via, uint8_t *from)
{
	const struct pt_addr to = toward(path, family);
	const struct pt_gateway *row = s->gateways
		? pt_gateways_find(s->gateways, link->ifindex, &to)
		: NULL;

	if (row) {
		*via = row->via;
		*from = row->protocol ? row->protocol : PT_HOP_FROM_ROUTE;
		return true;
	}
	if (path->target.family != family || !is_neighbour(s, link, &path->target))
		return false;
	*via = path->target;
	*from = PT_HOP_FROM_LINK;
	return true;
}

static void fill_one(const struct pt_setup *s, const struct pt_path *path,
	const struct pt_link *link, uint8_t family, struct pt_hop *out)
{
	const bool v4 = family == AF_INET;
	struct pt_addr via = v4 ? path->next_hop : path->next_hop6;
	uint8_t from = PT_HOP_FROM_FILE;

	if (!via.family || (link && pt_link_is_l3(link) && via.family == PT_ADDR_AUTO))
		return;
	if (via.family == PT_ADDR_AUTO && (!link || !look_up(s, path, link, family, &via, &from)))
		from = PT_HOP_FROM_NOWHERE;
	*(v4 ? &out->from4 : &out->from6) = from;
	if (from == PT_HOP_FROM_NOWHERE)
		return;
	out->flags |= v4 ? PT_HOP_VIA4 : PT_HOP_VIA6;
	memcpy(v4 ? out->via4 : out->via6, via.bytes, v4 ? sizeof(out->via4) : sizeof(out->via6));
}

void pt_nexthop_fill(const struct pt_setup *s, const struct pt_path *path,
	const struct pt_link *link, struct pt_hop *out)
{
	fill_one(s, path, link, AF_INET, out);
	fill_one(s, path, link, AF_INET6, out);
}

// ---- without a packet between old and new ----

// The device and how to use it. Both are one word, so that they may change by one store.
static bool same_way(const struct pt_hop *a, const struct pt_hop *b)
{
	const __u32 way = PT_HOP_L3;

	return a->ifindex == b->ifindex && (a->flags & way) == (b->flags & way);
}

int pt_nexthop_retract(struct pt_plane *p, const struct pt_hop *next, struct pt_err *err)
{
	bool any = false;

	for (uint32_t i = 1; i < p->meta->path_cap; i++) {
		struct pt_hop *now = &p->hop[i];
		__u32 lost = now->flags & ~next[i].flags & (PT_HOP_VIA4 | PT_HOP_VIA6);

		if (!(next[i].flags & PT_HOP_USED) || !now->ifindex)
			continue;
		if (!same_way(now, &next[i])) {
			__atomic_store_n(&now->ifindex, 0, __ATOMIC_RELEASE);
			any = true;
			continue;
		}
		if (memcmp(now->via6, next[i].via6, sizeof(now->via6)) != 0)
			lost |= now->flags & PT_HOP_VIA6;
		if (!lost)
			continue;
		__atomic_fetch_and(&now->flags, ~lost, __ATOMIC_RELEASE);
		any = true;
	}
	if (!any)
		return 0;
	pt_plane_changed(p); // no packet trusts what it saw of the path before
	return pt_settle_wait(err);
}

void pt_nexthop_store(struct pt_hop *to, const struct pt_hop *hop)
{
	const __u64 *from = (const void *)hop;
	__u64 *word = (void *)to;

	_Static_assert(sizeof(*hop) % 8 == 0 && offsetof(struct pt_hop, ifindex) == 0 &&
			offsetof(struct pt_hop, flags) == 4 && _Alignof(struct pt_hop) == 8 &&
			offsetof(struct pt_hop, via4) / 8 ==
				(offsetof(struct pt_hop, via4) + 3) / 8,
		"device and flags are the first word, an IPv4 next hop lies in one");
	for (size_t i = sizeof(*hop) / 8; i-- > 0;)
		__atomic_store_n(&word[i], from[i], __ATOMIC_RELEASE);
}

// ---- for people ----

bool pt_nexthop_format(const struct pt_hop *hop, uint16_t family, struct pt_buf *out)
{
	const bool v4 = family == AF_INET;
	const uint8_t from = v4 ? hop->from4 : hop->from6;
	struct pt_addr via = { .family = (uint8_t)family };
	char text[PT_ADDR_LEN], origin[16];

	if (from == PT_HOP_FROM_NOWHERE) {
		pt_buf_puts(out, "waiting");
		return true;
	}
	if (!(hop->flags & (v4 ? PT_HOP_VIA4 : PT_HOP_VIA6)))
		return false;
	memcpy(via.bytes, v4 ? hop->via4 : hop->via6, v4 ? sizeof(hop->via4) : sizeof(hop->via6));
	pt_addr_format(&via, text);
	pt_buf_printf(out, "%s (%s)", text,
		from == PT_HOP_FROM_FILE            ? "file"
			: from == PT_HOP_FROM_LINK  ? "neighbour"
			: from == PT_HOP_FROM_ROUTE ? "route"
						    : pt_gateway_origin(from, origin));
	return true;
}
