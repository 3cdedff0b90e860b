// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "test.h"
#include "wire/stamp_tlv.h"

#define BASE PT_STAMP_LEN

static uint8_t packet[256];

static size_t put(const void *bytes, size_t n)
{
	memset(packet, 0, BASE);
	memcpy(packet + BASE, bytes, n);
	return BASE + n;
}

static void class_of_service(void)
{
	uint8_t tlv[PT_STAMP_CLASS_LEN];
	struct pt_stamp_class_seen seen;
	pt_stamp_class_write(tlv, 46); // answer me in EF
	T_OK(memcmp(tlv, "\x80\x04\x00\x04\xb8\x00\x00\x00", 8) == 0);
	size_t len = put(tlv, sizeof(tlv));
	T_EQ(pt_stamp_class_read(packet, BASE, len, &seen), -ENOENT); // nobody has answered it
	struct pt_stamp_reflect r = { .tos = 34 << 2 | 2 };           // it arrived as AF41, ECT(0)
	pt_stamp_tlvs_reflect(packet, BASE, len, &r);
	T_EQ(r.dscp, 46);
	T_OK(memcmp(packet + BASE, "\x00\x04\x00\x04\xba\x28\x00\x00", 8) == 0);
	T_EQ(pt_stamp_class_read(packet, BASE, len, &seen), 0);
	T_EQ(seen.dscp, 34);
	T_EQ(seen.ecn, 2);
	T_OK(!seen.refused);
}

static void direct_measurement(void)
{
	uint8_t tlv[PT_STAMP_DIRECT_LEN];
	struct pt_stamp_counts counts = { .received = 5, .reflected = 4 }, back;
	pt_stamp_direct_write(tlv, 9);
	T_OK(memcmp(tlv, "\x80\x05\x00\x0c\0\0\0\x09\0\0\0\0\0\0\0\0", 16) == 0);
	size_t len = put(tlv, sizeof(tlv));
	T_OK(pt_stamp_wants_counts(packet, BASE, len));
	T_OK(!pt_stamp_wants_counts(packet, BASE, len - 1));
	struct pt_stamp_reflect r = { .direct = NULL };
	pt_stamp_tlvs_reflect(packet, BASE, len, &r); // one that does not count
	T_EQ(pt_stamp_direct_read(packet, BASE, len, &back), -ENOENT);
	r.direct = &counts;
	pt_stamp_tlvs_reflect(packet, BASE, len, &r);
	T_EQ(pt_stamp_direct_read(packet, BASE, len, &back), 0);
	T_EQ(back.sent, 9);
	T_EQ(back.received, 5);
	T_EQ(back.reflected, 4);
	T_EQ(r.dscp, -1);
}

// Flags as a reflector must set them (RFC 8972 section 4).
static void flags(void)
{
	static const struct {
		const char *what, *in, *out;
		size_t len;
	} cases[] = {
		{ "unknown: U", "\x00\x63\x00\x02zz", "\x80\x63\x00\x02zz", 6 },
		{ "padding: none", "\x80\x01\x00\x02zz", "\x00\x01\x00\x02zz", 6 },
		{ "too long: U M", "\x00\x63\x00\x03zz", "\xc0\x63\x00\x03zz", 6 },
		{ "known, too long: M", "\x80\x05\x00\x0czz", "\x40\x05\x00\x0czz", 6 },
		{ "known, wrong size: M", "\x80\x04\x00\x02zz", "\x40\x04\x00\x02zz", 6 },
		{ "type 0 is plain padding", "\x80\x00\x00\x02zz", "\x80\x00\x00\x02zz", 6 },
		{ "no room for a header", "\x80\x63\x00", "\x80\x63\x00", 3 },
		{ "two", "\x80\x01\x00\x00\x00\x07\x00\x00", "\x00\x01\x00\x00\x80\x07\x00\x00",
			8 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pt_stamp_reflect r = { .tos = 0 };
		size_t len = put(cases[i].in, cases[i].len);
		pt_stamp_tlvs_reflect(packet, BASE, len, &r);
		T_OK(memcmp(packet + BASE, cases[i].out, cases[i].len) == 0);
		if (memcmp(packet + BASE, cases[i].out, cases[i].len) != 0)
			printf("# %s\n", cases[i].what);
	}
}

// Runs the TLV walk over `tail` placed behind a base packet, with a guard behind it.
static void walk(const void *tail, size_t len, uint8_t out[64])
{
	uint8_t buf[PT_STAMP_LEN + 64];
	struct pt_stamp_reflect r = { .tos = 0 };
	memset(buf, 0x55, sizeof(buf));
	memcpy(buf + PT_STAMP_LEN, tail, len);
	pt_stamp_tlvs_reflect(buf, PT_STAMP_LEN, PT_STAMP_LEN + len, &r);
	for (size_t i = 0; i < sizeof(buf); i++)
		if (i < PT_STAMP_LEN || i >= PT_STAMP_LEN + len)
			T_EQ(buf[i], 0x55);
	memcpy(out, buf + PT_STAMP_LEN, len);
}

static void guarded(void)
{
	uint8_t out[64];
	static const uint8_t two[] = { 0x80, 1, 0, 2, 9, 9, 0x80, 4, 0, 4, 1, 2, 3, 4 };
	static const uint8_t too_long[] = { 0x80, 1, 0xff, 0xff, 9 };
	static const uint8_t zeros[12] = { 0 };
	for (size_t n = 0; n <= sizeof(two); n++)
		walk(two, n, out);
	walk(too_long, sizeof(too_long), out);
	T_EQ(out[0], 0x40);
	T_OK(memcmp(out + 1, too_long + 1, sizeof(too_long) - 1) == 0);
	walk(zeros, sizeof(zeros), out);
	T_OK(memcmp(out, zeros, sizeof(zeros)) == 0);
}

T_MAIN({ "class of service", class_of_service }, { "direct measurement", direct_measurement },
	{ "flags of what is reflected", flags }, { "nothing beside them is touched", guarded })
