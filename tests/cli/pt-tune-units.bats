#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pt-tune's settings of systemd's units, on a host made of files; systemctl --root is the oracle.

# shellcheck disable=SC2154 # set by bats and tune.bash
bats_require_minimum_version 1.5.0
load tune.bash

U=patronus-probe.service

setup() {
	tune_setup
	at=(--root "$ROOT" --state "$STATE")
	quick=(--settle 0 --confirm-timeout 60s)
	put usr/lib/systemd/system/$U $'[Unit]\nDescription=Probes\n[Service]\nExecStart=/bin/true\nLimitNOFILE=1024'
	kept=$ROOT/etc/systemd/system/$U.d/zz-patronus.conf
	waiting=$ROOT/run/systemd/system.control/$U.d/zz-patronus.conf
	profile "unit:
  - name: $U
    limits: {nofile: 65536, nproc: 512}
    env: {RUST_LOG: 'a=\"b c\",d=50%', TOKIO_WORKER_THREADS: 2}
    affinity: 0-1
    slice: patronus.slice"
}

teardown() { # no watchdog outlives its test
	cat "$STATE"/tx/*/watchdog 2>/dev/null | while read -r pid; do kill -9 "$pid" 2>/dev/null || true; done
}

whole() { (cd "$ROOT" && find . \( -type f -o -type l \) | sort | xargs md5sum; find . -type d -name '*.service.d'); }
result() { pt-tune history "${at[@]}" --json | jq -r '.transactions[-1].result'; }
# What systemd makes of the unit's files: which of them it reads, and what it does not understand.
verdict() { # each of our files is marked by a key that there is not
	local f
	for f in "$kept" "$waiting"; do [ ! -e "$f" ] || echo Bogus=1 >>"$f"; done
	systemd-analyze --root="$ROOT" verify $U 2>&1 | grep -F .conf:
	for f in "$kept" "$waiting"; do [ ! -e "$f" ] || sed -i '/^Bogus=1$/d' "$f"; done
}

@test "units: waiting in /run until confirmed, then in /etc; plan has nothing to do; rollback leaves nothing" {
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune plan --root "$ROOT" --profile "$P" --json >"$BATS_TEST_TMPDIR/plan" || [ $? -eq 1 ]
	jq -se --arg u $U 'length == 6 and all(.device == $u and .action == "set")
		and (map(select(.key == "limits.nofile")) | .[0].before == "1024")' "$BATS_TEST_TMPDIR/plan"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" --json >"$BATS_TEST_TMPDIR/out"
	jq -se 'length == 6 and all(.after == .want)' "$BATS_TEST_TMPDIR/out"
	[ -f "$waiting" ] && [ ! -e "$kept" ]
	cp "$waiting" "$BATS_TEST_TMPDIR/text"
	pt-tune plan --root "$ROOT" --profile "$P"
	pt-tune confirm "${at[@]}"
	[ ! -e "$waiting" ]
	cmp "$kept" "$BATS_TEST_TMPDIR/text"
	pt-tune plan --root "$ROOT" --profile "$P"
	pt-tune verify "${at[@]}"
	pt-tune rollback "${at[@]}"
	whole | diff "$BATS_TEST_TMPDIR/before" -
}

@test "units: systemd understands what was written, and reads the waiting file instead of the kept one" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	mkdir -p "$ROOT/bin" && cp /bin/true "$ROOT/bin/true"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	for line in LimitNOFILE=65536 TasksMax=512 CPUAffinity=0-1 Slice=patronus.slice 'Environment="RUST_LOG=a=\"b c\",d=50%%"'; do
		grep -Fqx "$line" "$waiting"
	done
	[ "$(grep -A 1 -x CPUAffinity= "$waiting")" = $'CPUAffinity=\nCPUAffinity=0-1' ] # or others' CPUs stayed, too
	run verdict
	echo "$output"
	[ "${#lines[@]}" -eq 1 ] && [[ $output == *"$waiting:"*Bogus* ]]
	pt-tune confirm "${at[@]}"
	run verdict
	[ "${#lines[@]}" -eq 1 ] && [[ $output == *"$kept:"*Bogus* ]]
	sed -i 's/65536/131072/' "$P"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	[ -e "$kept" ] && [ -e "$waiting" ]
	run verdict
	[ "${#lines[@]}" -eq 1 ] && [[ $output == *"$waiting:"*Bogus* ]]
	pt-tune rollback "${at[@]}"
	grep -qx LimitNOFILE=65536 "$kept"
	[ ! -e "$waiting" ]
}

@test "units: somebody's drop-in with the last word is told by line, nothing is confirmed" {
	put etc/systemd/system/$U.d/zzz.conf $'[Service]\nLimitNOFILE = 2048'
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	run pt-tune confirm "${at[@]}"
	[ "$status" -eq 1 ]
	[ "$output" = "pt-tune: $U limits.nofile: etc/systemd/system/$U.d/zzz.conf:2 has the last word (2048)" ]
	[ ! -e "$kept" ] && [ -e "$waiting" ]
	[ "$(result)" = open ]
}

@test "units: an edited drop-in is drift, is left by rollback (8), and goes by force" {
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	sed -i 's/TasksMax=512/TasksMax=99/' "$kept"
	run --separate-stderr pt-tune drift "${at[@]}" --json
	[ "$status" -eq 1 ]
	jq -se 'map(select(.action != "same")) | length == 1 and .[0].key == "limits.nproc"
		and .[0].before == "99" and (.[0].why | contains("drop-in"))' <<<"$output"
	run pt-tune rollback "${at[@]}"
	[ "$status" -eq 8 ]
	grep -qx TasksMax=99 "$kept"
	run grep -c = "$kept" # what is left is kept, and nothing else of it
	[ "$output" = 1 ] && [ ! -e "$waiting" ]
	id=$(pt-tune history "${at[@]}" --json | jq -r '.transactions[-1].id')
	pt-tune rollback "${at[@]}" --force "$id"
	[ ! -e "$kept" ] && [ ! -e "$waiting" ]
}

@test "units: other lines of our file stay, and a setting is changed in its place" {
	mkdir -p "$(dirname "$kept")"
	printf '# mine\n[Service]\nLimitNOFILE=4096\nNice=5\n' >"$kept"
	cp "$kept" "$BATS_TEST_TMPDIR/was"
	pt-tune apply "${at[@]}" "${quick[@]}" --only limits.nofile --profile "$P" >/dev/null
	printf '# mine\n[Service]\nLimitNOFILE=65536\nNice=5\n' | cmp "$waiting"
	cmp "$kept" "$BATS_TEST_TMPDIR/was"
	pt-tune rollback "${at[@]}"
	[ ! -e "$waiting" ]
	cmp "$kept" "$BATS_TEST_TMPDIR/was"
}

@test "units: kill -9 at every record of apply and confirm: rollback restores every file" {
	[ -z "${PT_SAN:-}" ] || skip "a sanitizer wants to be loaded first"
	${CC:-gcc} -shared -fPIC -D_GNU_SOURCE -o "$BATS_TEST_TMPDIR/killer.so" tests/tools/preload/killer.c || skip "no compiler"
	mkdir -p "$(dirname "$kept")"
	printf '[Service]\nLimitNOFILE=4096\n' >"$kept" # of an earlier transaction
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	records=$(wc -l <"$(printf '%s\n' "$STATE"/tx/*/journal | tail -n 1)")
	pt-tune rollback "${at[@]}"
	[ "$records" -ge 20 ]
	for ((n = 1; n <= records; n++)); do
		for when in before after; do
			[ "$n" -gt 7 ] || [ "$when" = after ] || continue # the snapshot's are alike
			LD_PRELOAD=$BATS_TEST_TMPDIR/killer.so PT_KILL_AT=$n PT_KILL_WHEN=$when PT_KILL_CHILDREN=1 \
				run pt-tune apply "${at[@]}" --settle 0 --no-confirm --profile "$P"
			[ "$status" -eq 137 ] || [ "$n" -ge $((records - 1)) ]
			pt-tune rollback "${at[@]}" >/dev/null 2>&1 || [ $? -eq 1 ]
			whole | diff "$BATS_TEST_TMPDIR/before" - || { echo "$when $n"; return 1; }
		done
	done
}

@test "units: a rollback that was killed goes on where it was" {
	[ -z "${PT_SAN:-}" ] || skip "a sanitizer wants to be loaded first"
	${CC:-gcc} -shared -fPIC -D_GNU_SOURCE -o "$BATS_TEST_TMPDIR/killer.so" tests/tools/preload/killer.c || skip "no compiler"
	whole >"$BATS_TEST_TMPDIR/before"
	for n in 1 2 3 4 5 6 7 8; do
		pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
		LD_PRELOAD=$BATS_TEST_TMPDIR/killer.so PT_KILL_AT=$n run pt-tune rollback "${at[@]}"
		[ "$status" -eq 137 ]
		pt-tune rollback "${at[@]}"
		whole | diff "$BATS_TEST_TMPDIR/before" -
	done
}

@test "units: a restart before confirm takes them back by itself" {
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	rm -r "$ROOT/run/systemd" # what a restart does
	whole | diff "$BATS_TEST_TMPDIR/before" -
}

@test "units: persist keeps what was for one run; unpersist lets it wait again" {
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --runtime-only --profile "$P" >/dev/null
	[ -e "$waiting" ] && [ ! -e "$kept" ]
	pt-tune persist "${at[@]}"
	[ ! -e "$waiting" ] && [ -e "$kept" ]
	pt-tune unpersist "${at[@]}"
	[ -e "$waiting" ] && [ ! -e "$kept" ]
	pt-tune drift "${at[@]}" # still in force
}

@test "units: verify sees a process that was started without it" {
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	pt-tune verify "${at[@]}" # nothing runs
	put sys/fs/cgroup/patronus.slice/$U/cgroup.procs 4711
	put sys/fs/cgroup/patronus.slice/$U/pids.max 512
	limits() { put proc/4711/limits "$(printf '%-25s %-20s %-20s files' 'Max open files' "$1" "$1")"; }
	printf 'HOME=/\0RUST_LOG=a="b c",d=50%%\0TOKIO_WORKER_THREADS=2\0' >"$ROOT/proc/4711-env"
	limits 65536
	mv "$ROOT/proc/4711-env" "$ROOT/proc/4711/environ"
	put proc/4711/status $'Name: x\nCpus_allowed_list:\t0-1'
	pt-tune verify "${at[@]}"
	limits 1024
	run --separate-stderr pt-tune verify "${at[@]}" --json
	[ "$status" -eq 1 ]
	jq -se --arg u $U 'map(select(.action != "same")) | length == 1 and .[0].key == "limits.nofile" and .[0].action == "warn"
		and .[0].why == "process 4711 was started without it: systemctl restart \($u)"' <<<"$output"
	pt-tune drift "${at[@]}" # it is in force for the next start
}

@test "units: no such unit, one without a process of its own, no name of one, jemalloc, the WAN's node" {
	plan() { pt-tune plan --root "$ROOT" --profile "$P" --json 2>/dev/null | jq -r '[.action, .rule // "-", .want // "-"] | join(" ")'; }
	profile 'unit: {name: nosuch.service, slice: x.slice}'
	[ "$(plan)" = "skip UNIT-ABSENT -" ]
	put lib/systemd/system/patronus-sdwan.service $'[Service]\nType=oneshot\nExecStart=true'
	profile 'limits: {nofile: 1000}'
	[ "$(plan)" = "skip UNIT-STAGES -" ]
	profile 'unit: {name: ../x.service, slice: x.slice}'
	run pt-tune plan --root "$ROOT" --profile "$P"
	[ "$status" -eq 2 ]
	[[ $output == *"p.yaml:3:14: unit: '../x.service' is no service's name"* ]]
	profile "unit: {name: $U, env: {LD_PRELOAD: jemalloc}}"
	[ "$(plan)" = "unknown - -" ]
	put usr/local/lib/libjemalloc.so.2 elf
	[[ "$(plan)" == "set "*" /usr/local/lib/libjemalloc.so.2" || "$(plan)" == *ENV-JEMALLOC* ]]
	profile "unit: {name: $U, affinity: wan, numa: wan}"
	[ "$(plan | head -n 1)" = "unknown - -" ]
	put sys/devices/system/node/online 0-1
	put sys/class/net/eth0/device/numa_node 1
	put sys/devices/system/node/node1/cpulist 4-7
	[ "$(plan | xargs)" = "set - 4-7 set - preferred:1" ]
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	[ "$(grep ^NUMA "$waiting")" = $'NUMAPolicy=preferred\nNUMAMask=\nNUMAMask=1' ]
	pt-tune plan --root "$ROOT" --profile "$P"
	profile "unit: {name: $U, numa: nearest}"
	[ "$(plan)" = "refuse UNIT-NUMAPOLICY -" ]
}

@test "units: in a network namespace they are the host's, and refused" {
	run pt-tune plan --root "$ROOT" --profile "$P" --scope netns
	[ "$status" -eq 3 ]
	[[ $output == *SCOPE-NETNS* ]]
}

@test "units: more of them in one transaction than anybody has" {
	{
		echo unit:
		for i in $(seq 40); do
			put usr/lib/systemd/system/s"$i".service $'[Service]\nExecStart=/bin/true'
			echo "  - {name: s$i.service, limits: {nofile: 65536}}"
		done
	} >"$BATS_TEST_TMPDIR/units"
	profile "$(cat "$BATS_TEST_TMPDIR/units")"
	whole >"$BATS_TEST_TMPDIR/before"
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	pt-tune confirm "${at[@]}"
	[ "$(cat "$ROOT"/etc/systemd/system/s*.service.d/zz-patronus.conf | grep -cx LimitNOFILE=65536)" = 40 ]
	pt-tune verify "${at[@]}"
	pt-tune rollback "${at[@]}"
	whole | diff "$BATS_TEST_TMPDIR/before" -
}

@test "units: a setting outside [Service] is none, and ours is never put there" {
	put etc/systemd/system/$U.d/50-x.conf $'LimitNOFILE=1\n[Unit]\nLimitNOFILE=2\n[Service]\nTasksMax=3\n[Install]\nTasksMax=4'
	profile "unit: {name: $U, limits: {nofile: 65536, nproc: 512}}"
	pt-tune plan --root "$ROOT" --profile "$P" --json >"$BATS_TEST_TMPDIR/plan" || [ $? -eq 1 ]
	[ "$(jq -sr 'map("\(.key) \(.before)") | sort | join(", ")' "$BATS_TEST_TMPDIR/plan")" = "limits.nofile 1024, limits.nproc 3" ]
	put etc/systemd/system/$U.d/zz-patronus.conf $'[Service]\nTasksMax=100\n[Unit]\nDescription=Mine'
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	[ "$(cat "$kept")" = $'[Service]\nTasksMax=512\n[Unit]\nDescription=Mine\n[Service]\nLimitNOFILE=65536' ]
	pt-tune verify "${at[@]}"
	: >"$kept" # an empty file of that name has no section either
	rm -rf "$ROOT/etc/systemd/system/$U.d/50-x.conf"
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	[ "$(head -n 1 "$kept")" = '[Service]' ]
}

@test "units: drop-ins for a template, for a prefix and for all services, and units of generators" {
	before() { pt-tune plan --root "$ROOT" --profile "$P" --json 2>/dev/null | jq -r .before; }
	where() { pt-tune confirm "${at[@]}" 2>&1 | grep -oE '[a-z/@.-]+\.conf:[0-9]+'; }
	profile "unit: {name: a-b-c@x.service, limits: {nofile: 65536}}"
	[ "$(before)" = null ] # no such unit
	# the least first; each has the last word over those before it
	local n=0 dir file list=()
	put run/systemd/generator.late/a-b-c@.service $'[Service]\nLimitNOFILE=100'
	[ "$(before)" = 100 ]
	put run/systemd/generator/a-b-c@.service $'[Service]\nLimitNOFILE=101'
	[ "$(before)" = 101 ]
	for dir in service a-@x.service a-b-@x.service a-@.service a-b-@.service a-b-c@.service a-b-c@x.service; do
		n=$((n + 1)) # the same name: a more special directory hides it
		put "usr/lib/systemd/system/$dir.d/50-x.conf" $'[Service]\nLimitNOFILE='$n
		list+=("$(before)")
	done
	[ "${list[*]}" = "1 2 3 4 5 6 7" ]
	put etc/systemd/system/a-.service.d/50-x.conf $'[Service]\nLimitNOFILE=8' # of no instance
	[ "$(before)" = 7 ]
	put etc/systemd/system/a-@.service.d/50-x.conf $'[Service]\nLimitNOFILE=9'
	[ "$(before)" = 9 ]
	if command -v systemd-analyze >/dev/null; then # it complains of what it reads, and of that alone
		put usr/lib/systemd/system/a-b-c@.service $'[Service]\nExecStart=/bin/true'
		rm -r "$ROOT"/etc/systemd/system
		for dir in a-b-c@x a-b-c@ a-b-@x a-b-@ a-@x a-@ ''; do
			file=$ROOT/usr/lib/systemd/system/${dir:+$dir.}service.d/50-x.conf
			echo Bogus=1 >>"$file"
			systemd-analyze --root="$ROOT" verify a-b-c@x.service 2>&1 | grep -F "$file:3: Unknown key"
			rm "$file"
		done
	fi
	put run/systemd/generator/a-b-c@.service $'[Service]\nLimitNOFILE=101'
	put etc/systemd/system/a-@.service.d/zzz.conf $'[Service]\nLimitNOFILE=10'
	pt-tune apply "${at[@]}" "${quick[@]}" --profile "$P" >/dev/null
	[ "$(where)" = etc/systemd/system/a-@.service.d/zzz.conf:2 ]
}

@test "units: verify finds a running unit in whatever slice it is" {
	profile "unit: {name: $U, slice: patronus-probe.slice}"
	pt-tune apply "${at[@]}" "${quick[@]}" --no-confirm --profile "$P" >/dev/null
	put sys/fs/cgroup/system.slice/$U/cgroup.procs 4711
	run --separate-stderr pt-tune verify "${at[@]}" --json
	[ "$status" -eq 1 ]
	jq -se 'length == 1 and .[0].action == "warn"' <<<"$output"
	mkdir -p "$ROOT/sys/fs/cgroup/patronus.slice/patronus-probe.slice"
	mv "$ROOT/sys/fs/cgroup/system.slice/$U" "$ROOT/sys/fs/cgroup/patronus.slice/patronus-probe.slice/"
	pt-tune verify "${at[@]}"
}
