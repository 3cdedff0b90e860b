#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# init, migrate, apply, export, query: what they leave in the database, seen with sqlite3 and jq.

# Each test is a subshell, and `run` sets stderr.
# shellcheck disable=SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	db=$BATS_TEST_TMPDIR/var/sdwan.db
	net=$BATS_TEST_TMPDIR/run/network.json
	file=etc/network.yaml
}

pt() { # VERB ARG...
	local verb=$1
	shift
	pt-db "$verb" --db "$db" "$@"
}

apply() { pt apply --publish "$net" "$@"; }

sql() { sqlite3 "$db" "$1"; }

@test "init creates a database that every connection finds as configured" {
	printf 'database:\n  path: %s\n  page_size: 8192\n' "$db" >"$BATS_TEST_TMPDIR/config.yaml"
	pt-db init --config "$BATS_TEST_TMPDIR/config.yaml" # database.path is effective
	[ "$(sql 'PRAGMA page_size; PRAGMA auto_vacuum; PRAGMA journal_mode')" = $'8192\n2\nwal' ]
	[ "$(sql 'PRAGMA user_version')" -ge 4 ]
	[ "$(stat -c %a "$db")" = 640 ]
	[ "$(pt query --json 'PRAGMA cache_size' | jq '.rows[0].cache_size')" -eq -65536 ]
	[ "$(pt query --json 'PRAGMA mmap_size' | jq '.rows[0].mmap_size')" -eq 268435456 ]
}

@test "init again says so and changes nothing" {
	run pt init
	[ "$status" -eq 0 ]
	[ "$output" = "pt-db: $db: created, version $(sql 'PRAGMA user_version')" ]
	sql "INSERT INTO sites (id) VALUES ('west')"
	run pt init
	[ "$status" -eq 0 ]
	[ "$output" = "pt-db: $db: exists, version $(sql 'PRAGMA user_version')" ]
	[ "$(sql 'SELECT id FROM sites')" = west ]
	run pt init -q
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run pt migrate
	[ "$status" -eq 0 ]
	[ "$output" = "pt-db: $db: version $(sql 'PRAGMA user_version'), 0 migrations run" ]
}

@test "the guide's maintenance and benchmark SQL runs on it" {
	pt init -q
	apply "$file" >/dev/null
	run pt query "EXPLAIN QUERY PLAN SELECT * FROM paths WHERE source_site_id = '123'"
	[[ $output == *idx_paths_src_dest* ]]
	sqlite3 "$db" <<-'EOF'
		ANALYZE;
		PRAGMA incremental_vacuum;
		PRAGMA optimize;
		SELECT COUNT(*) FROM sites;
		SELECT COUNT(*) FROM paths;
		SELECT COUNT(*) FROM sdwan_path_health;
	EOF
	[ "$(sql 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]
	# ANALYZE by hand has learnt that a few rows are read sooner as they lie; a night's maintenance
	# does not leave it so for when they have become many.
	pt maintain >/dev/null
	while IFS='|' read -r index query; do
		run -0 sql "EXPLAIN QUERY PLAN $query"
		echo "$output"
		[[ $output == *"USING INDEX $index "* ]]
	done <<-'EOF'
		idx_paths_src_dest|SELECT * FROM paths WHERE source_site_id = '123'
		idx_paths_src_dest|SELECT * FROM paths WHERE source_site_id = 'a' AND dest_site_id = 'b'
		idx_paths_status|SELECT * FROM paths WHERE status = 'down'
		idx_sites_status|SELECT * FROM sites WHERE status = 'up'
		idx_sites_last_seen|SELECT * FROM sites WHERE last_seen < 1000
		idx_path_health_path_time|SELECT * FROM sdwan_path_health WHERE path_id = '456' AND timestamp > 1000
		idx_path_health_time|SELECT * FROM sdwan_path_health WHERE timestamp > strftime('%s', 'now', '-1 hour')
		idx_audit_logs_user_time|SELECT * FROM audit_logs WHERE username = 'root' AND timestamp > 1000
		idx_audit_logs_event_time|SELECT * FROM audit_logs WHERE event_type = 'site.create' AND timestamp > 1000
		idx_traffic_stats_policy_time|SELECT * FROM traffic_stats WHERE policy_id = 'voice' AND timestamp > 1000
	EOF
	[[ $(sql 'EXPLAIN QUERY PLAN SELECT * FROM policies ORDER BY priority') == *"USING INDEX idx_policies_priority" ]]
}

@test "dry run shows the plan and changes nothing" {
	pt init -q
	run --separate-stderr apply --dry-run "$file"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 17 ]
	[ "${lines[0]}" = "+ site west" ]
	[ "$(sql 'SELECT count(*) FROM sites')" -eq 0 ]
	[ ! -e "$net" ]
}

@test "apply fills the tables, the audit log and network.json" {
	pt init -q
	run --separate-stderr apply "$file"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 17 ]
	[ "$(sql "SELECT count(*) FROM paths WHERE source_site_id = 'west' AND origin = 'file'")" -eq 3 ]
	[ "$(sql "SELECT group_concat(prefix) FROM site_prefixes WHERE site_id = 'east'")" = "10.2.0.0/16,2001:db8:2::/48" ]
	[ "$(sql "SELECT match_dscp FROM policies WHERE id = 'voice'")" -eq 46 ]
	[ "$(sql "SELECT count(*) FROM audit_logs WHERE username <> '' AND before_json IS NULL")" -eq 17 ]
	[ "$(sql "SELECT json_extract(after_json, '$.target') FROM audit_logs WHERE object_id = 'west-east-lte'")" = 203.0.113.130 ]
	[ "$(jq -r '.paths | length' "$net")" -eq 6 ]
	[ "$(jq -r '.sites[] | select(.id == "east") | .prefixes[1]' "$net")" = 2001:db8:2::/48 ]
	[ "$(stat -c %a "$net")" = 644 ]
	[ "$(find "$(dirname "$net")" -type f | wc -l)" -eq 1 ]
}

@test "what is published can be read by the stages, whatever the umask" {
	pt init -q
	(umask 077 && apply "$file" >/dev/null)
	[ "$(stat -c %a "$net" "$(dirname "$net")")" = $'644\n755' ]
}

@test "apply twice does nothing, and network.json keeps its inode" {
	pt init -q
	apply "$file" >/dev/null
	inode=$(stat -c %i "$net")
	run --separate-stderr apply "$file"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$stderr" = "pt-db: nothing to do" ]
	[ "$(stat -c %i "$net")" = "$inode" ]
	[ "$(sql 'SELECT count(*) FROM audit_logs')" -eq 17 ]
	rm "$net"
	apply "$file" 2>/dev/null
	[ "$(jq '.sites | length' "$net")" -eq 2 ]
}

@test "apply, export, apply is a fixed point" {
	pt init -q
	apply "$file" >/dev/null
	pt export >"$BATS_TEST_TMPDIR/one.yaml"
	run --separate-stderr apply --prune "$BATS_TEST_TMPDIR/one.yaml"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	pt export >"$BATS_TEST_TMPDIR/two.yaml"
	cmp "$BATS_TEST_TMPDIR/one.yaml" "$BATS_TEST_TMPDIR/two.yaml"
	pt export --json | cmp - "$net"
	# What was left to us stays left to us.
	run ! grep -qE 'ssid|device: wan0.*target' "$BATS_TEST_TMPDIR/one.yaml"
	# network.json is a network file, too.
	run --separate-stderr apply --prune --dry-run "$net"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a changed field is one line, --json says before and after" {
	pt init -q
	apply "$file" >/dev/null
	sed 's/    preference: 30/    preference: 30\n    mtu: 1420/' "$file" >"$BATS_TEST_TMPDIR/n.yaml"
	run --separate-stderr apply --dry-run "$BATS_TEST_TMPDIR/n.yaml"
	[ "$output" = $'~ path west-east-fiber: mtu unset -> 1420\n~ path east-west-fiber: mtu unset -> 1420' ]
	apply --json "$BATS_TEST_TMPDIR/n.yaml" >"$BATS_TEST_TMPDIR/plan.json"
	jq -e '.changes | length == 2 and all(.action == "set" and .type == "path" and .before.mtu == null and .after.mtu == 1420)' "$BATS_TEST_TMPDIR/plan.json"
	[ "$(sql "SELECT group_concat(mtu) FROM paths WHERE mtu NOT NULL")" = 1420,1420 ]
	[ "$(jq '[.paths[].mtu | select(.)] | length' "$net")" -eq 2 ]
}

@test "absent rows are kept without --prune, removed with it" {
	pt init -q
	apply "$file" >/dev/null
	pt export --json | jq 'del(.paths[] | select(.uplink | endswith("lte"))) | del(.uplinks[] | select(.id | endswith("lte")))' >"$BATS_TEST_TMPDIR/less.json"
	run --separate-stderr apply "$BATS_TEST_TMPDIR/less.json"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "= uplink east-lte: no longer in the file, kept (--prune removes it)" ]
	[ "$(sql 'SELECT count(*) FROM paths')" -eq 6 ]
	apply --prune "$BATS_TEST_TMPDIR/less.json"
	[ "$(sql 'SELECT count(*) FROM paths')" -eq 4 ]
	[ "$(sql "SELECT count(*) FROM audit_logs WHERE event_type LIKE '%.delete' AND after_json IS NULL")" -eq 4 ]
}

@test "rows of the API are a conflict: exit 1, reported, left alone" {
	pt init -q
	apply "$file" >/dev/null
	sql "UPDATE paths SET origin = 'api', mtu = 1300 WHERE id = 'west-east-lte'"
	sql "INSERT INTO sites (id, origin) VALUES ('depot', 'cli')"
	run --separate-stderr apply --prune "$file"
	[ "$status" -eq 1 ]
	[ "$output" = "! path west-east-lte: made by api, left as it is: mtu 1300 -> unset" ]
	[[ $stderr == *"conflicts, left as they are"* ]]
	[ "$(sql "SELECT mtu FROM paths WHERE id = 'west-east-lte'")" -eq 1300 ]
	[ "$(sql "SELECT count(*) FROM sites WHERE id = 'depot'")" -eq 1 ]
	[ "$(jq -r '.paths[] | select(.id == "west-east-lte") | .mtu' "$net")" -eq 1300 ]
}

@test "a bad file changes nothing and names its line" {
	pt init -q
	apply "$file" >/dev/null
	before=$(sqlite3 "$db" .dump | sha256sum)
	json=$(sha256sum <"$net")
	while IFS='|' read -r edit want; do
		sed "$edit" "$file" >"$BATS_TEST_TMPDIR/bad.yaml"
		run apply --prune "$BATS_TEST_TMPDIR/bad.yaml"
		echo "$edit: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == *"$want"* ]]
	done <<-'EOF'
		s/dest: east/dest: nowhere/|nowhere
		s/id: east-west-lte/id: west-east-lte/|west-east-lte
		s/preference: 30/preferense: 30/|: paths[0].preferense: unknown key
		s/10.2.0.0/10.1.0.0/|10.1.0.0/16
		s/priority: 10$/priority: ten/|priority
	EOF
	head -c 700 "$file" >"$BATS_TEST_TMPDIR/bad.yaml"
	run apply --prune "$BATS_TEST_TMPDIR/bad.yaml"
	[ "$status" -eq 2 ]
	run apply --prune "$BATS_TEST_TMPDIR/missing.yaml"
	[ "$status" -eq 2 ]
	[ "$(sqlite3 "$db" .dump | sha256sum)" = "$before" ]
	[ "$(sha256sum <"$net")" = "$json" ]
}

@test "what network.json cannot take, the database does not take either" {
	pt init -q
	run pt apply --publish /proc/nowhere/network.json "$file"
	[ "$status" -eq 2 ]
	[[ $output == "pt-db: /proc/nowhere"* ]]
	[ "$(sql 'SELECT count(*) FROM sites')" -eq 0 ]
	pt apply --no-publish "$file" >/dev/null
	[ "$(sql 'SELECT count(*) FROM sites')" -eq 2 ]
}

@test "query prints tables, JSON and CSV" {
	pt init -q
	q="SELECT 1 AS n, 'a,\"b' AS t, NULL AS z, 1.5 AS r, x'0aff' AS b"
	run --separate-stderr pt query "$q"
	[ "${lines[0]}" = "n  t     z    r  b" ]
	[ "${lines[1]}" = "1  a,\"b  -  1.5  X'0AFF'" ]
	[ "$(pt query --json "$q" | jq -c '.rows[0]')" = '{"n":1,"t":"a,\"b","z":null,"r":1.5,"b":"X'"'"'0AFF'"'"'"}' ]
	[ "$(pt query --csv "$q" | tr -d '\r')" = $'n,t,z,r,b\n1,"a,""b",,1.5,X'"'"'0AFF'"'" ]
	[ "$(pt query --json "SELECT id FROM sites" | jq -c .)" = '{"rows":[]}' ]
	# A join: the names of both tables.
	q="SELECT 1 AS id, 2 AS id, 3 AS \"id:1\", 4 AS id -- all four"
	[ "$(pt query --json "$q" | jq -c '.rows[0]')" = '{"id":1,"id:1":2,"id:1:1":3,"id:2":4}' ]
	[ "$(pt query --csv "$q;" | head -1 | tr -d '\r')" = id,id:1,id:1:1,id:2 ]
}

@test "a query ends with whoever reads its rows" {
	pt init -q
	q="WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
	for how in --json --csv; do
		# shellcheck disable=SC2016 # the inner shell expands
		run -2 bash -o pipefail -c 'timeout -s KILL 60 pt-db query --db "$0" "$@" | head -c 1 >/dev/null' "$db" "$how" "$q"
		[[ $output == "pt-db: query: standard output: "* ]]
	done
}

@test "rows of any number are printed in little memory" {
	pt init -q
	q="WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 200000) SELECT x, 'text ' || x AS t FROM c"
	for how in --json --csv; do
		(
			ulimit -v 65536
			pt query "$how" "$q" >"$BATS_TEST_TMPDIR/out$how"
		)
	done
	[ "$(jq -r '.rows | "\(length) \(.[199999].t)"' "$BATS_TEST_TMPDIR/out--json")" = "200000 text 200000" ]
	[ "$(tail -1 "$BATS_TEST_TMPDIR/out--csv")" = $'200000,text 200000\r' ]
}

@test "query refuses to write and passes SQLite's words on" {
	pt init -q
	before=$(sqlite3 "$db" .dump | sha256sum)
	while read -r q; do
		run pt query "$q"
		echo "$q: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done <<-EOF
		INSERT INTO meta VALUES ('a', 'b')
		DELETE FROM meta
		DROP TABLE meta
		PRAGMA user_version=7
		PRAGMA journal_mode=DELETE
		ATTACH '$BATS_TEST_TMPDIR/x.db' AS x
		VACUUM INTO '$BATS_TEST_TMPDIR/x.db'
		SELECT 1; DELETE FROM meta
		SELECT load_extension('x')
		SELECT nothing
	EOF
	[ "$(sqlite3 "$db" .dump | sha256sum)" = "$before" ]
	[ ! -e "$BATS_TEST_TMPDIR/x.db" ]
	# The guide's words to verify the settings are questions.
	[ "$(pt query --csv 'PRAGMA journal_mode;' | tr -d '\r')" = $'journal_mode\nwal' ]
	run pt query "SELEC 1"
	[ "$output" = 'pt-db: query: near "SELEC": syntax error' ]
}

hand() { # VERB WORD...
	local verb=$1
	shift
	pt "$verb" --publish "$net" "$@"
}

@test "rows by hand: added, changed, removed; audited, published, no longer the file's" {
	pt init -q
	apply "$file" >/dev/null
	inode=$(stat -c %i "$net")
	run -0 hand path set west-east-lte mtu=1300 preference=5
	[ "$output" = "~ path west-east-lte: mtu unset -> 1300, preference 10 -> 5" ]
	[ "$(stat -c %i "$net")" != "$inode" ]
	[ "$(jq -r '.paths[] | select(.id == "west-east-lte") | "\(.mtu) \(.preference)"' "$net")" = "1300 5" ]
	[ "$(sql "SELECT origin FROM paths WHERE id = 'west-east-lte'")" = cli ]
	[ "$(sql "SELECT event_type || ' ' || json_extract(before_json, '$.preference') || ' ' || json_extract(after_json, '$.preference') || ' ' || origin FROM audit_logs ORDER BY id DESC LIMIT 1")" = "path.update 10 5 cli" ]
	[ "$(sql 'SELECT username FROM audit_logs ORDER BY id DESC LIMIT 1')" = "${SUDO_USER:-$(id -un)}" ]
	run -1 apply "$file"
	[[ $output == *"! path west-east-lte: made by cli, left as it is: mtu 1300 -> unset, preference 5 -> 10"* ]]
	# An empty value is the default again; the same again is nothing.
	run -0 hand path set west-east-lte mtu=
	[ "$output" = "~ path west-east-lte: mtu 1300 -> unset" ]
	rows=$(sql 'SELECT count(*) FROM audit_logs')
	run -0 hand path set west-east-lte mtu=
	[[ $output == *"nothing to do" ]]
	[ "$(sql 'SELECT count(*) FROM audit_logs')" -eq "$rows" ]

	run -0 hand site add depot prefixes=10.9.0.0/16,2001:db8:9::/48 lan=lan0
	run -0 hand site show depot
	[[ $output == *"prefixes=10.9.0.0/16,2001:db8:9::/48"*"# origin cli, status unknown" ]]
	run -0 hand policy add video priority=15 match.protocol=udp match.dst_ports=5004-5005 sla.loss_ppm=1000 strategy=best
	run -0 --separate-stderr hand policy show video --json
	jq -e '.match.protocol == "udp" and .sla.loss_ppm == 1000 and .priority == 15' <<<"$output"
	run -0 hand uplink add depot-lte site=depot device=wwan0
	run -0 hand path add depot-west source=depot dest=west uplink=depot-lte target=192.0.2.9 next_hop=192.0.2.1
	[ "$(jq '.paths | length' "$net")" -eq 7 ]
	run -0 hand path list
	[ "${#lines[@]}" -eq 8 ]
	[[ ${lines[0]} == id*status*origin ]]
	# The inventory by hand is exported and applied to an empty database as the same.
	pt export >"$BATS_TEST_TMPDIR/all.yaml"
	sqlite3 "$BATS_TEST_TMPDIR/other.db" '' && rm "$BATS_TEST_TMPDIR/other.db"
	pt-db init -q --db "$BATS_TEST_TMPDIR/other.db"
	pt-db apply -q --db "$BATS_TEST_TMPDIR/other.db" --no-publish "$BATS_TEST_TMPDIR/all.yaml" >/dev/null
	cmp <(pt export) <(pt-db export --db "$BATS_TEST_TMPDIR/other.db")

	run -2 hand site remove depot
	[[ $output == *depot* ]]
	run -0 hand path remove depot-west
	run -0 hand uplink remove depot-lte
	run -0 hand site remove depot
	[ "$output" = "- site depot" ]
	[ "$(jq '[.sites[].id] | index("depot")' "$net")" = null ]
	[ "$(sql "SELECT json_extract(before_json, '$.id') || after_json IS NULL FROM audit_logs WHERE event_type = 'site.delete'")" -eq 1 ]
}

@test "what does not fit is refused by name and changes nothing" {
	pt init -q
	apply "$file" >/dev/null
	before=$(sqlite3 "$db" .dump | sha256sum)
	json=$(sha256sum <"$net")
	while IFS='|' read -r words code want; do
		# shellcheck disable=SC2086
		run hand $words
		echo "$words: $status $output"
		[ "$status" -eq "$code" ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == *"$want"* ]]
	done <<-'EOT'
		path set west-east-lte mtu=abc|2|mtu: needs a whole number
		path set west-east-lte colour=red|2|colour: no such key, one of id source dest
		path set west-east-lte id=x|2|id: cannot change
		path set west-east-lte mtu|2|'mtu': not KEY=VALUE
		path set nobody mtu=1400|2|path nobody: there is none
		path add west-east-lte source=west dest=east|2|is there already
		path add x dest=east|2|source
		path add a/b source=west dest=east|2|id
		path set west-east-lte dest=nowhere|2|there is no site "nowhere"
		policy set voice match.colour=x|2|colour: no such key
		policy set voice strategy=random|2|strategy
		site remove east|2|site east: still needed: 
		site show nobody|2|site nobody: there is none
		site frobnicate x|64|no 'frobnicate', one of list show add set remove
		site add|64|usage: pt-db site add ID KEY=VALUE...
	EOT
	run -0 hand path set --dry-run west-east-lte mtu=1300
	[ "$output" = "~ path west-east-lte: mtu unset -> 1300" ]
	[ "$(sqlite3 "$db" .dump | sha256sum)" = "$before" ]
	[ "$(sha256sum <"$net")" = "$json" ]
	# Bytes that are no text are not passed over.
	run -2 hand site set west name=$'W\xffst'
	[ "$output" = "pt-db: name: not a value in UTF-8" ]
	run -2 hand site set west lan=$'lan0,\xff'
	[ "$output" = "pt-db: lan: not a value in UTF-8" ]
	# Nor where network.json cannot be written.
	mkdir "$BATS_TEST_TMPDIR/directory"
	for place in /proc/nowhere/network.json "$BATS_TEST_TMPDIR/directory" ""; do
		run -2 pt site add y --publish "$place"
		[[ $output == "pt-db: ${place:-network.json: an empty name}"* || $output == "pt-db: /proc/nowhere:"* ]]
		[ "$(sqlite3 "$db" .dump | sha256sum)" = "$before" ]
	done
}

@test "several databases are read as one, and none is written" {
	for name in north south; do
		pt-db init -q --db "$BATS_TEST_TMPDIR/$name.db"
		sqlite3 "$BATS_TEST_TMPDIR/$name.db" "INSERT INTO sites (id) VALUES ('hq'), ('$name-1');
			INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, sent) VALUES (100, 0, 'p', 1), (200, 0, 'p', 2);
			INSERT INTO tune_changes (timestamp, ts_us, record) VALUES (100, 0, '{\"transaction\":\"$name\"}')"
	done
	both=(--db "$BATS_TEST_TMPDIR/north.db" --db "far south=$BATS_TEST_TMPDIR/south.db")
	run -0 pt-db query "${both[@]}" --csv 'SELECT shard, id FROM sites ORDER BY 1, 2'
	[ "$output" = $'shard,id\r\nfar south,hq\r\nfar south,south-1\r\nnorth,hq\r\nnorth,north-1\r' ]
	run -0 pt-db query "${both[@]}" --json "SELECT shard, sum(sent) AS sent FROM sdwan_path_health WHERE path_id = 'p' GROUP BY shard"
	[ "$(jq -c '.rows' <<<"$output")" = '[{"shard":"far south","sent":3},{"shard":"north","sent":3}]' ]
	run -0 pt-db query "${both[@]}" "EXPLAIN QUERY PLAN SELECT * FROM sdwan_path_health WHERE path_id = 'p' AND timestamp > 5"
	[ "$(grep -c 'idx_path_health_path_time (path_id=? AND timestamp>?)' <<<"$output")" -eq 2 ]
	run -0 pt-db query "${both[@]}" --csv 'SELECT shard, txn, items FROM tune_transactions ORDER BY 1'
	[ "$output" = $'shard,txn,items\r\nfar south,south,1\r\nnorth,north,1\r' ]
	for sql in "DELETE FROM main.sites" "INSERT INTO shard1.sites (id) VALUES ('x')" "ATTACH '$BATS_TEST_TMPDIR/z' AS z"; do
		run -2 pt-db query "${both[@]}" "$sql"
	done
	[ ! -e "$BATS_TEST_TMPDIR/z" ]
	# A name for one alone; as many as there may be, and one more.
	run -0 pt-db query --db "n=$BATS_TEST_TMPDIR/north.db" --csv 'SELECT count(*) FROM sites'
	[ "${lines[1]}" = $'2\r' ]
	many=()
	for i in {1..11}; do many+=(--db "s$i=$BATS_TEST_TMPDIR/north.db"); done
	run -0 pt-db query "${many[@]}" --csv 'SELECT count(*), count(DISTINCT shard) FROM sites'
	[ "${lines[1]}" = $'22,11\r' ]
	run -64 pt-db query "${many[@]}" --db "s12=$BATS_TEST_TMPDIR/north.db" 'SELECT 1'
	[[ $output == "pt-db: --db: at most 11" ]]
	# A table that somebody has changed is named, with its file; the others are read.
	sqlite3 "$BATS_TEST_TMPDIR/south.db" 'ALTER TABLE transitions ADD COLUMN extra TEXT; DROP TABLE switches'
	for table in transitions switches; do
		run -2 pt-db query "${both[@]}" "SELECT count(*) FROM $table"
		[[ $output == *"no such table: "*"$table with the same columns in $BATS_TEST_TMPDIR/south.db" ]]
	done
	run -0 pt-db query "${both[@]}" 'SELECT count(*) FROM sites'
	run -2 pt-db query "${both[@]}" --db "$BATS_TEST_TMPDIR/none.db" 'SELECT 1'
	[[ $output == *"none.db: no database there"* ]]
	run -2 pt-db query --db "$BATS_TEST_TMPDIR/north.db" --db "$BATS_TEST_TMPDIR/north.db" 'SELECT 1'
	[[ $output == *"two are called north: give one a name, NAME=FILE" ]]
}
