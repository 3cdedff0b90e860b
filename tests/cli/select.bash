# SPDX-License-Identifier: MIT
# What the pt-select tests share: a small network, and records to feed it with.

bats_require_minimum_version 1.5.0

select_setup() {
	D=$(mktemp -d)
	cat >"$D/config.yaml" <<-'YAML'
		edge: hq
		health: {check_interval_ms: 1000, probe_timeout_ms: 500}
		failover: {detection_interval_ms: 100}
	YAML
	select_network "$D/network.yaml" ordered
	# shellcheck disable=SC2034 # the tests use it
	files=(--config "$D/config.yaml" --network "$D/network.yaml")
}

select_network() { # FILE STRATEGY
	cat >"$1" <<-YAML
		sites:
		  - {id: hq, prefixes: [10.1.0.0/16]}
		  - {id: branch, prefixes: [10.2.0.0/16]}
		uplinks:
		  - {id: fibre, site: hq, device: wan0, cost: 10}
		  - {id: lte, site: hq, device: wan1, cost: 50}
		  - {id: sat, site: hq, device: wan2, cost: 90}
		paths:
		  - {id: hq-fibre, source: hq, dest: branch, uplink: fibre, target: 192.0.2.1, preference: 30}
		  - {id: hq-lte, source: hq, dest: branch, uplink: lte, target: 192.0.2.2, preference: 20}
		  - {id: hq-sat, source: hq, dest: branch, uplink: sat, target: 192.0.2.3, preference: 10}
		policies:
		  - {id: voice, strategy: $2, sla: {loss_ppm: 10000, rtt_ms: 30, stale_secs: 2}, cooldown_secs: 20}
	YAML
}

# One health record: when (seconds of CLOCK_MONOTONIC of a boot long past, or "now"), path, how
# many of 100 were lost, p95 of the round trip in us.
health() { # WHEN PATH LOST RTT_US
	local when
	if [ "$1" = now ]; then
		when="\"ts\":\"${stamp:-$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)}\""
	else
		when="\"mono_ns\":${1}000000000,\"boot\":\"then\""
	fi
	printf '{"type":"health","v":1,%s,"src":"t/pt-probe","seq":%d,"path":"%s","target":"192.0.2.1","family":"ipv4","probe":"stamp","window_ms":1000,"sent":100,"received":%d,"loss_ppm":%d,"rtt_us":{"p95":%d},"jitter_us":300}\n' \
		"$when" "$((++seq))" "$2" "$((100 - $3))" "$(($3 * 10000))" "$4"
}

# A second of all three paths: fibre loses this many of 100.
second() { # WHEN LOST
	local stamp
	stamp=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
	health "$1" hq-fibre "$2" 10000
	health "$1" hq-lte 0 12000
	health "$1" hq-sat 0 28000
}

# Waits until a command holds, 10 s at most.
await() {
	local end=$((SECONDS + 10))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		read -rt 0.02 <> <(:) || :
	done
}

lines_in() { # FILE N: has at least N lines
	[ "$(wc -l <"$1")" -ge "$2" ]
}
