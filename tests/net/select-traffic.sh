#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Decisions move user traffic: a WAN that grows slow without dying loses it by its SLA, gets it back
# after the cooldown, and a cut that the kernel answers is followed by the decision.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"

# A packet late by less than 200 ms is late, and no cut.
edges_up check_ms=200 threshold=20 cooldown_s=2 sla='{ rtt_ms: 50 }'
decided() { # SIDE PATH: first of the newest decision
	[[ $(decisions "$1" | tail -n 1 | jq -r '.paths[0]') = "$2" ]]
}
both() { "$1" a "a-$2" && "$1" b "b-$2"; } # CONDITION WAN
reason() { decisions "$1" | tail -n 1 | jq -r .reason; } # SIDE
because() { [[ $(reason "$1") =~ $2 ]]; } # SIDE REGEX

wait_until 10 both decided fibre || bail "no decision: $(cat "$SCRATCH"/select-?.err)"
stream_start --interval-us 1000
check "traffic starts on the preferred WAN" both uses fibre

# ---- slow, not dead ----
for ((us = 1000; us <= 40000; us += 3000)); do
	relay_set fibre delay_us=$us
	hold 0.05
done
check "a slow WAN loses the traffic, both ways" wait_until 10 both uses lte
like "by its SLA" "$(reason a)" '^a-fibre: rtt p95 ([0-9.]+ ms over 50 ms|[0-9]+ us over 50000 us) for [0-9.]+ s; a-lte is in SLA'
check "and not because the kernel saw it dead" path_is a a-fibre up
relay_set fibre delay_us=1000
check "it gets it back after the cooldown" wait_until 20 both uses fibre
like "and says why" "$(reason a)" \
	'^a-fibre is in SLA \(rtt p95 [0-9.]+ ms of 50 ms\) again for [0-9.]+ s and stands before a-lte'
stream_mark
is "no packet was lost on the way there and back" "$(mark_of ab lost) $(mark_of ba lost)" "0 0"

# ---- dead: the kernel first, the decision after ----
sever fibre
check "a cut is the kernel's" wait_until 5 both uses lte
check "the decision follows" wait_until 5 both decided lte
check "and names the kernel's word or the silence, whichever came first" \
	because a '^a-fibre(: no answer to| is down \(timeout\)|: rtt|: loss)'
heal fibre
check "and back" wait_until 30 both uses fibre

# ---- the orders stand without those who gave them ----
slay select-a
slay select-b
stream_mark
edge_start_select() {
	local s=$1 spool=$SCRATCH/$1/spool
	# shellcheck disable=SC2046 # words
	spawn "select-$s" "$BIN/pt-select" watch $(files_of "$s") --from "$spool/probe" \
		"$spool/failover" --spool "$spool/select"
}
before=$(decisions a | wc -l)
edge_start_select a
edge_start_select b
hold 2
is "a restarted pt-select decides nothing new" "$(decisions a | wc -l)" "$before"
stream_mark
is "and no packet was lost" "$(mark_of ab lost) $(mark_of ba lost)" "0 0"

# ---- decided while nobody was there to do it ----
slay failover-a
for ((us = 1000; us <= 40000; us += 3000)); do
	relay_set fibre delay_us=$us
	hold 0.05
done
check "pt-select decides without pt-failover" wait_until 5 decided a a-lte
check "which nobody carries out" uses a a-fibre
# shellcheck disable=SC2046 # words
spawn failover-a "$BIN/pt-failover" watch $(edge_opts a) $(files_of a) \
	--from "$SCRATCH/a/spool/select" --spool "$SCRATCH/a/spool/failover"
check "until it is back" wait_until 5 uses a a-lte
stream_end
for s in a b; do
	edge_stop $s
	is "edge $s: all services end well" "$BADLY" ""
	edge_detach $s
done
done_testing
