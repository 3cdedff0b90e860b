// SPDX-License-Identifier: MIT
// Policies as rule vectors: the kernel's classifier in a handful of loads.
#pragma once
#include "base/err.h"
#include "bpf/plane.h"
#include "model/network.h"
#include "net/link.h"
#include "plane/trie.h"

// Policy n of the network becomes bit n of every value that its match accepts; the edge's own IPv4
// addresses are sources that none accepts. -ENOSPC: matches
// name more devices than there is room for.
int pt_rule_fill(const struct pt_network *net, const struct pt_links *links, struct pt_trie *trie,
	struct pt_rule *out, struct pt_err *err);
// The tables that its source prefixes need are counted.
int pt_rule_count(const struct pt_network *net, const struct pt_links *links, struct pt_trie *trie,
	struct pt_err *err);
