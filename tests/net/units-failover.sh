#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-failover with the capabilities that its unit leaves to root: attach, watch, switch, detach.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
command -v setpriv >/dev/null || skip_all "no setpriv"

UNIT=$TOP/etc/systemd/patronus-failover.service
caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$UNIT")
caps=${caps,,}
caps=-all,+${caps// /,+}
caps=${caps//cap_/}
# Root's capabilities are the bounding set's.
bounded() { on ea setpriv --no-new-privs --bounding-set "$caps" "$BIN/pt-failover" "$@"; }

need_bpffs
WAN_NAMES=(fibre lte)
topo_up 2
write_config a cooldown_s=1
mkdir -p "$PIN_ROOT" "$SCRATCH"/a/spool/{probe,select,failover}
snapshot a >"$SCRATCH/before"
is "the unit runs what is tested here" "$(sed -n 's/^ExecStart\(Pre\)\?=\(.*\)/\2/p' "$UNIT" | cut -d ' ' -f 1,2 | xargs)" \
	"pt-failover attach pt-failover watch"
# shellcheck disable=SC2046 # words
attach() { bounded attach --pin-dir "$(pin_dir a)" $(files_of a) >&2; }
check "attach" attach
[[ $TAP_FAILED = 0 ]] || done_testing
check "attach again, as a restarted service does" attach
# shellcheck disable=SC2046 # words
spawn_on ea failover setpriv --no-new-privs --bounding-set "$caps" \
	"$BIN/pt-failover" watch --pin-dir "$(pin_dir a)" $(files_of a) --from "$SCRATCH/a/spool/select" \
	--spool "$SCRATCH/a/spool/failover"
spawn_on eb reflect "$BIN/pt-probe" reflect
# shellcheck disable=SC2046 # words
spawn_on ea probe "$BIN/pt-probe" watch $(files_of a) --spool "$SCRATCH/a/spool/probe"
check "watch: paths come up" wait_until 10 all_up a
sever fibre
check "watch: a cut is seen" wait_until 5 path_is a a-fibre down
heal fibre
check "watch: and its end" wait_until 10 path_is a a-fibre up
is "nobody complains" "$(cat "$SCRATCH/failover.err")" ""
signal failover TERM
wait_until 20 finished failover # the kernel takes its time over programs on a busy machine
reap failover
is "SIGTERM ends it with exit 0" $? 0
reap probe
check "detach" bounded detach --pin-dir "$(pin_dir a)"
snapshot a >"$SCRATCH/after"
check "and nothing is left" diff "$SCRATCH/before" "$SCRATCH/after"
done_testing
