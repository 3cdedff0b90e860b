// SPDX-License-Identifier: MIT
// The cross-platform interface: lines of key=value, keys in hexadecimal, an empty line at the end.
#include "net/wireguard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "net/wireguard_netlink.h"

#define SOCKETS    "/var/run/wireguard"
#define MAX_ANSWER (16u << 20)
#define PATIENCE_S 5 // for a program that does not answer

struct pt_wg_peer *pt_wg_add(struct pt_wg_device *d)
{
	if (d->n == d->room) {
		uint32_t room = d->room ? 2 * d->room : 16;
		void *more = realloc(d->peer, room * sizeof(*d->peer));
		if (!more)
			return NULL;
		d->peer = more;
		d->room = room;
	}
	d->peer[d->n] = (struct pt_wg_peer){ 0 };
	return &d->peer[d->n++];
}

void pt_wg_done(struct pt_wg_device *d)
{
	free(d->peer);
	*d = (struct pt_wg_device){ 0 };
}

// ---- keys ----

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// 32 bytes are 10 groups of 3, and 2 bytes over.
void pt_wg_base64(const uint8_t key[PT_WG_KEY], char out[PT_WG_BASE64])
{
	for (unsigned i = 0; i < 11; i++) {
		uint32_t v = (uint32_t)key[3 * i] << 16 | (uint32_t)key[3 * i + 1] << 8;
		if (i < 10)
			v |= key[3 * i + 2];
		for (unsigned k = 0; k < 4; k++)
			out[4 * i + k] = digits[v >> (18 - 6 * k) & 63];
	}
	out[43] = '=';
	out[44] = '\0';
}

int pt_wg_parse_base64(const char *text, uint8_t out[PT_WG_KEY])
{
	if (strlen(text) != PT_WG_BASE64 - 1 || text[43] != '=')
		return -EINVAL;
	for (unsigned i = 0; i < 11; i++) {
		uint32_t v = 0;
		for (unsigned k = 0; k < 4; k++) {
			const char *at = i == 10 && k == 3 ? digits
							   : strchr(digits, text[4 * i + k]);
			if (!at || !*at)
				return -EINVAL;
			v = v << 6 | (uint32_t)(at - digits);
		}
		out[3 * i] = (uint8_t)(v >> 16);
		out[3 * i + 1] = (uint8_t)(v >> 8);
		if (i < 10)
			out[3 * i + 2] = (uint8_t)v;
		else if (v & 0xff)
			return -EINVAL;
	}
	return 0;
}

static int parse_hex(const char *text, uint8_t out[PT_WG_KEY])
{
	static const char hex[] = "0123456789abcdef";

	if (strlen(text) != 2 * PT_WG_KEY)
		return -EPROTO;
	for (unsigned i = 0; i < 2 * PT_WG_KEY; i++) {
		const char *at = strchr(hex, tolower((unsigned char)text[i]));
		if (!at || !*at)
			return -EPROTO;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - hex));
	}
	return 0;
}

// ---- the socket ----

// Answers hold the private key and those shared with peers: nothing of them is left in memory that
// is given back.
static void wipe(struct pt_buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	pt_buf_done(b);
}
#define secret_buf __attribute__((cleanup(wipe))) struct pt_buf

// As pt_buf_add, which would leave behind what it grows out of.
static int add_secret(struct pt_buf *b, const void *bytes, size_t n)
{
	if (b->len + n + 1 > b->cap) {
		struct pt_buf more = { .cap = 2 * (b->len + n) + 1, .len = b->len };
		more.data = malloc(more.cap);
		if (!more.data)
			return -ENOMEM;
		if (b->len)
			memcpy(more.data, b->data, b->len);
		wipe(b);
		*b = more;
	}
	pt_buf_add(b, bytes, n); // fits
	return 0;
}

// -ENOENT: no program serves the device.
static int open_socket(const char *device)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	pt_autofd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), SOCKETS "/%.15s.sock", device);
	// Without them it would only wait longer: connect, too, for one that accepts nobody.
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return errno == ECONNREFUSED ? -ENOENT : -errno; // left by one that died
	return pt_take_fd(&fd);
}

// Up to the empty line.
static int ask(int fd, const char *question, struct pt_buf *answer)
{
	char block[4096];
	size_t len = strlen(question);

	if (send(fd, question, len, MSG_NOSIGNAL) != (ssize_t)len)
		return errno ? -errno : -EIO;
	while (answer->len < 2 || strcmp(answer->data + answer->len - 2, "\n\n") != 0) {
		ssize_t n = recv(fd, block, sizeof(block), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		int rc = add_secret(answer, block, (size_t)n);
		explicit_bzero(block, (size_t)n);
		if (rc < 0 || answer->len > MAX_ANSWER)
			return rc < 0 ? rc : -EFBIG;
	}
	return 0;
}

// "192.0.2.1:51820", "[2001:db8::1]:51820"
static void parse_endpoint(char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	char *colon = strrchr(text, ':');
	uint32_t port;

	if (!colon || pt_parse_u32(colon + 1, 0, UINT16_MAX, &port) < 0)
		return;
	*colon = '\0';
	size_t len = strlen(text);
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	if (*text == '[' && len > 2) {
		text[len - 1] = '\0';
		text[1 + strcspn(text + 1, "%")] = '\0';
		if (inet_pton(AF_INET6, text + 1, &v6.sin6_addr) == 1)
			memcpy(out, &v6, sizeof(v6));
	} else if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(out, &v4, sizeof(v4));
	}
}

static int take_line(struct pt_wg_device *d, const char *key, char *value, int *code)
{
	struct pt_wg_peer *p = d->n ? &d->peer[d->n - 1] : NULL;
	uint32_t v = 0;
	int64_t e = 0;

	if (strcmp(key, "public_key") == 0) {
		p = pt_wg_add(d);
		return p ? parse_hex(value, p->key) : -ENOMEM;
	}
	if (strcmp(key, "errno") == 0) {
		if (pt_parse_i64(value, INT32_MIN, INT32_MAX, &e) < 0)
			return -EPROTO;
		*code = e < 0 ? (int)e : (int)-e;
	} else if (strcmp(key, "fwmark") == 0) {
		if (pt_parse_u32(value, 0, UINT32_MAX, &d->fwmark) < 0)
			return -EPROTO;
	} else if (p && strcmp(key, "persistent_keepalive_interval") == 0) {
		if (pt_parse_u32(value, 0, UINT16_MAX, &v) < 0)
			return -EPROTO;
		p->keepalive_s = (uint16_t)v;
	} else if (p && strcmp(key, "endpoint") == 0) {
		parse_endpoint(value, &p->endpoint);
	} else if (p && strcmp(key, "allowed_ip") == 0) {
		p->n_allowed++;
	}
	return 0;
}

static int take_answer(struct pt_buf *answer, struct pt_wg_device *out)
{
	int code = -EPROTO, rc = 0; // an answer ends with its error number

	for (char *at = answer->data, *line; rc == 0 && at && (line = strsep(&at, "\n"));) {
		char *eq = strchr(line, '=');
		if (!eq)
			continue;
		*eq = '\0';
		rc = take_line(out, line, eq + 1, &code);
	}
	return rc < 0 ? rc : code;
}

// ---- both ----

int pt_wg_read(const char *device, struct pt_wg_device *out, struct pt_err *err)
{
	secret_buf answer = { 0 };
	pt_autowg d = { 0 };
	pt_autofd fd = open_socket(device);
	int rc;

	if (fd >= 0) {
		rc = ask(fd, "get=1\n\n", &answer);
		if (rc == 0)
			rc = take_answer(&answer, &d);
		if (rc < 0)
			(void)pt_err_errno(err, rc, SOCKETS "/%s.sock", device);
	} else if (fd == -ENOENT) {
		rc = pt_wg_kernel_read(device, &d, err);
	} else {
		return pt_err_errno(err, fd, SOCKETS "/%s.sock", device);
	}
	if (rc == 0) {
		*out = d;
		d = (struct pt_wg_device){ 0 };
	}
	return rc;
}

static bool has_peer(const struct pt_wg_device *d, const uint8_t key[PT_WG_KEY])
{
	for (uint32_t i = 0; i < d->n; i++) {
		if (memcmp(d->peer[i].key, key, PT_WG_KEY) == 0)
			return true;
	}
	return false;
}

static int set_by_socket(int fd, const char *device, const uint8_t key[PT_WG_KEY],
	uint16_t keepalive_s, struct pt_err *err)
{
	pt_autobuf question = { 0 };
	secret_buf answer = { 0 };
	pt_autowg none = { 0 };

	pt_buf_puts(&question, "set=1\npublic_key=");
	for (unsigned i = 0; i < PT_WG_KEY; i++)
		pt_buf_printf(&question, "%02x", key[i]);
	pt_buf_printf(
		&question, "\nupdate_only=true\npersistent_keepalive_interval=%u\n\n", keepalive_s);
	int rc = ask(fd, pt_buf_str(&question), &answer);
	if (rc == 0)
		rc = take_answer(&answer, &none);
	return rc < 0 ? pt_err_errno(err, rc, SOCKETS "/%s.sock", device) : 0;
}

int pt_wg_set_keepalive(
	const char *device, const uint8_t key[PT_WG_KEY], uint16_t keepalive_s, struct pt_err *err)
{
	pt_autowg d = { 0 };
	int rc = pt_wg_read(device, &d, err); // a peer that is not there would be no error

	if (rc == 0 && !has_peer(&d, key))
		rc = pt_err_set(err, -ENOENT, "%s: no such peer", device);
	if (rc < 0)
		return rc;
	pt_autofd fd = open_socket(device);
	if (fd >= 0)
		return set_by_socket(fd, device, key, keepalive_s, err);
	return fd == -ENOENT ? pt_wg_kernel_set(device, key, keepalive_s, err)
			     : pt_err_errno(err, fd, SOCKETS "/%s.sock", device);
}
