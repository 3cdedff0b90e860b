#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Out of use on purpose: drained without losing a packet, kept over a restart; a drill that ends by
# itself, also when it is killed; and neither where nothing else is usable.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
edges_up
stream_start
hold 0.3
# shellcheck disable=SC2046 # words
drain() { "$BIN/pt-failover" "$1" --pin-dir "$(pin_dir a)" $(state_opts a) "${@:2}" 2>&1; echo "status $?"; }
blocked_is() { [[ $(status a ".paths[] | select(.path == \"$1\") | .blocked") = "$2" ]]; } # PATH REASON

stream_mark
like "drain waits until no packet leaves" "$(drain drain a-fibre)" $'^a-fibre: drained, no packet leaves by it\nstatus 0$'
is "users are elsewhere" "$(status a '.groups[0] | .uses')" a-lte
hold 0.1
stream_mark
is "and lost nothing" "$(mark_of ab lost) $(mark_of ab duplicated)" "0 0"
check "the path is still watched" path_is a a-fibre up
like "the last one is not drained" "$(drain drain a-lte)" 'refused: nothing else is usable to b for default.*status 1$'
is "and nothing changed" "$(status a '[.paths[].blocked] | join(",")')" 'drained,'
reap failover-a
service_start a failover
wait_until 10 path_is a a-lte up
is "a restart keeps it" "$(status a '[.paths[].blocked] | join(",")')" 'drained,'
sever lte
check "drained is better than dead" wait_until 10 uses a a-fibre
heal lte
wait_until 10 uses a a-lte
like "undrain" "$(drain undrain a-fibre)" $'^a-fibre: free\nstatus 0$'
check "and back" wait_until 10 uses a a-fibre

drill() { "$BIN/pt-failover" drill --pin-dir "$(pin_dir a)" "$@"; }
spawn drill "$BIN/pt-failover" drill --pin-dir "$(pin_dir a)" --seconds 60 a-fibre
check "a drill moves users" wait_until 10 uses a a-lte
like "and says so in status" "$(status a '[.paths[].blocked] | join(",")')" drill
like "nothing else would be usable" "$(drill a-lte 2>&1)" 'refused: nothing else is usable'
signal drill TERM
check "it ends when it is asked to" wait_until 10 uses a a-fibre
reap drill
spawn drill "$BIN/pt-failover" drill --pin-dir "$(pin_dir a)" --seconds 1 a-fibre
check "it ends by itself" wait_until 10 finished drill
check "well" reap drill
is "and users are back" "$(status a '.groups[0] | .uses')" a-fibre

spawn drill "$BIN/pt-failover" drill --pin-dir "$(pin_dir a)" --seconds 60 a-fibre
check "the next drill" wait_until 10 uses a a-lte
slay drill
check "killed, it is over within its lease" wait_until 10 uses a a-fibre
spawn drill "$BIN/pt-failover" drill --pin-dir "$(pin_dir a)" --seconds 60 a-lte
check "the next one, of another path" wait_until 10 blocked_is a-lte drill
hold 0.3
is "does not bring it back" "$(status a '[.paths[].blocked] | join(",")')" ',drill'
signal drill TERM
wait_until 10 blocked_is a-lte ""

spawn drill "$BIN/pt-failover" drill --pin-dir "$(pin_dir a)" --seconds 60 a-fibre
wait_until 10 uses a a-lte
stream_mark
sever lte
ended_badly() { finished drill && ! reap drill; }
check "what carries the users dies: the drill is over" wait_until 10 ended_badly
check "and they are back" wait_until 10 uses a a-fibre
hold 0.2
felt_clean "a cut in a drill" 500000

# Several at once, beside the daemon: none is in another's way, and what is kept stays whole.
slap() { # WORD NAME
	for _ in {1..20}; do drain switch "--$1" "$2"; done | grep -vE '^a-|^status 0$' >"$SCRATCH/slap-$1-$2"
}
slaps=()
for word in block unblock; do
	for path in a-fibre a-lte; do
		slap $word $path &
		slaps+=($!)
	done
done
wait "${slaps[@]}"
is "verbs at once: none fails" "$(sort -u "$SCRATCH"/slap-*)" ""
check "what they keep is whole" jq -e .paths "$SCRATCH/a/state/failover.json"
done_testing
