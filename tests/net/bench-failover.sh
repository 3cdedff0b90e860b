#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pt-bench failover measures something real, says all that a record must say, and leaves nothing.
. "$(dirname "$0")/lib.sh"
need_bpffs
[[ $(id -u) = 0 ]] || skip_all "needs root"
out=$SCRATCH/out err=$SCRATCH/err

leftovers() { # PID: namespaces, pins and files of that benchmark
	ls -d "/run/netns/pt-bench-$1-"* "/sys/fs/bpf/pt-bench-$1" 2>/dev/null
	ip netns list | grep "pt-bench-$1-"
}
nothing_left() { [[ -z $(leftovers "$1") ]]; }
export TMPDIR=$SCRATCH # so that only ours are counted
scratch_dirs() { find "$SCRATCH" -maxdepth 1 -name 'pt-bench-*' | wc -l; }
value() { jq -s --arg m "$1" "map(select(.metric == \$m))[0].$2" "$out"; }

# A miss of a target on a busy machine is an answer (1), not a failure (2).
"$BIN/pt-bench" failover --iterations 3 --interval 10ms --json >"$out" 2>"$err" &
bench=$!
wait "$bench"
status=$?
check "exit 0 or 1" test "$status" -le 1
[[ $status -le 1 ]] || note "$(cat "$err")"
is "words on stderr: none" "$(cat "$err")" ""
check "nothing left behind" nothing_left "$bench"
is "no scratch files left" "$(scratch_dirs)" 0
is "metrics" "$(jq -r .metric "$out" | paste -sd,)" \
	outage_p50,outage_max,outage_all_p50,detect_p50,switch_max,first_packet_p99,lost_p50,disorder_max
is "fields" "$(jq -r 'keys_unsorted | join(",")' "$out" | sort -u)" \
	"type,v,ts,mono_ns,boot,src,seq,workload,metric,value,unit,median,min,max,spread,runs,baseline,baseline_name,ratio,ratio_min,ratio_max,target,target_of,pass,skipped"
is "one workload" "$(jq -r '.type + " " + .workload' "$out" | sort -u)" "bench failover-10ms-x3-1p"
is "three runs, beside the daemon" "$(jq -r 'select(.baseline != null) | "\(.runs) \(.baseline_name)"' "$out" | sort -u)" \
	"3 daemon"

# Three unanswered probes at 10 ms: never below two intervals; the upper bounds are for sanity only.
between "outage p50, us" "$(value outage_p50 value)" 19000 150000
between "outage of the daemon, us" "$(value outage_p50 baseline)" 19000 400000
between "detection, us" "$(value detect_p50 value)" 19000 150000
check "detected before the traffic was back" \
	test "$(value detect_p50 min)" -lt "$(value outage_p50 max)"
between "verdict to switch, ns" "$(value switch_max value)" 1 1000000
between "packets lost at 10 a millisecond" "$(value lost_p50 value)" 180 1500
is "nothing twice, nothing overtaken" "$(value disorder_max value)" 0
is "pass says what the exit status says" \
	"$(jq -s 'if any(.pass == false) then 1 else 0 end' "$out")" "$status"
is "a verdict is the comparison with its target" \
	"$(jq -s 'all(if .target == null then .pass == null else .pass == (.value <= .target) end)' "$out")" true
between "first packet after the switch, ns" "$(value first_packet_p99 value)" 1 5000000
like "one prefix has no crowd" "$(value outage_all_p50 skipped)" sample
is "ratio is value over baseline" \
	"$(jq -s 'all(if .ratio == null then (.baseline // 0) == 0 else ((.ratio * .baseline - .value) | fabs) <= 1 + .baseline * 1e-6 end)' "$out")" true

# Somebody else's daemons, many sites and prefixes: everybody who was cut off is back.
if command -v bird >/dev/null; then
	"$BIN/pt-bench" failover -n 2 -i 10ms -p 400 --sites 200 --baseline "$TOP/bench/bird" --json \
		>"$out" 2>"$err"
	check "beside BIRD: exit 0 or 1" test $? -le 1
	is "beside BIRD: words on stderr: none" "$(cat "$err")" ""
	is "beside BIRD: who, and what" "$(jq -r 'select(.metric == "outage_p50") |
		"\(.workload) \(.baseline_name)"' "$out")" "failover-10ms-x3-400p-200s bird"
	for metric in outage_p50 outage_all_p50; do
		between "$metric, us" "$(value $metric value)" 19000 150000
		between "$metric of BIRD, us" "$(value $metric baseline)" 15000 2000000
	done
	between "first packet of any user, ns" "$(value first_packet_p99 value)" 1 5000000
	is "nothing of it runs on" "$(pgrep -f "^bird .*$SCRATCH")" ""
else
	skip "beside BIRD" "no bird on this machine (make deps-bench)"
fi
"$BIN/pt-bench" failover -n 1 --baseline "$SCRATCH/nobody" >"$out" 2>"$err"
is "a baseline that is not there: exit 2" "$?" 2
like "named" "$(cat "$err")" "$SCRATCH/nobody: No such file"

# Interrupted in the middle: one line, cleaned up.
"$BIN/pt-bench" failover --iterations 1000 --baseline none >"$out" 2>"$err" &
bench=$!
some_scratch() { [[ $(scratch_dirs) = 1 ]]; }
check "scratch files while it runs" wait_until 20 some_scratch
wait_until 20 test -e "/sys/fs/bpf/pt-bench-$bench/plane"
kill -INT "$bench"
wait "$bench"
is "interrupted: exit 2" "$?" 2
is "one line says so" "$(cat "$err")" "pt-bench: interrupted"
check "and leaves nothing" nothing_left "$bench"
is "nor scratch files" "$(scratch_dirs)" 0

# A tool that is not there.
"$BIN/pt-bench" failover --iterations 1 --tools "$SCRATCH" >"$out" 2>"$err"
is "missing tools: exit 2" "$?" 2
is "named" "$(cat "$err")" "pt-bench: $SCRATCH/pt-probe: No such file or directory"
done_testing
