#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# An edge of many LAN devices and one path: each of them is steered.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
# shellcheck disable=SC2034 # for lib.sh
WAN_NAMES=(fibre)
topo_up 1
write_config a
list=lan0
for ((i = 1; i <= 120; i += 2)); do echo "link add l$i type veth peer name l$((i + 1))"; done >"$SCRATCH/batch"
must ip -n "$(ns ea)" -batch "$SCRATCH/batch"
for ((i = 1; i <= 120; i++)); do list+=,l$i; done
sed -i "s/id: a, lan: \[lan0\]/id: a, lan: [$list]/" "$SCRATCH/a/network.yaml"
check "121 LAN devices" edge_attach a
like "all steered" "$(cat "$SCRATCH/a/attach.out")" 'on 122 devices'
is "each by a program of its own, and two watch the path" \
	"$(bpftool -j map dump pinned "$(pin_dir a)/pt_hook" | jq length)" 123
edge_detach a
done_testing
