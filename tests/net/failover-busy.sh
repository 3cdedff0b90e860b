#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All processors are busy with something else and users send 16,000 packets a second: for a minute at
# 10 ms x 3 no path is called dead that is not. PT_LONG=1 makes it ten, PT_BUSY_SECONDS any number;
# and where BIRD and FRR are installed, their BFD at the same pace is beside it in namespaces of its
# own, and its flaps are told.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
seconds=${PT_BUSY_SECONDS:-${PT_LONG:+600}}
seconds=${seconds:-60}
peers=()

# Two routers of their own, joined by two WANs, with nothing between these that could be slow.
peer_up() { # NAME: of bench/NAME
	local s i
	for s in a b; do node_up "$1-$s"; done
	for i in 0 1; do
		must ip -n "$(ns "$1-a")" link add wan$i type veth peer name wan$i netns "$(ns "$1-b")"
		for s in a b; do
			must ip -n "$(ns "$1-$s")" addr add "10.9.$i.$(site_of $s)/24" dev wan$i
			must ip -n "$(ns "$1-$s")" link set wan$i up
		done
	done
	# shellcheck disable=SC2016 # the inner shell expands
	spawn "$1" bash -c 'echo 10.2.0.0/24 | "$0" "$@"' "$TOP/bench/$1" "$(ns "$1-a")" \
		"$(ns "$1-b")" "$SCRATCH/$1" 10 3
	if wait_until 20 converged "$1"; then peers+=("$1"); else note "$1: $(cat "$SCRATCH/$1.err")"; fi
}
converged() { ip -n "$(ns "$1-a")" route show 10.2.0.0/24 | grep -q wan0; }
flaps_of() { # NAME
	local pid
	rm -f "$SCRATCH/$1/flaps"
	pid=$(pgrep -P "${PIDS[$1]}" -f "bench/$1" | head -n 1)
	kill -USR1 "$pid"
	wait_until 20 test -e "$SCRATCH/$1/flaps" || echo 0
	cat "$SCRATCH/$1/flaps"
}
falls() { records "$1" failover | jq -s '[.[] | select(.type == "transition" and .to == "down")] | length'; }

edges_up
if [[ -n ${PT_LONG:-}${PT_BUSY_SECONDS:-} ]]; then
	for peer in bird frr; do peer_up $peer; done
fi
declare -A fell
for s in a b; do fell[$s]=$(falls $s); done
for peer in "${peers[@]}"; do fell[$peer]=$(flaps_of "$peer"); done
stream_start --interval-us 125
for ((i = 0; i < 2 * $(nproc); i++)); do spawn "hog$i" sh -c 'while :; do :; done'; done
stream_mark
read -r _ user nice system idle _ </proc/stat
hold "$seconds"
stream_mark
read -r _ user2 nice2 system2 idle2 _ </proc/stat
for ((i = 0; i < 2 * $(nproc); i++)); do slay "hog$i"; done
busy=$((user2 + nice2 + system2 - user - nice - system))
between "the processors were busy, %" $((busy * 100 / (busy + idle2 - idle + 1))) 95 100
for peer in "${peers[@]}"; do
	note "$peer: $(($(flaps_of "$peer") - fell[$peer])) BFD sessions fell in $seconds s"
done
for s in a b; do
	is "edge $s: no path fell in $seconds s" $(($(falls $s) - fell[$s])) 0
	is "edge $s: users stayed" "$(status $s '.groups[0].uses')" "$s-fibre"
done
for dir in ab ba; do # the marks are a little further apart than that
	between "packets $dir, for each second" $(($(mark_of $dir sent) / seconds)) 7500 9000
	# What the receiver had no time to fetch had arrived.
	between "lost on the way" $(($(mark_of $dir lost) - $(mark_of $dir overflowed))) 0 100
done
done_testing
