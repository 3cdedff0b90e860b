// SPDX-License-Identifier: MIT
// Opening the socket of a port: kind, device, source, mark, what the kernel shall tell. For port.c.
#pragma once
#include "probe/port.h"

// *fd only on success. *raw: ICMP by SOCK_RAW, where packets of IPv4 arrive with their IP header.
int pt_port_socket(const struct pt_port_opts *o, int *fd, bool *raw, struct pt_err *err);
void pt_port_clear_fault(int fd); // that the kernel keeps for the next call
