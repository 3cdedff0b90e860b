#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The kernel of Debian 12, Linux 6.1, which has no TCX and a stricter verifier: boots it under QEMU
# (software emulation will do) with tests/bpf in an initramfs. One TAP line a test that ran there.
# Needs network for the kernel's package once; it stays in BUILD/lane.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(realpath -m "${PT_BUILD:-build}")
lane=$build/lane
root=$lane/root

skip_all() { echo "1..0 # SKIP $1"; exit 77; }
for tool in qemu-system-x86_64 busybox cpio dpkg-deb apt-get; do
	command -v "$tool" >/dev/null || skip_all "no $tool on this machine"
done
[[ $(uname -m) = x86_64 ]] || skip_all "built for x86_64 only"

fetch_kernel() {
	local package
	package=$(apt-cache depends linux-image-amd64 2>/dev/null |
		sed -nE 's/.*Depends: (linux-image-6\.1\.[0-9a-z.-]+-amd64)$/\1/p' | head -n 1)
	[[ -n $package ]] || return 1
	(cd "$lane" && apt-get download "$package" >&2 && dpkg-deb -x "$package"_*.deb kernel && rm -f ./*.deb)
}

# Programs with the libraries they are linked with.
bring() { # DIRECTORY FILE...
	local into=$1 file library
	shift
	mkdir -p "$root/$into"
	for file; do
		cp -L "$file" "$root/$into/"
		while read -r library; do
			mkdir -p "$root${library%/*}"
			cp -Lu "$library" "$root$library"
		done < <(ldd "$file" 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*')
	done
}

pack() {
	local name module
	rm -rf "$root"
	mkdir -p "$root"/{proc,sys,dev,tmp,run,modules,applets}
	bring bin "$(command -v busybox)" "$(command -v ip)" "$(command -v tc)" "$(command -v bash)"
	ln -s bash "$root/bin/sh" # busybox's own would take its applets before our programs
	for name in tests/bpf/*.c; do bring tests "$build/tests/bpf/$(basename "$name" .c)"; done
	for name in udp_tunnel ip6_udp_tunnel veth sch_ingress cls_bpf tun; do
		module=$(find "$lane/kernel/lib/modules" -name "$name.ko")
		[[ -z $module ]] || cp "$module" "$root/modules"
	done
	cat >"$root/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox --install -s /applets
		export PATH=/bin:/applets
		mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
		mount -t tmpfs tmpfs /tmp && mount -t tmpfs run /run && mount -t bpf bpf /sys/fs/bpf
		for m in udp_tunnel ip6_udp_tunnel veth sch_ingress cls_bpf tun; do
			[ ! -e /modules/$m.ko ] || insmod /modules/$m.ko
		done
		ip link set lo up
		echo "LANE kernel $(uname -r)"
		for t in /tests/*; do
			echo "LANE begin ${t##*/}"
			PT_DIFF_COUNT=20000 timeout 300 "$t" 2>&1
			echo "LANE end ${t##*/} $?"
		done
		poweroff -f
	END
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1 >"$lane/initrd.gz")
}

# The guest's TAP as ours: each test once, named after its program; a program that ends badly
# without a failed test of its own is one more failure.
retell() {
	awk '
		{ sub(/\r$/, "") }
		/LANE kernel/ { print "# Linux " $NF; next }
		/^LANE begin/ { program = $3; bad = 0; next }
		/^LANE end/ {
			seen++
			if ($4 != 0 && !bad) print "not ok " ++n " - " program ": exit " $4
			next
		}
		/^(not )?ok [0-9]+ - / {
			bad += /^not/
			text = $0
			sub(/^(not )?ok [0-9]+ - /, "", text)
			print (/^not/ ? "not ok " : "ok ") ++n " - " program ": " text
			next
		}
		/^# |^Bail out/ { print "# " program ": " $0 }
		END {
			if (seen < programs) print "not ok " ++n " - all " programs " programs ran (" seen + 0 ")"
			print "1.." n + 0
			exit n == 0
		}' programs="$(printf '%s\n' tests/bpf/*.c | wc -l)" "$1"
}

mkdir -p "$lane"
[[ -d $lane/kernel/boot ]] || fetch_kernel || skip_all "Debian's kernel package cannot be had"
pack
timeout -s KILL 400 qemu-system-x86_64 -machine q35 -cpu max -smp 2 -m 2048 -nographic -no-reboot \
	-kernel "$lane"/kernel/boot/vmlinuz-* -initrd "$lane/initrd.gz" \
	-append "console=ttyS0 panic=-1 quiet" >"$lane/console" 2>&1 </dev/null
grep -q 'LANE kernel' "$lane/console" || skip_all "QEMU does not boot it here: $(tail -n 1 "$lane/console")"
retell "$lane/console" | tee "$lane/tap"
! grep -q '^not ok' "$lane/tap"
