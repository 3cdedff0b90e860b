#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# detach leaves nothing: links, qdiscs, programs, rules, routes, nexthops, sysctls and pins are as
# before attach, whatever happened in between; and attach survives being said twice.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
WAN_NAMES=(fibre lte satellite)
topo_up 3
write_config a
write_config b
answered() { on ha ping -qc1 -W1 10.2.0.2 >/dev/null && on ha ping -qc1 -W1 fd00:2::2 >/dev/null; }
wait_until 5 answered
snapshot a >"$SCRATCH/before"
unchanged() { # NAME
	snapshot a >"$SCRATCH/after"
	if diff -u "$SCRATCH/before" "$SCRATCH/after" >"$SCRATCH/diff"; then
		ok "$1"
	else
		not_ok "$1" "$(cat "$SCRATCH/diff")"
	fi
}
changed() { ! snapshot a | diff -q "$SCRATCH/before" - >/dev/null; }
unchanged "two dumps without anything between are equal"

for hook in tcx clsact; do
	if ! edge_attach a --hook "$hook" && grep -q 'no TCX in this kernel' "$SCRATCH/a/attach.err"; then
		skip "$hook" "no TCX in this kernel"
		continue
	fi
	check "$hook: attach" edge_attach a --hook "$hook"
	check "$hook: the dumps see it" changed
	check "$hook: traffic passes" answered
	between "$hook: steered" "$(counter a steered)" 2 100
	check "$hook: detach" edge_detach a
	unchanged "$hook: attach, detach"
	check "$hook: traffic passes by the kernel's routes" answered
done

check "attach" edge_attach a
check "attach again" edge_attach a
check "b attached" edge_attach b
edge_start a
edge_start b
wait_until 10 all_up a || not_ok "paths come up" "$(status a)"
sever fibre
check "the path goes down" wait_until 3 path_is a a-fibre down
heal fibre
for s in a b; do
	edge_stop $s
	is "services of edge $s end well when asked" "$BADLY" ""
done
check "detach after work" edge_detach a
unchanged "attach twice, work, a cut, detach"
check "traffic passes by the kernel's routes" answered

check "attach" edge_attach a
spawn failover-a "$BIN/pt-failover" watch --netns "$(ns ea)" --pin-dir "$(pin_dir a)" \
	--config "$SCRATCH/a/config.yaml" --network "$SCRATCH/a/network.yaml"
hold 0.5
slay failover-a
check "detach after a killed daemon" edge_detach a
unchanged "attach, SIGKILL, detach"

# Without pt_hook nobody knows what was attached where.
sed -i 's/id: a, lan/id: a, transit: true, lan/' "$SCRATCH/a/network.yaml"
check "attach a hub by filters" edge_attach a --hook clsact
like "the hub's own is one of them" "$(on ea tc filter show dev wan0 ingress)" pt_onward
rm "$(pin_dir a)/pt_hook"
check "detach a plane that lost a map" edge_detach a
for dir in ingress egress; do
	for device in lan0 wan0 wan1 wan2; do
		is "no filter left: $device $dir" "$(on ea tc filter show dev $device $dir)" ""
	done
done
for device in lan0 wan0 wan1 wan2; do on ea tc qdisc del dev $device clsact 2>/dev/null; done

check "attach" edge_attach a
wan_delete a 2
check "detach with a device gone" edge_detach a
wan_up a 2
is "no pin left" "$(find "$(pin_dir a)" 2>/dev/null)" ""
is "no rule of ours left" "$(ip -n "$(ns ea)" rule show | wc -l) $(ip -n "$(ns ea)" -6 rule show | wc -l)" "3 2"
done_testing
