// SPDX-License-Identifier: MIT
// The catalogue's parts, for knob.c and knobs_*.c alone.
#pragma once
#include "base/cleanup.h"
#include "tune/knob.h"

extern const struct pt_knob_table pt_knobs_core, pt_knobs_tcp, pt_knobs_ip, pt_knobs_nic,
	pt_knobs_qos, pt_knobs_service, pt_knobs_db;
