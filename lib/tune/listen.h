// SPDX-License-Identifier: MIT
// Listening sockets, and what ip_local_reserved_ports covers of them.
#pragma once

struct pt_host;
struct pt_profile;

// Ports from lo to hi on which something listens, and which neither the host nor the profile
// reserves. Without a host: of the guide's own, 8080, 8081 and 51820. NaN: not known.
double pt_listeners_uncovered(
	const struct pt_host *h, const struct pt_profile *p, double lo, double hi);
