#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-bench tune: it plans as many devices as it is told, and times it.

@test "tune: plans twenty devices in time, and leaves no namespace" {
	cd "$BATS_TEST_DIRNAME/../.."
	ip netns list | sort >"$BATS_TEST_TMPDIR/before"
	"$PT_BUILD/bin/pt-bench" tune -n 3 --json >"$BATS_TEST_TMPDIR/out" || [ $? -eq 1 ]
	jq -se 'map({key: .metric, value: .}) | from_entries
		| .plan_worst.target == 200000 and .plan_worst.runs == 3 and .plan_worst.unit == "us"
		and .plan_p50.value > 100 and .plan_p50.value <= .plan_worst.value' "$BATS_TEST_TMPDIR/out"
	run bash -c "ip netns list | grep bench.*tune"
	[ "$status" -ne 0 ] || diff <(ip netns list | sort) "$BATS_TEST_TMPDIR/before"
}
