#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe alone is dead, the others decide on: a path that falls stands last in the new order, and
# users' packets see to it all the same that it comes up again. So does one whose device is made anew.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up cooldown_s=0
stream_start
hold 0.3
slay probe-a
hold 0.2
order_is() { [[ $(status a '.groups[0].paths | join(" ")') = "$1" ]]; }
sever fibre
check "it falls" wait_until 3 path_is a a-fibre down
check "and is last in order" wait_until 5 order_is "a-lte a-fibre"
hold 0.5
heal fibre
check "healed, it comes up" wait_until 5 path_is a a-fibre up
sever fibre
hold 0.2
wan_delete a 0
check "its device goes" wait_until 3 path_is a a-fibre down
hold 0.2
wan_up a 0
heal fibre
check "and comes again, and so does the path" wait_until 5 path_is a a-fibre up
done_testing
