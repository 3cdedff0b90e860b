#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe once: one round, its verdicts are pt-select's, its exit status says whether all is well.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"

topo_up 3
spawn_on eb reflect "$BIN/pt-probe" reflect
listening() { on eb ss -Hlun | grep -q ":862 "; }
wait_until 5 listening || bail "reflect: $(cat "$SCRATCH/reflect.err")"
PATH_MORE[2]="quorum: 2, targets: [{ probe: icmp, address: 10.9.2.2 }, { probe: tcp, address: 10.9.2.2, port: 81 }]"
write_config a interval_ms=20 sla='{ loss_ppm: 100000, rtt_ms: 100 }'
CONFIG=$SCRATCH/a/config.yaml NETWORK=$SCRATCH/a/network.yaml
sed -i '/^failover:/i\  probe_timeout_ms: 300' "$CONFIG"
FILES=(--config "$CONFIG" --network "$NETWORK")

once() { on ea timeout 20 "$BIN/pt-probe" once "${FILES[@]}" "$@" >"$SCRATCH/out" 2>"$SCRATCH/words"; }
got() { jq -r "select(.type == \"$1\" and .path == \"$2\") | $3" "$SCRATCH/out"; }
# What pt-select says to the same records: the paths it thinks unfit.
agrees() { # NAME WHY
	on ea "$BIN/pt-select" once "${FILES[@]}" <"$SCRATCH/out" 2>/dev/null >"$SCRATCH/decisions"
	like "$1" "$(jq -r '.reason, .rejected[].why' "$SCRATCH/decisions")" "$2"
}

once
is "all well: exit 0" "$? $(cat "$SCRATCH/words")" "0 "
is "a record of each path, five probes" "$(jq -rs 'map(select(.type == "health") | [.path, .sent, .received] | join(" ")) | join(", ")' "$SCRATCH/out")" \
	"a-wan0 5 5, a-wan1 5 5, a-wan2 5 5"
is "targets are asked, too" "$(got reach a-wan2 '[.quorum, .answering, .targets[].sent] | @csv')" "2,2,1,1"
is "by a source of its own" "$(jq -r .src "$SCRATCH/out" | sort -u | grep -c '/pt-probe-once$')" 1

relay_set wan1 delay_us=70000
once
is "too slow: exit 1" $? 1
like "who, by which policy, and why" "$(cat "$SCRATCH/words")" \
	'^pt-probe: 1 of 3 paths are not in SLA: a-wan1 .default: rtt p95 14[0-9.]* ms over 100 ms for '
between "the figures" "$(got health a-wan1 .rtt_us.p50)" 140000 150000
agrees "pt-select says the same of the same records" 'a-wan1: rtt p95 14|rtt p95 14[0-9.]* ms over 100 ms'
once a-wan0 a-wan2
is "only those that are named" "$? $(jq -r 'select(.type == "health").path' "$SCRATCH/out" | xargs)" "0 a-wan0 a-wan2"
once a-wan0 b-wan0
is "another site's path: exit 2" $? 2
like "is named" "$(cat "$SCRATCH/words")" "^pt-probe: no path of site a is named b-wan0$"
sed -i 's/\(- { id: a-wan1, source.*\)preference/\1maintenance: true, preference/' "$NETWORK"
once
is "a path in maintenance is excused" "$? $(got health a-wan1 .sent)" "0 5"
relay_set wan1 delay_us=0

relay_set wan0:ab blackhole=1
once
is "no answer: exit 1" $? 1
like "and why" "$(cat "$SCRATCH/words")" 'a-wan0 .default: no answer to 5 probes in'
agrees "as pt-select" 'no answer to 5 probes'
relay_set wan0:ab blackhole=0
on eb ip addr add 10.9.2.77/24 dev wan2
sed -i 's/address: 10.9.2.2, port: 81/address: 10.9.2.78, port: 81/' "$NETWORK"
once
is "short of the quorum: exit 1" $? 1
like "and why" "$(cat "$SCRATCH/words")" 'a-wan2 .default: 1 target answers, 2 are needed,'
agrees "as pt-select" '1 target answers, 2 are needed'
sed -i 's/address: 10.9.2.78, port: 81/address: 10.9.2.77, port: 81/' "$NETWORK"
ip -n "$(ns ea)" link set wan0 down
once
is "no device: exit 1" $? 1
like "and why" "$(cat "$SCRATCH/words")" 'a-wan0 .default: unknown: no data yet .probes cannot leave: Network is (down|unreachable)'
ip -n "$(ns ea)" link set wan0 up

sed -i 's/^failover:/failover:\n  parallel_checks: false/' "$CONFIG"
once
is "one after the other" "$? $(jq -rs 'map(select(.type == "health").received) | join(" ")' "$SCRATCH/out")" "0 5 5 5"
sed -i 's/^health:/health:\n  probes_per_check: 1/' "$CONFIG"
once
is "at least three probes" "$? $(got health a-wan0 .sent)" "0 3"
# ---- paths that no probe of ours measures ----
PATH_MORE=("" "liveness: bfd, quality: none" "liveness: bfd, quality: none, targets: [{ probe: icmp, address: 10.9.2.2 }]")
write_config a interval_ms=20 sla='{ loss_ppm: 100000, rtt_ms: 100 }'
sed -i '/^failover:/i\  probe_timeout_ms: 300' "$CONFIG"
once
is "quality: none is no fault" "$? $(cat "$SCRATCH/words")" "0 "
is "no record where there is nothing to measure, of its target where it has one" \
	"$(jq -rs 'map(select(.type == "health") | [.path, .probe, .target, .received] | join(" ")) | join(", ")' "$SCRATCH/out")" \
	"a-wan0 stamp 10.9.0.2 5, a-wan2 icmp 10.9.2.2 1"
agrees "pt-select orders them as the policy does" 'a-wan0 is in SLA.*in SLA .not measured.; the policy.s order has it after a-wan0'
relay_set wan2:ab blackhole=1
once
is "its target is silent: exit 1" $? 1
like "and why" "$(cat "$SCRATCH/words")" '^pt-probe: 1 of 3 paths are not in SLA: a-wan2 .default: 0 targets answer, 1 is needed'
relay_set wan2:ab blackhole=0
once a-wan1
is "it alone: nothing to measure, nothing wrong" "$? $(cat "$SCRATCH/out" "$SCRATCH/words")" "0 "

if command -v script >/dev/null; then
	on ea script -qec "$BIN/pt-probe once --config $CONFIG --network $NETWORK" /dev/null </dev/null >"$SCRATCH/table" 2>&1
	like "a table on a terminal" "$(tr -d '\r' <"$SCRATCH/table")" 'path +sent +answered.*
a-wan0 +5 +5 .* in SLA .rtt p95 .*
a-wan1 +- .* in SLA .not measured.
a-wan2 +1 +1 +0.000 .* 1/1 of 1 +in SLA'
else
	skip "a table on a terminal" "no script(1)"
fi
done_testing
