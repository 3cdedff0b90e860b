#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pt-tune on a kernel of its own, User-Mode Linux (Debian's 6.1) on this machine's files, read-only:
# the guide's sysctls as they stand in the guide, by systemd and by procps; and ours, as a
# transaction on the whole host.
# shellcheck source=tests/lane/tune/lane.bash
. "$(dirname "$0")/tune/lane.bash"
need linux.uml ip ethtool tc jq nft sysctl
MODULES=/usr/lib/uml/modules
[[ -d $MODULES ]] || skip_all "no modules of User-Mode Linux on this machine"
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pt-test-lane.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT

cat >"$SCRATCH/init" <<'END'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
mkdir -p /run/etc && cp -r /etc/sysctl.d/. /run/etc/ 2>/dev/null
mount -t tmpfs etc /etc/sysctl.d && cp -r /run/etc/. /etc/sysctl.d/ 2>/dev/null
mkdir -p /run/kmod/lib && ln -s "$UML_MODULES" /run/kmod/lib/modules
printf '#!/bin/sh\nexec /sbin/modprobe -d /run/kmod "$@"\n' >/run/modprobe && chmod +x /run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe
modprobe() { /run/modprobe "$@"; }
ln -s /proc/self/fd /dev/fd
export SCRATCH=/run/lane SCOPE=host BIN=$UML_BIN HERE=$UML_HERE
mkdir -p $SCRATCH
exec </dev/null >/dev/console 2>&1
. "$HERE/inside.bash"
echo "LANE kernel $(uname -r), $UML_STAGE"
for m in veth sch_fq_codel tcp_bbr; do modprobe $m; done
ip link set lo up
stage() {
	case $UML_STAGE in
	guide) . "$HERE/guide.bash" ;;
	ours) veth_wan && transaction "whole host" sdwan-small confirm ;;
	esac
	echo "1..$TAP_DONE"
}
stage
exec /sbin/halt -f
END
chmod 755 "$SCRATCH" "$SCRATCH/init"

# The register state of newer processors does not fit into the buffers of this kernel.
preload=
if grep -q amx_tile /proc/cpuinfo; then
	${CC:-gcc} -shared -fPIC -O2 -D_GNU_SOURCE -o "$SCRATCH/xstate.so" "$TOP/tests/tools/preload/xstate.c" ||
		skip_all "no compiler for what this processor needs"
	preload=$SCRATCH/xstate.so
fi
: >"$SCRATCH/console"
for stage in guide ours; do
	LD_PRELOAD=$preload HOME=$SCRATCH timeout -s KILL 120 linux.uml mem=1024M rootfstype=hostfs rootflags=/ ro \
		quiet init="$SCRATCH/init" con0=null,fd:1 con=null \
		UML_STAGE=$stage UML_BIN="$BIN" UML_HERE="$HERE" UML_MODULES=$MODULES \
		>>"$SCRATCH/console" 2>&1 </dev/null
done
grep -q 'LANE kernel' "$SCRATCH/console" ||
	skip_all "User-Mode Linux does not boot here: $(tail -n 1 "$SCRATCH/console")"
retell "$SCRATCH/console" 2
