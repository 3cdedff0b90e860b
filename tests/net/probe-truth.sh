#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What pt-probe says of delay, jitter, reordering, duplicates and loss, against two independent
# witnesses of the very same packets: programs at tc egress and ingress of the device, which stamp
# each, and the relay, which counts what it does.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"

topo_up 1
spawn_on eb reflect "$BIN/pt-probe" reflect
listening() { on eb ss -Hlun | grep -q ":862 "; }
wait_until 5 listening || bail "reflect: $(cat "$SCRATCH/reflect.err")"

relay_count() { relay_get "wan0:$1" "$2"; }
got() { jq -r "$1" "$SCRATCH/record"; }
near() { # WHAT GOT WANT LEAST: within 2% of WANT, or within LEAST
	local slack=$(($3 / 50))
	[[ $slack -ge $4 ]] || slack=$4
	between "$1" "$2" $(($3 - slack)) $(($3 + slack))
}
# Runs ping with the witness beside it: record, and the witness's "seq left came" in truth.
witness() { # OPTIONS...
	spawn_on ea truth "$BUILD/tests/tools/truth" wan0
	wait_until 5 grep -q ready "$SCRATCH/truth.out" || bail "truth: $(cat "$SCRATCH/truth.err")"
	on ea "$BIN/pt-probe" ping --json "$@" 10.9.0.2 >"$SCRATCH/record" 2>"$SCRATCH/words"
	reap truth
	grep -v ready "$SCRATCH/truth.out" | sort -n >"$SCRATCH/truth"
}
# Microseconds of the true round trips: mean, least, RFC 3550's jitter in the order of arrival, and
# how many were overtaken (RFC 4737).
true_figures() {
	sort -n -k 3 "$SCRATCH/truth" | awk '
		{ rtt = ($3 - $2) / 1000; sum += rtt; if (NR == 1 || rtt < least) least = rtt }
		NR > 1 { d = rtt - last; if (d < 0) d = -d; jitter += (d - jitter) / 16 }
		{ last = rtt; if ($1 < next_seq) overtaken++; else next_seq = $1 + 1 }
		END { printf "%d %d %d %d %d\n", NR, sum / NR, least, jitter, overtaken }'
}

# ---- without anything injected: the stamps themselves, and their error ----
on ea "$BIN/pt-probe" ping -c 3 -i 10ms 10.9.0.2 >/dev/null # neighbours are known
for delay in 0 700 20000; do
	relay_set wan0 delay_us=$delay
	witness -c 200 -i 5ms
	read -r n mean least _ _ < <(true_figures)
	is "$delay us each way: both saw all" "$n $(got .received)" "200 200"
	near "$delay us: the mean is the witness's" "$(got .rtt_us.mean)" "$mean" 50
	near "$delay us: and so is the least" "$(got .rtt_us.min)" "$least" 50
	is "$delay us: by the kernel's stamps" "$(got .timestamps)" kernel
	[[ $delay = 0 ]] && base=$least
	near "$delay us: what was injected is what is measured more" \
		$(($(got .rtt_us.min) - base)) $((2 * delay)) 100
done

# ---- jitter, duplicates, reordering ----
relay_set wan0 delay_us=0
relay_set wan0:ab delay_us=10000 jitter_us=6000
witness -c 200 -i 20ms
read -r n mean _ jitter _ < <(true_figures)
near "jitter: the witness's" "$(got .jitter_us)" "$jitter" 50
near "jitter: and the mean" "$(got .rtt_us.mean)" "$mean" 50
between "jitter: there is some" "$jitter" 1500 7000

relay_set wan0:ab delay_us=20000 jitter_us=0 reorder_ppm=200000
witness -c 200 -i 5ms
read -r n _ _ _ overtaken < <(true_figures)
is "reordering: as many as the witness saw overtaken" "$(got .reordered)" "$overtaken"
between "reordering: there is some" "$overtaken" 5 190
is "reordering: no loss, no duplicate" "$(got '"\(.loss_ppm) \(.duplicates)"')" "0 0"
relay_set wan0:ab delay_us=0 reorder_ppm=0

for side in ab ba; do
	relay_set "wan0:$side" duplicate_ppm=300000
	before=$(relay_count $side duplicated)
	# The relay copies neighbour requests, too: one that is known is not asked for.
	witness -c 100 -i 5ms -W 100ms
	is "duplicates $side: the relay's own count" "$(got .duplicates)" \
		$(($(relay_count $side duplicated) - before))
	is "duplicates $side: no loss, nothing overtaken" "$(got '"\(.loss_ppm) \(.reordered)"')" "0 0"
	relay_set "wan0:$side" duplicate_ppm=0
done

# ---- loss by direction, over STAMP: on the right side, and as much as the relay dropped ----
for side in ab ba; do
	relay_set "wan0:$side" loss_ppm=150000
	before=$(relay_count $side lost_random)
	on ea "$BIN/pt-probe" ping --json -c 400 -i 2ms -W 100ms --stamp 862 --direction 10.9.0.2 \
		>"$SCRATCH/record"
	relay_set "wan0:$side" loss_ppm=0
	lost=$((($(relay_count $side lost_random) - before) * 2500))
	read -r this other < <(got '"\(.loss_out_ppm) \(.loss_back_ppm)"')
	[[ $side = ab ]] || read -r other this < <(got '"\(.loss_out_ppm) \(.loss_back_ppm)"')
	between "loss $side: on that side, within 2% of all" "$this" $((lost - 20000)) $((lost + 20000))
	is "loss $side: none on the other" "$other" 0
	is "loss $side: in all, to the packet" "$(got .loss_ppm)" "$lost"
done
done_testing
