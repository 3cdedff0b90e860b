#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe watch: records against what the relay does, settings by their effect, and what must not
# end it: lost devices, bad files, a reader that goes.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
PACKET=$BUILD/tests/tools/packet

topo_up 2
spawn_on eb reflect "$BIN/pt-probe" reflect
listening() { on eb ss -Hlun | grep -q ":862 "; }
wait_until 5 listening || bail "reflect: $(cat "$SCRATCH/reflect.err")"

CONFIG=$SCRATCH/a/config.yaml NETWORK=$SCRATCH/a/network.yaml
watch() { # NAME OPTIONS...
	local name=$1; shift
	spawn_on ea "$name" "$BIN/pt-probe" watch --config "$CONFIG" --network "$NETWORK" "$@"
}
settings() { # LINES for config.yaml
	printf '%s\n' "edge: a" "$@" >"$CONFIG"
}
health() { jq -c "select(.type == \"health\" and .path == \"$2\")" "$SCRATCH/$1.out"; } # NAME PATH
count() { health "$1" "$2" | wc -l; }
at_least() { (($(count "$1" "$2") >= $3)); }
nth() { health "$1" "$2" | sed -n "$3p" | jq -r "$4"; } # NAME PATH N FILTER
newest() { health "$1" "$2" | tail -n 1 | jq -r "$3"; }
# In all of the N newest records.
heard_since() { health "$1" "$2" | tail -n "$3" | jq -es 'map(.received > 0 and .loss_ppm == 0) | all' >/dev/null; }
newest_is() { [[ $(newest "$1" "$2" "$3") = "$4" ]]; }
heard() { [[ $(newest "$1" "$2" .received) -gt 0 ]]; }
all() { health "$1" "$2" | jq -s -r "$3"; }
# A packet socket of the node runs (sixth column).
sniffing() { on "$1" grep -Eq '^[0-9a-f]+( +[0-9a-f]+){4} +1 ' /proc/net/packet; }
told() { grep -q "$2" "$SCRATCH/$1.err"; }
sum_lost() { echo $(($(relay_get "$1:ab" lost_random) + $(relay_get "$1:ba" lost_random))); }

write_config a interval_ms=10 check_ms=500
relay_set wan0 loss_ppm=100000
relay_set wan1 delay_us=4000

# ---- loss, delay, READY, on the wire ----
spawn notify "$PACKET" notify --wait-ms 5000 "$SCRATCH/socket"
wait_until 3 test -S "$SCRATCH/socket" || bail "no notify socket"
spawn_on ea sniff "$PACKET" sniff wan0 --count 16 --wait-ms 5000
wait_until 3 sniffing ea || bail "no packet socket"
NOTIFY_SOCKET=$SCRATCH/socket watch watch
wait_until 5 finished notify
is "READY=1 once every path has had a probe" "$(cat "$SCRATCH/notify.out")" "READY=1"
like "it runs before ordinary processes" "$(chrt -p "${PIDS[watch]}")" 'SCHED_FIFO'
wait_until 10 at_least watch a-wan1 6 || bail "no records: $(cat "$SCRATCH/watch.err")"
reap watch
is "SIGTERM ends it with exit 0" $? 0
lost=$(sum_lost wan0)
# On top of the records' the relay's count holds what was lost of the last window, 50 probes, and of
# the timeout of a second before it was known, 100 more; 19% of them or so.
between "loss is the relay's" "$(all watch a-wan0 'map(.sent - .received) | add')" $((lost - 60)) "$lost"
between "and in ppm" "$(all watch a-wan0 'map(.loss_ppm) | add / length | floor')" 60000 330000
is "the other path lost nothing" "$(all watch a-wan1 'map(.loss_ppm) | max')" 0
between "its round trip" "$(all watch a-wan1 'map(.rtt_us.min) | min')" 8000 8400
between "a window covers one check interval" "$(nth watch a-wan1 3 .window_ms)" 480 520
between "and the probes of one" "$(nth watch a-wan1 3 .sent)" 48 52
is "nothing but this edge's paths" "$(jq -r 'select(.type=="health").path' "$SCRATCH/watch.out" | sort -u | xargs)" \
	"a-wan0 a-wan1"
is "records by kernel stamps" "$(all watch a-wan1 'map(.timestamps) | unique | join(" ")')" kernel
ssid=$(sed -n 's/^out 4500.\{80\}\(....\).*/\1/p' "$SCRATCH/sniff.out" | head -n 1)
like "STAMP on the wire: TTL 255, 72 bytes, port 862, session id, zeros" "$(grep ^out "$SCRATCH/sniff.out")" \
	'out 45000048.{8}ff11.{24}035e0034.{4}[0-9a-f]{8}.{20}[0-9a-f]{4}0{56}'
like "the session id is not zero" "$ssid" "[1-9a-f]"
is "sequence numbers rise by one" \
	"$(sed -n 's/^out 4500.\{52\}\(.\{8\}\).*/\1/p' "$SCRATCH/sniff.out" | head -n 2 | xargs)" "00000000 00000001"
relay_set all loss_ppm=0 delay_us=0

# ---- loss by direction: one probe in eight asks the reflector for its counts ----
settings "health: { check_interval_ms: 1000, probe_timeout_ms: 100 }" "failover: { detection_interval_ms: 10 }"
relay_set wan1:ab loss_ppm=300000
watch split
wait_until 6 at_least split a-wan1 4
reap split
relay_set wan1 loss_ppm=0
between "lost on the way out: told so" "$(all split a-wan1 'map(.loss_out_ppm // 0) | add / length | floor')" 120000 500000
is "and not on the way back" "$(all split a-wan1 'map(.loss_back_ppm // 0) | add')" 0
is "a path without loss has none" "$(all split a-wan0 'map(select(.loss_out_ppm != null) | .loss_out_ppm, .loss_back_ppm) | unique | join(" ")')" 0

# ---- each setting by its effect ----
settings "health: { check_interval_ms: 400, probes_per_check: 8, probe_timeout_ms: 100 }" \
	"failover: { detection_interval_secs: 5 }"
watch few
wait_until 5 at_least few a-wan0 3
reap few
between "probes_per_check sets the pace where detection is slower" "$(nth few a-wan0 2 .sent)" 7 9
settings "health: { check_interval_secs: 1, probes_per_check: 5, probe_timeout_ms: 50 }" \
	"failover: { detection_interval_ms: 20 }"
relay_set wan0 delay_us=40000
watch slow
wait_until 5 at_least slow a-wan0 2
reap slow
between "check_interval_secs sets the window" "$(nth slow a-wan1 1 .window_ms)" 980 1060
between "detection_interval sets the pace where it is faster" "$(nth slow a-wan1 1 .sent)" 47 52
between "answers after probe_timeout_ms are late" "$(nth slow a-wan0 1 .late)" 40 52
between "and their losses revoked, but for those told before" "$(nth slow a-wan0 1 .loss_ppm)" 0 80000
relay_set wan0 delay_us=0
settings "health: { check_interval_ms: 200 }" "failover: { detection_interval_ms: 10 }" \
	"metrics: { export_interval_secs: 1 }"
watch stats
wait_until 5 grep -q '"type":"stats"' "$SCRATCH/stats.out"
reap stats
is "stats: what left, what was late" \
	"$(jq -r 'select(.type=="stats") | .sent > 150 and .paths == 2 and .wakeup_late_us.count > 100 and .failed == 0' "$SCRATCH/stats.out" | head -n 1)" true

settings "health: { check_interval_ms: 1000, probe_timeout_ms: 100 }" \
	"failover: { detection_interval_ms: 10, parallel_checks: false }"
relay_set wan0 blackhole=1
watch turns
wait_until 5 at_least turns a-wan1 2
between "one after the other: a dead path holds up the rest" "$(nth turns a-wan1 2 .sent)" 7 10
between "and is probed as often" "$(nth turns a-wan0 2 .sent)" 7 10
is "the rest loses nothing" "$(nth turns a-wan1 2 .loss_ppm)" 0
relay_set wan0 blackhole=0
n=$(count turns a-wan0)
wait_until 5 at_least turns a-wan0 $((n + 2))
between "when it answers again they are as quick as they were" "$(newest turns a-wan1 .sent)" 90 101
reap turns

is "stats: the fields of the man page" \
	"$(jq -r 'select(.type=="stats") | keys_unsorted[7:] | join(" ")' "$SCRATCH/stats.out" | head -n 1)" \
	"$(sed -n '/record of/,/^\.El/{/^.Cm watch$/,/^\.El/s/^\.It Va //p}' "$TOP/man/pt-probe.8" | xargs)"

# ---- per path: family, DSCP, maintenance ----
sed -i 's|target: 10.9.1.2, port: 862|target: "fd00:9:1::2", dscp: ef, maintenance: true|' "$NETWORK"
spawn_on ea sniff "$PACKET" sniff wan1 --count 4 --wait-ms 3000
wait_until 3 sniffing ea || bail "no packet socket"
watch six
wait_until 5 at_least six a-wan1 2
reap six
is "IPv6 path under maintenance is measured" \
	"$(nth six a-wan1 2 '[.family, .target, .dscp, .received == .sent, .sent > 15] | @csv')" \
	'"ipv6","fd00:9:1::2",46,true,true'
like "its DSCP is on the wire" "$(grep ^out "$SCRATCH/sniff.out")" 'out 6b8[0-9a-f]{5}003411ff'

# ---- a device goes and comes back; the reflector, too ----
write_config a interval_ms=10 check_ms=200
watch gone
wait_until 5 heard gone a-wan0
wan_delete a 0
wait_until 5 told gone 'path a-wan0: .*no probes' || note "$(cat "$SCRATCH/gone.err")"
wait_until 3 newest_is gone a-wan0 .sent 0
is "no device: nothing sent, loss unknown" "$(newest gone a-wan0 '[.sent, .loss_ppm, .score] | @csv')" "0,,"
check "the other path goes on" heard gone a-wan1
wan_up a 0
check "the device is back: measured again" wait_until 5 heard gone a-wan0
check "and that is said" told gone 'path a-wan0: probes leave again'
n=$(count gone a-wan0)
must ip -n "$(ns ea)" addr del 10.9.0.1/24 dev wan0
must ip -n "$(ns ea)" addr add 10.9.0.33/24 dev wan0
wait_until 5 at_least gone a-wan0 $((n + 4))
check "a new address on the device: measured again" wait_until 5 heard_since gone a-wan0 3
must ip -n "$(ns ea)" addr del 10.9.0.33/24 dev wan0
must ip -n "$(ns ea)" addr add 10.9.0.1/24 dev wan0
reap reflect
wait_until 4 newest_is gone a-wan1 .loss_ppm 1000000
is "reflector gone: all lost, score 0" "$(newest gone a-wan1 '[.loss_ppm, .score, .mos] | @csv')" "1000000,0,1"
spawn_on eb reflect "$BIN/pt-probe" reflect
check "reflector back: measured again" wait_until 5 heard gone a-wan1
check "it never ended" kill -0 "${PIDS[gone]}"
reap gone

# ---- forged answers ----
reap reflect
spawn_on ea sniff "$PACKET" sniff wan0 --count 1 --wait-ms 5000
wait_until 3 sniffing ea || bail "no packet socket"
settings "health: { check_interval_ms: 1000, probes_per_check: 1 }" "metrics: { export_interval_secs: 1 }"
watch forged
wait_until 5 finished sniff
probe=$(sed -n 's/^out //p' "$SCRATCH/sniff.out")
port=$((16#${probe:40:4})) payload=${probe:56}
zeros=0000000000000000
# A reply with session and sequence right, and the sender's timestamp off by its lowest bit.
stamp=${payload:8:16}
low=$(printf '%x' $((16#${stamp:15:1} ^ 1)))
on eb "$PACKET" send --from-port 862 --wait-ms 50 10.9.0.1 $port \
	"${payload:0:8}${zeros}0001${payload:28:4}$zeros${payload:0:8}${stamp:0:15}${low}0001000000000000"
wait_until 5 grep -q '"type":"stats"' "$SCRATCH/forged.out"
wait_until 5 at_least forged a-wan0 3
reap forged
is "a forged answer is none" "$(all forged a-wan0 'map(.received) | add')" 0
is "and is counted" "$(jq -r 'select(.type=="stats").foreign' "$SCRATCH/forged.out" | tail -n 1)" 1
spawn_on eb reflect "$BIN/pt-probe" reflect

# ---- reload ----
write_config a interval_ms=10 check_ms=200
watch reload -v
wait_until 5 heard reload a-wan1
cp "$NETWORK" "$SCRATCH/good"
echo "sites: [" >"$NETWORK"
signal reload HUP
check "a bad file is refused" wait_until 5 told reload 'network.yaml:.*kept what was running'
n=$(count reload a-wan0)
check "and the old one stays in force" wait_until 5 at_least reload a-wan0 $((n + 2))
grep -v '^  - { id: a-wan0, source\|target: 10.9.0.2' "$SCRATCH/good" |
	sed '/^      next_hop: 10.9.0.2/d' >"$NETWORK"
signal reload HUP
check "a good one is read" wait_until 5 told reload 'configuration read again'
n=$(count reload a-wan0) m=$(count reload a-wan1)
wait_until 5 at_least reload a-wan1 $((m + 3))
between "a removed path is measured no more" $(($(count reload a-wan0) - n)) 0 1
is "the one that stayed lost nothing meanwhile" "$(all reload a-wan1 'map(.loss_ppm) | max')" 0
settings "health: { check_interval_ms: 200 }" "failover: { detection_interval_ms: 20 }" \
	"metrics: { export_interval_secs: 1 }"
signal reload HUP
wait_until 5 eval "grep -q '\"period_us\":20000' '$SCRATCH/reload.out'"
reap reload
is "counters go on over reloads" \
	"$(jq -r 'select(.type=="stats") | .sent, .wakeup_late_us.count' "$SCRATCH/reload.out" | xargs -n 2 |
		sort -c -n 2>&1; jq -r 'select(.type=="stats" and .period_us == 20000) | .sent > 200' "$SCRATCH/reload.out" | head -n 1)" \
	true

# ---- no probes of ours: its targets alone tell ----
PATH_MORE=("liveness: bfd, quality: none, targets: [{ probe: icmp, address: 10.9.0.2, interval_ms: 100 }]" \
	"liveness: bfd, quality: none")
write_config a interval_ms=20 check_ms=500
PATH_MORE=()
watch bare -v
reached() { jq -es 'map(select(.type == "reach" and .path == "a-wan0" and .answering == 1)) | length > 1' "$SCRATCH/bare.out" >/dev/null; }
check "quality: none, its target answers" wait_until 20 reached
is "and is what the record is of" "$(newest bare a-wan0 '[.probe, .target, .received > 0] | join(" ")')" "icmp 10.9.0.2 true"
is "nothing of the path that has none" "$(count bare a-wan1)" 0
sed -i 's/^failover:/failover:\n  parallel_checks: false/' "$CONFIG"
signal bare HUP
check "a reload to one after the other" wait_until 20 told bare 'configuration read again'
n=$(count bare a-wan0)
check "where it is passed over" wait_until 20 at_least bare a-wan0 $((n + 2))
write_config a interval_ms=20 check_ms=500
signal bare HUP
stamped() { newest_is bare "$1" .probe stamp; }
check "a reload begins to measure it" wait_until 20 stamped a-wan0
check "and the other" wait_until 20 stamped a-wan1
reap bare

# ---- spool, pipes, faults at start ----
cp "$SCRATCH/good" "$NETWORK"
watch spooled --spool "$SCRATCH/spool"
wait_until 5 at_least spooled a-wan0 3
reap spooled
is "the spool holds the same records" "$(cat "$SCRATCH"/spool/*.ndjson | jq -c . | md5sum)" \
	"$(jq -c . "$SCRATCH/spooled.out" | md5sum)"
first=$(on ea "$BIN/pt-probe" watch --config "$CONFIG" --network "$NETWORK" 2>"$SCRATCH/words" | head -n 1; echo "${PIPESTATUS[0]}")
like "a reader that goes ends it" "$first" '"type":"health".*
0$'
is "without a word" "$(cat "$SCRATCH/words")" ""
chmod 755 "$SCRATCH" "$SCRATCH/a"
spawn_on ea humble setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \
	"$BIN/pt-probe" watch -v --config "$CONFIG" --network "$NETWORK"
wait_until 5 heard humble a-wan1
reap humble
check "without a capability it measures, too" heard humble a-wan1
check "and says with -v what that costs" told humble 'no real-time scheduling .CAP_SYS_NICE.'
sed -i 's/^edge: a/edge: nowhere/' "$CONFIG"
on ea "$BIN/pt-probe" watch --config "$CONFIG" --network "$NETWORK" >/dev/null 2>"$SCRATCH/words"
is "an edge that no site has: exit 2" $? 2
like "and one line" "$(cat "$SCRATCH/words")" "^pt-probe: .*network.yaml: no site has the edge 'nowhere'[^
]*\$"
on ea "$BIN/pt-probe" watch --config "$SCRATCH/none" --network "$NETWORK" >/dev/null 2>"$SCRATCH/words"
is "no config file: exit 2" $? 2
done_testing
