#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A path swallows every packet, its carrier stays: users of both directions, IPv4 and IPv6, hear at
# most 40 ms of silence at 10 ms x 3, and come back when it heals.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up
stream_start
spawn six "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src fd00:1::2 --dst fd00:2::2 \
	--port 5010 --both --json
hold 0.5
felt_nothing "steered by fibre"

sever fibre
for s in a b; do
	check "edge $s records the switch" wait_until 3 has_switched $s "$CUT_NS"
	record=$(switch_after $s "$CUT_NS")
	is "edge $s: from, to, cause" "$(jq -c '[.from, .to, .cause]' <<<"$record")" \
		"[\"$s-fibre\",\"$s-lte\",\"timeout\"]"
	between "edge $s: cut to verdict, us" \
		$((($(jq .detected_ns <<<"$record") - CUT_NS) / 1000)) 10000 38000
	between "edge $s: verdict to switch, us" \
		"$(jq '(.committed_ns - .detected_ns) / 1000 | floor' <<<"$record")" 0 100
	is "edge $s: the lost path is down, the other up" \
		"$(path_state $s $s-fibre) $(path_state $s $s-lte)" "down up"
done
felt_clean "silent cut" 40000
hold 0.5
felt_nothing "on lte"

heal fibre
healed_ms=$((${EPOCHREALTIME/[.,]/} / 1000))
for s in a b; do
	check "edge $s: back after the cooldown" wait_until 10 uses $s $s-fibre
done
between "the cooldown of 1 s was kept, ms" $((${EPOCHREALTIME/[.,]/} / 1000 - healed_ms)) 1000 3000
on_fibre() {
	stream_mark
	hold 0.1
	stream_mark
	(($(mark_of ab delay_mean_us) < 2000 && $(mark_of ba delay_mean_us) < 2000))
}
check "users are on fibre again" wait_until 5 on_fibre
stream_end
for dir in ab ba; do
	is "$dir: nothing doubled in the whole run" "$(final_of $dir duplicated)" 0
done
signal six TERM
wait_until 5 finished six
for dir in ab ba; do
	between "IPv6 $dir: longest outage of the whole run, us" \
		"$(jq "select(.type == \"final\" and .dir == \"$dir\") | .gap_send_us" "$SCRATCH/six.out")" \
		10000 40000
done

for s in a b; do
	edge_stop $s
	is "services of edge $s end well when asked" "$BADLY" ""
done
for s in a b; do
	is "edge $s: pt-db kept the switch and what followed" \
		"$(kept $s 'SELECT from_path_id, to_path_id, cause FROM switches ORDER BY mono_ns LIMIT 1')" \
		"$s-fibre,$s-lte,timeout"
	is "edge $s: and both changes of the path" "$(kept $s "SELECT group_concat(to_status, ' ') FROM
		(SELECT to_status FROM (SELECT to_status, mono_ns FROM transitions WHERE path_id = '$s-fibre'
		ORDER BY mono_ns DESC LIMIT 2) ORDER BY mono_ns)")" "down up"
done
done_testing
