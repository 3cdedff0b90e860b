// SPDX-License-Identifier: MIT
// Round trips of all probes of a path, as the kernel timed them (bpf/reply_map.h): pt-probe's and
// traffic's own. They go on with every daemon dead.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "base/hist.h"
#include "plane/plane.h"

// Since the path's slot began. -ENOENT: of a plane that an older version has attached.
int pt_trip_read(const struct pt_plane *p, uint32_t path, struct pt_hist *out);
// The path with this index is not the same any more.
int pt_trip_forget(struct pt_plane *p, uint32_t path);
