// SPDX-License-Identifier: MIT
// The flows that benchmarks of the data plane send: small UDP packets between the sites of a fleet,
// the same ones in every run.
#pragma once
#include "bench/fleet.h"
#include "bpf/flows.h"

#define PT_FLOWS_FRAME     64 // bytes of an IPv4 frame, without the checksum behind it
#define PT_FLOWS_FRAME6    78
#define PT_FLOWS_FRAME_TCP 90 // an IPv4 segment with a time stamp and some data

// The frame that all flows share: addresses, ports and checksum are the rows'. MACs are zero.
void pt_flows_frame(int family, uint8_t frame[PT_FLOWS_FRAME6]);
void pt_flows_frame_tcp(uint8_t frame[PT_FLOWS_FRAME_TCP]);
// PT_FLOWS rows from site 0 to all others, into the mapped array map_fd.
int pt_flows_fill(const struct pt_fleet *f, int family, int map_fd, struct pt_err *err);
// IPv4; back: as the answers have them, of the same flows.
int pt_flows_fill_way(const struct pt_fleet *f, int map_fd, bool back, struct pt_err *err);
