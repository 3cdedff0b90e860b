// SPDX-License-Identifier: MIT
#include "plane/mode.h"

#include <errno.h>
#include <string.h>

static enum pt_mode asked(const struct pt_path *path, const struct pt_uplink *uplink)
{
	return (enum pt_mode)(path->mode != PT_MODE_AUTO ? path->mode : uplink->mode);
}

uint32_t pt_mode_flags(const struct pt_setup *s, const struct pt_path *path)
{
	const struct pt_uplink *uplink = pt_network_uplink(s->net, path->uplink);
	const uint32_t nat = uplink->nat ? PT_HOP_NAT : 0;

	switch (asked(path, uplink)) {
	case PT_MODE_MARK:
		return PT_HOP_MARK | nat;
	case PT_MODE_REDIRECT:
		return 0;
	case PT_MODE_AUTO:
		break;
	}
	if (uplink->nat)
		return PT_HOP_MARK | nat;
	return s->firewall && s->firewall->chains ? PT_HOP_GUARD : 0;
}

bool pt_mode_any_nat(const struct pt_setup *s)
{
	for (uint32_t i = 0; i < s->net->n_uplinks; i++)
		if (s->net->uplinks[i].nat && !strcmp(s->net->uplinks[i].site, s->self->id))
			return true;
	return false;
}

int pt_mode_check(const struct pt_setup *s, const struct pt_path *path, struct pt_err *err)
{
	const struct pt_uplink *uplink = pt_network_uplink(s->net, path->uplink);

	if (asked(path, uplink) != PT_MODE_REDIRECT)
		return 0;
	if (uplink->nat)
		return pt_err_set(err, -EINVAL,
			"%s: mode redirect passes by the address translation of uplink %s; "
			"mode auto or mark",
			path->id, uplink->id);
	if (!s->firewall || !s->firewall->chains)
		return 0;
	for (uint32_t i = 0; i < s->net->n_policies; i++)
		if (s->net->policies[i].firewall != PT_FIREWALL_BYPASS)
			return pt_err_set(err, -EINVAL,
				"%s: mode redirect passes by the firewall (%s), which policy %s "
				"obeys; mode auto or mark, or firewall: bypass",
				path->id, s->firewall->names, s->net->policies[i].id);
	return 0;
}
