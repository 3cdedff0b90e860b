// SPDX-License-Identifier: MIT
#include "tune/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tune/joined.h"
#include "tune/unit.h"
#include "tune/wg.h"

#define NIC "nic."

static struct pt_nic *device_of(const struct pt_access *a, const char *device)
{
	for (unsigned i = 0; device && i < a->nics->n; i++) {
		if (strcmp(a->nics->nic[i].name, device) == 0)
			return &a->nics->nic[i];
	}
	return NULL;
}

static int read_device(const struct pt_access *a, const char *key, const char *device,
	char out[PT_KNOB_VALUE], struct pt_err *err)
{
	struct pt_nic *n = device_of(a, device);
	int rc = n ? pt_nic_refresh(a->nics, n, err) : -ENODEV;

	if (rc < 0)
		return n ? rc : pt_err_set(err, rc, "%s: no such device", device ? device : "?");
	const struct pt_nic_setting *s = pt_nic_get(n, key + sizeof(NIC) - 1);
	if (!s)
		return pt_err_set(err, -ENOENT, "%s: no such setting", device);
	(void)snprintf(out, PT_KNOB_VALUE, "%s", s->value);
	return 0;
}

// Bounds are for what is asked for; the kernel may hold anything.
static struct pt_knob unbounded(const char *key)
{
	const struct pt_knob *known = pt_knob_find(key);
	struct pt_knob k = known ? *known : (struct pt_knob){ .key = key, .canon = PT_CANON_WORD };

	k.min = k.max = 0;
	return k;
}

int pt_access_read(const struct pt_access *a, const char *key, const char *device,
	char out[PT_KNOB_VALUE], struct pt_err *err)
{
	const struct pt_joined *joined = pt_joined_of(key);
	pt_autobuf text = { 0 };
	char path[256];

	if (strncmp(key, NIC, sizeof(NIC) - 1) == 0)
		return read_device(a, key, device, out, err);
	if (pt_wg_is(key) && device)
		return pt_wg_get(a->nics, key, device, out, err);
	if (pt_unit_is(key) && device)
		return pt_unit_read(a->host, device, key, out, err);
	if (joined)
		return joined->read(a->host, device, out, err);
	int rc = pt_host_sysctl_path(key, path, sizeof(path));
	if (rc == 0)
		rc = pt_host_read(a->host, path, &text);
	if (rc < 0)
		return pt_err_errno(err, rc, "%s", key);
	struct pt_knob k = unbounded(key);
	rc = pt_knob_canonical(&k, pt_buf_str(&text), out, err);
	return rc < 0 ? pt_err_wrap(err, "%s", key) : 0;
}

int pt_access_write(const struct pt_access *a, const char *key, const char *device,
	const char *value, struct pt_err *err)
{
	const struct pt_joined *joined = pt_joined_of(key);
	char path[256], line[PT_KNOB_VALUE + 1];

	if (strncmp(key, NIC, sizeof(NIC) - 1) == 0) {
		if (!device_of(a, device))
			return pt_err_set(
				err, -ENODEV, "%s: no such device", device ? device : "?");
		return pt_nic_write(a->nics, device, key + sizeof(NIC) - 1, value, err);
	}
	if (pt_wg_is(key) && device)
		return pt_wg_set(a->nics, key, device, value, err);
	if (pt_unit_is(key) && device)
		return pt_unit_write(a->host, device, key, value, err);
	if (joined)
		return joined->write(a->host, device, value, err);
	int rc = pt_host_sysctl_path(key, path, sizeof(path));
	(void)snprintf(line, sizeof(line), "%s\n", value);
	if (rc == 0)
		rc = pt_host_write(a->host, path, line);
	return rc < 0 ? pt_err_errno(err, rc, "%s", key) : 0;
}
