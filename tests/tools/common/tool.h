// SPDX-License-Identifier: MIT
// What the measuring tools of the tests share. Of lib/ they use only the number parser: a ruler
// that shares its clocks and sockets with what it measures would share their mistakes.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define NS_PER_SEC   1000000000ull

extern const char *tool_name; // set by each tool, the head of its messages

int tool_fail(const char *what, const char *why); // prints one line, returns 2
uint64_t tool_clock_ns(int clock_id);
bool tool_parse_u64(const char *text, uint64_t most, uint64_t *out);
int tool_enter_netns(const char *name); // this thread; 0 or -errno
void tool_go_realtime(int priority);    // says so where it is refused
