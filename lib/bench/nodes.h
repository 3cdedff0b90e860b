// SPDX-License-Identifier: MIT
// Network namespaces of a benchmark: routers without reverse path filters, gone when it ends.
#pragma once
#include <stddef.h>

#include "base/err.h"

#define PT_NODES_MAX 8

struct pt_nodes {
	unsigned made; // in the order of their names
	char netns[PT_NODES_MAX][32];
	int home; // the namespace we came from; -1: pt_nodes_up was not called
};
#define PT_NODES_NONE      \
	(struct pt_nodes)  \
	{                  \
		.home = -1 \
	}

// Needs root and `ip`. After an error pt_nodes_down is still the caller's to call.
int pt_nodes_up(const char *const names[], size_t n, struct pt_nodes *out, struct pt_err *err);
void pt_nodes_down(struct pt_nodes *n);
// Runs fn inside a node; the thread is back home when this returns.
int pt_nodes_in(const struct pt_nodes *n, unsigned node, int (*fn)(void *ctx, struct pt_err *),
	void *ctx, struct pt_err *err);
// Lines of ip(8), inside this namespace where it is not NULL.
int pt_nodes_ip(const char *netns, const char *lines, struct pt_err *err);
