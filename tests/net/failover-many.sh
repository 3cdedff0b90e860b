#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Edge a reaches 500 sites (PT_LONG: 4,000), each by fibre and by lte. Fibre loses its carrier: one
# store moves all of them, told as one switch. It swallows everything: every path falls by its own
# probes, whether or not the kernel has room for its timer, and the daemon neither loses one of them
# nor takes long over them.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
SITES=500 INTERVAL_MS=1000
[[ -z ${PT_LONG:-} ]] || SITES=4000 INTERVAL_MS=2000
WAN_NAMES=(fibre lte)
topo_up 2 42
kernel_routes 1 # edge b has no Patronus: users' answers come by lte

prefix() { echo "172.$((16 + $1 / 256)).$(($1 % 256)).$2"; } # SITE REST
network() {
	local i w
	echo "sites:"
	echo "  - { id: a, lan: [lan0], prefixes: [10.1.0.0/24] }"
	for ((i = 0; i < SITES; i++)); do
		echo "  - { id: c$i, lan: [lan0], prefixes: [172.$((16 + i / 256)).$((i % 256)).0/24] }"
	done
	echo "uplinks:"
	for w in 0 1; do echo "  - { id: ${WAN_NAMES[w]}, site: a, device: wan$w }"; done
	echo "paths:"
	for w in 0 1; do
		for ((i = 0; i < SITES; i++)); do
			echo "  - { id: ${WAN_NAMES[w]}-c$i, source: a, dest: c$i, uplink: ${WAN_NAMES[w]}, preference: $((9 - w)), next_hop: 10.9.$w.2, target: 10.9.$w.2 }"
		done
	done
	echo "policies:"
	echo "  - { id: default, priority: 100, strategy: ordered, sla: {} }"
}
write_config a interval_ms=$INTERVAL_MS threshold=2 cooldown_s=1 check_ms=10000
network >"$SCRATCH/a/network.yaml"
must ip -n "$(ns eb)" route add 172.16.0.0/12 via 10.2.0.2
must ip -n "$(ns hb)" route add local 172.16.0.0/12 dev lo # every host of every site
edge_reflect b
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
mkdir -p "$SCRATCH/a/spool/probe" "$SCRATCH/a/spool/select" "$SCRATCH/a/spool/failover"
for name in probe failover; do service_start a $name; done

all_use() { [[ $(status a "[.groups[] | select(.uses | startswith(\"$1\"))] | length") = "$SITES" ]]; }
reaches() { # users of some sites
	local i
	for i in 0 17 255 256 $((SITES - 1)); do
		on ha ping -q -c 1 -W 5 "$(prefix "$i" 2)" >/dev/null || return 1
	done
}
told() { # JQ, of what was told after SINCE ns
	records a failover | jq -s --argjson t "$SINCE" "$1" | tr -d '"'
}
now_ns() { echo $(($(tr -d . </proc/uptime | cut -d' ' -f1) * 10000000)); }
cpu_us() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000000 / hz }' "/proc/${PIDS[failover-a]}/stat"; }
answered() { [[ $(status a '[.paths[] | select(.status == "up")] | length') = $((2 * SITES)) ]]; }
check "$((2 * SITES)) paths are answered" wait_until 30 answered
check "all sites by fibre" wait_until 10 all_use fibre
check "users of several sites arrive" reaches

SINCE=$(now_ns)
carrier 0 down
check "no carrier: all sites by lte" wait_until 20 all_use lte
check "no carrier: users arrive" wait_until 20 reaches
# shellcheck disable=SC2016 # jq's
switches='[.[] | select(.type == "switch" and .sites > 0 and .committed_ns > $t)]'
told_of() { [[ $(told "$switches | map(select(.cause == \"$1\").sites) | add") = "$SITES" ]]; } # CAUSE
check "no carrier: all of them are told" wait_until 20 told_of carrier
is "no carrier: as one switch, by the carrier" "$(told "$switches | map(.cause) | join(\" \")")" carrier
SINCE=$(now_ns)
carrier 0 up
check "the carrier is back: all sites by fibre" wait_until 20 all_use fibre
check "all paths are answered again" wait_until 30 answered

check "the way back is told" wait_until 30 told_of recovered
SINCE=$(now_ns) CPU_US=$(cpu_us)
sever fibre
check "silent cut: all sites by lte" wait_until 30 all_use lte
check "silent cut: users arrive" wait_until 20 reaches
# shellcheck disable=SC2016 # jq's
fallen='[.[] | select(.type == "transition" and .to == "down" and .mono_ns > $t)]'
all_fell() { [[ $(told "$fallen | map(.path) | unique | length") = "$SITES" ]]; }
check "silent cut: every path's fall is told" wait_until 20 all_fell
is "silent cut: once" "$(told "$fallen | length")" $SITES
is "silent cut: of fibre alone" "$(told "$fallen | map(.path) | map(select(startswith(\"lte\"))) | length")" 0
check "silent cut: all sites are told" wait_until 20 told_of timeout
# Of each path two probes have to be overdue: the later of them leaves one to two intervals after the
# cut. Without a timer the third one tells.
# shellcheck disable=SC2016 # jq's
read -r first last <<<"$(told '[.[] | select(.type == "switch" and .detected_ns > $t) | .detected_ns] |
	"\(min) \(max)"')"
between "silent cut: until the first path falls, ms" $(((first - CUT_NS) / 1000000)) $((INTERVAL_MS * 9 / 10)) $((3 * INTERVAL_MS))
between "silent cut: until the last one, ms" $(((last - CUT_NS) / 1000000)) $INTERVAL_MS $((4 * INTERVAL_MS + 1000))
between "silent cut: pt-failover's work for each, us" $((($(cpu_us) - CPU_US) / SITES)) 0 500
is "no event was lost" "$(counter a event_lost)" 0

heal fibre
CPU_US=$(cpu_us)
check "healed: all sites by fibre" wait_until 60 all_use fibre
between "healed: pt-failover's work for each, us" $((($(cpu_us) - CPU_US) / SITES)) 0 500
done_testing
