#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe mtu and trace, from one host to the other across both edges.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"

topo_up 1
HB4=10.2.0.2 HB6=fd00:2::2
mtu() { on ha "$BIN/pt-probe" mtu --json "$@"; }
hops() { on ha "$BIN/pt-probe" trace --json "$@"; }
fields() { jq -r "[$1] | map(tostring) | join(\" \")"; } # JQ...
set_mtu() { must ip -n "$(ns "$1")" link set "$2" mtu "$3"; } # NODE DEVICE BYTES

is "nothing in the way" "$(mtu $HB4 | fields .mtu,.device_mtu,.black_hole,.told_by,.probes)" \
	"1500 1500 false null 2"

# ---- routers that say so ----

set_mtu ea wan0 1400
set_mtu eb lan0 1380
is "two narrow links, both tell" "$(mtu $HB4 | fields .mtu,.told_by,.black_hole,.lost)" \
	"1380 10.9.0.2 false 0"
is "and over IPv6" "$(mtu $HB6 | fields .mtu,.told_by,.black_hole,.family)" \
	"1380 fd00:9::2 false ipv6"
is "what to set" "$(mtu $HB4 | fields .tcp_mss,.wireguard_mtu,.wireguard_mss4,.wireguard_mss6)" \
	"1340 1320 1280 1260"
is "what to set over IPv6" "$(mtu $HB6 | fields .tcp_mss,.wireguard_mtu,.wireguard_mss4,.wireguard_mss6)" \
	"1320 1300 1260 1240"
is "no higher than asked" "$(mtu --most 1350 $HB4 | fields .mtu)" 1350
like "in words" "$(on ha "$BIN/pt-probe" mtu $HB4)" \
	" 1500 bytes: 10.1.0.1: at most 1400.* 1380 bytes: answered, .*path MTU 1380 bytes \(device 1500\).*WireGuard MTU +1320"
# What the kernel has learnt meanwhile must not shorten the way of what it is asked next.
set_mtu ea wan0 1500
set_mtu eb lan0 1500
is "wide again: found at once" "$(mtu $HB4 | fields .mtu)" 1500

# ---- a black hole: the link drops what is too big, and nobody says a word ----

for size in 1361 1499; do
	set_mtu isp b0 $size
	is "black hole above $size" "$(mtu $HB4 | fields .mtu,.black_hole,.told_by)" "$size true null"
done
set_mtu isp b0 1361
is "and over IPv6" "$(mtu $HB6 | fields .mtu,.black_hole,.told_by)" "1361 true null"
must relay_set wan0 loss_ppm=50000
is "found through random loss" "$(mtu --tries 6 $HB4 | fields .mtu,.black_hole)" "1361 true"
must relay_set wan0 loss_ppm=0
set_mtu ea wan0 1450
is "a router that tells, and a black hole behind it" "$(mtu $HB4 | fields .mtu,.black_hole,.told_by)" \
	"1361 true 10.1.0.1"
set_mtu ea wan0 1500
set_mtu isp b0 1500

on ha "$BIN/pt-probe" mtu -W 200ms 10.2.0.99 >"$SCRATCH/silent" 2>&1
is "nobody there: the answer is no" "$?" 1
like "and says so" "$(cat "$SCRATCH/silent")" "pt-probe: 10.2.0.99: no answer"
on ha "$BIN/pt-probe" mtu 10.77.0.1 >"$SCRATCH/nowhere" 2>&1
is "no way there: failed" "$?" 2
like "and says why" "$(cat "$SCRATCH/nowhere")" "pt-probe: 10.77.0.1: Network is unreachable"

# ---- trace ----

for node in ea eb; do # all that is asked for, first
	must ip netns exec "$(ns $node)" sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
done
is "every hop, in order" "$(hops -c 3 $HB4 | jq -c '[.reached, (.hops[] | [.hop, .from[0], .sent, .received])]')" \
	'[true,[1,"10.1.0.1",3,3],[2,"10.9.0.2",3,3],[3,"10.2.0.2",3,3]]'
is "over IPv6" "$(hops -c 3 $HB6 | jq -c '[.reached, (.hops[] | [.hop, .from[0], .received])]')" \
	'[true,[1,"fd00:1::1",3],[2,"fd00:9::2",3],[3,"fd00:2::2",3]]'
must relay_set wan0 delay_us=20000
between "delay shows where it is: hop 1 (us)" "$(hops -c 3 $HB4 | jq '.hops[0].rtt_us.p50')" 0 5000
between "and hop 2 (us)" "$(hops -c 3 $HB4 | jq '.hops[1].rtt_us.p50')" 40000 50000
must relay_set wan0 delay_us=0 loss_ppm=300000
hops -c 60 -i 20ms -W 200ms $HB4 >"$SCRATCH/lossy"
is "loss shows where it is: none before" "$(jq '.hops[0].path_loss_ppm' "$SCRATCH/lossy")" 0
between "and behind (ppm, 510000 both ways together)" "$(jq '.hops[2].path_loss_ppm' "$SCRATCH/lossy")" 300000 700000
must relay_set wan0 loss_ppm=0

# A router that limits its answers loses nothing that it forwards.
must ip netns exec "$(ns ea)" sysctl -qw net.ipv4.icmp_ratelimit=1000
hops -c 20 -i 20ms $HB4 >"$SCRATCH/limited"
between "answers of a router that limits them" "$(jq '.hops[0].received' "$SCRATCH/limited")" 0 12
is "it loses nothing" "$(jq -c '[.hops[].path_loss_ppm]' "$SCRATCH/limited")" "[0,0,0]"
like "and the table says so" "$(on ha "$BIN/pt-probe" trace -c 20 -i 20ms $HB4)" \
	" 10\.1\.0\.1 .*0\.000 .*answers less than it forwards"
on ha "$BIN/pt-probe" trace -c 2 -W 200ms 10.2.0.99 >"$SCRATCH/unreached" 2>&1
is "a host that is not there: the answer is no" "$?" 1
like "and says so" "$(cat "$SCRATCH/unreached")" "pt-probe: 10.2.0.99: not reached"
done_testing
