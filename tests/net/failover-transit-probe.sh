#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# A peer's probe to somebody behind this edge is that one's to answer: if the kernel here answered
# for it, a path through this edge would look alive however dead it is from here on.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
PACKET=$BUILD/tests/tools/packet
PROBE=$(printf '0%.0s' {1..88}) # all zero is a STAMP request, too
WAN_NAMES=(fibre)
topo_up 1
declare -A FROM=([4]=10.9.0.2 [6]=fd00:9::2) EDGE=([4]=10.9.0.1 [6]=fd00:9::1) HOST=([4]=10.1.0.2 [6]=fd00:1::2)
probe() { # V TO: the answer to what looks like traffic's probe of edge b
	on eb "$PACKET" send --from "${FROM[$1]}" --from-port 61862 --wait-ms 500 "$2" 862 "$PROBE"
}
for v in 4 6; do
	write_config a family="$v"
	edge_attach a || bail "attach: $(cat "$SCRATCH/a/attach.err")"
	like "IPv$v: a probe to the edge is answered by its kernel" "$(probe $v "${EDGE[$v]}")" "862 255"
	is "IPv$v: and counted" "$(counter a probe_answered)" 1
	is "IPv$v: one to a host behind it is not" "$(probe $v "${HOST[$v]}")" ""
	is "IPv$v: nor counted" "$(counter a probe_answered)" 1
	edge_detach a
done
done_testing
