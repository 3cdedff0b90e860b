// SPDX-License-Identifier: MIT
// Parts of pt_facts_read, for facts*.c alone. What cannot be read stays as it was.
#pragma once
#include "tune/facts.h"
#include "tune/host.h"

void pt_facts_read_network(const struct pt_host *h, struct pt_facts *f);
void pt_facts_read_counters(const struct pt_host *h, struct pt_facts *f);
void pt_facts_read_processes(const struct pt_host *h, struct pt_facts *f);
