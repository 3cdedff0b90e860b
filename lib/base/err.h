// SPDX-License-Identifier: MIT
// One error shape for the whole house: a negative errno and a sentence for the user.
#pragma once

struct pt_err {
	int code;      // -errno, 0 when unset
	char msg[512]; // one line, without control characters whatever it quotes
};

// Fills err (NULL is allowed) and yields code, so that a caller can write
// `return pt_err_set(err, -EINVAL, "paths[%u].gateway: not an address", i);`
// A macro, so that compilers and analyzers see which code comes back.
#define pt_err_set(err, code, ...)                      \
	({                                              \
		int code_ = (code);                     \
		pt_err_fill((err), code_, __VA_ARGS__); \
		code_;                                  \
	})

// As pt_err_set, with ": strerror(-code)" appended.
#define pt_err_errno(err, code, ...)                          \
	({                                                    \
		int code_ = (code);                           \
		pt_err_fill_errno((err), code_, __VA_ARGS__); \
		code_;                                        \
	})

void pt_err_fill(struct pt_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void pt_err_fill_errno(struct pt_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// Puts "what: " in front of the message of an error already set; returns its code.
int pt_err_wrap(struct pt_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
