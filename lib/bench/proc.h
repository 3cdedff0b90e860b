// SPDX-License-Identifier: MIT
// Child processes of a benchmark: argv vectors, never a shell; each knows its namespace.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct pt_proc {
	pid_t pid;    // 0: none
	int pidfd;    // readable when it has ended; -1: none
	int words_fd; // its standard error, a memory file
	const char *name;
};
#define PT_PROC_NONE                        \
	(struct pt_proc)                    \
	{                                   \
		.pidfd = -1, .words_fd = -1 \
	}

// Starts argv[0] (searched in PATH without a '/') with `input` (may be NULL) as standard input,
// no standard output, default signals. argv[0] must outlive the process.
int pt_proc_start(
	const char *const argv[], const char *input, struct pt_proc *out, struct pt_err *err);
// The same with out_fd, which stays the caller's, as its standard output.
int pt_proc_start_into(const char *const argv[], const char *input, int out_fd, struct pt_proc *out,
	struct pt_err *err);
// Waits for its end. 0, or -EREMOTEIO with the last line it said where it failed; -ETIMEDOUT.
int pt_proc_wait(struct pt_proc *p, int64_t timeout_ns, struct pt_err *err);
// 0 while it runs; else as pt_proc_wait, and -ESRCH where it ended without a fault.
int pt_proc_check(struct pt_proc *p, struct pt_err *err);
// Asks it to end, insists after a second. NONE is fine.
void pt_proc_stop(struct pt_proc *p);
// start and wait.
int pt_proc_run(
	const char *const argv[], const char *input, int64_t timeout_ns, struct pt_err *err);

// The tool of this name beside the running program, or in tools_dir where that is given.
int pt_proc_tool(
	const char *tools_dir, const char *name, char *out, size_t len, struct pt_err *err);

// Keeps the calling thread on the last CPU that it may have; what it makes the kernel do stays
// there, too. Noisier where that fails.
void pt_proc_pin(void);
// Puts it before all ordinary work of its CPU: for moments that are measured, others wait for it.
void pt_proc_first(void);
