#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kill -9 at random instants in every verb that writes: nothing lost, nothing half done, and the same
# command again completes it. PT_KILLS instants a verb (default 6); make check-long takes 200.

# Each test is a subshell, and `run` sets stderr.
# shellcheck disable=SC2030,SC2031,SC2154
load db.bash

setup() {
	kills=${PT_KILLS:-6}
	db_setup 'health: {db_persist_interval: 3}
metrics: {retention_seconds: 864000}'
}

# Starts the command and kills it within the time that it takes.
kill_within() { # MS COMMAND...
	local ms=$(($1 * RANDOM / 32768)) pid
	shift
	"$@" <"${input:-/dev/null}" >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	pids=$pid
	nap "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
	kill -9 "$pid" 2>/dev/null && killed=$((killed + 1))
	wait "$pid" 2>/dev/null || true
	# shellcheck disable=SC2034 # teardown of db.bash reads it
	pids=
}

span_of() { # COMMAND...: milliseconds
	local start=${EPOCHREALTIME/./}
	"$@" >/dev/null
	echo $(((${EPOCHREALTIME/./} - start) / 1000 + 2))
}

sound() { [ "$(sqlite3 -cmd '.timeout 5000' "${1:-$db}" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]; }

# Days of checks, one in ten minutes.
days() { # N: the oldest first, as rows come
	sql "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 * 144 - 1)
		INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, sent, received, rtt_hist)
		SELECT unixepoch() - i * 600, 0, 'p' || i % 5, 10, 10, '[[100,10]]' FROM n ORDER BY i DESC"
}

enough() { [ "$killed" -ge $((kills / 6)) ] || { echo "only $killed of $kills were still running"; false; }; }

@test "ingest: every probe is counted once, in rows or waiting for the rest of theirs" {
	records 30000 >"$BATS_TEST_TMPDIR/in"
	input=$BATS_TEST_TMPDIR/in
	health=$(grep -c '"type":"health"' "$BATS_TEST_TMPDIR/in")
	span=$(span_of pt-db ingest -q --db "$db" --config "$config" --batch 20 <"$BATS_TEST_TMPDIR/in")
	for ((i = killed = 0; i < kills; i++)); do
		if [ $((i % 3)) -ne 2 ]; then # from the beginning, or on from there
			rm -f "$db"*
			pt init -q
		fi
		kill_within "$span" pt-db ingest -q --db "$db" --config "$config" --batch 20
		[ "$(sql 'PRAGMA quick_check')" = ok ]
		# What the mark says is there, in rows of three checks and what waits for more.
		seq=$(sql 'SELECT ifnull(max(seq), 0) FROM sources')
		want=$(head -n "$seq" "$BATS_TEST_TMPDIR/in" | grep -c '"type":"health"' || true)
		[ "$(sql 'SELECT (SELECT ifnull(sum(sent), 0) FROM sdwan_path_health) + (SELECT ifnull(sum(sent), 0) FROM health_windows WHERE n > 0)')" -eq $((want * 10)) ]
	done
	enough
	pt ingest -q <"$BATS_TEST_TMPDIR/in"
	[ "$(sql 'SELECT (SELECT ifnull(sum(sent), 0) FROM sdwan_path_health) + (SELECT ifnull(sum(sent), 0) FROM health_windows WHERE n > 0)')" -eq $((health * 10)) ]
	sound
}

@test "migrate: the old version or the new one, and the copy is whole or not there" {
	version=$(sql 'PRAGMA user_version')
	rm -f "$db"*
	sql '.read tests/golden/database-1.sql'
	sql "INSERT INTO sites (id) VALUES ('kept')"
	cp "$db" "$BATS_TEST_TMPDIR/old"
	span=$(span_of pt migrate)
	for ((i = killed = 0; i < kills; i++)); do
		rm -f "$db"*
		cp "$BATS_TEST_TMPDIR/old" "$db"
		kill_within "$span" pt-db migrate -q --db "$db" --config "$config"
		have=$(sql 'PRAGMA user_version')
		[ "$have" -eq 1 ] || [ "$have" -eq "$version" ]
		[ "$(sql 'SELECT id FROM sites')" = kept ]
		if [ "$have" -ne 1 ] || [ -e "$db.before-version-$version" ]; then
			[ "$(sqlite3 "$db.before-version-$version" 'PRAGMA user_version; SELECT id FROM sites; PRAGMA integrity_check')" = $'1\nkept\nok' ]
		fi
		pt migrate -q
		[ "$(sql 'PRAGMA user_version')" -eq "$version" ]
		[ "$(find "$dir" -name '*.new*' | wc -l)" -eq 0 ]
	done
	sound
}

@test "apply: all of it or nothing, also of network.json" {
	net=$BATS_TEST_TMPDIR/run/network.json
	jq -n '{sites: [range(1000) | {id: "s\(.)"}]}' >"$BATS_TEST_TMPDIR/a.json"
	jq -n '{sites: [range(1000) | {id: "s\(.)", preference: 7}]}' >"$BATS_TEST_TMPDIR/b.json"
	pt apply -q --publish "$net" "$BATS_TEST_TMPDIR/a.json" >/dev/null
	span=$(span_of pt apply -q --publish "$net" "$BATS_TEST_TMPDIR/b.json")
	for ((i = killed = 0; i < kills; i++)); do
		f=$([ $((i % 2)) -eq 0 ] && echo a || echo b)
		kill_within "$span" pt-db apply -q --db "$db" --publish "$net" "$BATS_TEST_TMPDIR/$f.json"
		n=$(sql 'SELECT count(*) FROM sites WHERE preference = 7')
		[ "$n" -eq 0 ] || [ "$n" -eq 1000 ]
		m=$(jq '[.sites[] | select(.preference == 7)] | length' "$net")
		[ "$m" -eq 0 ] || [ "$m" -eq 1000 ]
		pt apply -q --publish "$net" "$BATS_TEST_TMPDIR/$f.json" >/dev/null
		[ "$(jq '[.sites[] | select(.preference == 7)] | length' "$net")" -eq "$(sql 'SELECT count(*) FROM sites WHERE preference = 7')" ]
	done
	enough
	sound
}

@test "maintain: each row in the rollups once, rows go only after that" {
	days 20
	cp "$db" "$BATS_TEST_TMPDIR/full"
	total=$(sql 'SELECT count(*) FROM sdwan_path_health')
	span=$(span_of pt maintain -q)
	for ((i = killed = 0; i < kills; i++)); do
		if [ $((i % 3)) -ne 2 ]; then
			rm -f "$db"*
			cp "$BATS_TEST_TMPDIR/full" "$db"
		fi
		kill_within "$span" pt-db maintain -q --db "$db" --config "$config"
		[ "$(sql 'PRAGMA quick_check')" = ok ]
		taken=$(sql "SELECT ifnull((SELECT last_id FROM rollup_marks WHERE source = 'sdwan_path_health'), 0)")
		there=$(sql "SELECT count(*) FROM sdwan_path_health WHERE id > $taken")
		[ "$there" -eq $((total - taken)) ]
	done
	enough
	rm -f "$db"*
	cp "$BATS_TEST_TMPDIR/full" "$db"
	printf 'metrics:\n  retention_seconds: 315360000\n' >"$config"
	kill_within "$span" pt-db maintain -q --db "$db" --config "$config" --task upkeep
	pt maintain --task upkeep >/dev/null
	[ "$(sql 'SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60')" -eq "$total" ]
	sound
}

@test "backup: what has a name is whole" {
	days 20
	copies=$dir/copies
	span=$(span_of pt backup -q "$copies")
	for ((i = killed = 0; i < kills; i++)); do
		kill_within "$span" pt-db backup -q --db "$db" --config "$config" --keep 2 "$copies"
		for f in "$copies"/*.db; do
			[ "$(sqlite3 "$f" 'SELECT count(*) FROM sdwan_path_health')" -eq 2880 ]
			sound "$f"
		done
	done
	enough
	nap 1.1 # names are by the second
	pt backup -q --keep 2 "$copies" >/dev/null
	nap 1.1
	pt backup -q --keep 2 "$copies" >/dev/null
	[ "$(find "$copies" -type f | wc -l)" -eq 2 ] # and no half of any
	sound
}

@test "restore: the old database or the new one, never none" {
	days 10
	run -0 --separate-stderr pt backup
	copy=$output
	days 10
	cp "$db" "$BATS_TEST_TMPDIR/full"
	span=$(span_of pt restore -q "$copy")
	old=0 new=0
	for ((i = killed = 0; i < kills; i++)); do
		rm -f "$db"*
		cp "$BATS_TEST_TMPDIR/full" "$db"
		kill_within "$span" pt-db restore -q --db "$db" --config "$config" "$copy"
		n=$(sql 'SELECT count(*) FROM sdwan_path_health')
		case $n in 2880) old=$((old + 1)) ;; 1440) new=$((new + 1)) ;; *) false ;; esac
		sound
		pt restore -q "$copy"
		[ "$(sql 'SELECT count(*) FROM sdwan_path_health')" -eq 1440 ]
		[ ! -e "$db.new" ]
	done
	echo "# $killed killed: $old with the old, $new with the new"
	enough
}

@test "archive: every row here or in its day, none in neither" {
	days 20
	cp "$db" "$BATS_TEST_TMPDIR/full"
	span=$(span_of pt archive -q --older 2d "$dir/a")
	for ((i = killed = 0; i < kills; i++)); do
		if [ $((i % 3)) -ne 2 ]; then
			rm -rf "$db"* "$dir/a"
			cp "$BATS_TEST_TMPDIR/full" "$db"
		fi
		kill_within "$span" pt-db archive -q --db "$db" --config "$config" --older 2d "$dir/a"
		{
			sql 'SELECT id FROM sdwan_path_health'
			for f in "$dir"/a/*.db; do
				[ ! -s "$f" ] || sqlite3 "$f" 'SELECT id FROM sdwan_path_health' 2>/dev/null || true
			done
		} | sort -nu | wc -l | grep -qx 2880
	done
	enough
	pt archive -q --older 2d "$dir/a"
	{
		sql 'SELECT id FROM sdwan_path_health'
		for f in "$dir"/a/*.db; do sqlite3 "$f" 'SELECT id FROM sdwan_path_health'; done
	} | sort -n | uniq -d | wc -l | grep -qx 0
	sound
}

@test "everything at once: nobody is told of a lock" {
	pt apply -q --no-publish etc/network.yaml >/dev/null
	secs=$([ -n "${PT_KILLS:-}" ] && echo 60 || echo 6)
	end=$((SECONDS + secs))
	log=$BATS_TEST_TMPDIR/words
	again() { # COMMAND...: until the time is over
		while [ "$SECONDS" -lt "$end" ]; do
			"$@" >/dev/null || echo "exit $?: $*" >&2
		done
	}
	{
		records $((secs * 3000)) 3000 | pt ingest -q &
		again pt query -q 'SELECT count(*), sum(sent) FROM sdwan_path_health' &
		again pt query -q 'SELECT * FROM path_health_rollups ORDER BY timestamp DESC LIMIT 50' &
		{ n=0; while [ "$SECONDS" -lt "$end" ]; do n=$((n + 1)); pt path set -q --no-publish west-east-lte "mtu=$((1300 + n % 100))" >/dev/null || echo "exit $?: set" >&2; done; } &
		again pt maintain -q &
		again pt backup -q --keep 1 "$dir/copies" &
		again pt check -q &
		wait
	} 2>"$log" 3>&-
	cat "$log"
	[ ! -s "$log" ]
	[ "$(sql 'SELECT seq FROM sources')" -eq $((secs * 3000)) ]
	[ "$(sql "SELECT count(*) FROM maintenance_log WHERE result <> 'ok'")" -eq 0 ]
	[ "$(sql "SELECT count(*) FROM audit_logs WHERE event_type = 'path.update'")" -ge 5 ]
	sound
}
