#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The systemd units: well-formed, in step with the tools, with each other, and with the users and
# directories that they need.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	stages=(reflect failover select probe db)
	D=$(mktemp -d)
}

teardown() {
	rm -rf "$D"
}

need() {
	command -v "$1" >/dev/null || skip "no $1 on this machine"
}

values() { # UNIT KEY: the values of a key, one a line
	sed -n "s/^$2=//p" "etc/systemd/patronus-$1.service"
}

@test "systemd-analyze verify finds nothing" {
	need systemd-analyze
	for unit in etc/systemd/*.{service,timer}; do # the commands as built, not as installed
		sed "s|=pt-|=$PT_BUILD/bin/pt-|" "$unit" >"$D/$(basename "$unit")"
	done
	run systemd-analyze verify --man=no "$D"/*.{service,timer}
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	# and it would
	sed -i 's/^Type=notify/Type=notifi/; s/^Restart=/Restrat=/' "$D/patronus-select.service"
	run systemd-analyze verify --man=no "$D/patronus-select.service"
	[[ $output == *Restrat* ]]
}

@test "every command, verb and option exists" {
	for stage in "${stages[@]}"; do
		while read -r tool verb args; do
			words=$("$PT_BUILD/bin/$tool" --words)
			echo "$stage: $tool $verb $args"
			grep -qx -- "$verb" <<<"$words"
			for arg in $args; do
				[[ $arg != --* ]] || grep -qx -- "$verb $arg" <<<"$words"
			done
		done < <(values "$stage" ExecStart; values "$stage" ExecStartPre)
		[ "$(values "$stage" ExecStart | wc -l)" -eq 1 ]
	done
	for line in "$(values drift ExecStart)" "$(values tune@ ExecStart)"; do
		read -r tool verb option _ <<<"$line"
		"$PT_BUILD/bin/$tool" --words | grep -qx -- "$verb $option"
	done
	# Its directories have owners of their own.
	for unit in drift tune@; do [ -z "$(values $unit StateDirectory)$(values $unit RuntimeDirectory)" ]; done
	grep -q 'patronus-tune@%k.service' etc/udev/rules.d/90-patronus-tune.rules
	# A maintenance that finds damage, or fails, does not stop the backup.
	[ "$(values maintain ExecStart)" = 'pt-db maintain' ]
	[ "$(values backup ExecStart)" = 'pt-db backup' ]
	for key in Wants Before; do [ "$(values maintain "$key")" = patronus-backup.service ]; done
	for key in Requires Requisite BindsTo OnSuccess; do [ -z "$(values maintain "$key")$(values backup "$key")" ]; done
}

@test "nothing of the database's units names where it is: database.path does" {
	run ! grep -n 'sdwan\.db\|ReadWritePaths\|ProtectSystem=strict' etc/systemd/patronus-{db,maintain,backup}.service
}

@test "the umbrella starts, stops and reloads every stage, and nothing else" {
	want=$(printf 'patronus-%s.service\n' "${stages[@]}" | sort)
	for key in Wants PropagatesReloadTo; do
		[ "$(values sdwan "$key" | tr ' ' '\n' | sort)" = "$want" ]
	done
	[ "$(printf '%s\n' etc/systemd/*.service | wc -l)" -eq $((${#stages[@]} + 5)) ] # and maintenance, backup, drift, a device's settings
	for stage in "${stages[@]}"; do
		[ "$(values "$stage" PartOf)" = patronus-sdwan.service ]
		[[ " $(values "$stage" After) " == *" patronus-sdwan.service "* ]]
		[ "$(values "$stage" Type)" = notify ]
		[ "$(values "$stage" Restart)" = always ]
		[ -n "$(values "$stage" ExecReload)" ]
		[ -n "$(values "$stage" LimitNOFILE)" ]
		values "$stage" CapabilityBoundingSet | wc -l | grep -qx 1
	done
}

@test "stages that are told to reload by SIGHUP survive it" {
	for stage in "${stages[@]}"; do
		# shellcheck disable=SC2016 # systemd expands it
		[ "$(values "$stage" ExecReload)" = 'kill -HUP $MAINPID' ] || continue
		read -r tool _ < <(values "$stage" ExecStart)
		grep -rq SIGHUP "cmd/$tool" "cmd/$tool.c" 2>/dev/null
	done
}

@test "users and directories are made, spools belong to their writers" {
	need systemd-sysusers
	need systemd-tmpfiles
	mkdir -p "$D/etc" "$D/usr/lib/sysusers.d" "$D/usr/lib/tmpfiles.d"
	cp etc/sysusers.d/patronus.conf "$D/usr/lib/sysusers.d/"
	cp etc/tmpfiles.d/patronus.conf "$D/usr/lib/tmpfiles.d/"
	systemd-sysusers --root="$D" patronus.conf 2>/dev/null
	systemd-tmpfiles --root="$D" --create patronus.conf
	uid() { [ "$1" = root ] && echo 0 || awk -F: -v u="$1" '$1 == u { print $3 }' "$D/etc/passwd"; }
	seen=
	for stage in "${stages[@]}"; do
		user=$(values "$stage" User)
		echo "$stage: $user"
		[ -n "$(uid "$user")" ]
		[[ " $seen " != *" $user "* ]]
		seen+=" $user"
		read -ra words < <(values "$stage" ExecStart)
		for ((i = 0; i < ${#words[@]}; i++)); do
			dir=${words[i]}
			[[ $dir == /run/* ]] || continue
			[ -d "$D$dir" ]
			[ "$(stat -c %a "$D$dir")" = 755 ]
			[ "${words[i - 1]}" != --spool ] || [ "$(stat -c %u "$D$dir")" = "$(uid "$user")" ]
		done
	done
	[ "$(stat -c '%u %a' "$D/run/patronus")" = "0 775" ]
}
