// SPDX-License-Identifier: MIT
// The rules by area, for rule.c and rules_*.c alone.
#pragma once
#include "base/cleanup.h"
#include "tune/rule.h"

extern const struct pt_rule_table pt_rules_sysctl, pt_rules_nic, pt_rules_other;
