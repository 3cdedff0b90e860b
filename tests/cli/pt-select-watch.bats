#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-select watch: live in pipes and on spools, across reloads and restarts.

# shellcheck disable=SC2154 # set by bats and select.bash
load select.bash

setup() {
	select_setup
	pids=()
}

teardown() {
	exec 9>&- || :
	for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || :; done
	rm -rf "$D"
}

# A pt-select watch that reads what is written to descriptor 9.
start_watch() { # OPTION...
	mkfifo "$D/in"
	pt-select watch "${files[@]}" "$@" <"$D/in" >"$D/out" 2>"$D/err" 9>&- 3>&- &
	pids+=($!)
	exec 9>"$D/in"
}

@test "watch: decides while it runs, ends with its input" {
	start_watch
	second now 0 >&9
	await lines_in "$D/out" 1
	jq -e '.paths[0] == "hq-fibre"' "$D/out"
	second now 50 >&9
	second now 50 >&9
	await lines_in "$D/out" 2
	tail -n 1 "$D/out" | jq -e '.paths == ["hq-lte", "hq-sat", "hq-fibre"]
		and .previous == ["hq-fibre", "hq-lte", "hq-sat"]
		and (.reason | startswith("hq-fibre: loss "))'
	exec 9>&-
	wait "${pids[0]}"
	[ ! -s "$D/err" ]
}

@test "watch: silence is noticed without new records, and moves nothing" {
	start_watch
	second now 0 >&9
	await lines_in "$D/err" 1
	grep -qx 'pt-select: hq-.* and 2 more paths to branch: no fresh health records: they keep their places' "$D/err"
	[ "$(wc -l <"$D/out")" -eq 1 ]
}

@test "watch: without any data the configured order comes after the short window" {
	start_watch --short 200ms
	await lines_in "$D/out" 1
	jq -e '.reason == "no data yet: configured order" and .paths[0] == "hq-fibre"' "$D/out"
}

@test "watch: stats tell what was read and decided" {
	printf 'metrics:\n  export_interval_secs: 1\n' >>"${files[1]}"
	start_watch
	second now 0 >&9
	echo 'no record' >&9
	await grep -q '"stats"' "$D/out"
	grep '"stats"' "$D/out" | head -n 1 | jq -e '.records == 3 and .malformed == 1 and .decisions == 1
		and .reloads == 0 and .cpu_us > 0 and .select_us.count >= 1
		and .select_us.count == ([.select_us.buckets[][1]] | add)'
}

@test "watch: SIGHUP reloads, a bad file changes nothing" {
	start_watch
	second now 0 >&9
	await lines_in "$D/out" 1
	cp "$D/network.yaml" "$D/good.yaml"
	echo 'nonsense: true' >>"$D/network.yaml"
	kill -HUP "${pids[0]}"
	await lines_in "$D/err" 1
	grep -q "network.yaml:.*nonsense.*: the old configuration stays$" "$D/err"
	sed 's/margin_percent: 10//; s/cooldown_secs: 20/cooldown_secs: 0, prefer: [sat, fibre]/' \
		"$D/good.yaml" >"$D/network.yaml"
	kill -HUP "${pids[0]}"
	await lines_in "$D/out" 2
	tail -n 1 "$D/out" | jq -e '.paths == ["hq-sat", "hq-fibre", "hq-lte"]
		and (.reason | startswith("configuration changed; "))'
	[ "$(jq -s 'map(.config) | unique | length' "$D/out")" -eq 2 ]
	kill -TERM "${pids[0]}"
	wait "${pids[0]}"
}

@test "watch: a record from the future is refused, time goes on" {
	start_watch
	echo '{"type":"health","ts":"2099-01-01T00:00:00.000000Z","path":"hq-fibre","target":"192.0.2.1","family":"ipv4","probe":"stamp","window_ms":1000,"sent":100,"received":0}' >&9
	await lines_in "$D/err" 1
	grep -q 'stdin:1: health: [0-9]* s in the future: skipped' "$D/err"
	second now 0 >&9
	await lines_in "$D/out" 1
	jq -e '.reason | startswith("first decision; hq-fibre is in SLA")' "$D/out"
}

@test "watch: a reader that leaves ends it at once and without a word" {
	mkfifo "$D/in" "$D/pipe"
	pt-select watch "${files[@]}" <"$D/in" >"$D/pipe" 2>"$D/err" 3>&- &
	pids+=($!)
	exec 9>"$D/in" 8<"$D/pipe"
	second now 0 >&9
	read -r line <&8
	jq -e '.type == "decision"' <<<"$line"
	exec 8<&-
	wait "${pids[0]}" # its input is still open
	[ ! -s "$D/err" ]
}

# Puts records into a spool as a stage would.
spool_put() { # STAGE, records on standard input
	mkdir -p "$D/spool/$1"
	cat >>"$D/spool/$1/00000000000000000001.ndjson"
}

start_service() {
	pt-select watch "${files[@]}" --from "$D/spool/probe" "$D/spool/failover" \
		--spool "$D/spool/select" >>"$D/out" 2>"$D/err" 3>&- &
	pids=($!)
}

@test "watch on spools: transitions join in, SIGKILL and restart move nothing" {
	mkdir -p "$D/spool/failover"
	second now 0 | spool_put probe
	start_service
	await lines_in "$D/out" 1
	printf '{"type":"transition","ts":"%s","seq":1,"path":"hq-fibre","from":"up","to":"down","cause":"timeout"}\n' \
		"$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" | spool_put failover
	await lines_in "$D/out" 2
	tail -n 1 "$D/out" | jq -e '.paths == ["hq-lte", "hq-sat", "hq-fibre"]
		and (.reason | startswith("hq-fibre is down (timeout); hq-lte is in SLA"))'
	cmp "$D/out" "$D/spool/select/00000000000000000001.ndjson"
	kill -9 "${pids[0]}"
	wait "${pids[0]}" || :
	printf '{"type":"transition","ts":"%s","seq":2,"path":"hq-fibre","from":"down","to":"up","cause":"reply"}\n' \
		"$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" | spool_put failover
	start_service
	second now 0 | spool_put probe
	# lte stays first though fibre is preferred and well: it waits for its cooldown
	sat_down=$(printf '{"type":"transition","ts":"%s","seq":3,"path":"hq-sat","from":"up","to":"down","cause":"timeout"}' \
		"$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)")
	spool_put failover <<<"$sat_down"
	await lines_in "$D/out" 3
	tail -n +3 "$D/out" | jq -es 'all(.paths[0] == "hq-lte")'
	pt-select explain "${files[@]}" branch voice "$D/spool/probe" "$D/spool/failover" \
		"$D/spool/select" | grep -q '^1  hq-lte .*in SLA'
	kill -TERM "${pids[0]}"
	wait "${pids[0]}"
}
