#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Records into rows: what is stored, counted, reported; pipes, files and spools.

# Each test is a subshell, and `run` sets stderr.
# shellcheck disable=SC2030,SC2031,SC2154
load db.bash

setup() { db_setup 'health: {db_persist_interval: 1}'; }

ingest() { pt-db ingest --db "$db" --config "$config" "$@"; }

start() { # INPUT ARG...: in the background, as $pids; standard error in err
	local input=$1
	shift
	pt-db ingest --db "$db" --config "$config" "$@" <"$input" 2>"$BATS_TEST_TMPDIR/err" 3>&- 7>&- &
	pids=$!
}

until_true() { # COMMAND...: within 20 seconds
	local deadline=$((SECONDS + 20))
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "never: $*"; return 1; }
		read -rt 0.02 <> <(:) || true
	done
}

is() { [ "$(sql "$1")" = "$2" ]; } # SQL WANT

wait_for() { until_true is "$@"; }

traffic() { # SEQ [MONO]
	printf '{"type":"traffic","v":1,"ts":"2026-11-23T10:00:00.000001Z","mono_ns":%d,"boot":"b","src":"h/t","seq":%d,"path":"p","tx_bytes":%d}\n' \
		"${2:-$1}" "$1" "$1"
}

@test "every type lands in its table, with its source" {
	run ingest < <(records 800)
	[ "$status" -eq 0 ]
	[ "$output" = "pt-db: 800 stored, 0 already there, 0 between two persists, 0 of other types, 0 malformed" ]
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq 500 ]
	[ "$(sql "SELECT count(*) FROM traffic_stats WHERE policy_id = 'voice'")" -eq 100 ]
	[ "$(sql "SELECT count(*) FROM transitions WHERE to_status = 'down'")" -eq 50 ]
	[ "$(sql "SELECT count(*) FROM stats WHERE json_extract(record, '$.n') = seq - 1")" -eq 100 ]
	[ "$(sql "SELECT src FROM sources")" = test/records ]
	[ "$(sql "SELECT count(*) FROM sdwan_path_health WHERE timestamp = ts_us / 1000000 AND abs(timestamp - unixepoch()) < 60")" -eq 500 ]
}

@test "the same input again stores nothing, more of it only the rest" {
	records 900 >"$BATS_TEST_TMPDIR/all"
	head -n 400 "$BATS_TEST_TMPDIR/all" | ingest
	run ingest <"$BATS_TEST_TMPDIR/all"
	[[ $output == "pt-db: 500 stored, 400 already there,"* ]]
	run ingest <"$BATS_TEST_TMPDIR/all"
	[[ $output == "pt-db: 0 stored, 900 already there,"* ]]
	[ "$(sql 'SELECT count(DISTINCT seq) FROM (SELECT seq FROM sdwan_path_health UNION ALL SELECT seq FROM traffic_stats UNION ALL SELECT seq FROM transitions UNION ALL SELECT seq FROM stats)')" -eq 900 ]
}

@test "malformed lines are reported by number, counted, skipped" {
	{
		traffic 1
		echo 'not json'
		traffic 2
		echo
		traffic 3 | sed 's/"tx_bytes":3/"tx_bytes":"many"/'
		echo '{"type":"mystery","v":1}'
		echo '[1]'
		head -c 100000 /dev/urandom | tr -d '\n' | sed 's/$/\n/'
		traffic 4 | tr -d '\n' # the last line ends without one
	} >"$BATS_TEST_TMPDIR/in"
	run --separate-stderr ingest <"$BATS_TEST_TMPDIR/in"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == "pt-db: stdin:2: byte "*": skipped" ]]
	[ "${stderr_lines[1]}" = "pt-db: stdin:5: tx_bytes: not an integer: skipped" ]
	[ "${stderr_lines[2]}" = "pt-db: stdin:7: not an object: skipped" ]
	[[ ${stderr_lines[3]} == "pt-db: stdin:8: "*": skipped" ]]
	[ "${stderr_lines[4]}" = "pt-db: 3 stored, 0 already there, 0 between two persists, 1 of other types, 4 malformed" ]
	[ "$(sql 'SELECT group_concat(tx_bytes) FROM traffic_stats')" = 1,2,4 ]
}

@test "a flood of malformed lines is cut short on the terminal, not in the count" {
	run --separate-stderr ingest < <(yes '{"type":"traffic","v":9}' | head -n 5000)
	[ "$status" -eq 2 ] # nothing but noise
	[ "${#stderr_lines[@]}" -eq 103 ]
	[[ ${stderr_lines[101]} == *" 5000 malformed" ]]
}

@test "persist_to_db and db_persist_interval decide about health alone" {
	printf 'health:\n  db_persist_interval: 5\n' >"$config"
	run ingest < <(records 2400)
	# 1500 health records of three paths: of each path's 500 every fifth.
	[[ $output == "pt-db: 1200 stored, 0 already there, 1200 between two persists,"* ]]
	[ "$(sql "SELECT count(*) FROM sdwan_path_health WHERE path_id = 'west-east-lte'")" -eq 100 ]
	printf 'health:\n  persist_to_db: false\n' >"$config"
	run ingest < <(records 800)
	[[ $output == "pt-db: 300 stored, 0 already there, 500 between"* ]]
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq 300 ]
}

@test "transitions and health move the state of the inventory" {
	pt-db apply --db "$db" --no-publish etc/network.yaml >/dev/null
	records 16 | head -n 15 | ingest -q # the last transition: down
	[ "$(sql "SELECT status FROM paths WHERE id = 'west-east-lte'")" = up ]
	[ "$(sql "SELECT status || (abs(last_seen - unixepoch()) < 60) FROM sites WHERE id = 'east'")" = up1 ]
	[ "$(sql "SELECT status FROM sites WHERE id = 'west'")" = unknown ]
	# That is state, not inventory.
	run --separate-stderr pt-db apply --db "$db" --no-publish etc/network.yaml
	[ "$stderr" = "pt-db: nothing to do" ]
}

@test "a slow pipe is stored as it comes, SIGTERM ends it with a summary" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	start "$BATS_TEST_TMPDIR/pipe" --wait 10ms
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	traffic 1 >&7
	wait_for 'SELECT count(*) FROM traffic_stats' 1
	traffic 2 >&7
	traffic 3 | head -c 50 >&7 # half a line waits for the other half
	wait_for 'SELECT count(*) FROM traffic_stats' 2
	traffic 3 | tail -c +51 >&7
	wait_for 'SELECT count(*) FROM traffic_stats' 3
	kill -TERM "$pids"
	wait "$pids"
	exec 7>&-
	grep -q '^pt-db: 3 stored, 0 already there' "$BATS_TEST_TMPDIR/err"
	pids=
}

@test "the write lock is free between records" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	start "$BATS_TEST_TMPDIR/pipe" --wait 5s
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	traffic 1 >&7
	wait_for 'SELECT count(*) FROM traffic_stats' 1
	traffic 2 >&7 # now gathering for five seconds
	sqlite3 "$db" "PRAGMA busy_timeout=0; BEGIN IMMEDIATE; INSERT INTO meta VALUES ('k', 'v'); COMMIT"
	[ "$(sql "SELECT value FROM meta WHERE key = 'k'")" = v ]
	exec 7>&-
	wait "$pids" # the end of input stores what is left
	[ "$(sql 'SELECT count(*) FROM traffic_stats')" -eq 2 ]
	pids=
}

@test "another writer's lock makes it wait, not fail" {
	printf 'database:\n  busy_timeout_ms: 50\n' >"$config"
	mkfifo "$BATS_TEST_TMPDIR/pipe" "$BATS_TEST_TMPDIR/cmd"
	start "$BATS_TEST_TMPDIR/pipe"
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	traffic 1 >&7
	wait_for 'SELECT count(*) FROM traffic_stats' 1
	sqlite3 "$db" <"$BATS_TEST_TMPDIR/cmd" >"$BATS_TEST_TMPDIR/held" 3>&- &
	local holder=$!
	exec 8>"$BATS_TEST_TMPDIR/cmd"
	echo "BEGIN IMMEDIATE; SELECT 'held';" >&8
	until_true grep -q held "$BATS_TEST_TMPDIR/held"
	traffic 2 >&7
	until_true grep -q 'database is locked' "$BATS_TEST_TMPDIR/err"
	echo 'COMMIT;' >&8
	exec 8>&-
	wait "$holder"
	wait_for 'SELECT count(*) FROM traffic_stats' 2
	exec 7>&-
	wait "$pids"
	[ "$(grep -c 'locked' "$BATS_TEST_TMPDIR/err")" -eq 1 ]
	pids=
}

@test "spools are followed from where the database stands, several at once" {
	records 300 0 "$BATS_TEST_TMPDIR/a"
	mkdir "$BATS_TEST_TMPDIR/b"
	start /dev/null --from "$BATS_TEST_TMPDIR/a" --from "$BATS_TEST_TMPDIR/b" --wait 10ms
	wait_for 'SELECT max(seq) FROM stats' 296
	traffic 1 >"$BATS_TEST_TMPDIR/b/00000000000000000001.ndjson"
	wait_for 'SELECT count(*) FROM traffic_stats WHERE path_id = "p"' 1
	records 80 0 "$BATS_TEST_TMPDIR/a" # the writer was restarted: seq begins again
	wait_for "SELECT count(*) FROM stats" 47
	kill -TERM "$pids"
	wait "$pids"
	grep -q '^pt-db: 381 stored, 0 already there' "$BATS_TEST_TMPDIR/err"
	[ "$(sql "SELECT count(*) FROM spools WHERE position > 1")" -eq 2 ]
	# The next run reads nothing again.
	traffic 2 >>"$BATS_TEST_TMPDIR/b/00000000000000000001.ndjson"
	start /dev/null --from "$BATS_TEST_TMPDIR/a" --from "$BATS_TEST_TMPDIR/b"
	wait_for 'SELECT count(*) FROM traffic_stats WHERE path_id = "p"' 2
	kill -TERM "$pids"
	wait "$pids"
	grep -q '^pt-db: 1 stored, 0 already there' "$BATS_TEST_TMPDIR/err"
	pids=
}

@test "READY=1 comes when records are taken" {
	packet notify "$BATS_TEST_TMPDIR/notify" --wait-ms 10000 >"$BATS_TEST_TMPDIR/said" 3>&- &
	local listener=$!
	until_true [ -S "$BATS_TEST_TMPDIR/notify" ]
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify ingest </dev/null
	wait "$listener"
	grep -qx 'READY=1' "$BATS_TEST_TMPDIR/said"
}

@test "wrong options are usage errors" {
	for option in "--batch 0" "--batch x" "--wait soon" "--from"; do
		# shellcheck disable=SC2086
		run ingest $option </dev/null
		echo "$output"
		[ "$status" -eq 64 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	run ingest --from /proc/none </dev/null
	[ "$status" -eq 2 ]
	[[ $output == *"/proc/none"* ]]
}

@test "statistics of its own: on standard output, in its spool, and from there in the database" {
	spool=$BATS_TEST_TMPDIR/own
	mkdir "$spool"
	printf 'health:\n  db_persist_interval: 1\nmetrics:\n  export_interval_secs: 1\n' >"$config"
	{ records 80 && echo nonsense; } >"$BATS_TEST_TMPDIR/in"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 7<>"$BATS_TEST_TMPDIR/fifo"
	pt-db ingest --db "$db" --config "$config" --spool "$spool" \
		<"$BATS_TEST_TMPDIR/fifo" >"$BATS_TEST_TMPDIR/out" 2>/dev/null 3>&- 7>&- &
	pids=$!
	cat "$BATS_TEST_TMPDIR/in" >&7
	until_true grep -q '"stored":80,' "$BATS_TEST_TMPDIR/out"
	kill -TERM "$pids"
	wait "$pids"
	pids=
	exec 7>&-
	# shellcheck disable=SC2016
	jq -se 'last | .type == "stats" and .malformed == 1 and .duplicates == 0 and .not_due == 0
		and .unknown == 0 and .busy == 0 and .cpu_us > 0
		and ([.write_us.buckets[][1]] | add) == .write_us.count and .write_us.count >= 1
		and (.src | endswith("/pt-db"))' "$BATS_TEST_TMPDIR/out"
	cat "$spool"/*.ndjson | cmp - "$BATS_TEST_TMPDIR/out"
	start /dev/null --from "$spool"
	wait_for "SELECT max(json_extract(record, '$.stored')) FROM stats JOIN sources s ON s.id = source_id WHERE src LIKE '%/pt-db'" 80
	kill -TERM "$pids"
	wait "$pids"
	pids=
	# metrics.enabled: no
	printf 'metrics:\n  enabled: false\n  export_interval_secs: 1\n' >"$config"
	{ records 8 && read -rt 1.5 <> <(:); } | pt-db ingest -q --db "$db" --config "$config" >"$BATS_TEST_TMPDIR/out"
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
}

@test "ingest rolls up every aggregation_interval_secs, and lets go of what is past its time" {
	printf 'health:\n  db_persist_interval: 1\nmetrics:\n  aggregation_interval_secs: 1\n  retention_seconds: 864000\n' >"$config"
	sql "INSERT INTO transitions (timestamp, ts_us, path_id) VALUES (unixepoch() - 950400, 0, 'old'), (unixepoch(), 0, 'new')"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 7<>"$BATS_TEST_TMPDIR/fifo"
	start "$BATS_TEST_TMPDIR/fifo"
	records 800 >&7
	wait_for 'SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60' 500
	wait_for 'SELECT sum(n) FROM traffic_rollups WHERE period_secs = 3600' 100
	wait_for 'SELECT group_concat(path_id) FROM transitions WHERE path_id IN ("old", "new")' new
	kill -TERM "$pids"
	wait "$pids"
	pids=
	exec 7>&-
	# aggregation_enabled: no
	sql 'DELETE FROM path_health_rollups; DELETE FROM rollup_marks'
	printf 'metrics:\n  aggregation_enabled: false\n  aggregation_interval_secs: 1\n' >"$config"
	sql "INSERT INTO transitions (timestamp, ts_us, path_id) VALUES (unixepoch() - 8640000, 0, 'old')"
	exec 7<>"$BATS_TEST_TMPDIR/fifo"
	start "$BATS_TEST_TMPDIR/fifo"
	wait_for 'SELECT count(*) FROM transitions WHERE path_id = "old"' 0 # a round has been
	[ "$(sql 'SELECT count(*) FROM path_health_rollups')" -eq 0 ]
	kill -TERM "$pids"
	wait "$pids"
	pids=
	exec 7>&-
}

@test "a batch is so many records, and they gather for so long: transactions, not rows, cost" {
	printf 'health:\n  db_persist_interval: 1\nmetrics:\n  export_interval_secs: 1\n' >"$config"
	transactions() { # N OPTION...: of N records in a spool
		local n=$1
		shift
		rm -rf "$db"* "$BATS_TEST_TMPDIR/s" "$BATS_TEST_TMPDIR/out"
		pt init -q
		records "$n" 0 "$BATS_TEST_TMPDIR/s"
		pt-db ingest -q --db "$db" --config "$config" --from "$BATS_TEST_TMPDIR/s" "$@" >"$BATS_TEST_TMPDIR/out" 3>&- &
		pids=$!
		until_true grep -q "\"stored\":$n," "$BATS_TEST_TMPDIR/out" 2>/dev/null
		kill -TERM "$pids"
		wait "$pids"
		pids=
		writes=$(jq -s 'last | .write_us.count' "$BATS_TEST_TMPDIR/out")
	}
	transactions 800 --batch 40
	[ "$writes" -ge 20 ] && [ "$writes" -le 22 ]
	transactions 800
	[ "$writes" -le 2 ]
}

@test "memory stays bounded however much comes" {
	printf 'health:\n  db_persist_interval: 1\ndatabase:\n  cache_size: -1000\n  mmap_size: 0\n' >"$config"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 7<>"$BATS_TEST_TMPDIR/fifo"
	start "$BATS_TEST_TMPDIR/fifo"
	records 100000 >"$BATS_TEST_TMPDIR/in"
	head -n 8000 "$BATS_TEST_TMPDIR/in" >&7
	wait_for 'SELECT max(seq) FROM sources' 8000
	first=$(awk '/^VmHWM/ {print $2}' "/proc/$pids/status")
	tail -n +8001 "$BATS_TEST_TMPDIR/in" >&7
	head -c 3000000 /dev/zero | tr '\0' x >&7 # and a line without an end
	echo >&7
	wait_for 'SELECT max(seq) FROM sources' 100000
	last=$(awk '/^VmHWM/ {print $2}' "/proc/$pids/status")
	kill -TERM "$pids"
	wait "$pids"
	pids=
	exec 7>&-
	echo "# $first KiB after 8000 records, $last KiB after 100000"
	[ -n "${PT_SAN:-}" ] || [ "$last" -lt $((first + 4096)) ]
}
