// SPDX-License-Identifier: MIT
// Attaching programs to devices: TCX by pinned links where the kernel has it (6.6), else filters of
// the clsact qdisc; and XDP, always by a link. Map pt_hook remembers what was attached, so that
// only that is removed.
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "model/config.h"
#include "net/link.h"
#include "plane/load.h"
#include "plane/plane.h"

// Puts the program on the device, or in the place of the one already there, without a gap. Devices
// are those of the calling thread's network namespace.
// Loads the program if it is not in *progs yet.
int pt_hook_attach(struct pt_plane *p, struct pt_programs *progs, const struct pt_link *link,
	enum pt_hook_dir dir, enum pt_hook_kind kind, struct pt_err *err);
// Which program that is.
enum pt_program pt_hook_program(const struct pt_link *link, enum pt_hook_dir dir);
// Removes one; a device that has gone is fine.
int pt_hook_remove(struct pt_plane *p, const struct pt_hook_key *key, struct pt_err *err);
// Removes all for which keep returns false (NULL: all).
typedef bool pt_hook_keep_fn(void *ctx, const struct pt_hook_key *key, const struct pt_hook *hook);
int pt_hook_sweep(struct pt_plane *p, pt_hook_keep_fn *keep, void *ctx, struct pt_err *err);
// Removes our filters from all devices of this namespace, for a plane whose pt_hook cannot be read.
// Links go with their pins; an empty clsact qdisc stays.
int pt_hook_sweep_filters(struct pt_err *err);
// The hook after this one, NULL: the first. -ENOENT: there is none.
int pt_hook_next(
	const struct pt_plane *p, const struct pt_hook_key *after, struct pt_hook_key *out);
