// SPDX-License-Identifier: MIT
#include "base/cleanup.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The slot is the address of a pointer of any object type: copied out, not punned.
static void *slot_value(const void *slot)
{
	void *p;
	memcpy(&p, slot, sizeof(p));
	return p;
}

void pt_cleanup_free(void *slot)
{
	free(slot_value(slot));
}

void pt_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void pt_cleanup_file(void *slot)
{
	FILE *f = slot_value(slot);
	if (f)
		(void)fclose(f); // read side or already flushed and checked by its owner
}

void pt_cleanup_json(void *slot)
{
	json_decref(slot_value(slot));
}
