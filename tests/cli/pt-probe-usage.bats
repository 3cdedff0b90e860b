#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-probe refuses what it cannot mean, in one line, before it sends anything.
# shellcheck disable=SC2154 # run sets stderr and stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	probe=$PT_BUILD/bin/pt-probe
	[ -x "$probe" ]
}

refused() { # WORDS-OF-THE-LINE ARGS...
	local want=$1
	shift
	run --separate-stderr timeout 5 "$probe" "$@"
	echo "pt-probe $*: $status: $stderr"
	[ "$status" -eq 64 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "pt-probe: "*"$want"* ]]
}

@test "ping refuses what is no number, time, class or port" {
	refused "needs HOST" ping </dev/null
	refused "needs HOST" ping -f <(echo "# nobody")
	refused "--auth-key is for --stamp" ping --auth-key /dev/null 127.0.0.1
	refused "--direction is for --stamp" ping --direction 127.0.0.1
	refused "--mark: '0'" ping -m 0 127.0.0.1
	refused "--mark: '0x'" ping -m 0x 127.0.0.1
	refused "--mark: '0x1g'" ping -m 0x1g 127.0.0.1
	refused "--mark: '0x100000000'" ping -m 0x100000000 127.0.0.1
	refused "--source: 'here'" ping -S here 127.0.0.1
	refused "--source: not an IPv6 address" ping -6 -S 127.0.0.1 ::1
	refused "--count: '0'" ping -c 0 127.0.0.1
	refused "--count: '-1'" ping -c -1 127.0.0.1
	refused "--count: '3x'" ping -c 3x 127.0.0.1
	refused "--interval: '10us'" ping -i 10us 127.0.0.1
	refused "--interval: 'fast'" ping -i fast 127.0.0.1
	refused "--timeout: '2h'" ping -W 2h 127.0.0.1
	refused "--size: '65001'" ping -s 65001 127.0.0.1
	refused "--dscp: '64'" ping --dscp 64 127.0.0.1
	refused "--ttl: '0'" ping --ttl 0 127.0.0.1
	refused "--stamp: '65536'" ping --stamp 65536 127.0.0.1
	refused "at least 44" ping --stamp 862 -s 43 127.0.0.1
}

@test "tcp, http and dns refuse what is no service" {
	refused "'127.0.0.1' is not HOST:PORT" tcp 127.0.0.1
	refused "'::1:80' is not HOST:PORT" tcp ::1:80
	refused "'h:0' is not HOST:PORT" tcp h:0
	refused "tcp: needs HOST:PORT" tcp
	refused "'ftp://h/': not an http:// or https:// address" http ftp://h/
	refused "'https://': its host is neither" http https://
	refused "--status: '200,99'" http --status 200,99 http://127.0.0.1/
	refused "--status: 'ok'" http --status ok http://127.0.0.1/
	refused "--status: names none" http --status , http://127.0.0.1/
	refused "--body: is empty" http --body "" http://127.0.0.1/
	refused "--address: 'here'" http --address here http://127.0.0.1/
	refused "--cert-days: '0'" http --cert-days 0 http://127.0.0.1/
	refused "dns: needs SERVER NAME" dns 127.0.0.1
	refused "'a..b' is no name" dns 127.0.0.1 a..b
	refused "--type: 'axe'" dns -t axe 127.0.0.1 a
	refused "--rcode: 'bad'" dns --rcode bad 127.0.0.1 a
	refused "--port: '0'" dns -p 0 127.0.0.1 a
}

@test "reflect refuses what is no port, address or prefix" {
	refused "--port: '0'" reflect --port 0
	refused "--bind: 'here'" reflect --bind here
	refused "--allow: '10.0.0.0/33' is no prefix" reflect --allow 10.0.0.0/33
	refused "--allow: '10.0.0.1/8' has host bits set" reflect --allow 10.0.0.1/8
	refused "--rate: '0'" reflect --rate 0
	refused "one word too many: 'x'" reflect x
}

@test "watch takes files that load, or fails with one line" {
	refused "one word too many" watch x
	refused "unknown option '--from'" watch --from x
	run --separate-stderr timeout 5 "$probe" watch --config /nonexistent/c.yaml --network /nonexistent/n.yaml
	[ "$status" -eq 2 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "pt-probe: /nonexistent/c.yaml: "* ]]
	dir=$(mktemp -d)
	printf 'edge: a\n' >"$dir/c.yaml"
	printf 'sites:\n  - { id: a, colour: red }\n' >"$dir/n.yaml"
	run --separate-stderr timeout 5 "$probe" watch --config "$dir/c.yaml" --network "$dir/n.yaml"
	[ "$status" -eq 2 ]
	[[ $stderr == "pt-probe: $dir/n.yaml:2:"*"colour"* ]]
	rm -r "$dir"
}

@test "loopback answers, with a record that holds every field" {
	run --separate-stderr timeout 9 "$probe" ping -c 40 -i 50ms --json 127.0.0.1
	echo "exit $status: $stderr $output" # what a failure looked like
	[ "$status" -eq 0 ] || [[ $stderr == *CAP_NET_RAW* ]] || false
	[ "$status" -eq 0 ] || skip "no right to ICMP here"
	keys=$(jq -r 'keys_unsorted | join(" ")' <<<"$output")
	[ "$keys" = "type v ts mono_ns boot src seq path target family dscp probe window_ms sent received late loss_ppm loss_out_ppm loss_back_ppm rtt_us rtt_hist owd_out_us owd_back_us owd_error_us jitter_us pdv_us reordered duplicates mtu mos score timestamps" ]
	jq -e '.type == "health" and .probe == "icmp" and .sent == 40 and .received >= 1 and .received <= 40' <<<"$output"
}
