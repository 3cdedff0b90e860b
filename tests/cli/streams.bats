#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Standard input, output and error in whatever state the caller left them.

# shellcheck disable=SC2154 # set by bats and select.bash
load select.bash

setup() { select_setup; }
teardown() { rm -rf "$D"; }

@test "closed standard streams are nobody else's descriptors" {
	second now 0 >"$D/in"
	pt-select watch "${files[@]}" --spool "$D/spool" <"$D/in" >&- 2>"$D/err"
	[ ! -s "$D/err" ]
	jq -e '.type == "decision"' "$D"/spool/*.ndjson
	pt-select watch "${files[@]}" --spool "$D/other" <&- >&- 2>&-
	run -64 pt-select nonsense <&- >&- 2>&-
}

@test "a spool that is not there is told, not made" {
	run -2 pt-failover events --from "$D/typo"
	[ "$output" = "pt-failover: $D/typo: No such file or directory" ]
	[ ! -e "$D/typo" ]
}

@test "a full disk under standard output is told in one line" {
	second now 0 >"$D/in"
	for args in "once ${files[*]}" "--help" "--version"; do
		# shellcheck disable=SC2086,SC2016 # words; the inner shell expands
		run -2 bash -c 'in=$0; pt-select "$@" <"$in" 2>&1 >/dev/full' "$D/in" $args
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == "pt-select: "*"output: "* ]]
	done
}

@test "a reader that goes while nothing is written is noticed" {
	mkfifo "$D/out" "$D/hold"
	exec 8<>"$D/hold"
	pt-select watch "${files[@]}" <&8 >"$D/out" 2>"$D/err" 3>&- 8>&- &
	head -c 0 "$D/out"
	wait $!
	[ ! -s "$D/err" ]
}
