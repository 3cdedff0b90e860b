#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The kernel of Debian 12, Linux 6.1, which has no TCX and a stricter verifier: boots it under QEMU
# (software emulation will do) with tests/bpf and those of tests/net that attach in an initramfs. One
# TAP line a test that ran there. Needs network for the kernel's package once; it stays in BUILD/lane.
#   PT_LANE_TESTS="bpf/plane_setup net/plane-forward" tests/lane/debian-6.1.sh   these alone
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(realpath -m "${PT_BUILD:-build}")
lane=$build/lane
root=$lane/root

skip_all() { echo "1..0 # SKIP $1"; exit 77; }
for tool in qemu-system-x86_64 busybox cpio depmod dpkg-deb apt-get; do
	command -v "$tool" >/dev/null || skip_all "no $tool on this machine"
done
[[ $(uname -m) = x86_64 ]] || skip_all "built for x86_64 only"

# What measures time in milliseconds cannot run on an emulated CPU.
declare -A left_out=(
	[net/bench-failover]="measures outages in milliseconds"
	[net/demo]="measures outages in milliseconds"
	[net/failover-all]="outages in milliseconds"
	[net/failover-carrier]="outages in milliseconds"
	[net/failover-oneway]="outages in milliseconds"
	[net/failover-silent]="outages in milliseconds"
	[net/failover-slow]="detection in milliseconds"
	[net/failover-timeline]="the moments of a switch in microseconds"
	[net/failover-shared]="outages in milliseconds"
	[net/failover-quality]="delays in milliseconds"
	[net/failover-busy]="every processor is busy anyway"
	[net/failover-stopped]="probes every 10 ms"
	[net/failover-brownout]="detection in milliseconds"
	[net/failover-dead]="outages in milliseconds"
	[net/failover-drain]="drills of a second"
	[net/failover-hold]="holds in tenths of a second"
	[net/failover-many]="a thousand probes a second"
	[net/failover-killed]="detection in milliseconds"
	[net/failover-orders]="decisions within milliseconds"
	[net/failover-spoofed]="a flood at full speed"
	[net/select-many]="a thousand paths within a second"
	[net/services-killed]="detection in milliseconds"
	[net/systemd]="needs systemd"
)

# NAME of each test that is to run there; PT_LANE_TESTS: these alone.
chosen() {
	local file name
	for file in tests/bpf/*.c $(grep -lE '\<(edge_attach|edges_up)\>' tests/net/*.sh); do
		name=${file#tests/} name=${name%.*}
		[[ $name != net/lib* ]] || continue
		if [[ -n ${PT_LANE_TESTS:-} ]]; then
			[[ " $PT_LANE_TESTS " = *" $name "* ]] || continue
		elif [[ -n ${left_out[$name]:-} ]]; then
			continue
		fi
		echo "$name"
	done
}

# shellcheck source=tests/lane/guest/debian.bash
. tests/lane/guest/debian.bash

programs=(bash ip tc ss ping traceroute tracepath ethtool nft conntrack bpftool jq sqlite3 nsenter setpriv
	chrt sysctl mountpoint sed grep awk sort diff find xargs timeout taskset iperf3
	cat cut tr head tail seq stat mktemp sleep date ls cp mv rm ln mkdir touch wc comm cmp dirname basename
	env id kill ps readlink realpath tee test mkfifo wg pppd stdbuf)
modules=(crc32c_generic veth tun sch_ingress cls_bpf act_bpf sch_htb sch_prio sch_netem vrf 8021q
	bridge bonding vxlan ppp_generic ppp_async ppp_synctty dummy af_packet nf_tables nft_ct
	nft_masq nft_nat nft_chain_nat nft_limit nft_compat nf_conntrack nf_conntrack_netlink nf_nat
	xt_mark nfnetlink udp_tunnel ip6_udp_tunnel wireguard ipip sit ip_gre ip6_gre nft_reject_inet nft_fib_inet)

pack() {
	local name found=()
	rm -rf "$root"
	mkdir -p "$root"/{proc,sys,dev,tmp,var,run/netns,sbin,usr/sbin,applets,patronus/build/{bin,tests/{tools,bpf}}}
	for name in "${programs[@]}"; do
		name=$(type -P "$name") && found+=("$name")
	done
	bring bin "${found[@]}" "$(command -v busybox)"
	bring usr/libexec/coreutils /usr/libexec/coreutils/libstdbuf.so
	ln -s bash "$root/bin/sh" # busybox's own would take its applets before our programs
	ln -s ../bin/busybox "$root/sbin/modprobe"
	ln -s /run "$root/var/run"
	cp -r tests "$root/patronus/"
	install -D -m 0644 -t "$root/patronus/etc" etc/*.yaml # no *.d here, which make would take for its own
	find "$root/patronus/tests" -name '*.c' -delete
	bring patronus/build/bin "$build"/bin/*
	for name in tests/tools/*.c; do
		bring patronus/build/tests/tools "$build/${name%.c}"
	done
	for name in $(chosen); do
		[[ $name = net/* ]] || bring patronus/build/tests/bpf "$build/tests/$name"
	done
	bring_modules "${modules[@]}"
	chosen >"$root/chosen"
	cat >"$root/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox --install -s /applets
		export PATH=/bin:/sbin:/applets HOME=/tmp PT_BUILD=/patronus/build PT_HOOK=clsact PT_PATIENCE=6 PT_OWN_CLOCK=1 PT_DIFF_COUNT=20000
		mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
		mount -t tmpfs tmpfs /tmp && mount -t tmpfs run /run && mount -t bpf bpf /sys/fs/bpf
		mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
		ln -s /proc/self/fd /dev/fd
		for m in $(cat /modules); do modprobe $m; done
		ip link set lo up
		echo "LANE kernel $(uname -r), $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
		cd /patronus
		run() { # NAME
			echo "LANE begin $1"
			case $1 in
			net/*) timeout 900 bash "tests/$1.sh" 2>&1 </dev/null ;;
			*) timeout 900 "build/tests/$1" 2>&1 </dev/null ;;
			esac
			status=$?
			echo "LANE end $1 $status"
			[ $status = 0 ] || [ $status = 77 ]
		}
		while read -r t; do
			run "$t" || run "$t" # as tests/run does
		done </chosen
		poweroff -f
	END
	printf '%s\n' "${modules[@]}" >"$root/modules"
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1 >"$lane/initrd.gz")
}

# The guest's TAP as ours: each test once, named after its program; a program that ends badly
# without a failed test of its own is one more failure. Of one that ran again the second run counts.
retell() {
	awk '
		function hold(line) { held[++n_held] = line }
		function flush(i) {
			for (i = 1; i <= n_held; i++) {
				if (held[i] ~ /^#/) print held[i]
				else {
					match(held[i], /^(not )?ok /)
					print substr(held[i], 1, RLENGTH) ++n " - " substr(held[i], RLENGTH + 1)
				}
			}
			n_held = 0
		}
		{ sub(/\r$/, "") }
		/LANE kernel/ { print "# Linux " $(NF - 1) " by " $NF; next }
		/LANE begin/ {
			if ($NF == program) {
				print "# failed once: " program ": " first
				n_held = 0
				seen--
			}
			flush()
			program = $NF
			first = ""
			next
		}
		/LANE end/ {
			seen++
			if ($NF != 0 && $NF != 77 && !first) {
				first = "exit " $NF
				hold("not ok " program ": exit " $NF)
			}
			next
		}
		/^(not )?ok [0-9]+ - / {
			text = $0
			sub(/^(not )?ok [0-9]+ - /, "", text)
			if (/^not/ && !first) first = text
			hold((/^not/ ? "not ok " : "ok ") program ": " text)
			next
		}
		/^1\.\.0 # SKIP/ {
			sub(/^1\.\.0 # SKIP */, "")
			hold("ok " program " # SKIP " $0)
			next
		}
		/^# |^Bail out/ { hold("# " program ": " $0) }
		END {
			flush()
			if (seen < programs) print "not ok " ++n " - all " programs " programs ran (" seen + 0 ")"
			print "1.." n + 0
			exit n == 0
		}' programs="$(chosen | wc -l)" "$1"
}

mkdir -p "$lane"
[[ -d $lane/kernel/boot ]] || fetch_kernel || skip_all "Debian's kernel package cannot be had"
pack
timeout -s KILL "${PT_LANE_SECONDS:-2400}" qemu-system-x86_64 -machine q35 -cpu max -smp 2 -m 3072 -nographic -no-reboot \
	-kernel "$lane"/kernel/boot/vmlinuz-* -initrd "$lane/initrd.gz" \
	-append "console=ttyS0 panic=-1 quiet no_timer_check mitigations=off nowatchdog rcupdate.rcu_cpu_stall_suppress=1 tsc=reliable clocksource=tsc" >"$lane/console" 2>&1 </dev/null
grep -q 'LANE kernel' "$lane/console" || skip_all "QEMU does not boot it here: $(tail -n 1 "$lane/console")"
for name in "${!left_out[@]}"; do echo "# not here: $name: ${left_out[$name]}"; done | sort
retell "$lane/console" | tee "$lane/tap"
! grep -q '^not ok' "$lane/tap"
