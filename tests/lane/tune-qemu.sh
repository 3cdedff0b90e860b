#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pt-tune on devices that can be set: Debian's kernel under QEMU (software emulation will do) with
# e1000, e1000e, vmxnet3 and a virtio device of four queues: rings, coalescing, queues, LRO and what
# forwarding does to it; the kernel's WireGuard with 302 peers; the JIT's limit. Needs network for the kernel's package
# once; it stays in BUILD/lane.
# shellcheck source=tests/lane/tune/lane.bash
. "$(dirname "$0")/tune/lane.bash"
need qemu-system-x86_64 wg busybox cpio depmod dpkg-deb apt-get ip ethtool tc jq
[[ $(uname -m) = x86_64 ]] || skip_all "built for x86_64 only"
lane=$BUILD/lane root=$BUILD/lane/root-tune
# shellcheck source=tests/lane/guest/debian.bash
. "$TOP/tests/lane/guest/debian.bash"

programs=(bash ip tc ethtool nft jq sysctl sed grep awk sort diff xargs wc cat cut tr head tail ls mkdir rm
	date sleep readlink dirname basename env mv cp wg seq base64 uniq)
modules=(e1000 e1000e vmxnet3 virtio_pci virtio_net wireguard veth sch_fq_codel tcp_bbr nf_conntrack nf_tables
	af_packet crc32c_generic)

pack() {
	local name found=()
	rm -rf "$root"
	mkdir -p "$root"/{proc,sys,dev,tmp,run,etc,var/lib,sbin,applets,patronus/bin}
	for name in "${programs[@]}"; do
		name=$(type -P "$name") && found+=("$name")
	done
	bring bin "${found[@]}" "$(command -v busybox)"
	ln -s bash "$root/bin/sh"
	ln -s ../bin/busybox "$root/sbin/modprobe"
	bring patronus/bin "$BIN/pt-tune"
	mkdir -p "$root/patronus/lane"
	cp "$HERE"/* "$root/patronus/lane/"
	bring_modules "${modules[@]}"
	printf '%s\n' "${modules[@]}" >"$root/modules"
	cat >"$root/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox --install -s /applets
		export PATH=/bin:/sbin:/applets HOME=/tmp
		mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
		mount -t tmpfs tmpfs /tmp && mount -t tmpfs run /run
		ln -s /proc/self/fd /dev/fd
		mkdir -p /etc/sysctl.d # not in BUILD, where make would take a *.d for its own
		for m in $(cat /modules); do modprobe $m; done
		echo; echo "LANE kernel $(uname -r)"
		export SCRATCH=/tmp SCOPE=host BIN=/patronus/bin HERE=/patronus/lane
		bash /patronus/lane/devices.bash 2>&1 </dev/null
		poweroff -f
	END
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1 >"$lane/initrd-tune.gz")
}

mkdir -p "$lane"
[[ -d $lane/kernel/boot ]] || fetch_kernel || skip_all "Debian's kernel package cannot be had"
pack
# A tap of four queues is what makes virtio offer as many; it is in a namespace of QEMU's own.
tap=(-netdev "user,id=n3" -device "virtio-net-pci,netdev=n3")
own=()
if [[ $(id -u) = 0 && -c /dev/net/tun ]]; then
	own=(unshare --net)
	tap=(-netdev "tap,id=n3,ifname=pttest,queues=4,script=no,downscript=no"
		-device "virtio-net-pci,netdev=n3,mq=on,vectors=10")
fi
timeout -s KILL "${PT_LANE_SECONDS:-380}" "${own[@]}" qemu-system-x86_64 -machine q35 -cpu max -smp 4 -m 1536 \
	-nographic -no-reboot \
	-netdev user,id=n0 -device e1000,netdev=n0 -netdev user,id=n1 -device e1000e,netdev=n1 \
	-netdev user,id=n2 -device vmxnet3,netdev=n2 "${tap[@]}" \
	-kernel "$lane"/kernel/boot/vmlinuz-* -initrd "$lane/initrd-tune.gz" \
	-append "console=ttyS0 panic=-1 quiet no_timer_check mitigations=off nowatchdog rcupdate.rcu_cpu_stall_suppress=1 tsc=reliable clocksource=tsc" \
	>"$lane/console-tune" 2>&1 </dev/null
grep -q 'LANE kernel' "$lane/console-tune" || skip_all "QEMU does not boot it here: $(tail -n 1 "$lane/console-tune")"
retell "$lane/console-tune" 1
