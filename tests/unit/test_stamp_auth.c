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

T_MAIN({ "authenticated request, byte by byte", request_bytes },
	{ "authenticated reply, byte by byte", reply_bytes }, { "signatures", signatures },
	{ "keys", keys })
