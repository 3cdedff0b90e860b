// SPDX-License-Identifier: MIT
// A shaper as the kernel tells it: its root, its classes, their leaves, its filter.
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/htb.h"
#include "net/htb_parse.h"
#include "net/rtnl.h"

struct reader {
	uint32_t ifindex;
	const struct pt_htb *want;
	struct pt_htb *out;
	unsigned seen; // classes that a tree of ours has, a bit each; the root's is the highest
	unsigned strangers; // classes that it has not
	unsigned leaves;    // of ours
	unsigned filters, ours;
};

#define SEEN_ROOT (1u << PT_HTB_CLASSES)
#define SEEN_ALL  (SEEN_ROOT | (SEEN_ROOT - 1))

struct attrs {
	const char *kind;
	const struct nlattr *options;
};

static int on_attr(const struct nlattr *attr, void *data)
{
	struct attrs *a = data;

	if (mnl_attr_get_type(attr) == TCA_KIND &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		a->kind = mnl_attr_get_str(attr);
	else if (mnl_attr_get_type(attr) == TCA_OPTIONS)
		a->options = attr;
	return MNL_CB_OK;
}

static struct attrs attrs_of(const struct nlmsghdr *nlh)
{
	struct attrs a = { .kind = "" };

	(void)mnl_attr_parse(nlh, sizeof(struct tcmsg), on_attr, &a); // the callback never fails
	return a;
}

static int class_index(const struct pt_htb *want, uint32_t handle)
{
	for (int i = 0; i < PT_HTB_CLASSES; i++) {
		if (handle == (PT_HTB_HANDLE | want->class[i].minor))
			return i;
	}
	return -1;
}

static void put_word(char out[PT_QDISC_KIND], const char *word)
{
	size_t len = strnlen(word, PT_QDISC_KIND - 1);

	memcpy(out, word, len);
	out[len] = '\0';
}

// ---- root and leaves ----

static int on_glob(const struct nlattr *attr, void *data)
{
	struct pt_htb *out = data;
	struct tc_htb_glob glob;

	if (mnl_attr_get_type(attr) == TCA_HTB_INIT &&
		mnl_attr_get_payload_len(attr) >= sizeof(glob)) {
		memcpy(&glob, mnl_attr_get_payload(attr), sizeof(glob));
		out->fallback = (uint16_t)glob.defcls;
	}
	return MNL_CB_OK;
}

static int on_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct reader *r = data;

	if (nlh->nlmsg_type != RTM_NEWQDISC || (uint32_t)tc->tcm_ifindex != r->ifindex)
		return MNL_CB_OK;
	struct attrs a = attrs_of(nlh);
	if (tc->tcm_parent == TC_H_ROOT) {
		put_word(r->out->kind, a.kind);
		r->out->handle = tc->tcm_handle;
		if (strcmp(a.kind, "htb") == 0 && a.options)
			(void)mnl_attr_parse_nested(a.options, on_glob, r->out);
	} else if (class_index(r->want, tc->tcm_parent) >= 0) {
		bool other = r->leaves++ && strcmp(r->out->leaf, a.kind) != 0;
		put_word(r->out->leaf, other ? "mixed" : a.kind);
	}
	return MNL_CB_OK;
}

// ---- classes ----

struct class_attrs {
	struct tc_htb_opt opt;
	uint64_t rate64;
};

static int on_class_attr(const struct nlattr *attr, void *data)
{
	struct class_attrs *c = data;
	size_t len = mnl_attr_get_payload_len(attr);

	if (mnl_attr_get_type(attr) == TCA_HTB_PARMS && len >= sizeof(c->opt))
		memcpy(&c->opt, mnl_attr_get_payload(attr), sizeof(c->opt));
	else if (mnl_attr_get_type(attr) == TCA_HTB_RATE64 && len >= sizeof(c->rate64))
		memcpy(&c->rate64, mnl_attr_get_payload(attr), sizeof(c->rate64));
	return MNL_CB_OK;
}

static int on_class(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct class_attrs c = { 0 };
	struct reader *r = data;

	if (nlh->nlmsg_type != RTM_NEWTCLASS || (uint32_t)tc->tcm_ifindex != r->ifindex)
		return MNL_CB_OK;
	struct attrs a = attrs_of(nlh);
	if (a.options)
		(void)mnl_attr_parse_nested(a.options, on_class_attr, &c);
	uint64_t rate_bps = 8 * (c.rate64 ? c.rate64 : c.opt.rate.rate);
	int i = class_index(r->want, tc->tcm_handle);
	if (tc->tcm_handle == (PT_HTB_HANDLE | 1)) {
		r->seen |= SEEN_ROOT;
		r->out->rate_bps = rate_bps;
	} else if (i >= 0) {
		r->seen |= 1u << i;
		r->out->class[i] = (struct pt_htb_class){ .minor = r->want->class[i].minor,
			.rate_bps = rate_bps,
			.quantum_bytes = c.opt.quantum };
	} else {
		r->strangers++;
	}
	return MNL_CB_OK;
}

// ---- filter ----

static int on_filter_attr(const struct nlattr *attr, void *data)
{
	bool *ours = data;

	if (mnl_attr_get_type(attr) == TCA_BPF_NAME &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		*ours |= strcmp(mnl_attr_get_str(attr), PT_HTB_FILTER) == 0;
	return MNL_CB_OK;
}

static int on_filter(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct reader *r = data;
	bool ours = false;

	// Each priority has a message of its own, which has no handle.
	if (nlh->nlmsg_type != RTM_NEWTFILTER || !tc->tcm_handle)
		return MNL_CB_OK;
	struct attrs a = attrs_of(nlh);
	if (strcmp(a.kind, "bpf") == 0 && a.options)
		(void)mnl_attr_parse_nested(a.options, on_filter_attr, &ours);
	r->filters++;
	r->ours += ours;
	return MNL_CB_OK;
}

// ---- all ----

static void put_device(void *ctx, struct nlmsghdr *nlh)
{
	const struct reader *r = ctx;
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = (int)r->ifindex;
}

static void put_root_of(void *ctx, struct nlmsghdr *nlh)
{
	const struct reader *r = ctx;
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = (int)r->ifindex;
	tc->tcm_parent = PT_HTB_HANDLE;
}

// The kernel lists queueing disciplines of all devices.
static void put_nothing(void *ctx, struct nlmsghdr *nlh)
{
	(void)ctx;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct tcmsg));
}

static int read_tree(struct pt_rtnl *n, struct reader *r)
{
	int rc = pt_rtnl_dump(n, RTM_GETTCLASS, put_device, on_class, r);

	if (rc == 0)
		rc = pt_rtnl_dump(n, RTM_GETTFILTER, put_root_of, on_filter, r);
	bool mine = !r->strangers && r->filters == r->ours && r->ours <= 1;
	bool whole = r->seen == SEEN_ALL && r->ours && r->leaves == PT_HTB_CLASSES;
	r->out->owner = !mine ? PT_HTB_OTHER : whole ? PT_HTB_OURS : PT_HTB_PART;
	return rc;
}

int pt_htb_read(uint32_t ifindex, const struct pt_htb *want, struct pt_htb *out, struct pt_err *err)
{
	struct reader r = { .ifindex = ifindex, .want = want, .out = out };
	struct pt_rtnl *n;
	int rc = pt_rtnl_new(NETLINK_ROUTE, &n, err);

	*out = (struct pt_htb){ .owner = PT_HTB_NONE };
	if (rc < 0)
		return rc;
	rc = pt_rtnl_dump(n, RTM_GETQDISC, put_nothing, on_qdisc, &r);
	if (rc == 0 && out->handle == PT_HTB_HANDLE && strcmp(out->kind, "htb") == 0)
		rc = read_tree(n, &r);
	else if (out->handle)
		out->owner = PT_HTB_OTHER;
	pt_rtnl_free(n);
	return rc < 0 ? pt_err_errno(err, rc, "queueing disciplines") : 0;
}
