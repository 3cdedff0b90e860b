// SPDX-License-Identifier: MIT
#include "net/qdisc.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MESSAGE_BYTES 32768 // what the kernel fills at most for a dump
#define SEQUENCE      1

struct reader {
	struct pt_qdiscs *out;
	int ret;
};

// Sizes grow with kernels: what is known is copied, what is missing stays 0.
static void copy(void *to, size_t size, const struct nlattr *attr)
{
	size_t have = mnl_attr_get_payload_len(attr);

	memcpy(to, mnl_attr_get_payload(attr), have < size ? have : size);
}

static int on_stat(const struct nlattr *attr, void *data)
{
	struct pt_qdisc *q = data;
	struct gnet_stats_basic basic = { 0 };
	struct gnet_stats_queue queue = { 0 };

	if (mnl_attr_get_type(attr) == TCA_STATS_BASIC) {
		copy(&basic, sizeof(basic), attr);
		q->bytes = basic.bytes;
		q->packets = basic.packets;
	} else if (mnl_attr_get_type(attr) == TCA_STATS_QUEUE) {
		copy(&queue, sizeof(queue), attr);
		q->drops = queue.drops;
		q->backlog_bytes = queue.backlog;
		q->queued = queue.qlen;
	}
	return MNL_CB_OK;
}

static int on_attr(const struct nlattr *attr, void *data)
{
	struct pt_qdisc *q = data;

	if (mnl_attr_get_type(attr) == TCA_KIND &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
		mnl_attr_get_payload_len(attr) <= sizeof(q->kind))
		memcpy(q->kind, mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr));
	else if (mnl_attr_get_type(attr) == TCA_STATS2)
		(void)mnl_attr_parse_nested(attr, on_stat, q); // the callback never fails
	return MNL_CB_OK;
}

static int on_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct reader *r = data;
	uint32_t n = r->out->n;

	if (nlh->nlmsg_type != RTM_NEWQDISC)
		return MNL_CB_OK;
	if (!(n & (n - 1))) { // doubles at powers of two
		void *grown = realloc(
			r->out->qdisc, (n ? 2 * (size_t)n : 1) * sizeof(struct pt_qdisc));
		if (!grown) {
			r->ret = -ENOMEM;
			return MNL_CB_STOP;
		}
		r->out->qdisc = grown;
	}
	struct pt_qdisc *q = &r->out->qdisc[r->out->n++];
	*q = (struct pt_qdisc){ .ifindex = (uint32_t)tc->tcm_ifindex,
		.handle = tc->tcm_handle,
		.parent = tc->tcm_parent };
	(void)mnl_attr_parse(nlh, sizeof(*tc), on_attr, q); // the callback never fails
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *sock, char *buf, struct reader *r)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *tc;
	int ret = 1;

	nlh->nlmsg_type = RTM_GETQDISC;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = SEQUENCE;
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_family = AF_UNSPEC;
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > 0) {
		ssize_t n = mnl_socket_recvfrom(sock, buf, MESSAGE_BYTES);
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(
			buf, (size_t)n, SEQUENCE, mnl_socket_get_portid(sock), on_qdisc, r);
		if (ret < 0)
			return -errno;
	}
	return r->ret;
}

int pt_qdiscs_read(struct pt_qdiscs *out, struct pt_err *err)
{
	pt_autofree char *buf = malloc(MESSAGE_BYTES);
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct pt_qdiscs all = { 0 };
	struct reader r = { .out = &all };
	int rc = !sock ? -errno : !buf ? -ENOMEM : 0;

	if (rc == 0 && mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		rc = -errno;
	if (rc == 0)
		rc = dump(sock, buf, &r);
	if (sock)
		(void)mnl_socket_close(sock);
	if (rc < 0) {
		pt_qdiscs_done(&all);
		return pt_err_errno(err, rc, "queueing disciplines");
	}
	*out = all;
	return 0;
}

void pt_qdiscs_done(struct pt_qdiscs *q)
{
	free(q->qdisc);
	*q = (struct pt_qdiscs){ 0 };
}

const struct pt_qdisc *pt_qdiscs_root(const struct pt_qdiscs *q, uint32_t ifindex)
{
	for (uint32_t i = 0; i < q->n; i++) {
		if (q->qdisc[i].ifindex == ifindex && q->qdisc[i].parent == TC_H_ROOT)
			return &q->qdisc[i];
	}
	return NULL;
}
