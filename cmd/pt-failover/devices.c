// SPDX-License-Identifier: MIT
#include "failover.h"
#include "plane/nexthop.h"

int pt_devices_read(const struct pt_inputs *in, struct pt_devices *out, struct pt_setup *setup,
	struct pt_err *err)
{
	struct pt_devices got = {};
	struct pt_setup s = {
		.net = &in->net, .cfg = &in->cfg, .self = in->self, .links = &got.links
	};
	int ret = pt_links_read(&got.links, err);

	if (!ret)
		ret = pt_nexthop_read(&s, &got.gateways, err);
	if (!ret)
		ret = pt_firewall_read(&got.firewall, err);
	if (ret) {
		pt_devices_done(&got);
		return ret;
	}
	*out = got;
	s.links = &out->links;
	s.gateways = &out->gateways;
	s.firewall = &out->firewall;
	*setup = s;
	return 0;
}

void pt_devices_done(struct pt_devices *d)
{
	pt_links_done(&d->links);
	pt_gateways_done(&d->gateways);
}
