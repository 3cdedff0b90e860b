// SPDX-License-Identifier: MIT
#include "tune/scan.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *pt_scan_digits(const char *text, unsigned base, unsigned long *out)
{
	unsigned long v = 0;

	text += strspn(text, " \t");
	const char *start = text;
	for (; isxdigit((unsigned char)*text); text++) {
		unsigned d = isdigit((unsigned char)*text)
			? (unsigned)*text - '0'
			: (unsigned)tolower((unsigned char)*text) - 'a' + 10;
		if (d >= base)
			break;
		v = v * base + d;
	}
	if (text == start)
		return NULL;
	*out = v;
	return text;
}

double pt_scan_number(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	return end == text ? (double)NAN : v;
}

double pt_scan_after(const char *text, const char *label)
{
	const char *at = text ? strstr(text, label) : NULL;

	return at ? pt_scan_number(at + strlen(label)) : (double)NAN;
}
