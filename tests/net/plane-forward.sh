#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Steered packets are forwarded as a router must: TTL, errors, fragments, path MTU, both families,
# super-packets whole; and what the kernel must answer is answered by the kernel.
# Over clsact, too.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte)
topo_up 2
for s in a b; do
	ip -n "$(ns e$s)" link set wan0 mtu 1400
	write_config $s
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
done
declare -A host=([4]=10.2.0.2 [6]=fd00:2::2) far=([4]=10.2.0.1 [6]=fd00:2::1)
declare -A near=([4]=10.1.0.1 [6]=fd00:1::1) next=([4]=10.9.0.2 [6]=fd00:9::2)
pings() { on ha ping -W 5 -c "$@" 2>&1; }
reaches() { on ha ping -q -W 1 -c 1 "$1" >/dev/null; }
steered() { counter a steered; }

for v in 4 6; do
	check "v$v: the other site answers" wait_until 3 reaches "${host[$v]}"
	before=$(steered)
	like "v$v: two hops are counted" "$(pings 1 "${host[$v]}")" 'ttl=62'
	is "v$v: and the packet was steered" $(($(steered) - before)) 1
	like "v$v: first hop, out of TTL" "$(pings 1 -t 1 "${host[$v]}")" \
		"From ${near[$v]} .*([Tt]ime to live exceeded|[Tt]ime exceeded)"
	like "v$v: second hop, out of TTL" "$(pings 1 -t 2 "${host[$v]}")" \
		"From ${next[$v]} .*([Tt]ime to live exceeded|[Tt]ime exceeded)"
	like "v$v: the far edge itself answers" "$(pings 1 "${far[$v]}")" ' 0% packet loss'
	like "v$v: the near edge itself answers" "$(pings 1 "${near[$v]}")" ' 0% packet loss'
	like "v$v: larger than the path, may not be cut" "$(pings 1 -M "do" -s 1400 "${host[$v]}")" \
		'(mtu ?= ?1400|mtu=1400)'
	before=$(counter a steered_fragment)
	pings 1 -s 4000 "${host[$v]}" >/dev/null # the far host may have to learn the path's MTU, too
	like "v$v: fragments arrive" "$(pings 3 -i 0.1 -s 4000 "${host[$v]}")" ' 0% packet loss'
done
between "fragments are steered too" "$(counter a steered_fragment)" 6 100
like "no site's destination: the kernel says so" "$(pings 1 10.77.0.1)" 'From 10.1.0.1 .*[Uu]nreachable'
like "the edge's own traffic" "$(on ea ping -c1 -W5 10.2.0.2)" ' 0% packet loss'

for pair in "10.1.0.2 10.2.0.2" "fd00:1::2 fd00:2::2"; do
	"$RELAY" reset "$CONTROL" all
	before=$(steered)
	# shellcheck disable=SC2086 # two words
	set -- $pair
	"$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src "$1" --dst "$2" --port 5001 \
		--bytes 100000000 --json >"$SCRATCH/tcp"
	is "$1: 100 MB, every byte right" "$? $(jq -c '[.received, .wrong]' "$SCRATCH/tcp")" \
		"0 [100000000,0]"
	between "$1: super-packets stay whole, mean bytes" \
		$((100000000 / $(relay_get fibre:ab rx))) 5000 65536
	between "$1: and were steered" $(($(steered) - before)) 1000 20000
done

done_testing
