// SPDX-License-Identifier: MIT
// What rides on what: tunnels on uplinks, paths through hubs.
#include <inttypes.h>
#include <string.h>

#include "model/network_index.h"

static const struct pt_uplink *uplink_of(const struct pt_check *c, const char *id)
{
	return id ? pt_index_find(&c->uplinks, id) : NULL;
}

// The underlays from `id` on lead to this device: nothing rides on itself. Ends because no chain of
// uplinks is longer than there are, which the caller has seen to or is about to find out.
static const struct pt_uplink *leads_to(
	const struct pt_check *c, const char *id, const char *device)
{
	const struct pt_uplink *u = uplink_of(c, id);

	for (uint32_t hops = 0; u && hops <= c->n->n_uplinks; hops++) {
		if (!strcmp(u->device, device))
			return u;
		u = uplink_of(c, u->underlay);
	}
	return NULL;
}

static int check_uplink(struct pt_check *c, uint32_t i)
{
	const struct pt_uplink *u = &c->n->uplinks[i], *under, *back;
	const struct pt_reference r = { &c->uplinks, u, "underlay", &u->underlay, &c->uplinks,
		"uplink" };
	const void *found;
	int rc;

	if (!u->underlay)
		return 0;
	rc = pt_index_refer(c, &r, u->underlay, &found);
	if (rc < 0)
		return rc;
	under = found;
	if (strcmp(under->site, u->site) != 0)
		return pt_check_bad(c, &u->underlay, u,
			"uplinks[%" PRIu32 "].underlay: \"%s\" is of site \"%s\", not of \"%s\"", i,
			under->id, under->site, u->site);
	back = leads_to(c, u->underlay, u->device);
	if (!back)
		return 0;
	return pt_check_bad(c, &u->underlay, u,
		"uplinks[%" PRIu32 "].underlay: \"%s\" would ride on itself: \"%s\" has device %s",
		i, u->id, back->id, back->device);
}

// "" where the uplink is unknown, which the check of the paths has said already.
static const char *device_of(const struct pt_check *c, const struct pt_path *p)
{
	const struct pt_uplink *u = uplink_of(c, p->uplink);

	return p->device ? p->device : u ? u->device : "";
}

static int check_underlay(struct pt_check *c, uint32_t i)
{
	const struct pt_path *p = &c->n->paths[i];
	const struct pt_reference r = { &c->paths, p, "underlay", &p->underlay, &c->uplinks,
		"uplink" };
	const struct pt_uplink *under, *back;
	const void *found;
	int rc;

	if (!p->underlay)
		return 0;
	rc = pt_index_refer(c, &r, p->underlay, &found);
	if (rc < 0)
		return rc;
	under = found;
	if (strcmp(under->site, p->source) != 0)
		return pt_check_bad(c, &p->underlay, p,
			"paths[%" PRIu32
			"].underlay: \"%s\" is of site \"%s\", not of the source \"%s\"",
			i, under->id, under->site, p->source);
	back = leads_to(c, p->underlay, device_of(c, p));
	if (!back)
		return 0;
	return pt_check_bad(c, &p->underlay, p,
		"paths[%" PRIu32 "].underlay: \"%s\" would ride on itself: \"%s\" has device %s", i,
		p->id, back->id, back->device);
}

static int check_via(struct pt_check *c, uint32_t i)
{
	const struct pt_path *p = &c->n->paths[i];
	const struct pt_reference r = { &c->paths, p, "via", &p->via, &c->sites, "site" };
	const void *found;
	int rc;

	if (!p->via)
		return 0;
	rc = pt_index_refer(c, &r, p->via, &found);
	if (rc < 0)
		return rc;
	if (!strcmp(p->via, p->source) || !strcmp(p->via, p->dest))
		return pt_check_bad(c, &p->via, p, "paths[%" PRIu32 "].via: \"%s\" is its %s", i,
			p->via, strcmp(p->via, p->source) ? "dest" : "source");
	if (!((const struct pt_site *)found)->transit)
		return pt_check_bad(c, &p->via, p,
			"paths[%" PRIu32 "].via: site \"%s\" does not say transit: true", i,
			p->via);
	return 0;
}

int pt_check_rides(struct pt_check *c)
{
	int rc = 0;

	for (uint32_t i = 0; i < c->n->n_uplinks && rc == 0; i++)
		rc = check_uplink(c, i);
	for (uint32_t i = 0; i < c->n->n_paths && rc == 0; i++) {
		rc = check_underlay(c, i);
		if (rc == 0)
			rc = check_via(c, i);
	}
	return rc;
}
