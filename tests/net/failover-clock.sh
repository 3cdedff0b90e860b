#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Somebody sets the wall clock, hours forward and years back, while probes are under way. No path
# falls for it, no user moves, and a cut is seen as before: all that is judged by time is judged by a
# clock that nobody can set. Only where the machine is the test's own.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
[[ -n ${PT_OWN_CLOCK:-} ]] || skip_all "sets the clock of the machine: tests/lane/debian-6.1.sh does"

falls() { records "$1" failover | jq -s '[.[] | select(.type == "transition" and .to == "down")] | length'; }
moves() { records "$1" failover | jq -s '[.[] | select(.type == "switch" and .sites > 0)] | length'; }
rounds() { records "$1" probe | jq -s "[.[] | select(.type == \"health\" and .path == \"$1-fibre\")] | length"; }
rounds_since() { (($(rounds "$1") >= $2)); } # SIDE COUNT
lost() { # SIDE COUNT: the most that any round since then lost, ppm
	records "$1" probe | jq -s "[.[] | select(.type == \"health\" and .path == \"$1-fibre\")][$2:] |
		map(.loss_ppm // 0) | max"
}
rtts() { # SIDE COUNT: the longest round trip since then, us
	records "$1" probe | jq -s "[.[] | select(.type == \"health\" and .path == \"$1-fibre\")][$2:] |
		map(.rtt_us.max // 0) | max"
}
declare -A fell moved

edges_up interval_ms=1000 cooldown_s=1
for s in a b; do fell[$s]=$(falls $s) moved[$s]=$(moves $s); done
for step in '+3 hours' '-2 days' '+10 years' '-10 years'; do
	n=$(rounds a)
	must date -s "$step" >/dev/null
	check "$step: measured on" wait_until 60 rounds_since a $((n + 5))
	for s in a b; do
		is "$step: edge $s, paths that fell, users that moved" \
			"$(($(falls $s) - fell[$s])) $(($(moves $s) - moved[$s]))" "0 0"
		is "$step: edge $s" "$(status $s '.groups[0].uses + " " + ([.paths[].status] | join(" "))')" \
			"$s-fibre up up"
	done
	is "$step: nothing was lost, ppm" "$(lost a "$n")" 0
	between "$step: the longest round trip, us" "$(rtts a "$n")" 1 2000000
done
sever fibre
for s in a b; do check "a cut: edge $s sees it" wait_until 20 path_is $s $s-fibre down; done
must date -s '+1 hour' >/dev/null
heal fibre
for s in a b; do check "healed: edge $s uses it again" wait_until 60 uses $s $s-fibre; done
done_testing
