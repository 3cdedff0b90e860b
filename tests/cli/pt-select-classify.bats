#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-select classify: what it says of a packet, how it exits.

# shellcheck disable=SC2154 # set by bats and select.bash
load select.bash

setup() {
	select_setup
	cat >>"$D/network.yaml" <<-'YAML'
		  - {id: web, priority: 200, match: {protocol: tcp, dst_ports: [443]}, prefer: [lte]}
		  - {id: tcp, priority: 300, match: {protocol: tcp}}
	YAML
	sed -i 's/{id: voice,/{id: voice, priority: 100, match: {dscp: ef},/' "$D/network.yaml"
}

teardown() {
	rm -rf "$D"
}

@test "classify: site, policy and paths, each with its reason" {
	run --separate-stderr pt-select classify "${files[@]}" --json 'tcp 10.1.0.5:40000 > 10.2.0.9:443'
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	jq -e '.flows == [{flow: "tcp 10.1.0.5:40000 > 10.2.0.9:443", site: "branch",
		then: [], prefix: "10.2.0.0/16", policy: "web", rule: "tcp, to port 443",
		paths: ["hq-lte", "hq-fibre", "hq-sat"], why_not: null,
		passed_over: ["voice: dscp"]}]' <<<"$output"
}

@test "classify: a table for people" {
	run --separate-stderr pt-select classify "${files[@]}" 'udp 10.1.0.5:40000 > 10.2.0.9:5060 ef'
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == FLOW*SITE*"BY PREFIX"*POLICY*"BY RULE"*PATHS*"WHY NOT"* ]]
	[[ ${lines[1]} == "udp 10.1.0.5:40000 > 10.2.0.9:5060 ef"*branch*10.2.0.0/16*voice*"dscp ef"*hq-fibre,hq-lte,hq-sat* ]]
}

@test "classify: many lines from standard input, exit 1 when one has no site or no policy" {
	printf '%s\n' '# two calls' '' 'udp 10.1.0.5:1 > 10.2.0.9:2 ef' 'tcp 10.1.0.5 > 10.2.0.9' |
		pt-select classify "${files[@]}" --json >"$D/out"
	jq -e '[.flows[] | .policy] == ["voice", "tcp"]' "$D/out"
	run --separate-stderr pt-select classify "${files[@]}" --json 'udp 10.1.0.5:1 > 10.2.0.9:2' \
		'udp 10.1.0.5:1 > 10.3.0.9:2 ef' 'udp 10.2.0.5:1 > 10.1.0.9:2 ef' 'udp 10.1.0.5:1 > 10.2.0.9:2 ef'
	[ "$status" -eq 1 ]
	jq -e '[.flows[] | .why_not] == ["no policy matches", "no site has this destination",
		"this edge'"'"'s own site", null]
		and .flows[0].passed_over == ["voice: dscp", "web: protocol", "tcp: protocol"]' <<<"$output"
}

@test "classify: what is no flow is told and exits 2, the rest is classified" {
	run --separate-stderr pt-select classify "${files[@]}" 'udp 10.1.0.5:1 > 10.2.0.9'
	[ "$status" -eq 2 ]
	[ "$stderr" = "pt-select: 'udp 10.1.0.5:1 > 10.2.0.9': a port on both sides, or on none" ]
	{
		echo 'nonsense'
		head -c 5000 /dev/zero | tr '\0' x
		echo
		printf 'udp\0\n'
		echo 'udp 10.1.0.5:1 > 10.2.0.9:2 ef'
	} >"$D/in"
	run --separate-stderr pt-select classify "${files[@]}" --json <"$D/in"
	[ "$status" -eq 2 ]
	jq -e '[.flows[] | .policy] == ["voice"]' <<<"$output"
	[ "${#stderr_lines[@]}" -eq 4 ]
	[[ ${stderr_lines[0]} == "pt-select: stdin:1: not PROTOCOL "*": skipped" ]]
	[ "${stderr_lines[3]}" = "pt-select: 3 of 4 lines skipped" ]
}
