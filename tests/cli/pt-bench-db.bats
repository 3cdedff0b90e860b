#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-bench db: records with a baseline; that the targets are met is pt-bench's own exit code, on a
# machine that does nothing else.

# shellcheck disable=SC2154 # bats sets them
bats_require_minimum_version 1.5.0

@test "db: one bench record a metric, beside its baseline; a history of one's own stays and grows" {
	mkdir "$BATS_TEST_TMPDIR/d"
	f=$BATS_TEST_TMPDIR/h.db
	for run in 1 2; do
		pt-bench db --json -n 1 -r 5000 -d "$BATS_TEST_TMPDIR/d" --file "$f" >"$BATS_TEST_TMPDIR/out" || [ $? -eq 1 ]
		# 250 came, the oldest went, and every one is in the rollups.
		[ "$(sqlite3 "$f" "SELECT sum(n) FROM path_health_rollups WHERE period_secs = 3600")" -eq $((5000 + run * 250)) ]
		rows=$(sqlite3 "$f" 'SELECT count(*) FROM sdwan_path_health')
		[ "$rows" -ge 4990 ] && [ "$rows" -le 5010 ]
	done
	jq -es '[.[].metric] == ["ingest_parsed", "ingest_parsed_rate", "ingest_ndjson", "ingest_tree",
			"last_hour_p50", "last_hour_p99", "last_hour_cold_p50", "chart_p50", "chart_p99", "longest_lock",
			"readers_pool"]
		and all(.type == "bench" and .workload == "db" and .skipped == null and .value > 0)
		and (map(select(.metric | startswith("ingest"))) | all(.baseline > 0 and .ratio > 0 and .unit == "rows/s"))
		and (map(select(.metric == "readers_pool")) | all(.baseline_name == "a connection each" and .unit == "questions/s"))
		and (map(select(.metric | startswith("chart"))) | all(.baseline_name == "raw rows"))' "$BATS_TEST_TMPDIR/out"
	# What a loaded machine cannot take away: text is stored at half the pace of bare inserts.
	jq -es 'map(select(.metric == "ingest_ndjson")) | .[0].ratio > 0.4' "$BATS_TEST_TMPDIR/out"
	[ -z "$(ls "$BATS_TEST_TMPDIR/d")" ]
	# Without, nothing is left.
	pt-bench db -n 1 -r 1000 -d "$BATS_TEST_TMPDIR/d" >/dev/null || [ $? -eq 1 ]
	[ -z "$(ls "$BATS_TEST_TMPDIR/d")" ]
}

@test "db: a configuration's database keys make the files and the pool" {
	bench() { # KEY: VALUE, KEY: VALUE
		echo "database: {$1}" >"$BATS_TEST_TMPDIR/config.yaml"
		pt-bench db --json -n 1 -r 1000 --config "$BATS_TEST_TMPDIR/config.yaml" -d "$BATS_TEST_TMPDIR" -f "$BATS_TEST_TMPDIR/h.db"
	}
	bench "page_size: 8192, connection_pool_size: 2, max_connections: 2" >"$BATS_TEST_TMPDIR/out" || [ $? -eq 1 ]
	jq -es 'map(select(.metric == "readers_pool")) | .[0].value > 0 and .[0].baseline > 0' "$BATS_TEST_TMPDIR/out"
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/h.db" 'PRAGMA page_size')" -eq 8192 ]
	run -2 bench "connection_pool_size: 3, max_connections: 2"
	[[ $output == *"config.yaml:1:"*"database.connection_pool_size: 3 is more than database.max_connections, 2"* ]]
}

@test "db: bad numbers exit 64 with the bounds, a missing directory 2" {
	run -64 pt-bench db -r 10
	[ "$output" = "pt-bench: --rows: 1000 to 100000000, not '10'" ]
	run -2 pt-bench db -d "$BATS_TEST_TMPDIR/none"
	[ "${#lines[@]}" -eq 1 ]
}
