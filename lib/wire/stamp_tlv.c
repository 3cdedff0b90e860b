// SPDX-License-Identifier: MIT
#include "wire/stamp_tlv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

// What a sender sets (RFC 8972 section 4): a reflector that knows nothing leaves it so.
#define SENDER_FLAGS PT_STAMP_TLV_UNRECOGNISED

bool pt_stamp_ext_next(void *packet, size_t len, size_t *at, struct pt_stamp_ext *out)
{
	struct pt_stamp_tlv tlv;
	uint8_t *p = (uint8_t *)packet + *at;
	if (*at > len || len - *at < sizeof(tlv))
		return false;
	memcpy(&tlv, p, sizeof(tlv));
	if (!tlv.type)
		return false;
	*out = (struct pt_stamp_ext){ .flags = p, .type = tlv.type, .len = ntohs(tlv.length) };
	size_t left = len - *at - sizeof(tlv);
	if (out->len > left) {
		out->malformed = true;
		*at = len;
		return true;
	}
	out->value = p + sizeof(tlv);
	*at += sizeof(tlv) + out->len;
	return true;
}

// ---- of a sender ----

static void put_header(uint8_t *out, uint8_t type, size_t len)
{
	struct pt_stamp_tlv tlv = {
		.flags = SENDER_FLAGS, .type = type, .length = htons((uint16_t)len)
	};
	memcpy(out, &tlv, sizeof(tlv));
}

void pt_stamp_padding_write(void *out, size_t len)
{
	memset(out, 0, len);
	put_header(out, PT_STAMP_TLV_PADDING, len - PT_STAMP_TLV_HEADER);
}

void pt_stamp_direct_write(void *out, uint32_t sent)
{
	struct pt_stamp_direct v = { .sent = htonl(sent) };
	put_header(out, PT_STAMP_TLV_DIRECT, sizeof(v));
	memcpy((uint8_t *)out + PT_STAMP_TLV_HEADER, &v, sizeof(v));
}

void pt_stamp_class_write(void *out, uint8_t dscp)
{
	struct pt_stamp_class v = { .bits = htons((uint16_t)(dscp << 10)) };
	put_header(out, PT_STAMP_TLV_CLASS, sizeof(v));
	memcpy((uint8_t *)out + PT_STAMP_TLV_HEADER, &v, sizeof(v));
}

// The value of the first extension of this kind that the reflector has answered.
static int answered(void *packet, struct pt_stamp_ext *want, size_t base, size_t len)
{
	struct pt_stamp_ext e;
	uint8_t bad = PT_STAMP_TLV_UNRECOGNISED | PT_STAMP_TLV_MALFORMED | PT_STAMP_TLV_INTEGRITY;
	for (size_t at = base; pt_stamp_ext_next(packet, len, &at, &e);) {
		if (e.type != want->type || e.malformed || e.len != want->len)
			continue;
		want->value = e.value;
		return *e.flags & bad ? -ENOENT : 0;
	}
	return -ENOENT;
}

int pt_stamp_direct_read(void *packet, size_t base, size_t len, struct pt_stamp_counts *out)
{
	struct pt_stamp_direct v;
	struct pt_stamp_ext want = { .type = PT_STAMP_TLV_DIRECT, .len = sizeof(v) };
	int code = answered(packet, &want, base, len);
	if (code)
		return code;
	memcpy(&v, want.value, sizeof(v));
	*out = (struct pt_stamp_counts){ ntohl(v.sent), ntohl(v.received), ntohl(v.reflected) };
	return 0;
}

int pt_stamp_class_read(void *packet, size_t base, size_t len, struct pt_stamp_class_seen *out)
{
	struct pt_stamp_class v;
	struct pt_stamp_ext want = { .type = PT_STAMP_TLV_CLASS, .len = sizeof(v) };
	int code = answered(packet, &want, base, len);
	if (code)
		return code;
	memcpy(&v, want.value, sizeof(v));
	uint16_t bits = ntohs(v.bits);
	*out = (struct pt_stamp_class_seen){
		.dscp = bits >> 4 & 0x3f, .ecn = bits >> 2 & 3, .refused = (bits & 3) != 0
	};
	return 0;
}

// ---- of a reflector ----

bool pt_stamp_wants_counts(void *packet, size_t base, size_t len)
{
	struct pt_stamp_ext e;
	for (size_t at = base; pt_stamp_ext_next(packet, len, &at, &e);)
		if (e.type == PT_STAMP_TLV_DIRECT && !e.malformed &&
			e.len == sizeof(struct pt_stamp_direct))
			return true;
	return false;
}

static bool reflect_class(const struct pt_stamp_ext *e, struct pt_stamp_reflect *r)
{
	struct pt_stamp_class v;
	if (e->len != sizeof(v))
		return false;
	memcpy(&v, e->value, sizeof(v));
	r->dscp = ntohs(v.bits) >> 10;
	v.bits = htons((uint16_t)(r->dscp << 10 | (r->tos >> 2 & 0x3f) << 4 | (r->tos & 3) << 2));
	memcpy(e->value, &v, sizeof(v));
	*e->flags = 0;
	return true;
}

static bool reflect_direct(const struct pt_stamp_ext *e, struct pt_stamp_reflect *r)
{
	struct pt_stamp_direct v;
	if (e->len != sizeof(v))
		return false;
	*e->flags = r->direct ? 0 : PT_STAMP_TLV_UNRECOGNISED;
	if (!r->direct)
		return true;
	memcpy(&v, e->value, sizeof(v));
	v.received = htonl(r->direct->received);
	v.reflected = htonl(r->direct->reflected);
	memcpy(e->value, &v, sizeof(v));
	r->counts = true;
	return true;
}

void pt_stamp_tlvs_reflect(void *packet, size_t base, size_t len, struct pt_stamp_reflect *r)
{
	struct pt_stamp_ext e;
	r->dscp = -1;
	r->counts = false;
	for (size_t at = base; pt_stamp_ext_next(packet, len, &at, &e);) {
		bool sound = !e.malformed;
		bool plain = e.type == PT_STAMP_TLV_PADDING ||
			(e.type == PT_STAMP_TLV_HMAC && r->trusted); // which is signed anew
		if (sound && plain)
			*e.flags = 0;
		else if (sound && e.type == PT_STAMP_TLV_CLASS)
			sound = reflect_class(&e, r);
		else if (sound && e.type == PT_STAMP_TLV_DIRECT)
			sound = reflect_direct(&e, r);
		else
			*e.flags = e.type == PT_STAMP_TLV_PADDING ? 0 : PT_STAMP_TLV_UNRECOGNISED;
		if (!sound) {
			bool known = e.type == PT_STAMP_TLV_PADDING ||
				e.type == PT_STAMP_TLV_CLASS || e.type == PT_STAMP_TLV_DIRECT;
			*e.flags = (uint8_t)(PT_STAMP_TLV_MALFORMED |
				(known ? 0 : PT_STAMP_TLV_UNRECOGNISED));
		}
	}
}

void pt_stamp_tlvs_distrust(void *packet, size_t base, size_t len)
{
	struct pt_stamp_ext e;

	for (size_t at = base; pt_stamp_ext_next(packet, len, &at, &e);)
		*e.flags = (uint8_t)(PT_STAMP_TLV_INTEGRITY |
			(e.malformed ? PT_STAMP_TLV_MALFORMED : 0));
}
