#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A path that fails one way only: both edges leave it, for a probe is answered both ways or not at
# all; the direction that still worked loses nothing.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
one_way() { # FAMILY of the probes
	local dir other s
	edges_up family="$1" max_hold_s=1 # each fall would double it
	stream_start
	for dir in ab ba; do
		[[ $dir = ab ]] && other=ba || other=ab
		hold 0.3
		stream_mark
		sever fibre:$dir $dir
		for s in a b; do
			check "IPv$1, $dir cut: edge $s leaves the path" wait_until 3 path_is $s $s-fibre down
		done
		hold 0.1
		stream_mark
		between "IPv$1, $dir cut: longest outage, us" "$(mark_of $dir gap_send_us)" 10000 40000
		between "IPv$1, $dir cut: arrives at the end, silent for us" \
			"$(mark_of $dir open_gap_us)" 0 50000
		is "IPv$1, $dir cut: the other way loses nothing" "$(mark_of "$other" lost)" 0
		is "IPv$1, $dir cut: nothing doubled or out of order" \
			"$(mark_of ab duplicated) $(mark_of ab reordered) $(mark_of ba duplicated) $(
				mark_of ba reordered)" "0 0 0 0"
		heal fibre
		for s in a b; do
			check "IPv$1, $dir healed: edge $s takes the path again" wait_until 10 uses $s $s-fibre
		done
	done
	stream_end
	for s in a b; do
		edge_stop $s
		must edge_detach $s
	done
	topo_down
}
one_way 4
one_way 6
done_testing
