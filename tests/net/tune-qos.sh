#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pt-tune's shaper before a FIFO of 100 Mbit/s, filled both ways in both families: probes keep their
# round trip, classes get their shares, a transaction takes all of it back.
# PT_QOS_INFLATION_US: how much the 99th percentile of a probe's round trip may grow (bench/qos.sh).
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
MOST=${PT_QOS_INFLATION_US:-10000}
SHARES=(10 80 10) # of control, data, bulk in percent
PORTS=(5201 5202 5203)

topo_up 1
relay_set all rate_kbps=100000 limit_bytes=1500000 delay_us=5000
cat >"$SCRATCH/p.yaml" <<'END'
apiVersion: patronus/tune/v1
name: test
extends: [sdwan-qos]
vars: {uplink_mbit: 100}
END
for e in ea eb; do must ip -n "$(ns $e)" route add default dev wan0; done # what makes it a WAN
tune() { local e=$1; shift; on "$e" "$BIN/pt-tune" "$@" --state "$SCRATCH/$e-state"; }
OPTS=(--scope netns --profile "$SCRATCH/p.yaml")

for p in "${PORTS[@]}"; do
	spawn_on hb "server-a$p" iperf3 -s -p "$p"
	spawn_on ha "server-b$p" iperf3 -s -p "$p"
done
for p in "${PORTS[@]}"; do
	wait_until 5 listening hb "$p" || bail "no server"
	wait_until 5 listening ha "$p" || bail "no server"
done
# fill NAME OPTION...: a to b over IPv4, b to a over IPv6, until empty NAME.
fill() {
	local name=$1; shift
	spawn_on ha "$name-a" iperf3 -c 10.2.0.2 -t 60 "$@"
	spawn_on hb "$name-b" iperf3 -6 -c fd00:1::2 -t 60 "$@"
}
empty() { reap "$1-a"; reap "$1-b"; }
# p99 NAME: of round trips from a to b and back, the worse of both families, in us
p99() {
	on ea "$BIN/pt-probe" ping --json -c 300 -i 10ms --dscp cs6 10.9.0.2 fd00:9:0::2 >"$SCRATCH/$1.json"
	jq -s 'map(select(.type == "health") | .rtt_us.p99) | max' "$SCRATCH/$1.json"
}
# tc of Debian 12 has no JSON for classes.
sent() { on "$1" tc -s class show dev wan0 | awk -v c="1:$2" '$3 == c { mine = 1 } mine && /Sent/ { print $2; exit }'; }
qdiscs() { for e in ea eb; do on $e tc qdisc show dev wan0; on $e tc filter show dev wan0; done; }

# ---- the round trip ----
before=$(qdiscs)
idle=$(p99 idle)
fill bulk -P 4
full() { (($(relay_get "wan0:$1" tx) > 8000)); } # beyond slow start
for way in ab ba; do wait_until 10 full $way || bail "nothing passes $way"; done
unshaped=$(p99 unshaped)
empty bulk
for e in ea eb; do
	tune $e apply "${OPTS[@]}" --confirm-timeout 120s >"$SCRATCH/apply-$e.out" || bail "apply: $(cat "$SCRATCH/apply-$e.out")"
	is "$e: the plan after apply has nothing to do" \
		"$(on $e "$BIN/pt-tune" plan "${OPTS[@]}" --json | jq -s '[.[] | select(.action == "set" or .action == "adapt")] | length')" 0
done
fill bulk -P 4
filled() { (($(sent "$1" 20) > 5000000)); }
for e in ea eb; do wait_until 10 filled $e || bail "$e sends nothing"; done
shaped=$(p99 shaped)
empty bulk
note "p99 of a probe: idle $idle us, filled $unshaped us, filled and shaped $shaped us"
check "without a shaper the queue is in the provider's FIFO" test $((unshaped - idle)) -gt 10000
between "shaped: microseconds more than on an idle line" $((shaped - idle)) -2000 "$MOST"
check "... and at most a half of what they were" test $((shaped - idle)) -le $(((unshaped - idle) / 2))

# ---- the shares ----
marks=(0xc0 0 0x20) rates=(20M 95M 20M) # CS6, best effort, CS1, each more than its share
for i in 0 1 2; do fill "class$i" -u -l 1400 -p "${PORTS[i]}" -S "${marks[i]}" -b "${rates[i]}"; done
for e in ea eb; do wait_until 10 filled $e; done
declare -A first
classes=(10 20 30)
hold 1
for e in ea eb; do for c in "${classes[@]}"; do first[$e$c]=$(sent $e "$c"); done; done
hold 4
for e in ea eb; do
	total=0
	for c in "${classes[@]}"; do
		first[$e$c]=$(($(sent $e "$c") - ${first[$e$c]}))
		total=$((total + ${first[$e$c]}))
	done
	for i in 0 1 2; do # in tenths of a percent, within 5 % of the share
		share=$((${first[$e${classes[i]}]} * 1000 / total))
		between "$e: share of class 1:${classes[i]} in permille" $share \
			$((SHARES[i] * 95 / 10)) $((SHARES[i] * 105 / 10))
	done
	between "$e: all of the rate is used, kbit/s" $((total * 8 / 4 / 1000)) 85000 105000
done
for i in 0 1 2; do empty "class$i"; done

# ---- and back ----
for e in ea eb; do tune $e rollback >/dev/null || not_ok "$e: rollback"; done
is "what was there is there again" "$(qdiscs)" "$before"
tune ea apply "${OPTS[@]}" --settle 0 --no-confirm >/dev/null || not_ok "ea: apply"
shaped=$(tune ea drift -v)
must on ea tc qdisc del dev wan0 root # as after a restart, or when the device came back
tune ea drift >/dev/null
is "a device that lost its shaper has drifted" $? 1
tune ea reapply >/dev/null || not_ok "ea: reapply"
is "... and gets it back by reapply" "$(tune ea drift -v)" "$shaped"
tune ea rollback >/dev/null
must on ea tc qdisc add dev wan0 root tbf rate 1mbit burst 1540 latency 10ms
mine=$(on ea tc qdisc show dev wan0)
tune ea apply "${OPTS[@]}" >"$SCRATCH/out" 2>&1
is "somebody else's queueing discipline is not replaced" $? 3
like "... by a rule that says so" "$(cat "$SCRATCH/out")" QOS-FOREIGN
is "... it stays" "$(on ea tc qdisc show dev wan0)" "$mine"
done_testing
