// SPDX-License-Identifier: MIT
#include "net/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/nft_expr.h"
#include "net/rtnl.h"

// libmnl's loops over attributes count in int.
#pragma GCC diagnostic ignored "-Wconversion"

#define BATCH_BYTES  65536
#define ANSWER_BYTES 32768
#define COMMENT_TYPE 0 // of user data, as nft(8) reads it

static void chain_text(const char *name, bool base, uint32_t hook, int32_t priority,
	const char *type, struct pt_buf *out)
{
	pt_buf_printf(out, "chain %s", name);
	if (base)
		pt_buf_printf(out, " %s hook %" PRIu32 " priority %" PRId32, type, hook, priority);
	pt_buf_puts(out, "\n");
}

void pt_nft_text(const struct pt_nft_table *t, struct pt_buf *out)
{
	for (unsigned i = 0; i < t->n_chain; i++) {
		const struct pt_nft_chain *c = &t->chain[i];
		chain_text(c->name, c->base, c->hook, c->priority, "filter", out);
	}
	for (unsigned i = 0; i < t->n_rule; i++) {
		pt_buf_printf(out, "%s:", t->rule[i].chain);
		for (unsigned k = 0; k < t->rule[i].n; k++)
			pt_nft_expr_text(&t->rule[i].expr[k], out);
		pt_buf_puts(out, "\n");
	}
}

// ---- writing ----

static void put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(nlh, type, htonl(v));
}

struct batch {
	char *buf;
	size_t used;
	uint32_t seq;
	struct mnl_socket *sock;
};

static void close_batch(struct batch *b)
{
	if (b->sock)
		(void)mnl_socket_close(b->sock);
	free(b->buf);
}

static struct nlmsghdr *begin(struct batch *b, uint16_t type, uint8_t family, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(b->buf + b->used);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	bool edge = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;

	nlh->nlmsg_type = edge ? type : NFNL_SUBSYS_NFTABLES << 8 | type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++b->seq;
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(edge ? NFNL_SUBSYS_NFTABLES : 0);
	return nlh;
}

static void end(struct batch *b, const struct nlmsghdr *nlh)
{
	b->used += MNL_ALIGN(nlh->nlmsg_len);
}

static void put_comment(struct nlmsghdr *nlh, uint16_t attr, const char *comment)
{
	uint8_t tlv[2 + PT_NFT_COMMENT] = { COMMENT_TYPE };
	size_t len = strlen(comment) + 1;

	if (len > PT_NFT_COMMENT)
		return; // cut short it would say something else
	tlv[1] = (uint8_t)len;
	memcpy(tlv + 2, comment, len);
	mnl_attr_put(nlh, attr, 2 + len, tlv);
}

static void put_table(struct batch *b, uint16_t type, const char *name, const char *comment)
{
	struct nlmsghdr *nlh = begin(
		b, type, NFPROTO_INET, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, name);
	if (comment)
		put_comment(nlh, NFTA_TABLE_USERDATA, comment);
	end(b, nlh);
}

static void put_chain(struct batch *b, const char *table, const struct pt_nft_chain *c)
{
	struct nlmsghdr *nlh = begin(b, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, c->name);
	if (c->base) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
		put_u32(nlh, NFTA_HOOK_HOOKNUM, c->hook);
		put_u32(nlh, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
		mnl_attr_nest_end(nlh, nest);
		put_u32(nlh, NFTA_CHAIN_POLICY, NF_ACCEPT);
		mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	}
	end(b, nlh);
}

static void put_rule(struct batch *b, const char *table, const struct pt_nft_rule *r)
{
	struct nlmsghdr *nlh = begin(b, NFT_MSG_NEWRULE, NFPROTO_INET, NLM_F_CREATE | NLM_F_APPEND);

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, r->chain);
	struct nlattr *list = mnl_attr_nest_start(nlh, NFTA_RULE_EXPRESSIONS);
	for (unsigned i = 0; i < r->n; i++)
		pt_nft_expr_put(nlh, &r->expr[i]);
	mnl_attr_nest_end(nlh, list);
	if (r->comment)
		put_comment(nlh, NFTA_RULE_USERDATA, r->comment);
	end(b, nlh);
}

static int open_batch(struct batch *b, struct pt_err *err)
{
	*b = (struct batch){ .buf = calloc(1, BATCH_BYTES) };
	if (!b->buf)
		return pt_err_set(err, -ENOMEM, "out of memory");
	b->sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!b->sock || mnl_socket_bind(b->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return pt_err_errno(
			err, errno == EPROTONOSUPPORT ? -EOPNOTSUPP : -errno, "nftables");
	end(b, begin(b, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, 0));
	return 0;
}

// Messages that fail are answered, and the last one is by all means: 0 or the first error.
static int read_answers(const struct batch *b, uint32_t last, struct pt_err *err)
{
	pt_autofree char *buf = malloc(ANSWER_BYTES);

	while (buf) {
		ssize_t n = mnl_socket_recvfrom(b->sock, buf, ANSWER_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pt_err_errno(err, -errno, "nftables");
		int left = (int)n;
		for (const struct nlmsghdr *nlh = (const void *)buf; mnl_nlmsg_ok(nlh, left);
			nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
			if (nlh->nlmsg_type != NLMSG_ERROR)
				continue;
			if (e->error)
				return pt_err_errno(err,
					e->error == -EINVAL && nlh->nlmsg_seq == 1 ? -EOPNOTSUPP
										   : e->error,
					"nftables");
			if (nlh->nlmsg_seq == last)
				return 0;
		}
	}
	return pt_err_set(err, -ENOMEM, "out of memory");
}

// The last message that was begun asks for its answer.
static int commit(struct batch *b, struct nlmsghdr *last, struct pt_err *err)
{
	uint32_t seq = last->nlmsg_seq;

	last->nlmsg_flags |= NLM_F_ACK;
	end(b, begin(b, NFNL_MSG_BATCH_END, AF_UNSPEC, 0));
	if (mnl_socket_sendto(b->sock, b->buf, b->used) < 0)
		return pt_err_errno(err, -errno, "nftables");
	return read_answers(b, seq, err);
}

int pt_nft_put(const struct pt_nft_table *t, struct pt_err *err)
{
	__attribute__((cleanup(close_batch))) struct batch b;
	int rc = open_batch(&b, err);
	size_t last = 0;

	if (rc < 0)
		return rc;
	put_table(&b, NFT_MSG_NEWTABLE, t->name, NULL); // so that there is one to delete
	put_table(&b, NFT_MSG_DELTABLE, t->name, NULL);
	put_table(&b, NFT_MSG_NEWTABLE, t->name, t->comment);
	for (unsigned i = 0; i < t->n_chain; i++) {
		last = b.used;
		put_chain(&b, t->name, &t->chain[i]);
	}
	for (unsigned i = 0; i < t->n_rule; i++) {
		if (b.used > BATCH_BYTES - 4096)
			return pt_err_set(err, -E2BIG, "nftables: too many rules");
		last = b.used;
		put_rule(&b, t->name, &t->rule[i]);
	}
	return commit(&b, (struct nlmsghdr *)(b.buf + last), err);
}

int pt_nft_remove(const char *name, struct pt_err *err)
{
	__attribute__((cleanup(close_batch))) struct batch b;
	int rc = open_batch(&b, err);

	if (rc < 0)
		return rc;
	put_table(&b, NFT_MSG_NEWTABLE, name, NULL);
	size_t last = b.used;
	put_table(&b, NFT_MSG_DELTABLE, name, NULL);
	return commit(&b, (struct nlmsghdr *)(b.buf + last), err);
}

// ---- reading ----

struct reader {
	const char *table;
	uint16_t type; // of the messages that are asked for
	char *comment;
	struct pt_buf *text;
	uint32_t use;              // chains, sets and objects, as the kernel counts them
	unsigned n_chain, n_table; // found
};

static void read_comment(const struct nlattr *attr, char comment[PT_NFT_COMMENT])
{
	const uint8_t *tlv = attr ? mnl_attr_get_payload(attr) : NULL;
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	*comment = '\0';
	if (len > 2 && tlv[0] == COMMENT_TYPE && tlv[1] <= len - 2 && tlv[1] <= PT_NFT_COMMENT)
		(void)snprintf(comment, PT_NFT_COMMENT, "%.*s", (int)tlv[1], (const char *)tlv + 2);
}

static void on_table(struct reader *r, const struct pt_attrs *a)
{
	if (strcmp(pt_nft_text_at(a, NFTA_TABLE_NAME), r->table) != 0)
		return;
	r->n_table++;
	r->use = pt_nft_number_at(a, NFTA_TABLE_USE);
	if (pt_nft_number_at(a, NFTA_TABLE_FLAGS)) // dormant, or a process's own
		pt_buf_puts(r->text, "flags\n");
	read_comment(a->at[NFTA_TABLE_USERDATA], r->comment);
}

static void on_chain(struct reader *r, const struct pt_attrs *a)
{
	const struct pt_attrs hook = pt_attrs_in(a->at[NFTA_CHAIN_HOOK]);
	bool base = a->at[NFTA_CHAIN_HOOK] != NULL;

	if (strcmp(pt_nft_text_at(a, NFTA_CHAIN_TABLE), r->table) != 0)
		return;
	r->n_chain++;
	chain_text(pt_nft_text_at(a, NFTA_CHAIN_NAME), base,
		pt_nft_number_at(&hook, NFTA_HOOK_HOOKNUM),
		(int32_t)pt_nft_number_at(&hook, NFTA_HOOK_PRIORITY),
		pt_nft_text_at(a, NFTA_CHAIN_TYPE), r->text);
	if (base && pt_nft_number_at(a, NFTA_CHAIN_POLICY) != NF_ACCEPT)
		pt_buf_puts(r->text, "policy drop\n");
}

static void on_rule(struct reader *r, const struct pt_attrs *a)
{
	const struct nlattr *attr;

	if (strcmp(pt_nft_text_at(a, NFTA_RULE_TABLE), r->table) != 0)
		return;
	pt_buf_printf(r->text, "%s:", pt_nft_text_at(a, NFTA_RULE_CHAIN));
	if (a->at[NFTA_RULE_EXPRESSIONS]) {
		mnl_attr_for_each_nested(attr, a->at[NFTA_RULE_EXPRESSIONS])
			pt_nft_expr_read(attr, r->text);
	}
	pt_buf_puts(r->text, "\n");
}

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct reader *r = data;

	if (nfg->nfgen_family != NFPROTO_INET)
		return MNL_CB_OK;
	const struct pt_attrs a = pt_attrs_of(nlh, sizeof(*nfg));
	switch (r->type) {
	case NFT_MSG_GETTABLE:
		on_table(r, &a);
		break;
	case NFT_MSG_GETCHAIN:
		on_chain(r, &a);
		break;
	default:
		on_rule(r, &a);
	}
	return MNL_CB_OK;
}

static void ask(void *ctx, struct nlmsghdr *nlh)
{
	const struct reader *r = ctx;
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nfg->nfgen_family = NFPROTO_INET;
	nfg->version = NFNETLINK_V0;
	if (r->type == NFT_MSG_GETRULE) // others' rules may be many
		mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, r->table);
}

int pt_nft_read(
	const char *name, char comment[PT_NFT_COMMENT], struct pt_buf *text, struct pt_err *err)
{
	static const uint16_t types[] = { NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE };
	struct reader r = { .table = name, .comment = comment, .text = text };
	struct pt_rtnl *n = NULL;
	int rc = pt_rtnl_new(NETLINK_NETFILTER, &n, err);

	pt_buf_clear(text);
	*comment = '\0';
	for (size_t i = 0; rc == 0 && i < PT_ARRAY_LEN(types); i++) {
		r.type = types[i];
		rc = pt_rtnl_dump(n, NFNL_SUBSYS_NFTABLES << 8 | r.type, ask, on_message, &r);
		if (rc == 0 && !r.n_table)
			rc = -ENOENT;
	}
	pt_rtnl_free(n);
	if (rc == -EPROTONOSUPPORT || rc == -EOPNOTSUPP || (rc == -EINVAL && !r.n_table))
		return pt_err_set(err, -EOPNOTSUPP, "this kernel has no nftables");
	if (rc < 0)
		return pt_err_errno(err, rc, "nftables: table %s", name);
	if (r.use != r.n_chain)
		pt_buf_puts(text, "more\n"); // sets, objects: somebody else's
	return 0;
}
