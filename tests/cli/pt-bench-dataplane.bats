#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-bench dataplane: records with a baseline, nothing left behind, and what is refused.

bats_require_minimum_version 1.5.0

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

@test "dataplane: one bench record a metric, nothing left pinned" {
	pt-bench dataplane -w decision --json -n 2 -s 50 -p 7 >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$!
	wait "$pid" || [ $? -eq 1 ]
	jq -es 'map(.metric) == ["decision_hot", "decision_random", "decision6_hot",
			"decision6_random", "memory_random", "reload", "load"]
		and all(.type == "bench" and .workload == "dataplane" and .runs == 2
			and .skipped == null and .value > 0)
		and (map(select(.unit == "ns")) | length == 5 and all(.baseline > 0
			and .baseline_name == "empty program"))
		and (map(select(.target != null).metric)
			== ["decision_hot", "decision_random", "reload", "load"])' "$BATS_TEST_TMPDIR/out"
	run ! compgen -G "/sys/fs/bpf/pt-bench-$pid"
}

@test "dataplane: what passive measurement adds, nothing left pinned" {
	pt-bench dataplane -w passive --json -n 1 -s 50 -p 7 >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$!
	wait "$pid" || [ $? -eq 1 ]
	jq -es 'map(.metric) == ["passive_out", "passive_out_few", "passive_back", "passive_back_few"]
		and all(.unit == "ns" and .target == 15 and .skipped == null and .baseline > 0
			and .baseline_name == "passive off" and (.value | type) == "number")' \
		"$BATS_TEST_TMPDIR/out"
	run ! compgen -G "/sys/fs/bpf/pt-bench-$pid"
}

@test "dataplane: rates have a baseline each, nothing left behind" {
	pt-bench dataplane -w rates --json -n 1 -s 50 -p 7 >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$!
	wait "$pid" || [ $? -eq 1 ]
	jq -es 'map(.metric) == ["tc_to_redirect", "tc_to_neighbour", "tc_to_kernel", "tc_to_mark",
			"xdp_to_redirect", "xdp_to_kernel", "tcp_to_kernel"]
		and all(.type == "bench" and .workload == "dataplane" and .target_of == "ratio"
			and (.skipped != null or (.value > 0 and .baseline > 0
				and .ratio >= .ratio_min and .ratio <= .ratio_max
				and (.target == null or .pass == (.ratio >= .target)))))
		and (map(select(.metric == "tc_to_kernel" or .metric == "tcp_to_kernel"))
			| all(.skipped == null))' "$BATS_TEST_TMPDIR/out"
	run ! compgen -G "/sys/fs/bpf/pt-bench-$pid"
	run ! compgen -G "/run/netns/pt-bench-$pid-*"
}

@test "dataplane: bad numbers exit 64 with the bounds" {
	run --separate-stderr pt-bench dataplane -s 1
	[ "$status" -eq 64 ]
	# shellcheck disable=SC2154 # set by bats
	[ "$stderr" = "pt-bench: --sites: 2 to 8000, not '1'" ]
	run --separate-stderr pt-bench dataplane -p 65
	[ "$status" -eq 64 ]
	[ "$stderr" = "pt-bench: --policies: 1 to 64, not '65'" ]
	run --separate-stderr pt-bench dataplane -f 100
	[ "$status" -eq 64 ]
	[ "$stderr" = "pt-bench: --flows: a power of two, not 100" ]
	run --separate-stderr pt-bench dataplane -w wires
	[ "$status" -eq 64 ]
	[ "$stderr" = "pt-bench: --what: decision, passive, rates or all, not 'wires'" ]
}
