#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pt-tune in a network namespace of root's, on this kernel.
# shellcheck source=tests/lane/tune/lane.bash
. "$(dirname "$0")/tune/lane.bash"
need ip ethtool tc jq unshare
[[ $(id -u) = 0 ]] || skip_all "needs root"
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pt-test-lane.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT
export SCRATCH SCOPE=netns
# shellcheck disable=SC2016 # the inner shell's
timeout 200 unshare --net --mount bash -c '
	. "$HERE/inside.bash"
	mount -t sysfs sys /sys || exit 2
	ip link set lo up && veth_wan || exit 2
	transaction "root netns" "$HERE/netns.yaml"
	is "the host'"'"'s values are out of reach" "$(plan sdwan-small | jq -sr "map(select(.key == \"vm.swappiness\").rule) | first")" SCOPE-NETNS
	finish'
