// SPDX-License-Identifier: MIT
#include "probe/signing.h"

#include <string.h>

#include "base/log.h"

bool pt_signing_covers(const struct pt_path *p, const struct pt_config *c)
{
	return c->health.auth_key && p->liveness == PT_LIVENESS_BFD;
}

void pt_signing_tell(
	const struct pt_config *c, const struct pt_network *n, const struct pt_site *self)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < n->n_paths; i++)
		open += strcmp(n->paths[i].source, self->id) == 0 &&
			n->paths[i].quality == PT_QUALITY_STAMP &&
			!pt_signing_covers(&n->paths[i], c);
	if (open)
		pt_log(PT_LOG_WARN,
			"health.auth_key: the probes of %u paths stay unsigned, for the kernel "
			"judges life by them: not with liveness: bfd",
			open);
}

int pt_signing_load(const struct pt_config *c, struct pt_stamp_key **key, struct pt_stamp_key **old,
	struct pt_err *err)
{
	struct pt_stamp_key *now = NULL;
	int code = c->health.auth_key ? pt_stamp_key_load(c->health.auth_key, &now, err) : 0;

	if (code)
		return code;
	if (pt_stamp_key_same(now, *key)) {
		pt_stamp_key_free(now);
		return 0;
	}
	*old = *key;
	*key = now;
	return 0;
}
