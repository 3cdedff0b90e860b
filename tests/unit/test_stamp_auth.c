// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "test.h"
#include "tmpfile.h"
#include "wire/stamp_auth.h"

static const char secret[] = "0123456789abcdef";

static struct pt_stamp_key *key_of(const char *text)
{
	struct pt_stamp_key *key = NULL;
	T_EQ(pt_stamp_key_new(text, strlen(text), &key), 0);
	return key;
}

// Byte by byte as RFC 8762 figure 3 says; the signature is another implementation's.
static void request_bytes(void)
{
	static const uint8_t hmac[] = { 0x0a, 0x6b, 0x32, 0x84, 0x8e, 0x52, 0x9a, 0x00, 0x70, 0xbe,
		0x4d, 0xfb, 0x9a, 0xc8, 0x5d, 0x18 };
	const struct pt_stamp_sent p = {
		.seq = 7, .ntp = 0xe5d1028080000001, .error = 0x8a7f, .ssid = 0xbeef
	};
	struct pt_stamp_sent back;
	uint8_t w[PT_STAMP_AUTH_LEN], zeros[68] = { 0 };
	T_EQ(pt_stamp_auth_request_write(&p, w, sizeof(w) - 1), -ENOSPC);
	memset(w, 0xff, sizeof(w));
	T_EQ(pt_stamp_auth_request_write(&p, w, sizeof(w)), PT_STAMP_AUTH_LEN);
	struct pt_stamp_key *key = key_of(secret);
	pt_stamp_sign(key, w);
	T_OK(memcmp(w, "\0\0\0\7", 4) == 0);
	T_OK(memcmp(w + 4, zeros, 12) == 0);
	T_OK(memcmp(w + 16, "\xe5\xd1\x02\x80\x80\0\0\1\x8a\x7f\xbe\xef", 12) == 0);
	T_OK(memcmp(w + 28, zeros, 68) == 0);
	T_OK(memcmp(w + 96, hmac, 16) == 0);
	T_EQ(pt_stamp_auth_request_read(w, sizeof(w) - 1, &back), -EBADMSG);
	T_EQ(pt_stamp_auth_request_read(w, sizeof(w), &back), PT_STAMP_AUTH_LEN);
	T_EQ(back.seq, p.seq);
	T_EQ(back.ntp, p.ntp);
	T_EQ(back.error, p.error);
	T_EQ(back.ssid, p.ssid);
	pt_stamp_key_free(key);
}

#define DIRECT_AT PT_STAMP_AUTH_LEN
#define HMAC_AT   (DIRECT_AT + PT_STAMP_DIRECT_LEN)
#define PAD_AT    (HMAC_AT + PT_STAMP_HMAC_LEN)

// A request with a direct measurement, its signature, and padding behind.
static size_t extended(struct pt_stamp_key *key, uint8_t w[PAD_AT + 10])
{
	const struct pt_stamp_sent p = { .seq = 7 };

	memset(w, 0, PAD_AT + 10);
	(void)pt_stamp_auth_request_write(&p, w, PT_STAMP_AUTH_LEN); // it has room
	pt_stamp_direct_write(w + DIRECT_AT, 3);
	pt_stamp_tlvs_sign(key, w, DIRECT_AT, HMAC_AT, false);
	pt_stamp_padding_write(w + PAD_AT, 10);
	return PAD_AT + 10;
}

// RFC 8972 section 4.8; the signature is another implementation's.
static void signed_extensions(void)
{
	static const uint8_t tlv[] = { 0x80, 8, 0, 16, 0x18, 0x8f, 0x90, 0xdb, 0x47, 0x50, 0x72,
		0x4d, 0x37, 0x55, 0x7a, 0x5a, 0x22, 0x04, 0x98, 0xbf };
	struct pt_stamp_key *key = key_of(secret), *other = key_of("0123456789abcdeF");
	uint8_t w[PAD_AT + 10], copy[sizeof(w)];
	size_t at = 1, len = extended(key, w);

	T_OK(memcmp(w + HMAC_AT, tlv, sizeof(tlv)) == 0);
	T_EQ(pt_stamp_tlvs_check(key, w, DIRECT_AT, len, &at), 0);
	T_EQ(at, HMAC_AT);
	T_EQ(pt_stamp_tlvs_check(key, w, DIRECT_AT, PAD_AT, &at), 0);
	T_EQ(pt_stamp_tlvs_check(other, w, DIRECT_AT, len, &at), -EBADMSG);
	for (size_t i = 0; i < PAD_AT; i += i == 3 ? DIRECT_AT - 3 : 1) { // but its own flags
		memcpy(copy, w, sizeof(w));
		copy[i] ^= 1;
		if (i != HMAC_AT && !pt_stamp_tlvs_check(key, copy, DIRECT_AT, len, &at))
			T_FAIL("byte %zu may change", i);
	}
	T_EQ(pt_stamp_tlvs_check(key, w, DIRECT_AT, HMAC_AT, &at), -ENOENT);
	T_EQ(pt_stamp_tlvs_check(key, w, DIRECT_AT, PAD_AT - 1, &at), -ENOENT); // cut
	memcpy(copy, w, sizeof(w));                                             // another behind it
	copy[PAD_AT + 1] = PT_STAMP_TLV_CLASS;
	T_EQ(pt_stamp_tlvs_check(key, copy, DIRECT_AT, len, &at), -EBADMSG);
	at = 1; // padding alone needs none, nor does nothing
	T_EQ(pt_stamp_tlvs_check(key, w + PAD_AT - DIRECT_AT, DIRECT_AT, DIRECT_AT + 10, &at), 0);
	T_EQ(at, 0);
	T_EQ(pt_stamp_tlvs_check(key, w, DIRECT_AT, DIRECT_AT, &at), 0);
	pt_stamp_key_free(key);
	pt_stamp_key_free(other);
}

static void distrusted_extensions(void)
{
	struct pt_stamp_key *key = key_of(secret);
	uint8_t w[PAD_AT + 10];
	size_t at = DIRECT_AT, len = extended(key, w);
	struct pt_stamp_counts counts = { 9, 9, 9 };
	struct pt_stamp_reflect r = { .direct = &counts, .trusted = true };
	struct pt_stamp_ext e;
	unsigned n = 0;

	pt_stamp_tlvs_distrust(w, DIRECT_AT, len);
	for (; pt_stamp_ext_next(w, len, &at, &e); n++)
		T_EQ(*e.flags, PT_STAMP_TLV_INTEGRITY);
	T_EQ(n, 3);
	T_EQ(pt_stamp_direct_read(w, DIRECT_AT, len, &counts), -ENOENT);
	len = extended(key, w); // and when it is right
	pt_stamp_tlvs_reflect(w, DIRECT_AT, len, &r);
	T_OK(pt_stamp_tlvs_check(key, w, DIRECT_AT, len, &at) != 0); // it is another packet now
	pt_stamp_tlvs_sign(key, w, DIRECT_AT, HMAC_AT, true);
	T_EQ(pt_stamp_tlvs_check(key, w, DIRECT_AT, len, &at), 0);
	at = DIRECT_AT;
	for (n = 0; pt_stamp_ext_next(w, len, &at, &e); n++)
		T_EQ(*e.flags, 0);
	T_EQ(n, 3);
	T_EQ(pt_stamp_direct_read(w, DIRECT_AT, len, &counts), 0);
	T_EQ(counts.received, 9);
	pt_stamp_key_free(key);
}

static void reply_bytes(void)
{
	const struct pt_stamp_reflected p = { .seq = 9,
		.ntp = 0x1112131415161718,
		.error = 0x8101,
		.ssid = 0xcafe,
		.received_ntp = 0x2122232425262728,
		.sender = { .seq = 7, .ntp = 0x3132333435363738, .error = 0x8202 },
		.sender_ttl = 0x4d };
	struct pt_stamp_reflected back = { 0 };
	uint8_t w[PT_STAMP_AUTH_LEN];
	T_EQ(pt_stamp_auth_reply_write(&p, w, sizeof(w)), PT_STAMP_AUTH_LEN);
	T_EQ(w[3], 9);
	T_EQ(w[16], 0x11); // timestamp
	T_EQ(w[26], 0xca); // session
	T_EQ(w[32], 0x21); // received
	T_EQ(w[51], 7);    // sender's sequence number
	T_EQ(w[64], 0x31); // sender's timestamp
	T_EQ(w[72], 0x82); // sender's error estimate
	T_EQ(w[80], 0x4d); // sender's TTL
	T_EQ(pt_stamp_auth_reply_read(w, 111, &back), -EBADMSG);
	T_EQ(pt_stamp_auth_reply_read(w, 112, &back), PT_STAMP_AUTH_LEN);
	T_EQ(back.received_ntp, p.received_ntp);
	T_EQ(back.sender.ntp, p.sender.ntp);
	T_EQ(back.sender_ttl, p.sender_ttl);
	uint16_t ssid;
	T_EQ(pt_stamp_auth_ssid(w, 27, &ssid), -EBADMSG);
	T_EQ(pt_stamp_auth_ssid(w, 28, &ssid), 0);
	T_EQ(ssid, 0xcafe);
	pt_stamp_auth_sent_set(w, 0x4142434445464748);
	T_EQ(pt_stamp_auth_reply_read(w, 112, &back), PT_STAMP_AUTH_LEN);
	T_EQ(back.ntp, 0x4142434445464748);
}

static void signatures(void)
{
	uint8_t w[PT_STAMP_AUTH_LEN] = { 1, 2, 3 };
	struct pt_stamp_key *key = key_of(secret), *other = key_of("0123456789abcdeg");
	pt_stamp_sign(key, w);
	T_OK(pt_stamp_signed(key, w));
	T_OK(pt_stamp_signed(key, w)); // a key is not used up
	T_OK(!pt_stamp_signed(other, w));
	for (size_t i = 0; i < sizeof(w); i++) { // no bit can be turned
		w[i] ^= 0x10;
		T_OK(!pt_stamp_signed(key, w));
		w[i] ^= 0x10;
	}
	T_OK(pt_stamp_signed(key, w));
	pt_stamp_key_free(key);
	pt_stamp_key_free(other);
	pt_stamp_key_free(NULL);
}

static void keys(void)
{
	struct pt_stamp_key *key = NULL, *same = key_of(secret);
	struct pt_err err = { 0 };
	uint8_t w[PT_STAMP_AUTH_LEN] = { 0 };
	T_EQ(pt_stamp_key_new("short", 5, &key), -EINVAL);
	T_EQ(pt_stamp_key_load("/nonexistent/key", &key, &err), -ENOENT);
	t_autofile file = t_file_make("0123456789abcdef\nand a comment\n");
	T_EQ(chmod(file.path, 0640), 0);
	T_EQ(pt_stamp_key_load(file.path, &key, &err), -EACCES); // the group could read it
	T_OK(strstr(err.msg, "chmod 600"));
	T_EQ(chmod(file.path, 0600), 0);
	T_EQ(pt_stamp_key_load(file.path, &key, &err), 0);
	pt_stamp_sign(key, w);
	T_OK(pt_stamp_signed(same, w));
	pt_stamp_key_free(key);
	pt_stamp_key_free(same);
}

T_MAIN({ "extensions are signed", signed_extensions },
	{ "and not trusted otherwise", distrusted_extensions },
	{ "authenticated request, byte by byte", request_bytes },
	{ "authenticated reply, byte by byte", reply_bytes }, { "signatures", signatures },
	{ "keys", keys })
