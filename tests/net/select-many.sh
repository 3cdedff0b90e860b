#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# More WANs than a group of the kernel holds: the best of them serve, and decisions still count.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"

WAN_NAMES=(w0 w1 w2 w3 w4 w5 w6 w7 w8)
edges_up check_ms=200 sla='{ rtt_ms: 50 }'
first_is() { [[ $(decisions a | tail -n 1 | jq -r '.paths[0]') = "$1" ]]; }

check "pt-select decides" wait_until 10 first_is a-w0
is "over all nine" "$(decisions a | tail -n 1 | jq '.paths | length')" 9
for ((us = 1000; us <= 40000; us += 3000)); do
	relay_set w0 delay_us=$us
	hold 0.05
done
check "a slow one goes back" wait_until 10 first_is a-w1
check "and the kernel follows" wait_until 5 uses a a-w1
is "with the best it has room for" "$(status a '.groups[0].paths | join(" ")')" \
	"a-w1 a-w2 a-w3 a-w4 a-w5 a-w6 a-w7 a-w8"
is "nobody complains" "$(cat "$SCRATCH/failover-a.err")" ""
done_testing
