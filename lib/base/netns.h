// SPDX-License-Identifier: MIT
// Network namespaces by name, as iproute2 keeps them.
#pragma once
#include "base/err.h"

// Moves the calling thread into the network namespace NAME of /run/netns, or into the one at this
// path where the name holds a '/'. Only the network namespace: mounts (bpffs) stay in view.
int pt_netns_enter(const char *name, struct pt_err *err);
