#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# One WAN speaks IPv4 alone, the other IPv6 alone, probes included: each family takes the WAN that
# can carry it, and what no WAN can carry goes by the kernel's routes instead of getting lost.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte)
topo_up 2
kernel_routes 1
for s in a b; do
	write_config $s cooldown_s=1
	far=$(site_of "$(peer_of $s)")
	sed -i -e "s/ next_hop6: 'fd00:9:0::.',//; s/next_hop: 10.9.1.., //" \
		-e "s/target: 10.9.1.$far/target: 'fd00:9:1::$far'/" "$SCRATCH/$s/network.yaml"
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	edge_start $s
done
for s in a b; do
	check "edge $s: both paths come up, probed over IPv4 and IPv6" wait_until 10 all_up $s
done
tx() { status a ".paths[] | select(.path == \"$1\") | .tx_packets"; }
pings() { on ha ping -q -c 10 -i 0.05 -W 1 "$1" 2>&1; }
reaches() { on ha ping -q -c 1 -W 1 "$1" >/dev/null; }
# Hosts' devices and neighbours may take their time on a busy machine.
for host in 10.2.0.2 fd00:2::2; do
	check "$host answers" wait_until 5 reaches $host
done

fibre=$(tx a-fibre) lte=$(tx a-lte)
like "IPv4 arrives" "$(pings 10.2.0.2)" ' 0% packet loss'
is "by the WAN that speaks it" "$(($(tx a-fibre) - fibre)) $(($(tx a-lte) - lte))" "10 0"
fibre=$(tx a-fibre) lte=$(tx a-lte)
like "IPv6 arrives" "$(pings fd00:2::2)" ' 0% packet loss'
is "by the other" "$(($(tx a-fibre) - fibre)) $(($(tx a-lte) - lte))" "0 10"

sever lte
for s in a b; do
	check "edge $s: the watchdog judges by IPv6 probes" wait_until 3 path_is $s $s-lte down
	check "edge $s: IPv4 stays" path_is $s $s-fibre up
done
heal lte
for s in a b; do
	check "edge $s: and up again" wait_until 5 path_is $s $s-lte up
done

pass=$(counter a passed_no_device)
for s in a b; do
	edge_stop $s
	sed -i "s/ next_hop6: 'fd00:9:1::.',/ next_hop: 10.9.1.$(site_of "$(peer_of $s)"),/" \
		"$SCRATCH/$s/network.yaml"
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
done
like "IPv6 without any WAN for it goes by the kernel's routes" "$(pings fd00:2::2)" ' 0% packet loss'
is "and is counted as such" $(($(counter a passed_no_device) - pass)) 10
done_testing
