// SPDX-License-Identifier: MIT
// Inside lib/probe: libcurl's multi interface on our event loop. One transfer is an easy handle;
// whoever starts it hears of its end.
#pragma once
#include "probe/curl.h"
#include "probe/service.h"

typedef void pt_http_fn(void *ctx, CURLcode result);

const struct pt_curl *pt_http_curl(const struct pt_http *h);
// easy's CURLOPT_PRIVATE becomes t, which has to stay until the end or pt_http_stop.
struct pt_http_transfer {
	CURL *easy;
	pt_http_fn *fn;
	void *ctx;
};
int pt_http_start(struct pt_http *h, struct pt_http_transfer *t); // 0 or -EIO
void pt_http_stop(struct pt_http *h, struct pt_http_transfer *t); // fn is not called
