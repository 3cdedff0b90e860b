// SPDX-License-Identifier: MIT
// STAMP in authenticated mode (RFC 8762 sections 4.2.2, 4.3.2 and 4.4): the same fields, further
// apart, and an HMAC-SHA-256 of the first 96 bytes, cut to 16, behind them. Same values as the open
// packets of wire/stamp.h.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/stamp.h"
#include "wire/stamp_tlv.h"

#define PT_STAMP_AUTH_LEN 112

struct pt_stamp_key;

// A secret out of a file: its first line, 16 to 256 bytes. Who else can read the file makes it an
// error. pt_stamp_key_free takes NULL.
int pt_stamp_key_load(const char *path, struct pt_stamp_key **out, struct pt_err *err);
int pt_stamp_key_new(const void *secret, size_t len, struct pt_stamp_key **out);
void pt_stamp_key_free(struct pt_stamp_key *key);
bool pt_stamp_key_same(const struct pt_stamp_key *a, const struct pt_stamp_key *b); // NULL: none

// As their open counterparts. What is written is not signed yet.
int pt_stamp_auth_request_write(const struct pt_stamp_sent *p, void *buf, size_t size);
int pt_stamp_auth_request_read(const void *buf, size_t len, struct pt_stamp_sent *out);
int pt_stamp_auth_reply_write(const struct pt_stamp_reflected *p, void *buf, size_t size);
int pt_stamp_auth_reply_read(const void *buf, size_t len, struct pt_stamp_reflected *out);
void pt_stamp_auth_sent_set(void *buf, uint64_t ntp);
int pt_stamp_auth_ssid(const void *buf, size_t len, uint16_t *out);

// Of a packet of at least PT_STAMP_AUTH_LEN bytes. The comparison takes the same time whatever
// differs.
void pt_stamp_sign(struct pt_stamp_key *key, void *packet);
bool pt_stamp_signed(struct pt_stamp_key *key, const void *packet);

// Extensions have a signature of their own, itself one of them (RFC 8972 section 4.8), of the
// sequence number and of all that are between `base` and it. Only padding may follow.
// Into PT_STAMP_HMAC_LEN bytes at `at`; as a sender, or a reflector.
void pt_stamp_tlvs_sign(
	struct pt_stamp_key *key, void *packet, size_t base, size_t at, bool reflector);
// 0: rightly signed, *at is the signature's place; or nothing that needs one, and *at is 0.
// -ENOENT: not signed. -EBADMSG: not with this key, or not in the right place.
int pt_stamp_tlvs_check(
	struct pt_stamp_key *key, void *packet, size_t base, size_t len, size_t *at);
