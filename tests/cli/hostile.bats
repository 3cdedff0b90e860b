#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # run --separate-stderr sets stderr and stderr_lines
bats_require_minimum_version 1.5.0
# Bad input: one clear line on stderr, a non-zero exit, and nothing changed. Every tool that reads
# the network file, the configuration, records, a database or a pin directory.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	dir=$(mktemp -d)
	ns=pt-test-hostile-$$
	pin=/sys/fs/bpf/pt-test-hostile-$$
	cat >"$dir/good.yaml" <<-'Y'
		sites:
		  - {id: a, lan: [lan0], prefixes: [10.1.0.0/24]}
		  - {id: b, lan: [lan0], prefixes: [10.2.0.0/24]}
		uplinks:
		  - {id: a-fibre, site: a, device: wan0}
		paths:
		  - {id: a-b, source: a, dest: b, uplink: a-fibre, next_hop: 10.9.0.2, target: 10.9.0.2}
	Y
	echo 'edge: a' >"$dir/config.yaml"
	pt-db init --db "$dir/db" --config "$dir/config.yaml" >/dev/null
	pt-db apply "$dir/good.yaml" --db "$dir/db" --config "$dir/config.yaml" --no-publish >/dev/null
}

teardown() {
	ip netns del "$ns" 2>/dev/null || true
	[ ! -d "$pin" ] || rm -r "$pin"
	rm -r "$dir"
}

# Every reader of a network file refuses FILE with the same words, and leaves no trace.
refused_by_all() { # FILE REGEX
	local before tool
	before=$(sqlite3 "$dir/db" .dump)
	for tool in "pt-probe watch --network $1" "pt-select check --network $1" \
		"pt-failover attach --pin-dir $pin --network $1" "pt-db apply --db $dir/db --no-publish $1"; do
		echo "$tool"
		# shellcheck disable=SC2086 # words of the table above
		run --separate-stderr timeout 10 $tool --config "$dir/config.yaml"
		echo "exit $status: $stderr"
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr =~ ^${tool%% *}:\ $2$ ]]
	done
	[ ! -e "$pin" ]
	[ "$(sqlite3 "$dir/db" .dump)" = "$before" ]
}

@test "truncated YAML" {
	head -c 190 "$dir/good.yaml" >"$dir/bad.yaml"
	refused_by_all "$dir/bad.yaml" "$dir/bad.yaml:[0-9]+:[0-9]+: .+"
}

@test "unknown key, with its line and column" {
	sed 's/device: wan0/devcie: wan0/' "$dir/good.yaml" >"$dir/bad.yaml"
	refused_by_all "$dir/bad.yaml" "$dir/bad.yaml:5:28: .*devcie: .+"
}

@test "duplicate ids" {
	sed 's/id: b,/id: a,/' "$dir/good.yaml" >"$dir/bad.yaml"
	refused_by_all "$dir/bad.yaml" "$dir/bad.yaml:3:[0-9]+: .+"
}

@test "equal prefixes of two sites without a preference" {
	sed 's/10\.2\.0\.0/10.1.0.0/' "$dir/good.yaml" >"$dir/bad.yaml"
	refused_by_all "$dir/bad.yaml" "$dir/bad.yaml:3:[0-9]+: .*10\.1\.0\.0/24.*"
}

@test "a path over an uplink that does not exist" {
	sed 's/uplink: a-fibre/uplink: a-lte/' "$dir/good.yaml" >"$dir/bad.yaml"
	refused_by_all "$dir/bad.yaml" "$dir/bad.yaml:7:[0-9]+: .*a-lte.*"
}

@test "no such file" {
	refused_by_all "$dir/none.yaml" "$dir/none.yaml: .*No such file.*"
}

@test "a device that is missing: attach fails and leaves nothing" {
	ip netns add "$ns"
	run --separate-stderr pt-failover attach --netns "$ns" --pin-dir "$pin" \
		--config "$dir/config.yaml" --network "$dir/good.yaml"
	echo "exit $status: $stderr"
	[ "$status" -eq 2 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr =~ lan0 ]]
	[ ! -e "$pin" ]
	[ "$(ip netns exec "$ns" tc qdisc show | grep -c clsact)" -eq 0 ]
}

@test "a pin directory of another ABI: status and attach refuse it" {
	ip netns add "$ns"
	ip -n "$ns" link add lan0 type veth peer name lan1
	ip -n "$ns" link add wan0 type veth peer name wan1
	pt-failover attach --netns "$ns" --pin-dir "$pin" --config "$dir/config.yaml" --network "$dir/good.yaml"
	bytes=$(bpftool --json map lookup pinned "$pin/pt_meta" key 0 0 0 0 | jq -r '.value | .[0] = "0x63" | join(" ")')
	# shellcheck disable=SC2086 # one word a byte
	bpftool map update pinned "$pin/pt_meta" key 0 0 0 0 value $bytes
	before=$(bpftool --json map dump pinned "$pin/pt_meta"; ls "$pin")
	for verb in "status" "attach --netns $ns --config $dir/config.yaml --network $dir/good.yaml"; do
		# shellcheck disable=SC2086 # words of the table above
		run --separate-stderr pt-failover $verb --pin-dir "$pin"
		echo "$verb: exit $status: $stderr"
		[ "$status" -eq 2 ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr =~ ABI ]]
	done
	[ "$(bpftool --json map dump pinned "$pin/pt_meta"; ls "$pin")" = "$before" ]
}

@test "bad values in config.yaml" {
	printf 'edge: a\nfailover:\n  detection_threshold: many\n' >"$dir/config.yaml"
	for tool in "pt-probe watch" "pt-select check" "pt-failover attach --pin-dir $pin"; do
		# shellcheck disable=SC2086 # words of the table above
		run --separate-stderr timeout 10 $tool --config "$dir/config.yaml" --network "$dir/good.yaml"
		echo "exit $status: $stderr"
		[ "$status" -eq 2 ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr =~ ^pt-[a-z]+:\ $dir/config.yaml:3:[0-9]+:\ .*detection_threshold ]]
	done
}

@test "records that are no records" {
	for tool in "pt-select once --network $dir/good.yaml" "pt-db ingest --db $dir/db"; do
		before=$(sqlite3 "$dir/db" .dump)
		# shellcheck disable=SC2086 # words of the table above
		run --separate-stderr timeout 10 $tool --config "$dir/config.yaml" <<<'this is not JSON'
		echo "$tool: exit $status: $stderr"
		[ "$status" -eq 2 ]
		[[ $stderr =~ stdin:1:\  ]]
		[ "$(sqlite3 "$dir/db" .dump)" = "$before" ]
	done
}

@test "a database of a newer version" {
	sqlite3 "$dir/db" 'PRAGMA user_version = 9999;'
	cp "$dir/db" "$dir/before"
	for tool in "pt-db apply $dir/good.yaml --no-publish" "pt-db export" "pt-db ingest" "pt-db query VALUES(1)"; do
		# shellcheck disable=SC2086 # words of the table above
		run --separate-stderr timeout 10 $tool --db "$dir/db" --config "$dir/config.yaml" </dev/null
		echo "$tool: exit $status: $stderr"
		[ "$status" -eq 2 ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr =~ 9999 ]]
	done
	[ "$(sqlite3 "$dir/db" .dump)" = "$(sqlite3 "$dir/before" .dump)" ]
}

@test "a file that is no database" {
	head -c 8192 /dev/urandom >"$dir/noise"
	cp "$dir/noise" "$dir/before"
	run --separate-stderr pt-db export --db "$dir/noise" --config "$dir/config.yaml"
	echo "exit $status: $stderr"
	[ "$status" -eq 2 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr =~ not\ a\ database ]]
	cmp "$dir/noise" "$dir/before"
}

@test "a full disk on standard output" {
	for tool in "pt-db export --db $dir/db" "pt-select check -v --network $dir/good.yaml"; do
		# shellcheck disable=SC2086 # words of the table above
		run --separate-stderr bash -c "$tool --config $dir/config.yaml >/dev/full"
		echo "$tool: exit $status: $stderr"
		[ "$status" -eq 2 ]
		[[ $stderr =~ standard\ output ]]
	done
}
