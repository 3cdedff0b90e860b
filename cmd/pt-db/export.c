// SPDX-License-Identifier: MIT
#include <errno.h>

#include "base/cleanup.h"
#include "db.h"
#include "store/inventory.h"
#include "store/open.h"

// network.yaml of the model: what equals its default is left out, so it reads as one would write
// it.
static int print_yaml(const json_t *network, struct pt_err *err)
{
	pt_autoarena arena = { 0 };
	pt_autobuf text = { 0 };
	struct pt_network n;
	int code = pt_json_read(network, &pt_network_schema, &arena, &n, err);
	if (!code)
		code = pt_yaml_write(&pt_network_schema, &n, &text);
	if (!code)
		fputs(pt_buf_str(&text), stdout);
	return code;
}

int db_export(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	pt_autojson json_t *network = NULL;

	(void)argc, (void)argv, (void)opts; // export takes none
	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_READ, &config, &db, &ctx->err) ||
		pt_sql_snapshot(db, &ctx->err) || pt_inventory_read(db, &network, NULL, &ctx->err))
		return PT_EXIT_FAIL;
	if (!ctx->json)
		return print_yaml(network, &ctx->err) ? PT_EXIT_FAIL : PT_EXIT_OK;
	pt_autofree char *text = json_dumps(network, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	puts(text);
	return PT_EXIT_OK;
}
