// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define US_PER_S 1000000LL
// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of year can say.
#define WALL_MIN_S (-62167219200LL)
#define WALL_MAX_S 253402300799LL

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts); // cannot fail for the two clocks used here
	return ts.tv_sec * PT_NS_PER_S + ts.tv_nsec;
}

struct pt_mono pt_mono_now(void)
{
	return (struct pt_mono){ clock_ns(CLOCK_MONOTONIC) };
}

int64_t pt_cpu_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); // cannot fail for this clock
	return (t.tv_sec * PT_NS_PER_S + t.tv_nsec) / PT_NS_PER_US;
}

int64_t pt_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t pt_wall_us(void)
{
	return pt_wall_ns() / PT_NS_PER_US;
}

static char *put_digits(char *p, unsigned width, int64_t v)
{
	for (unsigned i = width; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + width;
}

void pt_rfc3339_format(int64_t wall_us, char out[PT_RFC3339_LEN])
{
	int64_t us = wall_us % US_PER_S, s = wall_us / US_PER_S;

	if (us < 0) {
		us += US_PER_S;
		s--;
	}
	time_t t = s < WALL_MIN_S ? WALL_MIN_S : s > WALL_MAX_S ? WALL_MAX_S : s;
	struct tm tm;
	(void)gmtime_r(&t, &tm); // cannot fail inside the bounds above
	static const char separator[] = "--T::.Z";
	const struct {
		unsigned width;
		int64_t value;
	} part[] = {
		{ .width = 4, .value = tm.tm_year + 1900 },
		{ .width = 2, .value = tm.tm_mon + 1 },
		{ .width = 2, .value = tm.tm_mday },
		{ .width = 2, .value = tm.tm_hour },
		{ .width = 2, .value = tm.tm_min },
		{ .width = 2, .value = tm.tm_sec },
		{ .width = 6, .value = us },
	};
	char *p = out;
	for (size_t i = 0; i < PT_ARRAY_LEN(part); i++) {
		p = put_digits(p, part[i].width, part[i].value);
		*p++ = separator[i];
	}
	*p = '\0';
}

// Exactly `width` digits; -1 otherwise.
static int take_digits(const char **s, unsigned width)
{
	int v = 0;

	for (unsigned i = 0; i < width; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static bool take_one_of(const char **s, const char *set)
{
	if (!**s || !strchr(set, **s))
		return false;
	(*s)++;
	return true;
}

// "Z" or "+02:00", to the end of the string: seconds east of UTC.
static int take_offset(const char *s, int *seconds)
{
	if ((*s == 'Z' || *s == 'z') && !s[1]) {
		*seconds = 0;
		return 0;
	}
	int sign = *s == '-' ? -1 : 1, hours, minutes;
	if (!take_one_of(&s, "+-") || (hours = take_digits(&s, 2)) < 0 || !take_one_of(&s, ":") ||
		(minutes = take_digits(&s, 2)) < 0 || hours > 23 || minutes > 59 || *s)
		return -EINVAL;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return 0;
}

// ".123456": further digits than microseconds are cut.
static int take_fraction(const char **s, int64_t *us)
{
	int64_t unit = US_PER_S / 10;
	const char *p = *s;

	*us = 0;
	if (*p != '.')
		return 0;
	if (*++p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++, unit /= 10)
		*us += (*p - '0') * unit;
	*s = p;
	return 0;
}

int pt_rfc3339_parse(const char *s, int64_t *wall_us)
{
	struct tm tm = { 0 };
	int year, month, offset;
	int64_t us;

	if (!s || (year = take_digits(&s, 4)) < 0 || !take_one_of(&s, "-") ||
		(month = take_digits(&s, 2)) < 1 || !take_one_of(&s, "-") ||
		(tm.tm_mday = take_digits(&s, 2)) < 1 || !take_one_of(&s, "Tt ") ||
		(tm.tm_hour = take_digits(&s, 2)) < 0 || !take_one_of(&s, ":") ||
		(tm.tm_min = take_digits(&s, 2)) < 0 || !take_one_of(&s, ":") ||
		(tm.tm_sec = take_digits(&s, 2)) < 0)
		return -EINVAL;
	if (month > 12 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	if (take_fraction(&s, &us) || take_offset(s, &offset))
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	int day = tm.tm_mday;
	int64_t t = timegm(&tm);
	// timegm turns 31 April into 1 May; a leap second may move the day and is let through.
	struct tm check = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
	(void)timegm(&check);
	if (check.tm_mday != day)
		return -EINVAL;
	*wall_us = (t - offset) * US_PER_S + us;
	return 0;
}

int pt_boot_id(char out[PT_BOOT_ID_LEN])
{
	char text[PT_BOOT_ID_LEN];
	pt_autofd fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text));
	if (n < 0)
		return -errno;
	if (n < PT_BOOT_ID_LEN - 1)
		return -EIO;
	memcpy(out, text, PT_BOOT_ID_LEN - 1);
	out[PT_BOOT_ID_LEN - 1] = '\0';
	return 0;
}

void pt_duration_format(int64_t ns, char *out, size_t len)
{
	const char *sign = ns < 0 ? "-" : "";
	uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	uint64_t us = v / PT_NS_PER_US, s = v / PT_NS_PER_S;

	if (us == 0)
		(void)snprintf(out, len, "%s%" PRIu64 " ns", sign, v);
	else if (us < 10)
		(void)snprintf(out, len, "%s%.1f us", sign, (double)v / PT_NS_PER_US);
	else if (us < 1000)
		(void)snprintf(out, len, "%s%" PRIu64 " us", sign, us);
	else if (s == 0)
		(void)snprintf(out, len, "%s%.1f ms", sign, (double)v / PT_NS_PER_MS);
	else if (s < 120)
		(void)snprintf(out, len, "%s%.1f s", sign, (double)v / PT_NS_PER_S);
	else if (s < 7200)
		(void)snprintf(out, len, "%s%" PRIu64 " min %" PRIu64 " s", sign, s / 60, s % 60);
	else if (s < 172800)
		(void)snprintf(
			out, len, "%s%" PRIu64 " h %" PRIu64 " min", sign, s / 3600, s / 60 % 60);
	else
		(void)snprintf(
			out, len, "%s%" PRIu64 " d %" PRIu64 " h", sign, s / 86400, s / 3600 % 24);
}
