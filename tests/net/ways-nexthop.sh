#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The kernel's routes to a site follow its traffic: 2,000 prefixes through one nexthop object for each
# family, moved by one message; the edge's own traffic feels no more than the detection. What somebody
# removes comes back; what is somebody else's is never touched; detach leaves nothing.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
PREFIXES=1999

config_site() { # SIDE: as in lib.sh, and b holds many
	local n i more=''
	n=$(site_of "$1")
	[[ $1 = a ]] || for ((i = 0; i < PREFIXES; i++)); do more+=", 10.$((100 + i / 256)).$((i % 256)).0/24"; done
	echo "  - { id: $1, lan: [lan0], prefixes: [10.$n.0.0/24, 'fd00:$n::/64'$more] }"
}

E="ea"
routes() { ip -n "$(ns $E)" "$1" route show table all proto 112; } # -4|-6
everything() { # of ours, in words that do not change by themselves
	ip -n "$(ns $E)" rule show | grep 'proto 112'
	ip -n "$(ns $E)" -6 rule show | grep 'proto 112'
	ip -n "$(ns $E)" nexthop show proto 112
	routes -4 | sort
	routes -6 | sort
}
as_before() { everything | cmp -s - "$SCRATCH/want"; }
via() { ip -n "$(ns $E)" route get "$1" 2>/dev/null | grep -o 'dev [a-z0-9]*'; } # ADDRESS
goes_by() { [[ $(via "$1") = "dev $2" ]]; }                           # ADDRESS DEVICE
pings() { on ha ping -qc1 -W2 -R 10.2.0.2 >/dev/null; }
spoil() { # NAME CMD...: it succeeds, shows, and is undone
	local name=$1
	shift
	check "$name: done" "$@"
	check "$name: undone" wait_until 2 as_before
}

edges_up
ip -n "$(ns ea)" route del 10.2.0.0/24
ip -n "$(ns ea)" -6 route del fd00:2::/64 metric 1024
# Somebody else's: one that wins, one that is equal to ours but was there before attach.
must ip -n "$(ns ea)" route add 10.100.7.0/24 via 10.9.1.2 metric 10 proto static
is "one nexthop object for each family" "$(ip -n "$(ns ea)" nexthop show proto 112 | wc -l)" 2
is "routes to all prefixes" "$(routes -4 | grep -c nhid)" $((PREFIXES + 1))
is "by the first path" "$(via 10.102.3.4) $(via fd00:2::2)" "dev wan0 dev wan0"
is "a better route of somebody else wins" "$(via 10.100.7.1)" "dev wan1"

# The edge's own packets, one a millisecond; it is not steered, only routed.
spawn stream "$STREAM" --from-netns "$(ns ea)" --to-netns "$(ns hb)" --src 10.1.0.1 --dst 10.2.0.2 \
	--port 5000 --json
MARKS=0
wait_until 5 grep -q '"start"' "$SCRATCH/stream.out" || bail "$(cat "$SCRATCH/stream.err")"
marked() { (($(grep -c '"mark","dir":"ab"' "$SCRATCH/stream.out") >= MARKS)); }
wait_until 10 uses a a-fibre && wait_until 10 goes_by 10.102.3.4 wan0
stream_mark
sever fibre
check "switched" wait_until 3 uses a a-lte
check "and the kernel's routes" wait_until 1 goes_by 10.102.3.4 wan1
is "IPv6, too" "$(via fd00:2::2)" "dev wan1"
hold 0.2
stream_mark
switch=$(switch_after a "$CUT_NS")
detection=$((($(jq .detected_ns <<<"$switch") - CUT_NS) / 1000))
outage=$(mark_of ab gap_send_us)
between "the edge's own traffic, outage beyond the detection, us (outage $outage, detection $detection)" \
	$((outage - detection)) -2000 100000
heal fibre
check "back" wait_until 10 uses a a-fibre
check "and the kernel's routes are" wait_until 1 goes_by 10.102.3.4 wan0
stream_mark
is "nothing lost on the way back" "$(mark_of ab lost)" 0
stream_end

must "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir a)" a-lte
check "switched by hand: the kernel's routes follow" wait_until 1 goes_by 10.102.3.4 wan1
must "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir a)" a-fibre
check "and back" wait_until 1 goes_by 10.102.3.4 wan0

everything >"$SCRATCH/want"
spoil "an IPv4 route deleted" ip -n "$(ns ea)" route del 10.102.3.0/24
spoil "the routes of a way flushed" ip -n "$(ns ea)" route flush table 7000002
spoil "an IPv6 route deleted" ip -n "$(ns ea)" -6 route del fd00:2::/64
spoil "a rule deleted" ip -n "$(ns ea)" rule del pref 7001
spoil "the rules' detour deleted" ip -n "$(ns ea)" -6 rule del pref 7000
id=$(ip -n "$(ns ea)" nexthop show proto 112 | awk 'NR == 1 { print $2 }')
spoil "a nexthop object deleted, and its routes with it" ip -n "$(ns ea)" nexthop del id "$id"
spoil "a nexthop object moved" ip -n "$(ns ea)" nexthop replace id "$id" via 10.9.1.2 dev wan1 proto 112

carrier 0 down # the kernel drops objects and routes of that device
check "carrier lost: the routes go by the other path" wait_until 3 goes_by 10.102.3.4 wan1
all_routes() { (($(routes -4 | grep -c nhid) == PREFIXES + 1)); }
check "all of them" wait_until 2 all_routes
carrier 0 up
check "carrier back: as before" wait_until 10 as_before
ip -n "$(ns ea)" link set wan0 down
check "device down: the routes go by the other path" wait_until 3 goes_by 10.102.3.4 wan1
ip -n "$(ns ea)" link set wan0 up
ip -n "$(ns ea)" addr replace fd00:9::1/64 dev wan0 nodad
check "device up: as before" wait_until 10 as_before

# The words of the configuration.
edge_stop a
sed -i 's/^failover:/&\n  mark_shift: 8\n  rule_priority: 9000\n  route_metric: 77/' "$SCRATCH/a/config.yaml"
must ip -n "$(ns ea)" route add 10.100.8.0/24 via 10.9.1.2 metric 77 proto static
on ea sysctl -qw net.ipv4.fwmark_reflect=1
check "attached with other numbers" edge_attach a
like "what would lead its answers astray is told" "$(cat "$SCRATCH/a/attach.err")" \
	"sysctl net.ipv4.fwmark_reflect=0"
on ea sysctl -qw net.ipv4.fwmark_reflect=0
is "rules by priority and mark" "$(ip -n "$(ns ea)" rule show | grep -c '^900[012]:.*0xfff00')" 3
is "none elsewhere" "$(ip -n "$(ns ea)" rule show | grep -c 'proto 112')" 4
is "routes by metric" "$(routes -4 | grep -c 'nhid.*metric 77')" $PREFIXES
is "none by another" "$(routes -4 | grep nhid | grep -vc 'metric 77')" 0
is "an equal route of somebody else stays" "$(ip -n "$(ns ea)" route show 10.100.8.0/24)" \
	"10.100.8.0/24 via 10.9.1.2 dev wan1 proto static metric 77 "
check "the kernel's answers still come" pings

check "detach" edge_detach a
is "nothing of ours is left" "$(everything)" ""
is "all of theirs is" "$(ip -n "$(ns ea)" route show proto static | wc -l)" 2
done_testing
