#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every path dies: nothing better means nothing changes, packets keep to the last-resort order, and
# the first path that answers again carries the users at once.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up
stream_start --live
hold 0.3
relay_set all blackhole=1
for s in a b; do
	for wan in fibre lte; do
		check "edge $s: $wan is down" wait_until 3 path_is $s $s-$wan down
	done
	like "edge $s: the group says so" "$(status $s '.groups[0].because')" 'last-resort'
done
before=$(counter a steered_last_resort)
hold 0.2
between "packets still leave, by the last-resort order" $(($(counter a steered_last_resort) - before)) 100 400

stream_mark
heal lte
arrives() { (($(tail -n 4 "$SCRATCH/stream.out" |
	jq -s '[.[] | select(.type == "live" and .dir == "'"$1"'") | .received] | max // 0') > 50)); }
for dir in ab ba; do check "the first path to answer carries $dir" wait_until 3 arrives $dir; done
for s in a b; do check "edge $s uses it" wait_until 3 uses $s $s-lte; done
hold 0.2
stream_mark
hold 0.3
felt_nothing "on the one path left"
heal fibre
for s in a b; do check "edge $s: the better one again" wait_until 10 uses $s $s-fibre; done
hold 0.2
stream_mark
hold 0.3
felt_nothing "on the better one"
done_testing
