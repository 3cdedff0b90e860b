// SPDX-License-Identifier: MIT
#include "net/rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define REQUEST_BYTES 512   // the longest request
#define REQUESTS      64    // sent together: their answers fit the socket's buffer
#define ANSWER_BYTES  32768 // what the kernel fills at most for a dump

struct asked {
	int forgive;
	const char *what;
};

struct pt_rtnl {
	struct mnl_socket *sock;
	uint32_t seq; // of the first request gathered
	uint32_t n;   // gathered
	size_t used;
	struct asked asked[REQUESTS];
	int ret; // the first error since the last flush
	struct pt_err err;
	char out[REQUESTS * REQUEST_BYTES];
	char in[ANSWER_BYTES];
};

int pt_rtnl_new(int bus, struct pt_rtnl **out, struct pt_err *err)
{
	struct pt_rtnl *n = calloc(1, sizeof(*n));
	int on = 1, ret;

	if (!n)
		return pt_err_set(err, -ENOMEM, "out of memory");
	n->seq = 1;
	n->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!n->sock || mnl_socket_bind(n->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = pt_err_errno(err, -errno, "netlink");
		pt_rtnl_free(n);
		return ret;
	}
	// All three make answers better; none is needed.
	(void)mnl_socket_setsockopt(n->sock, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(n->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(n->sock, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	*out = n;
	return 0;
}

void pt_rtnl_free(struct pt_rtnl *n)
{
	if (n && n->sock)
		(void)mnl_socket_close(n->sock);
	if (n)
		explicit_bzero(n->in, sizeof(n->in)); // WireGuard's answers hold its private key
	free(n);
}

static int on_text(const struct nlattr *attr, void *data)
{
	const char **text = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		*text = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static void note_error(struct pt_rtnl *n, const struct nlmsghdr *nlh, int code, const char *what)
{
	const char *text = NULL;
	size_t skip = sizeof(struct nlmsgerr);

	if (n->ret)
		return;
	if (nlh && nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip += mnl_nlmsg_get_payload_len(&e->msg);
		if (skip <= mnl_nlmsg_get_payload_len(nlh))
			(void)mnl_attr_parse(nlh, (unsigned)skip, on_text, &text);
	}
	n->ret = text ? pt_err_set(&n->err, code, "%s: %s", what, text)
		      : pt_err_errno(&n->err, code, "%s", what);
}

// Returns how many answers the messages hold.
static uint32_t take_answers(struct pt_rtnl *n, const void *buf, int left)
{
	const struct nlmsghdr *nlh = buf;
	uint32_t got = 0;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		uint32_t at = nlh->nlmsg_seq - n->seq;
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (nlh->nlmsg_type != NLMSG_ERROR || at >= n->n)
			continue;
		got++;
		if (e->error && -e->error != n->asked[at].forgive)
			note_error(n, nlh, e->error, n->asked[at].what);
	}
	return got;
}

static void send_gathered(struct pt_rtnl *n)
{
	uint32_t left = n->n;
	ssize_t len;

	if (!n->n)
		return;
	if (mnl_socket_sendto(n->sock, n->out, n->used) < 0)
		note_error(n, NULL, -errno, "netlink");
	else
		while (left) {
			len = mnl_socket_recvfrom(n->sock, n->in, sizeof(n->in));
			if (len < 0 && errno == EINTR)
				continue;
			if (len < 0) {
				note_error(n, NULL, -errno, "netlink");
				break;
			}
			left -= take_answers(n, n->in, (int)len);
		}
	n->seq += n->n;
	n->n = 0;
	n->used = 0;
}

struct nlmsghdr *pt_rtnl_begin(struct pt_rtnl *n, uint16_t type, uint16_t flags, int forgive)
{
	struct nlmsghdr *nlh;

	if (n->n == REQUESTS)
		send_gathered(n);
	nlh = mnl_nlmsg_put_header(n->out + n->used);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	nlh->nlmsg_seq = n->seq + n->n;
	n->asked[n->n].forgive = forgive;
	return nlh;
}

void pt_rtnl_end(struct pt_rtnl *n, const struct nlmsghdr *nlh, const char *what)
{
	n->asked[n->n++].what = what;
	n->used += MNL_ALIGN(nlh->nlmsg_len);
}

int pt_rtnl_flush(struct pt_rtnl *n, struct pt_err *err)
{
	int ret;

	send_gathered(n);
	ret = n->ret;
	n->ret = 0;
	return ret ? pt_err_set(err, ret, "%s", n->err.msg) : 0;
}

// What is read from the answers to one question.
struct dump {
	uint32_t seq;
	mnl_cb_t fn; // NULL once it wants no more
	void *ctx;
	int ret; // its error
};

// The last message of a dump says whether it broke off in the middle: 0, or -errno.
static int end_of(const struct nlmsghdr *nlh)
{
	int code = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	return code < 0 ? code : 0;
}

// 1 while there is more, 0 at the end, -errno. All of it is read, even if nobody wants it any more:
// the kernel takes no other question before. An interrupted dump (changed meanwhile) is no error:
// whoever watches looks again. mnl_cb_run would stop there and never see the end.
static int hand_over(const struct pt_rtnl *n, size_t len, struct dump *d)
{
	const struct nlmsghdr *nlh = (const void *)n->in;
	int left = (int)len, wants;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (nlh->nlmsg_seq != d->seq)
			continue;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return end_of(nlh);
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return e->error;
		if (!d->fn)
			continue;
		errno = 0;
		wants = d->fn(nlh, d->ctx);
		if (wants <= MNL_CB_STOP)
			d->fn = NULL;
		if (wants < MNL_CB_STOP)
			d->ret = errno ? -errno : -EIO;
	}
	return 1;
}

int pt_rtnl_dump(struct pt_rtnl *n, uint16_t type, pt_rtnl_put_fn *put, mnl_cb_t fn, void *ctx)
{
	struct dump d = { .fn = fn, .ctx = ctx };
	struct nlmsghdr *nlh;
	ssize_t len;
	int ret = 1;

	send_gathered(n); // what was asked for before shows
	d.seq = n->seq++;
	nlh = mnl_nlmsg_put_header(n->in);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = d.seq;
	put(ctx, nlh);
	if (mnl_socket_sendto(n->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > 0) {
		len = mnl_socket_recvfrom(n->sock, n->in, sizeof(n->in));
		if (len < 0 && errno != EINTR)
			return -errno;
		if (len > 0)
			ret = hand_over(n, (size_t)len, &d);
	}
	return ret ? ret : d.ret;
}
