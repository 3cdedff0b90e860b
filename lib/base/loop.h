// SPDX-License-Identifier: MIT
// One thread, one epoll loop: descriptors, absolute timers, signals, all as callbacks.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct pt_loop;
struct pt_timer; // owned by the loop, freed with it or by pt_loop_timer_del

typedef void pt_loop_fd_fn(void *ctx, int fd, uint32_t events);
typedef void pt_loop_timer_fn(void *ctx, uint64_t expirations);
typedef void pt_loop_signal_fn(void *ctx, int signo);

int pt_loop_new(struct pt_loop **out, struct pt_err *err);
void pt_loop_free(struct pt_loop *loop);

// The caller keeps the descriptor; it must delete it before it closes it. Callbacks may add and
// delete descriptors and timers, their own included. A regular file is always ready.
int pt_loop_fd_add(struct pt_loop *loop, int fd, uint32_t events, pt_loop_fd_fn *fn, void *ctx);
int pt_loop_fd_del(struct pt_loop *loop, int fd);

// Calls fn when fd is a pipe and its reader has gone, also while nothing is written. fn stops the
// loop, or deletes fd.
int pt_loop_reader_add(struct pt_loop *loop, int fd, pt_loop_fd_fn *fn, void *ctx);

// A timer fires at `first` and then every `period_ns` (0: once). Deadlines are absolute: the next
// is the previous plus the period, so nothing drifts; `expirations` counts the periods missed, too.
// A first of 0 disarms the timer.
int pt_loop_timer_add(struct pt_loop *loop, struct pt_mono first, int64_t period_ns,
	pt_loop_timer_fn *fn, void *ctx, struct pt_timer **out);
int pt_loop_timer_set(struct pt_timer *timer, struct pt_mono first, int64_t period_ns);
void pt_loop_timer_del(struct pt_timer *timer);

// Blocks the listed signals (0-terminated) and delivers them as callbacks from the loop.
int pt_loop_signals(struct pt_loop *loop, const int *signals, pt_loop_signal_fn *fn, void *ctx);

// Runs until pt_loop_stop; returns the code given there, or -errno.
int pt_loop_run(struct pt_loop *loop);
void pt_loop_stop(struct pt_loop *loop, int code);

// sd_notify(3) without the library: "READY=1" to $NOTIFY_SOCKET. Nothing happens without it.
void pt_notify(const char *state);
