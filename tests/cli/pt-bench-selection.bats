#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-bench path-selection: records with a baseline, and what is refused.

bats_require_minimum_version 1.5.0

@test "path-selection: one bench record a metric, beside its baseline" {
	pt-bench path-selection --json -n 500 -c 200 >"$BATS_TEST_TMPDIR/out" || [ $? -eq 1 ]
	jq -es 'length == 4 and all(.type == "bench" and .workload == "path-selection"
			and .unit == "ns" and .runs == 500 and .skipped == null
			and .min > 0 and .min <= .median and .median <= .max)
		and (map(select(.metric | startswith("pick")))
			| length == 2 and all(.baseline_name == "scan" and .baseline > 0 and .ratio > 0))
		and (map(select(.target != null).metric) == ["pick_p99", "order_p99"])' "$BATS_TEST_TMPDIR/out"
}

@test "path-selection: more candidates take longer and have no target" {
	median() { pt-bench path-selection --json -n 300 -c "$1" | jq 'select(.metric == "pick_p50").value'; }
	[ "$(median 16384)" -gt "$(median 100)" ]
	pt-bench path-selection --json -n 10 -c 1001 | jq -es 'all(.target == null and .pass == null)'
}

@test "path-selection: bad numbers exit 64 with the bounds" {
	run --separate-stderr pt-bench path-selection -c 1
	[ "$status" -eq 64 ]
	# shellcheck disable=SC2154 # set by bats
	[ "$stderr" = "pt-bench: --candidates: 2 to 16384, not '1'" ]
	run --separate-stderr pt-bench path-selection -n none
	[ "$status" -eq 64 ]
	[ "$stderr" = "pt-bench: --iterations: 1 to 1000000, not 'none'" ]
}
