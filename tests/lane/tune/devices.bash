# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What tune-qemu.sh runs in its guest.
# shellcheck source=tests/lane/tune/inside.bash
. "$HERE/inside.bash"

ip link set lo up
for d in $(devices); do
	driver=$(readlink "/sys/class/net/$d/device/driver") || continue
	# virtio's devices hang below another one
	driver=${driver##*/}
	echo "LANE $d is $driver, rings $(ethtool -g "$d" 2>/dev/null | awk '/^RX:/ { printf "%s ", $2 }'), LRO $(ethtool -k "$d" | awk '/^large-receive-offload/ { print $2 }')"
	ip link set "$d" down && ip link set "$d" name "n_$driver" && ip link set "n_$driver" up
done
if ip link add wg0 type wireguard 2>/dev/null && ip link set wg0 up; then
	is "WireGuard's device is there" "$(wg show interfaces 2>/dev/null || echo wg0)" wg0
else
	skip "WireGuard's device is there" "no module"
fi
ring() { ethtool -g "$1" | awk '/^Current/ { c = 1 } c && /^RX:/ { print $2 }'; }
lro() { ethtool -k n_vmxnet3 | awk '/^large-receive-offload/ { print $2 }'; }
lro_before=$(lro)
is "a device that merges received packets (LRO)" "$lro_before" on
jit=$(cat /proc/sys/net/core/bpf_jit_limit)

applied() { # by another program's eyes
	is "e1000: its ring by ethtool" "$(ring n_e1000)" 1024
	is "e1000e: its ring and its coalescing" "$(ring n_e1000e) $(ethtool -c n_e1000e | awk '/^rx-usecs:/ { print $2 }')" "1024 16"
	is "vmxnet3: forwarding took LRO" "$(lro)" off
	is "virtio: two of its four queues" "$(ethtool -l n_virtio_net | awk '/^Current/ { c = 1 } c && /^Combined:/ { print $2 }')" 2
	is "WireGuard: its MTU" "$(cat /sys/class/net/wg0/mtu 2>/dev/null)" 1380
	is "the JIT's limit is not lowered" "$(cat /proc/sys/net/core/bpf_jit_limit)" "$jit"
}
transaction "devices" "$HERE/devices.yaml"
is "devices: LRO is back" "$(lro)" "$lro_before"

printf 'apiVersion: patronus/tune/v1\nname: t\nsysctl: {net.ipv4.ip_forward: 1}\nnic: [{match: {driver: vmxnet3}, features: {lro: on}}]\n' >"$SCRATCH/lro.yaml"
plan "$SCRATCH/lro.yaml" >"$SCRATCH/plan"
is "the guide's LRO beside forwarding is refused" "$? $(jq -r 'select(.key == "nic.features.lro").action' "$SCRATCH/plan")" "3 refuse"
printf 'apiVersion: patronus/tune/v1\nname: t\nnic: [{match: {driver: virtio_net}, rings: {rx: 4096}}, {match: {driver: e1000e}, coalesce: {adaptive-rx: on}}]\n' >"$SCRATCH/much.yaml"
plan "$SCRATCH/much.yaml" >"$SCRATCH/plan"
note "$(jq -r '"\(.key) \(.device): \(.action) \(.rule // "") \(.why // "")"' "$SCRATCH/plan" | tr '\n' ';')"
is "more than a device has is not written" "$(writes)" ""
finish
