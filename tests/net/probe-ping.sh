#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe ping: what it measures against what the relay does to its packets.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
PACKET=$BUILD/tests/tools/packet

topo_up 2
spawn_on eb reflect "$BIN/pt-probe" reflect
listening() { on eb ss -Hlun | grep -q ":862 "; }
wait_until 5 listening || bail "reflect: $(cat "$SCRATCH/reflect.err")"

not() { ! "$@"; }
ping() { on ea "$BIN/pt-probe" ping "$@"; }
# Measures once; `got FILTER` then asks the record.
measure() { ping --json "$@" >"$SCRATCH/record" 2>"$SCRATCH/words"; }
got() { jq -r "$1" "$SCRATCH/record"; }
# A packet socket of the node runs (sixth column).
sniffing() { on "$1" grep -Eq '^[0-9a-f]+( +[0-9a-f]+){4} +1 ' /proc/net/packet; }

# ---- delay: 5 ms each way; the relay's own share is below 0.3 ms on an idle machine ----
relay_set wan0 delay_us=5000
for case in "icmp 10.9.0.2" "icmp fd00:9::2" "stamp 10.9.0.2 --stamp 862" "stamp fd00:9::2 --stamp 862"; do
	read -r kind host options <<<"$case"
	# shellcheck disable=SC2086 # words
	measure -c 30 -i 10ms $options "$host"
	is "$case: exit 0" $? 0
	is "$case: all answered, by kernel stamps" \
		"$(got '[.probe, .target, .sent, .received, .loss_ppm, .timestamps] | @csv')" \
		"\"$kind\",\"$host\",30,30,0,\"kernel\""
	between "$case: least round trip" "$(got .rtt_us.min)" 10000 10400
	between "$case: median" "$(got .rtt_us.p50)" 10000 12000
	is "$case: order of the percentiles" \
		"$(got '.rtt_us | .min <= .p50 and .p50 <= .p95 and .p95 <= .p99 and .p99 <= .max')" true
	is "$case: histogram holds all" "$(got '[.rtt_hist[][1]] | add')" 30
	is "$case: no clocks in step, no one-way delay" "$(got '.owd_out_us, .owd_back_us' | sort -u)" null
done

# ---- loss: what the relay dropped is what is missing ----
relay_set wan0 delay_us=0 loss_ppm=200000
before=$(($(relay_get wan0:ab lost_random) + $(relay_get wan0:ba lost_random)))
measure -c 200 -i 2ms -W 100ms 10.9.0.2
lost=$(($(relay_get wan0:ab lost_random) + $(relay_get wan0:ba lost_random) - before))
is "loss is the relay's, to the packet" "$(got '.sent - .received')" $lost
is "and in ppm" "$(got .loss_ppm)" $((lost * 1000000 / 200))
relay_set wan0 loss_ppm=0

# ---- jitter, late, duplicates, reordering ----
relay_set wan0:ab delay_us=10000 jitter_us=0
measure -c 60 -i 5ms 10.9.0.2
quiet=$(got .jitter_us)
relay_set wan0:ab delay_us=10000 jitter_us=8000
measure -c 60 -i 25ms 10.9.0.2
between "jitter of +-8 ms is seen (mean difference 5.3 ms)" "$(got .jitter_us)" 2500 9000
between "and was not there without" "$quiet" 0 2499
relay_set wan0:ab delay_us=60000 jitter_us=0
measure -c 10 -i 20ms -W 30ms 10.9.0.2
between "answers after the timeout are late" "$(got .late)" 6 10
is "and revoke the loss that was counted" "$(got '[.sent, .received - .late, .loss_ppm == (10 - .late) * 100000] | @csv')" '10,0,true'
between "with the round trip that they had" "$(got .rtt_us.p50)" 60000 70000
relay_set wan0:ab delay_us=0 duplicate_ppm=1000000
measure -c 20 -i 5ms 10.9.0.2
is "duplicates are no further answers" "$(got '[.received, .duplicates] | @csv')" "20,20"
relay_set wan0:ab duplicate_ppm=0 delay_us=20000 reorder_ppm=200000
measure -c 100 -i 5ms --stamp 862 10.9.0.2
between "reordering is counted" "$(got .reordered)" 1 90
is "and is no loss" "$(got .received)" 100
relay_set wan0:ab delay_us=0 reorder_ppm=0

# ---- loss by direction: the relay drops on one side, the reflector counts ----
for side in ab ba; do
	relay_set wan0:$side loss_ppm=200000
	before=$(relay_get wan0:$side lost_random)
	measure -c 300 -i 2ms -W 100ms --stamp 862 --direction 10.9.0.2
	lost=$((($(relay_get wan0:$side lost_random) - before) * 1000000 / 300))
	relay_set wan0:$side loss_ppm=0
	read -r out back < <(got '"\(.loss_out_ppm) \(.loss_back_ppm)"')
	[[ $side = ab ]] || read -r out back <<<"$back $out"
	between "lost $side only: on that side, within 2% of the relay's $lost" "$out" $((lost - 20000)) $((lost + 20000))
	is "and not on the other" "$back" 0
done
measure -c 5 -i 2ms --stamp 862 10.9.0.2
is "without --direction nobody knows" "$(got '.loss_out_ppm, .loss_back_ppm' | xargs)" "null null"

# ---- authenticated mode ----
(umask 077; echo "a secret of the two sites" >"$SCRATCH/key"; echo "a secret of other sites" >"$SCRATCH/wrong")
AUTH=8862
# The relay's own node has no packets of its own: the far end reflects on another port as well.
spawn_on eb closed "$BIN/pt-probe" reflect -v --port $AUTH --auth-key "$SCRATCH/key"
listening_closed() { on eb ss -Hlun | grep -q ":$AUTH "; }
wait_until 5 listening_closed || bail "closed: $(cat "$SCRATCH/closed.err")"
for host in 10.9.0.2 fd00:9::2; do
	measure -c 10 -i 2ms --stamp $AUTH --auth-key "$SCRATCH/key" $host
	is "signed, $host: all answered, by kernel stamps" "$(got '[.received, .timestamps] | @csv')" '10,"kernel"'
done
relay_set wan0:ba loss_ppm=300000
before=$(relay_get wan0:ba lost_random)
measure -c 60 -i 2ms -W 50ms --stamp $AUTH --auth-key "$SCRATCH/key" --direction 10.9.0.2
lost=$(($(relay_get wan0:ba lost_random) - before))
relay_set wan0:ba loss_ppm=0
between "extensions are signed, too: loss on the way back" "$(got .loss_back_ppm)" \
	$(((lost - 3) * 1000000 / 60)) $(((lost + 3) * 1000000 / 60))
is "and none on the way out" "$(got .loss_out_ppm)" 0
measure -c 3 -i 2ms -W 50ms --stamp $AUTH --auth-key "$SCRATCH/wrong" 10.9.0.2
is "signed with another key: no answer" "$(got .received)" 0
measure -c 2 -i 2ms -W 50ms --stamp $AUTH -s 112 10.9.0.2
is "not signed: no answer" "$(got .received)" 0
measure -c 2 -i 2ms -W 50ms --stamp $AUTH 10.9.0.2
is "too short for a signature: no answer" "$(got .received)" 0
measure -c 3 -i 2ms -W 50ms --stamp 862 --auth-key "$SCRATCH/key" 10.9.0.2
is "answers of an open reflector are none" "$(got .received)" 0
spawn_on ea sniff "$PACKET" sniff wan0 --count 2 --wait-ms 3000
wait_until 3 sniffing ea || bail "no packet socket"
measure -c 1 --stamp $AUTH --auth-key "$SCRATCH/key" 10.9.0.2
wait_until 4 finished sniff
request=$(sed -n 's/^out 4500008c//p' "$SCRATCH/sniff.out") # 140 bytes; from the identification on
like "authenticated on the wire: TTL 255, 112 bytes, zeros around" "$request" \
	'^.{8}ff11.{24}229e0078.{4}0{32}.{20}[0-9a-f]{4}0{136}[0-9a-f]{32}$'
replay() { on ea "$PACKET" send --wait-ms 250 --from-port $((0x${request:32:4})) 10.9.0.2 "$AUTH" "${request:48}" >/dev/null; }
check "sent once more it is no request" not replay
changed=${request:48:26}$(printf %02x $((0x${request:74:2} ^ 1)))${request:76}
altered() { on ea "$PACKET" send --wait-ms 250 10.9.0.2 "$AUTH" "$changed" >/dev/null; }
check "nor with one bit changed" not altered
reap closed
like "the reflector has counted each" "$(cat "$SCRATCH/closed.err")" \
	'90 requests, 81 answered; not answered: 2 malformed, .* 6 not signed, 1 replayed, 0 not sent'
chmod 644 "$SCRATCH/key"
ping -c 1 --stamp $AUTH --auth-key "$SCRATCH/key" 10.9.0.2 2>"$SCRATCH/words"
is "a key that others can read: exit 2" $? 2
like "and the line names the cure" "$(cat "$SCRATCH/words")" "^pt-probe: key $SCRATCH/key: others can read it: chmod 600$"

# ---- another implementation reads our packets ----
if command -v tshark >/dev/null; then
	spawn_on ea tshark tshark -l -i wan0 -c 4 -f "udp port 862" -d udp.port==862,twamp.test -T fields \
		-e udp.length -e twamp.test.seq_number -e twamp.test.sender_ttl -e twamp.test.error_estimate
	capturing() { grep -q "Capturing on" "$SCRATCH/tshark.err"; }
	if wait_until 10 capturing; then
		sent_one() { measure -c 1 --stamp 862 10.9.0.2; finished tshark; }
		wait_until 5 sent_one
		like "tshark reads request and answer" "$(tr '\t\n' ', ' <"$SCRATCH/tshark.out")" \
			'(^| )52,0,255,'
	else
		skip "tshark reads request and answer" "tshark cannot capture here"
	fi
else
	skip "tshark reads request and answer" "no tshark"
fi

# ---- stalls: answers that lie in the socket of a stopped process arrived in time ----
relay_set wan0 delay_us=100000 jitter_us=0
all_left() { (($(relay_get wan0:ab rx) >= before + 3)); }
for options in "10.9.0.2" "fd00:9::2" "--stamp 862 10.9.0.2"; do
	before=$(relay_get wan0:ab rx)
	# shellcheck disable=SC2086 # words
	spawn_on ea stalled "$BIN/pt-probe" ping --json -c 3 -i 1ms -W 400ms $options
	wait_until 3 all_left
	signal stalled STOP
	hold 0.8
	signal stalled CONT
	wait_until 3 finished stalled
	is "stopped for two timeouts, $options: all answered in time" \
		"$(jq -r '[.sent, .received, .late, .loss_ppm] | @csv' "$SCRATCH/stalled.out")" "3,3,0,0"
	between "and measured by when they arrived" "$(jq .rtt_us.max "$SCRATCH/stalled.out")" 200000 240000
done
relay_set wan0 delay_us=0

# ---- on the wire ----
spawn_on ea sniff "$PACKET" sniff wan0 --count 8 --wait-ms 3000
wait_until 3 sniffing ea || bail "no packet socket"
measure -c 1 --dscp ef --ttl 9 -s 100 10.9.0.2
measure -c 1 --dscp af41 --stamp 862 10.9.0.2
measure -c 1 --dscp cs6 --ttl 33 -6 fd00:9::2
wait_until 4 finished sniff
like "ICMP: EF, TTL 9, 128 bytes, echo request" "$(grep ^out "$SCRATCH/sniff.out")" \
	'out 45b80080.{8}0901.{20}0800'
like "STAMP: AF41, TTL 255, 72 bytes, port 862, sequence 0, zeros" "$(grep ^out "$SCRATCH/sniff.out")" \
	'out 45880048.{8}ff11.{24}035e0034.{4}00000000.{20}[0-9a-f]{4}0{56}'
like "IPv6: CS6, hop limit 33, echo request" "$(grep ^out "$SCRATCH/sniff.out")" \
	'out 6c0.{5}00403a21.{64}8000'

# ---- many hosts, tables, exit codes ----
ping -c 3 -i 10ms -q 10.9.0.2 fd00:9:1::2 10.9.1.2 >"$SCRATCH/table"
is "many hosts: exit 0" $? 0
is "a heading and a row for each" "$(awk '{print $1}' "$SCRATCH/table" | xargs)" \
	"host 10.9.0.2 fd00:9:1::2 10.9.1.2"
is "sent and answered stand in the row" "$(awk 'NR == 2 {print $2, $3, $4}' "$SCRATCH/table")" "3 3 0.000"
ping -c 2 -i 10ms -W 50ms 10.9.0.2 10.9.0.77 >"$SCRATCH/table"
is "a silent host among others: exit 1" $? 1
is "its row says so" "$(awk '$1 == "10.9.0.77" {print $3, $4}' "$SCRATCH/table")" "0 100.000"
printf '10.9.0.2 first\n\n# nobody\n  fd00:9:1::2 # last\n' >"$SCRATCH/hosts"
ping -c 2 -i 10ms -q -f "$SCRATCH/hosts" 10.9.1.2 >"$SCRATCH/table"
is "hosts of a list and of the command line" "$(awk 'NR > 1 {print $1, $3}' "$SCRATCH/table" | sort | xargs)" \
	"10.9.0.2 2 10.9.1.2 2 fd00:9:1::2 2"
ping -c 2 -i 10ms -q <"$SCRATCH/hosts" >"$SCRATCH/table"
is "without hosts they come from standard input" "$(awk 'NR > 1 {print $1, $3}' "$SCRATCH/table" | sort | xargs)" \
	"10.9.0.2 2 fd00:9:1::2 2"
seq -f '10.9.0.%g' 2 201 >"$SCRATCH/hosts" # of which one exists
ping -c 2 -i 200ms -W 100ms -q -f "$SCRATCH/hosts" >"$SCRATCH/table" 2>/dev/null
is "two hundred hosts: each is judged alone" "$(awk 'NR > 1 {print $3}' "$SCRATCH/table" | sort | uniq -c | xargs)" "199 0 1 2"
if command -v script >/dev/null; then
	on ea script -qec "stty rows 24 cols 120; $BIN/pt-probe ping -c 30 -i 20ms -W 50ms 10.9.0.2 10.9.0.77" /dev/null >"$SCRATCH/board"
	like "on a terminal each host has a line with its answers" \
		"$(tr '\r' '\n' <"$SCRATCH/board" | grep '10\.9\.0\.2 .*lost' | tail -n 1)" '(▁|▂|▃|▄|▅|▆|▇|█){20}.* [0-9.]+ (us|ms) +0\.0% lost'
	like "and its losses" "$(tr '\r' '\n' <"$SCRATCH/board" | grep '10\.9\.0\.77 .*lost' | tail -n 1)" '!{20} +- 100\.0% lost'
else
	skip "lines on a terminal" "no script(1)"
fi
must ip -n "$(ns ea)" addr add 10.9.0.11/24 dev wan0
must ip -n "$(ns ea)" route add 10.2.0.2 via 10.9.1.2 table 77
must ip -n "$(ns ea)" rule add fwmark 0x4d table 77
spawn_on ea sniff "$PACKET" sniff wan1 --count 2 --wait-ms 3000
wait_until 3 sniffing ea || bail "no packet socket"
measure -c 1 -m 0x4d -S 10.9.0.11 10.2.0.2
wait_until 4 finished sniff
like "mark and source decide the way" "$(grep ^out "$SCRATCH/sniff.out")" '4001.{4}0a09000b0a0200020800'
measure -c 1 -S 10.9.0.99 10.9.0.2
is "a source that is not ours: exit 2" $? 2
is "and one line naming it" "$(cat "$SCRATCH/words")" "pt-probe: source 10.9.0.99: Cannot assign requested address"

ping -c 3 -i 10ms 10.9.0.2 >"$SCRATCH/lines"
is "one host: a line for each answer" "$(grep -c '^64 bytes from 10.9.0.2: seq=[123] ttl=64 time=' "$SCRATCH/lines")" 3
ping -c 1 no-such-host.invalid >/dev/null 2>"$SCRATCH/words"
is "an unknown name: exit 2" $? 2
like "and one line naming it" "$(cat "$SCRATCH/words")" '^pt-probe: no-such-host\.invalid: [A-Z][^
]*$'
ping -c 1 -I nodev0 10.9.0.2 >/dev/null 2>"$SCRATCH/words"
is "an unknown device: exit 2" $? 2
is "and one line naming it" "$(cat "$SCRATCH/words")" "pt-probe: device nodev0: No such device"
ping -c 1 -W 50ms --stamp 9 10.9.0.2 >"$SCRATCH/lines"
is "nobody listens on the port: exit 1" $? 1
like "and the far host's word is passed on" "$(cat "$SCRATCH/lines")" 'from 10\.9\.0\.2: Connection refused'
for host in 10.2.0.2 fd00:2::2; do
	ping -c 1 -W 50ms --ttl 1 $host >"$SCRATCH/lines"
	like "TTL 1 to $host: the router says so" "$(cat "$SCRATCH/lines")" 'from (10\.9\.0\.2|fd00:9::2): hops ran out'
done
measure -c 2 -i 10ms -I wan0 "$(on eb ip -6 -o addr show dev wan0 scope link | awk '{print $4}' | cut -d/ -f1)"
is "a link-local host by its device" "$(got .received)" 2
measure -c 3 -i 10ms -I wan1 10.9.1.2
is "by a device: answered" "$(got .received)" 3
relay_set wan1 blackhole=1
measure -c 1 -W 100ms -I wan1 10.9.1.2
is "by a dead one: not" $? 1
measure -c 1 -W 100ms -I wan1 10.9.0.2
is "by a dead one: not even an address that another reaches" $? 1
relay_set wan1 blackhole=0

spawn_on ea forever "$BIN/pt-probe" ping -i 10ms 10.9.0.2
wait_until 5 grep -q seq=5 "$SCRATCH/forever.out"
signal forever INT
wait_until 3 finished forever
wait "${PIDS[forever]}"
is "an interrupt ends it with exit 0" $? 0
like "and the table" "$(tail -n 2 "$SCRATCH/forever.out" | tr '\n' ' ')" 'host +sent.*10\.9\.0\.2 '

# Without the capability and outside the group range: one clear line.
on ea setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \
	"$BIN/pt-probe" ping -c 1 10.9.0.2 >/dev/null 2>"$SCRATCH/words"
is "no right to ICMP: exit 2" $? 2
like "and the line names the cure" "$(cat "$SCRATCH/words")" '^pt-probe: ICMP needs CAP_NET_RAW'
on ea sysctl -qw net.ipv4.ping_group_range="0 2147483647"
on ea setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \
	"$BIN/pt-probe" ping -c 2 -i 10ms --json 10.9.0.2 fd00:9::2 >"$SCRATCH/record" 2>"$SCRATCH/words"
is "within the group range it needs no capability" "$(got .received | xargs)" "2 2"
on ea setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \
	"$BIN/pt-probe" ping -c 2 -i 10ms --json --stamp 862 10.9.0.2 >"$SCRATCH/record"
is "nor does STAMP" "$(got .received)" 2
done_testing
