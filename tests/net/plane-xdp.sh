#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# XDP in front of tc: refused where something would be lost, plain packets of both families by XDP,
# all else by tc behind it, the next candidate when a path dies, nothing left at the end.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
unset PT_HOOK
WAN_NAMES=(fibre lte)
topo_up 2
for s in a b; do write_config $s cooldown_s=1; done
vlan_up() { # NODE DEVICE ADDRESS
	ip -n "$(ns "$1")" link add link "$2" name "$2.10" type vlan id 10 2>/dev/null || return 1
	must ip -n "$(ns "$1")" addr add "$3" dev "$2.10"
	must ip -n "$(ns "$1")" link set "$2.10" up
}
VLAN=
if vlan_up ea lan0 10.5.0.1/24 && vlan_up ha eth0 10.5.0.2/24; then
	VLAN=1
	sed -i 's/lan: \[lan0\], prefixes: \[10.1/lan: [lan0, lan0.10], prefixes: [10.5.0.0\/24, 10.1/' \
		"$SCRATCH"/?/network.yaml
	must ip -n "$(ns eb)" route add 10.5.0.0/24 via 10.9.0.1
fi
offload() { on "$1" ethtool -K "$2" "$3" "$4" >/dev/null; } # NODE DEVICE FEATURE on|off
xdp_on() { ip -n "$(ns ea)" -d link show dev "$1" | grep -q 'prog/xdp'; }
no_xdp_on() { ! xdp_on "$1"; }
refused() { # NAME REGEX
	edge_attach a --hook xdp
	like "$1" "$? $(cat "$SCRATCH/a/attach.err")" "^2 pt-failover: $2"
	check "$1: nothing is left" test ! -e "$(pin_dir a)"
}

# ---- what is refused ----

edge_attach a --hook xdp && bail "attached beside unfinished checksums"
[[ $(cat "$SCRATCH/a/attach.err") != *"Linux 6.3 does"* ]] ||
	skip_all "this kernel does not tell what devices can do for XDP (Linux 6.3 does)"
refused "checksums that XDP would lose" 'lan0: hook xdp: the other end leaves checksums unfinished'
must offload ha eth0 tx off
refused "VLAN tags that XDP would not see" 'lan0: hook xdp: the other end leaves VLAN tags beside the frame'
must offload ha eth0 txvlan off
refused "of the other kind, too" 'lan0: hook xdp: the other end leaves VLAN tags beside the frame'
must offload ha eth0 tx-vlan-stag-hw-insert off
refused "a path that nobody polls" 'wan0: hook xdp: nobody polls the other end'
must offload isp a0 gro on
must offload isp a1 gro on
if on ea tc qdisc add dev wan1 root handle 1: htb 2>/dev/null || on ea tc qdisc add dev wan1 root handle 1: prio; then
	refused "shaping that XDP would pass by" 'wan1: hook xdp: its queueing discipline (htb|prio) would be passed by'
	must on ea tc qdisc del dev wan1 root
else
	skip "shaping that XDP would pass by" "no htb or prio in this kernel"
	skip "shaping that XDP would pass by: nothing is left" "no htb or prio in this kernel"
fi

# ---- what it carries ----

snapshot a >"$SCRATCH/before"
edge_attach a --hook xdp || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
edge_attach b || bail "attach b: $(cat "$SCRATCH/b/attach.err")"
for s in a b; do edge_start $s; done
for s in a b; do
	check "edge $s: both paths come up" wait_until 10 all_up $s
done
check "XDP is on the LAN device" xdp_on lan0

declare -A host=([4]=10.2.0.2 [6]=fd00:2::2) near=([4]=10.1.0.1 [6]=fd00:1::1)
declare -A next=([4]=10.9.0.2 [6]=fd00:9::2)
pings() { on ha ping -W 5 -c "$@" 2>&1; }
reaches() { on ha ping -q -W 1 -c 1 "$1" >/dev/null; }
by_xdp() { counter a steered_xdp; }
for v in 4 6; do
	check "v$v: the other site answers" wait_until 3 reaches "${host[$v]}"
	before=$(by_xdp) all=$(counter a steered)
	like "v$v: two hops are counted" "$(pings 10 -i 0.02 "${host[$v]}")" 'ttl=62'
	is "v$v: every packet went by XDP" "$(($(by_xdp) - before)) $(($(counter a steered) - all))" "10 10"
	before=$(by_xdp)
	like "v$v: first hop, out of TTL" "$(pings 1 -t 1 "${host[$v]}")" \
		"From ${near[$v]} .*([Tt]ime to live exceeded|[Tt]ime exceeded)"
	is "v$v: which the kernel answered" $(($(by_xdp) - before)) 0
	like "v$v: second hop, out of TTL" "$(pings 1 -t 2 "${host[$v]}")" \
		"From ${next[$v]} .*([Tt]ime to live exceeded|[Tt]ime exceeded)"
	like "v$v: odd lengths" "$(pings 3 -i 0.02 -s 1 "${host[$v]}")" ' 0% packet loss'
	like "v$v: fragments arrive" "$(pings 3 -i 0.02 -s 4000 "${host[$v]}")" ' 0% packet loss'
done

for pair in "10.1.0.2 10.2.0.2" "fd00:1::2 fd00:2::2"; do
	# shellcheck disable=SC2086 # two words
	set -- $pair
	before=$(by_xdp) behind=$(counter a steered)
	"$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src "$1" --dst "$2" --port 5001 \
		--bytes 20000000 --json >"$SCRATCH/tcp"
	is "$1: 20 MB, every byte right" "$? $(jq -c '[.received, .wrong]' "$SCRATCH/tcp")" \
		"0 [20000000,0]"
	packets=$(($(by_xdp) - before))
	between "$1: by XDP" $packets 10000 40000
	is "$1: but for the SYN, by tc" $(($(counter a steered) - behind - packets)) 1
done

# ---- what it passes on ----

if [[ -n $VLAN ]]; then
	check "no XDP on the VLAN device" no_xdp_on lan0.10
	must ip -n "$(ns ha)" route add 10.2.0.3 via 10.5.0.1
	must ip -n "$(ns hb)" addr add 10.2.0.3/24 dev eth0
	before=$(by_xdp) all=$(counter a steered)
	like "tagged frames arrive" "$(pings 5 -i 0.02 10.2.0.3)" ' 0% packet loss'
	is "steered by tc of the VLAN device" \
		"$(($(by_xdp) - before)) $(($(counter a steered) - all))" "0 5"
else
	skip "no XDP on the VLAN device" "no VLAN devices in this kernel"
	skip "tagged frames arrive" "no VLAN devices in this kernel"
	skip "steered by tc of the VLAN device" "no VLAN devices in this kernel"
fi
must ip -n "$(ns ea)" neigh flush dev wan0
like "a next hop that must be found first" "$(pings 3 -i 0.02 10.2.0.2)" ' 0% packet loss'

# ---- a path dies ----

tx() { status a ".paths[] | select(.path == \"$1\") | .tx_packets"; }
sever fibre
check "the watchdog sees it" wait_until 3 path_is a a-fibre down
check "and the other side, too" wait_until 3 path_is b b-fibre down
for v in 4 6; do # the neighbours of the second WAN
	check "v$v: the next candidate is found" wait_until 3 reaches "${host[$v]}"
done
before=$(by_xdp) lte=$(tx a-lte)
for v in 4 6; do
	like "v$v: the next candidate carries" "$(pings 5 -i 0.02 "${host[$v]}")" ' 0% packet loss'
done
is "by XDP, all of them" "$(($(by_xdp) - before)) $(($(tx a-lte) - lte))" "10 10"
heal fibre
check "the path comes back" wait_until 5 path_is a a-fibre up

# ---- the end ----

for s in a b; do edge_stop $s; done
edge_attach a --hook auto || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
check "auto over it keeps it" xdp_on lan0
edge_attach a --hook clsact || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
check "another kind takes it away" no_xdp_on lan0
before=$(by_xdp) all=$(counter a steered)
like "tc alone" "$(pings 3 -i 0.02 10.2.0.2)" ' 0% packet loss'
is "carries everything" "$(($(by_xdp) - before)) $(($(counter a steered) - all))" "0 3"
echo "  hook: xdp" >>"$SCRATCH/a/config.yaml"
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
check "failover.hook brings it" xdp_on lan0
edge_detach a
snapshot a >"$SCRATCH/after"
is "detach leaves nothing" "$(diff "$SCRATCH/before" "$SCRATCH/after")" ""
done_testing
