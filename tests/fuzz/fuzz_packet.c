// SPDX-License-Identifier: MIT
// Any bytes as a STAMP request, a STAMP reply, its TLVs, an ICMP message and a raw IPv4 packet:
// refused, or read to what gives the same bytes when written.
#include "fuzz.h"

#include <sys/socket.h>

#include "wire/icmp.h"
#include "wire/stamp_auth.h"
#include "wire/stamp_tlv.h"

static bool fail(char *why, size_t n, const char *what)
{
	(void)snprintf(why, n, "%s", what);
	return false;
}

// Bytes [from, to) are the same in both.
static bool same(const uint8_t *a, const void *b, size_t from, size_t to)
{
	return memcmp(a + from, (const uint8_t *)b + from, to - from) == 0;
}

static bool try_stamp(const char *bytes, size_t len, char *why, size_t n)
{
	struct pt_stamp_sent sent;
	struct pt_stamp_reflected reply;
	uint8_t again[PT_STAMP_LEN];
	bool whole = len >= PT_STAMP_LEN;

	if ((pt_stamp_request_read(bytes, len, &sent) == PT_STAMP_LEN) != whole ||
		(pt_stamp_reply_read(bytes, len, &reply) == PT_STAMP_LEN) != whole)
		return fail(why, n, "length not checked");
	if (!whole)
		return true;
	(void)pt_stamp_request_write(&sent, again, sizeof(again)); // it has room
	if (!same(again, bytes, 0, 16))
		return fail(why, n, "request changed on the way");
	(void)pt_stamp_reply_write(&reply, again, sizeof(again)); // it has room
	if (!same(again, bytes, 0, 38) || again[40] != (uint8_t)bytes[40])
		return fail(why, n, "reply changed on the way");
	return true;
}

// The same of authenticated mode.
static bool try_auth(const char *bytes, size_t len, char *why, size_t n)
{
	struct pt_stamp_sent sent;
	struct pt_stamp_reflected reply;
	uint8_t again[PT_STAMP_AUTH_LEN];
	bool whole = len >= PT_STAMP_AUTH_LEN;

	if ((pt_stamp_auth_request_read(bytes, len, &sent) == PT_STAMP_AUTH_LEN) != whole ||
		(pt_stamp_auth_reply_read(bytes, len, &reply) == PT_STAMP_AUTH_LEN) != whole)
		return fail(why, n, "authenticated: length not checked");
	if (!whole)
		return true;
	(void)pt_stamp_auth_request_write(&sent, again, sizeof(again)); // it has room
	if (!same(again, bytes, 0, 4) || !same(again, bytes, 16, 28))
		return fail(why, n, "authenticated request changed on the way");
	(void)pt_stamp_auth_reply_write(&reply, again, sizeof(again)); // it has room
	if (!same(again, bytes, 0, 4) || !same(again, bytes, 16, 28) ||
		!same(again, bytes, 32, 40) || !same(again, bytes, 48, 52) ||
		!same(again, bytes, 64, 74) || again[80] != (uint8_t)bytes[80])
		return fail(why, n, "authenticated reply changed on the way");
	return true;
}

static bool try_tlvs(const char *bytes, size_t len, char *why, size_t n)
{
	pt_autofree uint8_t *once = malloc(len ? len : 1), *twice = malloc(len ? len : 1);
	size_t base = len < PT_STAMP_LEN ? len : PT_STAMP_LEN;

	if (!once || !twice)
		return fail(why, n, "out of memory");
	memcpy(once, bytes, len);
	struct pt_stamp_counts counts = { 1, 2, 3 };
	struct pt_stamp_reflect r = { .tos = 0xb8, .direct = &counts };
	struct pt_stamp_ext e;
	pt_stamp_tlvs_reflect(once, base, len, &r);
	memcpy(twice, once, len);
	pt_stamp_tlvs_reflect(twice, base, len, &r);
	if (memcmp(once, twice, len) != 0)
		return fail(why, n, "TLVs: reflecting twice differs");
	if (!same(once, bytes, 0, base))
		return fail(why, n, "TLVs: base packet touched");
	for (size_t at = base, last = at; pt_stamp_ext_next(once, len, &at, &e); last = at) {
		bool known = e.type == PT_STAMP_TLV_CLASS || e.type == PT_STAMP_TLV_DIRECT;
		if (at <= last || at > len || (e.value && e.value + e.len != once + at))
			return fail(why, n, "TLVs: out of bounds");
		if (e.value && !known && memcmp(e.value, bytes + (e.value - once), e.len) != 0)
			return fail(why, n, "TLVs: more than flags written");
	}
	return true;
}

// Signatures of extensions: whatever the bytes are, what is signed is right, and nothing else is.
static bool try_signed(const char *bytes, size_t len, char *why, size_t n)
{
	pt_autofree uint8_t *w = calloc(1, len + PT_STAMP_AUTH_LEN + PT_STAMP_HMAC_LEN);
	struct pt_stamp_key *key = NULL;
	struct pt_stamp_ext e;
	const size_t base = PT_STAMP_AUTH_LEN, end = base + len;
	size_t at = base, place = 0;
	bool padded = true, has = false, whole = true;

	if (!w || pt_stamp_key_new("sixteen bytes or more", 21, &key))
		return fail(why, n, "out of memory");
	memcpy(w + base, bytes, len);
	bool believed = !pt_stamp_tlvs_check(key, w, base, end, &place);
	while (pt_stamp_ext_next(w, end, &at, &e)) {
		padded &= e.type == PT_STAMP_TLV_PADDING;
		has |= e.type == PT_STAMP_TLV_HMAC;
		whole &= !e.malformed;
	}
	pt_stamp_tlvs_sign(key, w, base, at, false);
	bool sealed = !pt_stamp_tlvs_check(key, w, base, at + PT_STAMP_HMAC_LEN, &place) &&
		place == at;
	w[3] ^= 1; // of the sequence number
	bool again = !pt_stamp_tlvs_check(key, w, base, at + PT_STAMP_HMAC_LEN, &place);
	pt_stamp_key_free(key);
	if (believed && !(padded && whole))
		return fail(why, n, "HMAC: believed without a signature");
	if (whole && !has && (!sealed || again))
		return fail(why, n, "HMAC: signed, and not believed, or of another packet");
	return true;
}

static bool try_icmp(int family, const char *bytes, size_t len, char *why, size_t n)
{
	struct pt_icmp_echo echo;
	uint16_t seq;
	pt_autofree uint8_t *again = malloc(len + 1);

	if (!again)
		return fail(why, n, "out of memory");
	if (!pt_icmp_echo_seq(bytes, len, &seq) && len < PT_ICMP_HEADER_LEN)
		return fail(why, n, "ICMP: a sequence number out of nowhere");
	if (pt_icmp_echo_read(family, bytes, len, &echo))
		return true;
	if (echo.payload_len != len - PT_ICMP_HEADER_LEN)
		return fail(why, n, "ICMP: payload length");
	int wrote = pt_icmp_echo_write(&echo, again, len);
	if (wrote < 0)
		return echo.payload_len > 0xffff ? true : fail(why, n, "ICMP: not written");
	if ((size_t)wrote != len || !same(again, bytes, 0, 2) || !same(again, bytes, 4, len))
		return fail(why, n, "ICMP: changed on the way");
	return true;
}

static bool try_all(const char *bytes, size_t len, char *why, size_t n)
{
	int header = pt_ip4_header_len(bytes, len);

	if (header >= 0 && ((size_t)header > len || header < 20))
		return fail(why, n, "IPv4: header past the packet");
	return try_stamp(bytes, len, why, n) && try_auth(bytes, len, why, n) &&
		try_tlvs(bytes, len, why, n) && try_signed(bytes, len, why, n) &&
		try_icmp(AF_INET, bytes, len, why, n) && try_icmp(AF_INET6, bytes, len, why, n);
}

FUZZ_TARGET(try_all, "packet")
