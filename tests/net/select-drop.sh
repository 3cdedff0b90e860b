#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# none_inside: drop, switched on by a reload: when every path is out of the SLA the kernel drops what
# the policy governs, and lets it through again when one is back inside.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"

edges_up check_ms=200 cooldown_s=1 sla='{ rtt_ms: 50 }'
newest() { decisions a | tail -n 1 | jq -r "$1"; }
newest_is() { [[ $(newest "$1") = "$2" ]]; } # FILTER WANT
slow_down() { # to 40 ms each way, in steps that the watchdog follows
	local us
	for ((us = 4000; us <= 40000; us += 3000)); do
		relay_set all delay_us=$us
		hold 0.05
	done
}

wait_until 10 newest_is '.paths[0]' a-fibre || bail "no decision"
config=$(newest .config)
sed -i 's/strategy: ordered,/strategy: ordered, none_inside: drop,/' "$SCRATCH"/a/network.yaml
for name in failover-a select-a; do signal $name HUP; done
check "a reload hands the order out again" wait_until 5 newest_is '.config != "'"$config"'"' true
like "and says why" "$(newest .reason)" '^configuration changed; a-fibre'
stream_start --interval-us 1000
hold 0.3
felt_nothing "while all is well"

slow_down
check "all paths out: the decision is to drop" wait_until 10 newest_is .drop true
like "and says why" "$(newest .reason)" 'no path is inside the SLA and the policy says drop'
check "nobody was down" all_up a
hold 0.3
stream_mark
hold 0.5
stream_mark
is "nothing leaves this edge" "$(mark_of ab received)" 0
like "the other edge, whose policy does not, sends on" "$(mark_of ba received)" '^[1-9]'

relay_set lte delay_us=1000
check "one back inside ends it" wait_until 10 newest_is .drop false
is "which then is first" "$(newest '.paths[0]')" a-lte
check "in the kernel, too" wait_until 5 uses a a-lte
hold 0.3
stream_mark
hold 0.5
stream_mark
is "and everything arrives" "$(mark_of ab lost)" 0
like "really" "$(mark_of ab received)" '^[1-9]'
stream_end
done_testing
