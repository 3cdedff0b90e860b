#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-bench claims: every claim has its two figures and a verdict that follows from them, or a reason
# why not; and nothing outside its namespaces is touched.

# shellcheck disable=SC2154 # set by bats
bats_require_minimum_version 1.5.0

host() { # what the claims are about, of this host
	sysctl net.ipv4.tcp_rmem net.ipv4.tcp_wmem net.core.rmem_max net.core.rmem_default net.core.rps_sock_flow_entries
	grep -H "" /sys/class/net/*/queues/rx-*/rps_cpus 2>/dev/null || true
	for d in /sys/class/net/*; do ethtool -k "${d##*/}" 2>/dev/null || true; done
}

@test "claims: measured both ways, judged by their ratio; the host is as it was" {
	cd "$BATS_TEST_DIRNAME/../.."
	mkdir "$BATS_TEST_TMPDIR/db"
	host >"$BATS_TEST_TMPDIR/before"
	"$PT_BUILD/bin/pt-bench" claims -n 2 -t 20ms -d "$BATS_TEST_TMPDIR/db" --json >"$BATS_TEST_TMPDIR/out" &
	local pid=$! end=$((SECONDS + 20)) place
	until compgen -G "$BATS_TEST_TMPDIR/db/*" >/dev/null || [ "$SECONDS" -ge "$end" ]; do sleep 0.05; done
	# one directory of its own, closed to others: in /var/tmp anybody may put links
	place=$(stat -c '%a %F' "$BATS_TEST_TMPDIR"/db/*)
	wait "$pid"
	[ "$place" = "700 directory" ]
	run grep -c "pt-bench-$pid-" <(ip netns list)
	[ "$output" = 0 ]
	host | diff "$BATS_TEST_TMPDIR/before" -
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/db")" ]
	# each of the guide's quick wins is there, and once
	jq -se 'map(.metric) | sort == (["wal_commits", "wal_reads", "synchronous_normal", "cache_size", "mmap_size",
		"jemalloc", "offloads", "rps", "tcp_buffers", "rmem_max_asked", "rmem_max_unasked", "rfs",
		"coalescing", "netdev_budget"] | sort)' "$BATS_TEST_TMPDIR/out"
	jq -se 'map(select(.verdict != "unmeasured")) | length >= 8 and all(.[]; .type == "bench" and .runs == 2
		and .value > 0 and .baseline > 0 and .baseline_name != null and .skipped == null
		and .ratio >= .ratio_min and .ratio <= .ratio_max and .ratio_spread >= 0
		and (.claim | length > 5) and (.why | length > 5))' "$BATS_TEST_TMPDIR/out"
	# the verdict is what the figures say
	jq -se 'all(.[] | select(.verdict == "true" or .verdict == "false");
		(.verdict == "true") == (.ratio >= (.claimed_min // 1)))
		and all(.[] | select(.verdict == "unclear");
			((.ratio - (.claimed_min // 1)) | fabs) <= .ratio_spread / 2 + 0.000002)' "$BATS_TEST_TMPDIR/out"
	jq -se 'all(.[] | select(.verdict == "unmeasured"); .value == null and .ratio == null and .skipped == .why)
		and (map(select(.metric == "rfs" or .metric == "coalescing").verdict) == ["unmeasured", "unmeasured"])' "$BATS_TEST_TMPDIR/out"
	# a socket that holds what comes holds more than one that cannot
	jq -se 'map(select(.metric == "rmem_max_asked")) | .[0] | .value > .baseline and .value <= 20000' "$BATS_TEST_TMPDIR/out"
}

@test "claims: in words; and without a place for databases it fails" {
	cd "$BATS_TEST_DIRNAME/../.."
	run "$PT_BUILD/bin/pt-bench" claims -n 1 -t 10ms -d "$BATS_TEST_TMPDIR"
	[ "$status" -eq 0 ]
	[[ $output == *"journal_mode=WAL (10-20% improvement)"*"1.10-1.20"* ]]
	[[ $output == *"rfs"*"unmeasured"*"the whole host's"* ]]
	run --separate-stderr "$PT_BUILD/bin/pt-bench" claims -n 1 -d "$BATS_TEST_TMPDIR/none"
	[ "$status" -eq 2 ]
	[[ $stderr == *"/none: No such file or directory"* ]]
	run "$PT_BUILD/bin/pt-bench" claims -t soon
	[ "$status" -eq 64 ]
}
