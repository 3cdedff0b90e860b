#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What keeps the file in order: maintain, check, backup, restore, prune, archive, stats, explain.

# Each test is a subshell, and `run` sets stderr.
# shellcheck disable=SC2030,SC2031,SC2154
load db.bash

setup() { db_setup 'health: {db_persist_interval: 1}'; }

digest() { # FILE: of what is in it
	sqlite3 "$1" .dump | grep -v maintenance_log | sha256sum
}

# Rows of so many days, one an hour, the newest now.
days_sql() { # N
	echo "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 * 24 - 1)
		INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, target, family, probe, sent, received, rtt_us_min, rtt_us_max, rtt_hist)
		SELECT unixepoch() - i * 3600, 0, 'p', '192.0.2.1', 'ipv4', 'stamp', 10, 10, 100, 900, '[[100,10]]' FROM n"
}

days() { sql "$(days_sql "$1")"; } # N

@test "maintain does every task beside a writer, records each, and keeps nobody waiting" {
	days 30
	sql 'CREATE TABLE big (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO big SELECT zeroblob(4000) FROM n; DROP TABLE big'
	[ "$(sql 'PRAGMA freelist_count')" -ge 1000 ]
	records 12000 6000 3>&- | pt ingest -q --wait 5ms 3>&- &
	pids=$!
	run -0 --separate-stderr pt maintain --json
	wait "$pids"
	pids=
	echo "$output" | jq -c '.tasks[]'
	# shellcheck disable=SC2016
	jq -e '[.tasks[].task] == ["quick-check", "foreign-keys", "upkeep", "analyze", "optimize", "vacuum", "checkpoint"]
		and all(.tasks[]; .result == "ok")' <<<"$output"
	[ -z "$stderr" ]
	[ "$(sql 'SELECT count(*) FROM maintenance_log WHERE result = "ok" AND duration_us >= 0')" -eq 7 ]
	[ "$(sql 'PRAGMA freelist_count')" -lt 200 ]
	[ "$(sql "SELECT count(*) FROM sqlite_stat1 WHERE idx = 'idx_path_health_path_time'")" -eq 1 ]
	[ "$(sql 'SELECT sum(n) FROM path_health_rollups WHERE period_secs = 3600')" -ge 300 ]
	[ "$(sql 'SELECT count(*) FROM transitions')" -eq 1500 ] # and all was stored
}

@test "maintain shows how far it is on a terminal, and nothing elsewhere" {
	command -v script >/dev/null || skip "no script(1)"
	days 30
	script -qec "pt-db maintain --db $db --config $config" "$BATS_TEST_TMPDIR/terminal" >/dev/null </dev/null
	grep -q $'\r\e\[Kupkeep: [0-9]* of 720' "$BATS_TEST_TMPDIR/terminal"
	grep -q $'\r\e\[Kanalyze: [0-9]* of [0-9]*' "$BATS_TEST_TMPDIR/terminal"
	run -0 --separate-stderr pt maintain
	[ -z "$stderr" ]
}

@test "one task by name; a wrong one names the right ones" {
	run -0 pt maintain --task analyze
	[ "${#lines[@]}" -eq 2 ]
	[ "$(sql 'SELECT group_concat(task) FROM maintenance_log')" = analyze ]
	run -0 pt maintain --full --json
	jq -e '[.tasks[].task] | contains(["full-check"]) and (index("quick-check") == null)' <<<"$output"
	run -64 pt maintain --task defragment
	[[ $output == *"no 'defragment', one of quick-check full-check"* ]]
}

@test "damage is exit 1, named and recorded; check says what helps" {
	days 5
	run -0 --separate-stderr pt check --json
	jq -e '.checks[] | select(.check == "synchronous") | .verdict == "fine" and .value == "FULL"' <<<"$output"
	printf 'database:\n  synchronous: NORMAL\n' >"$config"
	run -0 --separate-stderr pt check --json
	jq -e '.checks[] | select(.check == "synchronous") | .verdict == "note" and (.cure | endswith("set database.synchronous to FULL"))' <<<"$output"
	printf 'database:\n  journal_mode: TRUNCATE\n' >"$config"
	run -1 --separate-stderr pt check --json
	jq -e '.checks[] | select(.check == "journal_mode") | .verdict == "bad" and (.cure | endswith("set database.journal_mode to WAL"))' <<<"$output"
	: >"$config"
	# An index that lost a row, which a look at the pages alone does not show.
	sql "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX idx_sites_status ON sites(id)' WHERE name = 'idx_sites_status'"
	sql "INSERT INTO sites (id) VALUES ('s')"
	sql "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX idx_sites_status ON sites(status)' WHERE name = 'idx_sites_status'"
	run -1 --separate-stderr pt maintain --task full-check
	echo "$output $stderr"
	[[ $stderr == "pt-db: full-check: "*"idx_sites_status"*"restore a backup" ]]
	[ "$(sql "SELECT result FROM maintenance_log WHERE task = 'full-check'")" = no ]
	sql 'DROP INDEX idx_path_health_path_time'
	printf 'database:\n  cache_size: -16000000\n' >"$config"
	run -1 pt check --json
	jq -e '.checks[] | select(.check == "indexes") | .verdict == "bad" and (.cure | contains("CREATE INDEX idx_path_health_path_time"))' <<<"$output"
	jq -e '.checks[] | select(.check == "cache budget") | .verdict == "bad"' <<<"$output"
	sql "PRAGMA foreign_keys=OFF; INSERT INTO paths (id, source_site_id, dest_site_id) VALUES ('p', 'nowhere', 'nowhere')"
	run -1 pt maintain --task foreign-keys
	[[ $output == *"paths: row 1 refers to nothing in sites"* ]]
}

@test "what root makes belongs to whom the directory belongs: the service goes on with it" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	dir=$BATS_TEST_TMPDIR/theirs db=$BATS_TEST_TMPDIR/theirs/sdwan.db
	mkdir "$dir"
	chown 65534:65534 "$dir"
	pt init -q
	days 3
	run -0 pt backup -q
	run -0 pt restore -q "${lines[0]}"
	run -0 pt archive -q --older 0s
	find "$dir" \( -name '*.db*' ! -path "$dir/backup/*" -o -type d \) -exec stat -c '%u %n' {} + >"$BATS_TEST_TMPDIR/owners"
	cat "$BATS_TEST_TMPDIR/owners"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/owners")" -ge 7 ]
	run ! grep -v '^65534 ' "$BATS_TEST_TMPDIR/owners"
}

@test "backup: the one just made stays, though the clock says that it is the oldest" {
	mkdir "$dir/backup"
	for i in 1 2 3; do : >"$dir/backup/sdwan-2199010${i}T000000Z.db"; done
	run -0 --separate-stderr pt backup --keep 2
	[ -s "${lines[0]}" ]
	[ "$(find "$dir/backup" -name '*.db' | wc -l)" -eq 2 ]
}

@test "backup beside a writer: whole, of one instant, the oldest go" {
	pt apply -q --no-publish etc/network.yaml >/dev/null
	records 12000 8000 3>&- | pt ingest -q --wait 5ms --batch 50 3>&- &
	pids=$!
	made=()
	for _ in 1 2 3; do
		run -0 --separate-stderr pt backup --keep 2 "$dir/copies"
		made+=("$output")
		[ "$(sqlite3 "$output" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]
		# A prefix of the records, whole: as many rows as the source's mark says.
		[ "$(sqlite3 "$output" 'SELECT (SELECT ifnull(max(seq), 0) FROM sources) = (SELECT count(*) FROM (SELECT id FROM sdwan_path_health UNION ALL SELECT id + 1000000 FROM stats UNION ALL SELECT id + 2000000 FROM transitions UNION ALL SELECT id + 3000000 FROM traffic_stats))')" -eq 1 ]
		read -rt 1.1 <> <(:) || true # names are by the second
	done
	wait "$pids"
	pids=
	[ "$(find "$dir/copies" -type f | sort)" = "$(printf '%s\n' "${made[@]:1}")" ]
	[ "$(sql "SELECT count(*) FROM maintenance_log WHERE task = 'backup' AND result = 'ok'")" -eq 3 ]
	# What cannot be written leaves nothing but a line in the log.
	run -2 pt backup /proc/nowhere
	[ "$(sql "SELECT count(*) FROM maintenance_log WHERE task = 'backup' AND result = 'failed'")" -eq 1 ]
}

@test "restore: verified, swapped in one step, what was there is kept" {
	days 2
	run -0 --separate-stderr pt backup
	copy=$output
	want=$(digest "$copy")
	days 1
	was=$(digest "$db")
	run -0 pt restore --dry-run "$copy"
	[ "$(digest "$db")" = "$was" ]
	run -0 pt restore "$copy"
	[ "$(digest "$db")" = "$want" ]
	old=$(echo "$db".before-*)
	[ "$(digest "$old")" = "$was" ]
	[ "$(sql 'PRAGMA journal_mode')" = wal ]
	[ "$(sql "SELECT result FROM maintenance_log WHERE task = 'restore'")" = ok ]
	# Not while somebody has it open.
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 7<>"$BATS_TEST_TMPDIR/fifo"
	pt-db ingest -q --db "$db" --config "$config" <"$BATS_TEST_TMPDIR/fifo" 3>&- 7>&- &
	pids=$!
	records 8 >&7
	deadline=$((SECONDS + 10))
	until [ "$(sql 'SELECT count(*) FROM stats')" -eq 1 ]; do [ "$SECONDS" -lt "$deadline" ]; done
	run -2 pt restore "$copy"
	[[ $output == *"in use: stop patronus-db"* ]]
	kill -TERM "$pids"
	wait "$pids"
	pids=
	exec 7>&-
}

@test "restore over a damaged file, from an older version, and of nonsense" {
	days 2
	run -0 --separate-stderr pt backup
	copy=$output
	want=$(digest "$copy")
	sql 'INSERT INTO sites (id) VALUES ("in the log")' # leaves a log beside it, perhaps
	cp "$db" "$BATS_TEST_TMPDIR/whole"
	dd if=/dev/urandom of="$db" bs=4096 seek=1 count=20 conv=notrunc status=none
	printf 'a log of another time' >"$db-wal"
	run -0 pt restore "$copy"
	[ "$(digest "$db")" = "$want" ]
	[ "$(sql 'PRAGMA integrity_check')" = ok ]
	# An old one is brought to this version.
	version=$(sql 'PRAGMA user_version')
	sqlite3 "$BATS_TEST_TMPDIR/old.db" '.read tests/golden/database-1.sql'
	sqlite3 "$BATS_TEST_TMPDIR/old.db" "INSERT INTO sites (id) VALUES ('old')"
	run -0 pt restore "$BATS_TEST_TMPDIR/old.db"
	[ "$(sql 'PRAGMA user_version; SELECT id FROM sites')" = "$version"$'\nold' ]
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/old.db" 'PRAGMA user_version')" -eq 1 ]
	want=$(digest "$db")
	run -2 pt restore /etc/passwd
	[ "${#lines[@]}" -eq 1 ]
	for dry in '' --dry-run; do # what is missing is a backup, not a database
		run -2 pt restore $dry "$BATS_TEST_TMPDIR/none"
		[ "$output" = "pt-db: $BATS_TEST_TMPDIR/none: no such backup: the newest is $copy" ]
	done
	run -2 pt-db restore --db "$BATS_TEST_TMPDIR/elsewhere/d.db" "$BATS_TEST_TMPDIR/none"
	[ "$output" = "pt-db: $BATS_TEST_TMPDIR/none: no such backup, and none in $BATS_TEST_TMPDIR/elsewhere/backup" ]
	dd if=/dev/urandom of="$BATS_TEST_TMPDIR/whole" bs=4096 seek=2 count=20 conv=notrunc status=none
	run -2 pt restore "$BATS_TEST_TMPDIR/whole"
	[[ $output == *"damaged"* || $output == *"malformed"* ]]
	[ "$(digest "$db")" = "$want" ]
	[ ! -e "$db.new" ]
}

@test "restore: a log left behind does not get into it, a link stays one" {
	days 30
	copy=$(pt backup)
	# The file is gone, its log of committed pages is not: a crash, and somebody who tidied up.
	sqlite3 -cmd '.filectrl persist_wal 1' "$db" "DELETE FROM sdwan_path_health WHERE id % 2; $(days_sql 20)" >/dev/null
	[ -s "$db-wal" ]
	rm "$db"
	pt restore -q "$copy"
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq 720 ]
	[ "$(find "$dir" -name '*.before-*-wal' -size +0 | wc -l)" -eq 1 ] # kept all the same

	mkdir "$BATS_TEST_TMPDIR/disk"
	mv "$db" "$BATS_TEST_TMPDIR/disk/big.db"
	ln -s "$BATS_TEST_TMPDIR/disk/big.db" "$db"
	sql 'DELETE FROM sdwan_path_health'
	pt restore -q "$copy"
	[ -L "$db" ]
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/disk/big.db" 'SELECT count(*) FROM sdwan_path_health')" -eq 720 ]
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/disk"/big.db.before-* 'SELECT count(*) FROM sdwan_path_health')" -eq 0 ]
}

@test "migrate keeps a verified copy of what was" {
	version=$(sql 'PRAGMA user_version')
	rm -f "$db"*
	sql '.read tests/golden/database-1.sql'
	sql "INSERT INTO sites (id) VALUES ('kept')"
	run -2 pt query 'SELECT 1'
	[[ $output == *"run pt-db migrate" ]]
	run -0 pt migrate
	copy=$db.before-version-$version
	[ "${lines[0]}" = "pt-db: $copy: the database as it was" ]
	[ "$(sqlite3 "$copy" 'PRAGMA user_version; SELECT id FROM sites')" = $'1\nkept' ]
	[ "$(sql 'PRAGMA user_version; SELECT id FROM sites; PRAGMA integrity_check')" = "$version"$'\nkept\nok' ]
	run -0 pt migrate
	[ "${#lines[@]}" -eq 1 ] # nothing to do, nothing copied
}

@test "prune does what it said it would, and rolled up rows alone go" {
	days 40
	printf 'metrics:\n  retention_seconds: 2592000\n' >"$config" # 30 days: raw rows 2.5 days
	run -0 pt prune --json --dry-run
	due=$(jq '.pruned[] | select(.table == "sdwan_path_health") | .rows' <<<"$output")
	[ "$due" -ge 890 ]
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq 960 ]
	run -0 pt prune --json # nothing was rolled up
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq 960 ]
	pt maintain --task upkeep >/dev/null
	left=$(sql 'SELECT count(*) FROM sdwan_path_health')
	[ "$left" -ge 60 ] && [ "$left" -le 62 ]
	# 30 days of hours, each with its one check
	[ "$(sql 'SELECT count(*) BETWEEN 719 AND 722 AND min(n) = 1 FROM path_health_rollups WHERE period_secs = 3600')" -eq 1 ]
	printf 'metrics:\n  aggregation_enabled: false\n  retention_seconds: 86400\n' >"$config"
	run -0 pt prune --json
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -le 26 ]
}

@test "archive: every row in its day's file or here, none twice, none lost" {
	days 10
	all=$(sql 'SELECT count(*) FROM sdwan_path_health')
	# Where nothing can be put nothing is moved, and it is not called done.
	for place in /proc/nowhere/old "$config"; do
		run -2 pt archive --older 3d "$place"
		[[ $output == "pt-db: $place: No"* ]]
	done
	run -0 pt archive --older 3d "$dir/old"
	here=$(sql 'SELECT count(*) FROM sdwan_path_health') there=0
	for f in "$dir"/old/sdwan-*.db; do
		n=$(sqlite3 "$f" 'SELECT count(*) FROM sdwan_path_health')
		day=$(basename "$f" .db)
		[ "$(sqlite3 "$f" "SELECT DISTINCT date(timestamp, 'unixepoch') FROM sdwan_path_health")" = "${day#sdwan-}" ]
		[ "$(sqlite3 "$f" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]
		[ "$(sqlite3 "$f" 'PRAGMA journal_mode')" = delete ] # readable from any medium
		there=$((there + n))
	done
	[ $((here + there)) -eq "$all" ]
	[ "$here" -ge 72 ] && [ "$here" -le 97 ]
	[ "$(sql 'SELECT sum(n) FROM path_health_rollups WHERE period_secs = 3600')" -eq "$all" ]
	run -0 pt archive --older 3d "$dir/old"
	[[ $output == *"0 rows of 0 days"* ]]
	# A row that comes late joins its day.
	sql "INSERT INTO sdwan_path_health (timestamp, ts_us, path_id) VALUES (unixepoch() - 8 * 86400, 0, 'late')"
	run -0 pt archive --older 3d "$dir/old"
	[ "$(sql "SELECT count(*) FROM sdwan_path_health WHERE path_id = 'late'")" -eq 0 ]
	for f in "$dir"/old/sdwan-*.db; do sqlite3 "$f" "SELECT path_id FROM sdwan_path_health WHERE path_id = 'late'"; done | grep -c late | grep -qx 1
}

@test "archive: numbers that come again cost no row; rollups take them" {
	days 10
	sql "DELETE FROM sdwan_path_health WHERE timestamp > unixepoch() - 2 * 86400"
	run -0 pt archive --older 0s "$dir/old"
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq 0 ]
	f=$(echo "$dir"/old/sdwan-*.db | cut -d ' ' -f 3)
	id=$(sqlite3 "$f" 'SELECT min(id) FROM sdwan_path_health')
	sql "INSERT INTO sdwan_path_health (id, timestamp, ts_us, path_id, target, family, probe, sent, received)
		SELECT $id, timestamp, 7, 'late', target, family, probe, 1, 1 FROM (SELECT unixepoch('$(basename "$f" .db | cut -d- -f2-)') + 60 AS timestamp, 't' AS target, 'ipv4' AS family, 'stamp' AS probe)"
	run -2 pt archive --older 0s "$dir/old"
	[[ $output == *"$f: has other rows under the same numbers: archive to another directory"* ]]
	[ "$(sql "SELECT count(*) FROM sdwan_path_health WHERE path_id = 'late'")" -eq 1 ]
	[ "$(sql "SELECT sum(n) FROM path_health_rollups WHERE path_id = 'late' AND period_secs = 60")" -eq 1 ]
	run -0 pt archive --older 0s "$dir/other"
	[ "$(sqlite3 "$dir/other/$(basename "$f")" "SELECT count(*) FROM sdwan_path_health WHERE path_id = 'late'")" -eq 1 ]
}

@test "explain marks whole tables and sorting, stats counts rows" {
	run -0 pt explain 'SELECT * FROM sdwan_path_health WHERE sent > 5 ORDER BY sent'
	[[ $output == *"SCAN sdwan_path_health"*"reads the whole table"* ]]
	[[ $output == *"TEMP B-TREE"*"sorts"* ]]
	run -0 pt explain --json "SELECT * FROM sdwan_path_health WHERE path_id = 'p' AND timestamp > 5"
	jq -e '.plan | length == 1 and .[0].advice == "" and (.[0].step | contains("idx_path_health_path_time"))' <<<"$output"
	run -2 pt explain 'SELEKT'
	run -2 pt explain 'SELECT 1; DELETE FROM meta'
	[[ $output == *"one statement at a time, what is:  DELETE FROM meta" ]]
	run -0 pt explain 'SELECT 1; -- it is'
	days 1
	run -0 --separate-stderr pt stats --json
	jq -e '.tables[] | select(.table == "sdwan_path_health") | .rows == 24 and .last - .first == 82800' <<<"$output"
}
