// SPDX-License-Identifier: MIT
// The numbers by which what we put into the kernel's routing is known as ours, by us and by
// everybody else. Whatever bears another protocol is never touched.
#pragma once

// Of routes, rules and nexthop objects; none of /etc/iproute2/rt_protos has it.
#define PT_NET_PROTOCOL 112

// Nexthop objects: a range of ids, because people see ids before protocols.
#define PT_NET_NEXTHOP       0x50000000u
#define PT_NET_NEXTHOP_COUNT 0x00100000u

// Tables: one for each way out, PT_NET_TABLE + its number.
#define PT_NET_TABLE 7000000u

// The packet mark of a way: its number in these bits. Twelve, from failover.mark_shift on.
#define PT_NET_MARK_BITS 12
