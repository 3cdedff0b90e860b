// SPDX-License-Identifier: MIT
// Expressions of nftables' rules on the wire and as text, and its attributes.
#pragma once
#include <libmnl/libmnl.h>

#include "net/attrs.h"
#include "net/nft.h"

void pt_nft_expr_put(struct nlmsghdr *nlh, const struct pt_nft_expr *e);
// One text for what is written and what is read; "?" for what is not written here.
void pt_nft_expr_text(const struct pt_nft_expr *e, struct pt_buf *out);
void pt_nft_expr_read(const struct nlattr *attr, struct pt_buf *out);

const char *pt_nft_text_at(const struct pt_attrs *a, unsigned type); // "" where it is not there
uint32_t pt_nft_number_at(const struct pt_attrs *a, unsigned type);  // of 4 or 8 bytes; or 0
