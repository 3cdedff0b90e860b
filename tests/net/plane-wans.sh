#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# What a path's device may be: a bridge, a VLAN device, a bond, a WireGuard tunnel, PPP. Real
# connections of both families each way, by redirect and through the kernel; the path's MTU; a cut
# that nobody tells of, and one that the device tells of; devices that come back.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
type -P nft >/dev/null || skip_all "needs nft"
umask 077 # keys
BYTES=3000000
WAN_NAMES=(fibre lte)
topo_up 2
declare -A number=([bridge]=71 [vlan]=72 [bond]=73 [wg]=74 [ppp]=75)
declare -A device=([bridge]=br0 [vlan]=trunk.9 [bond]=bond0 [wg]=wg0 [ppp]=ppp7)

add() { ip -n "$(ns "$1")" link add "${@:2}" 2>/dev/null; } # NODE ARGS: of a kind that may be missing
up() { must ip -n "$(ns "e$1")" link set "$2" up; } # SIDE DEVICE
wire() { # A's-DEVICE B's-DEVICE: between the edges
	veth ea "$1" "02:00:00:07:01:$((NEXT_INDEX % 90 + 10))" eb "$2" "02:00:00:07:02:$((NEXT_INDEX % 90 + 10))"
}
addresses() { # SIDE KIND
	local s n=${number[$2]}
	s=$(site_of "$1")
	must ip -n "$(ns "e$1")" addr add "10.9.$n.$s/24" dev "${device[$2]}"
	must ip -n "$(ns "e$1")" addr add "fd00:9:$n::$s/64" dev "${device[$2]}" nodad
}

bridge_up() {
	local s
	wire port0 port0
	for s in a b; do
		add "e$s" br0 type bridge || return
		must ip -n "$(ns "e$s")" link set port0 master br0
		up "$s" port0
	done
}
vlan_up() {
	local s
	wire trunk trunk
	for s in a b; do
		add "e$s" link trunk name trunk.9 type vlan id 9 || return
		up "$s" trunk
	done
}
bond_up() {
	local s i
	for i in 0 1; do wire "slave$i" "slave$i"; done
	for s in a b; do
		add "e$s" bond0 type bond mode active-backup miimon 50 || return
		for i in 0 1; do must ip -n "$(ns "e$s")" link set "slave$i" master bond0; done
	done
}
wg_one() { # SIDE: over the WAN fibre
	local s far
	s=$(site_of "$1") far=$(site_of "$(peer_of "$1")")
	add "e$1" wg0 type wireguard || return
	must on "e$1" wg set wg0 listen-port 51820 private-key "$SCRATCH/key-$1" \
		peer "$(wg pubkey <"$SCRATCH/key-$(peer_of "$1")")" \
		allowed-ips 0.0.0.0/0,::/0 endpoint "10.9.0.$far:51820"
	must ip -n "$(ns "e$1")" link set wg0 mtu 1420
}
wg_up() {
	local s
	type -P wg >/dev/null || return
	for s in a b; do wg genkey >"$SCRATCH/key-$s"; done
	for s in a b; do wg_one "$s" || return; done
}
ppp_there() { ip -n "$(ns ea)" link show ppp7 up >/dev/null 2>&1 && ip -n "$(ns eb)" link show ppp7 up >/dev/null 2>&1; }
# shellcheck disable=SC2016 # the inner shell expands
# pppd in each edge, the line between them two fifos.
ppp_one() { # SIDE IN OUT
	local s far
	s=$(site_of "$1") far=$(site_of "$(peer_of "$1")")
	spawn_on "e$1" "ppp-$1" sh -c 'exec pppd notty nodetach local noauth nodefaultroute \
		noipdefault noccp nobsdcomp nodeflate novj mtu 1400 mru 1400 ifname ppp7 ipcp-accept-local debug logfd 2 \
		lcp-echo-interval 0 "$1" <>"$2" 1<>"$3"' sh "10.9.75.$s:10.9.75.$far" "$SCRATCH/$2" "$SCRATCH/$3"
}
ppp_dial() {
	rm -f "$SCRATCH"/line?
	mkfifo "$SCRATCH/line1" "$SCRATCH/line2"
	ppp_one a line1 line2
	ppp_one b line2 line1
	wait_until 10 ppp_there
}
ppp_up() {
	[[ -c /dev/ppp ]] && type -P pppd >/dev/null || return
	ppp_dial || bail "ppp: $(cat "$SCRATCH"/ppp-?.{out,err})"
}

why_not() {
	case $1 in
	bridge) echo "no bridge in this kernel" ;;
	vlan) echo "no 8021q in this kernel" ;;
	bond) echo "no bonding in this kernel" ;;
	wg) echo "no wireguard in this kernel, or no wg(8)" ;;
	ppp) echo "no ppp in this kernel, or no pppd(8)" ;;
	esac
}
kinds=()
for kind in bridge vlan bond wg ppp; do
	${kind}_up || { skip "$kind as WAN" "$(why_not $kind)"; continue; }
	kinds+=("$kind")
	for s in a b; do
		[[ $kind = ppp ]] || addresses $s $kind
		up "$s" "${device[$kind]}"
	done
done
for s in a b; do
	write_config $s cooldown_s=1 interval_ms=50 threshold=6
	far=$(site_of "$(peer_of $s)")
	for kind in "${kinds[@]}"; do
		n=${number[$kind]} more=
		case $kind in
		wg) under=", underlay: $s-fibre" ;;
		ppp) under='' ;;
		*) under='' more=" next_hop: 10.9.$n.$far, next_hop6: 'fd00:9:$n::$far'," ;;
		esac
		sed -i -e "/^paths:/i\\
  - { id: $s-$kind, site: $s, device: ${device[$kind]}$under }" -e "/^policies:/i\\
  - { id: $s-$kind, source: $s, dest: $(peer_of $s), uplink: $s-$kind, preference: 50,$more\\
      target: 10.9.$n.$far }" "$SCRATCH/$s/network.yaml"
	done
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	edge_start $s
done
for s in a b; do
	wait_until 15 all_up $s || bail "edge $s: $(status $s)"
	reap select-$s # from here on the order is what this script says
done

# The last place of all these is by order; by hand they are the first.
takes() { # PATH-WITHOUT-SIDE
	local s
	for s in a b; do
		path_is "$s" "$s-$1" up && "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir "$s")" "$s-$1" &&
			uses "$s" "$s-$1" || return
	done
}
tx() { status "$1" ".paths[] | select(.path == \"$2\") | .tx_packets"; }
transfers() { # FROM TO SRC DST: every byte checked
	timeout $((20 * ${PT_PATIENCE:-1})) "$TRANSFER" --from-netns "$(ns "$1")" --to-netns "$(ns "$2")" \
		--src "$3" --dst "$4" --port 5001 --bytes "$BYTES" >"$SCRATCH/transfer.out" 2>&1
}
pings() { on ha ping -W $((3 * ${PT_PATIENCE:-1})) -c "$@" 2>&1; }
arrives() { pings 1 "$@" >/dev/null; }
forget_mtu() { on ha ip route flush cache; on ha ip -6 route flush cache; }
carries() { # NAME KIND
	local before
	before=$(tx a "a-$2")
	check "$1: TCP out" transfers ha hb 10.1.0.2 10.2.0.2
	check "$1: TCP out, IPv6" transfers ha hb fd00:1::2 fd00:2::2
	between "$1: steered" $(($(tx a "a-$2") - before)) 4000 50000
	before=$(tx b "b-$2")
	check "$1: TCP in" transfers hb ha 10.2.0.2 10.1.0.2
	between "$1: steered by the far edge" $(($(tx b "b-$2") - before)) 2000 30000
	like "$1: the edges are two hops" "$(pings 1 10.2.0.2)" 'ttl=62'
	like "$1: and over IPv6" "$(pings 1 fd00:2::2)" 'ttl=62'
}
bounded() { # NAME KIND: what is longer than the device carries is answered with its MTU
	local mtu
	mtu=$(ip -n "$(ns ea)" -j link show "${device[$2]}" | jq '.[0].mtu')
	forget_mtu
	check "$1: $mtu bytes arrive" arrives -M "do" -s $((mtu - 28)) 10.2.0.2
	((mtu < 1500)) || return 0 # more does not get out of the host
	forget_mtu
	like "$1: more is answered" "$(pings 1 -M "do" -s $((mtu - 27)) 10.2.0.2)" "From 10.1.0.1 .*mtu *= *$mtu"
	like "$1: more is answered, IPv6" "$(pings 1 -6 -M "do" -s $((mtu - 47)) fd00:2::2)" \
		"From fd00:1::1 .*mtu *[=:] *$mtu"
	forget_mtu
}

for kind in "${kinds[@]}"; do
	check "$kind: takes the users" wait_until 5 takes "$kind"
	carries "$kind" "$kind"
	bounded "$kind" "$kind"
done

# ---- the device's trouble ----

has_kind() { [[ " ${kinds[*]} " = *" $1 "* ]]; }
leaves() { # NAME KIND: users go on by another
	check "$1: down" wait_until 5 path_is a "a-$2" down
	check "$1: users go on" transfers ha hb 10.1.0.2 10.2.0.2
}
returns() { # NAME KIND
	check "$1: and takes users again" wait_until 15 takes "$2"
	check "$1: who arrive" transfers ha hb 10.1.0.2 10.2.0.2
}
if has_kind bridge; then
	must wait_until 5 takes bridge
	must on eb nft "add table netdev cut; add chain netdev cut in {
		type filter hook ingress device port0 priority 0; policy drop; }"
	leaves "bridge: a cut that nobody tells of" bridge
	must on eb nft delete table netdev cut
	returns "bridge: mended" bridge
fi
if has_kind vlan; then
	must wait_until 5 takes vlan
	must ip -n "$(ns eb)" link set trunk down
	leaves "vlan: its parent's carrier" vlan
	up b trunk
	up b trunk.9
	must ip -n "$(ns eb)" addr replace fd00:9:72::2/64 dev trunk.9 nodad
	returns "vlan: back" vlan
fi
active() { on ea cat /proc/net/bonding/bond0 | sed -n 's/^Currently Active Slave: //p'; }
changed_over() { [[ $(active) != "$1" && $(active) != None ]]; }
if has_kind bond; then
	must wait_until 5 takes bond
	was=$(active)
	must ip -n "$(ns eb)" link set "$was" down
	check "bond: one of two lost, the other takes over" wait_until 5 changed_over "$was"
	check "bond: which the path survives" transfers ha hb 10.1.0.2 10.2.0.2
	check "bond: and users stay" uses a a-bond
	for i in 0 1; do must ip -n "$(ns eb)" link set slave$i down; done
	leaves "bond: both lost" bond
	for i in 0 1; do up b slave$i; done
	returns "bond: both back" bond
fi
if has_kind wg; then
	must wait_until 5 takes wg
	relay_set fibre blackhole=1
	leaves "wg: its underlay cut silently" wg
	relay_set fibre blackhole=0
	returns "wg: mended" wg
	must ip -n "$(ns ea)" link del wg0
	check "wg: deleted" wait_until 5 path_is a a-wg down
	wg_one a
	addresses a wg
	up a wg0
	returns "wg: made anew" wg
fi
if has_kind ppp; then
	must wait_until 5 takes ppp
	for s in a b; do reap "ppp-$s"; done
	leaves "ppp: hung up" ppp
	check "ppp: dialled again" ppp_dial
	returns "ppp: on a new device" ppp
fi

# ---- through the kernel: policy routing, conntrack, the path's own table ----

for s in a b; do
	sed -i -E "s/(device: (br0|trunk\.9|bond0|wg0|ppp7))/\1, mode: mark/" "$SCRATCH/$s/network.yaml"
	signal failover-$s HUP
done
marked() { [[ $(status a "[.paths[] | select(.mode == \"mark\")] | length") = "${#kinds[@]}" ]]; }
check "marks for all of them" wait_until 5 marked
for kind in "${kinds[@]}"; do
	check "$kind, mark: takes the users" wait_until 10 takes "$kind"
	before=$(counter a steered_marked)
	carries "$kind, mark" "$kind"
	between "$kind, mark: packets with marks" $(($(counter a steered_marked) - before)) 100 100000
done

# ---- what a queueing discipline does to probes ----

if has_kind bond && on ea tc qdisc add dev bond0 root netem delay 20ms 5ms duplicate 20% 2>/dev/null; then
	must wait_until 5 takes bond
	slow() { (($(status a '.paths[] | select(.path == "a-bond") | .srtt_us') > 14000)); }
	check "netem on a path: its delay is measured" wait_until 10 slow
	check "netem: doubled and overtaken packets arrive" transfers ha hb 10.1.0.2 10.2.0.2
	check "netem: and bring no path down" path_is a a-bond up
else
	skip "netem on a path" "no netem, or no bonding, in this kernel"
fi
done_testing
