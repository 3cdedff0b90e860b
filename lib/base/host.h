// SPDX-License-Identifier: MIT
// Names of hosts and addresses of pages, as people write them into files: are they such at all?
#pragma once
#include <stdbool.h>

// A name that DNS can be asked for (RFC 1035 section 2.3.4): labels of 1 to 63 bytes with a dot
// between, 253 in all; one more dot at the end, and "." alone, are right, too.
bool pt_host_is_name(const char *s);

// What is wrong with an http:// or https:// address, or NULL. *tls (may be NULL): which it is.
const char *pt_host_url_fault(const char *url, bool *tls);
