#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-failover watch reads two networks in turn without a pause, under traffic: each packet goes as
# the one has it or as the other does, path and code point together, and none is lost or handed to
# the kernel. By redirect, through the kernel with marks, and with XDP in front.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
type -P nft >/dev/null || skip_all "needs nft"
WAN_NAMES=(fibre lte)
RELOADS=$((${PT_LONG:+10} + 0 > 0 ? 500 : 40))
NET=$SCRATCH/a/network.yaml
declare -A code=([0]=cs1 [1]=cs5) first=([0]=a-fibre [1]=a-lte) second=([0]=a-lte [1]=a-fibre)

# Policies, prefixes and orders of the two have no line in common. $2: with code points.
networks() { # NUMBER DSCP
	local i dscp='' prefixes=''
	[[ $2 = no ]] || dscp=", set_dscp: ${code[$1]}"
	for ((i = 0; i < 200; i++)); do prefixes+=", 10.$((20 + 10 * $1 + i / 100)).$i.0/24"; done
	sed -e "s|prefixes: \[10.2.0.0/24|prefixes: [10.2.0.0/2$((4 - $1))$prefixes|" \
		-e "s|'fd00:2::/64'|'fd00:2::/$((64 - $1))'|" -e '/^policies:/,$d' "$SCRATCH/base.yaml"
	echo "policies:"
	for ((i = 0; i < 20; i++)); do
		echo "  - { id: none$1-$i, priority: $((i + 1)), match: { protocol: udp, dst_ports: [$((100 * $1 + i + 1))] } }"
	done
	echo "  - { id: udp$1, priority: 50, match: { protocol: udp, dst_ports: [5000-$((5001 + $1))] }, prefer: [${first[$1]}, ${second[$1]}]$dscp }"
	echo "  - { id: other$1, priority: 60 }"
}
watch_start() {
	spawn failover-a "$BIN/pt-failover" watch -v --netns "$(ns ea)" --pin-dir "$(pin_dir a)" \
		--config "$SCRATCH/a/config.yaml" --network "$NET"
}
# Rises before and after each flip of the banks.
flips() { bpftool -j map lookup pinned "$(pin_dir a)/pt_meta" key 0 0 0 0 |
	jq '[.formatted.value | .. | objects | .flips // empty] | first'; }
reloads() { grep -c ' reloaded$' "$SCRATCH/failover-a.err"; }
loaded() { (($(reloads) > $1)); }
load() { # NUMBER: and it is in use
	local before
	before=$(reloads)
	cp "$SCRATCH/network.$1" "$NET.new"
	mv "$NET.new" "$NET"
	signal failover-a HUP
	wait_until 10 loaded "$before"
}
# What enters the far edge by a WAN with another's code point than its network's.
watch_codes() {
	on eb nft -f - <<-END
		table netdev codes {
			chain fibre {
				type filter hook ingress device wan0 priority 0;
				udp dport 5000 ip dscp ${code[0]} counter name old
				udp dport 5000 ip dscp != ${code[0]} counter name torn
				udp dport 5000 ip6 dscp ${code[0]} counter name old
				udp dport 5000 ip6 dscp != ${code[0]} counter name torn
			}
			chain lte {
				type filter hook ingress device wan1 priority 0;
				udp dport 5000 ip dscp ${code[1]} counter name new
				udp dport 5000 ip dscp != ${code[1]} counter name torn
				udp dport 5000 ip6 dscp ${code[1]} counter name new
				udp dport 5000 ip6 dscp != ${code[1]} counter name torn
			}
			counter old {}
			counter new {}
			counter torn {}
		}
	END
}
codes() { on eb nft -j list counters | jq ".nftables[].counter | select(.name == \"$1\") | .packets"; }
handed() { status a '[.counters[] | select(.counter | startswith("passed_no_")) | .value] | add'; }
stream_on() { # NAME SRC DST
	spawn "$1" "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src "$2" --dst "$3" --port 5000 \
		--interval-us $(((${PT_LONG:+200} + 0 > 0 ? 200 : 1000) * ${PT_PATIENCE:-1})) --json
	wait_until 10 grep -q '"start"' "$SCRATCH/$1.out" || bail "$(cat "$SCRATCH/$1.err")"
}
# Packets that the relay's sockets had no room for.
missed() { echo $(($(relay_get fibre:ab lost_receive) + $(relay_get lte:ab lost_receive))); }
final() { jq -r "select(.type == \"final\" and .dir == \"ab\") | .$2" "$SCRATCH/$1.out"; } # NAME FIELD

hammer() { # NAME MODE DSCP [ATTACH-OPTIONS...]
	local i name handed flips
	UPLINK_MORE=("mode: $2" "mode: $2")
	topo_up 2
	write_config a
	cp "$NET" "$SCRATCH/base.yaml"
	for i in 0 1; do networks $i "$3" >"$SCRATCH/network.$i"; done
	cp "$SCRATCH/network.0" "$NET"
	if [[ $# -gt 3 ]]; then
		must on ha ethtool -K eth0 tx off txvlan off tx-vlan-stag-hw-insert off >/dev/null
		for i in 0 1; do must on isp ethtool -K a$i gro on; done
	fi
	if ! edge_attach a "${@:4}"; then
		[[ $(cat "$SCRATCH/a/attach.err") = *"Linux 6.3 does"* ]] || bail "attach: $(cat "$SCRATCH/a/attach.err")"
		skip "$1" "this kernel does not tell what devices can do for XDP (Linux 6.3 does)"
		topo_down
		return
	fi
	watch_codes
	watch_start
	wait_until 10 looping failover-a || bail "watch: $(cat "$SCRATCH/failover-a.err")"
	stream_on v4 10.1.0.2 10.2.0.2
	stream_on v6 fd00:1::2 fd00:2::2
	handed=$(handed) flips=$(flips)
	for ((i = 1; i <= RELOADS; i++)); do
		load $((i % 2)) || break
	done
	is "$1: reloads" "$(reloads)" $RELOADS
	between "$1: flips of the banks" $((($(flips) - flips) / 2)) $RELOADS $((RELOADS * 4))
	for name in v4 v6; do
		signal $name TERM
		wait_until 10 finished $name
		reap $name
		between "$1, $name: arrived" "$(final $name received)" $((RELOADS * 2)) 1000000
		between "$1, $name: lost, and not by a relay that is short of time" "$(final $name lost)" 0 "$(missed)"
		is "$1, $name: doubled" "$(final $name duplicated)" 0
	done
	is "$1: none was handed to the kernel" "$(handed)" "$handed"
	if [[ $3 = yes ]]; then
		between "$1: as the one has it" "$(codes old)" $((RELOADS * 2)) 1000000
		between "$1: as the other has it" "$(codes new)" $((RELOADS * 2)) 1000000
		is "$1: a piece of each" "$(codes torn)" 0
	else
		between "$1: by XDP" "$(counter a steered_xdp)" $((RELOADS * 4)) 1000000
	fi
	reap failover-a
	topo_down
	rm -rf "$PIN_ROOT" "$SCRATCH/a"
}
hammer redirect redirect yes
hammer mark mark yes
[[ -n ${PT_HOOK:-} ]] || hammer XDP redirect no --hook xdp
done_testing
