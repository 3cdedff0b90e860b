#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The relay does to packets what its settings say, exactly, and tells the truth about it.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
topo_up 1 7

# Nothing but our packets may draw from the dice: no v6 chatter, no ARP.
for side in a b; do
	on e$side sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
	n=$(site_of "$(peer_of $side)")
	must ip -n "$(ns e$side)" neigh replace "10.9.0.$n" lladdr "02:00:00:09:0$n:00" dev wan0
done

pings() { on ea ping -q -i 0.0005 "$@" 10.9.0.2; } # ping's summary
received() { sed -n 's/.* \([0-9]*\) received.*/\1/p'; }
rtt_us() { sed -n 's|^rtt [^=]*= \([0-9.]*\)/\([0-9.]*\)/\([0-9.]*\)/.*|\1 \2 \3|p' |
	awk '{ printf "%d %d %d", $1 * 1000, $2 * 1000, $3 * 1000 }'; }
reset() { must "$RELAY" reset "$CONTROL" all; }

# ---- delay ----
read -r base _ _ < <(pings -c 200 | rtt_us)
relay_set wan0:ab delay_us=3000
relay_set wan0:ba delay_us=2000
read -r least mean _ < <(pings -c 200 | rtt_us)
between "delay: no packet is early, us" "$least" 5000 $((5000 + base + 500))
between "delay: 3 + 2 ms each way are 5 ms there and back, us" "$mean" 5000 $((5000 + base + 1000))

relay_set wan0:ab jitter_us=1000
read -r least _ most < <(pings -c 500 -i 0.004 | rtt_us)
between "jitter: some packets wait less, us" "$least" 4000 4500
between "jitter: and some more, us" "$most" 5500 8000
relay_set wan0 delay_us=0 jitter_us=0

# ---- loss ----
relay_set wan0:ab loss_ppm=20000
loss() { # what the first 5000 packets of this seed meet
	reset
	pings -c 5000 >/dev/null
	echo "$(relay_get wan0:ab rx) $(relay_get wan0:ab lost_random)"
}
first=$(loss)
is "loss: only our packets were counted" "${first% *}" 5000
between "loss: 20000 ppm of 5000" "${first#* }" 60 140
is "loss: an equal seed loses equally" "$(loss)" "$first"
is "loss: the other direction loses nothing" "$(relay_get wan0:ba lost_random)" 0
relay_set wan0 loss_ppm=1000000
is "loss: everything" "$(pings -c 20 -W 0.2 | received)" 0
relay_set wan0 loss_ppm=0

# ---- bursts: mean length 1 / leave, share enter / (enter + leave) ----
relay_set wan0:ab burst_enter_ppm=10000 burst_leave_ppm=250000
reset
on ea ping -i 0.0005 -c 5000 10.9.0.2 | sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' >"$SCRATCH/seen"
read -r lost runs < <(awk '{ d = $1 - last - 1; last = $1; if (d > 0) { lost += d; runs++ } }
	END { print lost, runs }' "$SCRATCH/seen")
between "burst: 3.8 % of 5000 lost" "$lost" 100 300
between "burst: they come in runs of about 4, in tenths" $((lost * 10 / runs)) 28 55
relay_set wan0:ab burst_enter_ppm=0

# ---- reordering and duplicates ----
relay_set wan0:ab delay_us=5000 reorder_ppm=50000
relay_set wan0:ba duplicate_ppm=50000
"$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 --dst 10.2.0.2 --port 5000 \
	--both --json --duration-ms 1000 >"$SCRATCH/stream"
final() { jq -r "select(.type == \"final\" and .dir == \"$1\") | .$2" "$SCRATCH/stream"; }
# 1 in 20 skips 5 ms of delay, and overtakes the five before it
between "reorder: five packets are overtaken, 20 times a second or more" "$(final ab reordered)" 80 400
is "reorder: nothing is lost" "$(final ab lost)" 0
is "duplicate: the stream sees as many as the relay made" "$(final ba duplicated)" \
	"$(relay_get wan0:ba duplicated)"
between "duplicate: 1 in 20 of a thousand" "$(final ba duplicated)" 20 90
relay_set wan0 delay_us=0 reorder_ppm=0 duplicate_ppm=0

# ---- black holes ----
reset
relay_set wan0:ab blackhole=1
is "black hole: no answer" "$(pings -c 20 -W 0.2 | received)" 0
is "black hole: all requests vanished" "$(relay_get wan0:ab lost_blackhole)" 20
is "black hole: carrier stays" "$(on ea cat /proc/sys/net/ipv4/conf/wan0/forwarding; \
	ip -n "$(ns ea)" -j link show wan0 | jq -r '.[0].operstate')" $'1\nUP'
relay_set wan0:ab blackhole=0
relay_set wan0:ba blackhole=1
is "black hole, other way: no answer either" "$(pings -c 20 -W 0.2 | received)" 0
is "black hole, other way: the requests crossed" "$(relay_get wan0:ab lost_blackhole)" 20
is "black hole, other way: the answers vanished" "$(relay_get wan0:ba lost_blackhole)" 20
relay_set wan0 blackhole=1
is "black hole, both ways: no answer" "$(pings -c 20 -W 0.2 | received)" 0
relay_set wan0 blackhole=0
is "healed: all answers" "$(pings -c 20 -W 0.2 | received)" 20

# ---- TCP in super-packets ----
reset
"$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 --dst 10.2.0.2 \
	--port 5001 --bytes 300000000 --json >"$SCRATCH/tcp"
is "TCP: 300 MB, every byte right" "$? $(jq -c '[.received, .wrong]' "$SCRATCH/tcp")" "0 [300000000,0]"
between "TCP: in super-packets, mean bytes" $((300000000 / $(relay_get wan0:ab rx))) 5000 65536
is "TCP: nothing the relay could not send" "$(relay_get wan0:ab lost_send)" 0

# ---- a bottleneck of 10 Mbit/s with 50000 bytes of queue: 40 ms when full ----
relay_set wan0:ab rate_kbps=10000 limit_bytes=50000
reset
spawn_on hb server iperf3 -s -1
wait_until 5 listening hb 5201 || bail "iperf3 server"
spawn_on ha client iperf3 -c 10.2.0.2 -u -b 20M -l 1200 -t 2 -J
queue_full() { (($(relay_get wan0:ab lost_queue) > 100)); }
wait_until 5 queue_full || bail "no queue"
read -r _ mean _ < <(on ea ping -q -i 0.01 -c 30 10.9.0.2 | rtt_us)
wait_until 10 finished client
between "rate: the queue waits 40 ms, mean us" "$mean" 30000 48000
between "rate: kbit/s of payload that arrive" \
	"$(jq '.end.streams[0].udp | .bytes * 8 / .seconds / 1000 * (1 - .lost_percent / 100) | floor' \
		"$SCRATCH/client.out")" 8500 10000
between "rate: the rest is dropped by the queue" "$(relay_get wan0:ab lost_queue)" 1000 4000
relay_set wan0 rate_kbps=0 limit_bytes=0

# ---- what is wrong is said in one line and changes nothing ----
refused() { # NAME WANT WORDS...
	local name=$1 want=$2 said status before
	shift 2
	before=$("$RELAY" get "$CONTROL" all)
	said=$("$RELAY" set "$CONTROL" "$@" 2>&1)
	status=$?
	is "$name: refused" "$status $said" "2 relay: set: $want"
	is "$name: nothing changed" "$("$RELAY" get "$CONTROL" all | jq -c 'del(.rx, .tx)')" \
		"$(jq -c 'del(.rx, .tx)' <<<"$before")"
}
refused "unknown key" "colour=1: no such setting (relay --help)" wan0 delay_us=1 colour=1
refused "unknown WAN" "wan7: no such WAN" wan7 delay_us=1
refused "direction" "wan0: the direction is ab or ba" wan0:up delay_us=1
refused "sign" "delay_us=-1: not a number in range (relay --help)" wan0 loss_ppm=5 delay_us=-1
refused "range" "loss_ppm=1000001: not a number in range (relay --help)" wan0 loss_ppm=1000001
refused "no value" "delay_us: want KEY=NUMBER" wan0 delay_us

# ---- a device that goes and comes back ----
on eb sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
wan_delete b 0
wan_up b 0
answers() { on ea ping -qc1 -W 0.2 10.9.0.2 >/dev/null; }
check "a device made again is served again" wait_until 3 answers

done_testing
