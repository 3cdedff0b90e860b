# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Two sites and N WANs between them, in network namespaces of our own; and TAP.
#
#   ha ──lan── ea ══wan0..N-1══ isp (relay) ══wan0..N-1══ eb ──lan── hb
#
#   ha 10.1.0.2 fd00:1::2     ea lan0 10.1.0.1 fd00:1::1     wan i 10.9.i.1 fd00:9:i::1
#   hb 10.2.0.2 fd00:2::2     eb lan0 10.2.0.1 fd00:2::1     wan i 10.9.i.2 fd00:9:i::2
#
# A script sources this file, calls plan or done_testing, and writes only TAP on stdout. Words go
# to stderr as "# ...". V=1 echoes every command with its namespace. What it made (namespaces,
# processes, pins, scratch files) goes when the script ends, however it ends.
#
# topo_up N, topo_down           the two sites; N WANs named by WAN_NAMES (default wan0 wan1 ...)
# on NODE CMD...                 run inside node ha, ea, isp, eb or hb (network namespace only)
# spawn NAME CMD...              in the background; NAME.out and NAME.err in $SCRATCH
# spawn_on NODE NAME CMD...      the same inside a node
# signal NAME SIG                a signal to one process
# reap NAME, slay NAME           make it end: SIGTERM and its exit status; SIGKILL
# relay_set WAN[:ab|:ba] K=V...  change a WAN (ab: from a to b); relay_get WAN:DIR FIELD
# carrier NUMBER up|down         the provider's end of a's device, so that a loses the carrier
# within SECONDS CMD...          true as soon as CMD succeeds, false after the deadline: a claim
# wait_until SECONDS CMD...      the same where the time is none: a busy machine gets 20 s more
#                                (both PT_PATIENCE times as late: on emulated CPUs)
# write_config SIDE [KEY=VALUE]  $SCRATCH/SIDE/config.yaml and network.yaml (see the function)
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${PT_BUILD:-$TOP/build}
[[ $BUILD = /* ]] || BUILD=$TOP/$BUILD
# shellcheck disable=SC2034 # for the scripts
BIN=$BUILD/bin STREAM=$BUILD/tests/tools/stream TRANSFER=$BUILD/tests/tools/transfer
RELAY=$BUILD/tests/tools/relay
ID=$$
NODES=(ha ea isp eb hb)
PIN_ROOT=/sys/fs/bpf/pt-test-$ID
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pt-test-$ID.XXXXXX")
WANS=0
WAN_NAMES=()
UPLINK_MORE=() PATH_MORE=() # further keys of each, by the WAN's number: "mode: mark"
NEXT_INDEX=100
declare -A PIDS=()
TAP_DONE=0 TAP_FAILED=0 TAP_PLANNED=

# ---- TAP ----

note() { printf '# %s\n' "$@" >&2; }
plan() { TAP_PLANNED=$1; echo "1..$1"; }
ok() { TAP_DONE=$((TAP_DONE + 1)); echo "ok $TAP_DONE - $1"; }
not_ok() { # NAME [WHY...]
	TAP_DONE=$((TAP_DONE + 1)) TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_DONE - $1"; shift
	[[ $# = 0 ]] || note "$@"
}
skip() { TAP_DONE=$((TAP_DONE + 1)); echo "ok $TAP_DONE - $1 # SKIP $2"; }
skip_all() { echo "1..0 # SKIP $1"; exit 77; }
bail() { echo "Bail out! $*"; note "$*"; exit 2; }
must() { "$@" || bail "failed: $*"; }

# check NAME CMD...: one test, which holds when CMD succeeds.
check() { local name=$1; shift; if "$@"; then ok "$name"; else not_ok "$name" "failed: $*"; fi; }
is() { # NAME GOT WANT
	if [[ $2 = "$3" ]]; then ok "$1"; else not_ok "$1" "got  '$2'" "want '$3'"; fi
}
like() { # NAME GOT REGEX
	if [[ $2 =~ $3 ]]; then ok "$1"; else not_ok "$1" "got  '$2'" "want /$3/"; fi
}
between() { # NAME GOT LEAST MOST
	if [[ $2 =~ ^-?[0-9]+$ ]] && (($2 >= $3 && $2 <= $4)); then
		ok "$1 ($2)"
	else
		not_ok "$1" "got  '$2'" "want $3 to $4"
	fi
}
# Ends everything first: what a sanitizer said on the way out is a failure too.
done_testing() {
	local said
	topo_down
	said=$(grep -rlE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$SCRATCH" --include='*.err')
	# shellcheck disable=SC2086 # file names of ours
	[[ -z $said ]] || not_ok "no sanitizer report" "$(cat $said)"
	[[ -n $TAP_PLANNED ]] || echo "1..$TAP_DONE"
	exit $((TAP_FAILED > 0))
}

# ---- processes ----

ns() { echo "pt-test-$ID-$1"; }
trace() { [[ -z ${V:-} ]] || printf '# [%s] %s\n' "$1" "${*:2}" >&2; }
# Only the network namespace: mounts, and so bpffs, stay those of the caller.
on() { local node=$1; shift; trace "$node" "$@"; nsenter --net="/run/netns/$(ns "$node")" "$@"; }

spawn() {
	local name=$1; shift
	[[ -z ${PIDS[$name]:-} ]] || finished "$name" || bail "$name runs already"
	trace "$name &" "$@"
	: >"$SCRATCH/$name.out" # nobody shall read what an earlier one of that name said
	"$@" >"$SCRATCH/$name.out" 2>"$SCRATCH/$name.err" </dev/null &
	PIDS[$name]=$!
}
spawn_on() { spawn "$2" nsenter --net="/run/netns/$(ns "$1")" "${@:3}"; }
signal() { trace "$1" "kill -$2"; kill "-$2" "${PIDS[$1]}"; }

# A child that ended stays a zombie until it is waited for: its state tells.
ended() {
	local state
	state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[[ -z $state || $state = Z ]]
}
finished() { ended "${PIDS[$1]}"; }

# Ask it to end, insist after ten seconds; returns its exit status.
reap() {
	local pid=${PIDS[$1]:-}
	[[ -n $pid ]] || return 0
	unset "PIDS[$1]"
	kill -TERM "$pid" 2>/dev/null
	wait_until 10 ended "$pid" || kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# Waits for events: its beginning, which may take a second, is behind it. Where that is in the kernel
# depends on what the compiler has inlined.
looping() { grep -qE 'ep_poll|epoll_wait' "/proc/${PIDS[$1]}/wchan"; }

listening() { on "$1" ss -Hltn "sport = :$2" | grep -q .; } # NODE TCP-PORT

# A condition that must last (a cut, a silence), as opposed to waiting for something.
hold() { sleep "$1"; }

# SIGKILL, and gone when this returns.
slay() { # nothing to do when it has gone already
	local pid=${PIDS[$1]}
	unset "PIDS[$1]"
	trace "$1" "kill -KILL"
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

wait_until() { within $(($1 + 20)) "${@:2}"; }
within() { # WHOLE-SECONDS CMD...
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * ${PT_PATIENCE:-1} * 1000000)); shift
	until "$@"; do
		((${EPOCHREALTIME/[.,]/} < end)) || return 1
		sleep 0.02
	done
}

# ---- the two sites ----

site_of() { if [[ $1 = a ]]; then echo 1; else echo 2; fi; }
peer_of() { if [[ $1 = a ]]; then echo b; else echo a; fi; }

# shellcheck disable=SC2016 # the inner shell expands
# Addresses work at once (no duplicate address detection), nothing filters by reverse path, edges
# forward, the provider only carries frames.
NODE_SYSCTL='cd /proc/sys/net
for c in all default; do
	echo 0 >ipv4/conf/$c/rp_filter
	echo 0 >ipv4/conf/$c/send_redirects
	echo 0 >ipv6/conf/$c/accept_dad
	echo 0 >ipv6/conf/$c/accept_ra
	echo 0 >ipv6/conf/$c/router_solicitations
done
case $1 in
e?) echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding ;;
isp) echo 1 >ipv6/conf/all/disable_ipv6; echo 1 >ipv6/conf/default/disable_ipv6 ;;
esac'

node_up() { # NODE
	must ip netns add "$(ns "$1")"
	must on "$1" sh -ec "$NODE_SYSCTL" sh "$1"
	must ip -n "$(ns "$1")" link set lo up
}

# veth NODE DEVICE MAC NODE DEVICE [MAC]. Every device of a topology gets an index of its own: with
# equal ones at both ends the kernel would report carrier changes up to a second late.
veth() {
	NEXT_INDEX=$((NEXT_INDEX + 2))
	must ip -n "$(ns "$1")" link add "$2" index $NEXT_INDEX address "$3" type veth \
		peer name "$5" index $((NEXT_INDEX + 1)) netns "$(ns "$4")" ${6:+address "$6"}
}

lan_up() { # SIDE [NUMBER]
	local s h e
	s=${2:-$(site_of "$1")} h=$(ns "h$1") e=$(ns "e$1")
	veth "e$1" lan0 "02:00:00:00:0$s:01" "h$1" eth0 "02:00:00:00:0$s:02"
	must ip -n "$e" -batch - <<-END
		addr add 10.$s.0.1/24 dev lan0
		addr add fd00:$s::1/64 dev lan0 nodad
		link set lan0 up
	END
	must ip -n "$h" -batch - <<-END
		addr add 10.$s.0.2/24 dev eth0
		addr add fd00:$s::2/64 dev eth0 nodad
		link set eth0 up
		route add default via 10.$s.0.1
		route add default via fd00:$s::1
	END
}

wan_up() { # SIDE NUMBER
	local s e
	s=$(site_of "$1") e=$(ns "e$1")
	veth "e$1" "wan$2" "02:00:00:09:0$s:$(printf %02x "$2")" isp "$1$2"
	must ip -n "$(ns isp)" link set "$1$2" up
	must ip -n "$e" -batch - <<-END
		addr add 10.9.$2.$s/24 dev wan$2
		addr add fd00:9:$2::$s/64 dev wan$2 nodad
		link set wan$2 up
	END
}

wan_delete() { must ip -n "$(ns "e$1")" link del "wan$2"; } # SIDE NUMBER; wan_up makes it again

# The kernel's own way to the other site, for what is not steered: by WAN NUMBER on both edges.
kernel_routes() {
	must ip -n "$(ns ea)" -batch - <<-END
		route replace 10.2.0.0/24 via 10.9.$1.2
		route replace fd00:2::/64 via fd00:9:$1::2
	END
	must ip -n "$(ns eb)" -batch - <<-END
		route replace 10.1.0.0/24 via 10.9.$1.1
		route replace fd00:1::/64 via fd00:9:$1::1
	END
}

topo_up() { # N [SEED]
	local i node pairs=()
	[[ $(id -u) = 0 ]] || skip_all "needs root"
	WANS=$1
	for ((i = 0; i < WANS; i++)); do
		WAN_NAMES[i]=${WAN_NAMES[i]:-wan$i}
		pairs+=("${WAN_NAMES[i]}=a$i:b$i")
	done
	for node in "${NODES[@]}"; do node_up "$node"; done
	for node in a b; do
		lan_up $node
		for ((i = 0; i < WANS; i++)); do wan_up $node "$i"; done
	done
	kernel_routes 0
	CONTROL=$SCRATCH/relay
	spawn relay "$RELAY" --netns "$(ns isp)" --control "$CONTROL" --seed "${2:-1}" --with-parent \
		"${pairs[@]}"
	wait_until 5 test -S "$CONTROL" || bail "relay: $(cat "$SCRATCH/relay.err")"
}

leftover() { # NAMESPACE: ends what still runs in it
	local pid
	for pid in $(ip netns pids "$1"); do kill -KILL "$pid" 2>/dev/null; done
}

topo_down() {
	local name
	for name in "${!PIDS[@]}"; do # all at once, so that the slow ones are slow together
		[[ $name = relay ]] || kill -TERM "${PIDS[$name]}" 2>/dev/null
	done
	for name in "${!PIDS[@]}"; do [[ $name = relay ]] || reap "$name"; done
	reap relay
	for name in /run/netns/pt-test-"$ID"-*; do
		[[ -e $name ]] || continue
		leftover "${name##*/}" # children of what we spawned
		ip netns del "${name##*/}"
	done
	WANS=0
}

relay_set() { trace relay "$@"; "$RELAY" set "$CONTROL" "$@"; }
relay_get() { "$RELAY" get "$CONTROL" "$1" | jq -r ".$2"; }
carrier() { trace isp "carrier a$1 $2"; must ip -n "$(ns isp)" link set "a$1" "$2"; }

# ---- configuration, pins ----

# write_config SIDE [KEY=VALUE...]: keys interval_ms, threshold, cooldown_s, check_ms, port, family
# (of the probes, 4 or 6), traffic_probes, max_hold_s and sla (a YAML flow map). Paths and uplinks are named SIDE-WAN; the first WAN is preferred.
write_config() {
	local side=$1 dir=$SCRATCH/$1 s i
	local interval_ms=$((10 * ${PT_PATIENCE:-1})) threshold=$((${PT_PATIENCE:-1} > 1 ? 6 : 3)) cooldown_s=2 check_ms=1000 port=862 family=4 sla='{}'
	local traffic_probes=true max_hold_s=
	shift
	for s in "$@"; do local "${s%%=*}=${s#*=}"; done
	mkdir -p "$dir"
	cat >"$dir/config.yaml" <<-END
		edge: $side
		health:
		  check_interval_ms: $check_ms
		failover:
		  detection_interval_ms: $interval_ms
		  detection_threshold: $threshold
		  cooldown_period_secs: $cooldown_s
		  traffic_probes: $traffic_probes
		  ${max_hold_s:+cooldown_max_secs: $max_hold_s}
	END
	{
		echo "sites:"
		for s in a b; do config_site $s; done
		echo "uplinks:"
		for s in a b; do
			for ((i = 0; i < WANS; i++)); do
				echo "  - { id: $s-${WAN_NAMES[i]}, site: $s, device: wan$i${UPLINK_MORE[i]:+, ${UPLINK_MORE[i]}} }"
			done
		done
		echo "paths:"
		for s in a b; do
			for ((i = 0; i < WANS; i++)); do config_path $s "$i"; done
		done
		echo "policies:"
		echo "  - { id: default, priority: 100, strategy: ordered, sla: $sla }"
	} >"$dir/network.yaml"
}

config_site() {
	local n
	n=$(site_of "$1")
	echo "  - { id: $1, lan: [lan0], prefixes: [10.$n.0.0/24, 'fd00:$n::/64'] }"
}

config_path() { # SIDE NUMBER, inside write_config
	local far name=$1-${WAN_NAMES[$2]} peer more=${PATH_MORE[$2]:+, ${PATH_MORE[$2]}}
	peer=$(peer_of "$1")
	far=$(site_of "$peer")
	echo "  - { id: $name, source: $1, dest: $peer, uplink: $name, preference: $((100 - $2)),"
	echo "      next_hop: 10.9.$2.$far, next_hop6: 'fd00:9:$2::$far',"
	if [[ $family = 4 ]]; then
		echo "      target: 10.9.$2.$far, port: $port$more }"
	else
		echo "      target: 'fd00:9:$2::$far', port: $port$more }"
	fi
}

pin_dir() { echo "$PIN_ROOT/$1"; } # SIDE

need_bpffs() {
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || skip_all "no bpffs"
}

# ---- the end ----

cleanup() {
	local status=$?
	trap - EXIT
	topo_down
	rm -rf "$SCRATCH"
	[[ ! -d $PIN_ROOT ]] || rm -rf "$PIN_ROOT"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
