#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Hub and spokes: a and b reach each other through h, whose edge steers what enters by a path. Each
# edge is one hop, whatever it is reached by; and when h's path to b dies, nothing goes back to a.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
# shellcheck source=tests/net/lib-hub.sh
. "$(dirname "$0")/lib-hub.sh"
hub_up
eh=$(ns eh)
tunnel_up() { # SIDE FAR
	spawn_on "e$1" "tun-$1" "$BUILD/tests/tools/tunnel" tun0 "$(wire_ip "$1" "$2")" \
		"$(wire_ip "$2" "$1")" 4444
	wait_until 5 ip -n "$(ns "e$1")" link show tun0 >/dev/null 2>&1 ||
		skip_all "no tun: $(cat "$SCRATCH/tun-$1.err")"
	must ip -n "$(ns "e$1")" addr add 10.8.60."$(number "$1")"/24 dev tun0
	must ip -n "$(ns "e$1")" link set tun0 mtu 1400 up
}
tunnel_up a h
tunnel_up h a
# Probes through a third site, and back the same way.
must ip -n "$(ns ea)" route add 10.8.23.0/24 via "$(wire_ip h a)"
must ip -n "$(ns eb)" route add 10.8.13.1/32 via "$(wire_ip h b)"
must ip -n "$eh" route add 10.8.12.0/24 via "$(wire_ip a h)"
must ip -n "$(ns eb)" route add 10.8.13.3/32 via "$(wire_ip a b)"
MORE_KEYS[h]=', transit: true'
for s in "${SIDES[@]}"; do
	hub_config "$s"
	edge_reflect "$s"
done
hub_path a a-b-h a b h 'preference: 9, via: h'
hub_path a a-b a b b 'preference: 1'
hub_path a a-h a h h
hub_path b b-a-h b a h 'preference: 9, via: h'
hub_path b b-a b a a 'preference: 1'
hub_path b b-h b h h
hub_path h h-a h a a 'preference: 9'
hub_path h h-b h b b 'preference: 9'
hub_path h h-b-a h b a 'preference: 1' # not said to be via a, which is no hub
for s in "${SIDES[@]}"; do
	hub_policies "$s"
	edge_attach "$s" || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	edge_start "$s"
done
for s in "${SIDES[@]}"; do wait_until 10 all_up "$s" || bail "edge $s: $(status "$s")"; done

# No path is held back any more: nothing moves by itself.
settled() {
	local s
	for s in "${SIDES[@]}"; do
		status "$s" '[.paths[].blocked == null] | all' | grep -q true || return 1
	done
}
sent() { status "$1" ".paths[] | select(.path == \"$2\") | .tx_packets"; } # SIDE PATH
answers() { on "$1" ping -q -c 1 -W 1 "$2" >/dev/null; }
for host in 10.2.0.2 fd00:2::2; do check "$host answers" wait_until 5 answers ha $host; done
for host in 10.2.0.2 fd00:2::2; do
	steered=$(counter h steered) out=$(sent h h-b) back=$(sent h h-a)
	like "through the hub, three hops each way: $host" \
		"$(on ha ping -c 10 -i 0.05 -W 1 $host)" 'ttl=61.* 10 received, 0%'
	is "all of it steered by the hub, each way by its path" \
		"$(($(counter h steered) - steered)) $(($(sent h h-b) - out)) $(($(sent h h-a) - back))" \
		"20 10 10"
	like "the hub is the second hop" "$(on ha ping -c 1 -W 1 -t 2 $host 2>&1)" \
		"$([[ $host = 10* ]] && echo 10.8.13.3 || echo fd00:8:13::3).*[Ee]xceeded"
done
stream_start
hold 0.3
felt_nothing "users through the hub"

# The hub's far path dies. Spoke a notices by its own probes and goes around; b as well.
cut b h
check "the hub's path is down" wait_until 3 path_is h h-b down
check "a goes around the hub" wait_until 3 uses a a-b
hold 0.2
felt_clean "far path cut" 300000
is "nothing of it went back to a" "$(sent h h-b-a)" 0
arrived() { on hb nstat -az 'IcmpInEchos' | awk '/InEchos/ { print $2 }'; }
here=$(arrived)
on hh ping -q -c 5 -i 0.05 -W 1 10.2.0.2 >/dev/null # b has no other way to answer
is "the hub's own users take that way" "$(($(arrived) - here)) $(sent h h-b-a)" "5 5"
mend b h
check "a comes back to the hub" wait_until 20 uses a a-b-h
stream_end

# As long as a does not know: nobody measures there.
for name in probe failover select; do slay $name-a; done
check "a sends by the hub" uses a a-b-h
cut b h
check "the hub's path is down again" wait_until 3 path_is h h-b down
by_a() { status h '.groups[] | select(.site == "b") | .uses' | grep -qx h-b-a; }
check "the hub's choice for its own users leads by a" wait_until 3 by_a
before=$(sent h h-b-a) resort=$(sent h h-b)
on ha ping -q -c 10 -i 0.05 -W 1 10.2.0.2 >/dev/null
is "what came from a does not go back there" "$(($(sent h h-b-a) - before))" 0
is "but where b should be" "$(($(sent h h-b) - resort))" 10
must ip -n "$eh" link del to-b
check "with that device gone, too" wait_until 3 path_is h h-b down
drops=$(counter h dropped_back)
on ha ping -q -c 10 -i 0.05 -W 1 10.2.0.2 >/dev/null
is "it is dropped" "$(($(counter h dropped_back) - drops)) $(($(sent h h-b-a) - before))" "10 0"
for s in a h; do edge_stop "$s"; done
hub_wire h b
mend b h

# A spoke behind a layer-3 tunnel.
for s in a h; do
	far=$(if [[ $s = a ]]; then echo h; else echo a; fi)
	sed -i "s/^policies:/  - { id: $s-tun, source: $s, dest: $(if [[ $s = a ]]; then echo b; else echo a; fi), uplink: $s-$far, device: tun0, preference: 20, $([[ $s = h ]] || echo 'via: h,') target: 10.8.60.$(number "$far") }\n&/" \
		"$SCRATCH/$s/network.yaml"
	sed -i 's/^failover:/&\n  passive_share: 1/' "$SCRATCH/$s/config.yaml"
	edge_attach "$s" || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	edge_start "$s"
done
for s in "${SIDES[@]}"; do wait_until 15 all_up "$s" || bail "edge $s: $(status "$s")"; done
check "no path is held back" wait_until 20 settled
check "a sends by tun" wait_until 15 uses a a-tun
check "b by the hub" wait_until 15 uses b b-a-h
hub_uses() { status h ".groups[] | select(.site == \"$1\") | .uses" | grep -qx "$2"; }
check "and the hub to a" wait_until 15 hub_uses a h-tun
check "and to b" wait_until 15 hub_uses b h-b
for host in 10.2.0.2 fd00:2::2; do
	check "$host answers" wait_until 5 answers ha $host
	out=$(sent h h-b) back=$(sent h h-tun)
	like "from tun to a wire and back: $host" \
		"$(on ha ping -c 10 -i 0.05 -W 1 $host)" 'ttl=61.* 10 received, 0%'
	is "steered each way" "$(($(sent h h-b) - out)) $(($(sent h h-tun) - back))" "10 10"
done
stream_start
hold 0.3
felt_nothing "users through tun and hub"
stream_end

check "a transfer through tun and hub" "$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" \
	--src 10.1.0.2 --dst 10.2.0.2 --port 5201 --duration-ms 500
rtts=$(status h '[.passive[] | select(.path == "h-b") | .rtts] | add // 0')
check "the hub measures it on its way on: $rtts round trips" test "$rtts" -gt 0

# No hub any more: what enters by a path is the kernel's again.
edge_stop h
sed -i 's/, transit: true//; s/ via: h,//; s/, via: h//' "$SCRATCH/h/network.yaml"
edge_attach h || bail "attach h: $(cat "$SCRATCH/h/attach.err")"
steered=$(counter h steered)
check "the way through stays" answers ha 10.2.0.2
is "by the kernel" "$(counter h steered)" "$steered"
done_testing
