#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# SIGHUP under way: a path that takes another's place begins anew, settings take effect, a bad file
# changes nothing; and there is only one watch, and no attach behind its back.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
NET=$SCRATCH/a/network.yaml CONFIG=$SCRATCH/a/config.yaml
told() { grep -q "$2" "$SCRATCH/$1.err"; }
lines() { wc -l <"$SCRATCH/$1.err"; }
path_of() { records a failover | jq -c "select(.type == \"$1\" and .path == \"$2\")"; } # TYPE PATH
count_of() { records a failover | jq -c "select(.type == \"$1\")" | wc -l; } # TYPE
more_than() { (($(count_of "$1") > $2)); }
GROUPS_OF='[.groups[] | {site, policy, paths, uses}] | tostring' # and not why: holds end by themselves
have() { [[ -n $(path_of "$1" "$2") ]]; }

nothing_lost() { # NAME; traffic that changes its path may overtake itself
	local dir
	stream_mark
	for dir in ab ba; do
		is "$1: lost, doubled $dir" "$(mark_of $dir lost) $(mark_of $dir duplicated)" "0 0"
	done
}

WAN_NAMES=(fibre lte)
topo_up 2
for s in a b; do
	write_config $s cooldown_s=1
	printf 'metrics:\n  export_interval_secs: 1\n' >>"$SCRATCH/$s/config.yaml"
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	edge_start $s
done
for s in a b; do wait_until 10 all_up $s || bail "edge $s: paths do not come up: $(status $s)"; done
stream_start
check "traffic records come" wait_until 10 have traffic a-fibre

# ---- one watch ----
# shellcheck disable=SC2046 # words
like "a second watch is refused" \
	"$("$BIN/pt-failover" watch $(edge_opts a) $(files_of a) 2>&1 >/dev/null </dev/null)" \
	'^pt-failover: .*another pt-failover watch runs$'
refused() { ! "$@"; }
check "and so is attach" refused edge_attach a
like "with the cure" "$(cat "$SCRATCH/a/attach.err")" 'watch runs here; SIGHUP makes it read'

# ---- a bad file ----
for name in probe select failover; do
	cp "$NET" "$SCRATCH/good"
	echo "nonsense: [" >>"$NET"
	before=$(lines $name-a) groups=$(status a "$GROUPS_OF")
	signal $name-a HUP
	check "pt-$name says that the file is bad" wait_until 10 told $name-a "network.yaml:[0-9]*:[0-9]*: "
	is "in one line" $(($(lines $name-a) - before)) 1
	is "and nothing changes" "$(status a "$GROUPS_OF")" "$groups"
	cp "$SCRATCH/good" "$NET"
done
check "all live on" all_up a

# ---- another path in the place of one, and again: the third has the slot of the first ----
was=fibre
for new in copper steel; do
	stream_mark
	sed -i "s/id: a-$was, source/id: a-$new, source/" "$NET"
	for name in failover probe select; do signal $name-a HUP; done
	check "path a-$new comes up" wait_until 10 path_is a a-$new up
	check "a-$was goes" wait_until 10 path_is a a-$was ""
	check "it carries the users" wait_until 10 uses a a-$new
	nothing_lost "renamed under traffic"
	check "its coming is told" wait_until 10 have transition a-$new
	is "as of a path that nobody knew" "$(path_of transition a-$new | jq -r '.from + " " + .to' | head -n 1)" \
		"unknown up"
	check "its traffic is told" wait_until 10 have traffic a-$new
	was=$new
done
is "no count goes backwards" \
	"$(records a failover | jq -c 'select(.type == "traffic" and (.tx_packets < 0 or .rx_packets < 0))')" ""

# ---- maintenance ----
last_transition() { path_of transition a-steel | tail -n 1 | jq -r '"\(.from) \(.to) \(.cause)"'; }
told_last() { [[ $(last_transition) = "$1" ]]; }
stream_mark
sed -i '/id: a-steel, source/s/id: a-steel,/& maintenance: true,/' "$NET"
signal failover-a HUP
check "maintenance moves users away" wait_until 10 uses a a-lte
check "and is told" wait_until 10 told_last "up maintenance reload"
sed -i 's/ maintenance: true,//' "$NET"
signal failover-a HUP
check "its end brings them back" wait_until 10 uses a a-steel
check "and is told, too" wait_until 10 told_last "maintenance up reload"
nothing_lost "there and back"

# ---- the path's MTU follows its device ----
passed() { (($(counter a passed_mtu) > $1)); }
big() { on ha ping -q -c 1 -W 1 -s 1400 10.2.0.2 >/dev/null; }
ip -n "$(ns ea)" link set wan0 mtu 1300
was=$(counter a passed_mtu)
smaller() { big; passed "$was"; }
check "a smaller MTU is seen" wait_until 10 smaller
ip -n "$(ns ea)" link set wan0 mtu 1500
steers() { local n; n=$(counter a passed_mtu); big; [[ $(counter a passed_mtu) = "$n" ]]; }
check "and the larger one again" wait_until 10 steers

# ---- metrics off ----
check "counters are written" wait_until 10 more_than stats 0
sed -i 's/export_interval_secs: 1/enabled: false/' "$CONFIG"
signal failover-a HUP
hold 1.1
n=$(count_of stats)
hold 2.5
is "no more counters once they are turned off" "$(count_of stats)" "$n"

# ---- its input ends: it stays; its reader goes: it ends ----
reap failover-a
# shellcheck disable=SC2046,SC2016 # words, for the inner shell
check "a reader that goes ends watch, though nothing is written" bash -c \
	'timeout 60 "$@" </dev/null | head -c 0; exit "${PIPESTATUS[0]}"' - \
	"$BIN/pt-failover" watch $(edge_opts a) $(files_of a)

# apply: the same through one verb, which changes nothing the second time.
# shellcheck disable=SC2046 # words
apply() { "$BIN/pt-failover" apply $(edge_opts a) $(state_opts a) $(files_of a) "$@" 2>"$SCRATCH/apply.err"; }
at() { status a '[(.paths[] | [.path, .device, .next_hop, .mode, .mark, .status, .since_ns]), .groups] | tostring'; }
edge_is_attached() { [[ -n $(pgrep -f "pt-failover watch.*$(pin_dir a)") ]]; }
edge_is_attached || service_start a failover
check "apply: watch holds the files" wait_until 10 apply --quiet
like "apply: nothing to do" "$(apply)" '^unchanged a: '
lines_before=$(lines failover-a)
like "apply: nor again" "$(apply)" '^unchanged a: '
is "apply: watch was not even asked" "$(lines failover-a)" "$lines_before"
sed -i 's/detection_threshold: .*/detection_threshold: 7/' "$CONFIG"
like "apply: a new setting, not yet" "$(apply --dry-run)" '^would attach a'
like "apply: takes effect by watch" "$(apply)" '^updated a: .* by pt-failover watch'
like "apply: and is there" "$(apply)" '^unchanged a: '
sed -i 's/detection_threshold: 7/detection_threshold: 0/' "$CONFIG"
apply
is "apply: a bad file is refused" $? 2
sed -i 's/detection_threshold: 0/detection_threshold: 5/' "$CONFIG"
reap failover-a
like "apply: without watch as attach does" "$(apply)" '^updated a: '
before=$(at)
like "apply: unchanged, without watch" "$(apply)" '^unchanged a: '
is "apply: paths and groups stay" "$(at)" "$before"
done_testing
