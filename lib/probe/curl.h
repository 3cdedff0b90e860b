// SPDX-License-Identifier: MIT
// libcurl, loaded when the first HTTP request wants it: with all that it brings along it costs a
// process 5 MB and 4 ms at its start, which those that send STAMP alone shall not pay.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/err.h"

// The functions of libcurl that are used, by their names.
#define PT_CURL_FUNCTIONS(X)   \
	X(global_init)         \
	X(getdate)             \
	X(easy_init)           \
	X(easy_cleanup)        \
	X(easy_reset)          \
	X(easy_setopt)         \
	X(easy_getinfo)        \
	X(easy_strerror)       \
	X(slist_append)        \
	X(slist_free_all)      \
	X(multi_init)          \
	X(multi_cleanup)       \
	X(multi_setopt)        \
	X(multi_add_handle)    \
	X(multi_remove_handle) \
	X(multi_socket_action) \
	X(multi_info_read)     \
	X(multi_strerror)

struct pt_curl {
	void *library;
// NOLINTNEXTLINE(bugprone-macro-parentheses): a name to declare
#define X(name) __typeof__(&curl_##name) name;
	PT_CURL_FUNCTIONS(X)
#undef X
};

// -ENOENT: there is no libcurl. It stays loaded until the process ends.
int pt_curl_load(struct pt_curl *out, struct pt_err *err);
