// SPDX-License-Identifier: MIT
// network.json, the database's shadow that the forwarding stages watch: written beside its place
// before the commit and renamed into it after, so that a full or missing disk stops the change
// itself. Publishers take turns by a lock on the directory: the last file is the last commit's.
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct pt_publish {
	char *path, *temp;
	int dir_fd;     // holds the lock; -1: none
	bool unchanged; // the file already says the same
};

// Writes the network beside path. Call it inside the transaction that made it. A missing last
// directory is made.
int pt_publish_begin(
	const char *path, const json_t *network, struct pt_publish *out, struct pt_err *err);
// After the commit.
int pt_publish_end(struct pt_publish *p, struct pt_err *err);
// Removes what was begun and not ended. Zero-initialised with dir_fd -1 is fine.
void pt_publish_done(struct pt_publish *p);
#define pt_autopublish __attribute__((cleanup(pt_publish_done))) struct pt_publish
