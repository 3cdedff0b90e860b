// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "test.h"
#include "wire/ntp.h"
#include "wire/stamp.h"

static void request_bytes(void)
{
	static const uint8_t want[PT_STAMP_LEN] = { 0x01, 0x02, 0x03, 0x04, 0xe5, 0xd1, 0x02, 0x80,
		0x80, 0x00, 0x00, 0x01, 0x8a, 0x7f, 0xbe, 0xef };
	struct pt_stamp_sent p = { 0x01020304, 0xe5d1028080000001, 0x8a7f, 0xbeef };
	uint8_t buf[64];
	memset(buf, 0xaa, sizeof(buf));
	T_EQ(pt_stamp_request_write(&p, buf, sizeof(buf)), 44);
	T_OK(memcmp(buf, want, 44) == 0);
	T_EQ(buf[44], 0xaa);

	struct pt_stamp_sent back;
	T_EQ(pt_stamp_request_read(buf, 44, &back), 44);
	T_EQ(back.seq, p.seq);
	T_EQ(back.ntp, p.ntp);
	T_EQ(back.error, p.error);
	T_EQ(back.ssid, p.ssid);
}

static void reply_bytes(void)
{
	static const uint8_t want[PT_STAMP_LEN] = {
		0x00, 0x00, 0x00, 0x07,                         // sequence number
		0xe5, 0xd1, 0x02, 0x81, 0x40, 0x00, 0x00, 0x00, // timestamp
		0x80, 0x01,                                     // error estimate
		0x12, 0x34,                                     // session id
		0xe5, 0xd1, 0x02, 0x81, 0x20, 0x00, 0x00, 0x00, // receive timestamp
		0x00, 0x00, 0x00, 0x07,                         // sender's sequence number
		0xe5, 0xd1, 0x02, 0x80, 0x80, 0x00, 0x00, 0x01, // sender's timestamp
		0x20, 0xff,                                     // sender's error estimate
		0x00, 0x00,                                     // zero
		0x40, 0x00, 0x00, 0x00,                         // sender's TTL, zero
	};
	struct pt_stamp_reflected p = {
		.seq = 7,
		.ntp = 0xe5d1028140000000,
		.error = 0x8001,
		.ssid = 0x1234,
		.received_ntp = 0xe5d1028120000000,
		.sender = { .seq = 7, .ntp = 0xe5d1028080000001, .error = 0x20ff },
		.sender_ttl = 64,
	};
	uint8_t buf[PT_STAMP_LEN];
	T_EQ(pt_stamp_reply_write(&p, buf, sizeof(buf)), 44);
	T_OK(memcmp(buf, want, 44) == 0);

	struct pt_stamp_reflected back;
	T_EQ(pt_stamp_reply_read(want, 44, &back), 44);
	T_EQ(back.seq, p.seq);
	T_EQ(back.ntp, p.ntp);
	T_EQ(back.error, p.error);
	T_EQ(back.ssid, p.ssid);
	T_EQ(back.received_ntp, p.received_ntp);
	T_EQ(back.sender.seq, p.sender.seq);
	T_EQ(back.sender.ntp, p.sender.ntp);
	T_EQ(back.sender.error, p.sender.error);
	T_EQ(back.sender_ttl, p.sender_ttl);
}

static void hostile_lengths(void)
{
	uint8_t buf[PT_STAMP_LEN] = { 0 };
	struct pt_stamp_sent sent = { .seq = 99 };
	struct pt_stamp_reflected reflected = { .seq = 99 };
	for (size_t len = 0; len < PT_STAMP_LEN; len++) {
		T_EQ(pt_stamp_request_read(buf, len, &sent), -EBADMSG);
		T_EQ(pt_stamp_reply_read(buf, len, &reflected), -EBADMSG);
		T_EQ(pt_stamp_request_write(&sent, buf, len), -ENOSPC);
		T_EQ(pt_stamp_reply_write(&reflected, buf, len), -ENOSPC);
	}
	T_EQ(sent.seq, 99); // nothing written on failure
	T_EQ(reflected.seq, 99);
	for (size_t i = 0; i < sizeof(buf); i++)
		T_EQ(buf[i], 0);
}

static void ntp_times(void)
{
	T_OK(pt_ntp_from_unix_ns(0) == 0x83aa7e8000000000);
	T_OK(pt_ntp_from_unix_ns(500000000) == 0x83aa7e8080000000);
	T_EQ(pt_ntp_to_unix_ns(0x83aa7e8080000000), 500000000);
	T_OK(pt_ntp_from_unix_ns(-1000000000) == 0x83aa7e7f00000000);
	// every nanosecond survives the way there and back, also past the era of 2036
	static const int64_t starts[] = { 1700000000999999000, 2085978495999999000,
		2085978496000000000, 2500000000123456000 };
	for (size_t i = 0; i < 4; i++)
		for (int64_t ns = starts[i]; ns < starts[i] + 2000; ns++)
			if (pt_ntp_to_unix_ns(pt_ntp_from_unix_ns(ns)) != ns)
				T_EQ(pt_ntp_to_unix_ns(pt_ntp_from_unix_ns(ns)), ns);
	T_EQ(pt_ptp_to_unix_ns(0x000000023b9ac9ff), 2999999999);
}

static void clock_error_vectors(void)
{
	// 255 / 2^32 s is 59.4 ns
	T_EQ(pt_clock_error_encode(&(struct pt_clock_error){ .bound_ns = 0 }), 0x0001);
	T_EQ(pt_clock_error_encode(&(struct pt_clock_error){ .synced = true }), 0x8001);
	T_EQ(pt_clock_error_encode(&(struct pt_clock_error){ .ptp = true, .bound_ns = -5 }),
		0x4001);
	T_EQ(pt_clock_error_encode(&(struct pt_clock_error){ .bound_ns = 59 }), 254);
	// 1 ms = 4294967.296 units = 132 << 15 rounded up from 131.07
	T_EQ(pt_clock_error_encode(&(struct pt_clock_error){ .bound_ns = 1000000 }), 0x0f84);
	struct pt_clock_error e;
	T_EQ(pt_clock_error_decode(0x8f84, &e), 0);
	T_OK(e.synced && !e.ptp);
	T_EQ(e.bound_ns, 1007081); // 132 * 2^15 / 2^32 s, rounded up
	T_EQ(pt_clock_error_decode(0x8000, &e), -EBADMSG);
	T_EQ(pt_clock_error_decode(0xbf00, &e), -EBADMSG);
	T_EQ(pt_clock_error_decode(0x7fff, &e), 0);
	T_OK(e.ptp && !e.synced);
	T_EQ(e.bound_ns, INT64_MAX);
}

static void clock_error_stays_a_bound(void)
{
	for (int64_t ns = 1; ns < INT64_MAX / 3; ns = ns * 3 + 1) {
		struct pt_clock_error in = { .synced = true, .bound_ns = ns }, out;
		T_NEED(pt_clock_error_decode(pt_clock_error_encode(&in), &out) == 0);
		T_OK(out.bound_ns >= ns && out.synced);
		if (ns > 100 && ns < 4000000000)
			T_OK(out.bound_ns - ns <= ns / 64 + 1); // not much above
	}
}

T_MAIN({ "request, byte by byte", request_bytes }, { "reply, byte by byte", reply_bytes },
	{ "every length below the base packet is refused", hostile_lengths },
	{ "NTP and PTP times", ntp_times }, { "error estimate vectors", clock_error_vectors },
	{ "error estimate stays an upper bound", clock_error_stays_a_bound })
