// SPDX-License-Identifier: MIT
#include "wire/stamp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "wire/stamp_time.h"

int pt_stamp_request_write(const struct pt_stamp_sent *p, void *buf, size_t size)
{
	if (size < PT_STAMP_LEN)
		return -ENOSPC;
	struct pt_stamp_request w = {
		.seq = htonl(p->seq),
		.sent = pt_stamp_time_out(p->ntp),
		.error = htons(p->error),
		.ssid = htons(p->ssid),
	};
	memcpy(buf, &w, sizeof(w));
	return PT_STAMP_LEN;
}

int pt_stamp_request_read(const void *buf, size_t len, struct pt_stamp_sent *out)
{
	if (len < PT_STAMP_LEN)
		return -EBADMSG;
	struct pt_stamp_request w;
	memcpy(&w, buf, sizeof(w));
	*out = (struct pt_stamp_sent){
		.seq = ntohl(w.seq),
		.ntp = pt_stamp_time_in(w.sent),
		.error = ntohs(w.error),
		.ssid = ntohs(w.ssid),
	};
	return PT_STAMP_LEN;
}

int pt_stamp_reply_write(const struct pt_stamp_reflected *p, void *buf, size_t size)
{
	if (size < PT_STAMP_LEN)
		return -ENOSPC;
	struct pt_stamp_reply w = {
		.seq = htonl(p->seq),
		.sent = pt_stamp_time_out(p->ntp),
		.error = htons(p->error),
		.ssid = htons(p->ssid),
		.received = pt_stamp_time_out(p->received_ntp),
		.sender_seq = htonl(p->sender.seq),
		.sender_sent = pt_stamp_time_out(p->sender.ntp),
		.sender_error = htons(p->sender.error),
		.sender_ttl = p->sender_ttl,
	};
	memcpy(buf, &w, sizeof(w));
	return PT_STAMP_LEN;
}

int pt_stamp_reply_read(const void *buf, size_t len, struct pt_stamp_reflected *out)
{
	if (len < PT_STAMP_LEN)
		return -EBADMSG;
	struct pt_stamp_reply w;
	memcpy(&w, buf, sizeof(w));
	*out = (struct pt_stamp_reflected){
		.seq = ntohl(w.seq),
		.ntp = pt_stamp_time_in(w.sent),
		.error = ntohs(w.error),
		.ssid = ntohs(w.ssid),
		.received_ntp = pt_stamp_time_in(w.received),
		.sender.seq = ntohl(w.sender_seq),
		.sender.ntp = pt_stamp_time_in(w.sender_sent),
		.sender.error = ntohs(w.sender_error),
		.sender_ttl = w.sender_ttl,
	};
	return PT_STAMP_LEN;
}

void pt_stamp_sent_set(void *buf, uint64_t ntp)
{
	struct pt_stamp_time t = pt_stamp_time_out(ntp);
	memcpy((uint8_t *)buf + offsetof(struct pt_stamp_reply, sent), &t, sizeof(t));
}

int pt_stamp_ssid(const void *buf, size_t len, uint16_t *out)
{
	const size_t at = offsetof(struct pt_stamp_request, ssid);
	uint16_t wire;
	if (len < at + sizeof(wire))
		return -EBADMSG;
	memcpy(&wire, (const uint8_t *)buf + at, sizeof(wire));
	*out = ntohs(wire);
	return 0;
}
