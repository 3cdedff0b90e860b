#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The demo holds what it claims, in under a minute, in plain text off a terminal; and leaves nothing,
# not even when it is interrupted.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
[[ $(id -u) = 0 ]] || skip_all "needs root"

left_by() { # PID of a demo: what is still there
	ls -d /run/netns/pt-test-"$1"-* /sys/fs/bpf/pt-test-"$1" "${TMPDIR:-/tmp}"/pt-test-"$1".* 2>/dev/null
	pgrep -f "pt-test-$1[-./]"
}

start=$SECONDS
spawn demo "$TOP/tests/demo" "$BUILD"
pid=${PIDS[demo]}
wait_until 90 finished demo
reap demo
is "exit status" $? 0
between "seconds" $((SECONDS - start)) 5 60
out=$SCRATCH/demo.out
is "no claim failed" "$(grep -E '^ +NO ' "$out")" ""
between "claims" "$(grep -cE '^  yes  ' "$out")" 15 30
like "the last line says so" "$(tail -n 1 "$out")" '^All [0-9]+ claims held'
is "no escape sequence off a terminal" "$(grep -c $'\e' "$out")" 0
is "no word on standard error" "$(cat "$SCRATCH/demo.err")" ""
nothing_left() { [[ -z $(left_by "$1") ]]; } # tail notices within a second that its stream has ended
check "nothing is left" wait_until 3 nothing_left "$pid"

spawn demo "$TOP/tests/demo" "$BUILD"
pid=${PIDS[demo]}
flowing() { grep -q '0.3 s' "$out"; }
check "a demo that runs" wait_until 30 flowing
signal demo TERM
check "ends when it is interrupted" wait_until 30 finished demo
reap demo
is "with a status that says so" $? 130
check "and leaves nothing either" wait_until 3 nothing_left "$pid"
done_testing
