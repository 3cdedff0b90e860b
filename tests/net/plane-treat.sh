#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# A policy's packets leave with its code point and in its class of the WAN's HTB, without a filter;
# others as they came. A weighted policy's flows use both WANs.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte)
topo_up 2
write_config a
cat >>"$SCRATCH/a/network.yaml" <<'END'
  - { id: voice, priority: 10, match: { protocol: icmp, dscp: ef }, set_dscp: cs5, class: '1:10' }
  - { id: voice6, priority: 11, match: { protocol: icmp6, dscp: ef }, set_dscp: cs5, class: '1:10' }
  - { id: shared, priority: 20, match: { protocol: icmp, dscp: af11 }, strategy: weighted,
      prefer: [a-fibre, a-lte], weights: [1, 1] }
END
edge_attach a || bail "attach: $(cat "$SCRATCH/a/attach.err")"

on ea tc qdisc add dev wan0 root handle 1: htb default 20 2>/dev/null || skip_all "no HTB in this kernel"
on ea tc class add dev wan0 parent 1: classid 1:10 htb rate 50mbit quantum 1500
on ea tc class add dev wan0 parent 1: classid 1:20 htb rate 50mbit quantum 1500
in_class() { # MINOR [NAMESPACE DEVICE]: packets
	on "${2:-ea}" tc -s class show dev "${3:-wan0}" | awk -v c="1:$1" '$3 == c { on = 1 } on && $1 == "Sent" { print $4; exit }'
}
# What the far edge hands to its host with this code point takes a class of its own.
on eb tc qdisc add dev lan0 root handle 1: htb default 20
for i in 10 11 20; do on eb tc class add dev lan0 parent 1: classid 1:$i htb rate 50mbit quantum 1500; done
on eb tc filter add dev lan0 parent 1: protocol ip pref 1 u32 match ip tos 0xa0 0xfc flowid 1:10
on eb tc filter add dev lan0 parent 1: protocol ipv6 pref 2 u32 match ip6 priority 0xa0 0xfc flowid 1:11
dressed() { in_class "$1" eb lan0; }
pings() { on ha ping -q -W 2 -i 0.05 "$@" >/dev/null; }
reaches() { pings -c 1 "$1"; }

for v in 4 6; do
	host=10.2.0.2 class=10
	[ $v = 6 ] && host=fd00:2::2 class=11
	check "v$v: the other site answers" wait_until 5 reaches $host
	before=$(in_class 10)
	check "v$v: 20 of the policy" pings -c 20 -Q 0xb8 $host
	is "v$v: left in its class" $(($(in_class 10) - before)) 20
	is "v$v: and with its code point" "$(dressed $class)" 20
	before=$(in_class 10)
	check "v$v: 20 others" pings -c 20 $host
	is "v$v: did not" $(($(in_class 10) - before)) 0
	is "v$v: nor with its code point" "$(dressed $class)" 20
done

# Hosts tell these flows apart: one address more, one flow more.
before0=$(relay_get fibre:ab rx) before1=$(relay_get lte:ab rx)
for ((i = 10; i < 50; i++)); do
	on ha ip addr add "10.1.0.$i/24" dev eth0
	on ha ping -q -W 2 -c 1 -Q 0x28 -I "10.1.0.$i" 10.2.0.2 >/dev/null
done
between "flows by the first WAN, of 40" $(($(relay_get fibre:ab rx) - before0)) 10 30
between "flows by the second WAN, of 40" $(($(relay_get lte:ab rx) - before1)) 10 30
done_testing
