// SPDX-License-Identifier: MIT
// Which paths of a hub lead through another site's edge: what came by the same device must not
// leave by them.
#pragma once
#include <stdbool.h>

#include "plane/setup.h"

// Own paths that end on their device's link; made once for all the questions below.
struct pt_onward {
	const struct pt_path **path;
	uint32_t n;
};

// Nothing where this site is no hub.
int pt_onward_init(struct pt_onward *o, const struct pt_setup *s, struct pt_err *err);
void pt_onward_done(struct pt_onward *o);

// The site whose edge the path leads through; NULL: it is direct. As the file says (via), or as
// what it leaves to is the far end of a path to another site: its next hop, or the only thing that
// a layer-3 device leads to.
const char *pt_onward_via(
	const struct pt_onward *o, const struct pt_setup *s, const struct pt_path *path);
