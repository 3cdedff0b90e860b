// SPDX-License-Identifier: MIT
// Parts of pt_facts_read, for facts*.c alone. What cannot be read stays as it was.
#pragma once
#include "tune/facts.h"
#include "tune/host.h"

void pt_facts_read_network(const struct pt_host *h, struct pt_facts *f);
void pt_facts_read_counters(const struct pt_host *h, struct pt_facts *f);
void pt_facts_read_processes(const struct pt_host *h, struct pt_facts *f);
void pt_facts_read_files(const struct pt_host *h, struct pt_facts *f);
// One process, in a walk over all of them.
void pt_facts_add_process(
	const struct pt_host *h, const char *pid, const char *comm, struct pt_facts *f);
