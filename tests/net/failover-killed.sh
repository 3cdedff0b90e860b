#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Killing what decides loses no packet, and the next cut is survived without it.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up
edges_calm
stream_start
hold 0.3
for name in select failover db; do
	stream_mark
	for s in a b; do
		slay "$name-$s"
	done
	hold 0.3
	felt_nothing "SIGKILL of pt-$name"
done

sever fibre
for s in a b; do
	check "edge $s switches with nobody left to decide" wait_until 3 path_is $s $s-fibre down
done
hold 0.1
felt_clean "cut without deciders" 40000
heal fibre
for s in a b; do
	check "edge $s takes the path again" wait_until 10 uses $s $s-fibre
done

stream_mark
for s in a b; do
	slay "probe-$s"
done
hold 0.5
felt_nothing "SIGKILL of pt-probe"
for s in a b; do
	is "edge $s: no verdict without probes" "$(path_state $s $s-fibre) $(path_state $s $s-lte)" "up up"
done

edge_start a
edge_start b
hold 0.5
felt_nothing "all started again"
sever fibre
for s in a b; do
	check "edge $s: and a cut is seen again" wait_until 3 path_is $s $s-fibre down
done
done_testing
