#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every key that measures or fails over has a test of its effect: tests/keys.tsv names it.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
}

keys_of() { # SECTION: as the manual has them, which test_man_tables holds to the table
	sed -n "/^\\.Ss $1\$/,/^\\.El/s/^\\.It Cm //p" man/patronus-config.5
}

@test "each key of health and failover is in the list, and nothing else" {
	for section in health failover; do
		[ -n "$(keys_of $section)" ]
		diff <(keys_of $section | sed "s/^/$section./" | sort) \
			<(sed -n "s/^\\($section\\.[a-z_]*\\)\t.*/\\1/p" tests/keys.tsv | sort)
	done
}

@test "each named test is there and says so" {
	grep -v '^#' tests/keys.tsv | while IFS=$'\t' read -r key effect file words; do
		echo "$key: $effect: $file: $words"
		[ -n "$words" ]
		grep -qF -- "$words" "tests/$file"
	done
}
