#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-tune diagnose, on a host made of files: each statement of the guide's chapter on
# troubleshooting, once with nothing the matter and once with it.

# shellcheck disable=SC2154 # set by bats and tune.bash
bats_require_minimum_version 1.5.0
load tune.bash

setup() {
	tune_setup
	DB=$ROOT/var/lib/patronus/sdwan.db
}

LOOKED=
good() { # ID [OPTION...]: what diagnose says of it; `look` first, and it asks no more
	if [ -z "$LOOKED" ] || [ $# -gt 1 ]; then look "${@:2}"; fi
	jq -r --arg id "$1" '.findings[] | select(.id == $id).good' "$BATS_TEST_TMPDIR/found"
}
look() {
	pt-tune diagnose --root "$ROOT" --json "$@" >"$BATS_TEST_TMPDIR/found" || [ $? -eq 1 ]
}
all() { # YES|NO ID...: one look for all of them
	look
	local id LOOKED=1
	for id in "${@:2}"; do
		[ "$(good "$id")" = "$1" ] || { echo "$id is not $1" && return 1; }
	done
}
evidence() { # ID [OPTION...]
	{ pt-tune diagnose --root "$ROOT" --json "${@:2}" || true; } |
		jq -r --arg id "$1" '.findings[] | select(.id == $id).evidence'
}

# process PID NAME [TICKS]: with one thread of this CPU time and 5 sleeps
process() {
	local where
	put "proc/$1/comm" "$2"
	for where in "proc/$1" "proc/$1/task/$1"; do
		put "$where/comm" "$2"
		put "$where/stat" "$1 ($2) S 1 1 1 0 -1 0 0 0 0 0 ${3:-0} 0 0 0 20 0 1 0 77 0 0"
		put "$where/status" $'Name:\tx\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t0'
	done
	memory "$1" 4000 2000
}
memory() { # PID PSS-KB OWN-KB
	put "proc/$1/smaps_rollup" "$(printf '0-1 ---p 0 00:00 0 [rollup]\nRss: %s kB\nPss: %s kB\nAnonymous: %s kB\nSwap: 0 kB\nLocked: 0 kB' "$2" "$2" "$3")"
}
network() { # SITES PATHS
	put run/patronus/network.json "$(jq -nc --argjson s "$1" --argjson p "$2" '{sites: [range($s) | {}], paths: [range($p) | {}]}')"
}

@test "diagnose: nothing on a quiet host; each counter has its finding" {
	pt-tune diagnose --root "$ROOT" >"$BATS_TEST_TMPDIR/out"
	[ "$(good CPU-BUSY)" = yes ]
	put proc/stat $'cpu  9000 0 500 100 0 0 4000 0 0 0\nctxt 1'
	[ "$(good CPU-BUSY)" = no ]
	put proc/net/softnet_stat '00001000 00000003 00000002 00000000'
	all no NET-BACKLOG CPU-SQUEEZE
	put proc/net/stat/arp_cache $'entries  table_fulls\n00000002  0000000a\n00000002  00000000'
	[ "$(good NET-NEIGH)" = no ]
	put proc/net/netstat $'TcpExt: ListenOverflows PruneCalled RcvPruned TCPMemoryPressures TCPMTUPFail\nTcpExt: 4 1 0 2 9'
	all no NET-LISTEN MEM-TCP MEM-PRUNE NET-MTUPROBE
	put proc/pressure/memory 'some avg10=35.00 avg60=0 avg300=0 total=0'
	[ "$(good MEM-PRESSURE)" = no ]
	put proc/sys/net/netfilter/nf_conntrack_max 1000
	put proc/sys/net/netfilter/nf_conntrack_count 900
	[ "$(good NET-CONNTRACK)" = no ]
	put facts 'qdisc_drops 500'
	[ "$(good NET-QDISC)" = no ]
	run pt-tune diagnose --root "$ROOT" mem
	[ "$status" -eq 1 ]
	[[ $output == *MEM-TCP* && $output != *NET-* && $output != *CPU-* ]]
	run pt-tune diagnose --root "$ROOT" weather
	[ "$status" -eq 64 ]
}

@test "diagnose db: what the file's own header says" {
	mkdir -p "$ROOT/var/lib/patronus"
	sqlite3 "$ROOT/var/lib/patronus/sdwan.db" 'PRAGMA page_size=8192; PRAGMA auto_vacuum=2; PRAGMA journal_mode=wal; CREATE TABLE t(a);' >/dev/null
	all yes DB-MODE DB-AUTOVACUUM
	profile 'sqlite: {page_size: 4096, journal_mode: wal, auto_vacuum: incremental}'
	pt-tune plan --root "$ROOT" --profile "$P" --json | jq -se '
		(.[0] | .before == "8192" and .rule == "DB-PAGESIZE") and (.[1].action == "same")
		and (.[2].action == "same")' || [ "${PIPESTATUS[0]}" -eq 3 ]
	rm "$ROOT"/var/lib/patronus/*
	sqlite3 "$ROOT/var/lib/patronus/sdwan.db" 'CREATE TABLE t(a);'
	all no DB-MODE DB-AUTOVACUUM
}

# ---- CPU ----

@test "cpu: probes, paths, queries and logs, each by who spends the time" {
	local pair
	for pair in pt-probe:CPU-PROBES pt-select:CPU-PATHS pt-failover:CPU-PATHS pt-db:CPU-QUERIES systemd-journal:CPU-LOGGING; do
		rm -rf "$ROOT/proc/50"
		process 50 "${pair%:*}" 10 # of 10000
		[ "$(good "${pair#*:}")" = yes ]
		process 50 "${pair%:*}" 2000
		[ "$(good "${pair#*:}")" = no ]
	done
	rm -rf "$ROOT/proc/50"
	[ "$(good CPU-PROBES)" = unknown ] # nobody there
}

@test "cpu: logging.level and a quota" {
	put etc/patronus/config.yaml 'logging: {level: info}'
	[ "$(good CPU-DEBUG)" = yes ]
	put etc/patronus/config.yaml 'logging: {level: debug}'
	[ "$(good CPU-DEBUG)" = no ]
	process 50 pt-probe
	put proc/50/cgroup '0::/system.slice/patronus-probe.service'
	put sys/fs/cgroup/system.slice/patronus-probe.service/cpu.stat $'usage_usec 5\nnr_throttled 0'
	[ "$(good CPU-QUOTA)" = yes ]
	put sys/fs/cgroup/system.slice/patronus-probe.service/cpu.stat $'usage_usec 5\nnr_throttled 3'
	[ "$(good CPU-QUOTA)" = no ]
}

@test "cpu: with a window each thread's time and sleeps; a busy loop is found and named" {
	process 50 pt-probe 100
	process 51 pt-select 100
	pt-tune diagnose --root "$ROOT" --json --time 200ms cpu >"$BATS_TEST_TMPDIR/out"
	jq -e '.findings | map({key: .id, value: .good}) | from_entries
		| ."CPU-THREAD" == "yes" and ."CPU-LOOP" == "yes" and ."CPU-WAKES" == "yes"' "$BATS_TEST_TMPDIR/out"
	(
		sleep 0.4
		process 50 pt-probe 500 # never sleeps
		put proc/51/task/51/status $'Name:\tx\nvoluntary_ctxt_switches:\t90005\nnonvoluntary_ctxt_switches:\t0'
	) &
	run --separate-stderr pt-tune diagnose --root "$ROOT" --json --time 1s cpu
	wait
	[ "$status" -eq 1 ]
	jq -e '(.findings | map({key: .id, value: .good}) | from_entries
		| ."CPU-THREAD" == "no" and ."CPU-LOOP" == "no" and ."CPU-WAKES" == "no")
		and (.threads[0] | .process == "pt-probe" and .pid == 50 and .cpu > 300)
		and any(.threads[]; .process == "pt-select" and .wakes > 50000)' <<<"$output"
	[ "$(good CPU-THREAD)" = unknown ] # without a window
}

# ---- memory ----

@test "mem: what Patronus takes for its sites; and by process" {
	process 50 pt-serve
	network 10 20
	[ "$(good MEM-SITE)" = yes ]
	memory 50 90000 80000
	[ "$(good MEM-SITE)" = no ]
	network 100 20
	[ "$(good MEM-SITE)" = yes ]
	pt-tune diagnose --root "$ROOT" --json mem |
		jq -e '.processes == [{process: "pt-serve", pid: 50, pss: 90000, own: 80000, file: 10000, locked: 0, swap: 0}]'
}

@test "mem: a leak shows in a window, and only there" {
	process 50 pt-db
	[ "$(good MEM-LEAK)" = unknown ]
	[ "$(good MEM-LEAK --time 100ms)" = yes ]
	(
		sleep 0.3
		memory 50 9000 5900
	) &
	[ "$(good MEM-LEAK --time 1s)" = no ]
	wait
}

@test "mem: killed for lack of it; heap profiling left on; a preload that is not there" {
	put proc/vmstat $'nr_free_pages 5\noom_kill 0'
	[ "$(good MEM-OOM)" = yes ]
	put proc/vmstat $'nr_free_pages 5\noom_kill 2'
	[ "$(good MEM-OOM)" = no ]
	process 50 pt-serve
	put proc/50/maps '7f00-7f01 r-xp 00000000 00:00 0 /usr/lib/x86_64-linux-gnu/libjemalloc.so.2'
	printf 'HOME=/\0LD_PRELOAD=/usr/lib/libjemalloc.so.2\0MALLOC_CONF=background_thread:true\0' >"$ROOT/proc/50/environ"
	all yes MEM-PRELOAD MEM-PROFILE
	printf 'LD_PRELOAD=/usr/lib/libtcmalloc.so\0MALLOC_CONF=prof:true,prof_prefix:jeprof.out\0' >"$ROOT/proc/50/environ"
	all no MEM-PRELOAD MEM-PROFILE
}

@test "mem: caches, logs, spools" {
	put etc/patronus/config.yaml 'database: {connection_pool_size: 8, cache_size: -16384}'
	[ "$(good MEM-CACHE)" = yes ]
	put etc/patronus/config.yaml 'database: {connection_pool_size: 32, cache_size: -65536}' # the guide's, of 4 GB
	[ "$(good MEM-CACHE)" = no ]
	mkdir -p "$ROOT/var/log/journal/x" "$ROOT/run/patronus/spool/probe"
	head -c 100000 /dev/urandom >"$ROOT/var/log/journal/x/system.journal"
	head -c 100000 /dev/urandom >"$ROOT/run/patronus/spool/probe/1"
	all yes MEM-LOGS MEM-SPOOL
	[[ $(evidence MEM-LOGS) =~ ^log_bytes=10[0-9]{4}$ ]]
	put facts $'hz 250\nqdisc_drops 0\nlog_bytes 5000000000\nspool_bytes 500000000'
	all no MEM-LOGS MEM-SPOOL
}

# ---- database ----

database() { # of ours, a fresh one with a path and some minutes of health
	mkdir -p "$ROOT/var/lib/patronus"
	rm -f "$DB"*
	pt-db init --db "$DB" >/dev/null
	sqlite3 "$DB" "INSERT INTO sites (id) VALUES ('a'), ('b');
		INSERT INTO uplinks (id, site_id, device) VALUES ('u', 'a', 'eth0');
		INSERT INTO paths (id, source_site_id, dest_site_id, uplink_id, status) VALUES ('p', 'a', 'b', 'u', 'up'), ('q', 'a', 'b', 'u', 'up');
		INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, loss_ppm, rtt_us_min, rtt_us_p50, rtt_us_p95)
			SELECT unixepoch() - value, (unixepoch() - value) * 1000000, 'p', 0, 10000, 11000, 12000 FROM generate_series(1, 600);"
}

@test "db: the guide's queries, with their indexes and without; and pt-db check's statements" {
	database
	all yes DB-HOUR DB-SCAN STORE-INDEXES STORE-JOURNAL-MODE
	sqlite3 "$DB" 'DROP INDEX idx_path_health_path_time; DROP INDEX idx_path_health_time; ANALYZE'
	all no DB-SCAN STORE-INDEXES
	pt-tune diagnose --root "$ROOT" db | grep -q 'STORE-INDEXES.*CREATE INDEX idx_path_health_path_time' ||
		[ "${PIPESTATUS[0]}" -eq 1 ]
	[[ $(evidence DB-HOUR) =~ ^db_hour_ms=[0-9.]+\ db_bytes=[0-9]+$ ]]
}

@test "db: an hour that takes long" {
	database
	sqlite3 "$DB" "DROP INDEX idx_path_health_path_time; DROP INDEX idx_path_health_time;
		INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, rtt_hist)
			SELECT 1, 1, 'old', printf('%400d', value) FROM generate_series(1, 200000)"
	[ "$(good DB-HOUR)" = no ]
}

@test "db: the write lock, kept by somebody or not" {
	database
	put proc/locks '1: POSIX  ADVISORY  READ 5 00:01:9 120 120'
	[ "$(good DB-LOCK)" = yes ]
	sqlite3 "$DB" 'BEGIN; SELECT count(*) FROM paths' >/dev/null
	touch "$DB-shm" # where it went with its last reader
	put proc/locks "$(stat -c '%Hd %Ld %i' "$DB-shm" | awk '{printf "1: POSIX  ADVISORY  WRITE 77 %02x:%02x:%d 120 120\n", $1, $2, $3}')"
	[ "$(good DB-LOCK)" = no ]
	sed -i 's/^1: /1: -> /' "$ROOT/proc/locks" # only waits for it
	[ "$(good DB-LOCK)" = yes ]
	rm -f "$DB-shm"
}

@test "db: the disk's answers, and what kind it is" {
	database
	local dev
	dev=$(stat -c '%Hd %Ld' "$DB")
	stats() { put proc/diskstats " $dev sda $1 0 80 $2 $1 0 80 $2 0 $2 99"; }
	put "sys/dev/block/${dev/ /:}/queue/rotational" 0
	stats 1000 2000
	all yes DB-DISK DB-ROTATES
	stats 1000 30000
	put "sys/dev/block/${dev/ /:}/queue/rotational" 1
	all no DB-DISK DB-ROTATES
	stats 0 0
	[ "$(good DB-DISK)" = yes ]
}

@test "db, mem: unused pages, and records older than they are to be kept" {
	database
	put etc/patronus/config.yaml 'metrics: {retention_seconds: 2592000}'
	all yes DB-FREE DB-OLD MEM-RETENTION
	sqlite3 "$DB" "INSERT INTO sdwan_path_health (timestamp, ts_us, path_id) VALUES (unixepoch() - 6000000, 0, 'p');
		CREATE TABLE t AS SELECT randomblob(2000000) AS a; DROP TABLE t; PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
	all no DB-FREE DB-OLD MEM-RETENTION
}

@test "db: a file that is none of ours is told, the rest goes on" {
	mkdir -p "$ROOT/var/lib/patronus"
	sqlite3 "$DB" 'CREATE TABLE t(a)'
	run --separate-stderr pt-tune diagnose --root "$ROOT" --json
	[ "$status" -eq 1 ] # not in WAL
	[[ $stderr == *"pt-tune: database: "* ]]
	jq -e '.findings[] | select(.id == "DB-SCAN").good == "unknown"' <<<"$output"
}

# ---- network ----

@test "net: what the store knows of the paths" {
	database
	all yes NET-LOSS NET-CONGESTED NET-ALONE
	sqlite3 "$DB" "INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, loss_ppm, rtt_us_min, rtt_us_p95) VALUES (unixepoch() + 1, 0, 'p', 50000, 10000, 90000);
		UPDATE paths SET status = 'down' WHERE id = 'q'"
	all no NET-LOSS NET-CONGESTED NET-ALONE
}

@test "net: heat" {
	[ "$(good NET-HEAT)" = unknown ]
	put sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count 0
	all yes NET-HEAT CPU-HEAT
	put sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count 7
	all no NET-HEAT CPU-HEAT
}

@test "what is unknown is told as such, and nothing fails by it" {
	pt-tune diagnose --root "$ROOT" --json >"$BATS_TEST_TMPDIR/out"
	jq -e '[.findings[] | select(.good == "no")] == []
		and any(.findings[]; .id == "NET-PING" and .good == "unknown" and .cure != null)' "$BATS_TEST_TMPDIR/out"
}
