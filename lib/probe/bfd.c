// SPDX-License-Identifier: MIT
#include "probe/bfd.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

// ---- parameters ----

static void poll(struct pt_bfd *b)
{
	if (b->polling)
		b->poll_again = true; // a Final that is on its way may answer the old packet
	b->polling = true;
	b->news = true;
}

// The far end knows what we announced: now it may be relied on.
static void confirmed(struct pt_bfd *b)
{
	b->polling = b->poll_again;
	b->poll_again = false;
	if (b->polling)
		return;
	b->used_tx_us = b->min_tx_us;
	b->used_rx_us = b->min_rx_us;
}

// Section 6.8.3: while up, longer transmit intervals and shorter receive intervals wait for the
// far end. When not up, nobody relies on either.
static void announce(struct pt_bfd *b)
{
	uint32_t tx_us = b->want.min_tx_us;

	if (b->state != PT_BFD_UP)
		tx_us = larger(tx_us, PT_BFD_SLOW_US);
	if (tx_us == b->min_tx_us && b->want.min_rx_us == b->min_rx_us)
		return;
	b->min_tx_us = tx_us;
	b->min_rx_us = b->want.min_rx_us;
	if (b->state != PT_BFD_UP) {
		b->polling = b->poll_again = false;
		b->used_tx_us = b->min_tx_us;
		b->used_rx_us = b->min_rx_us;
		return;
	}
	if (b->min_tx_us < b->used_tx_us)
		b->used_tx_us = b->min_tx_us;
	b->used_rx_us = larger(b->used_rx_us, b->min_rx_us);
	poll(b);
}

void pt_bfd_tune(struct pt_bfd *b, const struct pt_bfd_params *p)
{
	b->news |= p->mult != b->want.mult; // needs no poll: each packet carries it
	b->want = *p;
	announce(b);
}

// ---- states ----

static void enter(struct pt_bfd *b, enum pt_bfd_state state, enum pt_bfd_diag diag)
{
	if (b->state == state)
		return;
	b->state = (uint8_t)state;
	b->diag = (uint8_t)diag;
	b->news = true;
	announce(b);
}

enum pt_bfd_state pt_bfd_next_state(enum pt_bfd_state local, enum pt_bfd_state received)
{
	static const uint8_t next[PT_BFD_STATES][PT_BFD_STATES] = {
		// received: AdminDown, Down, Init, Up
		[PT_BFD_ADMIN_DOWN] = { PT_BFD_ADMIN_DOWN, PT_BFD_ADMIN_DOWN, PT_BFD_ADMIN_DOWN,
			PT_BFD_ADMIN_DOWN },
		[PT_BFD_DOWN] = { PT_BFD_DOWN, PT_BFD_INIT, PT_BFD_UP, PT_BFD_DOWN },
		[PT_BFD_INIT] = { PT_BFD_DOWN, PT_BFD_INIT, PT_BFD_UP, PT_BFD_UP },
		[PT_BFD_UP] = { PT_BFD_DOWN, PT_BFD_DOWN, PT_BFD_UP, PT_BFD_UP },
	};
	return next[local % PT_BFD_STATES][received % PT_BFD_STATES];
}

void pt_bfd_init(struct pt_bfd *b, const struct pt_bfd_params *p, uint32_t discriminator)
{
	*b = (struct pt_bfd){
		.want = *p,
		.state = PT_BFD_DOWN,
		.remote_state = PT_BFD_DOWN,
		.mine = discriminator,
		.remote_min_rx_us = 1,
		.news = true,
		.jitter = PT_BFD_WHOLE,
	};
	announce(b);
}

void pt_bfd_enable(struct pt_bfd *b, bool on)
{
	if (!on)
		enter(b, PT_BFD_ADMIN_DOWN, PT_BFD_DIAG_ADMIN);
	else if (b->state == PT_BFD_ADMIN_DOWN)
		enter(b, PT_BFD_DOWN, PT_BFD_DIAG_NONE);
}

// ---- what arrives ----

static enum pt_bfd_diag reason(enum pt_bfd_state next)
{
	return next == PT_BFD_DOWN ? PT_BFD_DIAG_NEIGHBOR : PT_BFD_DIAG_NONE;
}

bool pt_bfd_receive(struct pt_bfd *b, const struct pt_bfd_control *c, struct pt_mono now)
{
	enum pt_bfd_state next = pt_bfd_next_state(b->state, c->state);

	b->theirs = c->mine;
	b->remote_state = c->state;
	b->remote_diag = c->diag;
	b->remote_demand = c->flags & PT_BFD_DEMAND;
	b->remote_min_rx_us = c->min_rx_us;
	b->remote_min_tx_us = c->min_tx_us;
	b->remote_mult = c->mult;
	b->heard = now;
	b->n_heard++;
	if (b->polling && c->flags & PT_BFD_FINAL)
		confirmed(b);
	enter(b, next, reason(next));
	return c->flags & PT_BFD_POLL && b->state != PT_BFD_ADMIN_DOWN;
}

int64_t pt_bfd_detect_ns(const struct pt_bfd *b)
{
	if (!b->heard.ns)
		return 0;
	return (int64_t)larger(b->used_rx_us, b->remote_min_tx_us) * b->remote_mult * PT_NS_PER_US;
}

struct pt_mono pt_bfd_rx_due(const struct pt_bfd *b)
{
	if (!b->heard.ns)
		return (struct pt_mono){ 0 };
	return pt_mono_add(b->heard, pt_bfd_detect_ns(b));
}

bool pt_bfd_expire(struct pt_bfd *b, struct pt_mono now)
{
	bool begun = b->state == PT_BFD_INIT || b->state == PT_BFD_UP;

	if (!b->heard.ns || pt_mono_diff(pt_bfd_rx_due(b), now) > 0)
		return false;
	b->heard = (struct pt_mono){ 0 };
	b->theirs = 0;
	b->remote_state = PT_BFD_DOWN;
	b->remote_demand = false;
	b->remote_min_rx_us = 1; // we do not know: it hears of us at least once a second
	if (begun)
		enter(b, PT_BFD_DOWN, PT_BFD_DIAG_EXPIRED);
	return begun;
}

// ---- what leaves ----

// Section 6.8.7: the far end wants no periodic packets.
static bool silent(const struct pt_bfd *b)
{
	bool asked = b->remote_demand && b->state == PT_BFD_UP && b->remote_state == PT_BFD_UP;

	return !b->remote_min_rx_us || (asked && !b->polling);
}

struct pt_mono pt_bfd_tx_due(const struct pt_bfd *b)
{
	int64_t interval_ns = larger(b->used_tx_us, b->remote_min_rx_us) * PT_NS_PER_US;

	if (silent(b))
		return (struct pt_mono){ 0 };
	if (b->news || !b->sent.ns)
		return (struct pt_mono){ 1 };
	return pt_mono_add(b->sent, interval_ns * b->jitter / PT_BFD_WHOLE);
}

void pt_bfd_compose(const struct pt_bfd *b, bool final, struct pt_bfd_control *out)
{
	uint8_t poll_bit = b->polling ? PT_BFD_POLL : 0;

	*out = (struct pt_bfd_control){
		.state = b->state,
		.diag = b->diag,
		.flags = final ? PT_BFD_FINAL : poll_bit,
		.mult = b->want.mult,
		.mine = b->mine,
		.yours = b->theirs,
		.min_tx_us = b->min_tx_us,
		.min_rx_us = b->min_rx_us,
	};
}

void pt_bfd_sent(struct pt_bfd *b, bool final, struct pt_mono now, uint64_t random)
{
	// Of the interval 0 to 25% are taken off, with a multiplier of 1 at least 10%.
	uint32_t least = b->want.mult == 1 ? PT_BFD_WHOLE / 10 + 1 : 0;
	uint32_t off = least + (uint32_t)(random % (PT_BFD_WHOLE / 4 - least + 1));

	b->n_sent++;
	if (final && b->polling)
		return; // it could not carry our own poll, which is still due
	b->news = false;
	b->sent = now;
	b->jitter = PT_BFD_WHOLE - off;
}
