// SPDX-License-Identifier: MIT
// DSCP of what leaves this host, as one setting, "marking" (tune/joined.h):
//   none                    no table of ours
//   other HASH              a table of our name that was not made here, or was changed since
//   marking nft wireguard DSCP port PORT control DSCP probes DSCP icmp DSCP limit RATE
// Each class takes packets by what they are, and only those that carry no DSCP yet: whoever marked
// one (WireGuard its handshakes, pt-probe the class that it measures) knows better. keep: the class
// is not marked. limit: packets of icmp a second and family, the rest stays as it is. Fixtures have
// it in ROOT/nft/marking.
#pragma once
#include "tune/joined.h"

#define PT_MARKING_TABLE "pt_tune" // inet
