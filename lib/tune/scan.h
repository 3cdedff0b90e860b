// SPDX-License-Identifier: MIT
// Numbers out of the kernel's text.
#pragma once

// Digits of this base behind blanks; returns what follows them, NULL where there are none.
const char *pt_scan_digits(const char *text, unsigned base, unsigned long *out);
// The number, with its fraction, behind blanks; NaN: none.
double pt_scan_number(const char *text);
// The number behind a label: "MemTotal:"; NaN: no such label, or no number. text may be NULL.
double pt_scan_after(const char *text, const char *label);
