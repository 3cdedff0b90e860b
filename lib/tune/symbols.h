// SPDX-License-Identifier: MIT
// Names of addresses: the kernel's by /proc/kallsyms, a process's by its maps and the symbol table
// of the file there.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pt_symbols;

struct pt_symbols *pt_symbols_new(void); // NULL: no memory
void pt_symbols_free(struct pt_symbols *s);
// "FUNCTION" of the kernel; "[kernel]" where its addresses are hidden.
void pt_symbols_kernel(struct pt_symbols *s, uint64_t address, char *out, size_t len);
// "FILE: FUNCTION", "FILE" of a file without symbols, "[gone]" of a process that is.
void pt_symbols_user(struct pt_symbols *s, pid_t pid, uint64_t address, char *out, size_t len);
