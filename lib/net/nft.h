// SPDX-License-Identifier: MIT
// A table of our own in nftables (family inet) of the calling thread's network namespace: put as a
// whole in one transaction of the kernel, read back in one form, removed. Other tables are never
// named in a message.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define PT_NFT_EXPRS   16 // of a rule
#define PT_NFT_VALUE   8  // bytes that a rule compares with or writes
#define PT_NFT_COMMENT 200

// What a rule does, step by step. All work on one register.
enum pt_nft_kind {
	PT_NFT_META,  // n: key (NFT_META_*)
	PT_NFT_LOAD,  // n: base (NFT_PAYLOAD_*), offset, length in bytes
	PT_NFT_CMP,   // n: NFT_CMP_*; value
	PT_NFT_MASK,  // n: length; value: and, then xor
	PT_NFT_STORE, // n: base, offset, length, NFT_PAYLOAD_CSUM_*, offset of the checksum
	PT_NFT_LIMIT, // n: packets a second, burst
	PT_NFT_GOTO,  // chain
	PT_NFT_OTHER, // read only: something that is not written here
};

struct pt_nft_expr {
	enum pt_nft_kind kind;
	uint32_t n[5];
	uint8_t value[2][PT_NFT_VALUE];
	uint8_t len; // of each value
	const char *chain;
};

struct pt_nft_chain {
	const char *name;
	bool base; // of the filter type, accepting by default
	uint32_t hook;
	int32_t priority;
};

struct pt_nft_rule {
	const char *chain;
	const char *comment; // NULL: none
	struct pt_nft_expr expr[PT_NFT_EXPRS];
	unsigned n;
};

struct pt_nft_table {
	const char *name, *comment;
	const struct pt_nft_chain *chain;
	unsigned n_chain;
	const struct pt_nft_rule *rule;
	unsigned n_rule;
};

// Takes the place of the table of that name, between two packets. -EOPNOTSUPP: no nftables.
int pt_nft_put(const struct pt_nft_table *t, struct pt_err *err);
int pt_nft_remove(const char *name, struct pt_err *err); // 0 where it is not there

// What the kernel has under that name: its comment, and its chains and rules as text that is the
// one of pt_nft_text where the table is the one that was put. -ENOENT: no such table; -EOPNOTSUPP:
// no nftables.
int pt_nft_read(
	const char *name, char comment[PT_NFT_COMMENT], struct pt_buf *text, struct pt_err *err);
void pt_nft_text(const struct pt_nft_table *t, struct pt_buf *out);
