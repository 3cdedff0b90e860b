// SPDX-License-Identifier: MIT
// One error shape for the whole house: a negative errno and a sentence for the user.
#pragma once

struct pt_err {
	int code; // -errno, 0 when unset
	char msg[512];
};

// Fills err (NULL is allowed) and returns code, so that a caller can write
// `return pt_err_set(err, -EINVAL, "paths[%u].gateway: not an address", i);`
int pt_err_set(struct pt_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// As pt_err_set, with ": strerror(-code)" appended.
int pt_err_errno(struct pt_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// Puts "what: " in front of the message of an error already set; returns its code.
int pt_err_wrap(struct pt_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
