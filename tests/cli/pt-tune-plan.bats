#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-tune lint, plan, profile: on a host made of files.

# shellcheck disable=SC2154 # set by bats and tune.bash
bats_require_minimum_version 1.5.0
load tune.bash

setup() {
	tune_setup
}

body='del(.type, .v, .ts, .mono_ns, .boot, .src, .seq)'

@test "lint of the guide: every fault and its reason (golden)" {
	run --separate-stderr pt-tune lint guide-1.0.0 --json
	[ "$status" -eq 1 ]
	jq -r '[.action, .key, .rule, .guide // "-", .want // "-", .why] | @tsv' <<<"$output" >"$BATS_TEST_TMPDIR/got"
	diff tests/golden/tune-lint-guide.tsv "$BATS_TEST_TMPDIR/got"
}

@test "lint: our own profiles have nothing to refuse or adapt" {
	for p in sdwan-base sdwan-small sdwan-medium sdwan-large sdwan-qos sdwan-marking; do
		pt-tune lint "$p" --json >"$BATS_TEST_TMPDIR/got"
		jq -se 'all(.action == "warn" or .action == "skip")' "$BATS_TEST_TMPDIR/got"
	done
}

@test "plan: guide's values become this host's, each with its rule" {
	put usr/lib/systemd/system/patronus-sdwan.service $'[Service]\nExecStart=/usr/bin/patronus-sdwan'
	run --separate-stderr pt-tune plan --root "$ROOT" --profile guide-1.0.0 --if eth0 --json
	[ "$status" -eq 3 ]
	jq -c "$body" <<<"$output" >"$BATS_TEST_TMPDIR/got"
	jq -se 'map({key: (.key + "/" + (.device // "")), value: .}) | from_entries as $i |
		def is($k; $a; $w; $r): $i[$k] | .action == $a and .want == $w and .rule == $r;
		is("net.ipv4.tcp_mem/"; "refuse"; null; "SYS-TCPMEM")
		and is("fs.file-max/"; "same"; "9223372036854775807"; "SYS-FILEMAX")
		and is("net.core.bpf_jit_limit/"; "same"; "528482304"; "SYS-JITLIMIT")
		and is("net.ipv4.tcp_congestion_control/"; "refuse"; null; "SYS-COMMENT-WORD")
		and is("net.ipv4.ip_local_port_range/"; "refuse"; null; "SYS-PORTS")
		and is("net.core.rmem_default/"; "same"; "212992"; "SYS-SOCKBUF")
		and is("net.ipv4.tcp_fin_timeout/"; "set"; "15"; "SYS-COMMENT")
		and is("net.core.netdev_budget_usecs/"; "same"; "8000"; "SYS-COMMENT")
		and is("nic.rings.rx/eth0"; "adapt"; "1024"; "NIC-RINGLATENCY")
		and is("nic.rps/eth0"; "adapt"; "3"; "NIC-RPSMASK")
		and is("nic.features.lro/eth0"; "refuse"; null; "NIC-LRO")
		and is("nic.coalesce.adaptive-rx/eth0"; "skip"; null; "NIC-UNSUPPORTED")
		and is("unit.env.TOKIO_WORKER_THREADS/patronus-sdwan.service"; "adapt"; "2"; "ENV-THREADS")
		and is("sqlite.maintenance/"; "refuse"; null; "DB-STOP")' "$BATS_TEST_TMPDIR/got"
}

@test "plan: our profile sets what is needed, keeps what is higher, touches WANs alone" {
	run --separate-stderr pt-tune plan --root "$ROOT" --json
	[ "$status" -eq 1 ]
	jq -se 'map({key: (.key + "/" + (.device // "")), value: .}) | from_entries as $i |
		$i["net.ipv4.ip_forward/"].want == "1" and $i["net.ipv4.ip_forward/"].action == "set"
		and $i["net.ipv4.tcp_mem/"].action == "same"
		and $i["net.ipv4.tcp_rmem/"].want == "4096 131072 6291456"
		and $i["nic.rings.rx/eth0"].want == "1024"
		and $i["nic.channels.combined/eth0"].want == "2"
		and ([.[].device] | contains(["eth1"]) | not)' <<<"$output"
}

@test "plan: nothing is written" {
	find "$ROOT" -type f -exec md5sum {} + | sort >"$BATS_TEST_TMPDIR/before"
	pt-tune plan --root "$ROOT" >/dev/null || true
	pt-tune plan --root "$ROOT" --profile guide-1.0.0 >/dev/null || true
	find "$ROOT" -type f -exec md5sum {} + | sort | diff "$BATS_TEST_TMPDIR/before" -
}

@test "plan: exit 0 with nothing to do, 1 with changes, 3 when a rule refuses, 2 for a bad profile" {
	profile 'sysctl: {vm.swappiness: 60}'
	pt-tune plan --root "$ROOT" --profile "$P"
	profile 'sysctl: {vm.swappiness: 10}'
	run pt-tune plan --root "$ROOT" --profile "$P"
	[ "$status" -eq 1 ]
	profile 'sysctl: {net.ipv4.tcp_syncookies: 0}'
	run pt-tune plan --root "$ROOT" --profile "$P"
	[ "$status" -eq 3 ]
	profile 'sysctl: {net.ipv4.tcp_syncookie: 0}'
	run pt-tune plan --root "$ROOT" --profile "$P"
	[ "$status" -eq 2 ]
	[[ $output == *"p.yaml:3:10: no knob is called 'net.ipv4.tcp_syncookie'"* ]]
}

@test "plan: a raise never lowers, and an expression takes what the host has" {
	profile 'vars: {uplink_mbit: 1000, rtt_ms: 100}
sysctl:
  net.core.somaxconn: {op: raise, value: 128}
  net.core.rmem_max: {op: raise, value: "min(2*bdp, ram/64)"}
  net.ipv4.tcp_rmem: [keep, keep, "max(cur, 8000000)"]'
	run --separate-stderr pt-tune plan --root "$ROOT" --profile "$P" --json
	[ "$status" -eq 1 ]
	jq -se '(.[0] | .action == "same" and .want == "4096")
		and (.[1] | .want == "25000000")
		and (.[2] | .want == "4096 131072 8000000")' <<<"$output"
}

@test "plan: --only, --skip and --if narrow it; a device that is not there is told" {
	keys() { pt-tune plan --root "$ROOT" "$@" --json | jq -r '.key + " " + (.device // "")' | sort -u; }
	[ "$(keys --only 'vm.*')" = "vm.swappiness " ]
	keys --skip 'net.*' | { ! grep -q '^net'; }
	keys --only 'nic.rings.*' --if eth1 | grep -qx 'nic.rings.rx eth1'
	run pt-tune plan --root "$ROOT" --if eth9
	[ "$status" -eq 2 ]
	[ "$output" = "pt-tune: --if eth9: no such device" ]
}

@test "profile: mistakes are told by line and column" {
	while IFS='|' read -r text want; do
		printf '%b\n' "$text" >"$BATS_TEST_TMPDIR/bad.yaml"
		run pt-tune profile "$BATS_TEST_TMPDIR/bad.yaml"
		echo "$text -> $output"
		[ "$status" -eq 2 ]
		[[ $output == *"bad.yaml:$want"* ]]
	done <<-'END'
		name: x|1:1: apiVersion: needs patronus/tune/v1
		apiVersion: patronus/tune/v1\nname: x\nsyctl: {}|3:1: unknown key 'syctl'
		apiVersion: patronus/tune/v1\nname: x\nsysctl: {vm.swappiness: 900}|3:25: vm.swappiness: 900 is not within 0 to 200
		apiVersion: patronus/tune/v1\nname: x\nsysctl: {vm.swappiness: "rma/2"}|3:25: vm.swappiness: 'rma/2' is no whole number
		apiVersion: patronus/tune/v1\nname: x\nsysctl:\n  vm.swappiness: 1\n  vm.swappiness: 2|5:3: 
		apiVersion: patronus/tune/v1\nname: x\nsysctl: {vm.swappiness: {op: lower, value: 1}}|3:30: op: 'lower' is none of set, raise, keep
		apiVersion: patronus/tune/v1\nname: x\nvars: {weather: 1}|3:8: vars: no fact is called 'weather'
		apiVersion: patronus/tune/v1\nname: x\nguards: {regress: {ram: 1}}|3:20: regress: no counter is called 'ram'
	END
}

@test "profile: one of the administrator goes before the shipped one, and is listed" {
	put etc/patronus/tune/sdwan-small.yaml $'apiVersion: patronus/tune/v1\nname: sdwan-small\ndoc: ours\nsysctl: {vm.swappiness: 5}'
	pt-tune profile --root "$ROOT" --json | jq -e '[.profiles[] | select(.name == "sdwan-small")] |
		length == 1 and .[0].origin == "etc/patronus/tune" and .[0].settings == 1'
	[ "$(pt-tune plan --root "$ROOT" --json | jq -r .want)" = 5 ]
}

@test "scale: by the inventory, else by the machine" {
	put etc/patronus/tune/sdwan-large.yaml $'apiVersion: patronus/tune/v1\nname: x\nsysctl: {vm.swappiness: 77}'
	pt-tune plan --root "$ROOT" --json | jq -se 'all(.want != "77")'
	jq -nc '{sites: [range(600) | {id: "s\(.)"}]}' >"$BATS_TEST_TMPDIR/network.json"
	put run/patronus/network.json "$(cat "$BATS_TEST_TMPDIR/network.json")"
	[ "$(pt-tune plan --root "$ROOT" --json | jq -r .want)" = 77 ]
	[ "$(pt-tune plan --root "$ROOT" --scale small --json | jq -r .want | head -n 1)" != 77 ]
}

shaped='htb 95000000 default data control 9500000 data 76000000 bulk 9500000 quantum auto leaf fq_codel'

@test "qos: 95 % of what the inventory declares, the kernel's best leaf; then nothing to do" {
	put run/patronus/network.json '{"uplinks": [{"id": "u", "device": "eth0", "rate_bps": 100000000}]}'
	put tc/eth0 'default mq'
	put tc/kinds 'pfifo fq_codel sfq'
	pt-tune plan --root "$ROOT" --profile sdwan-qos --json >"$BATS_TEST_TMPDIR/got" || [ $? -eq 1 ]
	jq -se 'map({key: .key, value: .}) | from_entries as $i |
		all(.value.device == "eth0" and .value.action == "set" and .value.before == "none")
		and $i["qos.rate"].want == "95000000" and $i["qos.class.data"].want == "76000000"
		and $i["qos.default"].want == "data" and $i["qos.leaf"].want == "fq_codel"' "$BATS_TEST_TMPDIR/got"
	pt-tune apply --root "$ROOT" --state "$STATE" --profile sdwan-qos --no-confirm
	[ "$(cat "$ROOT/tc/eth0")" = "$shaped" ]
	pt-tune plan --root "$ROOT" --profile sdwan-qos
}

@test "qos: a class changed by hand is drift, and rollback is of the whole" {
	put run/patronus/network.json '{"uplinks": [{"id": "u", "device": "eth0", "rate_bps": 100000000}]}'
	put tc/eth0 'default mq'
	put tc/kinds 'fq_codel'
	pt-tune apply --root "$ROOT" --state "$STATE" --profile sdwan-qos --no-confirm
	pt-tune drift --root "$ROOT" --state "$STATE"
	put tc/eth0 "${shaped/76000000/50000000}"
	run pt-tune drift --root "$ROOT" --state "$STATE"
	[ "$status" -eq 1 ]
	[[ $output == *'data 50000000'* ]]
	put tc/eth0 "$shaped"
	pt-tune rollback --root "$ROOT" --state "$STATE"
	[ "$(cat "$ROOT/tc/eth0")" = 'default mq' ]
}

@test "qos: without a rate it is refused; two uplinks that disagree declare none" {
	put tc/eth0 'default mq'
	put tc/kinds 'pfifo'
	for json in '{}' '{"uplinks": [{"device": "eth0", "rate_bps": 1000}, {"device": "eth0", "rate_bps": 2000}]}'; do
		put run/patronus/network.json "$json"
		pt-tune plan --root "$ROOT" --profile sdwan-qos --json >"$BATS_TEST_TMPDIR/got" || true
		jq -se '[.[] | select(.key == "qos.rate")][0] | .action != "set" and .want == null' "$BATS_TEST_TMPDIR/got"
	done
	[ "$(cat "$ROOT/tc/eth0")" = 'default mq' ]
}

@test "qos: somebody else's shaper, classes beyond the rate, a kind that is not there" {
	put p.yaml $'apiVersion: patronus/tune/v1\nname: t\nqos:\n  rate: 8000000\n  default: data\n  class: {control: 4000000, data: 4000000, bulk: 4000000}\n  leaf: cake'
	put facts 'uplink_mbit 10'
	put tc/eth0 'other htb 1:'
	put tc/kinds 'pfifo'
	run pt-tune plan --root "$ROOT" --profile "$ROOT/p.yaml"
	[ "$status" -eq 3 ]
	[[ $output == *QOS-FOREIGN* ]]
	put tc/eth0 'default mq'
	run pt-tune plan --root "$ROOT" --profile "$ROOT/p.yaml"
	[[ $output == *pfifo*QOS-NOLEAF* ]]
	run pt-tune apply --root "$ROOT" --state "$STATE" --profile "$ROOT/p.yaml" --no-confirm
	[ "$status" -ne 0 ]
	[[ $output == *'12000000 bit/s together, more than qos.rate: 8000000'* ]]
	[ "$(cat "$ROOT/tc/eth0")" = 'default mq' ]
}

marked='marking nft wireguard keep port 51820 control cs6 probes cs5 icmp keep limit 100'

@test "marking: one setting of seven words; then nothing to do; rollback takes the whole back" {
	put nft/marking none
	pt-tune plan --root "$ROOT" --profile sdwan-marking --json >"$BATS_TEST_TMPDIR/got" || [ $? -eq 1 ]
	jq -se 'length == 7 and all(.action == "set" and .before == "none" and .device == null)' "$BATS_TEST_TMPDIR/got"
	pt-tune apply --root "$ROOT" --state "$STATE" --profile sdwan-marking --settle 0 --no-confirm --json >"$BATS_TEST_TMPDIR/got"
	jq -se 'all(.after == .want)' "$BATS_TEST_TMPDIR/got"
	[ "$(cat "$ROOT/nft/marking")" = "$marked" ]
	[ ! -e "$ROOT/etc/sysctl.d/zz-patronus.conf" ] # it is no sysctl
	pt-tune plan --root "$ROOT" --profile sdwan-marking
	pt-tune verify --root "$ROOT" --state "$STATE"
	put nft/marking none # the ruleset was flushed, or the machine was started
	run pt-tune drift --root "$ROOT" --state "$STATE"
	[ "$status" -eq 1 ]
	[[ $output == *"flushed or loaded anew"* ]]
	pt-tune reapply --root "$ROOT" --state "$STATE" --if eth0
	[ "$(cat "$ROOT/nft/marking")" = "$marked" ]
	put nft/marking 'other 1234abcd' # somebody's rules could not be put back
	run pt-tune reapply --root "$ROOT" --state "$STATE" --if eth0
	[ "$status" -eq 8 ]
	[[ $output == *"left alone"* ]]
	[ "$(cat "$ROOT/nft/marking")" = 'other 1234abcd' ]
	put nft/marking "$marked"
	pt-tune rollback --root "$ROOT" --state "$STATE"
	pt-tune rollback --root "$ROOT" --state "$STATE"
	[ "$(cat "$ROOT/nft/marking")" = none ]
}

@test "marking: bulk in EF, a foreign table, a word that is no DSCP, a flood" {
	put nft/marking none
	while IFS='|' read -r text rule; do
		profile "marking: {$text}"
		run pt-tune plan --root "$ROOT" --profile "$P"
		echo "$text -> $status $output"
		[[ $output == *"$rule"* ]]
		[[ $rule == MARK-LIMIT || $status -eq 3 ]]
	done <<-'END'
		wireguard: ef|MARK-EF
		wireguard: 46|MARK-EF
		backend: iptables-append|MARK-RULES
		backend: tc|MARK-BACKEND
		icmp: cs5, icmp_limit: 100000|MARK-LIMIT
	END
	profile 'marking: {probes: gold}'
	run pt-tune plan --root "$ROOT" --profile "$P"
	[ "$status" -eq 2 ]
	[[ $output == *"p.yaml:3:19: marking.probes: 'gold' is neither a DSCP nor keep"* ]]
	put nft/marking 'other 1234abcd'
	run pt-tune apply --root "$ROOT" --state "$STATE" --profile sdwan-marking --no-confirm
	[ "$status" -eq 3 ]
	[[ $output == *MARK-FOREIGN* ]]
	[ "$(cat "$ROOT/nft/marking")" = 'other 1234abcd' ]
	rm "$ROOT/nft/marking" # a kernel without nftables
	pt-tune plan --root "$ROOT" --profile sdwan-marking -v | grep -q '^S *marking.probes'
}

@test "wireguard: each peer by itself, the MTU of the narrowest path; devices of other kinds are left out" {
	a=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=
	b=AgIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=
	put wireguard/eth1 "$a 0 4 1500
$b 25 6 1492"
	profile 'wireguard: {mtu: 1440, persistent_keepalive: 25}'
	run --separate-stderr pt-tune plan --root "$ROOT" --profile "$P" --json
	[ "$status" -eq 1 ]
	jq -se --arg a "eth1/$a" 'map([.device, .action, .want]) | sort == ([["eth1", "adapt", "1412"], [$a, "set", "25"], [$a | sub("/AQ"; "/Ag"), "same", "25"]] | sort)' <<<"$output"
	cp "$ROOT/wireguard/eth1" "$BATS_TEST_TMPDIR/was"
	pt-tune apply --root "$ROOT" --state "$STATE" --profile "$P" --settle 0 --no-confirm >/dev/null
	grep -q "^$a 25 4 1500" "$ROOT/wireguard/eth1"
	[ "$(cat "$ROOT/sys/class/net/eth1/mtu")" = 1412 ]
	pt-tune plan --root "$ROOT" --profile "$P"
	pt-tune rollback --root "$ROOT" --state "$STATE"
	cmp "$ROOT/wireguard/eth1" "$BATS_TEST_TMPDIR/was"
	[ "$(cat "$ROOT/sys/class/net/eth1/mtu")" = 1500 ]
	profile 'wireguard: {match: {name: eth0}, mtu: 1420}'
	[ -z "$(pt-tune plan --root "$ROOT" --profile "$P" --json)" ]
	profile 'wireguard: {mtu: 1200}'
	run pt-tune plan --root "$ROOT" --profile "$P"
	[ "$status" -eq 2 ]
}
