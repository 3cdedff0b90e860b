#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Every daemon of both edges is stopped for longer than its leases last, and goes on: nothing flaps and
# no user notices, with traffic, which clocks the probes meanwhile, and without. A cut meanwhile is
# told afterwards. PT_LONG=1: for a minute.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
seconds=${PT_LONG:+60}
seconds=${seconds:-7}

tell_all() { # SIGNAL: at once, so that nobody sees another one stop
	local s name pids=()
	for s in a b; do
		for name in "${SERVICES[@]}"; do pids+=("${PIDS[$name-$s]}"); done
	done
	kill "-$1" "${pids[@]}"
}
changes() { # SIDE: transitions, switches and orders so far
	{ records "$1" failover; records "$1" select; } |
		jq -s '[.[] | select(.type == "transition" or .type == "switch" or .type == "decision")] | length'
}
decided() { [[ -n $(decisions "$1") ]]; }
declare -A before=()

stopped() { # NAME
	local s
	for s in a b; do before[$s]=$(changes $s); done
	tell_all STOP
	hold "$seconds"
	for s in a b; do
		is "$1: edge $s while all stand still" "$(status $s '[.paths[].status] | join(" ")')" "up up"
	done
	tell_all CONT
	hold 2
	for s in a b; do
		is "$1: edge $s, nothing changed" $(($(changes $s) - before[$s])) 0
		is "$1: edge $s uses" "$(status $s '.groups[0].uses')" "$s-fibre"
	done
}

edges_up
for s in a b; do check "edge $s has decided" wait_until 10 decided $s; done
stream_start
hold 0.5
stream_mark
clocked=$(counter a probe_clocked)
stopped "traffic"
felt_nothing "traffic"
check "and clocked probes meanwhile" test $(($(counter a probe_clocked) - clocked)) -gt $((seconds * 40))
stream_end
stopped "silence"

# A cut while all stand still, with users: the kernel moves them, and it is told once all go on.
stream_start
hold 0.3
tell_all STOP
hold 0.3
sever fibre
for s in a b; do check "cut: edge $s leaves the path" wait_until 3 path_is $s $s-fibre down; done
tell_all CONT
for s in a b; do
	check "cut: edge $s tells it" wait_until 5 has_switched $s "$CUT_NS"
	is "cut: edge $s, by the kernel" "$(switch_after $s "$CUT_NS" | jq -r .cause)" timeout
done
done_testing
