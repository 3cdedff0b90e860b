// SPDX-License-Identifier: MIT
#include "model/network.h"

#include "test.h"

static void example_loads(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	if (pt_network_load("etc/network.yaml", &a, &n, &err) < 0)
		T_FAIL("%s", err.msg);
}

T_MAIN({ "the example loads", example_loads })
