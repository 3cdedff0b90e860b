// SPDX-License-Identifier: MIT
// For bfd_hub.c and bfd_link.c: the two halves of a session's input and output.
#pragma once
#include "probe/bfd_hub.h"
#include "probe/env.h"
#include "probe/port_io.h"

// Where the packets of one device, family and port arrive.
struct pt_bfd_ear {
	struct pt_bfd_ear *next;
	struct pt_bfd_hub *hub;
	char *device;
	int family;
	uint16_t port;
	int fd, fault; // -1: none, and why
	unsigned ifindex, users;
};

struct pt_bfd_link {
	struct pt_bfd_hub *hub;
	struct pt_bfd_ear *ear;
	struct pt_bfd_opts o; // owns device
	struct pt_bfd b;
	uint32_t slot;
	int fd, fault;
	unsigned ifindex;
	struct pt_timer *timer;
	struct pt_mono armed;
	pt_bfd_fn *fn;
	void *ctx;
};

struct pt_bfd_hub {
	struct pt_loop *loop;
	struct pt_noise noise;
	struct pt_bfd_ear *ears;
	struct pt_timer *look;
	struct pt_inbox in;
	bool reading;
	struct pt_bfd_counters n;
	uint32_t highest; // slot in use
	struct pt_bfd_link *slots[PT_BFD_MAX_LINKS];
};

// hub: *out is new or shared.
int pt_bfd_ear_join(struct pt_bfd_hub *h, const struct pt_bfd_opts *o, struct pt_bfd_ear **out);
void pt_bfd_ear_leave(struct pt_bfd_ear *e);
// Reads all that has arrived: a process that was not scheduled shall not find its peers dead.
void pt_bfd_ear_read(struct pt_bfd_ear *e);
// hub: a discriminator and a slot that are free. -ENOSPC.
int pt_bfd_slot_take(struct pt_bfd_hub *h, struct pt_bfd_link *l, uint32_t *discriminator);

// link: opens a socket where there is none or its device was made anew.
void pt_bfd_link_look(struct pt_bfd_link *l);
void pt_bfd_link_hear(struct pt_bfd_link *l, const struct pt_bfd_control *c);
