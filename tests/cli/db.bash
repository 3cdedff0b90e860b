# SPDX-License-Identifier: MIT
# What the pt-db tests share: a fresh database with its configuration, and hands to look into it.
# Processes named in $pids end with the test.

bats_require_minimum_version 1.5.0

db_setup() { # YAML: the configuration
	cd "$BATS_TEST_DIRNAME/../.." || return
	dir=$BATS_TEST_TMPDIR/db
	mkdir "$dir"
	db=$dir/sdwan.db
	config=$BATS_TEST_TMPDIR/config.yaml
	printf '%s\n' "$1" >"$config"
	pt init -q
}

end_pids() {
	local p
	for p in ${pids:-}; do kill -9 "$p" 2>/dev/null || true; done
}

teardown() { end_pids; }

pt() { # VERB ARG...
	local verb=$1
	shift
	pt-db "$verb" --db "$db" --config "$config" "$@"
}

sql() { sqlite3 -cmd '.timeout 5000' "$db" "$1"; }

nap() { read -rt "$1" <> <(:) || true; } # seconds, without a process
