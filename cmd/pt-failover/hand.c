// SPDX-License-Identifier: MIT
#include "hand.h"

#include <errno.h>

#include "plane/keep.h"

int hand_begin(struct hand *h, struct pt_ctx *ctx, int argc, char **argv)
{
	struct pt_err *err = &ctx->err;

	*h = (struct hand){ .ctx = ctx };
	int ret = pt_plane_open(pt_pin_dir(ctx), PT_PLANE_WRITE, &h->plane, err);
	if (!ret)
		ret = pt_names_read(h->plane, &h->names, err);
	for (int i = 0; i < argc && !ret; i++) {
		uint32_t path = pt_names_index(&h->names, PT_NAME_PATH, argv[i]);

		if (path == PT_NAMES_NONE)
			ret = pt_err_set(err, -ENOENT, "path %s: unknown here", argv[i]);
		else if (h->n == HAND_PATHS)
			ret = pt_err_set(err, -E2BIG, "more than %d paths", HAND_PATHS);
		else
			h->path[h->n++] = path;
	}
	return ret;
}

void hand_end(struct hand *h)
{
	pt_names_done(&h->names);
	pt_plane_free(h->plane);
}

bool hand_has(const struct hand *h, uint32_t path)
{
	for (uint32_t i = 0; i < h->n; i++)
		if (h->path[i] == path)
			return true;
	return false;
}

const char *hand_id(const struct hand *h, uint32_t path)
{
	return pt_names_id(&h->names, PT_NAME_PATH, path);
}

int hand_keep(const struct hand *h)
{
	const char *dir = pt_state_dir(h->ctx);

	return dir ? pt_keep_save(dir, h->plane, &h->names, &h->ctx->err) : 0;
}
