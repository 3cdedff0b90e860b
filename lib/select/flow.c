// SPDX-License-Identifier: MIT
// A flow as people write it.
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "select/classify.h"

#define MAX_WORDS 8
#define WORD_LEN  64

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "icmp", IPPROTO_ICMP },
	{ "icmp6", IPPROTO_ICMPV6 },
	{ "sctp", IPPROTO_SCTP },
	{ "gre", IPPROTO_GRE },
	{ "esp", IPPROTO_ESP },
};

struct words {
	char word[MAX_WORDS][WORD_LEN];
	uint32_t n;
};

// Bytes that act on terminals do not get into messages.
static int split(const char *text, struct words *out, struct pt_err *err)
{
	static const char blank[] = " \t\r\n";
	size_t len;

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' && !strchr(blank, *c))
			return pt_err_set(err, -EINVAL, "control characters");
	*out = (struct words){ .n = 0 };
	for (text += strspn(text, blank); *text; text += strspn(text, blank)) {
		len = strcspn(text, blank);
		if (out->n == MAX_WORDS)
			return pt_err_set(err, -EINVAL, "too many words");
		if (len >= WORD_LEN)
			return pt_err_set(err, -EINVAL, "a word of %zu characters", len);
		memcpy(out->word[out->n++], text, len);
		text += len;
	}
	return 0;
}

static int parse_protocol(const char *s, struct pt_flow *f, struct pt_err *err)
{
	uint64_t number;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcasecmp(s, protocols[i].name) == 0) {
			f->proto = protocols[i].number;
			return 0;
		}
	}
	if (pt_parse_u64(s, 0, 255, &number))
		return pt_err_set(err, -EINVAL,
			"'%s' is no protocol: tcp, udp, icmp, icmp6, sctp, gre, esp or 0 to 255",
			s);
	f->proto = (uint8_t)number;
	return 0;
}

// "10.1.0.5:80", "10.1.0.5", "[fd01::5]:80", "[fd01::5]", "fd01::5".
static int parse_end(
	char *s, struct pt_addr *addr, uint16_t *port, bool *has_port, struct pt_err *err)
{
	char whole[WORD_LEN], *colon = NULL, *close = NULL;
	uint64_t number = 0;

	memcpy(whole, s, sizeof(whole));
	if (*s == '[' && (close = strchr(s, ']'))) {
		*close = '\0';
		s++;
		colon = close[1] == ':' ? close + 1 : NULL;
		if (!colon && close[1])
			return pt_err_set(err, -EINVAL, "'%s' is no address", whole);
	} else if (strchr(s, ':') == strrchr(s, ':')) {
		colon = strchr(s, ':');
	}
	if (colon)
		*colon = '\0';
	if (pt_addr_parse(s, addr) || (close && addr->family != AF_INET6))
		return pt_err_set(err, -EINVAL, "'%s' is no address", whole);
	if (colon && pt_parse_u64(colon + 1, 0, 65535, &number))
		return pt_err_set(err, -EINVAL, "'%s': no port from 0 to 65535", whole);
	*port = (uint16_t)number;
	*has_port = colon != NULL;
	return 0;
}

static int parse_ends(struct words *w, struct pt_flow *f, struct pt_err *err)
{
	bool sport, dport;
	int rc = parse_end(w->word[1], &f->src, &f->sport, &sport, err);

	if (rc == 0)
		rc = parse_end(w->word[3], &f->dst, &f->dport, &dport, err);
	if (rc < 0)
		return rc;
	if (f->src.family != f->dst.family)
		return pt_err_set(err, -EINVAL, "one address is IPv4, the other IPv6");
	if (sport != dport)
		return pt_err_set(err, -EINVAL, "a port on both sides, or on none");
	if (sport && f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP &&
		f->proto != IPPROTO_SCTP && f->proto != IPPROTO_DCCP && f->proto != IPPROTO_UDPLITE)
		return pt_err_set(err, -EINVAL, "%s has no ports", w->word[0]);
	f->has_port = sport;
	return 0;
}

static int parse_rest(struct words *w, struct pt_flow *f, struct pt_err *err)
{
	uint32_t i = 4;

	if (i < w->n && strcmp(w->word[i], "in") != 0) {
		if (pt_parse_dscp(w->word[i], &f->dscp))
			return pt_err_set(err, -EINVAL,
				"'%s' is no DSCP: 0 to 63 or a name such as ef, af41, cs1",
				w->word[i]);
		i++;
	}
	if (i + 1 < w->n && strcmp(w->word[i], "in") == 0) {
		if (strlen(w->word[i + 1]) >= sizeof(f->device))
			return pt_err_set(
				err, -EINVAL, "'%s' is no name of a device", w->word[i + 1]);
		(void)snprintf(f->device, sizeof(f->device), "%.15s", w->word[i + 1]);
		i += 2;
	}
	if (i < w->n)
		return pt_err_set(err, -EINVAL, "'%s' is too much", w->word[i]);
	return 0;
}

int pt_flow_parse(const char *text, struct pt_flow *out, struct pt_err *err)
{
	struct pt_flow f = { 0 };
	struct words w;
	int rc = split(text, &w, err);

	if (rc == 0 && (w.n < 4 || strcmp(w.word[2], ">") != 0))
		rc = pt_err_set(err, -EINVAL,
			"not PROTOCOL ADDRESS[:PORT] > ADDRESS[:PORT] [DSCP] [in DEVICE]");
	if (rc == 0)
		rc = parse_protocol(w.word[0], &f, err);
	if (rc == 0)
		rc = parse_ends(&w, &f, err);
	if (rc == 0)
		rc = parse_rest(&w, &f, err);
	if (rc == 0)
		*out = f;
	return rc;
}
