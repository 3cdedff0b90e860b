#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Who may change what packets use: decisions over a pipe, the operator by hand, the files by SIGHUP.
# Each good one moves real traffic, each bad one changes nothing; and all of it is told in words.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
WAN_NAMES=(fibre lte sat)
topo_up 3
for s in a b; do
	edge_reflect $s
	write_config $s cooldown_s=1
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	# shellcheck disable=SC2046 # words
	spawn probe-$s "$BIN/pt-probe" watch --netns "$(ns e$s)" $(files_of $s)
done
mkfifo "$SCRATCH/decisions"
exec {DECISIONS}<>"$SCRATCH/decisions" # held open, so that the pipe does not end
# shellcheck disable=SC2046 # words
"$BIN/pt-failover" watch $(edge_opts a) $(files_of a) -v <"$SCRATCH/decisions" \
	>"$SCRATCH/watch.out" 2>"$SCRATCH/watch.err" &
PIDS[watch]=$!
wait_until 10 all_up a || bail "paths do not come up: $(cat "$SCRATCH/watch.err")"

order() { status a '.groups[0].paths | join(",")'; }
order_is() { [[ $(order) = "$1" ]]; }
told() { grep -q "$1" "$SCRATCH/watch.err"; }
decide() { # PATHS-AS-JSON [FIELDS]
	echo "{\"type\":\"decision\",\"v\":1,\"ts\":\"2026-01-01T00:00:00.000000Z\",\"mono_ns\":1," \
		"\"boot\":\"x\",\"src\":\"t/t\",\"seq\":1,\"site\":\"b\",\"policy\":\"default\"," \
		"\"paths\":$1${2:-}}" >&"$DECISIONS"
}
sent_on() { status a ".paths[] | select(.path == \"$1\") | .tx_packets"; }
# A ping's packets leave by this path and no other.
carries() { # PATH
	local before
	before=$(sent_on "$1")
	on ha ping -q -c 3 -i 0.02 -W 1 10.2.0.2 >/dev/null && (($(sent_on "$1") == before + 3))
}
# Filters show with tc, links of TCX by their pins alone.
let_go() {
	if [[ ${PT_HOOK:-} = clsact ]]; then
		! on ea tc qdisc show dev wan2 | grep -q clsact
	else
		[[ $(find "$(pin_dir a)/links" -name 'in-*' | wc -l) = 2 ]]
	fi
}
by_hand() { "$BIN/pt-failover" switch --pin-dir "$(pin_dir a)" "$@"; }

is "the files' order" "$(order)" a-fibre,a-lte,a-sat
check "traffic follows it" carries a-fibre

decide '["a-sat","a-fibre"]'
check "a decision is carried out" wait_until 10 order_is a-sat,a-fibre
check "traffic follows it" carries a-sat
for bad in '["a-gone"]' '[]' '["a-lte","a-lte"]' '"a-lte"'; do decide "$bad"; done
decide '["a-lte"]' ',"policy":"none"'
echo 'not a record' >&"$DECISIONS"
check "an unknown path is reported" wait_until 5 told 'path a-gone: unknown here'
check "missing paths are reported" wait_until 5 told 'no paths given'
check "a line that is no record is reported by number" wait_until 5 told 'line 7: '
is "none of these changed anything" "$(order)" a-sat,a-fibre
decide '[]' ',"drop":true'
check "a decision to drop is carried out" wait_until 5 order_is ''
before=$(counter a dropped)
on ha ping -q -c 2 -i 0.02 -W 1 10.2.0.2 >/dev/null
is "and packets are dropped" $(($(counter a dropped) - before)) 2
decide '["a-lte","a-fibre","a-sat"]'
check "until the next decision" wait_until 5 carries a-lte

is "by hand: dry run tells and does nothing" "$(by_hand --dry-run a-sat) / $(order)" \
	"b default: a-sat,a-lte,a-fibre, uses a-sat (usable) / a-lte,a-fibre,a-sat"
by_hand -q a-fibre a-sat
is "by hand: the paths named come first" "$(order)" a-fibre,a-sat,a-lte
check "traffic follows it" carries a-fibre
by_hand -q --block a-fibre a-sat
check "blocked by hand" carries a-lte
is "and shown as such" "$(status a '[.paths[].blocked] | join(",")')" manual,,manual
by_hand -q --unblock a-fibre a-sat
check "allowed again" carries a-fibre
like "by hand: an unknown path" "$(by_hand a-gone 2>&1) $?" '^pt-failover: path a-gone: unknown here 2$'

cp "$SCRATCH/a/network.yaml" "$SCRATCH/whole"
echo 'colour: red' >>"$SCRATCH/a/network.yaml"
signal watch HUP
check "a bad file is told with its place" wait_until 5 \
	told 'reload: nothing changed: .*network.yaml:[0-9]*:1: colour: unknown key'
is "and changes nothing" "$(order)" a-fibre,a-sat,a-lte
awk '/id: a-sat, source/ { out = 1 } !out { print } /}$/ { out = 0 }' "$SCRATCH/whole" \
	>"$SCRATCH/a/network.yaml"
signal watch HUP
check "a path leaves by reload, the decided order stays" wait_until 3 order_is a-fibre,a-lte
check "its device is let go" wait_until 5 let_go
cp "$SCRATCH/whole" "$SCRATCH/a/network.yaml"
signal watch HUP
check "it comes back behind the others" wait_until 3 order_is a-fibre,a-lte,a-sat
check "traffic was not touched" carries a-fibre

sever fibre
wait_until 3 uses a a-lte
heal fibre
check "the path returns after its hold" wait_until 5 uses a a-fibre
signal watch TERM
wait_until 3 finished watch
check "watch ends well" reap watch
words=$("$BIN/pt-failover" events <"$SCRATCH/watch.out")
for line in 'path a-fibre: down, was up \(timeout\), silent for [0-9.]+ ms' \
	'traffic to 1 site moved from a-fibre to a-lte \(timeout\), detected after [0-9.]+ ms, switched in [0-9.]+ (ns|us)' \
	'path a-fibre: up, was down \(reply\)' \
	'traffic to 1 site moved from a-lte to a-fibre \(recovered\)' \
	'traffic to 1 site moved from a-fibre to a-sat \(decision\)'; do
	like "in words: ${line%% \\(*}" "$words" "[0-9-]{10} [0-9:.]{12}  $line"
done
check "decisions were passed on" grep -q '"a-lte","a-fibre","a-sat"' "$SCRATCH/watch.out"
done_testing
