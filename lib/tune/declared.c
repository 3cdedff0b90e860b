// SPDX-License-Identifier: MIT
#include "tune/declared.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"

static double rate_of(const json_t *uplinks, const char *device)
{
	double rate = NAN;
	const json_t *u;
	size_t i;

	json_array_foreach(uplinks, i, u) {
		const char *name = json_string_value(json_object_get(u, "device"));
		double v = json_number_value(json_object_get(u, "rate_bps"));
		if (!name || strcmp(name, device) != 0 || v <= 0)
			continue;
		if (!isnan(rate) && rate != v)
			return NAN;
		rate = v;
	}
	return rate;
}

void pt_nics_declare(struct pt_nics *nics)
{
	pt_autobuf text = { 0 };
	bool there = pt_host_read(nics->host, "run/patronus/network.json", &text) == 0;
	pt_autojson json_t *j = there ? json_loadb(pt_buf_str(&text), text.len, 0, NULL) : NULL;

	for (unsigned i = 0; i < nics->n; i++)
		nics->nic[i].rate_bps = rate_of(json_object_get(j, "uplinks"), nics->nic[i].name);
}
