// SPDX-License-Identifier: MIT
// Any bytes as BFD packets: refused, or read to what gives the same bytes when written; and one
// after the other to a session, which stays a sound one whatever it hears.
#include "fuzz.h"

#include "probe/bfd.h"

static bool fail(char *why, size_t n, const char *what)
{
	(void)snprintf(why, n, "%s", what);
	return false;
}

static bool try_packet(const char *bytes, size_t len, char *why, size_t n)
{
	struct pt_bfd_control c;
	uint8_t again[PT_BFD_LEN];

	if (pt_bfd_read(bytes, len, &c) != PT_BFD_FAULT_NONE)
		return true;
	if (len < PT_BFD_LEN || !c.mult || !c.mine || c.state >= PT_BFD_STATES ||
		c.flags & (PT_BFD_AUTH | PT_BFD_MULTIPOINT))
		return fail(why, n, "unsound packet read");
	(void)pt_bfd_write(&c, again, sizeof(again)); // it has room
	again[3] = (uint8_t)bytes[3];                 // what follows may be longer
	if (memcmp(again, bytes, sizeof(again)) != 0)
		return fail(why, n, "changed on the way");
	return true;
}

static bool sound(const struct pt_bfd *b, char *why, size_t n)
{
	struct pt_bfd_control c;
	bool up = b->state == PT_BFD_UP;

	pt_bfd_compose(b, false, &c);
	if (b->mine != 5 || c.mine != 5 || b->state >= PT_BFD_STATES ||
		c.diag > PT_BFD_DIAG_REVERSE)
		return fail(why, n, "session changed its name or state");
	if (pt_bfd_detect_ns(b) < 0 || (b->heard.ns && pt_bfd_rx_due(b).ns < b->heard.ns) ||
		(pt_bfd_tx_due(b).ns > 1 && pt_bfd_tx_due(b).ns < b->sent.ns))
		return fail(why, n, "due before its time");
	if (!up && c.min_tx_us < PT_BFD_SLOW_US)
		return fail(why, n, "fast while not up");
	if (up && (!b->theirs || c.yours != b->theirs))
		return fail(why, n, "up with nobody");
	return true;
}

static bool try_session(const char *bytes, size_t len, char *why, size_t n)
{
	static const struct pt_bfd_params params = { 10000, 20000, 3 };
	struct pt_mono now = { PT_NS_PER_S };
	struct pt_bfd_control c;
	struct pt_bfd b;
	bool good = true;

	pt_bfd_init(&b, &params, 5);
	for (size_t at = 0; good && at + PT_BFD_LEN <= len; at += PT_BFD_LEN) {
		bool final = false;
		now.ns += (uint8_t)bytes[at + 23] * PT_NS_PER_MS;
		(void)pt_bfd_expire(&b, now);
		good = sound(&b, why, n);
		if (pt_bfd_read(bytes + at, len - at, &c) == PT_BFD_FAULT_NONE)
			final = pt_bfd_receive(&b, &c, now);
		pt_bfd_sent(&b, final, now, now.ns * UINT64_C(0x9e3779b97f4a7c15));
		good = good && sound(&b, why, n);
	}
	return good;
}

static bool try_all(const char *bytes, size_t len, char *why, size_t n)
{
	return try_packet(bytes, len, why, n) && try_session(bytes, len, why, n);
}

FUZZ_TARGET(try_all, "bfd")
