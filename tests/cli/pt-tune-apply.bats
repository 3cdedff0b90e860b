#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-tune apply, confirm, rollback, verify, drift: on a host made of files, every exit status.

# shellcheck disable=SC2154 # set by bats and tune.bash
bats_require_minimum_version 1.5.0
load tune.bash

setup() {
	tune_setup
	at=(--root "$ROOT" --state "$STATE")
	quick=(--settle 0 --confirm-timeout 60s)
}

teardown() { # no watchdog outlives its test
	cat "$STATE"/tx/*/watchdog 2>/dev/null | while read -r pid; do kill -9 "$pid" 2>/dev/null || true; done
}

whole() { (cd "$ROOT" && find . \( -type f -o -type l \) | sort | xargs md5sum 2>/dev/null); }
result() { pt-tune history "${at[@]}" --json | jq -r '.transactions[-1].result'; }

until_ok() { # SECONDS CMD...: waits for it
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}
result_is() { [ "$(result)" = "$1" ]; }

three='sysctl: {net.ipv4.tcp_fin_timeout: 15, vm.swappiness: 10, net.ipv4.ip_forward: 1}
nic: [{match: {role: wan}, rings: {rx: 1024}}]'

@test "apply, confirm: values, files and records; plan then has nothing to do" {
	profile "$three"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" --json >"$BATS_TEST_TMPDIR/out"
	jq -se 'length == 4 and all(.after == .want) and map(.type) == ["tune", "tune", "tune", "tune"]' "$BATS_TEST_TMPDIR/out"
	[ "$(sysctl_of net.ipv4.tcp_fin_timeout)" = 15 ]
	grep -qx 'rings.rx 1024 max 4096' "$ROOT/ethtool/eth0"
	[ ! -e "$ROOT/etc/sysctl.d/zz-patronus.conf" ]
	pt-tune confirm "${at[@]}"
	grep -qx 'vm.swappiness = 10' "$ROOT/etc/sysctl.d/zz-patronus.conf"
	[ "$(result)" = confirmed ]
	pt-tune plan --root "$ROOT" --profile "$P"
	pt-tune verify "${at[@]}"
	pt-tune apply "${at[@]}" --profile "$P" # nothing to do, no new transaction
	[ "$(pt-tune history "${at[@]}" --json | jq '.transactions | length')" -eq 1 ]
}

@test "rollback: everything as it was, byte by byte, files too; twice is harmless" {
	profile "$three"
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	pt-tune confirm "${at[@]}"
	whole >"$BATS_TEST_TMPDIR/applied"
	run cmp -s "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/applied"
	[ "$status" -eq 1 ]
	pt-tune rollback "${at[@]}"
	whole | diff "$BATS_TEST_TMPDIR/before" -
	[ "$(result)" = restored ]
	run pt-tune rollback "${at[@]}"
	[ "$status" -eq 1 ]
	whole | diff "$BATS_TEST_TMPDIR/before" -
}

@test "kill -9 at every record of confirm: rollback puts files and values back, or it stands" {
	[ -z "${PT_SAN:-}" ] || skip "a sanitizer wants to be loaded first"
	${CC:-gcc} -shared -fPIC -D_GNU_SOURCE -o "$BATS_TEST_TMPDIR/killer.so" tests/tools/preload/killer.c || skip "no compiler"
	profile "$three"
	whole >"$BATS_TEST_TMPDIR/before"
	killed=0
	for n in 1 2 3 4; do
		for when in before after; do
			pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
			LD_PRELOAD=$BATS_TEST_TMPDIR/killer.so PT_KILL_AT=$n PT_KILL_WHEN=$when run pt-tune confirm "${at[@]}"
			[ "$status" -ne 137 ] || killed=$((killed + 1))
			pt-tune rollback "${at[@]}"
			whole | diff "$BATS_TEST_TMPDIR/before" -
		done
	done
	[ "$killed" -ge 5 ]
}

@test "only what the plan names is written" {
	profile 'sysctl: {net.ipv4.tcp_fin_timeout: 15}'
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" --no-confirm --runtime-only >/dev/null
	[ "$(whole | diff "$BATS_TEST_TMPDIR/before" - | grep -c '^>')" -eq 1 ]
	whole | diff "$BATS_TEST_TMPDIR/before" - | grep -q '> .*tcp_fin_timeout'
}

@test "the timeout puts it back, with the one who applied long gone and its input closed" {
	profile "$three"
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune apply "${at[@]}" --settle 0 --confirm-timeout 1s --profile "$P" >/dev/null <&-
	[ "$(sysctl_of vm.swappiness)" = 10 ]
	until_ok 10 result_is restored
	whole | diff "$BATS_TEST_TMPDIR/before" -
}

@test "confirm --extend gives more time" {
	profile "$three"
	pt-tune apply "${at[@]}" --settle 0 --confirm-timeout 1s --profile "$P" >/dev/null
	pt-tune confirm "${at[@]}" --extend 60s
	sleep 1.3
	[ "$(result)" = open ]
	[ "$(sysctl_of vm.swappiness)" = 10 ]
	pt-tune confirm "${at[@]}"
	[ "$(result)" = confirmed ]
}

boottime() { # MS: so much later
	echo $(($(cut -d ' ' -f 1 /proc/uptime | tr -d .) * 10 + $1))
}
journal() { echo "$STATE"/tx/*/journal; }
dog() { cat "$STATE"/tx/*/watchdog; }

@test "more time that is given while the watchdog waits for the lock: it watches on" {
	profile "$three"
	pt-tune apply "${at[@]}" --settle 0 --confirm-timeout 1s --profile "$P" >/dev/null
	exec 8>>"$STATE/lock"
	flock 8
	sleep 1.3 # it is due, and waits
	printf '{"rec":"applied","deadline_ms":%s}\n' "$(boottime 1500)" >>"$(journal)"
	exec 8>&-
	[ "$(result)" = open ]
	[ "$(sysctl_of vm.swappiness)" = 10 ]
	until_ok 10 result_is restored
	[ "$(sysctl_of vm.swappiness)" = 60 ]
}

@test "no room for a record: the watchdog puts back on time all the same" {
	profile "$three"
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune apply "${at[@]}" --settle 0 --confirm-timeout 3s --profile "$P" >/dev/null
	[ "$(stat -c %s "$(journal)")" -gt 1024 ]
	prlimit --pid "$(dog)" --fsize=1024 --nofile=32 # the journal cannot grow: as on a full disk

	printf '{"rec":"appl' >>"$(journal)" # the torn end of a confirm that found no room
	back() { whole | cmp -s "$BATS_TEST_TMPDIR/before" -; }
	until_ok 10 back
	[ "$(result)" = open ] # it could not be written
	run pt-tune rollback "${at[@]}"
	[ "$status" -eq 0 ]
	[ "$(result)" = restored ]
	back
}

@test "a watchdog that was killed: no more time is given, what is late is put back by the next" {
	profile "$three"
	pt-tune apply "${at[@]}" --settle 0 --confirm-timeout 1s --profile "$P" >/dev/null
	kill -9 "$(dog)"
	run pt-tune confirm "${at[@]}" --extend 60s
	[ "$status" -eq 2 ]
	[[ $output == *"watchdog is gone"*"pt-tune rollback"* ]]
	sleep 1.1
	profile 'sysctl: {net.ipv4.tcp_fin_timeout: 20}'
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	[ "$(sysctl_of vm.swappiness)" = 60 ]
	[ "$(pt-tune history "${at[@]}" --json | jq -r '.transactions[0].result')" = restored ]
}

@test "exit 3: a rule refuses, and nothing at all is written; --allow with a reason lets it" {
	profile 'sysctl: {vm.swappiness: 10, net.ipv4.tcp_syncookies: 0}'
	whole >"$BATS_TEST_TMPDIR/before"
	run pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P"
	[ "$status" -eq 3 ]
	[[ $output == *SYS-COOKIES* ]]
	whole | diff "$BATS_TEST_TMPDIR/before" -
	run pt-tune apply "${at[@]}" --allow SYS-COOKIES --profile "$P"
	[ "$status" -eq 64 ]
	pt-tune apply "${at[@]}" "${quick[@]}" --allow SYS-COOKIES=test --no-confirm --profile "$P" >/dev/null
	[ "$(sysctl_of net.ipv4.tcp_syncookies)" = 0 ]
}

@test "exit 6: a write that is not permitted; what was written before it is put back" {
	profile 'sysctl: {vm.swappiness: 10, net.core.somaxconn: 8192, net.core.default_qdisc: fq_codel}'
	put proc/net/netstat $'TcpExt: ListenOverflows\nTcpExt: 3'
	# refuses to take what is written to it, as a driver may
	chattr +i "$ROOT/proc/sys/net/core/default_qdisc" 2>/dev/null || skip "no immutable files here"
	whole >"$BATS_TEST_TMPDIR/before"
	run --separate-stderr pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P"
	chattr -i "$ROOT/proc/sys/net/core/default_qdisc"
	[ "$status" -eq 6 ]
	whole | diff "$BATS_TEST_TMPDIR/before" -
	[ "$(result)" = restored ]
}

@test "exit 4: a probe does not answer; a guard's counter moves" {
	profile 'sysctl: {vm.swappiness: 10}
guards: {regress: {softnet_dropped: 0}}'
	run pt-tune apply "${at[@]}" "${quick[@]}" --probe exec:false --profile "$P"
	[ "$status" -eq 4 ]
	[[ $output == *"probe exec:false: failed (1)"* ]]
	[ "$(sysctl_of vm.swappiness)" = 60 ]
	run pt-tune apply "${at[@]}" "${quick[@]}" --probe tcp:127.0.0.1:1 --profile "$P"
	[ "$status" -eq 4 ]
	[ "$(sysctl_of vm.swappiness)" = 60 ]
	(
		sleep 1.5 # in the second window
		put proc/net/softnet_stat '00001000 00000007 00000000 00000000'
	) &
	run pt-tune apply "${at[@]}" --settle 1s --profile "$P"
	wait
	[ "$status" -eq 4 ]
	[[ $output == *"guard: softnet_dropped moved by 7"* ]]
	[ "$(sysctl_of vm.swappiness)" = 60 ]
	pt-tune apply "${at[@]}" "${quick[@]}" --probe exec:true --no-confirm --profile "$P" >/dev/null
	[ "$(sysctl_of vm.swappiness)" = 10 ]
}

@test "history shows what a change did: counters a second, before beside after" {
	profile 'sysctl: {vm.swappiness: 10}'
	put proc/net/snmp $'Ip: FragFails\nIp: 0\nTcp: RetransSegs\nTcp: 10\nUdp: RcvbufErrors MemErrors\nUdp: 0 0'
	(
		sleep 1 # once it is begun, well inside of the first window
		put proc/net/snmp $'Ip: FragFails\nIp: 0\nTcp: RetransSegs\nTcp: 40\nUdp: RcvbufErrors MemErrors\nUdp: 0 0'
	) &
	pt-tune apply "${at[@]}" --settle 3s --no-confirm --profile "$P" >/dev/null
	wait
	id=$(pt-tune history "${at[@]}" --json | jq -r '.transactions[0].id')
	pt-tune history "${at[@]}" "$id" --json | jq -e '.effect | map(select(.counter == "tcp_retrans")) == [{"counter": "tcp_retrans", "before": 10, "after": 0}]'
	pt-tune history "${at[@]}" | grep -q 'tcp_retrans=10>0'
}

@test "a probe that cannot be run is told before anything is written" {
	profile 'sysctl: {vm.swappiness: 10}'
	for probe in ping:127.0.0.1 tcp:127.0.0.1 tcp:host:22 exec: 'exec:  '; do
		run pt-tune apply "${at[@]}" "${quick[@]}" --probe "$probe" --profile "$P"
		[ "$status" -eq 64 ]
		[[ $output == *"probe "* ]]
	done
	profile 'sysctl: {vm.swappiness: 10}
guards: {probes: ["tcp:nowhere"]}'
	run pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P"
	[ "$status" -eq 2 ]
	[[ $output == *"needs ADDRESS:PORT"* ]]
	[ ! -e "$STATE/tx" ] || [ -z "$(ls "$STATE/tx")" ]
	profile 'sysctl: {vm.swappiness: 10}'
	pt-tune apply "${at[@]}" "${quick[@]}" --probe 'exec:true' --no-confirm --profile "$P" >/dev/null
}

@test "a state directory that others can write to is not believed" {
	profile 'sysctl: {vm.swappiness: 10}'
	mkdir -m 777 "$STATE"
	run pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P"
	[ "$status" -eq 2 ]
	[[ $output == *"$STATE: others can write to it: chown"* ]]
	[ "$(sysctl_of vm.swappiness)" = 60 ]
}

@test "exit 5: what cannot be put back is told, with the command to paste" {
	profile 'sysctl: {vm.swappiness: 10, net.ipv4.tcp_fin_timeout: 15}'
	file=$ROOT/proc/sys/vm/swappiness
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	rm "$file"
	run pt-tune rollback "${at[@]}"
	[ "$status" -eq 5 ]
	[[ $output == *"sysctl -w 'vm.swappiness=60'"* ]]
	[ "$(sysctl_of net.ipv4.tcp_fin_timeout)" = 60 ] # the others are back
	[ "$(result)" = incomplete ]
}

@test "exit 7: while one waits, or one is at work, another is refused" {
	profile 'sysctl: {vm.swappiness: 10}'
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	profile 'sysctl: {net.ipv4.tcp_fin_timeout: 15}'
	run pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P"
	[ "$status" -eq 7 ]
	[ "$(sysctl_of net.ipv4.tcp_fin_timeout)" = 60 ]
	pt-tune rollback "${at[@]}"
	run flock "$STATE/lock" pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P"
	[ "$status" -eq 7 ]
	[ "$output" = "pt-tune: another pt-tune is at work here" ]
}

@test "two applies at once: one is done, one is refused with 7" {
	profile 'sysctl: {vm.swappiness: 10}'
	for i in 1 2; do
		(
			rc=0
			pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null 2>&1 || rc=$?
			echo $rc >"$BATS_TEST_TMPDIR/rc$i"
		) &
	done
	wait
	[ "$(sort "$BATS_TEST_TMPDIR"/rc? | xargs)" = "0 7" ]
	[ "$(pt-tune history "${at[@]}" --json | jq '.transactions | length')" -eq 1 ]
}

@test "exit 8: a value that somebody else changed since is left alone, and told; --force takes it back" {
	profile 'sysctl: {vm.swappiness: 10, net.ipv4.tcp_fin_timeout: 15}'
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	put proc/sys/vm/swappiness 33
	run pt-tune confirm "${at[@]}"
	[ "$status" -eq 8 ]
	[ "$(result)" = open ]
	run pt-tune rollback "${at[@]}"
	[ "$status" -eq 8 ]
	[[ $output == *"vm.swappiness: changed by somebody else since"* ]]
	[ "$(sysctl_of vm.swappiness)" = 33 ]
	[ "$(sysctl_of net.ipv4.tcp_fin_timeout)" = 60 ]
	id=$(pt-tune history "${at[@]}" --json | jq -r '.transactions[-1].id')
	pt-tune rollback "${at[@]}" --force "$id"
	[ "$(sysctl_of vm.swappiness)" = 60 ]
}

@test "confirm: a file with the last word is told by line, ours is taken back, nothing is confirmed" {
	profile 'sysctl: {vm.swappiness: 10}'
	put etc/sysctl.d/zzz-last.conf $'# distribution\nvm.swappiness=60'
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	run pt-tune confirm "${at[@]}"
	[ "$status" -eq 1 ]
	[ "$output" = "pt-tune: vm.swappiness: etc/sysctl.d/zzz-last.conf:2 has the last word (60)" ]
	[ ! -e "$ROOT/etc/sysctl.d/zz-patronus.conf" ]
	[ "$(result)" = open ]
}

@test "verify and drift: a later file, a lost file, a changed value, each with who did it" {
	profile 'sysctl: {vm.swappiness: 10, net.ipv4.tcp_fin_timeout: 15}'
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	pt-tune verify "${at[@]}"
	# sorts before ours, so ours wins; 99-sysctl.conf of the distribution too
	put etc/sysctl.conf 'vm.swappiness=60'
	ln -s ../sysctl.conf "$ROOT/etc/sysctl.d/99-sysctl.conf"
	pt-tune verify "${at[@]}"
	put run/sysctl.d/zzz.conf 'vm/swappiness = 60'
	run --separate-stderr pt-tune verify "${at[@]}" --json
	[ "$status" -eq 1 ]
	jq -se 'map(select(.action != "same")) | length == 1 and .[0].action == "shadowed"
		and (.[0].why | contains("run/sysctl.d/zzz.conf:1"))' <<<"$output"
	pt-tune drift "${at[@]}" # in force all the same
	put proc/sys/vm/swappiness 60
	run --separate-stderr pt-tune drift "${at[@]}" --json
	[ "$status" -eq 1 ]
	jq -se 'map(select(.action == "set")) | .[0].before == "60" and .[0].want == "10"
		and (.[0].why == "run/sysctl.d/zzz.conf:1 says 60")' <<<"$output"
	pt-tune unpersist "${at[@]}"
	run --separate-stderr pt-tune verify "${at[@]}" --json
	jq -se 'map(select(.key == "net.ipv4.tcp_fin_timeout")) | .[0].why == "in no file: gone after a restart"' <<<"$output"
}

@test "runtime-only keeps no file; persist does so later" {
	profile 'sysctl: {vm.swappiness: 10}'
	pt-tune apply "${at[@]}" "${quick[@]}" --runtime-only --no-confirm --profile "$P" >/dev/null
	[ ! -e "$ROOT/etc/sysctl.d/zz-patronus.conf" ]
	pt-tune persist "${at[@]}"
	grep -qx 'vm.swappiness = 10' "$ROOT/etc/sysctl.d/zz-patronus.conf"
}

@test "a second transaction keeps the first one's lines, and its rollback leaves them" {
	profile 'sysctl: {vm.swappiness: 10}'
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	profile 'sysctl: {net.ipv4.tcp_fin_timeout: 15}'
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	[ "$(grep -c = "$ROOT/etc/sysctl.d/zz-patronus.conf")" -eq 2 ]
	pt-tune verify "${at[@]}"
	pt-tune rollback "${at[@]}"
	[ "$(grep "=" "$ROOT/etc/sysctl.d/zz-patronus.conf")" = "vm.swappiness = 10" ]
	pt-tune verify "${at[@]}"
}

@test "history shows what one transaction changed" {
	profile 'sysctl: {vm.swappiness: 10}'
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	pt-tune history "${at[@]}" --json | jq -e '.transactions[0].settings == 1'
	id=$(pt-tune history "${at[@]}" --json | jq -r '.transactions[-1].id')
	pt-tune history "${at[@]}" "$id" --json | jq -e '.items == [{"key": "vm.swappiness", "device": null,
		"before": "60", "want": "10", "after": "10", "rule": null, "trouble": null}]'
}

@test "apply --dry-run writes nothing; exit 2 for a bad profile" {
	profile 'sysctl: {vm.swappiness: 10}'
	run pt-tune apply "${at[@]}" --dry-run --profile "$P"
	[ "$status" -eq 1 ]
	[ "$(sysctl_of vm.swappiness)" = 60 ]
	[ ! -e "$STATE" ]
	run pt-tune apply "${at[@]}" --profile nosuch
	[ "$status" -eq 2 ]
}

@test "reapply sets what stands of a device, and that alone; drift tells Prometheus" {
	pt-tune apply --root "$ROOT" --state "$STATE" --only 'nic.rings.rx' --only 'net.ipv4.tcp_fin_timeout' --settle 0 --no-confirm
	grep -q '^rings.rx 1024 ' "$ROOT/ethtool/eth0"
	sed -i 's/^rings.rx 1024 /rings.rx 256 /' "$ROOT/ethtool/eth0" # the device came back
	put proc/sys/net/ipv4/tcp_fin_timeout 60                       # somebody wrote it
	mkdir -p "$ROOT/run/patronus"
	run pt-tune drift --root "$ROOT" --state "$STATE" --textfile /run/patronus/tune.prom
	[ "$status" -eq 1 ]
	grep -qx 'patronus_tune_in_force{key="nic.rings.rx",device="eth0"} 0' "$ROOT/run/patronus/tune.prom"
	grep -qx 'patronus_tune_drifted 2' "$ROOT/run/patronus/tune.prom"
	pt-tune reapply --root "$ROOT" --state "$STATE" --if eth1
	grep -q '^rings.rx 256 ' "$ROOT/ethtool/eth0"
	pt-tune reapply --root "$ROOT" --state "$STATE" --if eth0
	grep -q '^rings.rx 1024 ' "$ROOT/ethtool/eth0"
	[ "$(sysctl_of net.ipv4.tcp_fin_timeout)" = 60 ]
	pt-tune drift --root "$ROOT" --state "$STATE" --textfile /run/patronus/tune.prom || true
	grep -qx 'patronus_tune_in_force{key="nic.rings.rx",device="eth0"} 1' "$ROOT/run/patronus/tune.prom"
	grep -qx 'patronus_tune_in_force{key="net.ipv4.tcp_fin_timeout",device=""} 0' "$ROOT/run/patronus/tune.prom"
	grep -qx 'patronus_tune_drifted 1' "$ROOT/run/patronus/tune.prom"
	# and again after it: the reapplied transaction stands, too
	sed -i 's/^rings.rx 1024 /rings.rx 256 /' "$ROOT/ethtool/eth0"
	pt-tune reapply --root "$ROOT" --state "$STATE"
	grep -q '^rings.rx 1024 ' "$ROOT/ethtool/eth0"
}

@test "reapply leaves what was for one run of the kernel alone, and a relative --textfile is told" {
	pt-tune apply --root "$ROOT" --state "$STATE" --only 'nic.rings.rx' --settle 0 --no-confirm --runtime-only
	sed -i 's/^rings.rx 1024 /rings.rx 256 /' "$ROOT/ethtool/eth0"
	pt-tune reapply --root "$ROOT" --state "$STATE"
	grep -q '^rings.rx 256 ' "$ROOT/ethtool/eth0"
	run pt-tune drift --root "$ROOT" --state "$STATE" --textfile x.prom
	[[ $output == *'--textfile x.prom: needs a whole path'* ]]
}

@test "reapply while a change waits: what it set of a device that came back is set again, confirm and rollback stand" {
	pt-tune apply "${at[@]}" --only 'nic.rings.rx' --settle 0 --no-confirm >/dev/null
	grep -q '^rings.rx 1024 ' "$ROOT/ethtool/eth0"
	cp "$ROOT/ethtool/eth0" "$BATS_TEST_TMPDIR/standing"
	profile 'nic: [{match: {name: eth0}, rings: {rx: {op: set, value: 512}}, features: {gro: off}}]'
	for end in confirm rollback; do
		pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
		sed -i 's/^rings.rx 512 /rings.rx 256 /; s/^features.gro off/features.gro on/' "$ROOT/ethtool/eth0" # it went and came
		pt-tune reapply "${at[@]}" --if eth0
		grep -q '^rings.rx 512 ' "$ROOT/ethtool/eth0" # not the 1024 that stands
		grep -q '^features.gro off' "$ROOT/ethtool/eth0"
		pt-tune $end "${at[@]}"
		[ $end = rollback ] || pt-tune rollback "${at[@]}"
		diff "$BATS_TEST_TMPDIR/standing" "$ROOT/ethtool/eth0"
	done
	# what does not belong to the change is set by what stands, meanwhile
	profile 'sysctl: {net.ipv4.tcp_fin_timeout: 15}'
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	sed -i 's/^rings.rx 1024 /rings.rx 256 /' "$ROOT/ethtool/eth0"
	pt-tune reapply "${at[@]}" --if eth0
	grep -q '^rings.rx 1024 ' "$ROOT/ethtool/eth0"
	pt-tune confirm "${at[@]}"
}

@test "reapply while a change waits: killed at every record, rollback leads to the value before" {
	killer=$BATS_TEST_TMPDIR/killer.so
	[ -z "${PT_SAN:-}" ] || skip "a sanitizer wants to be loaded first"
	${CC:-gcc} -shared -fPIC -D_GNU_SOURCE -o "$killer" tests/tools/preload/killer.c || skip "no compiler"
	profile 'nic: [{match: {name: eth0}, rings: {rx: 512}, features: {gro: off}}]'
	cp "$ROOT/ethtool/eth0" "$BATS_TEST_TMPDIR/before"
	for n in 1 2 3 4; do # intent and done of both
		pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
		cp "$BATS_TEST_TMPDIR/before" "$ROOT/ethtool/eth0"
		LD_PRELOAD=$killer PT_KILL_AT=$n run pt-tune reapply "${at[@]}"
		[ "$status" -eq 137 ]
		pt-tune rollback "${at[@]}"
		diff "$BATS_TEST_TMPDIR/before" "$ROOT/ethtool/eth0"
	done
}
