#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-tune diagnose on a live Patronus and a live kernel: what is the matter with a thread, a lock, a
# far host and a server is found, with who and where, and not before it is there.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-services.sh
. "$(dirname "$0")/lib-services.sh"

topo_up 1
services_up eb
write_config a check_ms=200
spawn_on eb reflect "$BIN/pt-probe" reflect
spawn_on ea watch "$BIN/pt-probe" watch --config "$SCRATCH/a/config.yaml" --network "$SCRATCH/a/network.yaml"
probing() { grep -q '"type":"health"' "$SCRATCH/watch.out"; }
wait_until 20 probing || bail "pt-probe watch: $(cat "$SCRATCH/watch.err")"

diagnose() { on ea "$BIN/pt-tune" diagnose --json "$@" >"$SCRATCH/found" 2>"$SCRATCH/words"; }
good() { jq -r --arg id "$1" '.findings[] | select(.id == $id).good' "$SCRATCH/found"; }
fact() { jq -r --arg n "$1" '[.findings[].evidence // "" | capture("(^| )" + $n + "=(?<v>[0-9.]+)").v][0]' "$SCRATCH/found"; }

# ---- CPU and memory: Patronus as it runs, then a thread that spins ----
# Beside others it may not have run in that half second, or many others more.
threads_seen() {
	diagnose --time 500ms cpu mem
	jq -e --argjson pid "${PIDS[watch]}" 'any(.threads[]; .pid == $pid and .process == "pt-probe" and .wakes > 1)' "$SCRATCH/found" >/dev/null
}
check "each thread of the live pt-probe is seen" wait_until 20 threads_seen
check "... and its processes" test "$(fact pt_procs)" -ge 2
is "... and its memory" "$(jq --argjson pid "${PIDS[watch]}" 'any(.processes[]; .pid == $pid and .own > 50 and .pss >= .own)' "$SCRATCH/found")" true
is "... which is in bounds" "$(good MEM-SITE)" yes
# Of ours by its name.
cp "$(type -P bash)" "$SCRATCH/pt-spin"
spawn spin timeout 30 "$SCRATCH/pt-spin" -c 'while :; do :; done'
spinning() { grep -qx pt-spin "/proc/$(pgrep -P "${PIDS[spin]}")/comm" 2>/dev/null; }
wait_until 20 spinning || bail "nothing spins"
diagnose --time 1s cpu
is "a busy loop is found" "$? $(good CPU-LOOP)" "1 no"
is "... and by whom" "$(jq -r '.threads[0].process' "$SCRATCH/found")" pt-spin
if grep -q '^pt-tune: perf events' "$SCRATCH/words"; then
	skip "... and where" "$(cat "$SCRATCH/words")"
else
	is "... and where: a function of its file" "$(jq 'any(.functions[]; .process == "pt-spin" and (.function | startswith("pt-spin")))' "$SCRATCH/found")" true
fi
reap spin
reap watch

# ---- the database, in a mount namespace of its own ----
mkdir "$SCRATCH/lib"
must "$BIN/pt-db" init --db "$SCRATCH/lib/sdwan.db" >/dev/null
mkdir -p /var/lib/patronus # empty where nobody has it
cat >"$SCRATCH/inside" <<END
mount --bind "$SCRATCH/lib" /var/lib/patronus
"$BIN/pt-tune" diagnose --json db >"$SCRATCH/free" 2>"$SCRATCH/words"
exec 4>"$SCRATCH/other" # somebody waits for a lock that is listed behind the one looked for
flock 4
flock "$SCRATCH/other" true 4>&- &
until grep -q -- '->' /proc/locks; do sleep 0.05; done
mkfifo "$SCRATCH/sql"
sqlite3 /var/lib/patronus/sdwan.db <"$SCRATCH/sql" >"$SCRATCH/said" 4>&- &
exec 3>"$SCRATCH/sql"
echo "BEGIN IMMEDIATE; SELECT 'held';" >&3
until grep -q held "$SCRATCH/said" || ! kill -0 \$!; do sleep 0.05; done
"$BIN/pt-tune" diagnose --json db >"$SCRATCH/found" 2>>"$SCRATCH/words"
exec 3>&- 4>&-
wait
END
unshare --mount --propagation private timeout 60 taskset -c 0 bash "$SCRATCH/inside"
is "a lock that somebody keeps" "$(good DB-LOCK)" no
cp "$SCRATCH/free" "$SCRATCH/found"
is "... and nobody before" "$(good DB-LOCK)" yes
rmdir --ignore-fail-on-non-empty /var/lib/patronus

# ---- the far host: ping, trace, MTU ----
relay_set all delay_us=2000
diagnose net --to 10.9.0.2
is "a good way: every answer, no queue, no loss, all fits" \
	"$(for id in NET-PING NET-HOP NET-MTU NET-HOLE; do good $id; done | xargs)" "yes yes yes yes"
between "... and its round trip, in us" "$(fact far_min_ms | awk '{ print int($1 * 1000) }')" 4000 9000
on ea "$BIN/pt-tune" diagnose net --to --version >"$SCRATCH/out" 2>&1
is "a host that looks like an option is a host, to all three" "$(grep -c 'pt-probe: --version: ' "$SCRATCH/out")" 3
relay_set wan0:ab loss_ppm=400000
must ip -n "$(ns isp)" link set b0 mtu 1380
diagnose net --to 10.9.0.2
is "loss is found, and where it begins" "$(good NET-PING) $(good NET-HOP)" "no no"
relay_set wan0:ab loss_ppm=0
diagnose net --to 10.9.0.2
is "a narrow link that says nothing is found" "$(good NET-MTU) $(good NET-HOLE) $(fact far_mtu)" "no no 1380"
must ip -n "$(ns isp)" link set b0 mtu 1500
relay_set wan0:ab rate_kbps=500 limit_bytes=40000
spawn_on ea flood ping -q -i 0.003 -s 1000 10.9.0.2
full() { on ea ping -q -c 1 -W 2 10.9.0.2 | awk -F'[/ ]' '/^rtt/ { exit !($8 > 40) }'; }
wait_until 20 full || bail "no queue: $(relay_get wan0:ab tx) $(on ea ping -c 1 -W 2 10.9.0.2)"
diagnose net --to 10.9.0.2
check "a queue on the way is found, or its loss" test "$(good NET-QUEUE) $(good NET-PING)" != "yes yes"
reap flood
relay_set all rate_kbps=0 delay_us=0
quick() { on ea ping -q -c 1 -W 2 10.9.0.2 | awk -F'[/ ]' '/^rtt/ { exit !($8 < 5) }'; }
wait_until 20 quick || bail "the queue stays"

# ---- a server: each step by itself ----
diagnose net --url http://10.9.0.2/hello
is "a near server: yes to each step" "$(for id in NET-CONNECT NET-ANSWER; do good $id; done | xargs)" "yes yes"
relay_set all delay_us=150000
diagnose net --url http://10.9.0.2/hello
is "a far one: its way is long, its answer is not" "$(good NET-CONNECT) $(good NET-ANSWER)" "no yes"
relay_set all delay_us=0
must signal nginx STOP
worker=$(pgrep -P "${PIDS[nginx]}")
kill -STOP "$worker"
(
	sleep 0.6
	kill -CONT "$worker"
) &
diagnose net --url http://10.9.0.2/hello
is "one that is slow to answer: not the network" "$(good NET-CONNECT) $(good NET-ANSWER)" "yes no"
wait $!
signal nginx CONT
diagnose net --url http://10.9.0.2:81/
like "nobody there: told, unknown" "$(good NET-ANSWER) $(cat "$SCRATCH/words")" '^unknown '
done_testing
