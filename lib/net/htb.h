// SPDX-License-Identifier: MIT
// A shaper on a device of the calling thread's network namespace: HTB 1: with a root class 1:1 of
// the whole rate, classes below it, a leaf in each, and one BPF filter that names the class of a
// packet whose skb->priority does not. By rtnetlink.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "net/qdisc.h"

#define PT_HTB_CLASSES 3
#define PT_HTB_FILTER  "pt_shape" // name of the filter: a tree without it is somebody else's

enum pt_htb_owner {
	PT_HTB_NONE,  // the kernel's default, which comes back when a root is deleted
	PT_HTB_OURS,  // this shape, whatever its numbers
	PT_HTB_PART,  // what is there is of this shape, but not all of it is
	PT_HTB_OTHER, // somebody configured it
};

struct pt_htb {
	enum pt_htb_owner owner;
	char kind[PT_QDISC_KIND]; // of the root
	uint32_t handle;          // of the root; 0: the kernel's default
	// Only of ours, and what is wanted:
	uint64_t rate_bps;        // whole bytes
	uint16_t fallback;        // minor number of the class for what nobody classifies
	char leaf[PT_QDISC_KIND]; // "mixed": not the same everywhere
	struct pt_htb_class {
		uint16_t minor;
		uint64_t rate_bps;      // of its own; it may borrow up to the whole
		uint32_t quantum_bytes; // it sends in one turn
	} class[PT_HTB_CLASSES];        // highest priority first
};

// What the device has. want: minors of the classes that make a tree ours.
int pt_htb_read(
	uint32_t ifindex, const struct pt_htb *want, struct pt_htb *out, struct pt_err *err);

// Puts the tree in place of the kernel's default, or changes the numbers and leaves of ours while
// packets flow; another fallback needs it built anew. Where somebody else's is: -EEXIST. After an
// error the kernel's default is there, unless ours was.
// filter_fd: a BPF program, which the kernel keeps as long as the tree.
int pt_htb_put(uint32_t ifindex, const struct pt_htb *want, int filter_fd, struct pt_err *err);
// The kernel's default again, from all or a part of ours. Somebody else's stays: -EEXIST.
int pt_htb_remove(uint32_t ifindex, const struct pt_htb *want, struct pt_err *err);

// Which of these queueing disciplines the kernel has (it may load a module for it): a bit each,
// found by trying in a network namespace of a thread's own. -EPERM: needs CAP_SYS_ADMIN.
int pt_htb_kinds(const char *const *kinds, unsigned n, uint32_t *have, struct pt_err *err);
