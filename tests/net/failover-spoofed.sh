#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Replies that nobody asked for: old ones again, invented ones, true ones on the wrong device. They
# neither keep a dead path alive, nor revive it, nor harm a living one.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
SPOOF=$BUILD/tests/tools/spoof
spoof() { "$SPOOF" "$1" "$SCRATCH/replies" --netns "$(ns isp)" --device "$2" "${@:3}"; }
edges_up
stream_start
hold 0.3
is "200 true replies recorded on their way to edge a" "$(spoof record b0 --count 200)" 200

stream_mark
spoof replay a0 --duration-ms 300 >/dev/null
spoof invent a0 --duration-ms 300 >/dev/null
felt_nothing "lies on a living path"
is "the paths stay up" "$(path_state a a-fibre) $(path_state a a-lte)" "up up"

# From now on liars talk at ten times the probes' rate; the wrong device gets what fibre swallows.
spawn replay "$SPOOF" replay "$SCRATCH/replies" --netns "$(ns isp)" --device a0 --duration-ms 3000
spawn invent "$SPOOF" invent "$SCRATCH/replies" --netns "$(ns isp)" --device a0 --duration-ms 3000
spawn cross "$SPOOF" replay "$SCRATCH/replies" --netns "$(ns isp)" --device a1 --duration-ms 3000
hold 0.2
stream_mark
sever fibre
check "the dead path goes down all the same" wait_until 2 path_is a a-fibre down
hold 0.1
felt_clean "cut among lies" 40000
flapped=0
while ! finished replay || ! finished invent; do
	path_is a a-fibre down || flapped=1
	hold 0.05
done
is "and stays down while they lie" "$flapped" 0
for liar in replay invent cross; do
	between "$liar spoke" "$(cat "$SCRATCH/$liar.out")" 2000 3100
done
rejected=0
for why in short session source sequence stamp; do
	rejected=$((rejected + $(counter a reply_$why)))
done
between "edge a counted the lies" "$rejected" 6000 20000
heal fibre
check "true replies revive it" wait_until 10 path_is a a-fibre up
done_testing
