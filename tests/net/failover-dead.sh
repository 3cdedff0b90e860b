#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every process of both edges is dead. User packets clock the probes, the far kernel answers them: two
# successive silent cuts are survived, paths that heal are seen to, and no user gets a probe.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
clocked() { counter "$1" probe_clocked; }
answered() { counter "$1" probe_answered; }
down_and_up() { # SIDE: the path states
	status "$1" '[.paths[].status] | join(" ")'
}
# Replies in the kernel's histograms, of all paths; and what the fastest one's median lacks to its cable.
trips() { status "$1" '[.round_trips[] | .rtt_hist[][1]] | add'; }
median() { status "$1" ".round_trips[] | select(.path == \"$1-fibre\") | .rtt_p50_us"; }
states_are() { [[ $(down_and_up "$1") = "$2" ]]; }

dead() { # FAMILY FROM TO
	local s name n all=()
	WAN_NAMES=(fibre lte sat)
	edges_up family="$1" cooldown_s=0
	relay_set sat delay_us=5000
	stream_start
	spawn six "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src fd00:1::2 \
		--dst fd00:2::2 --port 5010 --both --json
	hold 0.3
	for s in a b; do
		is "IPv$1: no user packet clocks what pt-probe does, edge $s" "$(clocked $s)" 0
	done
	stream_mark
	for s in a b; do
		for name in "${SERVICES[@]}"; do all+=("${PIDS[$name-$s]}"); done
	done
	kill -KILL "${all[@]}" # at once: nobody sees another one die
	for s in a b; do
		for name in "${SERVICES[@]}"; do slay "$name-$s" 2>/dev/null; done
	done
	hold 0.3
	for s in a b; do
		before[$(site_of $s)]=$(clocked $s)
		timed[$(site_of $s)]=$(trips $s)
		since[$(site_of $s)]=${EPOCHREALTIME/[.,]/}
	done
	hold 1
	for s in a b; do
		n=$(($(clocked $s) - before[$(site_of $s)]))
		# What was counted before it was read, and after, is a few milliseconds.
		between "IPv$1: probes of edge $s, one in 10 ms at most" $n 60 \
			$(((${EPOCHREALTIME/[.,]/} - since[$(site_of $s)]) / 10000 + 5))
		between "IPv$1: edge $s answered the other" "$(answered $s)" 60 300
		between "IPv$1: histograms of edge $s go on" $(($(trips $s) - timed[$(site_of $s)])) 60 \
			$(((${EPOCHREALTIME/[.,]/} - since[$(site_of $s)]) / 10000 + 5))
		between "IPv$1: and tell its round trip, us" "$(median $s)" 2000 20000
	done
	felt_nothing "IPv$1: all processes are dead"

	sever fibre
	for s in a b; do check "IPv$1: edge $s sees the first cut" wait_until 2 states_are $s "down up up"; done
	hold 0.2
	felt_clean "IPv$1: first cut" 60000
	sever lte
	for s in a b; do check "IPv$1: edge $s sees the second" wait_until 2 states_are $s "down down up"; done
	hold 0.2
	felt_clean "IPv$1: second cut" 60000
	heal fibre
	for s in a b; do check "IPv$1: edge $s sees the first heal" wait_until 2 states_are $s "up down up"; done
	hold 0.3
	stream_mark
	hold 0.3
	felt_nothing "IPv$1: back on it"
	stream_end
	signal six TERM
	wait_until 5 finished six
	for s in ab ba; do
		is "IPv$1, IPv6 users $s: nothing doubled" \
			"$(jq "select(.type == \"final\" and .dir == \"$s\") | .duplicated" "$SCRATCH/six.out")" 0
	done
	# TCP alone, in large pieces whose checksums a device would finish: they clock as well.
	for s in a b; do before[$(site_of $s)]=$(clocked $s); done
	"$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src "$2" --dst "$3" --port 5001 \
		--duration-ms 1000 >"$SCRATCH/tcp.out" 2>&1
	is "IPv$1: TCP arrives whole: $(cat "$SCRATCH/tcp.out")" $? 0
	for s in a b; do # of the path it takes, and of the dead one
		between "IPv$1: and clocks probes, edge $s" $(($(clocked $s) - before[$(site_of $s)])) 80 240
		is "IPv$1: which are answered, edge $s" "$(down_and_up $s)" "up down up"
	done
	for s in a b; do
		is "IPv$1: edge $s rejected no reply" "$(counter $s reply_stamp)$(counter $s reply_sequence)$(
			counter $s reply_session)$(counter $s reply_source)" 0000
	done
}
declare -a before since timed
dead 4 10.1.0.2 10.2.0.2
for s in a b; do must edge_detach $s; done
topo_down
dead 6 fd00:1::2 fd00:2::2

# And not where it is switched off.
for s in a b; do must edge_detach $s; done
topo_down
edges_up traffic_probes=false
stream_start
for s in a b; do slay probe-$s; done
hold 0.5
for s in a b; do
	is "switched off: edge $s clocks none" "$(clocked $s)" 0
done
done_testing
