// SPDX-License-Identifier: MIT
#include "net/htb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/htb_parse.h"
#include "net/rtnl.h"

#define ROOT_MINOR  1
#define BURST_US    1000 // what the link is sent at once
#define CATCH_UP_US 5000 // what a class that was served late gets after, within the link's
#define BURST_LEAST 4000 // bytes
#define TICK_NS     64   // of the kernel's packet scheduler
#define FIFO_US     40000
#define FIFO_LEAST  64 // packets
#define FIFO_PACKET 1514
#define FILTER_PRIO 1

struct writer {
	struct pt_rtnl *n;
	uint32_t ifindex;
	const struct pt_htb *want;
};

static struct nlmsghdr *begin(
	struct writer *w, uint16_t type, uint16_t flags, uint32_t parent, uint32_t handle)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(w->n, type, flags, 0);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	*tc = (struct tcmsg){ .tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)w->ifindex,
		.tcm_parent = parent,
		.tcm_handle = handle };
	return nlh;
}

static void put_root(struct writer *w)
{
	struct nlmsghdr *nlh = begin(
		w, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, TC_H_ROOT, PT_HTB_HANDLE);
	const struct tc_htb_glob glob = {
		.version = 3, .rate2quantum = 10, .defcls = w->want->fallback
	};

	mnl_attr_put_strz(nlh, TCA_KIND, "htb");
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put(nlh, TCA_HTB_INIT, sizeof(glob), &glob);
	mnl_attr_nest_end(nlh, options);
	pt_rtnl_end(w->n, nlh, "HTB");
}

static uint32_t burst_ticks(uint64_t bytes_per_s, uint32_t us)
{
	uint64_t bytes = bytes_per_s * us / 1000000;

	bytes = bytes < BURST_LEAST ? BURST_LEAST : bytes;
	return (uint32_t)(bytes * 1000000000 / bytes_per_s / TICK_NS);
}

// A rate above 32 bits has an attribute of its own.
static uint32_t short_rate(struct nlmsghdr *nlh, uint16_t attr, uint64_t bytes_per_s)
{
	if (bytes_per_s < UINT32_MAX)
		return (uint32_t)bytes_per_s;
	mnl_attr_put_u64(nlh, attr, bytes_per_s);
	return UINT32_MAX;
}

static void put_class(
	struct writer *w, uint32_t parent, const struct pt_htb_class *c, uint32_t prio)
{
	uint64_t rate = c->rate_bps / 8, ceil = w->want->rate_bps / 8;
	struct nlmsghdr *nlh = begin(
		w, RTM_NEWTCLASS, NLM_F_CREATE, PT_HTB_HANDLE | parent, PT_HTB_HANDLE | c->minor);
	struct tc_htb_opt opt = { .rate.linklayer = TC_LINKLAYER_ETHERNET,
		.ceil.linklayer = TC_LINKLAYER_ETHERNET,
		.buffer = burst_ticks(rate, parent ? CATCH_UP_US : BURST_US),
		.cbuffer = burst_ticks(ceil, BURST_US),
		.quantum = c->quantum_bytes,
		.prio = prio };

	mnl_attr_put_strz(nlh, TCA_KIND, "htb");
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	opt.rate.rate = short_rate(nlh, TCA_HTB_RATE64, rate);
	opt.ceil.rate = short_rate(nlh, TCA_HTB_CEIL64, ceil);
	mnl_attr_put(nlh, TCA_HTB_PARMS, sizeof(opt), &opt);
	mnl_attr_nest_end(nlh, options);
	pt_rtnl_end(w->n, nlh, "HTB class");
}

static void put_classes(struct writer *w)
{
	const struct pt_htb_class root = {
		.minor = ROOT_MINOR, .rate_bps = w->want->rate_bps, .quantum_bytes = FIFO_PACKET
	};

	put_class(w, 0, &root, 0);
	for (uint32_t i = 0; i < PT_HTB_CLASSES; i++)
		put_class(w, ROOT_MINOR, &w->want->class[i], i);
}

// pfifo counts packets: as many as leave within FIFO_US.
static void put_leaf(struct writer *w, const struct pt_htb_class *c)
{
	struct nlmsghdr *nlh = begin(
		w, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, PT_HTB_HANDLE | c->minor, 0);
	uint64_t packets = w->want->rate_bps / 8 * FIFO_US / 1000000 / FIFO_PACKET;
	const struct tc_fifo_qopt fifo = { .limit = packets < FIFO_LEAST ? FIFO_LEAST
									 : (uint32_t)packets };

	mnl_attr_put_strz(nlh, TCA_KIND, w->want->leaf);
	if (strcmp(w->want->leaf, "pfifo") == 0)
		mnl_attr_put(nlh, TCA_OPTIONS, sizeof(fifo), &fifo);
	pt_rtnl_end(w->n, nlh, w->want->leaf);
}

static void put_filter(struct writer *w, int filter_fd)
{
	struct nlmsghdr *nlh = begin(
		w, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, PT_HTB_HANDLE, 0);
	struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	tc->tcm_info = TC_H_MAKE(FILTER_PRIO << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FD, (uint32_t)filter_fd);
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, PT_HTB_FILTER);
	mnl_attr_nest_end(nlh, options);
	pt_rtnl_end(w->n, nlh, "BPF filter");
}

static void put_gone(struct writer *w)
{
	struct nlmsghdr *nlh = begin(w, RTM_DELQDISC, 0, TC_H_ROOT, PT_HTB_HANDLE);

	pt_rtnl_end(w->n, nlh, "HTB");
}

static int build(struct writer *w, int filter_fd, struct pt_err *err)
{
	put_root(w);
	int rc = pt_rtnl_flush(w->n, err);
	if (rc < 0)
		return rc; // nothing of ours is there
	put_classes(w);
	for (unsigned i = 0; i < PT_HTB_CLASSES; i++)
		put_leaf(w, &w->want->class[i]);
	put_filter(w, filter_fd);
	rc = pt_rtnl_flush(w->n, err);
	if (rc < 0) {
		put_gone(w);
		(void)pt_rtnl_flush(w->n, NULL); // the first error is told
	}
	return rc;
}

static int change(struct writer *w, const struct pt_htb *now, struct pt_err *err)
{
	put_classes(w);
	for (unsigned i = 0; i < PT_HTB_CLASSES && strcmp(now->leaf, w->want->leaf) != 0; i++)
		put_leaf(w, &w->want->class[i]);
	return pt_rtnl_flush(w->n, err);
}

static int refuse(const struct pt_htb *now, struct pt_err *err)
{
	return pt_err_set(err, -EEXIST,
		"%s %x: is on the device, configured by somebody else; `tc qdisc del' it first",
		now->kind, now->handle >> 16);
}

int pt_htb_put(uint32_t ifindex, const struct pt_htb *want, int filter_fd, struct pt_err *err)
{
	struct writer w = { .ifindex = ifindex, .want = want };
	struct pt_htb now;
	int rc = pt_htb_read(ifindex, want, &now, err);

	if (rc == 0 && (now.owner == PT_HTB_OTHER || now.owner == PT_HTB_PART))
		return refuse(&now, err);
	if (rc == 0)
		rc = pt_rtnl_new(NETLINK_ROUTE, &w.n, err);
	if (rc < 0)
		return rc;
	bool ours = now.owner == PT_HTB_OURS;
	if (ours && now.fallback != want->fallback) { // HTB cannot change it
		put_gone(&w);
		ours = false;
	}
	rc = ours ? change(&w, &now, err) : build(&w, filter_fd, err);
	pt_rtnl_free(w.n);
	return rc;
}

int pt_htb_remove(uint32_t ifindex, const struct pt_htb *want, struct pt_err *err)
{
	struct writer w = { .ifindex = ifindex, .want = want };
	struct pt_htb now;
	int rc = pt_htb_read(ifindex, want, &now, err);

	if (rc < 0 || now.owner == PT_HTB_NONE)
		return rc;
	if (now.owner == PT_HTB_OTHER)
		return refuse(&now, err);
	rc = pt_rtnl_new(NETLINK_ROUTE, &w.n, err);
	if (rc < 0)
		return rc;
	put_gone(&w);
	rc = pt_rtnl_flush(w.n, err);
	pt_rtnl_free(w.n);
	return rc;
}

// ---- what the kernel has ----

struct trial {
	const char *const *kinds;
	unsigned n;
	uint32_t have;
	int rc;
	struct pt_err err;
};

#define LOOPBACK 1 // its index in every network namespace

static void try_kinds(struct trial *t)
{
	struct writer w = { .ifindex = LOOPBACK };

	t->rc = pt_rtnl_new(NETLINK_ROUTE, &w.n, &t->err);
	for (unsigned i = 0; t->rc == 0 && i < t->n; i++) {
		struct nlmsghdr *nlh = begin(
			&w, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, TC_H_ROOT, 0);
		mnl_attr_put_strz(nlh, TCA_KIND, t->kinds[i]);
		pt_rtnl_end(w.n, nlh, t->kinds[i]);
		if (pt_rtnl_flush(w.n, NULL) == 0)
			t->have |= 1u << i;
	}
	pt_rtnl_free(w.n);
}

static void *trial_thread(void *arg)
{
	struct trial *t = arg;

	if (unshare(CLONE_NEWNET) < 0)
		t->rc = pt_err_errno(&t->err, -errno, "a network namespace to try in");
	else
		try_kinds(t);
	return NULL;
}

int pt_htb_kinds(const char *const *kinds, unsigned n, uint32_t *have, struct pt_err *err)
{
	struct trial t = { .kinds = kinds, .n = n };
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, trial_thread, &t);

	if (rc)
		return pt_err_errno(err, -rc, "a thread");
	(void)pthread_join(thread, NULL);
	if (t.rc < 0)
		return pt_err_set(err, t.rc, "%s", t.err.msg);
	*have = t.have;
	return 0;
}
