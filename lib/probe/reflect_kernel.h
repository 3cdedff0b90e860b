// SPDX-License-Identifier: MIT
// The reflector in the kernel, beside pt_reflector: plain requests that arrive by its devices are
// answered there, before this process would have been woken. It lives as long as its owner: links
// are not pinned. Whatever it does not understand, pt_reflector gets.
#pragma once
#include <stdbool.h>

#include "base/loop.h"
#include "probe/reflect.h"

struct pt_reflect_device {
	const char *name;
	bool xdp; // native XDP; else TCX
};

struct pt_kreflect_counters {
	uint64_t answered, refused, limited; // as in pt_reflect_counters
	uint64_t passed;                     // to another host, or not known as ours
};

struct pt_kreflector;

// The lists of o are only read here. Devices that are missing, or come back, are taken when they
// come. A device whose kernel or driver cannot do it is told once in the log and left to
// pt_reflector. An error: nothing can be loaded at all, for want of capabilities or of a kernel.
int pt_kreflector_new(const struct pt_reflect_opts *o, const struct pt_reflect_device *devices,
	uint32_t n, struct pt_loop *loop, struct pt_kreflector **out, struct pt_err *err);
void pt_kreflector_free(struct pt_kreflector *k);
struct pt_kreflect_counters pt_kreflector_counters(const struct pt_kreflector *k);
