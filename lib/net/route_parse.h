// SPDX-License-Identifier: MIT
// Messages of the kernel about routes, rules and nexthop objects. False: something we do not deal
// in (multipath routes, groups of nexthops, other families, what is not the type's message).
#pragma once
#include "net/route.h"

bool pt_route_parse(const struct nlmsghdr *nlh, struct pt_route *out);
bool pt_route_rule_parse(const struct nlmsghdr *nlh, struct pt_route_rule *out);
bool pt_nexthop_parse(const struct nlmsghdr *nlh, struct pt_nexthop *out);
