#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# why asks the live program: where a packet goes, why each candidate was passed over, what would be
# without a path. It moves nothing and counts nothing, and what it says is where packets go.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte sat)
topo_up 3
for s in a b; do write_config $s; done
edge_attach a || bail "attach: $(cat "$SCRATCH/a/attach.err")"

# shellcheck disable=SC2046 # words
why() { "$BIN/pt-failover" why $(edge_opts a) "$@" 2>&1; echo "status $?"; }
by_hand() { "$BIN/pt-failover" switch -q --pin-dir "$(pin_dir a)" "$@"; }
sent_on() { status a ".paths[] | select(.path == \"$1\") | .tx_packets"; }
# But for what hosts say to all, which goes on meanwhile.
counters() { status a '[.counters[] | select(.counter != "passed_type").value] | add'; }

for flow in 'udp 10.1.0.5:40000 > 10.2.0.9:5060 ef' 'tcp [fd00:1::5]:40000 > [fd00:2::9]:443'; do
	[[ $flow = udp* ]] && via=10.9.0.2 || via=fd00:9::2
	before=$(counters)
	said=$(why "$flow")
	is "$flow: the packet" "${said%%$'\n'*}" "packet    $flow, in by lan0"
	like "$flow: its site and policy" "$said" $'site      b\npolicy    default'
	like "$flow: the candidates" "$said" 'a-fibre +usable, taken'
	like "$flow: the next hop" "$said" "next hop  $via"$'\n'
	like "$flow: the answer is yes" "$said" 'status 0$'
	is "$flow: nothing is counted" "$(counters)" "$before"
done
by_hand --block a-fibre
said=$(why 'udp 10.1.0.5:40000 > 10.2.0.9:5060 ef in lan0')
like "a blocked candidate is passed over" "$said" $'a-fibre +manual\n +a-lte +usable, taken\n +a-sat +usable\n'
before=$(sent_on a-lte)
on ha ping -q -c 2 -i 0.02 -W 1 10.2.0.2 >/dev/null
is "and packets do go there" $(($(sent_on a-lte) - before)) 2
by_hand --unblock a-fibre

like "a destination of nobody" "$(why 'udp 10.1.0.5:1 > 10.99.0.9:2')" 'kernel .*destination of no site.*status 1$'
like "this site's own" "$(why 'udp 10.1.0.5:1 > 10.1.0.9:2')" 'kernel .*own destination.*status 1$'
like "no flow at all" "$(why 'udp 10.1.0.5')" 'status 64$'
like "a device that does not steer" "$(why 'udp 10.1.0.5:1 > 10.2.0.9:2 in wan0')" 'nothing is steered there.*status 2$'

for name in a-fibre wan0; do
	said=$(why --if-down "$name")
	like "without $name" "$said" 'b +default +a-fibre +a-lte +usable'
done
is "nothing moved for that" "$(status a '.groups[0].uses')" a-fibre
is "as JSON" "$(why --if-down wan0 --json | head -n -1 | jq -c '.groups[0] | [.now, .then]')" '["a-fibre","a-lte"]'
like "without what is not there" "$(why --if-down wan9)" 'wan9: no path.*status 2$'
done_testing
