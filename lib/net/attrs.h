// SPDX-License-Identifier: MIT
// A netlink message's attributes by their type. They point into the message.
#pragma once
#include <libmnl/libmnl.h>

// Types below which we look: all of IFLA_, RTA_, FRA_, NHA_, RTAX_, CTA_, NFTA_ and WG* that
// matter.
#define PT_ATTRS 32

struct pt_attrs {
	const struct nlattr *at[PT_ATTRS]; // NULL: not there
};

struct pt_attrs pt_attrs_of(
	const struct nlmsghdr *nlh, size_t header);     // behind the family's header
struct pt_attrs pt_attrs_in(const struct nlattr *nest); // NULL: none
