// SPDX-License-Identifier: MIT
#include "net/ethtool.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

// libmnl's loops over attributes count in int.
#pragma GCC diagnostic ignored "-Wconversion"

#define MESSAGE_BYTES 32768

struct pt_ethtool_socket {
	struct mnl_socket *sock;
	uint16_t family;
	uint32_t seq;
	char buf[MESSAGE_BYTES];
};

// What each number is on the wire. One row gives reading and writing.
static const struct row {
	const char *key;
	uint8_t get, set;
	uint16_t header, attr, max;
	bool byte; // u8 instead of u32
} rows[] = {
	{ "rings.rx", ETHTOOL_MSG_RINGS_GET, ETHTOOL_MSG_RINGS_SET, ETHTOOL_A_RINGS_HEADER,
		ETHTOOL_A_RINGS_RX, ETHTOOL_A_RINGS_RX_MAX, false },
	{ "rings.tx", ETHTOOL_MSG_RINGS_GET, ETHTOOL_MSG_RINGS_SET, ETHTOOL_A_RINGS_HEADER,
		ETHTOOL_A_RINGS_TX, ETHTOOL_A_RINGS_TX_MAX, false },
	{ "channels.rx", ETHTOOL_MSG_CHANNELS_GET, ETHTOOL_MSG_CHANNELS_SET,
		ETHTOOL_A_CHANNELS_HEADER, ETHTOOL_A_CHANNELS_RX_COUNT, ETHTOOL_A_CHANNELS_RX_MAX,
		false },
	{ "channels.tx", ETHTOOL_MSG_CHANNELS_GET, ETHTOOL_MSG_CHANNELS_SET,
		ETHTOOL_A_CHANNELS_HEADER, ETHTOOL_A_CHANNELS_TX_COUNT, ETHTOOL_A_CHANNELS_TX_MAX,
		false },
	{ "channels.combined", ETHTOOL_MSG_CHANNELS_GET, ETHTOOL_MSG_CHANNELS_SET,
		ETHTOOL_A_CHANNELS_HEADER, ETHTOOL_A_CHANNELS_COMBINED_COUNT,
		ETHTOOL_A_CHANNELS_COMBINED_MAX, false },
	{ "coalesce.rx-usecs", ETHTOOL_MSG_COALESCE_GET, ETHTOOL_MSG_COALESCE_SET,
		ETHTOOL_A_COALESCE_HEADER, ETHTOOL_A_COALESCE_RX_USECS, 0, false },
	{ "coalesce.tx-usecs", ETHTOOL_MSG_COALESCE_GET, ETHTOOL_MSG_COALESCE_SET,
		ETHTOOL_A_COALESCE_HEADER, ETHTOOL_A_COALESCE_TX_USECS, 0, false },
	{ "coalesce.rx-frames", ETHTOOL_MSG_COALESCE_GET, ETHTOOL_MSG_COALESCE_SET,
		ETHTOOL_A_COALESCE_HEADER, ETHTOOL_A_COALESCE_RX_MAX_FRAMES, 0, false },
	{ "coalesce.adaptive-rx", ETHTOOL_MSG_COALESCE_GET, ETHTOOL_MSG_COALESCE_SET,
		ETHTOOL_A_COALESCE_HEADER, ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, 0, true },
	{ "coalesce.adaptive-tx", ETHTOOL_MSG_COALESCE_GET, ETHTOOL_MSG_COALESCE_SET,
		ETHTOOL_A_COALESCE_HEADER, ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX, 0, true },
};
_Static_assert(PT_ARRAY_LEN(rows) <= PT_ETHTOOL_NUMBERS, "room for every number");

static struct nlmsghdr *begin(
	struct pt_ethtool_socket *s, uint16_t family, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(s->buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++s->seq;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = 1;
	return nlh;
}

static void put_device(struct nlmsghdr *nlh, uint16_t type, const char *device)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put_strz(nlh, ETHTOOL_A_HEADER_DEV_NAME, device);
	mnl_attr_nest_end(nlh, nest);
}

// The kernel's own words of a refusal; NULL where it gives none.
static const char *words_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	size_t skip = sizeof(*e); // and, where it is not capped, the rest of the message refused

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > sizeof(e->msg))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	mnl_attr_for_each(attr, nlh, skip)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
			mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

static void fill_refusal(const struct nlmsghdr *nlh, int code, struct pt_err *err)
{
	const char *words = words_of(nlh);

	(void)pt_err_set(
		err, code, "%s%s%s", strerrordesc_np(-code), words ? ": " : "", words ? words : "");
}

// Sends what is in buf and reads to the end; fn sees each message that is no error.
static int talk(struct pt_ethtool_socket *s, mnl_cb_t fn, void *data, struct pt_err *err)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)s->buf;

	if (mnl_socket_sendto(s->sock, nlh, nlh->nlmsg_len) < 0)
		return pt_err_errno(err, -errno, "ethtool netlink");
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s->sock, s->buf, sizeof(s->buf));
		if (n < 0)
			return pt_err_errno(err, -errno, "ethtool netlink");
		int left = (int)n;
		for (nlh = (const struct nlmsghdr *)s->buf; mnl_nlmsg_ok(nlh, left);
			nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != s->seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				int code = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))
						   ->error;
				if (code)
					fill_refusal(nlh, code, err);
				return code;
			}
			if (fn)
				(void)fn(nlh, data); // the callbacks never fail
		}
	}
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	struct pt_ethtool_socket *s = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			s->family = mnl_attr_get_u16(attr);
	}
	return MNL_CB_OK;
}

int pt_ethtool_open(struct pt_ethtool_socket **out, struct pt_err *err)
{
	struct pt_ethtool_socket *s = calloc(1, sizeof(*s));
	int on = 1, rc;

	if (!s)
		return pt_err_set(err, -ENOMEM, "out of memory");
	s->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!s->sock || mnl_socket_bind(s->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		rc = pt_err_errno(err, -errno, "netlink");
		pt_ethtool_close(s);
		return rc;
	}
	// Words of refusals and short echoes: comfort only.
	(void)mnl_socket_setsockopt(s->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(s->sock, NETLINK_CAP_ACK, &on, sizeof(on));
	s->seq = (uint32_t)time(NULL);
	struct nlmsghdr *nlh = begin(s, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME);
	rc = talk(s, on_family, s, err);
	if (rc < 0 || !s->family) {
		pt_ethtool_close(s);
		return pt_err_set(err, -EOPNOTSUPP, "this kernel has no ethtool netlink");
	}
	*out = s;
	return 0;
}

void pt_ethtool_close(struct pt_ethtool_socket *s)
{
	if (!s)
		return;
	if (s->sock)
		(void)mnl_socket_close(s->sock);
	free(s);
}

struct reader {
	struct pt_ethtool *out;
	uint8_t get;
};

static uint32_t number(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == 1    ? mnl_attr_get_u8(attr)
		: mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr)
						      : 0;
}

static int on_numbers(const struct nlmsghdr *nlh, void *data)
{
	const struct reader *r = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
			struct pt_ethtool_number *n = &r->out->number[i];
			if (rows[i].get != r->get)
				continue;
			if (mnl_attr_get_type(attr) == rows[i].attr) {
				n->there = true;
				n->value = number(attr);
			} else if (rows[i].max && mnl_attr_get_type(attr) == rows[i].max) {
				n->max = number(attr);
			}
		}
	}
	return MNL_CB_OK;
}

static struct pt_ethtool_feature *feature(struct pt_ethtool *e, const char *name)
{
	for (unsigned i = 0; i < e->n_feature; i++) {
		if (strcmp(e->feature[i].name, name) == 0)
			return &e->feature[i];
	}
	if (e->n_feature == PT_ETHTOOL_FEATURES)
		return NULL;
	struct pt_ethtool_feature *f = &e->feature[e->n_feature++];
	*f = (struct pt_ethtool_feature){ .fixed = true };
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

static void on_bit(struct pt_ethtool *e, uint16_t set, const struct nlattr *bit)
{
	const struct nlattr *attr;
	const char *name = NULL;

	mnl_attr_for_each_nested(attr, bit)
	{
		if (mnl_attr_get_type(attr) == ETHTOOL_A_BITSET_BIT_NAME &&
			mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attr);
	}
	struct pt_ethtool_feature *f = name ? feature(e, name) : NULL;
	if (!f)
		return;
	if (set == ETHTOOL_A_FEATURES_ACTIVE)
		f->active = true;
	else if (set == ETHTOOL_A_FEATURES_HW)
		f->fixed = false;
	else if (set == ETHTOOL_A_FEATURES_NOCHANGE)
		f->fixed = true;
}

// Sets come in the order hw, wanted, active, nochange; each lists the names of its bits.
static int on_features(const struct nlmsghdr *nlh, void *data)
{
	const struct reader *r = data;
	const struct nlattr *set, *attr, *bit;

	mnl_attr_for_each(set, nlh, sizeof(struct genlmsghdr))
	{
		uint16_t type = mnl_attr_get_type(set);
		if (type != ETHTOOL_A_FEATURES_HW && type != ETHTOOL_A_FEATURES_ACTIVE &&
			type != ETHTOOL_A_FEATURES_NOCHANGE)
			continue;
		mnl_attr_for_each_nested(attr, set)
		{
			if (mnl_attr_get_type(attr) != ETHTOOL_A_BITSET_BITS)
				continue;
			mnl_attr_for_each_nested(bit, attr)
			{
				on_bit(r->out, type, bit);
			}
		}
	}
	return MNL_CB_OK;
}

// What a reading asks for: a row of numbers, or features.
struct question {
	uint8_t get;
	uint16_t header;
	mnl_cb_t fn;
};

static int ask(struct pt_ethtool_socket *s, const struct question *q, const char *device,
	struct pt_ethtool *out, struct pt_err *err)
{
	struct reader r = { .out = out, .get = q->get };
	struct nlmsghdr *nlh = begin(s, s->family, q->get, NLM_F_ACK);

	put_device(nlh, q->header, device);
	int rc = talk(s, q->fn, &r, err);
	return rc == -EOPNOTSUPP ? 0 : rc; // the driver has none of these
}

int pt_ethtool_read(
	struct pt_ethtool_socket *s, const char *device, struct pt_ethtool *out, struct pt_err *err)
{
	*out = (struct pt_ethtool){ .n_number = PT_ARRAY_LEN(rows) };
	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++)
		out->number[i].key = rows[i].key;
	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		if (i && rows[i].get == rows[i - 1].get)
			continue;
		const struct question q = { rows[i].get, rows[i].header, on_numbers };
		int rc = ask(s, &q, device, out, err);
		if (rc < 0)
			return rc;
	}
	const struct question q = { ETHTOOL_MSG_FEATURES_GET, ETHTOOL_A_FEATURES_HEADER,
		on_features };
	return ask(s, &q, device, out, err);
}

bool pt_ethtool_active(const struct pt_ethtool *told, const char *name)
{
	for (unsigned i = 0; i < told->n_feature; i++)
		if (!strcmp(told->feature[i].name, name))
			return told->feature[i].active;
	return false;
}

int pt_ethtool_set_number(struct pt_ethtool_socket *s, const char *device, const char *key,
	uint32_t value, struct pt_err *err)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		if (strcmp(r->key, key) != 0)
			continue;
		struct nlmsghdr *nlh = begin(s, s->family, r->set, NLM_F_ACK);
		put_device(nlh, r->header, device);
		if (r->byte)
			mnl_attr_put_u8(nlh, r->attr, value != 0);
		else
			mnl_attr_put_u32(nlh, r->attr, value);
		return talk(s, NULL, NULL, err);
	}
	return pt_err_set(err, -EINVAL, "no setting is called '%s'", key);
}

int pt_ethtool_set_feature(struct pt_ethtool_socket *s, const char *device, const char *name,
	bool on, struct pt_err *err)
{
	struct nlmsghdr *nlh = begin(s, s->family, ETHTOOL_MSG_FEATURES_SET, NLM_F_ACK);

	put_device(nlh, ETHTOOL_A_FEATURES_HEADER, device);
	struct nlattr *set = mnl_attr_nest_start(nlh, ETHTOOL_A_FEATURES_WANTED);
	struct nlattr *bits = mnl_attr_nest_start(nlh, ETHTOOL_A_BITSET_BITS);
	struct nlattr *bit = mnl_attr_nest_start(nlh, ETHTOOL_A_BITSET_BITS_BIT);
	mnl_attr_put_strz(nlh, ETHTOOL_A_BITSET_BIT_NAME, name);
	if (on)
		mnl_attr_put(nlh, ETHTOOL_A_BITSET_BIT_VALUE, 0, NULL);
	mnl_attr_nest_end(nlh, bit);
	mnl_attr_nest_end(nlh, bits);
	mnl_attr_nest_end(nlh, set);
	return talk(s, NULL, NULL, err);
}
