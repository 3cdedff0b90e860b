// SPDX-License-Identifier: MIT
// An HTTP or HTTPS request by libcurl, over a connection of its own, without a proxy and without
// following redirections: what is measured is this server, by this way.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/host.h"
#include "probe/http.h"
#include "probe/service_kind.h"

#define DAY_S 86400

struct pt_http_request {
	struct pt_http_transfer transfer;
	struct curl_slist *connect_to;
	struct pt_buf page; // as far as it is looked at
	int64_t bytes;
	bool cut; // there is more than is read
	char error[CURL_ERROR_SIZE];
};

// ---- what libcurl asks us ----

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct pt_service *s = ctx;
	struct pt_http_request *r = s->request;
	size_t len = size * n;
	size_t room = PT_SERVICE_BODY_MAX - (size_t)r->bytes;

	r->cut = len > room;
	if (r->cut)
		len = room;
	r->bytes += (int64_t)len;
	if (s->o.http.body)
		pt_buf_add(&r->page, bytes, len);
	return r->cut ? CURL_WRITEFUNC_ERROR : len; // which ends the request
}

// Before connect(2): the socket takes our way.
static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct pt_service *s = ctx;
	pt_autofd fd = socket(a->family, a->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->protocol);

	(void)purpose;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (pt_service_prepare(s, fd, a->family)) {
		s->news.unsent = true;
		return CURL_SOCKET_BAD;
	}
	return pt_take_fd(&fd);
}

// ---- what it tells ----

static int64_t step_us(const struct pt_service *s, CURLINFO which)
{
	const struct pt_http_request *r = s->request;
	curl_off_t us = 0;

	if (pt_http_curl(s->http)->easy_getinfo(r->transfer.easy, which, &us) || us <= 0)
		return PT_NULL;
	return us;
}

// Of the server's own certificate, the first of its chain.
static int64_t cert_days(const struct pt_service *s)
{
	static const char key[] = "Expire date:";
	const struct pt_curl *c = pt_http_curl(s->http);
	struct curl_certinfo *certs = NULL;

	if (c->easy_getinfo(s->request->transfer.easy, CURLINFO_CERTINFO, &certs) || !certs ||
		certs->num_of_certs < 1)
		return PT_NULL;
	for (const struct curl_slist *i = certs->certinfo[0]; i; i = i->next) {
		if (strncmp(i->data, key, sizeof(key) - 1) != 0)
			continue;
		time_t until = c->getdate(i->data + sizeof(key) - 1, NULL);
		if (until == -1)
			return PT_NULL;
		int64_t left = (int64_t)until - pt_wall_us() / 1000000;
		return (left - (left < 0 ? DAY_S - 1 : 0)) / DAY_S;
	}
	return PT_NULL;
}

static void read_figures(struct pt_service *s)
{
	const struct pt_curl *c = pt_http_curl(s->http);
	CURL *easy = s->request->transfer.easy;
	struct pt_service_figures *f = &s->news.figures;
	long status = 0;
	const char *ip = NULL;

	f->steps_us.lookup = step_us(s, CURLINFO_NAMELOOKUP_TIME_T);
	f->steps_us.connect = step_us(s, CURLINFO_CONNECT_TIME_T);
	f->steps_us.tls = step_us(s, CURLINFO_APPCONNECT_TIME_T);
	f->steps_us.first_byte = step_us(s, CURLINFO_STARTTRANSFER_TIME_T);
	f->cert_days = cert_days(s);
	(void)c->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)c->easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
	if (ip)
		(void)pt_addr_parse(ip, &s->news.peer); // stays as it is where it is none
	if (status) {
		f->status = status;
		f->bytes = s->request->bytes;
	}
}

static bool right_status(const struct pt_service *s, int64_t status)
{
	for (uint32_t i = 0; i < s->o.http.n_status; i++)
		if (status >= s->o.http.status[i].lo && status <= s->o.http.status[i].hi)
			return true;
	return !s->o.http.n_status && status >= 200 && status <= 399;
}

static void judge(struct pt_service *s)
{
	const struct pt_service_figures *f = &s->news.figures;
	const char *body = s->o.http.body;
	const struct pt_buf *page = &s->request->page;
	long version = 0;

	s->news.ok = true;
	(void)pt_http_curl(s->http)->easy_getinfo(
		s->request->transfer.easy, CURLINFO_HTTP_VERSION, &version);
	(void)snprintf(s->news.word, sizeof(s->news.word), "%lld HTTP/%s", (long long)f->status,
		version == CURL_HTTP_VERSION_2_0           ? "2"
			: version == CURL_HTTP_VERSION_3   ? "3"
			: version == CURL_HTTP_VERSION_1_0 ? "1.0"
							   : "1.1");
	if (!right_status(s, f->status))
		pt_service_fail(s, "the server says %lld", (long long)f->status);
	else if (body && (!page->len || !memmem(page->data, page->len, body, strlen(body))))
		pt_service_fail(s, "'%.64s' is not in the page", body);
	else if (s->o.http.cert_days && f->cert_days == PT_NULL)
		pt_service_fail(s, "no certificate was shown");
	else if (s->o.http.cert_days && f->cert_days < s->o.http.cert_days)
		pt_service_fail(s, "the certificate expires in %lld days", (long long)f->cert_days);
}

static void on_end(void *ctx, CURLcode result)
{
	struct pt_service *s = ctx;
	const struct pt_curl *c = pt_http_curl(s->http);
	struct pt_http_request *r = s->request;
	long fault = 0;

	read_figures(s);
	(void)c->easy_getinfo(r->transfer.easy, CURLINFO_OS_ERRNO, &fault);
	if (result == CURLE_OK || (result == CURLE_WRITE_ERROR && r->cut)) {
		s->news.figures.steps_us.total = step_us(s, CURLINFO_TOTAL_TIME_T);
		s->news.rtt_ns = s->news.figures.steps_us.total == PT_NULL
			? pt_mono_diff(pt_mono_now(), s->start)
			: s->news.figures.steps_us.total * PT_NS_PER_US;
		judge(s);
	} else if (!s->news.why[0]) { // else the socket has said it
		bool os = result == CURLE_COULDNT_CONNECT && fault;
		pt_service_fail(s, "%s%s%s", r->error[0] ? r->error : c->easy_strerror(result),
			os ? ": " : "", os ? strerrordesc_np((int)fault) : "");
	}
	pt_service_done(s);
}

// ---- life ----

static void set_way(struct pt_service *s, const struct pt_curl *c, CURL *easy)
{
	struct pt_http_request *r = s->request;
	char text[PT_ADDR_LEN], to[PT_ADDR_LEN + 8];
	int family = s->o.target.family  ? s->o.target.family
		: s->o.way.source.family ? s->o.way.source.family
					 : s->o.family;

	(void)c->easy_setopt(easy, CURLOPT_IPRESOLVE,
		(long)(family == AF_INET             ? CURL_IPRESOLVE_V4
				: family == AF_INET6 ? CURL_IPRESOLVE_V6
						     : CURL_IPRESOLVE_WHATEVER));
	(void)c->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	(void)c->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, s);
	if (!s->o.target.family)
		return;
	pt_addr_format(&s->o.target, text);
	bool v6 = s->o.target.family == AF_INET6;
	(void)snprintf(to, sizeof(to), "::%s%s%s:", v6 ? "[" : "", text, v6 ? "]" : "");
	r->connect_to = c->slist_append(NULL, to);
	(void)c->easy_setopt(easy, CURLOPT_CONNECT_TO, r->connect_to);
	(void)c->easy_setopt(easy, CURLOPT_ADDRESS_SCOPE, (long)s->o.scope);
}

static void set_options(struct pt_service *s)
{
	const struct pt_curl *c = pt_http_curl(s->http);
	struct pt_http_request *r = s->request;
	CURL *easy = r->transfer.easy;

	(void)c->easy_setopt(easy, CURLOPT_URL, s->o.http.url);
	(void)c->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)c->easy_setopt(easy, CURLOPT_USERAGENT, "pt-probe/" PT_VERSION);
	(void)c->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)c->easy_setopt(easy, CURLOPT_ERRORBUFFER, r->error);
	(void)c->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)c->easy_setopt(easy, CURLOPT_WRITEDATA, s);
	(void)c->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)c->easy_setopt(easy, CURLOPT_NOPROXY, "*");
	(void)c->easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	(void)c->easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	(void)c->easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	(void)c->easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	(void)c->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); // no wait for a resolver that hangs
	(void)c->easy_setopt(easy, CURLOPT_CERTINFO, 1L);
	if (s->o.http.ca_file)
		(void)c->easy_setopt(easy, CURLOPT_CAINFO, s->o.http.ca_file);
	if (s->o.http.insecure) {
		(void)c->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)c->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	set_way(s, c, easy);
}

static int check(struct pt_service *s, struct pt_err *err)
{
	const char *fault = pt_host_url_fault(s->o.http.url, NULL);
	if (fault)
		return pt_err_set(err, -EINVAL, "'%s': %s", s->o.http.url, fault);
	struct pt_http_request *r = s->request = calloc(1, sizeof(*r));
	if (!r)
		return pt_err_set(err, -ENOMEM, "out of memory");
	r->transfer = (struct pt_http_transfer){
		.easy = pt_http_curl(s->http)->easy_init(), .fn = on_end, .ctx = s
	};
	if (!r->transfer.easy)
		return pt_err_set(err, -ENOMEM, "out of memory");
	set_options(s);
	return 0;
}

static void start(struct pt_service *s)
{
	struct pt_http_request *r = s->request;

	pt_buf_clear(&r->page);
	r->bytes = 0;
	r->cut = false;
	r->error[0] = '\0';
	if (!pt_http_start(s->http, &r->transfer))
		return;
	pt_service_fail(s, "libcurl does not start the request");
	pt_service_done(s);
}

// How far it came says more than that there was no answer.
static void stop(struct pt_service *s)
{
	read_figures(s);
	const struct pt_service_figures *f = &s->news.figures;
	const char *far = f->steps_us.first_byte != PT_NULL ? "the answer had begun"
		: f->steps_us.tls != PT_NULL                ? "TLS was agreed on"
		: f->steps_us.connect != PT_NULL            ? "the connection stood"
		: f->steps_us.lookup != PT_NULL             ? "the name was known"
							    : "the name was not even known";
	size_t at = strlen(s->news.why);
	(void)snprintf(s->news.why + at, sizeof(s->news.why) - at, " (%s)", far);
	pt_http_stop(s->http, &s->request->transfer);
}

static void release(struct pt_service *s)
{
	struct pt_http_request *r = s->request;

	if (!r)
		return;
	if (r->transfer.easy)
		pt_http_curl(s->http)->easy_cleanup(r->transfer.easy);
	if (r->connect_to)
		pt_http_curl(s->http)->slist_free_all(r->connect_to);
	pt_buf_done(&r->page);
	free(r);
}

const struct pt_service_kind pt_service_http = {
	.check = check, .start = start, .stop = stop, .release = release
};
