// SPDX-License-Identifier: MIT
// What a window of probes is worth: to a voice call (MOS) and to people (score). SLA verdicts, not
// these two, decide.
#pragma once
#include <stdint.h>

#include "model/schema.h"

// Estimated conversational MOS in thousandths (1000 to 4500) by the E-model, ITU-T G.107 (06/2015):
//   R   = 93.2 - Idd - Ie,eff            all other parameters at the defaults of table 2, no echo
//   Idd = 25 ((1 + X^6)^(1/6) - 3 (1 + (X/3)^6)^(1/6) + 2), X = log2(Ta / 100 ms); 0 to 100 ms
//   Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl), random loss; G.711 with concealment, ITU-T G.113
//            (11/2007) appendix I: Ie = 0, Bpl = 25.1
//   MOS = 1 + 0.035 R + 7e-6 R (R - 60) (100 - R), annex B
// Ta is mouth to ear: rtt / 2, a 20 ms frame, and a de-jitter buffer of twice the jitter.
// PT_NULL when loss is unknown; 1000 when nothing came back. jitter PT_NULL counts as 0.
int64_t pt_mos_milli(int64_t rtt_us, int64_t jitter_us, int64_t loss_ppm);

// 0 to 100: the product of one utility per metric, so that one awful metric sinks it. Each is
// 1 / (1 + (x / half)^2): flat near zero, one half at loss 2%, RTT 300 ms, jitter 50 ms (the last
// two from ITU-T G.114 and usual de-jitter buffers). PT_NULL as in pt_mos_milli.
int64_t pt_score(int64_t rtt_us, int64_t jitter_us, int64_t loss_ppm);
