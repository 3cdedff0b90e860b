// SPDX-License-Identifier: MIT
// Writing and reading have one table, of each kind of expression and its attributes.
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
#include "net/rtnl.h"

// libmnl's loops over attributes count in int.
#pragma GCC diagnostic ignored "-Wconversion"

#define BATCH_BYTES  65536
#define ANSWER_BYTES 32768
#define ATTRS        16
#define SECOND       1
#define COMMENT_TYPE 0 // of user data, as nft(8) reads it

// ---- expressions ----

enum form {
	END,
	REGISTER, // always the first
	NUMBER,   // the next of n
	WIDE,     // the same in 64 bit
	VALUE,    // the next of value
	SECONDS,  // a limit's unit
	VERDICT,
};

static const struct kind {
	const char *name;
	struct {
		uint16_t attr;
		enum form form;
	} at[8];
} kinds[] = {
	[PT_NFT_META] = { "meta", { { NFTA_META_DREG, REGISTER }, { NFTA_META_KEY, NUMBER } } },
	[PT_NFT_LOAD] = { "payload",
		{ { NFTA_PAYLOAD_DREG, REGISTER }, { NFTA_PAYLOAD_BASE, NUMBER },
			{ NFTA_PAYLOAD_OFFSET, NUMBER }, { NFTA_PAYLOAD_LEN, NUMBER } } },
	[PT_NFT_CMP] = { "cmp",
		{ { NFTA_CMP_SREG, REGISTER }, { NFTA_CMP_OP, NUMBER },
			{ NFTA_CMP_DATA, VALUE } } },
	[PT_NFT_MASK] = { "bitwise",
		{ { NFTA_BITWISE_SREG, REGISTER }, { NFTA_BITWISE_DREG, REGISTER },
			{ NFTA_BITWISE_LEN, NUMBER }, { NFTA_BITWISE_MASK, VALUE },
			{ NFTA_BITWISE_XOR, VALUE } } },
	[PT_NFT_STORE] = { "payload",
		{ { NFTA_PAYLOAD_SREG, REGISTER }, { NFTA_PAYLOAD_BASE, NUMBER },
			{ NFTA_PAYLOAD_OFFSET, NUMBER }, { NFTA_PAYLOAD_LEN, NUMBER },
			{ NFTA_PAYLOAD_CSUM_TYPE, NUMBER },
			{ NFTA_PAYLOAD_CSUM_OFFSET, NUMBER } } },
	[PT_NFT_LIMIT] = { "limit",
		{ { NFTA_LIMIT_RATE, WIDE }, { NFTA_LIMIT_UNIT, SECONDS },
			{ NFTA_LIMIT_BURST, NUMBER } } },
	[PT_NFT_GOTO] = { "immediate",
		{ { NFTA_IMMEDIATE_DREG, END }, { NFTA_IMMEDIATE_DATA, VERDICT } } },
};

static void put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(nlh, type, htonl(v));
}

static void put_value(
	struct nlmsghdr *nlh, uint16_t type, const struct pt_nft_expr *e, unsigned which)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, e->len, e->value[which]);
	mnl_attr_nest_end(nlh, nest);
}

static void put_goto(struct nlmsghdr *nlh, const char *chain)
{
	put_u32(nlh, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_IMMEDIATE_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);
	put_u32(nlh, NFTA_VERDICT_CODE, (uint32_t)NFT_GOTO);
	mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(nlh, verdict);
	mnl_attr_nest_end(nlh, data);
}

static void put_fields(struct nlmsghdr *nlh, const struct pt_nft_expr *e)
{
	const struct kind *k = &kinds[e->kind];
	unsigned n = 0, v = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(k->at) && k->at[i].attr; i++) {
		uint16_t attr = k->at[i].attr;
		switch (k->at[i].form) {
		case REGISTER:
			put_u32(nlh, attr, NFT_REG_1);
			break;
		case NUMBER:
			put_u32(nlh, attr, e->n[n++]);
			break;
		case WIDE:
			mnl_attr_put_u64(nlh, attr, htobe64(e->n[n++]));
			break;
		case SECONDS:
			mnl_attr_put_u64(nlh, attr, htobe64(SECOND));
			break;
		case VALUE:
			put_value(nlh, attr, e, v++);
			break;
		case VERDICT:
			put_goto(nlh, e->chain);
			break;
		case END:
			break;
		}
	}
}

static void put_expr(struct nlmsghdr *nlh, const struct pt_nft_expr *e)
{
	struct nlattr *one = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, kinds[e->kind].name);
	struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	put_fields(nlh, e);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, one);
}

// ---- text ----

static void expr_text(const struct pt_nft_expr *e, const char *name, struct pt_buf *out)
{
	const struct kind *k = &kinds[e->kind];
	unsigned n = 0, v = 0;

	pt_buf_printf(out, " %s%s", e->kind == PT_NFT_STORE ? "set-" : "", name);
	for (size_t i = 0; e->kind != PT_NFT_OTHER && i < PT_ARRAY_LEN(k->at); i++) {
		enum form form = k->at[i].form;
		if (form == NUMBER || form == WIDE)
			pt_buf_printf(out, ",%" PRIu32, e->n[n++]);
		for (unsigned b = 0; form == VALUE && b < e->len; b++)
			pt_buf_printf(out, b ? "%02x" : ",%02x", e->value[v][b]);
		v += form == VALUE;
		if (form == VERDICT)
			pt_buf_printf(out, ",%s", e->chain);
	}
}

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
			expr_text(&t->rule[i].expr[k], kinds[t->rule[i].expr[k].kind].name, out);
		pt_buf_puts(out, "\n");
	}
}

// ---- writing ----

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
		put_expr(nlh, &r->expr[i]);
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

struct attrs {
	const struct nlattr *at[ATTRS];
};

static int keep_attr(const struct nlattr *attr, void *data)
{
	struct attrs *a = data;

	if (mnl_attr_get_type(attr) < ATTRS)
		a->at[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static struct attrs nested(const struct nlattr *attr)
{
	struct attrs a = { 0 };

	if (attr)
		(void)mnl_attr_parse_nested(attr, keep_attr, &a); // never fails
	return a;
}

static const char *text_at(const struct attrs *a, unsigned type)
{
	const struct nlattr *attr = a->at[type];

	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr)
									 : "";
}

// Of 4 or 8 bytes; what is not there is 0.
static uint32_t number_at(const struct attrs *a, unsigned type)
{
	const struct nlattr *attr = a->at[type];
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;
	uint32_t v;

	if (len != sizeof(v) && len != 2 * sizeof(v))
		return 0;
	memcpy(&v, (const char *)mnl_attr_get_payload(attr) + len - sizeof(v), sizeof(v));
	return ntohl(v);
}

static bool get_value(struct pt_nft_expr *e, unsigned which, const struct nlattr *attr)
{
	const struct attrs data = nested(attr);
	const struct nlattr *value = data.at[NFTA_DATA_VALUE];
	size_t len = value ? mnl_attr_get_payload_len(value) : 0;

	if (!len || len > PT_NFT_VALUE)
		return false;
	e->len = (uint8_t)len;
	memcpy(e->value[which], mnl_attr_get_payload(value), len);
	return true;
}

static bool get_goto(struct pt_nft_expr *e, const struct nlattr *attr)
{
	const struct attrs data = nested(attr), verdict = nested(data.at[NFTA_DATA_VERDICT]);

	e->chain = text_at(&verdict, NFTA_VERDICT_CHAIN);
	return (int32_t)number_at(&verdict, NFTA_VERDICT_CODE) == NFT_GOTO;
}

// False: it says more, or something else, than what is written here.
static bool get_fields(struct pt_nft_expr *e, const struct attrs *a)
{
	const struct kind *k = &kinds[e->kind];
	unsigned n = 0, v = 0;
	bool good = true;

	for (size_t i = 0; good && i < PT_ARRAY_LEN(k->at) && k->at[i].attr; i++) {
		uint16_t attr = k->at[i].attr;
		switch (k->at[i].form) {
		case REGISTER:
			good = number_at(a, attr) == NFT_REG_1;
			break;
		case NUMBER:
		case WIDE:
			e->n[n++] = number_at(a, attr);
			break;
		case SECONDS:
			good = number_at(a, attr) == SECOND;
			break;
		case VALUE:
			good = get_value(e, v++, a->at[attr]);
			break;
		case VERDICT:
			good = get_goto(e, a->at[attr]);
			break;
		case END:
			break;
		}
	}
	if (e->kind == PT_NFT_MASK)
		good = good && number_at(a, NFTA_BITWISE_OP) == 0;
	if (e->kind == PT_NFT_LIMIT)
		good = good && !number_at(a, NFTA_LIMIT_TYPE) && !number_at(a, NFTA_LIMIT_FLAGS);
	return good;
}

static enum pt_nft_kind kind_of(const char *name, const struct attrs *a)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		bool store = strcmp(name, "payload") == 0 && a->at[NFTA_PAYLOAD_SREG];
		return store ? PT_NFT_STORE : (enum pt_nft_kind)i;
	}
	return PT_NFT_OTHER;
}

static void read_expr(const struct nlattr *attr, struct pt_buf *out)
{
	const struct attrs one = nested(attr), data = nested(one.at[NFTA_EXPR_DATA]);
	const char *name = text_at(&one, NFTA_EXPR_NAME);
	struct pt_nft_expr e = { .kind = kind_of(name, &data) };

	if (e.kind != PT_NFT_OTHER && !get_fields(&e, &data))
		e.kind = PT_NFT_OTHER;
	expr_text(&e, e.kind == PT_NFT_OTHER ? "?" : name, out);
}

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

static void on_table(struct reader *r, const struct attrs *a)
{
	if (strcmp(text_at(a, NFTA_TABLE_NAME), r->table) != 0)
		return;
	r->n_table++;
	r->use = number_at(a, NFTA_TABLE_USE);
	if (number_at(a, NFTA_TABLE_FLAGS)) // dormant, or a process's own
		pt_buf_puts(r->text, "flags\n");
	read_comment(a->at[NFTA_TABLE_USERDATA], r->comment);
}

static void on_chain(struct reader *r, const struct attrs *a)
{
	const struct attrs hook = nested(a->at[NFTA_CHAIN_HOOK]);
	bool base = a->at[NFTA_CHAIN_HOOK] != NULL;

	if (strcmp(text_at(a, NFTA_CHAIN_TABLE), r->table) != 0)
		return;
	r->n_chain++;
	chain_text(text_at(a, NFTA_CHAIN_NAME), base, number_at(&hook, NFTA_HOOK_HOOKNUM),
		(int32_t)number_at(&hook, NFTA_HOOK_PRIORITY), text_at(a, NFTA_CHAIN_TYPE),
		r->text);
	if (base && number_at(a, NFTA_CHAIN_POLICY) != NF_ACCEPT)
		pt_buf_puts(r->text, "policy drop\n");
}

static void on_rule(struct reader *r, const struct attrs *a)
{
	const struct nlattr *attr;

	if (strcmp(text_at(a, NFTA_RULE_TABLE), r->table) != 0)
		return;
	pt_buf_printf(r->text, "%s:", text_at(a, NFTA_RULE_CHAIN));
	if (a->at[NFTA_RULE_EXPRESSIONS]) {
		mnl_attr_for_each_nested(attr, a->at[NFTA_RULE_EXPRESSIONS])
			read_expr(attr, r->text);
	}
	pt_buf_puts(r->text, "\n");
}

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct reader *r = data;
	struct attrs a = { 0 };

	if (nfg->nfgen_family != NFPROTO_INET)
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof(*nfg), keep_attr, &a); // never fails
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
