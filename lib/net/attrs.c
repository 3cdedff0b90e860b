// SPDX-License-Identifier: MIT
#include "net/attrs.h"

static int keep(const struct nlattr *attr, void *data)
{
	struct pt_attrs *a = data;

	if (mnl_attr_get_type(attr) < PT_ATTRS)
		a->at[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

// Neither parser fails when the callback does not.

struct pt_attrs pt_attrs_of(const struct nlmsghdr *nlh, size_t header)
{
	struct pt_attrs a = { 0 };

	(void)mnl_attr_parse(nlh, (unsigned)header, keep, &a);
	return a;
}

struct pt_attrs pt_attrs_in(const struct nlattr *nest)
{
	struct pt_attrs a = { 0 };

	if (nest)
		(void)mnl_attr_parse_nested(nest, keep, &a);
	return a;
}
