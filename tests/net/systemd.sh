#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Edge a as it is run in an office: installed, started by a real systemd (process 1 of a container of
# our own: private mounts, processes and bpffs, the network namespace of edge a, /proc/sys read-only),
# each stage a unit with its own user and capabilities, joined by spools. Users of both sites watch.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
UNITS=(reflect failover select probe db)

[[ -x /lib/systemd/systemd ]] || skip_all "no systemd on this machine"

# An overlay over this machine's root: what is installed and written there goes with the container.
cat >"$SCRATCH/container" <<'END'
set -e
root=$1/tree/root
mkdir -p "$1/tree"
mount -t tmpfs tmpfs "$1/tree"
mkdir -p "$1/tree/upper" "$1/tree/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/tree/upper,workdir=$1/tree/work" "$root"
make -s -C "$2" install BUILD="$3" DESTDIR="$root" prefix=/usr >&2
mkdir -p "$root/etc/patronus"
cp "$1/a/config.yaml" "$1/a/network.yaml" "$root/etc/patronus"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -t bpf bpf sys/fs/bpf
mount --rbind /dev dev
for dir in run tmp var/lib sys/fs/cgroup; do mount -t tmpfs tmpfs "$dir"; done
mkdir -m 700 var/lib/patronus var/lib/patronus/tune # what root's tools have left before
: >var/lib/patronus/sdwan.db
mkdir sys/fs/cgroup/unified sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
rm -rf usr/lib/systemd/system/*.wants etc/systemd/system/*.wants # this machine's own services
echo 0123456789abcdef0123456789abcdef >etc/machine-id
exec env -i container=patronus PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	chroot . /lib/systemd/systemd --system --unit=sysinit.target --log-target=null
END

inside() { # CMD...: in the container; bounded, for systemctl waits without end
	timeout -s KILL 20 nsenter -t "$PID1" -m -p -n --root --wd=/ "$@"
}
booted() {
	PID1=$(pgrep -P "${PIDS[systemd]}" | head -n 1)
	[[ -n $PID1 && $(cat "/proc/$PID1/comm") = systemd ]] &&
		[[ $(inside systemctl is-system-running 2>/dev/null) = running ]]
}
show() { inside systemctl show "patronus-$1.service" -p "$2" --value; } # STAGE PROPERTY
all_active() {
	local unit
	for unit in "${UNITS[@]}"; do [[ $(show "$unit" ActiveState) = active ]] || return 1; done
}
inside_status() { inside pt-failover status --json | jq -r "$1"; }
a_all_up() { inside_status '[.paths[].status == "up"] | all' | grep -q true; }
a_uses() { [[ $(inside_status '.groups[0].uses') = "$1" ]]; }

WAN_NAMES=(fibre lte)
topo_up 2 42
relay_set fibre delay_us=1000
relay_set lte delay_us=3000
for s in a b; do write_config $s cooldown_s=1; done
sed -i 's/^health:/&\n  db_persist_interval: 1/' "$SCRATCH/a/config.yaml" # a row each check, not each six
edge_reflect b
edge_attach b || bail "attach b: $(cat "$SCRATCH/b/attach.err")"
edge_start b

spawn_on ea systemd unshare --mount --pid --ipc --uts --cgroup --fork --kill-child \
	bash "$SCRATCH/container" "$SCRATCH" "$TOP" "$BUILD"
wait_until 30 booted || skip_all "systemd does not start in a container here: $(tail -n 1 "$SCRATCH/systemd.err")"

check "patronus-sdwan.service starts" inside systemctl start patronus-sdwan.service
check "every stage is active" wait_until 10 all_active
check "all paths come up" wait_until 10 a_all_up
wait_until 10 all_up b
for unit in probe select db reflect; do
	pid=$(show "$unit" MainPID)
	is "$unit runs as its own user" "$(inside ps -o user:20= -p "$pid" | tr -d ' ')" "patronus-$unit"
done
is "root's state stays root's, the database is patronus-db's" \
	"$(inside stat -c '%U %a' /var/lib/patronus /var/lib/patronus/{sdwan.db,failover,tune} | xargs)" \
	"patronus-db 755 patronus-db 644 root 755 root 700"
is "pt-failover keeps three capabilities of root's" \
	"$(inside sed -n 's/^CapEff:\t0*//p' "/proc/$(show failover MainPID)/status")" "c000001000"

stream_start
hold 0.5
felt_nothing "steered by fibre"
sever fibre
check "the cut is noticed" wait_until 3 a_uses a-lte
felt_clean "silent cut" 40000
heal fibre
check "and the healing" wait_until 10 a_uses a-fibre
stream_mark

for unit in "${UNITS[@]}"; do
	inside kill -KILL "$(show "$unit" MainPID)"
done
restarted() {
	local unit
	for unit in "${UNITS[@]}"; do (($(show "$unit" NRestarts) >= 1)) || return 1; done
	all_active
}
check "all five killed: systemd starts them again" wait_until 15 restarted
check "no path stays out of use" wait_until 10 a_all_up
stream_mark
for dir in ab ba; do
	is "SIGKILL to all five and their return: lost, doubled $dir" \
		"$(mark_of $dir lost) $(mark_of $dir duplicated)" "0 0"
done

# a reload that changes something, and one that is refused
inside sed -i 's/^policies:/&\n  - { id: voice, priority: 10, match: { protocol: udp, dscp: ef } }/' \
	/etc/patronus/network.yaml
check "systemctl reload patronus-sdwan.service" inside systemctl reload patronus-sdwan.service
has_voice() { inside_status '.groups[].policy' | grep -qx voice; }
check "the new policy is in the kernel" wait_until 5 has_voice
inside sed -i 's/^policies:/policeis:/' /etc/patronus/network.yaml
inside systemctl reload patronus-sdwan.service
hold 0.5
check "a broken file changes nothing: still active" all_active
check "and the policy is still there" has_voice

check "systemctl stop patronus-sdwan.service" inside systemctl stop patronus-sdwan.service
gone() { ! inside pidof pt-probe pt-select pt-failover pt-db >/dev/null; }
check "no process is left" wait_until 5 gone
stream_mark
hold 0.5
felt_nothing "all services stopped"
stored() { inside pt-db query --csv "$1" | tail -n +2 | tr -d '\r'; }
between "health records kept" "$(stored 'SELECT count(*) FROM sdwan_path_health')" 2 10000
is "and the switch" "$(stored "SELECT DISTINCT from_path_id || ' ' || to_path_id FROM switches
	WHERE cause = 'timeout'")" "a-fibre a-lte"
check "detach" inside pt-failover detach
stream_end
done_testing
