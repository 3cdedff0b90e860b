#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The rulers are right: what stream and transfer report is what the relay did.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
topo_up 1 11
relay_set wan0 delay_us=2000

run() { # FAMILY-ADDRESSES OPTIONS...: to $SCRATCH/out
	"$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src "$1" --dst "$2" --port 5000 \
		--json "${@:3}" >"$SCRATCH/out"
}
field() { jq -r "select(.type == \"$1\" and .dir == \"$2\") | .$3" "${4:-$SCRATCH/out}"; }
counts() { # TYPE DIR [FILE]
	jq -c "select(.type == \"$1\" and .dir == \"$2\") | [.lost, .duplicated, .reordered]" \
		"${3:-$SCRATCH/out}"
}

for pair in "10.1.0.2 10.2.0.2" "fd00:1::2 fd00:2::2"; do
	# shellcheck disable=SC2086 # two words
	run $pair --both --duration-ms 500
	for dir in ab ba; do
		is "$pair $dir: a clean path is clean" "$(counts final $dir)" "[0,0,0]"
		between "$pair $dir: 500 ms are 500 packets or more" "$(field final $dir received)" 495 800
		between "$pair $dir: delay in us" "$(field final $dir delay_mean_us)" 2000 3000
	done
done

# ---- loss and duplicates are counted one by one ----
"$RELAY" reset "$CONTROL" all
relay_set wan0:ab loss_ppm=50000 duplicate_ppm=30000
run 10.1.0.2 10.2.0.2 --duration-ms 500 --interval-us 200 --dscp 46
is "as many lost as the relay dropped" "$(field final ab lost)" "$(relay_get wan0:ab lost_random)"
is "as many doubled as the relay doubled" "$(field final ab duplicated)" \
	"$(relay_get wan0:ab duplicated)"
is "received is what was sent, less the lost, with the doubled" "$(field final ab received)" \
	$(($(field final ab sent) - $(field final ab lost) + $(field final ab duplicated)))
relay_set wan0:ab loss_ppm=0 duplicate_ppm=0

# ---- a cut of a known length, told between two marks ----
spawn stream "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 --dst 10.2.0.2 \
	--port 5000 --both --json --live
log=$SCRATCH/stream.out
lives() { (($(grep -c '"live","dir":"ba"' "$log") >= $1)); }
marks() { (($(grep -c '"mark","dir":"ba"' "$log") >= $1)); }
wait_until 3 lives 3
signal stream USR1
wait_until 3 marks 1
dropped=$(relay_get wan0:ab lost_blackhole)
relay_set wan0:ab blackhole=1
wait_until 3 lives 6
relay_set wan0:ab blackhole=0
wait_until 3 lives 9
signal stream USR1
wait_until 3 marks 2
dropped=$(($(relay_get wan0:ab lost_blackhole) - dropped))
second() { jq -rs "[.[] | select(.type == \"mark\" and .dir == \"$1\")][1] | .$2" "$log"; }
is "cut: as many lost as were swallowed" "$(second ab lost)" "$dropped"
between "cut: the gap is one packet longer than the lost, us" \
	"$(second ab gap_us)" $((dropped * 1000)) $((dropped * 1000 + 2500))
is "cut: the gap knows what fell into it" "$(second ab gap_lost)" "$dropped"
is "cut: the other direction lost nothing" "$(second ba lost)" 0
is "cut: and nothing fell into its longest gap" "$(second ba gap_lost)" 0
signal stream TERM
wait_until 3 finished stream
is "SIGTERM: the end is told" "$(counts final ba "$log")" "[0,0,0]"
is "SIGTERM: with the losses of the whole run" "$(field final ab lost "$log")" "$dropped"
reap stream

# ---- a stream that dies for good is not mistaken for a quiet one ----
spawn stream "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 --dst 10.2.0.2 \
	--port 5000 --json --live --duration-ms 1000
heard() { (($(grep -c '"live"' "$log") >= 3)); }
wait_until 3 heard
relay_set wan0:ab blackhole=1
wait_until 5 finished stream
reap stream
between "never healed: the gap lasts to the end, us" "$(field final ab gap_us "$log")" 400000 800000
relay_set wan0:ab blackhole=0

# ---- TCP: a cut is a stall, no byte is wrong ----
spawn tcp "$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src fd00:1::2 --dst fd00:2::2 \
	--port 5001 --rate-kbps 20000 --duration-ms 1500 --json --live
moving() { (($(grep -c live "$SCRATCH/tcp.out") >= 5)); }
wait_until 3 moving
relay_set wan0 blackhole=1
hold 0.3
relay_set wan0 blackhole=0
wait_until 5 finished tcp
tcp=$(grep final "$SCRATCH/tcp.out")
reap tcp
is "TCP: intact" "$? $(jq -c '[.wrong, .sent - .received]' <<<"$tcp")" "0 [0,0]"
between "TCP: stalled for the cut and a retransmission, us" "$(jq .stall_us <<<"$tcp")" 250000 1500000
between "TCP: held its pace, bytes" "$(jq .received <<<"$tcp")" 1500000 4500000

# ---- bad input ----
said() { "$@" 2>&1 | head -n 1; }
is "bad address" "$(said "$STREAM" --src ::1 --dst x --port 5000)" "stream: x: not an address"
is "bad number" "$(said "$STREAM" --src ::1 --dst ::1 --port 70000)" \
	"stream: 70000: not a number in range"
is "no such namespace" "$(said "$STREAM" --to-netns none --src ::1 --dst ::1 --port 5000)" \
	"stream: none: No such file or directory"
done_testing
