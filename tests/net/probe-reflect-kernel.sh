#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe reflect --tc, --xdp: the kernel's answers are those of user space, and need no process
# that runs.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-reflect.sh
. "$(dirname "$0")/lib-reflect.sh"

topo_up 2
PORT=862

# What a veth sends has no checksum yet, which XDP cannot tell from a wrong one: the sender has to
# fill it in. And a veth takes what XDP sends back only where it has an XDP program itself: one that
# answers nothing.
for i in 0 1; do must ip netns exec "$(ns ea)" ethtool -K "wan$i" tx off >/dev/null; done
spawn_on isp peer "$BIN/pt-probe" reflect --port 1 --xdp b0 --xdp b1
peered() { on isp ip -j link show dev b0 | jq -e '.[0].xdp' >/dev/null; }
must wait_until 5 peered

reflector() { # OPTIONS...: a fresh one on b
	reap reflect
	spawn_on eb reflect "$BIN/pt-probe" reflect -v --port $PORT "$@"
	wait_until 5 listening $PORT || bail "reflect: $(cat "$SCRATCH/reflect.err")"
}
listening() { on eb ss -Hlun | grep -q "[:*]$1 "; }
totals() { reap reflect; cat "$SCRATCH/reflect.err"; }
send() { on ea "$PACKET" send --wait-ms 500 "${@:1:$#-2}" "${*: -2:1}" "$PORT" "${*: -1}"; }
answered() { send "$@" >/dev/null; }
silent() { ! on ea "$PACKET" send --wait-ms 250 "${@:1:$#-2}" "${*: -2:1}" "$PORT" "${*: -1}" >/dev/null; }
zeros() { printf '00%.0s' $(seq 1 "$1"); }
# An answer without its two times of day, which differ.
timeless() { echo "$1 $2 $3 $4 ${5:0:8}${5:24:8}${5:48}"; }
REQUEST=0a0b0c0de5d10280800000018a7fbeef$(zeros 28)

# ---- the same answers ----

is_stopped() { [[ $(ps -o stat= -p "${PIDS[reflect]}") = T* ]]; }
# shellcheck disable=SC2046 # words are meant
for to in 10.9.0.2 fd00:9:0::2; do
	reflector
	user=$(timeless $(send --tos $((46 << 2 | 1)) --ttl 77 $to "$REQUEST"))
	for hook in tc xdp; do
		reflector --$hook wan0
		is "$hook, $to: the answer is that of user space" \
			"$(timeless $(send --tos $((46 << 2 | 1)) --ttl 77 $to "$REQUEST"))" "$user"
		signal reflect STOP
		must wait_until 3 is_stopped
		check "$hook, $to: answered while the process stands still" answered $to "$REQUEST"
		signal reflect CONT
		like "$hook, $to: counted as both" "$(totals)" \
			'2 requests, 2 answered;.*2 were answered in the kernel'
	done
done

seconds_now() { printf '%d' $(($(date +%s) + 2208988800)); }
reflector --tc wan0
read -r _ _ _ _ ANSWER < <(send 10.9.0.2 "$REQUEST")
between "the time of day (s behind now)" $(($(seconds_now) - 0x${ANSWER:8:8})) 0 1
is "received and sent at once" "${ANSWER:8:16}" "${ANSWER:32:16}"

# ---- what is left to user space ----

for hook in tc xdp; do
	reflector --$hook wan0
	read -r _ _ _ _ ANSWER < <(send 10.9.0.2 "${REQUEST}8001000411223344800900020102")
	is "$hook: TLVs come back, unknown ones marked" "${ANSWER:88}" 0001000411223344800900020102
	check "$hook: a device without the program" answered 10.9.1.2 "$REQUEST"
	check "$hook: from the reflector's own port: silence" silent --from-port $PORT 10.9.0.2 "$REQUEST"
	# 10.2.0.2 is a host behind b: its port is none of ours
	check "$hook: to another host: silence" silent 10.2.0.2 "$REQUEST"
	must ip -n "$(ns eb)" addr add 10.9.0.99/24 dev wan0
	read -r from _ < <(send 10.9.0.99 "$REQUEST")
	is "$hook: a new address answers as itself" "$from" 10.9.0.99
	must ip -n "$(ns eb)" addr del 10.9.0.99/24 dev wan0
	gone() { silent 10.9.0.99 "$REQUEST"; }
	check "$hook: and no longer once it is gone" wait_until 3 gone
	like "$hook: counted where they were answered" "$(totals)" \
		'4 requests, 3 answered;.*1 could loop.*1 were answered in the kernel'
done

# ---- who is answered ----

for hook in tc xdp; do
	reflector --$hook wan0 --$hook wan1 --allow 10.9.0.0/24 --allow fd00:9:0::/64
	check "$hook: an allowed sender" answered 10.9.0.2 "$REQUEST"
	check "$hook: an allowed IPv6 sender" answered fd00:9:0::2 "$REQUEST"
	check "$hook: not others" silent 10.9.1.2 "$REQUEST"
	check "$hook: nor over IPv6" silent fd00:9:1::2 "$REQUEST"
	like "$hook: counted" "$(totals)" '4 requests, 2 answered;.* 2 not allowed'
	reflector --$hook wan0 --bind 10.9.0.2
	check "$hook: bound to an address" answered 10.9.0.2 "$REQUEST"
	check "$hook: to no other" silent fd00:9:0::2 "$REQUEST"
done
for with in --rate "--rate --tc" "--rate --xdp" --source-rate "--source-rate --tc" "--source-rate --xdp"; do
	read -r rate hook <<<"$with"
	reflector "$rate" 1 ${hook:+"$hook" wan0}
	rated 10.9.0.2 $PORT "$REQUEST"
	between "$with holds" $ANSWERS 1 $MOST
	[[ $rate = --rate ]] || check "and another sender has its own" answered fd00:9:0::2 "$REQUEST"
done

# ---- devices and life ----

links() { bpftool -j link show | jq length; }
for hook in tc xdp; do
	reflector --$hook wan0
	wan_delete b 0
	wan_up b 0
	must wait_until 5 peered
	again() { answered 10.9.0.2 "$REQUEST"; }
	check "$hook: the device is made anew: answered again" wait_until 5 again
	signal reflect STOP
	must wait_until 3 is_stopped
	check "$hook: by the kernel" wait_until 3 again
	signal reflect CONT
done
before=$(links)
slay reflect
fewer() { (($(links) < before)); }
check "SIGKILL: the program goes with its process" wait_until 5 fewer
check "silence then" silent 10.9.0.2 "$REQUEST"

reflector --xdp lan0 --tc wan7
check "a device that does not exist yet is waited for" answered 10.9.0.2 "$REQUEST"
reap reflect
must ip -n "$(ns eb)" link add plain7 type bridge
spawn_on eb reflect "$BIN/pt-probe" reflect -v --port $PORT --xdp plain7
told() { grep -q "plain7: no reflector at XDP: .*: user space answers" "$SCRATCH/reflect.err"; }
check "a driver without XDP is told, once" wait_until 3 told
check "and user space answers" answered 10.9.0.2 "$REQUEST"
done_testing
