#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# What a LAN or a WAN device may be: several devices, a bridge, a VLAN device on either side, a bond.
# Real connections through each, both ways, and all of it steered.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte)
topo_up 2
ea=$(ns ea) eb=$(ns eb)

host() { # NAME NUMBER DEVICE: a host behind edge a's DEVICE, in network 10.1.NUMBER.0/24
	must ip -n "$(ns "$1")" -batch - <<-END
		addr add 10.1.$2.2/24 dev $3
		addr add fd00:1:0:$2::2/64 dev $3 nodad
		link set $3 up
		route add default via 10.1.$2.1
		route add default via fd00:1:0:$2::1
	END
}
edge_lan() { # DEVICE NUMBER
	must ip -n "$ea" addr add 10.1."$2".1/24 dev "$1"
	must ip -n "$ea" addr add fd00:1:0:"$2"::1/64 dev "$1" nodad
	must ip -n "$ea" link set "$1" up
}
# add NODE ARGS...: a device of a kind that this kernel may not have.
add() { ip -n "$(ns "$1")" link add "${@:2}" 2>/dev/null; }

# A second device; a bridge with two ports.
for node in h1 h2 h3 h4 h5; do node_up $node; done
veth ea lan1 02:00:00:00:11:01 h1 eth0 02:00:00:00:11:02
edge_lan lan1 11
host h1 11 eth0
must add ea br0 type bridge
for i in 2 3; do
	veth ea port$i 02:00:00:00:1$i:01 h$i eth0 02:00:00:00:1$i:02
	must ip -n "$ea" link set port$i master br0 up
done
edge_lan br0 12
host h2 12 eth0
must ip -n "$(ns h3)" addr add 10.1.12.3/24 dev eth0
must ip -n "$(ns h3)" link set eth0 up
must ip -n "$(ns h3)" route add default via 10.1.12.1
lans="lan0, lan1, br0" nodes=(h1:11 h2:12)

# A VLAN device on the LAN, and one as WAN; a bond of two devices as LAN.
veth ea trunk 02:00:00:00:14:01 h4 eth0 02:00:00:00:14:02
veth ea wtrunk 02:00:00:00:20:01 eb wtrunk 02:00:00:00:20:02
vlans=no
if add ea link trunk name trunk.7 type vlan id 7; then
	vlans=yes
	for n in ea:trunk h4:eth0 ea:wtrunk eb:wtrunk; do
		must ip -n "$(ns "${n%:*}")" link set "${n#*:}" up
	done
	must add h4 link eth0 name eth0.7 type vlan id 7
	edge_lan trunk.7 14
	host h4 14 eth0.7
	must add ea link wtrunk name wtrunk.9 type vlan id 9
	must add eb link wtrunk name wtrunk.9 type vlan id 9
	for s in a b; do
		must ip -n "$(ns e$s)" addr add 10.9.9."$(site_of $s)"/24 dev wtrunk.9
		must ip -n "$(ns e$s)" addr add fd00:9:9::"$(site_of $s)"/64 dev wtrunk.9 nodad
		must ip -n "$(ns e$s)" link set wtrunk.9 up
	done
	lans+=", trunk.7" nodes+=(h4:14)
fi
bonds=no
if add ea bond0 type bond mode active-backup miimon 100 && add h5 bond0 type bond mode active-backup miimon 100; then
	bonds=yes
	for i in 0 1; do
		veth ea slave$i 02:00:00:00:15:0$i h5 eth$i 02:00:00:00:15:1$i
		must ip -n "$ea" link set slave$i master bond0
		must ip -n "$(ns h5)" link set eth$i master bond0
	done
	edge_lan bond0 15
	host h5 15 bond0
	lans+=", bond0" nodes+=(h5:15)
fi

for s in a b; do
	write_config $s cooldown_s=1
	sed -i "s|id: a, lan: \[lan0\], prefixes: .* }|id: a, lan: [$lans], prefixes: [10.1.0.0/16, 'fd00:1::/48'] }|" \
		"$SCRATCH/$s/network.yaml"
	if [[ $vlans = yes ]]; then
		far=$(site_of "$(peer_of $s)")
		sed -i -e "/^paths:/i\\
  - { id: $s-vlan, site: $s, device: wtrunk.9 }" -e "/^policies:/i\\
  - { id: $s-vlan, source: $s, dest: $(peer_of $s), uplink: $s-vlan, preference: 50,\\
      next_hop: 10.9.9.$far, next_hop6: 'fd00:9:9::$far', target: 10.9.9.$far }" \
			"$SCRATCH/$s/network.yaml"
	fi
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	edge_start $s
done
for s in a b; do wait_until 10 all_up $s || bail "edge $s: $(status $s)"; done

tx() { status "$1" ".paths[] | select(.path == \"$2\") | .tx_packets"; }
transfers() { # FROM TO SRC DST
	"$TRANSFER" --from-netns "$(ns "$1")" --to-netns "$(ns "$2")" --src "$3" --dst "$4" \
		--port 5001 --bytes 20000000 >"$SCRATCH/transfer.out" 2>&1
}
# 20 MB each way; each edge sends most of that by its path, in packets or in larger pieces of them.
connects() { # NAME NODE NUMBER PATH
	local v4=10.1.$3.2 v6=fd00:1:0:$3::2 before
	on "$2" ping -q -c 1 -W 1 10.2.0.2 >/dev/null
	before=$(tx a "a-$4")
	check "$1: out" transfers "$2" hb "$v4" 10.2.0.2
	check "$1: out, IPv6" transfers "$2" hb "$v6" fd00:2::2
	between "$1: steered" $(($(tx a "a-$4") - before)) 25000 100000
	before=$(tx b "b-$4")
	check "$1: in" transfers hb "$2" 10.2.0.2 "$v4"
	between "$1: steered on the far edge" $(($(tx b "b-$4") - before)) 12000 100000
}
for n in "${nodes[@]}"; do
	case ${n#*:} in
	11) connects "a second device" "${n%:*}" "${n#*:}" fibre ;;
	12) connects "a bridge" "${n%:*}" "${n#*:}" fibre ;;
	14) connects "a VLAN device" "${n%:*}" "${n#*:}" fibre ;;
	15) connects "a bond" "${n%:*}" "${n#*:}" fibre ;;
	esac
done
steered=$(counter a steered)
meets() { on "$1" ping -q -c 3 -i 0.05 -W 1 10.1.12.3 >/dev/null; }
check "hosts of one bridge meet there" meets h2
check "devices of one edge meet in the kernel" meets h1
is "neither is steered" "$(counter a steered)" "$steered"

if [[ $vlans = yes ]]; then
	for s in a b; do "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir $s)" $s-vlan; done
	connects "a VLAN device as WAN" h1 11 vlan
	must ip -n "$eb" link set wtrunk down
	check "whose parent's carrier is its own" wait_until 3 path_is a a-vlan down
else
	skip "VLAN devices on the LAN and as WAN" "no VLAN devices in this kernel"
fi
[[ $bonds = yes ]] || skip "a bond" "no bonding in this kernel"
done_testing
