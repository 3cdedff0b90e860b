#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pt-tune as nobody, in a user and a network namespace of its own: root there, and of nothing else.
# shellcheck source=tests/lane/tune/lane.bash
. "$(dirname "$0")/tune/lane.bash"
need ip ethtool tc jq unshare setpriv
drop=()
[[ $(id -u) != 0 ]] || drop=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
"${drop[@]}" unshare --user --map-root-user --net --mount true 2>/dev/null ||
	skip_all "no user namespaces for those who are not root"
"${drop[@]}" test -x "$BIN/pt-tune" || skip_all "the tools cannot be run by nobody where they are"
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pt-test-lane.XXXXXX")
chmod 777 "$SCRATCH"
trap 'rm -rf "$SCRATCH"' EXIT
export SCRATCH SCOPE=netns
swappiness=$(sysctl -n vm.swappiness)
# shellcheck disable=SC2016 # the inner shell's
timeout 200 "${drop[@]}" unshare --user --map-root-user --net --mount bash -c '
	. "$HERE/inside.bash"
	mount -t sysfs sys /sys || exit 2
	ip link set lo up && veth_wan || exit 2
	transaction "unprivileged" "$HERE/netns.yaml"
	printf "apiVersion: patronus/tune/v1\nname: t\nsysctl: {vm.swappiness: 11}\n" >"$SCRATCH/host.yaml"
	tune apply --scope netns --profile "$SCRATCH/host.yaml" --settle 0 >/dev/null 2>&1
	is "what is the host'"'"'s own is refused" $? 3
	"$BIN/pt-tune" apply --state "$SCRATCH/state" --profile "$SCRATCH/host.yaml" --settle 0 >/dev/null 2>&1
	is "... without --scope netns too" "$(($? != 0))" 1
	is "... and never written" "$(cat /proc/sys/vm/swappiness)" "'"$swappiness"'"
	finish'
