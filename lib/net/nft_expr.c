// SPDX-License-Identifier: MIT
// Writing and reading have one table, of each kind of expression and its attributes.
#include "net/nft_expr.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/cleanup.h"

// libmnl's loops over attributes count in int.
#pragma GCC diagnostic ignored "-Wconversion"

#define SECOND 1

// ---- attributes ----

const char *pt_nft_text_at(const struct pt_attrs *a, unsigned type)
{
	const struct nlattr *attr = a->at[type];

	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr)
									 : "";
}

// Of 4 or 8 bytes; what is not there is 0.
uint32_t pt_nft_number_at(const struct pt_attrs *a, unsigned type)
{
	const struct nlattr *attr = a->at[type];
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;
	uint32_t v;

	if (len != sizeof(v) && len != 2 * sizeof(v))
		return 0;
	memcpy(&v, (const char *)mnl_attr_get_payload(attr) + len - sizeof(v), sizeof(v));
	return ntohl(v);
}

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

void pt_nft_expr_put(struct nlmsghdr *nlh, const struct pt_nft_expr *e)
{
	struct nlattr *one = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, kinds[e->kind].name);
	struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	put_fields(nlh, e);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, one);
}

static void named_text(const struct pt_nft_expr *e, const char *name, struct pt_buf *out)
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

void pt_nft_expr_text(const struct pt_nft_expr *e, struct pt_buf *out)
{
	named_text(e, kinds[e->kind].name, out);
}

// ---- reading ----

static bool get_value(struct pt_nft_expr *e, unsigned which, const struct nlattr *attr)
{
	const struct pt_attrs data = pt_attrs_in(attr);
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
	const struct pt_attrs data = pt_attrs_in(attr),
			      verdict = pt_attrs_in(data.at[NFTA_DATA_VERDICT]);

	e->chain = pt_nft_text_at(&verdict, NFTA_VERDICT_CHAIN);
	return (int32_t)pt_nft_number_at(&verdict, NFTA_VERDICT_CODE) == NFT_GOTO;
}

// False: it says more, or something else, than what is written here.
static bool get_fields(struct pt_nft_expr *e, const struct pt_attrs *a)
{
	const struct kind *k = &kinds[e->kind];
	unsigned n = 0, v = 0;
	bool good = true;

	for (size_t i = 0; good && i < PT_ARRAY_LEN(k->at) && k->at[i].attr; i++) {
		uint16_t attr = k->at[i].attr;
		switch (k->at[i].form) {
		case REGISTER:
			good = pt_nft_number_at(a, attr) == NFT_REG_1;
			break;
		case NUMBER:
		case WIDE:
			e->n[n++] = pt_nft_number_at(a, attr);
			break;
		case SECONDS:
			good = pt_nft_number_at(a, attr) == SECOND;
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
		good = good && pt_nft_number_at(a, NFTA_BITWISE_OP) == 0;
	if (e->kind == PT_NFT_LIMIT)
		good = good && !pt_nft_number_at(a, NFTA_LIMIT_TYPE) &&
			!pt_nft_number_at(a, NFTA_LIMIT_FLAGS);
	return good;
}

static enum pt_nft_kind kind_of(const char *name, const struct pt_attrs *a)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		bool store = strcmp(name, "payload") == 0 && a->at[NFTA_PAYLOAD_SREG];
		return store ? PT_NFT_STORE : (enum pt_nft_kind)i;
	}
	return PT_NFT_OTHER;
}

void pt_nft_expr_read(const struct nlattr *attr, struct pt_buf *out)
{
	const struct pt_attrs one = pt_attrs_in(attr), data = pt_attrs_in(one.at[NFTA_EXPR_DATA]);
	const char *name = pt_nft_text_at(&one, NFTA_EXPR_NAME);
	struct pt_nft_expr e = { .kind = kind_of(name, &data) };

	if (e.kind != PT_NFT_OTHER && !get_fields(&e, &data))
		e.kind = PT_NFT_OTHER;
	named_text(&e, e.kind == PT_NFT_OTHER ? "?" : name, out);
}
