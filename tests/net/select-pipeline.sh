#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pt-probe and pt-select end to end: what the relay does to a WAN against what is decided, as a pipe
# and as services, each with the capabilities of its own unit and no others.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
command -v setpriv >/dev/null || skip_all "no setpriv"

topo_up 3
write_config a interval_ms=10 check_ms=200 cooldown_s=2 \
	sla='{ loss_ppm: 20000, rtt_ms: 50, stale_secs: 3 }'
chmod 711 "$SCRATCH"
install -d "$SCRATCH/bin" "$SCRATCH/spool"
install "$BIN/pt-probe" "$BIN/pt-select" "$SCRATCH/bin"
FILES=(--config "$SCRATCH/a/config.yaml" --network "$SCRATCH/a/network.yaml")
SPOOL=$SCRATCH/spool
declare -A USERS=([reflect]=61001 [probe]=61002 [select]=61003)

# What the unit of a stage leaves to it.
as_unit() { # NODE NAME STAGE CMD...
	local node=$1 name=$2 stage=$3 caps
	shift 3
	caps=$(sed -n 's/^AmbientCapabilities=//p' "$TOP/etc/systemd/patronus-$stage.service")
	caps=${caps,,}
	caps=-all${caps:+,+${caps// /,+}}
	caps=${caps//cap_/}
	spawn_on "$node" "$name" setpriv --reuid "${USERS[$stage]}" --regid "${USERS[$stage]}" \
		--clear-groups --no-new-privs --inh-caps "$caps" --ambient-caps "$caps" \
		--bounding-set "$caps" "$@"
}
reflector_up() { on eb ss -Hlun | grep -q ":862 "; }
decided() { grep '"type":"decision"' "$1"; } # FILE
first() { decided "$1" | tail -n 1 | jq -r '.paths[0]'; } # FILE
first_is() { [[ $(first "$1") = "$2" ]]; }
reason() { decided "$1" | tail -n 1 | jq -r .reason; }
ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
told() { grep -q "$2" "$SCRATCH/$1.err"; }

for stage in probe select; do
	install -d -o "${USERS[$stage]}" "$SPOOL/$stage"
done
install -d "$SPOOL/failover"
as_unit eb reflect reflect "$SCRATCH/bin/pt-probe" reflect
wait_until 5 reflector_up || bail "reflect: $(cat "$SCRATCH/reflect.err")"

# ---- as services ----
start_probe() { as_unit ea probe probe "$SCRATCH/bin/pt-probe" watch "${FILES[@]}" --spool "$SPOOL/probe"; }
start_select() {
	as_unit ea select select "$SCRATCH/bin/pt-select" watch "${FILES[@]}" \
		--from "$SPOOL/probe" "$SPOOL/failover" --spool "$SPOOL/select"
}
OUT=$SPOOL/select/00000000000000000001.ndjson
start_probe
start_select
check "with its unit's capabilities alone every stage works" wait_until 10 first_is "$OUT" a-wan0
for stage in probe reflect; do
	like "$stage runs before ordinary processes" "$(chrt -p "${PIDS[$stage]}")" SCHED_FIFO
done
is "nobody complains" "$(cat "$SCRATCH"/{reflect,probe,select}.err)" ""
is "the first decision has all paths" "$(jq -c .paths "$OUT")" '["a-wan0","a-wan1","a-wan2"]'
relay_set wan0 loss_ppm=200000
start=$(ms)
check "loss beyond the SLA moves the first place" wait_until 5 first_is "$OUT" a-wan1
between "within the short window and a round, in ms" $(($(ms) - start)) 1 1600
like "and says so" "$(reason "$OUT")" '^a-wan0: loss [0-9]+ ppm over 20000 ppm for [0-9.]+ s; a-wan1 is in SLA \(rtt p95 .* of 50 ms\)$'

slay select
start_select
relay_set wan0 loss_ppm=0
start=$(ms)
check "heals, and comes back" wait_until 15 first_is "$OUT" a-wan0
between "after the long window and the cooldown, in ms" $(($(ms) - start)) 2000 8000
between "SIGKILL and restart have decided nothing of their own" \
	"$(jq -r 'select(.paths[0] == "a-wan1") | .reason' "$OUT" | grep -c '^first decision')" 0 0

relay_set wan0 delay_us=40000
check "delay beyond the SLA moves it too" wait_until 5 first_is "$OUT" a-wan1
like "and says so" "$(reason "$OUT")" '^a-wan0: rtt p95 [0-9.]+ ms over 50 ms'
relay_set wan0 delay_us=0
check "and back" wait_until 15 first_is "$OUT" a-wan0

before=$(decided "$OUT" | wc -l)
slay probe
check "a dead prober is noticed" wait_until 10 told select "no fresh health records"
is "and moves nothing" "$(decided "$OUT" | wc -l)" "$before"
like "explain tells" "$("$BIN/pt-select" explain "${FILES[@]}" b default "$SPOOL"/{probe,failover,select})" \
	'1  a-wan0 +stale .*stale: no record for'
reap select
is "SIGTERM ends it with exit 0" $? 0

# ---- as a pipe ----
# shellcheck disable=SC2016 # the inner shell expands
spawn_on ea pipe bash -c '"$0/pt-probe" watch "$@" | "$0/pt-select" watch "$@"' "$BIN" "${FILES[@]}"
check "a pipe decides as well" wait_until 10 first_is "$SCRATCH/pipe.out" a-wan0
relay_set wan0 blackhole=1
check "a black hole is out of SLA" wait_until 5 first_is "$SCRATCH/pipe.out" a-wan1
like "and says so" "$(reason "$SCRATCH/pipe.out")" '^a-wan0: (loss [0-9]+ ppm over|no answer to)'
done_testing
