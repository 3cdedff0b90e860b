#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-bench health-check: small, for its records; what it costs is no test's business.

bats_require_minimum_version 1.5.0

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	grep -q cgroup2 /proc/self/mounts || skip "no control groups of version 2"
}

@test "health-check: a record a metric, fping beside the probes, nothing stays behind" {
	pt-bench health-check --json -n 1 -t 20 -r 1 >"$BATS_TEST_TMPDIR/out" &
	pid=$!
	wait $pid
	cat "$BATS_TEST_TMPDIR/out" # shown when what follows does not hold
	jq -es 'map(.metric) == ["cpu_per_probe", "cpu_beside_bare", "machine_per_probe", "rate",
			"rate_cpu_per_probe", "stamp_cpu", "stamp_late", "path_memory", "rtt_error_p99", "rtt_error_loaded",
			"rtt_error_burst"]
		and all(.type == "bench" and .workload == "health-check" and .target == null)
		and all(.runs == 1 or .metric == "path_memory")
		and (map(select(.metric == "cpu_per_probe" or .metric == "rate" or .metric == "stamp_cpu")) | all(.value > 0))' \
		"$BATS_TEST_TMPDIR/out"
	# 20 hosts every 95 ms 40 times: 800 probes take 39 periods, start and end, which may be long
	jq -es 'map(select(.metric == "rate").value)[0] | . > 10 and . < 217' "$BATS_TEST_TMPDIR/out"
	if command -v fping >/dev/null; then
		jq -es 'map(select(.baseline_name == "fping").metric) | length == 4' "$BATS_TEST_TMPDIR/out"
	fi
	# Stamps of the kernel, both: with ours of user space the error of a busy processor is larger.
	jq -es 'map(select(.metric | startswith("rtt_error")).value) | length == 3 and all(. > 0 and . < 1000000)' \
		"$BATS_TEST_TMPDIR/out"
	[[ $(ip netns list) != *"pt-bench-$pid-"* ]]
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -name "pt-bench-$pid")" ]
	[ -z "$(find /tmp -maxdepth 1 -name "pt-bench-$pid.*")" ]
}

@test "health-check: bad numbers exit 64 with the bounds" {
	run --separate-stderr pt-bench health-check -t 4001
	[ "$status" -eq 64 ]
	# shellcheck disable=SC2154 # set by bats
	[ "$stderr" = "pt-bench: --targets: 1 to 4000, not '4001'" ]
}
