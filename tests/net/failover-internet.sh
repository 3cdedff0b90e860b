#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# The site internet: whatever no other site has goes by policies and paths, too, both families; what
# is the edge's own or connected to it never does.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte)
topo_up 2
ea=$(ns ea) eb=$(ns eb)
# Edge b is the provider; behind it, a host of the world. On edge a a network of no site.
must ip -n "$(ns hb)" addr add 198.51.100.9/32 dev lo
must ip -n "$(ns hb)" addr add 2001:db8:51::9/128 dev lo nodad
must ip -n "$eb" route add 198.51.100.0/24 via 10.2.0.2
must ip -n "$eb" route add 2001:db8:51::/64 via fd00:2::2
node_up hc
veth ea lan1 02:00:00:00:03:01 hc eth0 02:00:00:00:03:02
must ip -n "$ea" -batch - <<-END
	addr add 172.16.5.1/24 dev lan1
	addr add fd00:5::1/64 dev lan1 nodad
	link set lan1 up
END
must ip -n "$(ns hc)" -batch - <<-END
	addr add 172.16.5.2/24 dev eth0
	addr add fd00:5::2/64 dev eth0 nodad
	link set eth0 up
	route add default via 172.16.5.1
	route add default via fd00:5::1
END
write_config a cooldown_s=1
sed -i -e "/^uplinks:/i\\
  - { id: internet }" -e "/^policies:/i\\
  - { id: net-fibre, source: a, dest: internet, uplink: a-fibre, next_hop: 10.9.0.2,\\
      next_hop6: 'fd00:9:0::2', target: 10.9.0.2, preference: 9 }\\
  - { id: net-lte, source: a, dest: internet, uplink: a-lte, next_hop: 10.9.1.2,\\
      next_hop6: 'fd00:9:1::2', target: 10.9.1.2 }" "$SCRATCH/a/network.yaml"
echo "  - { id: bulk, priority: 50, match: { protocol: udp }, prefer: [a-lte] }" \
	>>"$SCRATCH/a/network.yaml"
edge_reflect b
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
edge_start a
wait_until 10 all_up a || bail "edge a: $(status a)"

tx() { status a ".paths[] | select(.path == \"$1\") | .tx_packets"; }
pings() { on ha ping -q -c 10 -i 0.05 -W 1 "$1" 2>&1; }
answers() { on "$1" ping -q -c 1 -W 1 "$2" >/dev/null; }
for world in 198.51.100.9 2001:db8:51::9; do
	check "$world answers" wait_until 5 answers ha $world
	fibre=$(tx net-fibre) lte=$(tx net-lte)
	like "the world is there: $world" "$(pings $world)" ' 0% packet loss'
	is "by its first path" "$(($(tx net-fibre) - fibre)) $(($(tx net-lte) - lte))" "10 0"
	fibre=$(tx net-fibre) lte=$(tx net-lte)
	for _ in 1 2 3; do
		on ha "$BUILD/tests/tools/packet" send --wait-ms 1 $world 7777 00 >/dev/null
	done
	is "another policy, another path" "$(($(tx net-fibre) - fibre)) $(($(tx net-lte) - lte))" "0 3"
done

steered=$(counter a steered) site=$(tx a-fibre)
like "site b keeps its own paths" "$(pings 10.2.0.2)" ' 0% packet loss'
is "all of it" "$(($(counter a steered) - steered)) $(($(tx a-fibre) - site))" "10 10"

steered=$(counter a steered)
for own in 10.1.0.1 fd00:1::1 10.9.0.1 fd00:9:1::1 172.16.5.1 172.16.5.2 fd00:5::2; do
	check "what is the edge's own or connected answers: $own" wait_until 5 answers ha $own
done
check "and the other way" answers hc 10.1.0.2
is "nothing of that is steered" "$(counter a steered)" "$steered"

sever fibre
kernel_routes 1 # the provider knows the other way back
check "the first path is dead" wait_until 3 path_is a net-fibre down
for world in 198.51.100.9 2001:db8:51::9; do
	lte=$(tx net-lte)
	like "the world is there by the other: $world" "$(pings $world)" ' 0% packet loss'
	is "all of it" $(($(tx net-lte) - lte)) 10
done
done_testing
