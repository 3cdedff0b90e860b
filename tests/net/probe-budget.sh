#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# health.budget_*: what leaves stays below the cap, on all paths alike; the line and the record that
# tell; the kernel's watchdog waits as long. health.cpu: the processor.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"

topo_up 2
edge_reflect b
write_config a interval_ms=10 check_ms=1000
CONFIG=$SCRATCH/a/config.yaml NETWORK=$SCRATCH/a/network.yaml
plain=$(cat "$CONFIG")
settings() { # LINES of health
	cp <(echo "$plain") "$CONFIG"
	echo "metrics: { export_interval_secs: 1 }" >>"$CONFIG"
	for line in "$@"; do sed -i "s/^health:/health:\n  $line/" "$CONFIG"; done
}
watch() { spawn_on ea "$1" "$BIN/pt-probe" watch --config "$CONFIG" --network "$NETWORK"; } # NAME
written() { jq -c "select(.type == \"$2\")" "$SCRATCH/$1.out"; }                            # NAME TYPE
at_least() { (($(written "$1" health | wc -l) >= $2)); }
sent() { written "$1" health | jq -s 'group_by(.path) | map(.[1].sent) | join(" ")' -r; } # of second records

settings "budget_pps: 50"
watch pps
wait_until 8 at_least pps 4
reap pps
read -r one two < <(sent pps)
between "50 a second for two paths: 25 each" "$one" 23 27
between "and the other as many" "$two" 23 27
is "one line says so" "$(cat "$SCRATCH/pps.err")" \
	"pt-probe: 2 paths probed every 10.0 ms need 200 packets/s, health.budget_pps allows 50: each is probed every 40.0 ms, and found dead after 120.0 ms"
is "and each stats record" "$(written pps stats | jq -c '[.wanted_period_us, .period_us]' | sort -u)" "[10000,40000]"

# 848 bits a probe on the wire: 1% of 4.24 Mbit/s is 50 probes a second.
sed -i 's/\({ id: a-wan1, site: a, device: wan1\)/\1, rate_bps: 4240000/' "$NETWORK"
settings "budget_percent: 1"
watch share
wait_until 8 at_least share 4
read -r one two < <(sent share)
between "a share of the thin uplink stretches its path" "$two" 47 52
between "and the other alike" "$one" 47 52
like "the line names the uplink" "$(cat "$SCRATCH/share.err")" \
	'bit/s of uplink a-wan1, health.budget_percent allows 42400: each is probed every 20.0 ms'
settings
signal share HUP
n=$(written share health | wc -l)
wait_until 8 at_least share $((n + 6))
reap share
between "without the key all is as asked for" "$(written share health | tail -n 1 | jq .sent)" 95 101

# The kernel's watchdog: a path that goes silent under a budget is found dead later, not sooner.
settings "budget_pps: 50"
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
edge_start a
silence() { # of the newest fall of a-wan0, us
	records_of a-wan0 down | tail -n 1 | jq .silence_us
}
records_of() { jq -c "select(.type == \"transition\" and .path == \"$1\" and .to == \"$2\")" <(records a failover); }
fell() { (($(records_of a-wan0 down | wc -l) >= $1)); }
check "both paths are up on slow probes" wait_until 10 all_up a
relay_set wan0 blackhole=1
check "a silent one is found dead" wait_until 5 path_is a a-wan0 down
is "and not the other" "$(status a '.paths[] | select(.path == "a-wan1") | .status')" up
relay_set wan0 blackhole=0
wait_until 10 path_is a a-wan0 up
wait_until 10 fell 1
between "after three of the stretched intervals, us" "$(silence)" 120000 390000
sed -i 's/detection_threshold: 3/detection_threshold: 10/' "$CONFIG"
sed -i '/id: a-wan1, source/s/id: a-wan1,/& maintenance: true,/' "$NETWORK"
signal failover-a HUP
wait_until 5 path_is a a-wan1 maintenance || note "not read again: $(cat "$SCRATCH/failover-a.err")"
relay_set wan0 blackhole=1
wait_until 10 fell 2
between "detection_threshold: dead after ten of the stretched intervals, us" "$(silence)" 400000 700000
relay_set wan0 blackhole=0

settings "cpu: 0"
watch cpu
wait_until 8 at_least cpu 1
like "health.cpu keeps it to that processor" "$(taskset -p "${PIDS[cpu]}")" ': 1$'
settings
signal cpu HUP
not_kept() { [[ $(taskset -p "${PIDS[cpu]}") != *": 1" ]]; }
if (($(nproc) > 1)); then
	check "without it, to none" wait_until 3 not_kept
else
	skip "without it, to none" "one processor"
fi
reap cpu
settings "cpu: 1000"
watch nowhere
wait_until 8 at_least nowhere 1
reap nowhere
is "a processor that is not there is one line" "$(cat "$SCRATCH/nowhere.err")" \
	"pt-probe: health.cpu: cannot keep to processor 1000: Invalid argument"
done_testing
