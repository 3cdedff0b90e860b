// SPDX-License-Identifier: MIT
// Lines of NDJSON as our own writers write them, taken apart in one pass and without a tree. What
// is odd in any way (spaces, escapes, exponents, a field unknown or twice, a value out of range)
// is left to the JSON parser, which knows all of the language and names what is wrong.
#pragma once
#include "store/types.h"

struct pt_scan;

int pt_scan_new(struct pt_scan **out, struct pt_err *err);
void pt_scan_free(struct pt_scan *s);

// True: taken, and the same that the parser would have made of it. Texts point into the line.
// line[len] must be NUL.
bool pt_scan_line(struct pt_scan *s, const char *line, size_t len, struct pt_store_record *out);
