#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Paths that live by BFD: two edges with each other, and one with BIRD and FRR. A cut switches within
# the detection time, in the kernel; either end's word counts; an orderly end is no verdict.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
# shellcheck source=tests/net/lib-bfd.sh
. "$(dirname "$0")/lib-bfd.sh"

now_ns() { echo $(($(tr -d . </proc/uptime | cut -d' ' -f1) * 10000000)); }
causes() { # SIDE PATH NS: of its transitions since then
	records "$1" failover | jq -r --arg p "$2" --argjson t "$3" \
		'select(.type == "transition" and .path == $p and .mono_ns > $t) | .to + " " + .cause'
}
last_cause() { [[ $(causes "$1" "$2" "$3" | tail -n 1) = "$4" ]]; }
down_by() { [[ $(switch_after a "$1" | jq -r .cause) = "$2" ]]; }

PATH_MORE=("liveness: bfd" "liveness: bfd")
edges_up interval_ms=50
stream_start
hold 0.5
felt_nothing "steered by fibre"
is "the kernel follows both ends" "$(($(counter a bfd_sent) > 10)) $(($(counter a bfd_accepted) > 10))" "1 1"

sever fibre
for s in a b; do
	check "edge $s records the switch" wait_until 3 has_switched $s "$CUT_NS"
	record=$(switch_after $s "$CUT_NS")
	is "edge $s: from, to, cause" "$(jq -c '[.from, .to, .cause]' <<<"$record")" \
		"[\"$s-fibre\",\"$s-lte\",\"bfd-timeout\"]"
	between "edge $s: cut to verdict, us" \
		$((($(jq .detected_ns <<<"$record") - CUT_NS) / 1000)) 80000 190000
	between "edge $s: verdict to switch, us" \
		"$(jq '(.committed_ns - .detected_ns) / 1000 | floor' <<<"$record")" 0 100
done
felt_clean "silent cut" 200000
heal fibre
for s in a b; do check "edge $s: back after the cooldown" wait_until 15 uses $s $s-fibre; done

stream_mark
sever fibre:ab
for s in a b; do check "cut one way, edge $s switches" wait_until 3 has_switched $s "$CUT_NS"; done
is "whoever hears nothing tells the other" "$(for s in a b; do switch_after $s "$CUT_NS" | jq -r .cause; done | xargs)" \
	"bfd-down bfd-timeout"
felt_clean "one-way cut" 200000
heal fibre:ab
for s in a b; do check "edge $s: back again" wait_until 15 uses $s $s-fibre; done

# ---- processes ----

stream_mark
killed_ns=$(now_ns)
slay probe-a
check "without pt-probe at a, b misses it" wait_until 3 last_cause b b-fibre "$killed_ns" "down bfd-timeout"
check "and is silent itself, for a session that is down is slow" wait_until 3 last_cause a a-fibre "$killed_ns" "down bfd-timeout"
stream_mark
is "with no path left alive the last resort serves: lost" "$(mark_of ab lost) $(mark_of ba lost)" "0 0"
service_start a probe
for s in a b; do check "pt-probe again: all up at $s" wait_until 15 all_up $s; done
for s in a b; do check "and used by $s" wait_until 15 uses $s $s-fibre; done

ended_ns=$(now_ns)
reap probe-a
check "asked to end, it says so" wait_until 3 last_cause b b-fibre "$ended_ns" "down bfd-down"
hold 0.3
is "here nothing is judged" "$(causes a a-fibre "$ended_ns")$(status a '[.paths[].status] | join(" ")')" "up up"
stream_end

# ---- the other side speaks by another's mouth ----

with() { # bird|frr
	local cut_ns
	"$1_start" 100 0 1
	[[ -n ${PIDS[probe-a]:-} ]] || service_start a probe
	check "$1: its session is up" wait_until 20 far_is "$1" 10.9.0.1 up # until then nothing is judged
	check "$1: paths are up" wait_until 20 all_up a
	check "$1: and used" wait_until 15 uses a a-fibre
	sever fibre
	check "$1: a cut switches" wait_until 3 down_by "$CUT_NS" bfd-timeout
	between "$1: cut to verdict, us" \
		$((($(switch_after a "$CUT_NS" | jq .detected_ns) - CUT_NS) / 1000)) 190000 380000
	heal fibre
	check "$1: and back" wait_until 15 path_is a a-fibre up
	cut_ns=$(now_ns)
	"$2"
	check "$1: killed, the path is down" wait_until 3 last_cause a a-fibre "$cut_ns" "down bfd-timeout"
}
reap probe-b
if have_bird; then
	bird_slay() { slay bird; rm -f "$SCRATCH/bird.ctl"; }
	with bird bird_slay
else
	skip "failover with BIRD" "bird2 is not installed"
fi
if have_frr; then
	frr_slay() { slay bfdd; slay zebra; }
	with frr frr_slay
else
	skip "failover with FRR" "frr is not installed"
fi
((TAP_FAILED == 0)) || for s in a b; do
	records $s failover | jq -r 'select(.type == "transition") | .ts + " " + .path + " " + .to + " " + .cause' >&2
done
done_testing
