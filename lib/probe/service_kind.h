// SPDX-License-Identifier: MIT
// Inside service*.c only: what the kinds share.
#pragma once
#include <netinet/in.h>

#include "probe/service.h"
#include "wire/dns.h"

struct pt_service_kind {
	int (*check)(struct pt_service *s, struct pt_err *err); // once, of its options
	void (*start)(struct pt_service *s);                    // ends in pt_service_done
	void (*stop)(struct pt_service *s);                     // before its end
	void (*release)(struct pt_service *s);                  // for good
};
extern const struct pt_service_kind pt_service_tcp, pt_service_dns, pt_service_http;

struct pt_service {
	struct pt_service_opts o;
	const struct pt_service_kind *kind;
	struct pt_loop *loop;
	struct pt_timer *timer;
	pt_service_fn *fn; // NULL: nothing was asked
	void *ctx;
	struct pt_service_news news; // that is being gathered
	struct pt_mono start;
	int64_t start_real_ns;
	int fd; // TCP, DNS
	struct pt_http *http;
	struct pt_http_request *request;
	uint8_t query[PT_DNS_QUERY_MAX];
	size_t query_len;
};

// Not ok, and why. pt_service_done has to follow.
__attribute__((format(printf, 2, 3))) void pt_service_fail(
	struct pt_service *s, const char *fmt, ...);
// The question is over: tells fn.
void pt_service_done(struct pt_service *s);
// Device, mark, source and class of a socket not yet connected. 0 or -errno, with `why` filled.
int pt_service_prepare(struct pt_service *s, int fd, int family);
// A socket of that type, prepared, non-blocking, in s->fd. On failure the news say so.
int pt_service_socket(struct pt_service *s, int type);
int pt_service_connect(struct pt_service *s); // connect(2) to the target: 0 or -errno
