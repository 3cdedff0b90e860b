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
# Peers by generic netlink, of the kernel's own WireGuard: as many as do not fit one answer of it.
ip link add wg0 type wireguard && ip addr add 10.9.9.1/24 dev wg0
A=$(wg genkey | wg pubkey) B=$(wg genkey | wg pubkey)
wg genkey >/tmp/key
wg set wg0 private-key /tmp/key listen-port 51820 \
	peer "$A" endpoint 10.9.9.2:51820 allowed-ips 10.1.0.0/16,fd00:1::/48 \
	peer "$B" endpoint '[::1]:51820' persistent-keepalive 7 allowed-ips "$(seq -f '10.2.%g.0/24' -s , 0 255)"
for ((i = 0; i < 300; i++)); do # keys of nobody
	printf 'peer %s allowed-ips 10.3.%d.%d/32 ' "$(printf '%032d' "$i" | base64)" $((i / 256)) $((i % 256))
done | xargs wg set wg0
ip link set wg0 up
is "WireGuard's device is there, with its peers" "$(wg show wg0 peers | wc -l)" 302
ring() { ethtool -g "$1" | awk '/^Current/ { c = 1 } c && /^RX:/ { print $2 }'; }
keepalive() { wg show wg0 persistent-keepalive | awk -v p="$1" '$1 == p { print $2 }'; }
peers() { wg showconf wg0 | sed '/^PersistentKeepalive/d' | sort; } # but for what is set
all_peers() { wg showconf wg0 | sort; }
lro() { ethtool -k n_vmxnet3 | awk '/^large-receive-offload/ { print $2 }'; }
lro_before=$(lro)
is "a device that merges received packets (LRO)" "$lro_before" on
jit=$(cat /proc/sys/net/core/bpf_jit_limit)

applied() { # by another program's eyes
	is "e1000: its ring by ethtool" "$(ring n_e1000)" 1024
	is "e1000e: its ring and its coalescing" "$(ring n_e1000e) $(ethtool -c n_e1000e | awk '/^rx-usecs:/ { print $2 }')" "1024 16"
	is "vmxnet3: forwarding took LRO" "$(lro)" off
	is "virtio: two of its four queues" "$(ethtool -l n_virtio_net | awk '/^Current/ { c = 1 } c && /^Combined:/ { print $2 }')" 2
	is "WireGuard: its MTU" "$(cat /sys/class/net/wg0/mtu)" 1380
	is "WireGuard: every peer's keepalive" "$(wg show wg0 persistent-keepalive | awk '{ print $2 }' | sort | uniq -c | xargs)" "302 25"
	is "WireGuard: nothing else of its peers changed" "$(peers)" "$peers_before"
	is "the JIT's limit is not lowered" "$(cat /proc/sys/net/core/bpf_jit_limit)" "$jit"
}
peers_before=$(peers) all_before=$(all_peers)
transaction "devices" "$HERE/devices.yaml"
is "WireGuard: each peer has its own keepalive back" "$(keepalive "$A") $(keepalive "$B")" "off 7"
is "WireGuard: all of the device is as it was" "$(all_peers)" "$all_before"
is "devices: LRO is back" "$(lro)" "$lro_before"

printf 'apiVersion: patronus/tune/v1\nname: t\nsysctl: {net.ipv4.ip_forward: 1}\nnic: [{match: {driver: vmxnet3}, features: {lro: on}}]\n' >"$SCRATCH/lro.yaml"
plan "$SCRATCH/lro.yaml" >"$SCRATCH/plan"
is "the guide's LRO beside forwarding is refused" "$? $(jq -r 'select(.key == "nic.features.lro").action' "$SCRATCH/plan")" "3 refuse"
printf 'apiVersion: patronus/tune/v1\nname: t\nnic: [{match: {driver: virtio_net}, rings: {rx: 4096}}, {match: {driver: e1000e}, coalesce: {adaptive-rx: on}}]\n' >"$SCRATCH/much.yaml"
plan "$SCRATCH/much.yaml" >"$SCRATCH/plan"
note "$(jq -r '"\(.key) \(.device): \(.action) \(.rule // "") \(.why // "")"' "$SCRATCH/plan" | tr '\n' ';')"
is "more than a device has is not written" "$(writes)" ""
finish
