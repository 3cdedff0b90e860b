// SPDX-License-Identifier: MIT
#include "plane/shared.h"

#include <string.h>

#include "model/network_shared.h"

// Of the groups of its sites; who decided is of no matter here.
#define KEPT (PT_GROUP_DROP | PT_GROUP_DECIDED | PT_GROUP_POLICY)

bool pt_shared_name(const char *id)
{
	return strchr(id, PT_SHARED_JOINT) != NULL;
}

// The name says it all: readers and writers of the plane need no file.
static uint32_t sites_of(const struct pt_names *names, const char *id, uint32_t *site)
{
	const char *end;
	char one[PT_NAME_LEN];
	uint32_t n = 0;

	for (; id && n < PT_SHARED_SITES; id = *end ? end + 1 : NULL) {
		end = strchrnul(id, PT_SHARED_JOINT);
		memcpy(one, id, (size_t)(end - id));
		one[end - id] = '\0';
		site[n] = pt_names_index(names, PT_NAME_SITE, one);
		n += site[n] != PT_NAMES_NONE;
	}
	return n;
}

static void join(const struct pt_bank *bank, const uint32_t *site, uint32_t n, uint32_t policy,
	struct pt_group *out)
{
	const struct pt_group *from[PT_SHARED_SITES];
	uint32_t have[PT_SHARED_SITES], places[PT_SHARED_SITES];

	*out = (struct pt_group){};
	for (uint32_t i = 0; i < n; i++) {
		from[i] = pt_bank_group(bank, site[i], policy);
		have[i] = from[i]->count;
		out->flags |= from[i]->flags & KEPT;
	}
	pt_shared_places(have, n, PT_GROUP_PATHS, places);
	for (uint32_t i = 0; i < n; i++) {
		// Only the first shares out by weight: without one, a path waits for all before it.
		const bool first = !out->count;

		if (first && have[i])
			out->flags |= from[i]->flags & PT_GROUP_WEIGHTED;
		for (uint32_t k = 0; k < places[i]; k++) {
			out->weight[out->count] = first ? from[i]->weight[k] : 0;
			out->path[out->count++] = from[i]->path[k];
		}
	}
}

void pt_shared_put(const struct pt_bank *bank, const struct pt_names *names, uint32_t index)
{
	uint32_t site[PT_SHARED_SITES], n;
	struct pt_group group;

	n = sites_of(names, pt_names_id(names, PT_NAME_SITE, index), site);
	for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++) {
		join(bank, site, n, policy, &group);
		(void)pt_bank_put_group(bank, index, policy, &group); // indexes are in range
	}
}

void pt_shared_put_all(const struct pt_bank *bank, const struct pt_names *names)
{
	for (uint32_t i = 1; i < names->kind[PT_NAME_SITE].cap; i++) {
		const char *id = pt_names_id(names, PT_NAME_SITE, i);

		if (id && pt_shared_name(id))
			pt_shared_put(bank, names, i);
	}
}
