#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# The far reflector dies: every path of this edge goes unanswered at once, which is no reason to
# stop sending. Traffic keeps its first way and loses nothing. Probes over IPv4, then over IPv6.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
no_reflector() { # FAMILY of the probes
	local path dir
	edges_up family="$1"
	stream_start
	hold 0.3
	stream_mark
	slay reflect-b
	for path in a-fibre a-lte; do
		check "IPv$1: unanswered: $path" wait_until 3 path_is a $path down
	done
	is "IPv$1: edge b is answered as before" "$(path_state b b-fibre) $(path_state b b-lte)" "up up"
	hold 0.5
	stream_mark
	for dir in ab ba; do
		is "IPv$1, no reflector: lost, doubled $dir" \
			"$(mark_of $dir lost) $(mark_of $dir duplicated)" "0 0"
	done
	between "IPv$1, no reflector: the last resort is the first choice, delay us" \
		"$(mark_of ab delay_mean_us)" 1000 2900
	edge_reflect b
	for path in a-fibre a-lte; do
		check "IPv$1: answered again: $path" wait_until 10 path_is a $path up
	done
	stream_mark
	for dir in ab ba; do
		is "IPv$1, the reflector is back: lost, doubled $dir" \
			"$(mark_of $dir lost) $(mark_of $dir duplicated)" "0 0"
	done
	stream_end
	for s in a b; do
		edge_stop $s
		must edge_detach $s
	done
	topo_down
}
no_reflector 4
no_reflector 6
done_testing
