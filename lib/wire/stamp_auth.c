// SPDX-License-Identifier: MIT
#include "wire/stamp_auth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "wire/stamp_time.h"

#define SIGNED_LEN 96 // six blocks, RFC 8762 section 4.4
#define HMAC_LEN   16
#define SECRET_MIN 16
#define SECRET_MAX 256

// RFC 8762 figure 3, with the session id of RFC 8972.
struct request {
	__be32 seq;
	uint8_t mbz1[12];
	struct pt_stamp_time sent;
	__be16 error;
	__be16 ssid;
	uint8_t mbz2[68];
	uint8_t hmac[HMAC_LEN];
};

// RFC 8762 figure 6.
struct reply {
	__be32 seq;
	uint8_t mbz1[12];
	struct pt_stamp_time sent;
	__be16 error;
	__be16 ssid;
	uint8_t mbz2[4];
	struct pt_stamp_time received;
	uint8_t mbz3[8];
	__be32 sender_seq;
	uint8_t mbz4[12];
	struct pt_stamp_time sender_sent;
	__be16 sender_error;
	uint8_t mbz5[6];
	uint8_t sender_ttl;
	uint8_t mbz6[15];
	uint8_t hmac[HMAC_LEN];
};

_Static_assert(sizeof(struct request) == PT_STAMP_AUTH_LEN, "RFC 8762 figure 3");
_Static_assert(sizeof(struct reply) == PT_STAMP_AUTH_LEN, "RFC 8762 figure 6");
_Static_assert(offsetof(struct reply, hmac) == SIGNED_LEN, "RFC 8762 section 4.4");
_Static_assert(offsetof(struct request, ssid) == offsetof(struct reply, ssid), "RFC 8972");

struct pt_stamp_key {
	struct hmac_sha256_ctx ready; // with the key worked in
};

// ---- packets ----

int pt_stamp_auth_request_write(const struct pt_stamp_sent *p, void *buf, size_t size)
{
	if (size < PT_STAMP_AUTH_LEN)
		return -ENOSPC;
	struct request w = { .seq = htonl(p->seq),
		.sent = pt_stamp_time_out(p->ntp),
		.error = htons(p->error),
		.ssid = htons(p->ssid) };
	memcpy(buf, &w, sizeof(w));
	return PT_STAMP_AUTH_LEN;
}

int pt_stamp_auth_request_read(const void *buf, size_t len, struct pt_stamp_sent *out)
{
	struct request w;
	if (len < sizeof(w))
		return -EBADMSG;
	memcpy(&w, buf, sizeof(w));
	*out = (struct pt_stamp_sent){ .seq = ntohl(w.seq),
		.ntp = pt_stamp_time_in(w.sent),
		.error = ntohs(w.error),
		.ssid = ntohs(w.ssid) };
	return PT_STAMP_AUTH_LEN;
}

int pt_stamp_auth_reply_write(const struct pt_stamp_reflected *p, void *buf, size_t size)
{
	if (size < PT_STAMP_AUTH_LEN)
		return -ENOSPC;
	struct reply w = { .seq = htonl(p->seq),
		.sent = pt_stamp_time_out(p->ntp),
		.error = htons(p->error),
		.ssid = htons(p->ssid),
		.received = pt_stamp_time_out(p->received_ntp),
		.sender_seq = htonl(p->sender.seq),
		.sender_sent = pt_stamp_time_out(p->sender.ntp),
		.sender_error = htons(p->sender.error),
		.sender_ttl = p->sender_ttl };
	memcpy(buf, &w, sizeof(w));
	return PT_STAMP_AUTH_LEN;
}

int pt_stamp_auth_reply_read(const void *buf, size_t len, struct pt_stamp_reflected *out)
{
	struct reply w;
	if (len < sizeof(w))
		return -EBADMSG;
	memcpy(&w, buf, sizeof(w));
	*out = (struct pt_stamp_reflected){ .seq = ntohl(w.seq),
		.ntp = pt_stamp_time_in(w.sent),
		.error = ntohs(w.error),
		.ssid = ntohs(w.ssid),
		.received_ntp = pt_stamp_time_in(w.received),
		.sender.seq = ntohl(w.sender_seq),
		.sender.ntp = pt_stamp_time_in(w.sender_sent),
		.sender.error = ntohs(w.sender_error),
		.sender_ttl = w.sender_ttl };
	return PT_STAMP_AUTH_LEN;
}

void pt_stamp_auth_sent_set(void *buf, uint64_t ntp)
{
	struct pt_stamp_time t = pt_stamp_time_out(ntp);
	memcpy((uint8_t *)buf + offsetof(struct reply, sent), &t, sizeof(t));
}

int pt_stamp_auth_ssid(const void *buf, size_t len, uint16_t *out)
{
	uint16_t wire;
	if (len < offsetof(struct request, ssid) + sizeof(wire))
		return -EBADMSG;
	memcpy(&wire, (const uint8_t *)buf + offsetof(struct request, ssid), sizeof(wire));
	*out = ntohs(wire);
	return 0;
}

// ---- signatures ----

static void digest(struct pt_stamp_key *key, const void *packet, uint8_t out[HMAC_LEN])
{
	struct hmac_sha256_ctx c = key->ready;
	hmac_sha256_update(&c, SIGNED_LEN, packet);
	hmac_sha256_digest(&c, HMAC_LEN, out);
}

void pt_stamp_sign(struct pt_stamp_key *key, void *packet)
{
	digest(key, packet, (uint8_t *)packet + SIGNED_LEN);
}

bool pt_stamp_signed(struct pt_stamp_key *key, const void *packet)
{
	uint8_t want[HMAC_LEN];
	digest(key, packet, want);
	return memeql_sec(want, (const uint8_t *)packet + SIGNED_LEN, HMAC_LEN);
}

// ---- extensions ----

static void digest_tlvs(
	struct pt_stamp_key *key, const uint8_t *packet, size_t base, size_t at, uint8_t *out)
{
	struct hmac_sha256_ctx c = key->ready;
	hmac_sha256_update(&c, sizeof(__be32), packet); // the sequence number
	hmac_sha256_update(&c, at - base, packet + base);
	hmac_sha256_digest(&c, HMAC_LEN, out);
}

void pt_stamp_tlvs_sign(
	struct pt_stamp_key *key, void *packet, size_t base, size_t at, bool reflector)
{
	const struct pt_stamp_tlv tlv = { .flags = reflector ? 0 : PT_STAMP_TLV_UNRECOGNISED,
		.type = PT_STAMP_TLV_HMAC,
		.length = htons(HMAC_LEN) };
	uint8_t *p = packet;

	memcpy(p + at, &tlv, sizeof(tlv));
	digest_tlvs(key, p, base, at, p + at + sizeof(tlv));
}

int pt_stamp_tlvs_check(struct pt_stamp_key *key, void *packet, size_t base, size_t len, size_t *at)
{
	const uint8_t *hmac = NULL;
	uint8_t want[HMAC_LEN];
	struct pt_stamp_ext e;
	size_t next = base, place = 0;
	bool bare = false, behind = false; // others than padding: without a signature, behind it

	for (size_t here = next; pt_stamp_ext_next(packet, len, &next, &e); here = next) {
		if (e.type == PT_STAMP_TLV_PADDING && !e.malformed)
			continue;
		behind |= hmac != NULL;
		bare = true;
		if (e.type == PT_STAMP_TLV_HMAC && !e.malformed && e.len == HMAC_LEN) {
			hmac = e.value;
			place = here;
		}
	}
	if (!hmac && bare)
		return -ENOENT;
	if (hmac) {
		digest_tlvs(key, packet, base, place, want);
		if (behind || !memeql_sec(want, hmac, HMAC_LEN))
			return -EBADMSG;
	}
	*at = place;
	return 0;
}

// ---- keys ----

int pt_stamp_key_new(const void *secret, size_t len, struct pt_stamp_key **out)
{
	if (len < SECRET_MIN || len > SECRET_MAX)
		return -EINVAL;
	struct pt_stamp_key *key = calloc(1, sizeof(*key));
	if (!key)
		return -ENOMEM;
	hmac_sha256_set_key(&key->ready, len, secret);
	*out = key;
	return 0;
}

int pt_stamp_key_load(const char *path, struct pt_stamp_key **out, struct pt_err *err)
{
	char line[SECRET_MAX + 2] = "";
	struct stat st;
	pt_autofile FILE *f = fopen(path, "re");
	int code = -errno;
	if (!f)
		return pt_err_errno(err, code, "key %s", path);
	if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 077)
		return pt_err_set(err, -EACCES, "key %s: others can read it: chmod 600", path);
	if (!fgets(line, sizeof(line), f) && ferror(f))
		return pt_err_set(err, -EIO, "key %s: cannot be read", path);
	line[strcspn(line, "\r\n")] = '\0';
	code = pt_stamp_key_new(line, strlen(line), out);
	explicit_bzero(line, sizeof(line));
	if (code == -EINVAL)
		return pt_err_set(err, code, "key %s: the first line is no %d to %d bytes", path,
			SECRET_MIN, SECRET_MAX);
	return code ? pt_err_set(err, code, "out of memory") : 0;
}

bool pt_stamp_key_same(const struct pt_stamp_key *a, const struct pt_stamp_key *b)
{
	return a && b ? memeql_sec(&a->ready, &b->ready, sizeof(a->ready)) : a == b;
}

void pt_stamp_key_free(struct pt_stamp_key *key)
{
	if (key)
		explicit_bzero(key, sizeof(*key));
	free(key);
}
