#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Edge a's device loses its carrier: a moves on the kernel's word, b on its probes.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up
stream_start
hold 0.3
stream_mark
carrier 0 down
for s in a b; do
	check "edge $s leaves the path" wait_until 3 path_is $s $s-fibre down
done
hold 0.1
felt_clean "carrier cut" 40000
like "edge a knows why" "$(status a '.paths[] | select(.path == "a-fibre") | tostring')" carrier
carrier 0 up
for s in a b; do
	check "edge $s takes the path again" wait_until 10 uses $s $s-fibre
done
hold 0.5
stream_mark
hold 0.3
felt_nothing "after it came back"
done_testing
