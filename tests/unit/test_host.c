// SPDX-License-Identifier: MIT
#include "base/cleanup.h"
#include "base/host.h"
#include "test.h"
#include "wire/dns.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *name;
	bool right;
} names[] = {
	{ "www.example.test", true },
	{ "www.example.test.", true },
	{ "_sip._udp.x", true },
	{ "a", true },
	{ ".", true },
	{ L63, true },
	{ L63 "." L63 "." L63 "."
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		true },
	{ L63 "." L63 "." L63 "."
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		false },
	{ L63 "a", false },
	{ "", false },
	{ "..", false },
	{ ".a", false },
	{ "a..b", false },
	{ "a..", false },
};

// What is a name here can be asked for, and nothing else can.
static void names_are_dns(void)
{
	uint8_t query[PT_DNS_QUERY_MAX];

	for (size_t i = 0; i < PT_ARRAY_LEN(names); i++) {
		bool asked = pt_dns_query_write(1, names[i].name, PT_DNS_A, query, sizeof(query)) >
			0;
		if (pt_host_is_name(names[i].name) != names[i].right || asked != names[i].right)
			T_FAIL("'%s': %d, a query %d", names[i].name,
				pt_host_is_name(names[i].name), asked);
	}
	T_OK(!pt_host_is_name("a b")); // DNS would, nobody means it
	T_OK(!pt_host_is_name("a\tb"));
}

static const struct {
	const char *url, *fault; // NULL: right
	bool tls;
} urls[] = {
	{ "http://h", NULL, false },
	{ "HTTPS://h.test:8443/a?b#c", NULL, true },
	{ "http://192.0.2.7:80", NULL, false },
	{ "https://[2001:db8::7]/", NULL, true },
	{ "http://[2001:db8::7]:8080/x", NULL, false },
	{ "http://[fe80::1%25wan0]:8080/x", NULL, false },
	{ "http://user:word@h/", NULL, false },
	{ "http://h:/", NULL, false },
	{ "http://h/with:colon@at", NULL, false },
	{ "ftp://h/", "not an http:// or https:// address", false },
	{ "http:/h/", "not an http:// or https:// address", false },
	{ "", "not an http:// or https:// address", false },
	{ "http://", "its host is neither a name nor an address", false },
	{ "http:///x", "its host is neither a name nor an address", false },
	{ "http://?x", "its host is neither a name nor an address", false },
	{ "http://:80/", "its host is neither a name nor an address", false },
	{ "http://a..b/", "its host is neither a name nor an address", false },
	{ "http://2001:db8::7/", "its host is neither a name nor an address", false },
	{ "http://h:0/", "its port is not 1 to 65535", false },
	{ "http://h:65536/", "its port is not 1 to 65535", false },
	{ "http://h:http/", "its port is not 1 to 65535", false },
	{ "https://[2001:db8::7/", "its host is no address in brackets", true },
	{ "https://[192.0.2.7]/", "its host is no address in brackets", true },
	{ "https://[fe80::1%25]/", "its host is no address in brackets", true },
	{ "https://[%25wan0]/", "its host is no address in brackets", true },
	{ "https://[::1]x/", "its host is no address in brackets", true },
	{ "http://h/a b", "there is a space or a control character in it", false },
	{ "http://h/\n", "there is a space or a control character in it", false },
};

static void addresses_of_pages(void)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(urls); i++) {
		bool tls = false;
		const char *fault = pt_host_url_fault(urls[i].url, &tls), *want = urls[i].fault;
		if ((fault == NULL) != (want == NULL) || (fault && strcmp(fault, want) != 0))
			T_FAIL("'%s': %s", urls[i].url, fault ? fault : "right");
		if (!fault && tls != urls[i].tls)
			T_FAIL("'%s': tls %d", urls[i].url, tls);
	}
}

T_MAIN({ "names, as DNS takes them", names_are_dns }, { "addresses of pages", addresses_of_pages })
