#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# A path's device is deleted and made again (a new index, as ppp0 or wg0 would): traffic leaves it,
# and the new device is steered and watched without a restart.
# Over clsact, too.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up
stream_start
hold 0.3
stream_mark
old=$(ip -n "$(ns ea)" -j link show wan0 | jq '.[0].ifindex')
wan_delete a 0
for s in a b; do
	check "edge $s leaves the path" wait_until 3 path_is $s $s-fibre down
done
hold 0.1
felt_clean "device deleted" 100000
wan_up a 0
new=$(ip -n "$(ns ea)" -j link show wan0 | jq '.[0].ifindex')
check "the device is another" test "$old" != "$new"
for s in a b; do
	check "edge $s takes the path again" wait_until 10 uses $s $s-fibre
done
hold 1.2
stream_mark
hold 0.3
stream_mark
for dir in ab ba; do
	between "users are on it again, $dir delay us" "$(mark_of $dir delay_mean_us)" 1000 2000
done

# Another device's fault must not keep this one off, but be told.
on ea sysctl -qw net.ipv4.conf.wan1.rp_filter=1
wan_delete a 0
for s in a b; do
	check "edge $s leaves the path again" wait_until 3 path_is $s $s-fibre down
done
wan_up a 0
for s in a b; do
	check "edge $s takes it though wan1 filters by reverse path" wait_until 10 uses $s $s-fibre
done
is "which is told, once" \
	"$(grep -c 'strict reverse path filter on wan1' "$SCRATCH/failover-a.err")" 1
on ea sysctl -qw net.ipv4.conf.wan1.rp_filter=0
sever fibre
for s in a b; do
	check "edge $s: the new device is watched" wait_until 3 path_is $s $s-fibre down
done
done_testing
