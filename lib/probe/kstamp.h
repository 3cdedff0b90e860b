// SPDX-License-Identifier: MIT
// The kernel's own time stamps of what leaves and arrives (SO_TIMESTAMPING, software), so that a
// measured delay excludes our scheduling.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PT_KSTAMP_RX 1u
#define PT_KSTAMP_TX 2u // each packet's on the error queue, numbered from 0 since this was set

#define PT_KSTAMP_ASKED 4u // the same of those that ask by a control message
#define PT_KSTAMP_ASK   2  // its value: SOF_TIMESTAMPING_TX_SOFTWARE

bool pt_kstamp_set(int fd, unsigned which); // 0: none; false when the kernel refuses
// The stamp in a control message, CLOCK_REALTIME ns, or 0.
int64_t pt_kstamp_ns(struct msghdr *m);
