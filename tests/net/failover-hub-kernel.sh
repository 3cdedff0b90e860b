#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# A hub whose onward traffic goes through the kernel: behind a stateful firewall, with marks, from
# wires and from a layer-3 tunnel; and out by NATed uplinks, where a flow keeps to its path while
# that is usable.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
# shellcheck source=tests/net/lib-hub.sh
. "$(dirname "$0")/lib-hub.sh"
need_bpffs
for tool in nft conntrack; do
	command -v $tool >/dev/null || skip_all "needs $tool"
done
hub_up
ea=$(ns ea) eb=$(ns eb) eh=$(ns eh)

# Sites a and b have no edges of ours: their routers know the hub alone. Between h and a a tunnel,
# too; between h and b a second wire, on which b is the world's other end.
tunnel_up() { # SIDE FAR
	spawn_on "e$1" "tun-$1" "$BUILD/tests/tools/tunnel" tun0 "$(wire_ip "$1" "$2")" "$(wire_ip "$2" "$1")" 4444
	wait_until 5 ip -n "$(ns "e$1")" link show tun0 >/dev/null 2>&1 || skip_all "no tun: $(cat "$SCRATCH/tun-$1.err")"
	must ip -n "$(ns "e$1")" addr add 10.8.60."$(number "$1")"/24 dev tun0
	must ip -n "$(ns "e$1")" link set tun0 mtu 1400 up
}
tunnel_up a h
tunnel_up h a
veth eh net2 02:00:00:07:03:01 eb net2 02:00:00:07:03:02
must ip -n "$eh" addr add 10.8.99.3/24 dev net2
must ip -n "$eb" addr add 10.8.99.2/24 dev net2
must ip -n "$eh" link set net2 up
must ip -n "$eb" link set net2 up
must ip -n "$(ns hb)" addr add 198.51.100.9/32 dev lo
must ip -n "$eb" route add 198.51.100.0/24 via 10.2.0.2
must ip -n "$ea" route replace 10.2.0.0/24 via "$(wire_ip h a)"
must ip -n "$ea" -6 route replace fd00:2::/64 via "$(wire_ip6 h a)"
must ip -n "$ea" route add 198.51.100.0/24 via "$(wire_ip h a)"
must ip -n "$eb" route replace 10.1.0.0/24 via "$(wire_ip h b)"
must ip -n "$eb" -6 route replace fd00:1::/64 via "$(wire_ip6 h b)"

on eh nft -f - <<-'END'
	table inet edge {
		chain onward {
			type filter hook forward priority filter; policy drop;
			tcp dport 23 counter reject with tcp reset
			ct state established,related counter accept
			ct state invalid counter drop
			iifname { "to-a", "tun0" } counter accept
		}
		chain out {
			type nat hook postrouting priority srcnat;
			ip daddr 198.51.100.0/24 oifname { "to-b", "net2" } masquerade
		}
	}
END
MORE_KEYS[h]=', transit: true'
hub_config h
sed -i -e "/^uplinks:/i\\
  - { id: internet }" -e "/^paths:/i\\
  - { id: h-net1, site: h, device: to-b, nat: true }\\
  - { id: h-net2, site: h, device: net2, nat: true }" "$SCRATCH/h/network.yaml"
sed -i '/id: h-b,/d' "$SCRATCH/h/network.yaml" # one device, one uplink
hub_path h h-a h a a 'preference: 9'
cat >>"$SCRATCH/h/network.yaml" <<-END
	  - { id: h-b, source: h, dest: b, uplink: h-net1, next_hop: $(wire_ip b h), next_hop6: '$(wire_ip6 b h)',
	      target: $(wire_ip b h) }
	  - { id: net1, source: h, dest: internet, uplink: h-net1, next_hop: $(wire_ip b h),
	      target: $(wire_ip b h), preference: 9 }
	  - { id: net2, source: h, dest: internet, uplink: h-net2, next_hop: 10.8.99.2,
	      target: 10.8.99.2 }
END
hub_policies h
for s in a b; do edge_reflect $s; done
edge_attach h || bail "attach: $(cat "$SCRATCH/h/attach.err")"
edge_start h
wait_until 15 all_up h || bail "$(status h)"
reap select-h # from here on the order is what this script says

sent() { status h ".paths[] | select(.path == \"$1\") | .tx_packets"; } # PATH
moved() { # PORT FROM TO SRC DST: 5 MB of TCP, every byte checked
	local result
	result=$(timeout $((20 * ${PT_PATIENCE:-1})) "$TRANSFER" --from-netns "$(ns "$2")" --to-netns "$(ns "$3")" \
		--src "$4" --dst "$5" --port "$1" --bytes 5000000 --json 2>/dev/null | jq -c '[.received, .wrong]')
	[[ $result = "[5000000,0]" ]]
}
answers() { on "$1" ping -q -c 1 -W 1 "$2" >/dev/null; }
carries() { # NAME FIRST-PORT
	local marked back out
	marked=$(counter h steered_marked) out=$(sent h-b) back=$(sent "$3")
	check "$1: TCP through hub and firewall" moved "$2" ha hb 10.1.0.2 10.2.0.2
	check "$1: IPv6" moved $(($2 + 1)) ha hb fd00:1::2 fd00:2::2
	between "$1: steered out" $(($(sent h-b) - out)) 5000 40000
	between "$1: steered back" $(($(sent "$3") - back)) 20 40000
	between "$1: all of it with marks" $(($(counter h steered_marked) - marked)) 300 80000
	if moved 23 ha hb 10.1.0.2 10.2.0.2; then not_ok "$1: what is denied is denied"; else ok "$1: what is denied is denied"; fi
	like "$1: the hub is one hop" "$(on ha ping -c 1 -W 3 10.2.0.2)" 'ttl=61'
	like "$1: and answers what has no hops left" "$(on ha ping -c 1 -W 3 -t 2 10.2.0.2 2>&1)" "From 10.8.*xceeded"
}
check "the hub lets a's hosts to b's" wait_until 5 answers ha 10.2.0.2
carries wire 5001 h-a

# ---- a lasting flow by NATed uplinks ----

outside() { # PORT: the address that the world sees
	on eh conntrack -L -d 198.51.100.9 2>/dev/null | grep "dport=$1 " | sed -n 's/.*dst=\(10\.8[0-9.]*\).*/\1/p' |
		sort -u | tr '\n' ' '
}
outside_is() { [[ $(outside "$1") = "$2 " ]]; }
order() { # PATH: by hand, once nothing holds it back
	"$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir h)" "$1" &&
		status h ".groups[] | .uses" | grep -qx "$1"
}
spawn stream "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 --dst 198.51.100.9 \
	--port 6000 --json
MARKS=0
wait_until 5 grep -q '"start"' "$SCRATCH/stream.out" || bail "$(cat "$SCRATCH/stream.err")"
marked() { (($(grep -c '"mark","dir":"ab"' "$SCRATCH/stream.out") >= MARKS)); }
NET1=$(wire_ip h b)
check "a lasting flow goes by the first uplink" wait_until 5 outside_is 6000 "$NET1"
hold 0.2
stream_mark
check "another order" wait_until 5 order net2
check "new TCP goes by the other uplink" moved 7001 ha hb 10.1.0.2 198.51.100.9
is "with that one's address" "$(outside 7001)" "10.8.99.3 "
is "the lasting flow stays" "$(outside 6000)" "$NET1 "
kept=$(sent net1)
hold 0.3
between "on its path" $(($(sent net1) - kept)) 50 3000
stream_mark
is "and loses nothing" "$(mark_of ab lost)" 0
cut h b
check "its path dies" wait_until 3 path_is h net1 down
check "it gets the other's address" wait_until 5 outside_is 6000 10.8.99.3
hold 0.2
stream_mark
hold 0.3
stream_mark
between "and arrives, silent for us" "$(mark_of ab open_gap_us)" 0 50000
mend h b
check "the path is back" wait_until 10 path_is h net1 up
check "and first again" wait_until 10 order net1
check "new TCP goes by it" moved 7002 ha hb 10.1.0.2 198.51.100.9
is "with its address" "$(outside 7002)" "$NET1 "
is "the lasting flow stays where it is" "$(outside 6000)" "10.8.99.3 "
stream_end

# ---- from a layer-3 tunnel, whose packets have no MAC header ----

must ip -n "$ea" route replace 10.2.0.0/24 dev tun0
must ip -n "$ea" -6 route replace fd00:2::/64 dev tun0
sed -i "s/^policies:/  - { id: h-tun, source: h, dest: a, uplink: h-a, device: tun0, preference: 99, target: 10.8.60.1 }\n&/" \
	"$SCRATCH/h/network.yaml"
signal failover-h HUP
signal probe-h HUP
tun_used() { path_is h h-tun up && order h-tun && answers ha 10.2.0.2; }
check "the tunnel is a path" wait_until 15 tun_used
carries tunnel 5011 h-tun
done_testing
