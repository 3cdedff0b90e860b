# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The real tools on both edges of lib.sh's two sites, and a stream that measures what users feel.
#
# edge_attach SIDE, edge_detach SIDE   write_config first
# edge_start SIDE                      reflect-, probe-, select-, failover- and db-SIDE as services
# service_start SIDE NAME              one of these, after its end
# edge_stop SIDE                       asks them to end; BADLY names those that did not end well
# status SIDE [JQ]                     pt-failover status --json, from the pin directory alone
# path_state SIDE PATH                 up, down, ...
# uses SIDE PATH                       user traffic takes this path now
# stream_start [OPTIONS...]            a UDP packet a millisecond, each way, between the hosts
# stream_mark                          closes an interval; then mark_of ab|ba FIELD
# snapshot SIDE                        what attach may change and detach must restore
#
# PT_HOOK=clsact attaches that way where a script does not say how: as on kernels before 6.6.

edge_opts() { # SIDE: words for every verb that works on an edge
	echo "--netns $(ns "e$1") --pin-dir $(pin_dir "$1")"
}
state_opts() { echo "--state-dir $SCRATCH/$1/state"; } # SIDE
files_of() { echo "--config $SCRATCH/$1/config.yaml --network $SCRATCH/$1/network.yaml"; }

edge_attach() { # SIDE [OPTIONS...]
	need_bpffs
	mkdir -p "$PIN_ROOT"
	trace "e$1" pt-failover attach "${@:2}"
	# shellcheck disable=SC2046 # words
	"$BIN/pt-failover" attach $(edge_opts "$1") $(state_opts "$1") $(files_of "$1") ${PT_HOOK:+--hook "$PT_HOOK"} "${@:2}" >"$SCRATCH/$1/attach.out" \
		2>"$SCRATCH/$1/attach.err"
}
edge_detach() {
	trace "e$1" pt-failover detach
	# shellcheck disable=SC2046 # words
	"$BIN/pt-failover" detach $(edge_opts "$1")
}

reflects() { on "e$1" ss -Hlun "sport = :862" | grep -q .; }
# First on both edges, so that no probe goes unanswered for want of a reflector.
edge_reflect() { # SIDE
	[[ -z ${PIDS[reflect-$1]:-} ]] || return 0
	spawn "reflect-$1" "$BIN/pt-probe" reflect --netns "$(ns "e$1")"
	wait_until 5 reflects "$1" || bail "reflect: $(cat "$SCRATCH/reflect-$1.err")"
}

SERVICES=(db failover select probe reflect)

# The services of one edge, each of its own, joined by spools as under systemd.
edge_start() {
	local name spool=$SCRATCH/$1/spool
	edge_reflect "$1"
	mkdir -p "$spool/probe" "$spool/select" "$spool/failover"
	must "$BIN/pt-db" init --quiet --db "$SCRATCH/$1/sdwan.db"
	for name in probe select failover db; do service_start "$1" "$name"; done
}
# shellcheck disable=SC2046 # words
service_start() { # SIDE NAME
	local s=$1 spool=$SCRATCH/$1/spool
	case $2 in
	probe)
		spawn "probe-$s" "$BIN/pt-probe" watch $(edge_opts "$s") $(files_of "$s") \
			--spool "$spool/probe"
		;;
	select)
		spawn "select-$s" "$BIN/pt-select" watch $(files_of "$s") --from "$spool/probe" \
			"$spool/failover" --spool "$spool/select"
		;;
	failover)
		spawn "failover-$s" "$BIN/pt-failover" watch $(edge_opts "$s") $(state_opts "$s") \
			$(files_of "$s") --from "$spool/select" --spool "$spool/failover"
		;;
	db)
		spawn "db-$s" "$BIN/pt-db" ingest --config "$SCRATCH/$s/config.yaml" \
			--db "$SCRATCH/$s/sdwan.db" --from "$spool/probe" --from "$spool/select" \
			--from "$spool/failover"
		;;
	esac
}
edge_stop() { # SIDE; BADLY: those that did not end with 0
	local name
	BADLY=''
	for name in "${SERVICES[@]}"; do reap "$name-$1" || BADLY+="$name-$1: $? "; done
}
# Rows that pt-db kept, as CSV.
kept() { "$BIN/pt-db" query --csv --db "$SCRATCH/$1/sdwan.db" "$2" | tail -n +2 | tr -d '\r'; } # SIDE SQL

# What pt-select decided, without its statistics.
decisions() { records "$1" select | grep '"type":"decision"'; } # SIDE
records() { cat "$SCRATCH/$1/spool/$2"/*.ndjson 2>/dev/null; } # SIDE STAGE

_decided() { [[ -n $(decisions "$1") ]]; } # SIDE
# The services are past their beginning, which takes processor time, and so makes round trips long
# and the watchdogs patient.
edges_calm() {
	local s
	for s in a b; do wait_until 10 _decided $s; done
}

status() { # SIDE [JQ-FILTER]
	"$BIN/pt-failover" status --pin-dir "$(pin_dir "$1")" --json | jq -r "${2:-.}"
}
path_state() { status "$1" ".paths[] | select(.path == \"$2\") | .status"; }
uses() { [[ $(status "$1" '.groups[0].uses') = "$2" ]]; } # SIDE PATH: where users' packets go
path_is() { [[ $(path_state "$1" "$2") = "$3" ]]; } # SIDE PATH STATE
counter() { status "$1" ".counters[] | select(.counter == \"$2\") | .value"; } # SIDE COUNTER
all_up() { status "$1" '[.paths[].status == "up"] | all' | grep -q true; } # SIDE

stream_start() {
	spawn stream "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 \
		--dst 10.2.0.2 --port 5000 --both --json "$@"
	MARKS=0
	wait_until 5 grep -q '"start"' "$SCRATCH/stream.out" ||
		bail "stream: $(cat "$SCRATCH/stream.err")"
}
marked() { (($(grep -c '"mark","dir":"ba"' "$SCRATCH/stream.out") >= MARKS)); }
stream_mark() {
	MARKS=$((MARKS + 1))
	signal stream USR1
	wait_until 3 marked || bail "the stream does not answer"
}
mark_of() { # DIR FIELD, of the last mark
	jq -rs "[.[] | select(.type == \"mark\" and .dir == \"$1\")] | last | .$2" "$SCRATCH/stream.out"
}
stream_end() {
	signal stream TERM
	wait_until 5 finished stream
	reap stream
}
final_of() { jq -r "select(.type == \"final\" and .dir == \"$1\") | .$2" "$SCRATCH/stream.out"; }

# Everything of an edge that attach may touch. Counters and ages are left out: they move by
# themselves. A clsact qdisc, a rule, a route, a nexthop object or a pin too many shows.
snapshot() {
	local e
	e=$(ns "e$1")
	ip -n "$e" -d -j link show | jq -S 'map(del(.stats64, .num_rx_queues))'
	on "e$1" tc qdisc show
	on "e$1" bpftool net show 2>/dev/null | sed '/^$/d'
	for family in -4 -6; do
		ip -n "$e" $family rule show
		ip -n "$e" $family route show table all | sed 's/ expires [0-9]*sec//' | sort
		ip -n "$e" $family nexthop show
	done
	ip -n "$e" nexthop show
	on "e$1" sysctl -a 2>/dev/null | grep -E '^net\.(ipv4|ipv6)\.conf\.|^net\.ipv[46]\.(ip_forward|fib_)' |
		grep -v 'stable_secret\|temp_'
	find "$(pin_dir "$1")" 2>/dev/null
}

# Two sites on the given WANs (default fibre and lte), both edges attached and running, every path up.
edges_up() { # [WRITE_CONFIG-WORDS...]
	local s
	[[ ${#WAN_NAMES[@]} -gt 0 ]] || WAN_NAMES=(fibre lte)
	topo_up "${#WAN_NAMES[@]}" 42
	relay_set "${WAN_NAMES[0]}" delay_us=1000
	relay_set "${WAN_NAMES[1]}" delay_us=3000
	for s in a b; do edge_reflect $s; done
	for s in a b; do
		write_config $s cooldown_s=1 "$@"
		edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
		edge_start $s
	done
	for s in a b; do
		wait_until 10 all_up $s || bail "edge $s: paths do not come up: $(status $s)"
		wait_until 5 looping "failover-$s" # else what it finds is not what it saw happen
	done
}

# The first switch record of an edge after a monotonic time, as JSON; empty while there is none.
switch_after() { # SIDE NS
	records "$1" failover | jq -c --argjson t "$2" \
		'select(.type == "switch" and .detected_ns > $t)' | head -n 1
}
has_switched() { [[ -n $(switch_after "$1" "$2") ]]; }

# shellcheck disable=SC2034 # for the scripts
sever() { relay_set "$1" blackhole=1; CUT_NS=$(relay_get "${1%:*}:${2:-ab}" changed_ns); } # WAN[:DIR] [DIR]
heal() { relay_set "$1" blackhole=0; }

# What the interval must have been like for users, both ways. The outage is the time for which what
# was sent got lost; the silence at the receiver also has this machine's own stalls in it.
felt_clean() { # NAME MOST-OUTAGE-US
	local dir
	stream_mark
	for dir in ab ba; do
		between "$1: longest outage $dir, us" "$(mark_of $dir gap_send_us)" 900 "$2"
		between "$1: $dir arrives at the end, silent for us" "$(mark_of $dir open_gap_us)" 0 300000
		is "$1: doubled, reordered $dir" \
			"$(mark_of $dir duplicated) $(mark_of $dir reordered)" "0 0"
	done
}
felt_nothing() { # NAME: all arrived once and in order, but for what is still on its way
	local dir
	stream_mark
	for dir in ab ba; do
		between "$1: $dir arrived, of $(mark_of $dir sent) sent" "$(mark_of $dir received)" \
			$(($(mark_of $dir sent) - 40)) $(($(mark_of $dir sent) + 40))
		is "$1: lost, doubled, reordered $dir" "$(mark_of $dir lost) $(mark_of $dir duplicated) \
$(mark_of $dir reordered)" "0 0 0"
	done
}
