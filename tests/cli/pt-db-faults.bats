#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kill -9, full and read-only disks, files that are no database: nothing lost, nothing twice,
# nothing half written, one clear line.

# Each test is a subshell, and `run` sets stderr.
# shellcheck disable=SC2030,SC2031,SC2154
load db.bash

setup() { db_setup 'health: {db_persist_interval: 1}'; }

teardown() {
	end_pids
	rm -rf "${theirs:-}"
}

digest() { if [ -e "$1" ]; then sha256sum <"$1"; fi; }

random_ms() { # MAX: 0.000 to MAX/1000 seconds
	printf '%d.%03d' $(($1 * RANDOM / 32768 / 1000)) $(($1 * RANDOM / 32768 % 1000))
}

blocks_term() { # PID
	local mask
	mask=$(awk '/^SigBlk/ {print $2}' "/proc/$1/status")
	((0x$mask >> 14 & 1))
}

# Every record of the run is there, each once.
rows="SELECT source_id, mono_ns, seq FROM sdwan_path_health
	UNION ALL SELECT source_id, mono_ns, seq FROM traffic_stats
	UNION ALL SELECT source_id, mono_ns, seq FROM transitions
	UNION ALL SELECT source_id, mono_ns, seq FROM stats"

all_rows_once() { # N
	[ "$(sql "SELECT count(*) FROM ($rows)")" -eq "$1" ]
	[ "$(sql "SELECT count(*) FROM (SELECT DISTINCT source_id, mono_ns, seq FROM ($rows))")" -eq "$1" ]
	[ "$(sql 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]
}

@test "kill -9 in the middle of a file, again and again: every record once" {
	records 120000 >"$BATS_TEST_TMPDIR/in"
	killed=0
	for _ in $(seq 15); do
		pt-db ingest -q --db "$db" --config "$config" --batch 50 <"$BATS_TEST_TMPDIR/in" 3>&- &
		pids=$!
		nap "$(random_ms 250)"
		kill -9 "$pids" 2>/dev/null && killed=$((killed + 1))
		wait "$pids" 2>/dev/null || true
		[ "$(sql 'PRAGMA quick_check')" = ok ]
		n=$(sql "SELECT count(*) FROM ($rows)")
		[ "$n" -eq "$(sql "SELECT coalesce(max(seq), 0) FROM ($rows)")" ] # a prefix, whole
	done
	echo "# killed $killed runs, $n of 120000 stored by them"
	[ "$killed" -ge 5 ]
	pids=
	pt-db ingest -q --db "$db" --config "$config" <"$BATS_TEST_TMPDIR/in"
	all_rows_once 120000
}

@test "kill -9 while a spool is being written and read: every record once" {
	records 20000 8000 "$BATS_TEST_TMPDIR/spool" 3>&- &
	writer=$!
	killed=0
	while kill -0 "$writer" 2>/dev/null; do
		pt-db ingest -q --db "$db" --config "$config" --from "$BATS_TEST_TMPDIR/spool" \
			--batch 100 --wait 5ms 3>&- &
		pids="$! $writer"
		reader=$!
		nap "$(random_ms 300)"
		kill -9 "$reader" && killed=$((killed + 1))
		wait "$reader" 2>/dev/null || true
	done
	wait "$writer"
	echo "# killed $killed readers"
	[ "$killed" -ge 5 ]
	pt-db ingest --db "$db" --config "$config" --from "$BATS_TEST_TMPDIR/spool" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pids=$!
	deadline=$((SECONDS + 30))
	until [ "$(sql 'SELECT max(seq) FROM stats')" -eq 20000 ]; do
		[ "$SECONDS" -lt "$deadline" ]
		nap 0.05
	done
	# The records may all have been there already: the program must have begun before it can end.
	until blocks_term "$pids"; do
		[ "$SECONDS" -lt "$deadline" ]
		nap 0.02
	done
	kill -TERM "$pids"
	wait "$pids"
	pids=
	grep -q ', 0 already there,' "$BATS_TEST_TMPDIR/err" # the position is exact
	all_rows_once 20000
}

@test "kill -9 in apply: all of it or nothing, and the next apply completes it" {
	net=$BATS_TEST_TMPDIR/run/network.json
	jq -n '{sites: [range(4000) | {id: "s\(.)", prefixes: ["10.\(. / 256 | floor).\(. % 256).0/24"]}]}' \
		>"$BATS_TEST_TMPDIR/big.json"
	begin_again() {
		rm -f "$net"
		sql 'PRAGMA foreign_keys=ON; DELETE FROM sites; DELETE FROM audit_logs'
	}
	# The moments are spread over the time that one apply takes here and now.
	start=${EPOCHREALTIME/./}
	pt-db apply -q --db "$db" --publish "$net" "$BATS_TEST_TMPDIR/big.json" >/dev/null
	span=$(((${EPOCHREALTIME/./} - start) / 1000))
	begin_again
	killed=0 old=0 new=0
	for _ in $(seq 20); do
		pt-db apply -q --db "$db" --publish "$net" --prune "$BATS_TEST_TMPDIR/big.json" >/dev/null 3>&- &
		pids=$!
		nap "$(random_ms "$span")"
		kill -9 "$pids" 2>/dev/null && killed=$((killed + 1))
		wait "$pids" 2>/dev/null || true
		n=$(sql 'SELECT count(*) FROM sites')
		[ "$n" -eq "$(sql 'SELECT count(*) FROM site_prefixes')" ]
		[ "$n" -eq "$(sql "SELECT count(*) FROM audit_logs WHERE event_type = 'site.create'")" ]
		case $n in 0) old=$((old + 1)) ;; 4000) new=$((new + 1)) ;; *) false ;; esac
		[ ! -e "$net" ] || [ "$(jq '.sites | length' "$net")" -eq 4000 ]
		[ "$n" -eq 0 ] || begin_again
	done
	pids=
	echo "# killed $killed within $span ms: $old with nothing done, $new with all done"
	[ "$killed" -ge 5 ]
	[ "$old" -ge 1 ]
	pt-db apply -q --db "$db" --publish "$net" "$BATS_TEST_TMPDIR/big.json" >/dev/null
	[ "$(jq '.sites | length' "$net")" -eq 4000 ]
	[ "$(sql 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]
	[ "$(find "$BATS_TEST_TMPDIR/run" -type f | wc -l)" -eq 1 ]
}

@test "init killed at any moment can be repeated" {
	for _ in $(seq 15); do
		rm -f "$db" "$db-wal" "$db-shm"
		pt-db init -q --db "$db" 3>&- &
		pids=$!
		nap "$(random_ms 30)"
		kill -9 "$pids" 2>/dev/null || true
		wait "$pids" 2>/dev/null || true
		pt-db init -q --db "$db"
		[ "$(sql 'PRAGMA integrity_check')" = ok ]
		[ "$(sql 'PRAGMA user_version')" -ge 4 ]
		[ "$(sql 'PRAGMA auto_vacuum')" -eq 2 ]
	done
	pids=
}

@test "a full disk: one clear line, what was committed stays, more space and it goes on" {
	unshare -m true 2>/dev/null || skip "no private mount namespace here"
	records 20000 >"$BATS_TEST_TMPDIR/in"
	mkdir "$BATS_TEST_TMPDIR/disk"
	cat >"$BATS_TEST_TMPDIR/script" <<-'EOF'
		set -e
		cd "$1"
		mount -t tmpfs -o size=3M pt-test-full disk
		pt-db init -q --db disk/d.db
		if pt-db ingest --db disk/d.db --config config.yaml <in 2>err; then exit 9; fi
		[ "$(grep -c . err)" -eq 2 ]
		grep -q '^pt-db: disk/d.db: .*\(is full\|No space left on device\): free some space; nothing of this transaction was written$' err
		sqlite3 disk/d.db 'PRAGMA integrity_check' | grep -qx ok
		first=$(sqlite3 disk/d.db 'SELECT sum(seq = mark) FROM (SELECT (SELECT seq FROM sources) AS mark, max(seq) AS seq FROM (SELECT seq FROM stats UNION ALL SELECT seq FROM sdwan_path_health UNION ALL SELECT seq FROM transitions UNION ALL SELECT seq FROM traffic_stats))')
		[ "$first" -eq 1 ]
		kept=$(sqlite3 disk/d.db "$rows" | wc -l)
		# A change that does not fit leaves everything as it was.
		before=$(sqlite3 disk/d.db 'SELECT count(*) FROM sites')
		if pt-db apply -q --db disk/d.db --no-publish big.json >/dev/null 2>err2; then exit 8; fi
		[ "$(sqlite3 disk/d.db 'SELECT count(*) FROM sites')" = "$before" ]
		# What needs more space than there is leaves the file, and nothing half made.
		for verb in "backup disk/copies" "maintain --task analyze" "archive --older 0s disk/days" prune; do
			if pt-db $verb -q --db disk/d.db >/dev/null 2>err3; then continue; fi
			[ "$(wc -l <err3)" -eq 1 ] && grep -q 'full\|No space' err3
		done
		[ "$(find disk -name '*.new*' | wc -l)" -eq 0 ]
		[ "$(find disk/copies -name '*.db' | wc -l)" -eq 0 ]
		[ "$(sqlite3 disk/d.db "$rows" | wc -l)" -eq "$kept" ] || { sqlite3 disk/d.db "$rows" | wc -l; exit 7; }
		sqlite3 disk/d.db 'PRAGMA integrity_check' | grep -qx ok
		mount -o remount,size=64M disk
		pt-db ingest -q --db disk/d.db --config config.yaml <in
		cp disk/d.db* .
	EOF
	jq -n '{sites: [range(3000) | {id: "site-with-a-long-name-\(.)"}]}' >"$BATS_TEST_TMPDIR/big.json"
	export rows
	unshare -m --propagation private bash "$BATS_TEST_TMPDIR/script" "$BATS_TEST_TMPDIR" || {
		cat "$BATS_TEST_TMPDIR"/err*
		false
	}
	db=$BATS_TEST_TMPDIR/d.db
	all_rows_once 20000
}

@test "a full disk under network.json stops the change itself" {
	unshare -m true 2>/dev/null || skip "no private mount namespace here"
	mkdir "$BATS_TEST_TMPDIR/run"
	cat >"$BATS_TEST_TMPDIR/script" <<-'EOF'
		mount -t tmpfs -o size=4k pt-test-full "$1/run"
		pt-db apply --db "$2" --publish "$1/run/network.json" etc/network.yaml
	EOF
	run unshare -m --propagation private bash "$BATS_TEST_TMPDIR/script" "$BATS_TEST_TMPDIR" "$db"
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"network.json.new: No space left on device" ]]
	[ "$(sql 'SELECT count(*) FROM sites')" -eq 0 ]
}

@test "a read-only file system: one line that says so" {
	unshare -m true 2>/dev/null || skip "no private mount namespace here"
	mkdir "$BATS_TEST_TMPDIR/ro"
	cp "$db" "$BATS_TEST_TMPDIR/ro/d.db"
	cat >"$BATS_TEST_TMPDIR/script" <<-'EOF'
		mount --bind "$1/ro" "$1/ro" && mount -o remount,bind,ro "$1/ro"
		for verb in "apply --no-publish etc/network.yaml" ingest init export; do
			pt-db $verb --db "$1/ro/d.db" </dev/null >"$1/out" 2>&1
			echo "$? $(wc -l <"$1/out") $verb: $(cat "$1/out")"
		done
	EOF
	run unshare -m --propagation private bash "$BATS_TEST_TMPDIR/script" "$BATS_TEST_TMPDIR"
	echo "$output"
	[ "$(grep -c '^2 1 ' <<<"$output")" -eq 4 ]
	[ "$(grep -ci 'read-\?only' <<<"$output")" -eq 4 ]
	[ "$(grep -c 'its file system is mounted read-only: remount it' <<<"$output")" -eq 4 ]
}

@test "a file that is not this user's: one line with the cure, nothing changes" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to be somebody else"
	command -v setpriv >/dev/null || skip "no setpriv"
	theirs=$(mktemp -d /tmp/pt-test-theirs-XXXXXX) # the test's own directory lets nobody in
	chmod 755 "$theirs"
	cp "$db" "$config" "$theirs"
	chmod 644 "$theirs"/*
	db=$theirs/sdwan.db config=$theirs/config.yaml
	as_nobody() { setpriv --reuid 65534 --clear-groups pt-db "$@"; }
	as_nobody --version >/dev/null 2>&1 || skip "not everybody may run what was built here"
	sum=$(digest "$db")
	for verb in "apply --no-publish etc/network.yaml" ingest maintain "site add x"; do
		# shellcheck disable=SC2086
		run as_nobody $verb --db "$db" --config "$config" </dev/null
		echo "$verb: $status $output"
		[ "$status" -eq 2 ]
		[[ ${lines[-1]} == "pt-db: "*"$db: "*"may not write the file or its directory: run as their owner" ]]
	done
	[ "$(digest "$db")" = "$sum" ]
}

@test "a damaged page: every verb says so, good backups stay, restored and caught up nothing is lost" {
	records 4000 0 "$BATS_TEST_TMPDIR/spool"
	catch_up() { # N: until so many rows are there
		pt-db ingest -q --db "$db" --config "$config" --from "$BATS_TEST_TMPDIR/spool" 3>&- &
		pids=$!
		deadline=$((SECONDS + 20))
		until [ "$(sql "SELECT count(*) FROM ($rows)")" -eq "$1" ]; do
			[ "$SECONDS" -lt "$deadline" ]
			nap 0.05
		done
		kill -TERM "$pids"
		wait "$pids"
		pids=
	}
	catch_up 4000
	run -0 --separate-stderr pt backup
	copy=$output
	records 4000 0 "$BATS_TEST_TMPDIR/spool" # a new run of the writer, after that
	catch_up 8000
	sql 'PRAGMA wal_checkpoint(TRUNCATE)'
	root=$(sql "SELECT rootpage FROM sqlite_schema WHERE name = 'sdwan_path_health'")
	dd if=/dev/urandom of="$db" bs=4096 seek=$((root - 1)) count=1 conv=notrunc status=none
	while read -r code verb; do
		# shellcheck disable=SC2086
		run pt $verb </dev/null
		echo "$verb: $status $output"
		[ "$status" -eq "$code" ]
		[[ ${lines[-1]} == "pt-db: "*"restore a backup"* || ${lines[-1]} == *damaged* ]]
	done <<-'EOF'
		1 maintain --task quick-check
		2 query SELECT/**/sum(sent)/**/FROM/**/sdwan_path_health
		2 backup --keep 1
		2 archive --older 0s
	EOF
	[ "$(find "$dir/backup" -type f)" = "$copy" ]
	pt restore -q "$copy"
	[ "$(sql "SELECT count(*) FROM ($rows)")" -eq 4000 ]
	catch_up 8000 # on from where the backup stood
	all_rows_once 8000
}

@test "the clock set back in the middle: every record stored, rolled up, kept" {
	records 4000 >"$BATS_TEST_TMPDIR/in"
	# The second half says a year ago; the host's clock is neither here nor there.
	year=$(date -u +%Y)
	sed "2001,\$ s/\"ts\":\"$year/\"ts\":\"$((year - 1))/" "$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/back"
	[ "$(grep -c "\"ts\":\"$((year - 1))" "$BATS_TEST_TMPDIR/back")" -eq 2000 ]
	pt ingest -q <"$BATS_TEST_TMPDIR/back"
	all_rows_once 4000
	health=$(sql 'SELECT count(*) FROM sdwan_path_health')
	printf 'metrics:\n  retention_seconds: 315360000\n' >"$config" # raw rows stay ten months
	pt maintain >/dev/null
	[ "$(sql 'SELECT sum(n) FROM path_health_rollups WHERE period_secs = 3600')" -eq "$health" ]
	[ "$(sql "SELECT count(DISTINCT strftime('%Y', timestamp, 'unixepoch')) FROM path_health_rollups")" -eq 2 ]
	# What is of last year is past its time, of this year nothing.
	[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq "$(grep -c '"type":"health"' <(head -n 2000 "$BATS_TEST_TMPDIR/in"))" ]
	[ "$(sql 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]
}

@test "a newer version, other files, damage: exit 2 and one line from every verb" {
	sql 'PRAGMA user_version=99' # a database of the future
	cp "$db" "$BATS_TEST_TMPDIR/future.db"
	echo 'sites: []' >"$BATS_TEST_TMPDIR/text.db"
	sqlite3 "$BATS_TEST_TMPDIR/other.db" 'CREATE TABLE t (x)'
	sql 'PRAGMA user_version=1'
	head -c 20000 "$db" >"$BATS_TEST_TMPDIR/cut.db"
	: >"$BATS_TEST_TMPDIR/empty.db"
	while IFS='|' read -r name want; do
		sum=$(digest "$BATS_TEST_TMPDIR/$name.db")
		for verb in "apply --no-publish etc/network.yaml" export ingest "query SELECT/**/1" migrate init \
			"site list" "uplink list" "path list" "policy list" "site add x" maintain check stats \
			"explain SELECT/**/1" backup prune "prune --dry-run" archive; do
			case $name/$verb in empty/init | none/init) continue ;; esac
			# shellcheck disable=SC2086
			run pt-db $verb --db "$BATS_TEST_TMPDIR/$name.db" </dev/null
			echo "$name $verb: $status $output"
			[ "$status" -eq 2 ]
			[ "${#lines[@]}" -eq 1 ]
			[[ $output == "pt-db: $BATS_TEST_TMPDIR/$name.db: "*"$want"* ]]
		done
		[ "$(digest "$BATS_TEST_TMPDIR/$name.db")" = "$sum" ]
	done <<-'EOF'
		future|database version 99 is newer than 
		text|file is not a database: give the database with --db
		other|an SQLite database, but not of Patronus
		cut|truncated or damaged, restore a backup
		empty|run pt-db init
		none|create it with pt-db init
	EOF
}

@test "readers, appliers and ingest together: nobody is told of a lock" {
	cp etc/network.yaml "$BATS_TEST_TMPDIR/a.yaml"
	sed 's/preference: 30/preference: 31/' etc/network.yaml >"$BATS_TEST_TMPDIR/b.yaml"
	records 16000 4000 3>&- | pt-db ingest --db "$db" --config "$config" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pids=$!
	applied=0 asked=0
	while kill -0 "$pids" 2>/dev/null; do
		for f in a b; do
			pt-db apply --db "$db" --publish "$BATS_TEST_TMPDIR/run/network.json" "$BATS_TEST_TMPDIR/$f.yaml" >/dev/null
			applied=$((applied + 1))
		done
		pt-db query --db "$db" 'SELECT count(*), max(seq) FROM sdwan_path_health' >/dev/null
		pt-db export --db "$db" >/dev/null
		asked=$((asked + 2))
	done
	wait "$pids"
	pids=
	echo "# $applied changes and $asked questions beside 16000 records"
	[ "$applied" -ge 10 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -eq 1 ]
	all_rows_once 16000
	[ "$(jq '.paths | map(select(.preference == 31)) | length' "$BATS_TEST_TMPDIR/run/network.json")" -eq 2 ]
	[ "$(sql "SELECT count(*) FROM audit_logs WHERE event_type = 'path.update'")" -eq $((2 * (applied - 1))) ]
}

@test "the rarer ways of the verbs are clean under valgrind" {
	command -v valgrind >/dev/null || skip "no valgrind"
	[ -z "${PT_SAN:-}" ] || skip "sanitizers and valgrind do not mix"
	records 40 >"$BATS_TEST_TMPDIR/in"
	echo nonsense >>"$BATS_TEST_TMPDIR/in"
	vg() { valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99 pt-db "$@" --db "$db"; }
	vg migrate
	vg apply --dry-run etc/network.yaml
	vg apply --publish "$BATS_TEST_TMPDIR/network.json" --prune --json etc/network.yaml
	vg export --json
	vg ingest <"$BATS_TEST_TMPDIR/in"
	vg query 'SELECT * FROM sdwan_path_health'
	run vg apply --no-publish /etc/passwd
	[ "$status" -eq 2 ]
	sqlite3 "$db" 'PRAGMA user_version=99'
	run vg export
	[ "$status" -eq 2 ]
}
