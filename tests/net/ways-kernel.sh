#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# What the kernel answers and forwards for us goes the way of the traffic: traceroute and tracepath
# show the edge as one hop, path MTU discovery works through it, options and fragments follow a
# switch; both families, both modes. Nothing but our own routes leads to the other site.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
command -v traceroute >/dev/null || skip_all "needs traceroute"
command -v tracepath >/dev/null || skip_all "needs tracepath"
PATH_MORE=("mtu: 1400" "mtu: 1360")

no_other_routes() { # SIDE
	local peer
	peer=$(site_of "$(peer_of "$1")")
	ip -n "$(ns "e$1")" route del "10.$peer.0.0/24" 2>/dev/null
	ip -n "$(ns "e$1")" -6 route del "fd00:$peer::/64" metric 1024 2>/dev/null
}

hops() { # -4|-6 DESTINATION: one address a line
	on ha traceroute "$1" -n -q 1 -w 2 -m 6 "$2" 2>/dev/null | awk 'NR > 1 { print $2 }' | tr '\n' ' '
}
traced() { [[ $(hops "$1" "$2") = "$3" ]]; } # under load an answer may come late
# Hosts remember what they learnt; so that each discovery is one.
forget_mtu() { on ha ip route flush cache; on ha ip -6 route flush cache; }
pmtu() { # -4|-6 DESTINATION
	on ha tracepath "$1" -n -m 6 "$2" 2>/dev/null | sed -n 's/.*Resume: //p' | tr -s ' ' | sed 's/ *$//'
}
pings() { on ha ping -qc1 -W2 "$@" >/dev/null; }

check_way() { # WORDS MTU NUMBER-OF-WAN
	local want4="10.1.0.1 10.9.$3.2 10.2.0.2 " want6="fd00:1::1 fd00:9:$3::2 fd00:2::2 "
	check "$1: traceroute, IPv4: the edge is one hop" wait_until 10 traced -4 10.2.0.2 "$want4"
	check "$1: traceroute, IPv6: the edge is one hop" \
		wait_until 10 traced -6 fd00:2::2 "${want6//:0::/::}"
	forget_mtu
	is "$1: tracepath, IPv4" "$(pmtu -4 10.2.0.2)" "pmtu $2 hops 3 back 3"
	forget_mtu
	is "$1: tracepath, IPv6" "$(pmtu -6 fd00:2::2)" "pmtu $2 hops 3 back 3"
	forget_mtu
	check "$1: a datagram as long as the path carries arrives, IPv4" \
		pings -M "do" -s $(($2 - 28)) 10.2.0.2
	forget_mtu
	like "$1: a longer one is answered with the MTU, IPv4" \
		"$(on ha ping -c1 -W2 -M "do" -s $(($2 - 27)) 10.2.0.2)" "From 10.1.0.1 .*mtu *= *$2"
	like "$1: a longer one is answered with the MTU, IPv6" \
		"$(on ha ping -6 -c1 -W2 -M "do" -s $(($2 - 47)) fd00:2::2)" "From fd00:1::1 .*mtu *[=:] *$2"
	forget_mtu
	check "$1: with fragments allowed it arrives" pings -M dont -s 3000 10.2.0.2
	check "$1: an IPv4 option arrives" pings -R 10.2.0.2
}

mode() { # MODE
	UPLINK_MORE=("mode: $1" "mode: $1")
	edges_up
	for s in a b; do no_other_routes $s; done
	check_way "$1, first path" 1400 0
	sever fibre
	for s in a b; do check "$1: edge $s switches" wait_until 3 uses $s $s-lte; done
	check_way "$1, after a switch" 1360 1
	between "$1: marked packets" "$(counter a steered_marked)" "$2" "$3"
	for s in a b; do edge_stop $s; done
	topo_down
	rm -rf "$PIN_ROOT" "$SCRATCH"/[ab]
}

mode redirect 0 0
mode mark 10 100000
done_testing
