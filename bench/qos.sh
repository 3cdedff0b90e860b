#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What pt-tune's shaper is worth: the round trip of a probe beside bulk that fills a FIFO of 100
# Mbit/s both ways, unshaped and shaped to 95. Holds where shaping costs its 99th percentile at most
# 3 ms. Needs a quiet machine.
PT_QOS_INFLATION_US=3000 exec "$(dirname "$0")/../tests/net/tune-qos.sh"
