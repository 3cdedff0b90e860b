#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A path that loses a fifth, or more than half, of what it carries, both ways: users leave it, by the
# watchdog's verdict or by pt-select's, and do not come back to it again and again. Probes over IPv4,
# then over IPv6.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"

moves() { records "$1" failover | jq -s --argjson t "$2" \
	'[.[] | select(.type == "switch" and .sites > 0 and .committed_ns > $t)] | length'; } # SIDE SINCE-NS
now_ns() { awk '{ printf "%d", $1 * 1e9 }' /proc/uptime; }

brownout() { # FAMILY LOSS-PERCENT
	local s from
	from=$(now_ns)
	relay_set fibre loss_ppm=$(($2 * 10000))
	for s in a b; do
		check "IPv$1, $2% lost: edge $s leaves the path" wait_until 5 uses $s $s-lte
	done
	hold 3
	for s in a b; do
		is "IPv$1, $2% lost: edge $s is off it" "$(uses $s $s-lte && echo yes)" yes
		between "IPv$1, $2% lost: edge $s moved its users, times" "$(moves $s "$from")" 1 7
	done
	stream_mark
	hold 0.5
	felt_nothing "IPv$1, $2% lost: users elsewhere"
}

for family in 4 6; do
	edges_up check_ms=200 family=$family cooldown_s=1 sla='{ loss_ppm: 50000 }'
	stream_start
	hold 0.5
	brownout $family $((family == 4 ? 20 : 60))
	[[ -z ${PT_LONG:-} ]] || brownout $family $((family == 4 ? 60 : 20))
	for s in a b; do
		edge_stop $s
		must edge_detach $s
	done
	stream_end
	topo_down
done
done_testing
