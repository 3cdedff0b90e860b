// SPDX-License-Identifier: MIT
#include "plane/mode.h"

enum pt_mode pt_mode_of(const struct pt_setup *s, const struct pt_path *path)
{
	const struct pt_uplink *uplink = pt_network_uplink(s->net, path->uplink);

	if (path->mode != PT_MODE_AUTO)
		return (enum pt_mode)path->mode;
	if (uplink->mode != PT_MODE_AUTO)
		return (enum pt_mode)uplink->mode;
	return uplink->nat ? PT_MODE_MARK : PT_MODE_REDIRECT;
}
