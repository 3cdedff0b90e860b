// SPDX-License-Identifier: MIT
#include "base/host.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/parse.h"

#define LABEL_MAX 63u
#define ZONE      "%25" // between a link-local address and its device, RFC 6874
#define NAME_LONGEST \
	253u // 255 on the wire, where each label has a byte of length, and the root one

static bool blank(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return true;
	return false;
}

bool pt_host_is_name(const char *s)
{
	size_t len = strlen(s), label = 0;

	if (strcmp(s, ".") == 0)
		return true;
	len -= len && s[len - 1] == '.';
	if (!len || s[len - 1] == '.' || len > NAME_LONGEST || blank(s))
		return false;
	for (size_t i = 0; i < len; i++) {
		label = s[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (s[i] == '.' && (!i || s[i - 1] == '.')))
			return false;
	}
	return true;
}

// What stands between the slashes, without a user: "host", "host:port", "[v6]:port".
static const char *authority_fault(char *s)
{
	struct pt_addr a;
	uint32_t number;
	char *port = strrchr(s, ':'), *end = strchr(s, ']');

	if (*s == '[') {
		if (!end || (end[1] && end[1] != ':'))
			return "its host is no address in brackets";
		port = end[1] ? end + 1 : NULL;
		*end = '\0';
		char *zone = strstr(s, ZONE);
		if (zone && zone[strlen(ZONE)])
			*zone = '\0';
		if (pt_addr_parse(s + 1, &a) || a.family != AF_INET6)
			return "its host is no address in brackets";
	}
	if (port)
		*port++ = '\0';
	if (port && *port && pt_parse_u32(port, 1, UINT16_MAX, &number))
		return "its port is not 1 to 65535";
	if (*s != '[' && (strchr(s, ':') || !pt_host_is_name(s)))
		return "its host is neither a name nor an address";
	return NULL;
}

const char *pt_host_url_fault(const char *url, bool *tls)
{
	static const struct {
		const char *text;
		bool tls;
	} schemes[] = { { "http://", false }, { "https://", true } };
	char authority[512] = "";

	for (size_t i = 0; i < PT_ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i].text);
		if (strncasecmp(url, schemes[i].text, n) != 0)
			continue;
		if (tls)
			*tls = schemes[i].tls;
		if (blank(url))
			return "there is a space or a control character in it";
		const char *host = url + n, *user = NULL;
		size_t len = strcspn(host, "/?#");
		for (const char *p = host; p < host + len; p++)
			user = *p == '@' ? p : user;
		len -= user ? (size_t)(user + 1 - host) : 0;
		host = user ? user + 1 : host;
		if (len >= sizeof(authority))
			return "its host is too long";
		memcpy(authority, host, len);
		authority[len] = '\0';
		return authority_fault(authority);
	}
	return "not an http:// or https:// address";
}
