#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Replies that the kernel keeps for pt-probe: the records are what they are with sockets; whoever is
# stopped, killed or detached meanwhile, none is lost and none counted twice.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte)

# pt-probe of edge a alone, into NAME.out
probe() { # NAME
	# shellcheck disable=SC2046 # words
	spawn "$1" "$BIN/pt-probe" watch -v $(edge_opts a) $(files_of a)
}
records_of() { jq -c "select(.type == \"$2\")" "$SCRATCH/$1.out"; } # NAME TYPE
stat_of() { records_of "$1" stats | tail -n 1 | jq -r "$2"; }
kept_more() { [[ $(stat_of "$1" .kept) -gt $2 ]]; }
by_ring() { kept_more "$1" 0; }
has_lines() { grep -c "$2" "$SCRATCH/$1.err" | grep -qx "$3"; }
lost() { records_of "$1" health | jq -s 'map(.sent - .received) | add'; }
odd() { records_of "$1" health | jq -s 'map(.duplicates + .late + .reordered) | add'; }
windows() { records_of "$1" health | jq -s "map(select(.path == \"a-fibre\")) | length"; }
more_windows() { (($(windows "$1") >= $2)); }
refusals() { # "port unreachable" that edge a has sent
	# shellcheck disable=SC2016 # awk expands
	on ea awk '$1 == "Icmp:" && !n { for (i = 2; i <= NF; i++) if ($i == "OutDestUnreachs") n = i; next }
		$1 == "Icmp:" { v4 = $n } $1 == "Icmp6OutDestUnreachs" { v6 = $2 } END { print v4 + v6 }' \
		/proc/net/snmp /proc/net/snmp6
}

kept() { # FAMILY
	local n before
	topo_up 2
	for s in a b; do write_config $s family="$1" check_ms=500; done
	sed -i 's/^edge:/metrics: { export_interval_secs: 1 }\n&/' "$SCRATCH/a/config.yaml"
	relay_set fibre delay_us=1000
	relay_set lte delay_us=100000
	edge_reflect b
	edge_attach a || bail "attach: $(cat "$SCRATCH/a/attach.err")"

	probe "one$1"
	check "IPv$1: the ring is read" wait_until 20 by_ring "one$1"
	n=$(windows "one$1")
	check "IPv$1: records go on" wait_until 20 more_windows "one$1" $((n + 3))
	is "IPv$1: nothing lost" "$(lost "one$1")" 0
	is "IPv$1: nothing twice, late or out of order" "$(odd "one$1")" 0
	is "IPv$1: both stamps are the kernel's" \
		"$(records_of "one$1" health | jq -r .timestamps | sort -u)" kernel
	between "IPv$1: round trip of fibre, us" \
		"$(records_of "one$1" health | jq -s '[.[] | select(.path == "a-fibre") | .rtt_us.min] | min')" 2000 2400
	between "IPv$1: of every hundred so many by the ring" \
		$(($(stat_of "one$1" .kept) * 100 / $(stat_of "one$1" .sent))) 40 100
	between "IPv$1: the kernel has timed them, too" \
		"$(status a '.round_trips[] | select(.path == "a-fibre") | .rtt_p50_us')" 1900 20000

	# stopped for longer than it has said it would read
	signal "one$1" STOP
	hold 4
	n=$(windows "one$1") before=$(stat_of "one$1" .kept)
	signal "one$1" CONT
	check "IPv$1: goes on after its lease" wait_until 20 more_windows "one$1" $((n + 3))
	check "IPv$1: with the ring" wait_until 20 kept_more "one$1" "$before"
	is "IPv$1: nothing lost for that" "$(lost "one$1")" 0
	is "IPv$1: nor twice or out of order" "$(odd "one$1")" 0

	# the plane goes, and another one comes
	must edge_detach a
	check "IPv$1: detached: by sockets" wait_until 20 has_lines "one$1" "answers are read from sockets" 1
	n=$(windows "one$1")
	check "IPv$1: which measure on" wait_until 20 more_windows "one$1" $((n + 2))
	edge_attach a || bail "attach: $(cat "$SCRATCH/a/attach.err")"
	check "IPv$1: attached: by the ring" wait_until 20 has_lines "one$1" "answers are read out of" 2
	before=$(stat_of "one$1" .kept)
	check "IPv$1: which is read" wait_until 20 kept_more "one$1" "$before"
	edge_attach a || bail "attach: $(cat "$SCRATCH/a/attach.err")" # again, over it
	n=$(windows "one$1") before=$(stat_of "one$1" .kept)
	check "IPv$1: attached once more: still" wait_until 20 kept_more "one$1" $((before + 50))
	is "IPv$1: nothing lost by any of this" "$(lost "one$1")" 0

	# A second one gets sockets. Their sessions are one to the kernel, so the first has replies in
	# either way, and not in order.
	probe "two$1"
	check "IPv$1: another one measures by sockets" wait_until 20 more_windows "two$1" 2
	is "IPv$1: and reads no ring" "$(stat_of "two$1" .kept)" 0
	is "IPv$1: neither loses any" "$(lost "one$1") $(lost "two$1")" "0 0"
	reap "two$1"

	# killed, with a tenth of a second of replies on their way
	hold 0.5 # the other's last replies have found no port
	before=$(refusals)
	slay "one$1"
	hold 0.5
	is "IPv$1: killed: the far end hears of no closed port" $(($(refusals) - before)) 0
	probe "three$1"
	check "IPv$1: its successor takes the ring" wait_until 20 by_ring "three$1"
	is "IPv$1: and loses nothing" "$(lost "three$1")" 0
	is "IPv$1: and takes nothing for its own that is not" "$(stat_of "three$1" .foreign) $(odd "three$1")" "0 0"
	reap "three$1"
	must edge_detach a
	slay reflect-b
	topo_down
}
need_bpffs
mkdir -p "$PIN_ROOT"
kept 4
kept 6
done_testing
