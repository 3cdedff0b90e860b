#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks the model of the watchdog with spin: exhaustively, both claims; and that the two mistakes
# which are built in are found, so that a model that proves anything is noticed.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v spin >/dev/null; then
	echo "1..0 # SKIP no spin"
	exit 77
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/pt-test-model.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
tests=0 failed=0

# verify NAME WANTED-ERRORS(yes|no) PAN-OPTIONS SPIN-OPTION...
verify() {
	local name=$1 want=$2 run=$3 found
	shift 3
	tests=$((tests + 1))
	if ! { spin "$@" -a "$top/tests/model/watchdog.pml" &&
		gcc -O2 -w -DNFAIR=3 -DCOLLAPSE -o pan pan.c; } >make.log 2>&1; then
		sed 's/^/# /' make.log
		echo "Bail out! the model does not compile"
		exit 2
	fi
	# shellcheck disable=SC2086 # options
	timeout 300 ./pan -m1000000 -w22 $run >pan.log 2>&1
	found=$(sed -nE 's/.*errors: ([0-9]+).*/\1/p' pan.log)
	if { [ "$want" = no ] && [ "$found" = 0 ] && ! grep -qE 'search depth too small|out of memory|interrupted' pan.log; } ||
		{ [ "$want" = yes ] && [ "${found:-0}" -gt 0 ]; }; then
		echo "ok $tests - $name ($(sed -nE 's/ *([0-9.e+]+) states, stored.*/\1 states/p' pan.log | head -n 1))"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $name"
		sed 's/^/# /' pan.log | head -n 30
	fi
}
verify "no dead path is usable beyond the deadline" no "-noclaim"
verify "no live path is blocked for ever" no "-a -f"
verify "two writers of one byte leave a dead path up: found" yes "-noclaim" -DTWO_WRITERS
verify "a block that outlives its writer: found" yes "-a -f" -DNO_LEASE
echo "1..$tests"
exit $((failed > 0))
