// SPDX-License-Identifier: MIT
#include "tune/wg.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "tune/scan.h"

#define MTU       "wireguard.mtu"
#define KEEPALIVE "wireguard.persistent_keepalive"
#define HEAD_V4   (20 + 8)
#define HEAD_V6   (40 + 8)
#define HEAD_WG   32

bool pt_wg_is(const char *key)
{
	return strcmp(key, MTU) == 0 || pt_wg_per_peer(key);
}

bool pt_wg_per_peer(const char *key)
{
	return strcmp(key, KEEPALIVE) == 0;
}

// ---- devices ----

static double lesser(double a, double b)
{
	return isnan(a) || b < a ? b : a;
}

// What the kernel takes for the MTU of the path that the tunnel's packets take: by the route that
// its mark chooses, with what path MTU discovery has found out.
static double path_mtu(const struct sockaddr_storage *to, uint32_t mark)
{
	bool v6 = to->ss_family == AF_INET6;
	pt_autofd fd = to->ss_family ? socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int mtu = 0;
	socklen_t mtu_len = sizeof(mtu);

	if (fd < 0 || (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) ||
		connect(fd, (const struct sockaddr *)to, len) < 0 ||
		getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu,
			&mtu_len) < 0)
		return NAN;
	return mtu - (v6 ? HEAD_V6 : HEAD_V4) - HEAD_WG;
}

static int view_kernel(const char *device, struct pt_wg_view *out, struct pt_err *err)
{
	pt_autowg d = { 0 };
	int rc = pt_wg_read(device, &d, err);

	if (rc < 0)
		return rc;
	out->peer = calloc(d.n + 1, sizeof(*out->peer));
	if (!out->peer)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (; out->n < d.n; out->n++) {
		double mtu = path_mtu(&d.peer[out->n].endpoint, d.fwmark);
		pt_wg_base64(d.peer[out->n].key, out->peer[out->n]);
		if (!isnan(mtu))
			out->mtu = lesser(out->mtu, mtu);
	}
	return 0;
}

static int view_fixture(const struct pt_host *h, const char *device, struct pt_wg_view *out)
{
	pt_autobuf text = { 0 };
	char path[64], key[PT_WG_BASE64], family[4], mtu[16];

	(void)snprintf(path, sizeof(path), "wireguard/%.15s", device);
	int rc = pt_host_read(h, path, &text);
	if (rc < 0)
		return rc == -ENOENT ? -ENODEV : rc;
	out->peer = calloc(text.len + 1, sizeof(*out->peer)); // a peer has more than a byte
	for (char *at = text.data, *line; out->peer && at && (line = strsep(&at, "\n"));) {
		if (sscanf(line, "%44s %*s %3s %15s", key, family, mtu) != 3)
			continue;
		(void)snprintf(out->peer[out->n++], PT_WG_BASE64, "%s", key);
		if (*family != '0')
			out->mtu = lesser(out->mtu,
				pt_scan_number(mtu) - (*family == '6' ? HEAD_V6 : HEAD_V4) -
					HEAD_WG);
	}
	return out->peer ? 0 : -ENOMEM;
}

int pt_wg_view(
	const struct pt_host *h, const char *device, struct pt_wg_view *out, struct pt_err *err)
{
	*out = (struct pt_wg_view){ .mtu = NAN };
	return h->root ? view_fixture(h, device, out) : view_kernel(device, out, err);
}

void pt_wg_view_done(struct pt_wg_view *v)
{
	free(v->peer);
	*v = (struct pt_wg_view){ .mtu = NAN };
}

// ---- one peer ----

static int split(const char *name, char device[IFNAMSIZ], char base64[PT_WG_BASE64],
	uint8_t key[PT_WG_KEY], struct pt_err *err)
{
	const char *slash = strchr(name, '/');

	if (!slash || slash - name >= IFNAMSIZ || pt_wg_parse_base64(slash + 1, key) < 0)
		return pt_err_set(err, -EINVAL, "'%s' is no peer", name);
	(void)snprintf(device, IFNAMSIZ, "%.*s", (int)(slash - name), name);
	(void)snprintf(base64, PT_WG_BASE64, "%s", slash + 1);
	return 0;
}

static int get_fixture(
	const struct pt_host *h, const char *device, const char *key, unsigned *keepalive)
{
	pt_autobuf text = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "wireguard/%.15s", device);
	if (pt_host_read(h, path, &text) < 0)
		return -ENODEV;
	const char *line = strstr(pt_buf_str(&text), key);
	double v = line ? pt_scan_after(line, key) : NAN;
	if (isnan(v))
		return -ENOENT;
	*keepalive = (unsigned)v;
	return 0;
}

static int set_fixture(
	const struct pt_host *h, const char *device, const char *key, const char *value)
{
	pt_autobuf text = { 0 }, out = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "wireguard/%.15s", device);
	if (pt_host_read(h, path, &text) < 0)
		return -ENODEV;
	const char *all = pt_buf_str(&text), *line = strstr(all, key);
	if (!line)
		return -ENOENT;
	const char *number = line + strlen(key) + 1;
	pt_buf_add(&out, all, (size_t)(number - all));
	pt_buf_puts(&out, value);
	pt_buf_puts(&out, number + strcspn(number, " \n"));
	return pt_host_write(h, path, pt_buf_str(&out));
}

static int get_peer(
	const char *device, const uint8_t key[PT_WG_KEY], unsigned *keepalive, struct pt_err *err)
{
	pt_autowg d = { 0 };
	int rc = pt_wg_read(device, &d, err);

	for (uint32_t i = 0; rc == 0 && i < d.n; i++) {
		if (memcmp(d.peer[i].key, key, PT_WG_KEY) == 0) {
			*keepalive = d.peer[i].keepalive_s;
			return 0;
		}
	}
	return rc < 0 ? rc : pt_err_set(err, -ENOENT, "%s: no such peer", device);
}

// ---- settings ----

int pt_wg_get(const struct pt_nics *nics, const char *key, const char *name,
	char out[PT_KNOB_VALUE], struct pt_err *err)
{
	char device[IFNAMSIZ], base64[PT_WG_BASE64];
	uint8_t peer[PT_WG_KEY];
	unsigned keepalive = 0;

	if (!pt_wg_per_peer(key)) {
		char path[64];
		double mtu;
		(void)snprintf(path, sizeof(path), "sys/class/net/%.15s/mtu", name);
		int rc = pt_host_number(nics->host, path, &mtu);
		if (rc == 0)
			(void)snprintf(out, PT_KNOB_VALUE, "%.0f", mtu);
		return rc < 0 ? pt_err_errno(err, rc, "%s: MTU", name) : 0;
	}
	int rc = split(name, device, base64, peer, err);
	if (rc == 0 && nics->host->root) {
		rc = get_fixture(nics->host, device, base64, &keepalive);
		if (rc < 0)
			return pt_err_errno(err, rc, "%s", name);
	} else if (rc == 0) {
		rc = get_peer(device, peer, &keepalive, err);
	}
	if (rc == 0)
		(void)snprintf(out, PT_KNOB_VALUE, "%u", keepalive);
	return rc;
}

static bool device_gone(const struct pt_host *h, const char *device)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "sys/class/net/%.15s", device);
	if (h->root)
		return pt_host_has(h, "sys/class/net") && !pt_host_has(h, path);
	return if_nametoindex(device) == 0 && errno == ENODEV;
}

bool pt_wg_peer_gone(const struct pt_host *h, const char *name)
{
	char device[IFNAMSIZ], base64[PT_WG_BASE64];
	uint8_t key[PT_WG_KEY];
	unsigned keepalive;

	if (!strchr(name, '/'))
		return device_gone(h, name);
	if (split(name, device, base64, key, NULL) < 0)
		return false;
	return device_gone(h, device) ||
		(h->root ? get_fixture(h, device, base64, &keepalive)
			 : get_peer(device, key, &keepalive, NULL)) == -ENOENT;
}

int pt_wg_set(const struct pt_nics *nics, const char *key, const char *name, const char *value,
	struct pt_err *err)
{
	char device[IFNAMSIZ], base64[PT_WG_BASE64];
	uint8_t peer[PT_WG_KEY];
	uint32_t keepalive;

	if (!pt_wg_per_peer(key))
		return pt_nic_write(nics, name, "mtu", value, err);
	int rc = split(name, device, base64, peer, err);
	if (rc < 0)
		return rc;
	if (pt_parse_u32(value, 0, UINT16_MAX, &keepalive) < 0)
		return pt_err_set(err, -EINVAL, "%s: '%s' is no time", key, value);
	if (!nics->host->root)
		return pt_wg_set_keepalive(device, peer, (uint16_t)keepalive, err);
	rc = set_fixture(nics->host, device, base64, value);
	return rc < 0 ? pt_err_errno(err, rc, "%s", name) : 0;
}
