// SPDX-License-Identifier: MIT
// The catalogue: one typed row for every knob of the tuning guide, and for those that it lacks.
// A row says what a value is, who is touched by it, which counter asks for it, and what the tool
// does with it and why. Tables by area are in knobs_*.c.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tune/facts.h"

#define PT_KNOB_VALUE  256 // bytes of a canonical value with its NUL
#define PT_KNOB_FIELDS 3   // numbers of a value at most

enum pt_knob_type {
	PT_KNOB_INT,
	PT_KNOB_BOOL,
	PT_KNOB_VECTOR, // `fields` rising numbers
	PT_KNOB_RANGE,  // two numbers, the first not above the second
	PT_KNOB_WORD,
	PT_KNOB_MASK, // CPUs
	PT_KNOB_LIST, // numbers and ranges
	PT_KNOB_TEXT,
};

// Who sees a change, and from where it may be written.
enum pt_knob_scope {
	PT_SCOPE_NETNS,    // each network namespace has its own
	PT_SCOPE_VISIBLE,  // seen in every network namespace, written in the first one
	PT_SCOPE_INIT,     // exists in the first network namespace alone
	PT_SCOPE_HOST,     // the whole machine, whatever the namespace it is written from
	PT_SCOPE_DEVICE,   // one network device
	PT_SCOPE_SERVICE,  // a systemd unit or the program's own file
	PT_SCOPE_DATABASE, // the SQLite file
	PT_SCOPE_FILE,     // where settings are kept
	PT_SCOPE_NONE,     // nothing to set: a claim
};

// Which traffic or work it acts on.
enum pt_knob_plane {
	PT_PLANE_FORWARD,
	PT_PLANE_LOCAL, // sockets that end on this host
	PT_PLANE_CONTROL,
	PT_PLANE_HOST,
	PT_PLANE_DATABASE,
};

// How the value's text is brought into one form, that of the kernel.
enum pt_knob_canon {
	PT_CANON_NUMBER,
	PT_CANON_FIELDS,  // joined by one space
	PT_CANON_WORD,    // no blanks around
	PT_CANON_POW2,    // rounded up to a power of two
	PT_CANON_MASK,    // hexadecimal, no commas, no leading zeros
	PT_CANON_PORTS,   // sorted, merged
	PT_CANON_FEATURE, // on, off
	PT_CANON_RATE,    // bit/s of whole bytes
	PT_CANON_DSCP,    // its name, or keep
};

enum pt_knob_op {
	PT_OP_SET,
	PT_OP_RAISE, // never below what is there
	PT_OP_KEEP,  // leave it
};

struct pt_knob {
	const char *key; // a sysctl's name; nic.*, qos.*, ... otherwise
	enum pt_knob_type type;
	unsigned fields;  // VECTOR and RANGE
	const char *unit; // NULL: none
	int64_t min, max; // of each number; both 0: unbounded
	enum pt_knob_scope scope;
	enum pt_knob_plane plane;
	enum pt_knob_canon canon;
	enum pt_knob_op op;
	const char *guide;     // as the tuning guide 1.0.0 writes it; NULL: not in the guide
	enum pt_fact evidence; // counter that asks for more; PT_FACT_NONE
	const char *module;    // the key does not exist before this kernel module is loaded
	const char *rule;      // what the tool does
	const char *reason;    // what is wrong with the guide's value, or risky
	const char *source;    // NULL: reasoning alone
};

struct pt_knob_table {
	const char *area, *doc;
	const struct pt_knob *rows;
	size_t n;
};

extern const struct pt_knob_table *const pt_knob_tables[]; // ends with NULL
extern const char *const pt_knob_type_names[], *const pt_knob_scope_names[],
						       *const pt_knob_plane_names[],
							       *const pt_knob_canon_names[],
								       *const pt_knob_op_names[];

const struct pt_knob *pt_knob_find(const char *key); // NULL: no such knob
bool pt_knob_is_sysctl(const struct pt_knob *k);

// Text as a person or the kernel writes it, checked against the row and brought into canonical
// form. -EINVAL or -ERANGE with the reason.
int pt_knob_canonical(
	const struct pt_knob *k, const char *text, char out[PT_KNOB_VALUE], struct pt_err *err);
// The numbers of a canonical value, "on" being 1; how many there are.
unsigned pt_knob_numbers(const struct pt_knob *k, const char *canonical, double v[PT_KNOB_FIELDS]);
// Cuts "bbr   # comment" behind the value; true where there was something to cut.
bool pt_knob_strip_comment(char *text);
