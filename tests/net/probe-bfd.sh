#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# BFD sessions of pt-probe watch with BIRD and with FRR, IPv4 and IPv6: they come up, follow changes
# of intervals, end as they should, and nobody else can end them.
# Beside others.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-bfd.sh
. "$(dirname "$0")/lib-bfd.sh"
PACKET=$BUILD/tests/tools/packet
CONFIG=$SCRATCH/a/config.yaml NETWORK=$SCRATCH/a/network.yaml
MS=50 # of the far ends; x 3
PATHS=(a-wan0 a-wan1) HERE=(10.9.0.1 fd00:9:1::1)

topo_up 3

configure() { # KEYS of all sessions, and further keys
	PATH_MORE=("liveness: bfd, quality: icmp, bfd: {$1}${2:-}" "liveness: bfd, quality: none, bfd: {$1}${2:-}" \
		"${WAN2:-maintenance: true}")
	write_config a check_ms=500
	sed -i "s/target: 10.9.1.2/target: 'fd00:9:1::2'/" "$NETWORK"
}
reconfigure() { configure "$@" && signal probe HUP; }
watch() { spawn_on ea probe "$BIN/pt-probe" watch -v --config "$CONFIG" --network "$NETWORK"; }
session() { jq -c "select(.type == \"session\" and .path == \"$1\")" "$SCRATCH/probe.out"; } # PATH
now_in() { [[ $(session "$1" | tail -n 1 | jq -r .to) = "$2" ]]; } # PATH STATE
last() { session "$1" | tail -n 1 | jq -r "$2"; } # PATH FILTER
changes() { session "$1" | wc -l; }
mono_ns() { echo $(($(tr -d . </proc/uptime | cut -d' ' -f1) * 10000000)); }
both() { local i; for i in 0 1; do "$@" "$i" || return 1; done; }
up_here() { now_in "${PATHS[$1]}" up; }
up_there() { far_is "$PEER" "${HERE[$1]}" up; }
down_here() { now_in "${PATHS[$1]}" down; }
down_there() { far_is "$PEER" "${HERE[$1]}" down; }
all_up() { both up_here && both up_there; }
counts() { echo "$(changes a-wan0) $(changes a-wan1)"; }

# What the far end makes of our intervals, in ms: between its packets, and its detection time.
bird_timing() { bird_run show bfd sessions | awk -v a="$1" '$1 == a { print $5 * 1000, $6 * 1000 }'; }
frr_timing() {
	frr_run "show bfd peers json" | jq -r --arg a "$1" '.[] | select(.peer == $a) |
		"\([."transmit-interval", ."remote-receive-interval"] | max) \(
		([."receive-interval", ."remote-transmit-interval"] | max) * ."remote-detect-multiplier")"'
}
timing_is() { [[ $("${PEER}_timing" "${HERE[$2]}") = "$1" ]]; }
bird_tune() { bird_config "$1" 0 1 >"$SCRATCH/bird.conf" && bird_run configure >/dev/null; }
frr_tune() {
	frr_run "configure terminal" bfd "peer 10.9.0.1 interface wan0" "receive-interval $1" \
		"transmit-interval $1" exit "peer fd00:9:1::1 interface wan1" \
		"receive-interval $1" "transmit-interval $1"
}
bird_admin() { bird_run "$1" bfd1 >/dev/null; } # disable|enable
frr_admin() {
	local no=''
	[[ $1 = disable ]] || no='no '
	frr_run "configure terminal" bfd "peer 10.9.0.1 interface wan0" "${no}shutdown" exit \
		"peer fd00:9:1::1 interface wan1" "${no}shutdown"
}
bird_farewell() { echo "detection time expired, down"; } # it says nothing
frr_farewell() { echo "neighbor signaled session down, admin-down"; }
bird_slay() { slay bird; rm -f "$SCRATCH/bird.ctl"; }
frr_slay() { slay bfdd; rm -f "$SCRATCH/frr/bfdd".*; }
# Why it is down there: BIRD does not show it.
bird_reason() { echo "administratively down"; }
frr_reason() { frr_run "show bfd peers json" | jq -r ".[] | select(.peer == \"$1\") | .\"remote-diagnostic\""; }

meet() {
	local before killed_ns i
	check "$PEER: sessions come up, IPv4 and IPv6" wait_until 20 all_up
	check "$PEER: both ends have negotiated" wait_until 5 both timing_is "$MS $((MS * 3))"
	before=$(counts)
	reconfigure "min_tx_ms: 200, min_rx_ms: 150, detect_mult: 4"
	check "$PEER: hears of our longer intervals" wait_until 5 both timing_is "150 800"
	reconfigure "min_tx_ms: 20, min_rx_ms: 30, detect_mult: 3"
	check "$PEER: and of our shorter ones" wait_until 5 both timing_is "$MS $((MS * 3))"
	"${PEER}_tune" 100
	check "$PEER: its own are longer" wait_until 5 both timing_is "100 300"
	hold 0.5
	is "$PEER: the sessions stayed up" "$(counts)" "$before"
	before=$(last a-wan0 .local_id)

	"${PEER}_admin" disable
	check "$PEER: its end is heard" wait_until 2 both down_here
	is "$PEER: as such" "$(last a-wan0 '.diag + ", " + .remote')" "$(${PEER}_farewell)"
	"${PEER}_admin" enable
	check "$PEER: and they come back" wait_until 20 all_up

	reconfigure "min_tx_ms: 20, min_rx_ms: 30" ", maintenance: true"
	check "$PEER: maintenance takes it down there" wait_until 2 both down_there
	is "$PEER: as AdminDown" "$("${PEER}_reason" 10.9.0.1)" "administratively down"
	is "$PEER: and here" "$(last a-wan0 .to) $(last a-wan1 .to)" "admin-down admin-down"
	reconfigure "min_tx_ms: 20, min_rx_ms: 30"
	check "$PEER: and back" wait_until 20 all_up

	killed_ns=$(mono_ns)
	"${PEER}_slay"
	check "$PEER: killed, it is missed" wait_until 2 both down_here
	for i in 0 1; do
		is "$PEER: as silent" "$(last "${PATHS[i]}" .diag)" "detection time expired"
		between "$PEER: killed until down, ms" \
			$((($(last "${PATHS[i]}" .mono_ns) - killed_ns) / 1000000)) 190 600
	done
	"${PEER}_start" $MS 0 1
	check "$PEER: started again" wait_until 20 all_up
}

# Each of these is from the right address and says Down, which would end a session.
lie() { # SECOND-BYTE MINE YOURS [OPTIONS...]: IPv4
	on eb "$PACKET" send --from 10.9.0.2 --ttl 255 --wait-ms 1 "${@:4}" 10.9.0.1 3784 \
		"20${1}0318${2}${3}000f4240000f424000000000" >/dev/null
}
ours() { printf '%08x' "$(last a-wan0 .local_id)"; }
theirs() { printf '%08x' "$(last a-wan0 .remote_id)"; }
lies() {
	local before mine
	before=$(counts)
	mine=$(ours)
	lie 40 "$(theirs)" "$mine" --ttl 254
	lie 40 "$(theirs)" "$(printf '%08x' $((0x$mine ^ 0x10000)))"
	lie 40 "$(theirs)" 00007fff
	lie 44 "$(theirs)" "$mine" # signed
	lie 41 "$(theirs)" "$mine" # multipoint
	lie 40 00000000 "$mine"
	on eb ip addr add 10.9.0.77/24 dev wan0
	lie 40 "$(theirs)" "$mine" --from 10.9.0.77
	lie 40 "$(theirs)" 00000000 --from 10.9.0.77
	on eb ip addr del 10.9.0.77/24 dev wan0
	hold 0.3
	is "lies change nothing" "$(counts)" "$before"
	lie 40 "$(theirs)" "$mine"
	fell() { [[ $(session a-wan0 | jq -rs '.[-3:][] | .to') =~ down ]]; }
	check "the same as the truth does" wait_until 2 fell
	check "and the session comes back" wait_until 20 all_up
}

# ---- BIRD ----

if have_bird; then
	PEER=bird
	bird_start $MS 0 1
	configure "min_tx_ms: 20, min_rx_ms: 30"
	sed -i 's/^health:/metrics:\n  export_interval_secs: 1\n&/' "$CONFIG"
	if command -v tshark >/dev/null; then
		spawn_on ea tshark tshark -l -i wan0 -c 12 -f "udp port 3784 and src 10.9.0.1" -T fields \
			-E separator=, -e ip.ttl -e bfd.version -e bfd.message_length -e udp.srcport -e _ws.malformed -e ip.dsfield.dscp
		capturing() { grep -qs "Capturing on" "$SCRATCH/tshark.err"; }
		wait_until 5 capturing || note "tshark cannot capture"
	fi
	watch
	wait_until 20 all_up
	if command -v tshark >/dev/null && capturing; then
		wait_until 5 finished tshark
		is "tshark reads what we send: TTL, version, length, one port, code point" \
			"$(awk -F, '{ print $1, $2, $3, ($4 >= 49152), $5, $6 }' "$SCRATCH/tshark.out" | sort -u)" "255 1 24 1  48"
		is "from one source port" "$(cut -d, -f4 "$SCRATCH/tshark.out" | sort -u | wc -l)" 1
	else
		skip "tshark reads what we send" "no tshark, or it cannot capture"
		skip "from one source port" "no tshark, or it cannot capture"
	fi
	check "quality is measured beside it, where it is to be" wait_until 5 grep -q '"path":"a-wan0".*"probe":"icmp".*"loss_ppm":0' "$SCRATCH/probe.out"
	is "and nowhere else" "$(grep -c '"type":"health".*"path":"a-wan1"' "$SCRATCH/probe.out")" 0
	lies
	refused() { jq -c 'select(.type == "stats") | .bfd.refused' "$SCRATCH/probe.out" | grep -qF "$1"; }
	check "they are counted by reason" wait_until 5 refused \
		'{"multipoint":1,"discriminator":3,"auth":1,"hops":1,"peer":2}' ||
		note "$(jq -c 'select(.type == "stats") | .bfd' "$SCRATCH/probe.out")"
	before=$(counts)
	reconfigure "min_tx_ms: 20, min_rx_ms: 30" ", dscp: 10"
	if command -v tshark >/dev/null && capturing; then
		check "another code point is taken" on ea timeout -s KILL 20 tshark -q -i wan0 -c 1 \
			-f "udp port 3784 and src 10.9.0.1 and ip[1] == 40" -w /dev/null 2>"$SCRATCH/marked.err"
	else
		skip "another code point is taken" "no tshark, or it cannot capture"
	fi
	is "and the session goes on" "$(counts)" "$before"
	meet
	reap probe
	is "asked to end, it ends well" $? 0
	check "and BIRD knows at once" wait_until 1 both down_there
	reap bird

	rm -f "$SCRATCH/bird.ctl"
	MULTIHOP=2 WAN2="liveness: bfd, quality: none, bfd: {multihop: true}"
	bird_start $MS 0 1
	configure "min_tx_ms: 20, min_rx_ms: 30"
	watch
	check "over several hops, too" wait_until 20 now_in a-wan2 up
	is "by its own port" "$(on ea ss -Hlun | grep -c ':4784 ')" 1
	reap probe
	reap bird
	WAN2=''
else
	skip "sessions with BIRD" "bird2 is not installed"
fi

# ---- FRR ----

if have_frr; then
	PEER=frr
	frr_start $MS 0 1
	configure "min_tx_ms: 20, min_rx_ms: 30"
	watch
	meet
	reap probe
	check "FRR knows at once that we ended" wait_until 1 both down_there
	is "as AdminDown" "$(frr_reason 10.9.0.1)" "administratively down"
	frr_stop
else
	skip "sessions with FRR" "frr is not installed"
fi
done_testing
