#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Sites that can leave by the same ways share a nexthop object: a decision that moves 500 of them is
# one message for each family. A site that goes another way gets an object of its own, and comes back.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
SITES=500 # besides b
WAN_NAMES=(fibre lte)
topo_up 2

more() { # the further sites and their paths, into network.yaml
	local i n
	for ((i = 0; i < SITES; i++)); do
		echo "  - { id: s$i, prefixes: [10.$((100 + i / 256)).$((i % 256)).0/24, 'fd00:$((1000 + i))::/48'] }"
	done >"$SCRATCH/sites"
	for ((i = 0; i < SITES; i++)); do
		for n in 0 1; do
			echo "  - { id: s$i-$n, source: a, dest: s$i, uplink: a-${WAN_NAMES[n]}, preference: $((100 - n)), next_hop: 10.9.$n.2, next_hop6: 'fd00:9:$n::2', target: 10.9.$n.2 }"
		done
	done >"$SCRATCH/paths"
	sed -i -e "/^sites:/r $SCRATCH/sites" -e "/^paths:/r $SCRATCH/paths" "$SCRATCH/a/network.yaml"
}
decide() { # FIRST SECOND SITE-NUMBER...: one line a site, all at once
	local i stamp
	stamp=$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)
	for i in "${@:3}"; do
		SEQ=$((SEQ + 1))
		printf '{"type":"decision","v":1,"ts":"%s","mono_ns":1,"boot":"b","src":"t/pt-select","seq":%d,"site":"s%d","policy":"default","paths":["s%d-%d","s%d-%d"],"previous":[],"reason":"test","rejected":[]}\n' \
			"$stamp" $SEQ "$i" "$i" "$1" "$i" "$2"
	done >&3
}
SEQ=0
objects() { ip -n "$(ns ea)" nexthop show proto 112 | wc -l; }
objects_are() { (($(objects) == $1)); }
via() { ip -n "$(ns ea)" route get "$1" 2>/dev/null | grep -o 'dev [a-z0-9]*'; }
goes_by() { [[ $(via "$1") = "dev $2" ]]; }
told() { grep -c 'proto 112' "$SCRATCH/monitor.out"; } # nexthop messages

write_config a
more
check "attach" edge_attach a
is "routes" "$(ip -n "$(ns ea)" route show proto 112 | grep -c nhid)" $((SITES + 1))
is "two objects for $((SITES + 1)) sites" "$(objects)" 2
mkfifo "$SCRATCH/in"
exec 3<>"$SCRATCH/in"
"$BIN/pt-failover" watch --netns "$(ns ea)" --pin-dir "$(pin_dir a)" --config "$SCRATCH/a/config.yaml" \
	--network "$SCRATCH/a/network.yaml" <"$SCRATCH/in" >"$SCRATCH/failover-a.out" \
	2>"$SCRATCH/failover-a.err" &
PIDS[failover-a]=$!
spawn_on ea monitor stdbuf -oL ip monitor nexthop
hold 0.5
check "watch runs" kill -0 "${PIDS[failover-a]}"

# All but b: their own object would be b's, which shares it.
decide 1 0 $(seq 0 $((SITES - 1)))
check "500 sites decided to go by the other path" wait_until 3 goes_by 10.101.3.4 wan1
check "IPv6, too" wait_until 1 goes_by fd00:1000::1 wan1
check "b stays, with an object of its own" wait_until 1 goes_by 10.2.0.9 wan0
check "for each family" wait_until 2 objects_are 4
between "messages" "$(told)" 2 8

decide 0 1 7
check "one of them goes back" wait_until 2 goes_by 10.100.7.1 wan0
hold 0.2
is "the others do not" "$(via 10.100.8.1) $(via 10.101.200.1)" "dev wan1 dev wan1"
decide 0 1 $(seq 0 $((SITES - 1)))
check "all back" wait_until 3 goes_by 10.101.3.4 wan0
check "with two objects again" wait_until 2 objects_are 2
reap failover-a
check "detach" edge_detach a
is "nothing is left" "$(objects) $(ip -n "$(ns ea)" route show table all proto 112 | wc -l)" "0 0"
done_testing
