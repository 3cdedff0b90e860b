#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every switch tells its whole story by the kernel's clock: last reply, verdict, commit, first user
# packet on the new path, first answered probe on it; and what the lost path's probes looked like.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up
printf 'metrics:\n  export_interval_secs: 1\n' >>"$SCRATCH/a/config.yaml"
signal failover-a HUP
stream_start
hold 0.3

# switch_of SIDE WAN NS: the first switch to this WAN committed after that time
switch_of() {
	records "$1" failover | jq -c --arg to "$1-$2" --argjson t "$3" \
		'select(.type == "switch" and .to == $to and .committed_ns > $t)' | head -n 1
}
has_switch() { [[ -n $(switch_of "$@") ]]; }
stamps() { jq -r '[.last_reply_ns, .detected_ns, .committed_ns, .first_packet_ns, .first_reply_ns] | tostring' <<<"$1"; }
# in_order RECORD WITH-VERDICT: nothing is missing, nothing comes before its cause.
in_order() {
	jq -e --argjson verdict "$2" '(if $verdict then .last_reply_ns > 0 and
		.last_reply_ns <= .detected_ns and .detected_ns <= .committed_ns
		else .last_reply_ns == null and .detected_ns == null end) and
		.committed_ns <= .first_packet_ns and .first_packet_ns <= .first_reply_ns' <<<"${1:-null}" >/dev/null
}
tells() { # NAME WAN SINCE-NS WITH-VERDICT; LAST: the record of edge a
	local s
	for s in b a; do
		check "$1: edge $s records the switch" wait_until 5 has_switch $s "$2" "$3"
		LAST=$(switch_of $s "$2" "$3")
		check "$1: edge $s, stamps in order: $(stamps "$LAST")" in_order "$LAST" "$4"
		# A packet a millisecond leaves; probes every 10 ms take 6 ms to and fro; this machine stalls.
		between "$1: edge $s, commit to first packet, us" \
			"$(jq '(.first_packet_ns - .committed_ns) / 1000 | floor' <<<"$LAST")" 0 20000
		between "$1: edge $s, first packet to first reply, us" \
			"$(jq '(.first_reply_ns - .first_packet_ns) / 1000 | floor' <<<"$LAST")" 0 40000
	done
}

sever fibre
tells "silent cut" lte "$CUT_NS" true
box() { jq "$1" <<<"$LAST"; }
between "the black box holds the path's last probes" "$(box '.probes | length')" 30 256
check "their times rise" jq -e '[.probes[].sent_ns] | . == sort' <<<"$LAST"
is "those before the cut were answered" \
	"$(box "[.probes[] | select(.sent_ns < $CUT_NS - 9000000 and .rtt_us == null)] | length")" 0
is "and none after it" "$(box "[.probes[] | select(.sent_ns > $CUT_NS and .rtt_us != null)] | length")" 0
between "three of these at least are the verdict" \
	"$(box ".detected_ns as \$d | [.probes[] | select(.rtt_us == null and .sent_ns < \$d)] | length")" 3 100
HEALED_NS=$(jq .committed_ns <<<"$LAST")
is "the cause is the watchdog" "$(box .cause)" '"timeout"'
heal fibre
tells "and back, as user space commits" fibre "$HEALED_NS" false

# No traffic: nothing to stamp but the reply.
stream_end
hold 0.2
sever fibre
quiet() { records a failover | jq -e --argjson t "$CUT_NS" 'select(.type == "switch" and .cause == "timeout" and
	.detected_ns > $t)' >/dev/null; }
check "a cut without traffic is recorded" wait_until 5 quiet
record=$(switch_of a lte "$CUT_NS")
is "without a first packet" "$(jq .first_packet_ns <<<"$record")" null
check "but with the first reply after the commit" jq -e '.first_reply_ns >= .committed_ns' <<<"$record"
like "in words" "$("$BIN/pt-failover" events --from "$SCRATCH/a/spool/failover")" \
	'moved from a-fibre to a-lte \(timeout\), detected after [0-9.]+ ms, switched in [0-9.]+ (ns|us), first packet after [0-9.]+ (us|ms), first reply after [0-9.]+ ms'
drawn=$("$BIN/pt-failover" events --draw --from "$SCRATCH/a/spool/failover")
like "and drawn" "$drawn" 'last reply -+ [0-9.]+ m?s -+> verdict -+ [0-9.]+ (ns|us) -+> commit -+ [0-9.]+ (us|ms) -+> first packet -+ [0-9.]+ ms -+> first reply'
like "with the probes" "$drawn" 'probes \.+x+'
# As histograms: two cuts, the second without a packet; the way back was no verdict.
stats() { records a failover | jq -s "[.[] | select(.type == \"stats\")] | last | $1"; }
counted() { [[ $(stats '"\(.detection_us.count) \(.switch_ns.count) \(.outage_us.count)"') = '"2 2 1"' ]]; }
check "histograms count the switches" wait_until 5 counted
between "detection, the sum of both, us" "$(stats .detection_us.sum)" 40000 120000
between "verdict to commit, the sum of both, ns" "$(stats .switch_ns.sum)" 100 200000
between "outage, us" "$(stats .outage_us.sum)" 20000 90000
is "buckets add up" "$(stats '[.detection_us.buckets[][1]] | add')" 2
spawn again "$BIN/pt-failover" status --pin-dir "$(pin_dir a)" --watch 1
twice() { (($(grep -c '^PATH' "$SCRATCH/again.out") >= 2)); }
check "status is shown again and again" wait_until 5 twice
check "until it is told to end" reap again
done_testing
