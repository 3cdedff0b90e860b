#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-select once, explain, check: what they say, how they exit.

# shellcheck disable=SC2154 # set by bats and select.bash
load select.bash

setup() {
	select_setup
}

teardown() {
	rm -rf "$D"
}

@test "once: one decision a site and policy, exit 0 when all have a path inside" {
	for t in {100..110}; do second "$t" 0; done >"$D/records"
	pt-select once "${files[@]}" <"$D/records" >"$D/out"
	[ "$(wc -l <"$D/out")" -eq 1 ]
	jq -e '.type == "decision" and .v == 1 and .site == "branch" and .policy == "voice"
		and .paths == ["hq-fibre", "hq-lte", "hq-sat"] and .previous == [] and .drop == false
		and .reason == "first decision; hq-fibre is in SLA (rtt p95 10 ms of 30 ms)"
		and (.rejected | length) == 2 and (.config | test("^[0-9a-f]{16}$"))
		and .seq == 1 and (.src | endswith("/pt-select")) and .mono_ns > 0
		and (.boot | length) == 36' "$D/out"
}

@test "once: files, in any order, and standard input give the same" {
	for t in {100..110}; do second "$t" 2; done >"$D/records"
	body='del(.ts, .mono_ns, .boot, .src, .seq)'
	pt-select once "${files[@]}" <"$D/records" | jq -c "$body" >"$D/a"
	head -n 16 "$D/records" >"$D/first"
	tail -n +17 "$D/records" >"$D/last"
	pt-select once "${files[@]}" "$D/last" "$D/first" | jq -c "$body" >"$D/b"
	pt-select once "${files[@]}" "$D/last" - <"$D/first" | jq -c "$body" >"$D/c"
	grep -q 'hq-fibre' "$D/a"
	cmp "$D/a" "$D/b"
	cmp "$D/a" "$D/c"
}

@test "once: exit 1 when a policy has no path inside its SLA" {
	for t in {100..110}; do
		for p in fibre lte sat; do health "$t" "hq-$p" 5 10000; done
	done >"$D/records"
	run --separate-stderr pt-select once "${files[@]}" "$D/records"
	[ "$status" -eq 1 ]
	[ "$stderr" = "pt-select: 1 of 1 decisions have no path inside the SLA, such as branch/voice" ]
	jq -e '.reason | contains("loss 50000 ppm over 10000 ppm for 3 s")' <<<"$output"
}

@test "once: a transition outranks healthy records" {
	for t in {100..110}; do second "$t" 0; done >"$D/records"
	echo '{"type":"transition","mono_ns":110000000000,"boot":"then","seq":1,"path":"hq-fibre","from":"up","to":"down","cause":"timeout"}' >>"$D/records"
	pt-select once "${files[@]}" "$D/records" >"$D/out"
	jq -e '.paths == ["hq-lte", "hq-sat", "hq-fibre"]
		and (.rejected[] | select(.path == "hq-fibre").why) == "down (timeout)"' "$D/out"
}

@test "once: malformed lines are told by number and skipped, unknown ones pass" {
	{
		second 100 0
		echo '{"type":"health",'
		echo '{"type":"weather","sky":"blue"}'
		echo '{"type":"health","path":"hq-fibre","mono_ns":1,"boot":"then","sent":"many"}'
		for t in {101..110}; do second "$t" 0; done | sed 's/{/{"new":[1],/'
	} >"$D/records"
	run --separate-stderr pt-select once "${files[@]}" "$D/records"
	[ "$status" -eq 0 ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[[ ${stderr_lines[0]} == "pt-select: $D/records:4: "*": skipped" ]]
	[[ ${stderr_lines[1]} == "pt-select: $D/records:6: health: "*": skipped" ]]
	jq -e '.paths[0] == "hq-fibre"' <<<"$output"
}

@test "once: no valid record at all is exit 2 and no decision" {
	run --separate-stderr pt-select once "${files[@]}" < <(printf 'hello\nworld\n')
	[ "$status" -eq 2 ]
	[ -z "$output" ]
	[ "${stderr_lines[-1]}" = "pt-select: not one valid record in the input: 2 lines skipped" ]
	run --separate-stderr pt-select once "${files[@]}" </dev/null
	[ "$status" -eq 2 ]
	[ -z "$output" ]
	[ "$stderr" = "pt-select: not one record in the input" ]
	run --separate-stderr pt-select once "${files[@]}" "$D/absent"
	[ "$status" -eq 2 ]
	[ "$stderr" = "pt-select: $D/absent: No such file or directory" ]
}

@test "once: a flood of bad lines is told up to a hundred times" {
	{
		second 100 0
		yes nonsense | head -n 5000
		second 101 0
	} >"$D/records"
	run --separate-stderr pt-select once "${files[@]}" "$D/records"
	[ "$status" -eq 0 ]
	[ "${#stderr_lines[@]}" -eq 101 ]
	[ "${stderr_lines[-1]}" = "pt-select: $D/records: further bad lines are skipped in silence" ]
}

@test "once: an output that takes nothing is exit 2" {
	second 100 0 >"$D/records"
	run --separate-stderr bash -c 'pt-select once "$@" >/dev/full' _ "${files[@]}" "$D/records"
	[ "$status" -eq 2 ]
	[ "$stderr" = "pt-select: record output: No space left on device" ]
}

@test "once: an order in force is the incumbent" {
	for t in {100..110}; do second "$t" 0; done >"$D/records"
	echo '{"type":"decision","mono_ns":99000000000,"boot":"then","site":"branch","policy":"voice","paths":["hq-sat","hq-fibre","hq-lte"],"previous":["hq-fibre","hq-lte","hq-sat"],"reason":"test"}' >"$D/decision"
	pt-select once "${files[@]}" "$D/decision" "$D/records" >"$D/out"
	# fibre is preferred, and has to wait for its cooldown
	jq -e '.paths[0] == "hq-sat" and .previous[0] == "hq-sat"
		and (.rejected[] | select(.path == "hq-fibre").why | contains("waits for 20 s"))' "$D/out"
}

@test "explain: every candidate, its place and why (golden)" {
	{
		for t in {100..108}; do second "$t" 0; done
		for t in {109..111}; do
			health "$t" hq-fibre 3 10400
			health "$t" hq-lte 0 12000
		done
	} >"$D/records"
	pt-select explain "${files[@]}" branch voice "$D/records" | sed 's/ *$//' >"$D/out"
	cat >"$D/want" <<-'TEXT'
		branch/voice: ordered, loss at most 10000 ppm, rtt p95 at most 30 ms; fails on 3.0 s, recovers on 10.0 s, cooldown 20.0 s, margin 10 %
		decision: first decision; hq-lte is in SLA (rtt p95 12 ms of 30 ms)

		#  PATH      STATE       LOSS ppm  RTT p95 ms  JITTER ms  SCORE  AGE s  WHY
		1  hq-lte    in SLA             0        12.0        0.3   86.2    0.1  in SLA (rtt p95 12 ms of 30 ms)
		2  hq-fibre  out of SLA     30000        10.4        0.3   49.6    0.1  loss 30000 ppm over 10000 ppm for 3 s
		3  hq-sat    stale              0        28.0        0.3      -    3.1  stale: no record for 3.1 s
	TEXT
	diff -u "$D/want" "$D/out"
	pt-select explain --json "${files[@]}" branch voice "$D/records" | jq -e '
		.candidates | length == 3 and .[0].path == "hq-lte" and .[0].rtt_p95_us == 12000
		and .[1].state == "out of SLA" and .[1].loss_ppm == 30000'
}

@test "explain: reads a spool, whose silence counts" {
	mkdir "$D/spool"
	second now 0 >"$D/spool/00000000000000000001.ndjson"
	pt-select explain "${files[@]}" --from "$D/spool" branch voice | grep -q '^1  hq-fibre  in SLA '
	for p in fibre lte sat; do
		stamp=2020-01-01T00:00:00.0Z health now "hq-$p" 0 10000
	done >"$D/spool/00000000000000000001.ndjson"
	pt-select explain "${files[@]}" --from "$D/spool" branch voice | grep -q '^1  hq-fibre  stale '
}

@test "explain: an unknown site or policy names those there are" {
	second 100 0 >"$D/records"
	run --separate-stderr pt-select explain "${files[@]}" moon voice "$D/records"
	[ "$status" -eq 2 ]
	[ "$stderr" = "pt-select: no path from hq to a site 'moon': there are some to branch" ]
	run --separate-stderr pt-select explain "${files[@]}" branch video "$D/records"
	[ "$status" -eq 2 ]
	[ "$stderr" = "pt-select: no policy 'video': one of voice" ]
	run pt-select explain "${files[@]}" branch
	[ "$status" -eq 64 ]
}

@test "check: good files are exit 0 and silent, -v shows what is in effect" {
	run pt-select check "${files[@]}"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run pt-select check -v "${files[@]}"
	[ "$status" -eq 0 ]
	[[ $output == *"hq"*"3.0 s"*"10.0 s"* ]]
	[[ $output == *"branch  voice   ordered      10000      30          -        2        10    20.0 s  hq-fibre,hq-lte,hq-sat"* ]]
	pt-select check --json --short 5s --long 1m "${files[@]}" | jq -e '
		.values[0].short_window_ns == 5000000000 and .values[0].long_window_ns == 60000000000
		and .groups[0].paths == ["hq-fibre", "hq-lte", "hq-sat"]'
}

@test "check: an edge without a path is told" {
	sed 's/^edge: hq/edge: branch/' "$D/config.yaml" >"$D/branch.yaml"
	run --separate-stderr pt-select check --config "$D/branch.yaml" --network "$D/network.yaml"
	[ "$status" -eq 0 ]
	[ "$stderr" = "pt-select: $D/network.yaml: no path starts at site branch: there is nothing to decide" ]
}

@test "check: bad files are exit 2 and one line with the place" {
	printf 'sites: [{id: hq\n' >"$D/broken.yaml"
	run --separate-stderr pt-select check --config "$D/config.yaml" --network "$D/broken.yaml"
	[ "$status" -eq 2 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "pt-select: $D/broken.yaml:"* ]]
	sed 's/strategy:/stratagem:/' "$D/network.yaml" >"$D/unknown.yaml"
	run --separate-stderr pt-select check --config "$D/config.yaml" --network "$D/unknown.yaml"
	[ "$status" -eq 2 ]
	[[ $stderr == "pt-select: $D/unknown.yaml:13:"*stratagem* ]]
	echo 'edge: nowhere' >"$D/elsewhere.yaml"
	run --separate-stderr pt-select check --config "$D/elsewhere.yaml" --network "$D/network.yaml"
	[ "$status" -eq 2 ]
	[ "$stderr" = "pt-select: $D/network.yaml: no site has the edge 'nowhere' that $D/elsewhere.yaml names" ]
	run --separate-stderr pt-select once --short 10 --long 2 "${files[@]}"
	[ "$status" -eq 2 ]
	run --separate-stderr pt-select once --short soon "${files[@]}"
	[ "$status" -eq 64 ]
	[ "$stderr" = "pt-select: once: --short 'soon' is no time from 100ms to 24h" ]
}
