#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What holds paths back and what does not: each fall doubles the wait, the operator's word outlives
# restarts and reboots, and nothing that pt-failover holds outlives a dead pt-failover.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
declare -a before
edges_up

blocked() { status a ".paths[] | select(.path == \"$1\") | .blocked"; }
blocked_is() { [[ $(blocked "$1") = "$2" ]]; } # PATH REASON
by_hand() { # OPTION... PATH...
	# shellcheck disable=SC2046 # words
	"$BIN/pt-failover" switch -q --pin-dir "$(pin_dir a)" $(state_opts a) "$@"
}
order() { status a '.groups[0].paths | join(",")'; }
moved_by_hand() { records a failover | grep '"type":"switch"' | grep -q '"cause":"manual"'; }
fell_and_came() { # the hold of a-fibre after a cut, ms
	local from
	sever fibre
	wait_until 3 path_is a a-fibre down
	heal fibre
	wait_until 3 path_is a a-fibre up
	from=${EPOCHREALTIME/[.,]/}
	wait_until 10 blocked_is a-fibre null
	echo $(((${EPOCHREALTIME/[.,]/} - from) / 1000))
}
between "the first hold, ms" "$(fell_and_came)" 800 1500
between "the second is twice as long, ms" "$(fell_and_came)" 1800 2700

# By hand: told at once, and no older decision undoes it.
check "traffic is back" wait_until 5 uses a a-fibre
by_hand a-lte
check "a switch by hand is recorded at once" wait_until 1 moved_by_hand
by_hand --block a-fibre
reap failover-a
service_start a failover
wait_until 5 path_is a a-lte up
hold 0.3
is "a restart keeps the order given by hand" "$(order)" a-lte,a-fibre
is "and the block" "$(blocked a-fibre)" manual

# A reboot: another boot id, an empty kernel.
edge_stop a
must edge_detach a
sed -i 's/"boot": "[^"]*"/"boot": "00000000-0000-0000-0000-000000000000"/; s/"mono_ns": [0-9]*/"mono_ns": 1/' \
	"$SCRATCH/a/state/failover.json"
edge_attach a || bail "attach: $(cat "$SCRATCH/a/attach.err")"
is "a reboot keeps the order given by hand" "$(order)" a-lte,a-fibre
is "and the block" "$(blocked a-fibre)" manual
between "and what earlier falls add" "$(jq '.paths."a-fibre".figure' "$SCRATCH/a/state/failover.json")" 1500 2000
by_hand --unblock a-fibre
by_hand a-fibre
must edge_detach a
echo '{' >"$SCRATCH/a/state/failover.json"
edge_attach a || bail "attach with a broken state file: $(cat "$SCRATCH/a/attach.err")"
like "a broken state file is told and does no harm" "$(cat "$SCRATCH/a/attach.err")" 'not restored: .*failover.json:'
edge_start a
wait_until 10 all_up a || bail "edge a does not come up"

# The third hold takes long; its keeper dies.
fell_and_came >/dev/null
sever fibre
wait_until 3 path_is a a-fibre down
heal fibre
check "held back" wait_until 3 blocked_is a-fibre damped
slay failover-a
check "free without its keeper" wait_until 9 blocked_is a-fibre null
service_start a failover
wait_until 5 path_is a a-fibre up
hold 0.3
is "the next keeper does not take it back" "$(blocked a-fibre)" null

carrier 0 down
check "no carrier" wait_until 3 blocked_is a-fibre carrier
slay failover-a
carrier 0 up
check "the carrier comes back to nobody: free, and alive" wait_until 9 path_is a a-fibre up
service_start a failover
wait_until 5 path_is a a-fibre up

# Everybody stands still for longer than the lease runs.
hold 1
for s in a b; do before[$(site_of $s)]=$(records $s failover | grep -c transition); done
for s in a b; do
	for name in "${SERVICES[@]}"; do [[ $name = reflect ]] || signal "$name-$s" STOP; done
done
hold 6
for s in a b; do
	for name in "${SERVICES[@]}"; do [[ $name = reflect ]] || signal "$name-$s" CONT; done
done
hold 1.5
for s in a b; do
	is "edge $s: 6 s of standstill are no transition" "$(records $s failover | grep -c transition)" \
		"${before[$(site_of $s)]}"
	is "edge $s: all is as it was" "$(status $s '[.paths[] | .status + .blocked] | join(" ")')" "up up"
done
done_testing
