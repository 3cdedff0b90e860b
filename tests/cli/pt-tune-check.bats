#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-tune check, advise, measure: on a host made of files.

# shellcheck disable=SC2154 # set by bats and tune.bash
bats_require_minimum_version 1.5.0
load tune.bash

setup() {
	tune_setup
}

good() { # ID [OPTION...]: what check or diagnose says of it
	{ pt-tune check --root "$ROOT" --json "${@:2}" || true; pt-tune diagnose --root "$ROOT" --json "${@:2}" || true; } |
		jq -r --arg id "$1" '.findings[] | select(.id == $id).good'
}

@test "check: requirements follow the scale, what cannot be known is not failed" {
	[ "$(good REQ-CPU)" = yes ]
	[ "$(good REQ-CPU --scale large)" = no ]
	[ "$(good REQ-RAM --scale medium)" = no ]
	[ "$(good REQ-KERNEL)" = yes ]
	put proc/sys/kernel/osrelease 5.10.0
	[ "$(good REQ-KERNEL)" = no ]
	[ "$(good REQ-DISK)" = unknown ]
	[ "$(good CON-IRQBALANCE)" = yes ]
	put proc/77/comm irqbalance
	[ "$(good CON-IRQBALANCE)" = no ]
	ln -s ../sysctl.conf "$ROOT/etc/sysctl.d/99-sysctl.conf"
	[ "$(good CON-SYSCTL)" = no ]
}

@test "check: exit 1 when something is wrong, both checklists are there" {
	run --separate-stderr pt-tune check --root "$ROOT" --json
	[ "$status" -eq 1 ] # one WAN
	jq -e '[.findings[].list] | (map(select(. == "before")) | length == 7)
		and (map(select(. == "after")) | length == 7)' <<<"$output"
	put proc/net/route $'Iface Destination Gateway\neth0\t00000000\t0102000A\neth1\t00000000\t0103000A'
	put sys/class/net/eth0/speed 1000
	pt-tune check --root "$ROOT" >/dev/null
}

@test "check: above 2000 sites there is advice, which nothing fails" {
	advice() { pt-tune check --root "$ROOT" --json "$@" | jq '[.findings[] | select(.list == "very-large" and .good == "unknown")] | length'; }
	[ "$(advice)" -eq 0 ]
	[ "$(advice --scale very-large)" -eq 5 ]
	put run/patronus/network.json "$(jq -nc '{sites: [range(2001) | {}]}')"
	[ "$(advice)" -eq 5 ]
	[ "$(advice --scale large)" -eq 0 ]
}

@test "advise: names the knobs whose counter moved, and no others" {
	pt-tune advise --root "$ROOT" --json | jq -e '.advice == []'
	put proc/net/softnet_stat '00001000 00000000 00000012 00000000'
	run --separate-stderr pt-tune advise --root "$ROOT" --json
	[ "$status" -eq 1 ]
	jq -e '[.advice[].key] == ["net.core.netdev_budget", "net.core.netdev_budget_usecs"]
		and .advice[0].moved == 18 and .advice[0].now == "300"' <<<"$output"
}

@test "advise and a rule agree: the guide's budget is skipped until time_squeeze moves" {
	profile 'sysctl: {net.core.netdev_budget: 600}'
	[ "$(pt-tune plan --root "$ROOT" --profile "$P" --json | jq -r .action)" = skip ]
	put proc/net/softnet_stat '00001000 00000000 00000012 00000000'
	[ "$(pt-tune plan --root "$ROOT" --profile "$P" --json | jq -r .action)" = set ]
}

@test "measure: how far counters move in its window" {
	(
		sleep 0.4
		put proc/net/softnet_stat '00001000 00000005 00000000 00000000'
	) &
	pt-tune measure --root "$ROOT" --time 1s --label before --json >"$BATS_TEST_TMPDIR/out"
	wait
	jq -e '.counters[] | select(.counter == "softnet_dropped") | .before == 0 and .after == 5
		and .moved == 5 and .per_second == 5 and .label == "before"' "$BATS_TEST_TMPDIR/out"
}
