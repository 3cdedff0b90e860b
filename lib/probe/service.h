// SPDX-License-Identifier: MIT
// One service, asked again and again: does it take TCP connections, answer HTTP(S) requests, answer
// DNS queries over UDP as it should, and how long does each step take? Every question is a fresh
// one: a new socket, a new connection, a new source port.
#pragma once
#include "base/addr.h"
#include "base/loop.h"
#include "model/records.h"
#include "probe/stats.h"

#define PT_SERVICE_WHY_LEN  256
#define PT_SERVICE_BODY_MAX (1u << 20) // bytes of a page that are read, and looked at

struct pt_service_way {
	const char *device;    // NULL: as routed
	struct pt_addr source; // family 0: as routed
	uint32_t mark;
	uint8_t dscp;
};

struct pt_service_opts {
	enum pt_probe_kind probe; // TCP, HTTP or DNS
	// HTTP: connect to this one, whatever the URL's name resolves to; family 0: as it resolves.
	struct pt_addr target;
	uint32_t scope; // interface index of a link-local target
	uint16_t port;  // not of HTTP
	int family;     // HTTP without a target: AF_INET, AF_INET6 or 0
	struct pt_service_way way;
	int64_t timeout_ns;
	bool open; // TCP: a refusal is no answer

	struct {
		const char *url;
		const struct pt_port_range *status; // that are right; none: 200 to 399
		uint32_t n_status;
		const char *body;    // has to be in the page; NULL: anything
		const char *ca_file; // NULL: the system's
		bool insecure;       // whatever the certificate
		int64_t cert_days;   // the certificate has to be good for so long; 0: any
	} http;

	struct {
		const char *name;
		uint16_t type;
		unsigned rcode;     // that is right
		const char *answer; // has to be among the answers; NULL: any
		bool any;           // no answer is right, too
	} dns;
};

// What came of one question. Times are PT_NULL for steps that there were not.
struct pt_service_news {
	bool ok;       // answered, and as it should be
	bool unsent;   // the question could not leave: no device, no address, no permission
	char word[48]; // "open", "refused", "200 HTTP/2", "NOERROR 192.0.2.1"; "" without an answer
	char why[PT_SERVICE_WHY_LEN]; // not ok
	struct pt_addr peer;          // family 0: it never came so far
	// Until the answer was complete, by the kernel's stamps where there are such.
	int64_t rtt_ns;
	bool kernel;
	struct pt_service_figures figures; // but `asked` and `why`
};

typedef void pt_service_fn(void *ctx, const struct pt_service_news *news);

struct pt_service;
struct pt_http; // what all HTTP services of a loop share

// Loads libcurl; the error says that it is missing.
int pt_http_new(struct pt_loop *loop, struct pt_http **out, struct pt_err *err);
void pt_http_free(struct pt_http *h); // after all services

// Strings of o are borrowed. http may be NULL unless that is what it is.
int pt_service_new(const struct pt_service_opts *o, struct pt_loop *loop, struct pt_http *http,
	struct pt_service **out, struct pt_err *err);
void pt_service_free(struct pt_service *s);
// Asks once and calls fn once, maybe before it returns. fn may ask again, and not free. False: the
// question before is not answered yet.
bool pt_service_ask(struct pt_service *s, pt_service_fn *fn, void *ctx);
bool pt_service_busy(const struct pt_service *s);

// ---- a window of questions to one service ----

struct pt_service_tally {
	struct pt_stats stats;
	struct pt_service_figures figures; // steps_us: sums
	int64_t steps[5];                  // questions that took each step
	char why[PT_SERVICE_WHY_LEN];
	struct pt_addr peer; // of the last question
};

void pt_service_count(struct pt_service_tally *t, const struct pt_service_news *news);
// What the strings of a record borrow.
struct pt_service_room {
	char target[PT_ADDR_LEN];
	struct pt_hist hist;
};
// A record of the window: all but `path`, `dscp` and figures->asked. Borrows t and room.
void pt_service_health(struct pt_service_tally *t, enum pt_probe_kind probe,
	struct pt_service_room *room, struct pt_health *h, struct pt_service_figures *f);
void pt_service_next_window(struct pt_service_tally *t);
void pt_service_tally_done(struct pt_service_tally *t); // zeroed or used
// Both as the body of one record.
json_t *pt_service_json(const struct pt_health *h, const struct pt_service_figures *f);
