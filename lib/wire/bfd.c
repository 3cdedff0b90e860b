// SPDX-License-Identifier: MIT
#include "wire/bfd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int pt_bfd_write(const struct pt_bfd_control *c, void *buf, size_t size)
{
	if (size < PT_BFD_LEN)
		return -ENOSPC;
	struct pt_bfd_packet w = {
		.first = (uint8_t)(PT_BFD_VERSION << 5 | (c->diag & 0x1f)),
		.second = (uint8_t)(c->state << 6 | (c->flags & PT_BFD_FLAGS)),
		.mult = c->mult,
		.len = PT_BFD_LEN,
		.mine = htonl(c->mine),
		.yours = htonl(c->yours),
		.min_tx_us = htonl(c->min_tx_us),
		.min_rx_us = htonl(c->min_rx_us),
		.min_echo_us = htonl(c->min_echo_us),
	};
	memcpy(buf, &w, sizeof(w));
	return PT_BFD_LEN;
}

static enum pt_bfd_fault fault_of(const struct pt_bfd_packet *w, size_t len)
{
	uint8_t state = PT_BFD_STATE(w->second);

	if (w->first >> 5 != PT_BFD_VERSION)
		return PT_BFD_FAULT_VERSION;
	if (w->len < PT_BFD_LEN || w->len > len)
		return PT_BFD_FAULT_LENGTH;
	if (!w->mult)
		return PT_BFD_FAULT_MULT;
	if (w->second & PT_BFD_MULTIPOINT)
		return PT_BFD_FAULT_MULTIPOINT;
	if (!w->mine || (!w->yours && state != PT_BFD_DOWN && state != PT_BFD_ADMIN_DOWN))
		return PT_BFD_FAULT_DISCRIMINATOR;
	if (w->second & PT_BFD_AUTH)
		return PT_BFD_FAULT_AUTH;
	if (w->second & PT_BFD_POLL && w->second & PT_BFD_FINAL)
		return PT_BFD_FAULT_POLL;
	return PT_BFD_FAULT_NONE;
}

enum pt_bfd_fault pt_bfd_read(const void *buf, size_t len, struct pt_bfd_control *out)
{
	struct pt_bfd_packet w;
	enum pt_bfd_fault fault;

	if (len < sizeof(w))
		return PT_BFD_FAULT_SHORT;
	memcpy(&w, buf, sizeof(w));
	fault = fault_of(&w, len);
	if (fault)
		return fault;
	*out = (struct pt_bfd_control){
		.state = PT_BFD_STATE(w.second),
		.diag = w.first & 0x1f,
		.flags = w.second & PT_BFD_FLAGS,
		.mult = w.mult,
		.mine = ntohl(w.mine),
		.yours = ntohl(w.yours),
		.min_tx_us = ntohl(w.min_tx_us),
		.min_rx_us = ntohl(w.min_rx_us),
		.min_echo_us = ntohl(w.min_echo_us),
	};
	return PT_BFD_FAULT_NONE;
}

const char *pt_bfd_state_name(unsigned state)
{
	static const char *const names[] = {
		[PT_BFD_ADMIN_DOWN] = "admin-down",
		[PT_BFD_DOWN] = "down",
		[PT_BFD_INIT] = "init",
		[PT_BFD_UP] = "up",
	};
	return state < PT_BFD_STATES ? names[state] : "?";
}

const char *pt_bfd_diag_name(unsigned diag)
{
	static const char *const names[] = {
#define X(name, text) [PT_BFD_DIAG_##name] = (text),
		PT_BFD_DIAGS(X)
#undef X
	};
	return diag < PT_BFD_DIAG_COUNT ? names[diag] : "?";
}

const char *pt_bfd_fault_name(unsigned fault)
{
	static const char *const names[] = {
#define X(name, text) [PT_BFD_FAULT_##name] = (text),
		PT_BFD_FAULTS(X)
#undef X
	};
	return fault < PT_BFD_FAULT_COUNT ? names[fault] : "?";
}
