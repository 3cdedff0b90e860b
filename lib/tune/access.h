// SPDX-License-Identifier: MIT
// One setting of a host, read and written by its name: any sysctl, or a device's. Values are in
// canonical form; keys that the catalogue does not know are single words.
#pragma once
#include "tune/host.h"
#include "tune/knob.h"
#include "tune/nic.h"

struct pt_access {
	const struct pt_host *host;
	struct pt_nics *nics;
};

// -ENOENT: not there.
int pt_access_read(const struct pt_access *a, const char *key, const char *device,
	char out[PT_KNOB_VALUE], struct pt_err *err);
// One write; what the kernel made of it must be read back.
int pt_access_write(const struct pt_access *a, const char *key, const char *device,
	const char *value, struct pt_err *err);
