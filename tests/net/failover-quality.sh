#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# A path that lives but is bad: pt-probe measures it, pt-select decides against it, pt-failover moves
# users, and moves them back when it is good again; as services over spools, and as one shell pipe.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
# One probe in ten gets lost: of six in a row it is one in a million, and the path stays up.
edges_up check_ms=200 threshold=6 sla='{ loss_ppm: 20000, rtt_ms: 40 }'
stream_start

bad_then_good() { # NAME GOOD-SETTING SETTING...: the last one is bad
	local good=$2 setting
	for setting in "${@:3}"; do
		relay_set fibre "$setting"
		hold 0.2
	done
	for s in a b; do
		check "$1: edge $s moves its users" wait_until 40 uses $s $s-lte
		is "$1: edge $s still calls the path up" "$(path_state $s $s-fibre)" up
	done
	hold 0.3
	stream_mark
	hold 0.5
	felt_nothing "$1: users on lte"
	relay_set fibre "$good"
	for s in a b; do
		check "$1: edge $s moves them back" wait_until 40 uses $s $s-fibre
	done
	hold 0.3
	stream_mark
	hold 0.5
	felt_nothing "$1: users on fibre"
}
bad_then_good "loss" loss_ppm=0 loss_ppm=50000
# In steps that the watchdog follows: a sudden +60 ms is 60 ms of silence to it.
bad_then_good "delay" delay_us=1000 delay_us=6000 delay_us=12000 delay_us=19000 delay_us=26000
like "the reason is told" "$(records a select | jq -r .reason)" 'rtt p95 [45][0-9.]* ms'

# The same stages as anyone would join them in a shell.
for s in a b; do
	for name in failover select probe; do reap "$name-$s"; done
done
cat >"$SCRATCH/pipe" <<-'END'
	bin=$1 dir=$2 ns=$3 pin=$4
	files="--config $dir/config.yaml --network $dir/network.yaml"
	"$bin/pt-probe" watch --netns "$ns" $files |
		"$bin/pt-select" watch $files |
		"$bin/pt-failover" watch --netns "$ns" --pin-dir "$pin" $files
END
for s in a b; do
	spawn "pipe-$s" setsid bash "$SCRATCH/pipe" "$BIN" "$SCRATCH/$s" "$(ns e$s)" "$(pin_dir $s)"
done
bad_then_good "loss, as a pipe" loss_ppm=0 loss_ppm=50000
for s in a b; do
	like "the pipe of edge $s ends in records" "$(jq -r .type "$SCRATCH/pipe-$s.out" | sort -u | xargs)" switch
	kill -TERM -- "-${PIDS[pipe-$s]}"
done
done_testing
