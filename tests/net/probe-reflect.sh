#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe reflect: every byte of its answers, and whom it does not answer.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-reflect.sh
. "$(dirname "$0")/lib-reflect.sh"

topo_up 2
PORT=862

reflector() { # OPTIONS...: a fresh one on b
	reap reflect
	spawn_on eb reflect "$BIN/pt-probe" reflect -v --port $PORT "$@"
	wait_until 5 listening $PORT || bail "reflect: $(cat "$SCRATCH/reflect.err")"
}
listening() { on eb ss -Hlun | grep -q "[:*]$1 "; }
# A packet socket of the node runs (sixth column).
sniffing() { on "$1" grep -Eq '^[0-9a-f]+( +[0-9a-f]+){4} +1 ' /proc/net/packet; }
totals() { reap reflect; cat "$SCRATCH/reflect.err"; }

# send OPTIONS... TO HEX, from a
send() { on ea "$PACKET" send --wait-ms 500 "${@:1:$#-2}" "${*: -2:1}" "$PORT" "${*: -1}"; }
answered() { send "$@" >/dev/null; }
# One that must stay unanswered: nothing may come back in the time three good ones take.
silent() { ! on ea "$PACKET" send --wait-ms 250 "${@:1:$#-2}" "${*: -2:1}" "$PORT" "${*: -1}" >/dev/null; }
zeros() { printf '00%.0s' $(seq 1 "$1"); }
field() { echo "${ANSWER:$(($1 * 2)):$(($2 * 2))}"; } # OFFSET LENGTH in bytes of the answer
seconds_now() { printf '%x' $(($(date +%s) + 2208988800)); }

# sequence 0a0b0c0d, timestamp e5d10280 80000001, error 8a7f, session beef, 28 zero bytes
REQUEST=0a0b0c0de5d10280800000018a7fbeef$(zeros 28)

reflector
read -r from port ttl tos ANSWER < <(send --tos $((46 << 2 | 1)) --ttl 77 10.9.0.2 "$REQUEST")
is "answers from the address and port asked" "$from $port" "10.9.0.2 $PORT"
is "an answer has 44 bytes" "${#ANSWER}" 88
is "sequence number copied" "$(field 0 4)" 0a0b0c0d
like "timestamps are the time of day" "$(field 4 4) $(field 16 4)" \
	"^($(seconds_now)|$(printf '%x' $((0x$(seconds_now) - 1)))) "
like "error estimate has a multiplier and no Z" "$(field 12 2)" '^[0-38-9a-b].(..)$'
[[ $(field 13 1) != 00 ]]; is "multiplier is not zero" $? 0
is "session id copied" "$(field 14 2)" beef
is "sender's sequence number" "$(field 24 4)" 0a0b0c0d
is "sender's timestamp" "$(field 28 8)" e5d1028080000001
is "sender's error estimate" "$(field 36 2)" 8a7f
is "sender's TTL as it arrived" "$(field 40 1)" 4d
is "zeros where zeros must be" "$(field 38 2)$(field 41 3)" 0000000000
is "answers with TTL 255" "$ttl" 255
is "DSCP of the request, without its ECN" "$tos" $((46 << 2))
received=$((0x$(field 16 4) * 1000000000 + (0x$(field 20 4) * 1000000000 >> 32)))
sent=$((0x$(field 4 4) * 1000000000 + (0x$(field 8 4) * 1000000000 >> 32)))
between "held for less than 100 ms (ns)" $((sent - received)) 1 100000000

read -r from _ ttl tos ANSWER < <(send --tos $((34 << 2)) --ttl 9 fd00:9:1::2 "$REQUEST")
is "IPv6 answers, too" "$from $(field 14 2) $(field 40 1) $tos $ttl" \
	"fd00:9:1::2 beef 09 $((34 << 2)) 255"

must ip -n "$(ns eb)" addr add 10.9.0.99/24 dev wan0
read -r from _ < <(send 10.9.0.99 "$REQUEST")
is "a second address answers as itself" "$from" 10.9.0.99

# By the device it came by, though the route back says another.
must ip -n "$(ns eb)" route add 10.1.0.0/24 dev wan0 metric 1
must ip -n "$(ns eb)" route add 10.1.0.0/24 via 10.9.1.1 dev wan1 metric 50
must ip -n "$(ns ea)" route add 10.9.77.0/24 via 10.9.1.2
must ip -n "$(ns eb)" addr add 10.9.77.1/32 dev lo
spawn_on eb sniff "$PACKET" sniff wan1 --count 20 --wait-ms 1500
wait_until 3 sniffing eb || bail "no packet socket"
read -r from _ < <(send --from 10.1.0.1 10.9.77.1 "$REQUEST")
is "an answer leaves by the device of its request" "$from" 10.9.77.1
wait_until 3 finished sniff
check "the wire of that device has it" grep -q "^out .*0a0b0c0d" "$SCRATCH/sniff.out"

read -r _ _ _ _ ANSWER < <(send 10.9.0.2 "${REQUEST}8001000411223344800900020102")
is "TLVs come back, unknown ones marked" "$(field 44 14)" 0001000411223344800900020102
read -r _ _ _ _ ANSWER < <(send 10.9.0.2 "${REQUEST}8001ffff0102")
is "a TLV that does not fit is marked" "$(field 44 6)" 4001ffff0102

check "one byte short is ignored" silent 10.9.0.2 "${REQUEST:2}"
check "an empty datagram is ignored" silent 10.9.0.2 ""
check "a request from the reflector's own port is ignored" silent --from-port $PORT 10.9.0.2 "$REQUEST"
check "a broadcast is ignored" silent 10.9.0.255 "$REQUEST"
check "an oversized request is ignored" silent 10.9.0.2 "$REQUEST$(zeros 9300)"
check "it still answers after all that" answered 10.9.0.2 "$REQUEST"
like "and counted each" "$(totals)" \
	'12 requests, 7 answered; not answered: 3 malformed, 0 not allowed, 2 could loop'

reflector --allow 10.9.0.0/24 --allow fd00:9:0::/64
check "an allowed sender is answered" answered 10.9.0.2 "$REQUEST"
check "an allowed IPv6 sender is answered" answered fd00:9:0::2 "$REQUEST"
check "others are not" silent 10.9.1.2 "$REQUEST"
check "nor over IPv6" silent fd00:9:1::2 "$REQUEST"

reflector --rate 1
rated 10.9.0.2 $PORT "$REQUEST"
between "a rate limit holds" $ANSWERS 1 $MOST

reflector --bind 10.9.0.2
check "bound to an address it answers there" answered 10.9.0.2 "$REQUEST"
check "and nowhere else" silent 10.9.1.2 "$REQUEST"
reflector --device wan1
check "bound to a device it answers there" answered 10.9.1.2 "$REQUEST"
check "and not elsewhere" silent 10.9.0.2 "$REQUEST"
wan_delete b 1
check "without its device nobody answers" silent 10.9.1.2 "$REQUEST"
wan_up b 1
answered_again() { answered 10.9.1.2 "$REQUEST"; }
check "the device is made anew: it answers there again" wait_until 5 answered_again
check "and still nowhere else" silent 10.9.0.2 "$REQUEST"

on eb "$BIN/pt-probe" reflect --port $PORT --device wan1 2>"$SCRATCH/second"
is "a second reflector on the port fails" $? 2
like "and says why" "$(cat "$SCRATCH/second")" "^pt-probe: cannot bind .* port $PORT: Address already in use$"

# ---- statistics: to standard output and spool, by the settings, read again on SIGHUP ----
settings() { printf '%s\n' "$@" >"$SCRATCH/settings.yaml"; }
stats() { jq -s "map(select(.type == \"stats\")) | $1" "$SCRATCH/reflect.out"; }
settings "metrics: { export_interval_secs: 1 }"
reflector --config "$SCRATCH/settings.yaml" --spool "$SCRATCH/spool"
check "an answer" answered 10.9.0.2 "$REQUEST"
check "a short one is ignored" silent 10.9.0.2 "${REQUEST:2}"
told() { (($(stats length) >= $1)) && (($(stats '.[-1].received') == 2)); }
check "statistics come by the interval" wait_until 4 told 1
is "they count what came and what it got" \
	"$(stats '.[-1] | [.answered, .malformed, .refused, .held_us.count, .cpu_us > 0] | map(tostring) | join(",")' | jq -r .)" "1,1,0,1,true"
like "from a source of their own" "$(stats '.[-1].src')" '/pt-probe-reflect"$'
is "their fields are the man page's" "$(jq -rs '.[-1] | keys_unsorted[7:] | join(" ")' "$SCRATCH/reflect.out")" \
	"$(sed -n '/^.Cm reflect$/,/^\.Ss/s/^\.It Va \([a-z_]*\)$/\1/p' "$TOP/man/pt-probe.8" | xargs)"
is "the spool has the same" "$(cat "$SCRATCH"/spool/[0-9]* | jq -s 'map(.type) | unique | join(" ")')" '"stats"'
settings "metrics: { export_interval_secs: 1, enabled: nonsense }"
signal reflect HUP
refused() { grep -q "kept what was running" "$SCRATCH/reflect.err"; }
check "a bad file is refused" wait_until 3 refused
before=$(stats length)
check "and statistics go on" wait_until 4 told $((before + 1))
settings "metrics: { enabled: false }"
signal reflect HUP
again() { grep -q "configuration read again" "$SCRATCH/reflect.err"; }
check "a good one is read" wait_until 3 again
before=$(stats length)
hold 1.3
is "and ends them" "$(stats length)" "$before"

signal reflect TERM
wait_until 3 finished reflect
wait "${PIDS[reflect]}"
is "SIGTERM ends it cleanly" $? 0
done_testing
