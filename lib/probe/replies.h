// SPDX-License-Identifier: MIT
// The ring of replies that the kernel has accepted (bpf/reply_map.h), and the lease by which it
// knows that somebody reads it. One process at a time does. Everything here works on maps that are
// mapped into memory: it needs no capability but to open them.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "bpf/reply_map.h"

#define PT_REPLIES_LEASE_NS (3 * PT_NS_PER_S)

struct pt_replies;

// -ENOENT: nothing is attached there, or by a version without a ring; -EXDEV: to devices of another
// network namespace. What has waited in the ring for a former reader is forgotten.
int pt_replies_open(const char *dir, struct pt_replies **out, struct pt_err *err);
// Gives the lease back. Answers that still come end in the kernel, once the sockets are closed.
void pt_replies_free(struct pt_replies *r);
// Whether the pins are still those that were opened.
bool pt_replies_current(const struct pt_replies *r, const char *dir);

// Takes the lease or prolongs it. False: another process has it.
bool pt_replies_lease(struct pt_replies *r, struct pt_mono now);
bool pt_replies_held(const struct pt_replies *r);                       // nobody else has it
bool pt_replies_lapsed(const struct pt_replies *r, struct pt_mono now); // it was not prolonged
// The paths, as bpf/plane.h has them; n of them with 0, which is none.
const struct pt_hop *pt_replies_hops(const struct pt_replies *r, uint32_t *n);
// Replies to this port come by the ring from now on; 0: by a socket.
void pt_replies_port(struct pt_replies *r, uint32_t path, uint16_t port);

// What has come so far, at most `most`, oldest first, in place: valid until pt_replies_done.
unsigned pt_replies_peek(struct pt_replies *r, const struct pt_heard *out[], unsigned most);
void pt_replies_done(struct pt_replies *r);
bool pt_replies_unread(const struct pt_replies *r); // there are some behind what was peeked
