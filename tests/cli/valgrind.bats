#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One-shot verbs under valgrind: no bad access, no use of what was never written, no leak.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	[ -z "${PT_SAN:-}" ] || skip "sanitizers are watching already"
	dir=$(mktemp -d)
	ns=pt-test-valgrind-$$
	pin=/sys/fs/bpf/pt-test-valgrind-$$
	echo 'edge: west-edge' >"$dir/config.yaml"
	files=(--config "$dir/config.yaml" --network etc/network.yaml)
}

teardown() {
	[ -n "${dir:-}" ] || return 0
	ip netns del "$ns" 2>/dev/null || true
	[ ! -d "$pin" ] || rm -r "$pin"
	rm -r "$dir"
}

# Runs a tool under valgrind: its own exit code must be WANT.
clean() { # WANT TOOL VERB...
	local want=$1 status=0
	shift
	echo "$*"
	valgrind --quiet --suppressions=tests/valgrind.supp --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99 \
		"$PT_BUILD/bin/$1" "${@:2}" >"$dir/out" 2>"$dir/err" </dev/null || status=$?
	[ "$status" -eq "$want" ] || { cat "$dir/err"; echo "exit $status, want $want"; return 1; }
}

health() { # PATH RTT LOSS SEQ: one health record
	printf '{"type":"health","v":1,"ts":"2026-01-31T12:00:%02d.000000Z","mono_ns":%d000000000,"boot":"b","src":"h/pt-probe","seq":%d,"path":"%s","target":"192.0.2.130","family":"ipv4","dscp":0,"probe":"stamp","window_ms":1000,"sent":100,"received":100,"late":0,"loss_ppm":%d,"rtt_us":{"min":%d,"p50":%d,"p95":%d,"p99":%d,"max":%d,"mean":%d},"jitter_us":10}\n' \
		"$4" "$4" "$4" "$1" "$3" "$2" "$2" "$2" "$2" "$2" "$2"
}

@test "help, usage errors" {
	for tool in "$PT_BUILD"/bin/pt-*; do
		clean 0 "$(basename "$tool")" --help
		clean 64 "$(basename "$tool")" nonsense
	done
}

@test "pt-probe ping" {
	clean 0 pt-probe ping -c 40 -i 50ms --json 127.0.0.1
	[ "$(jq .sent "$dir/out")" -eq 40 ]
	[ "$(jq .received "$dir/out")" -ge 1 ] # this machine's loopback may stand still for a second
}

@test "pt-select check, once, explain" {
	for i in 1 2 3 4 5 6; do
		health west-east-fiber 2000 0 "$i"
		health west-east-cable 9000 0 "$i"
	done >"$dir/records"
	clean 0 pt-select check -v "${files[@]}"
	clean 0 pt-select once "${files[@]}" "$dir/records"
	grep -q '"type": *"decision"' "$dir/out"
	clean 0 pt-select explain "${files[@]}" east voice "$dir/records"
	clean 2 pt-select check --network "$dir/none" --config "$dir/config.yaml"
}

@test "pt-db init, apply, export, query, ingest" {
	local db=(--db "$dir/db" --config "$dir/config.yaml")
	clean 0 pt-db init "${db[@]}"
	clean 0 pt-db apply etc/network.yaml --publish "$dir/network.json" "${db[@]}"
	clean 0 pt-db export "${db[@]}"
	clean 0 pt-db query 'SELECT id FROM sites ORDER BY id' --json "${db[@]}"
	clean 2 pt-db query 'SELECT nonsense' "${db[@]}"
	echo 'health: { db_persist_interval: 1 }' >>"$dir/config.yaml" # else six make a row
	health west-east-fiber 2000 0 1 >"$dir/records"
	valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99 \
		"$PT_BUILD/bin/pt-db" ingest "${db[@]}" <"$dir/records"
	[ "$(sqlite3 "$dir/db" 'SELECT count(*) FROM sdwan_path_health')" -eq 1 ]
}

@test "pt-failover attach, status, detach" {
	ip netns add "$ns"
	for dev in lan0 wan0 wan1 wan2; do
		ip -n "$ns" link add "$dev" type veth peer name "$dev-far"
		ip -n "$ns" link set "$dev" up
	done
	clean 0 pt-failover attach --netns "$ns" --pin-dir "$pin" "${files[@]}"
	clean 0 pt-failover status --pin-dir "$pin" --json
	[ "$(jq '.paths | length' "$dir/out")" -eq 3 ]
	clean 0 pt-failover detach --netns "$ns" --pin-dir "$pin"
	[ ! -e "$pin" ]
}
