#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The catalogue: what explain says, and that the manual says the same.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	PATH=$PT_BUILD/bin:$PATH
}

@test "explain tells a knob's unit, scope, plane, the guide's value and why" {
	run pt-tune explain net.ipv4.tcp_mem
	[ "$status" -eq 0 ]
	[[ $output == *"numbers of 3, pages"* ]]
	[[ $output == *"first network namespace"* ]]
	[[ $output == *"local sockets"* ]]
	[[ $output == *"134217728 134217728 134217728"* ]]
	[[ $output == *"512 GiB"* ]]
}

@test "explain takes patterns, and JSON has every column" {
	pt-tune explain --json 'nic.rings.*' |
		jq -e '.knobs | length == 2 and (.[0] | .key == "nic.rings.rx" and .min == 1
			and .guide == "4096" and .evidence == "rx_missed" and has("module"))'
}

@test "explain of an unknown knob is exit 1 and names it" {
	run pt-tune explain net.ipv4.no_such
	[ "$status" -eq 1 ]
	[ "$output" = "pt-tune: no knob is called 'net.ipv4.no_such'; \`pt-tune explain' lists all" ]
}

@test "every knob has what is done and why, and each key once" {
	pt-tune explain --json >"$BATS_TEST_TMPDIR/all"
	jq -e '.knobs | length > 100 and all(.rule != null and .reason != null)
		and (map(.key) | length == (unique | length))' "$BATS_TEST_TMPDIR/all"
}

@test "every sysctl of the guide's two files is in the catalogue with its value" {
	n=0
	while read -r key value; do
		n=$((n + 1))
		echo "$key = $value"
		got=$(pt-tune explain --json "$key" | jq -r '.knobs[0].guide')
		[ "${got%% *#*}" = "$value" ]
	done <tests/cli/guide-sysctls
	[ "$n" -eq 50 ]
}

@test "pt-tunables(7) is the catalogue" {
	sed -n '/^\.Sh KNOBS/,/^\.Sh SEE ALSO/{/^\.Sh/!p}' man/pt-tunables.7 >"$BATS_TEST_TMPDIR/page"
	pt-tune explain --man >"$BATS_TEST_TMPDIR/tables"
	diff "$BATS_TEST_TMPDIR/page" "$BATS_TEST_TMPDIR/tables"
}
