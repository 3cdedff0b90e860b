#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Over clsact, too.
# What users' own TCP flows tell of a path: the injected delay, what the sender itself counts as
# retransmitted, of the right path and class, also right after a switch and where answers come back by
# another path.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"

# shellcheck disable=SC2034 # the harness reads it
WAN_NAMES=(fibre lte)
topo_up 2 42
relay_set fibre delay_us=10000
relay_set lte delay_us=30000
for s in a b; do
	write_config $s
	sed -i 's/^failover:/&\n  passive_share: 1/' "$SCRATCH/$s/config.yaml"
	sed -i 's/^metrics:.*//; $a metrics: { export_interval_secs: 1 }' "$SCRATCH/$s/config.yaml"
	sed -i '$a \  - { id: bulk, priority: 10, strategy: ordered, match: { protocol: tcp, dst_ports: [5201] } }' \
		"$SCRATCH/$s/network.yaml"
	edge_attach $s || bail "attach $s: $(cat "$SCRATCH/$s/attach.err")"
	edge_start $s
done
for s in a b; do wait_until 10 all_up $s || bail "paths of $s are not up"; done

of() { # PATH POLICY FIELD
	status a "[.passive[] | select(.path == \"$1\" and .policy == \"$2\") | .$3][0] // 0"
}
transfer() { # PORT DURATION-MS [OPTIONS...]; its last line goes to transfer.json
	"$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src "${SRC:-10.1.0.2}" --dst "${DST:-10.2.0.2}" \
		--port "$1" --duration-ms "$2" --json "${@:3}" >"$SCRATCH/transfer.json"
}
sent_again() { jq -r 'select(.type == "final") | .retransmits' "$SCRATCH/transfer.json"; }

# ---- delay, loss, class ----
relay_set fibre:ab loss_ppm=20000
check "a transfer of one class" transfer 5201 3000
again=$(of a-fibre bulk retransmitted) want=$(sent_again)
note "$(of a-fibre bulk rtts) round trips, $(of a-fibre bulk segments) segments, $again of the sender's $want again"
between "its round trip is the injected 20 ms, us" "$(of a-fibre bulk rtt_p50_us)" 19500 21000
between "there are enough of them" "$(of a-fibre bulk rtts)" 20 100000
check "something was lost" test "$want" -gt 5
between "retransmissions are those that the sender counts" "$again" $((want * 9 / 10 - 1)) $((want * 11 / 10 + 1))
is "no other class has any" "$(of a-fibre default segments)" 0
relay_set fibre:ab loss_ppm=0
SRC=fd00:1::2 DST=fd00:2::2
check "a transfer of the other class, IPv6, without loss" transfer 5202 1000
unset SRC DST
between "the same round trip, us" "$(of a-fibre default rtt_p50_us)" 19500 21000
# Where the machine stalls, a packet may be overtaken before the edge: that looks like a retransmission,
# and makes the sender send one.
between "nothing again but what the sender says" "$(of a-fibre default retransmitted)" 0 $((2 * $(sent_again) + 1))
is "the first class has none of it" "$(of a-fibre bulk retransmitted)" "$again"
# What comes back to a is what leaves b: acknowledgements without data.
between "acknowledgements are no segments; SYN and FIN are, each once or again" "$(status b '[.passive[].segments] | add // 0')" 4 8

# ---- a switch in one direction, then in both ----
rtts=$(of a-fibre bulk rtts)
must "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir a)" a-lte
check "a's packets leave by lte" uses a a-lte
transfer 5201 1000
between "answers by the other path are counted" "$(of a-lte bulk crossed)" 3 100000
is "and tell of neither" "$(of a-lte bulk rtts) $(of a-fibre bulk rtts)" "0 $rtts"
spawn transfer "$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 --dst 10.2.0.2 \
	--port 5201 --rate-kbps 20000 --duration-ms 20000 --json
flows() { (($(of a-lte bulk crossed) > $1)); }
must wait_until 5 flows "$(of a-lte bulk crossed)"
must "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir b)" b-lte
enough() { (($(of a-lte bulk rtts) >= 10)); }
check "b follows, in the middle of a connection: there are round trips" wait_until 10 enough
signal transfer TERM
reap transfer
between "they tell of lte, us" "$(of a-lte bulk rtt_p50_us)" 59000 62000
is "and still nothing of fibre" "$(of a-fibre bulk rtts)" "$rtts"

# ---- records ----
told() { # JQ: of a's passive records
	records a failover | jq -s "[.[] | select(.type == \"passive\" and .path == \"a-fibre\" and .policy == \"bulk\")] | $1"
}
all_told() { [[ $(told '[.[].segments] | add') = "$(of a-fibre bulk segments)" ]]; }
check "records add up to what status shows" wait_until 4 all_told
is "their histograms, too" "$(told '[.[].rtt_hist[][1]] | add')" "$rtts"
between "and their medians are the delay, us" "$(told '[.[].rtt_us.p50 | select(.)] | max')" 19500 21000

# ---- off ----
edge_stop a
sed -i 's/  passive_share: 1/  passive: false/' "$SCRATCH/a/config.yaml"
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
segments=$(of a-lte bulk segments)
transfer 5201 300
is "off, nothing is measured" "$(of a-lte bulk segments)" "$segments"
done_testing
