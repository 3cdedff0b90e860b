#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A path that lives is not called dead: its delay steps up by 80 ms, its packets overtake each other,
# the next hop gets another MAC address. Probes over IPv4, then over IPv6.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"

falls_of() { # SIDE PATH: how often it was called dead, how often that was taken back
	records "$1" failover | jq -s -c --arg p "$2" '[.[] | select(.type == "transition" and .path == $p)] |
		[(map(select(.to == "down")) | length), (map(select(.cause == "late")) | length)]' | tr -d '[]'
}
usable() { # SIDE: up, not held back
	[[ $(status "$1" ".paths[] | select(.path == \"$1-fibre\") | .status + .blocked") = up ]]
}
settled() { usable "$1" && uses "$1" "$1-fibre"; } # SIDE: and used

slow() { # FAMILY
	local s n late was was_late t
	stream_start
	hold 0.3
	# 30 ms of silence are a verdict at 10 ms x 3, and nothing can tell a step of 80 ms from a cut
	# before the first late reply: then it is taken back, and nothing is held back for it.
	for s in a b; do before[$(site_of $s)]=$(falls_of $s $s-fibre); done
	relay_set fibre delay_us=41000
	t=${EPOCHREALTIME/[.,]/}
	hold 0.1
	for s in a b; do
		check "$1, +80 ms: edge $s may use the path" wait_until 3 usable $s
	done
	between "$1, +80 ms: within, ms" $(((${EPOCHREALTIME/[.,]/} - t) / 1000)) 80 900
	for s in a b; do
		check "$1, +80 ms: edge $s does, once pt-select has seen it" wait_until 5 settled $s
	done
	hold 1
	for s in a b; do
		IFS=, read -r n late <<<"$(falls_of $s $s-fibre)"
		IFS=, read -r was was_late <<<"${before[$(site_of $s)]}"
		is "$1, +80 ms: edge $s takes every verdict back" $((n - was)) $((late - was_late))
		# Twice: a probe that is at the far end at that moment takes half of the step, and is
		# back before the others.
		between "$1, +80 ms: edge $s fell" $((n - was)) 0 2
		check "$1, +80 ms: edge $s stays there" settled $s
	done
	stream_mark
	hold 0.3
	felt_nothing "$1, +80 ms: users on the slow path"
	relay_set fibre delay_us=1000
	hold 0.3

	# A third of the packets skips a delay of more than an interval each way, and overtakes.
	relay_set fibre delay_us=12000
	hold 0.2
	relay_set fibre reorder_ppm=300000
	hold 0.2
	for s in a b; do before[$(site_of $s)]=$(falls_of $s $s-fibre); done
	hold 1
	for s in a b; do
		is "$1, reordering: edge $s calls nothing dead" "$(falls_of $s $s-fibre)" "${before[$(site_of $s)]}"
	done
	relay_set fibre delay_us=1000 reorder_ppm=0

	# Nobody tells the edges: they learn it from the neighbour's own requests.
	hold 0.3
	stream_mark
	must ip -n "$(ns eb)" link set wan0 address 02:00:00:09:77:00
	hold 0.5
	for s in a b; do
		check "$1, new MAC address: edge $s uses the path" wait_until 5 settled $s
	done
	felt_clean "$1, new MAC address" 60000
	stream_end
}
declare -a before
edges_up
edges_calm
slow IPv4
for s in a b; do
	edge_stop $s
	must edge_detach $s
done
rm -rf "$SCRATCH"/[ab]/state # the end of one edge was a fall to the other
topo_down
edges_up family=6
edges_calm
slow IPv6
done_testing
