// SPDX-License-Identifier: MIT
#pragma once
#include "base/buf.h"
#include "model/records.h"

// Appends lines that begin with a newline: the moments of the switch, and its probes, oldest first
// (. answered, x not).
void draw_switch(const struct pt_switch *s, struct pt_buf *out);
