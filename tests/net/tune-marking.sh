#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-tune's marking on packets of both families: each class by what it is, only what carries no mark
# yet, echoes up to their limit; somebody else's table stays as it is, a changed one is not ours.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
NS=pt-test-$ID-mark FAR=pt-test-$ID-far
STATE=$SCRATCH/state

gone() { # watchdogs first: they outlive what started them
	local status=$?
	cat "$STATE"/tx/*/watchdog 2>/dev/null | while read -r pid; do kill -9 "$pid" 2>/dev/null; done
	ip netns del "$NS" 2>/dev/null
	ip netns del "$FAR" 2>/dev/null
	(exit "$status") # what cleanup ends with
	cleanup
}
trap gone EXIT
must ip netns add "$NS"
must ip netns add "$FAR"
inside() { ip netns exec "$NS" "$@"; }
far() { ip netns exec "$FAR" "$@"; }
tune() { inside "$BIN/pt-tune" "$@" --state "$STATE"; }
must ip -n "$NS" link add wan0 type veth peer name wan0 netns "$FAR"
for n in "$NS 1" "$FAR 2"; do
	read -r ns host <<<"$n"
	must ip -n "$ns" addr add "192.0.2.$host/24" dev wan0
	must ip -n "$ns" addr add "2001:db8::$host/64" dev wan0 nodad
	must ip -n "$ns" link set wan0 up
done
if ! inside nft list ruleset >/dev/null 2>&1; then skip_all "no nftables here"; fi

# The far end counts what arrives, by mark, of each kind that is sent here.
must far nft -f - <<'END'
table inet count {
	chain in {
		type filter hook prerouting priority raw;
		udp dport { 862, 51820 } ip dscp cs0 counter comment "udp cs0"
		udp dport { 862, 51820 } ip6 dscp cs0 counter comment "udp cs0"
		udp dport 862 ip dscp cs5 counter comment "stamp cs5"
		udp dport 862 ip6 dscp cs5 counter comment "stamp cs5"
		udp dport 862 ip dscp af41 counter comment "stamp af41"
		udp dport 862 ip6 dscp af41 counter comment "stamp af41"
		udp dport 51820 @th,64,8 4 ip dscp af21 counter comment "data af21"
		udp dport 51820 @th,64,8 4 ip6 dscp af21 counter comment "data af21"
		udp dport 51820 @th,64,8 1 ip dscp cs0 counter comment "handshake cs0"
		udp dport 51820 @th,64,8 1 ip6 dscp cs0 counter comment "handshake cs0"
		tcp dport 179 ip dscp cs6 counter comment "bgp cs6"
		tcp dport 179 ip6 dscp cs6 counter comment "bgp cs6"
		icmp type echo-request ip dscp cs5 counter comment "echo cs5"
		icmpv6 type echo-request ip6 dscp cs5 counter comment "echo cs5"
		icmp type echo-request ip dscp cs0 counter comment "echo cs0"
		icmpv6 type echo-request ip6 dscp cs0 counter comment "echo cs0"
		udp dport 9 ip dscp cs0 counter comment "other cs0"
		udp dport 9 ip6 dscp cs0 counter comment "other cs0"
	}
}
END
count() { # KIND: packets of both families
	far nft -j list chain inet count in |
		jq --arg kind "$1" '[.nftables[].rule | select(.comment == $kind) | .expr[].counter.packets // empty] | add'
}
is_count() { [[ $(count "$1") = "$2" ]]; }
counted() { check "$3" wait_until 20 is_count "$1" "$2"; }
send() { # PORT BYTES: one datagram by each family
	local to
	# shellcheck disable=SC2059 # escapes are meant
	for to in 192.0.2.2 2001:db8::2; do inside bash -c "printf '$2' >/dev/udp/$to/$1"; done
}
marked_stamp() { # as pt-probe does for the class that it measures
	local to
	for to in 192.0.2.2 2001:db8::2; do inside "$BIN/pt-probe" ping -c 1 -W 10ms --dscp af41 --stamp 862 "$to" >/dev/null 2>&1; done
}

# Somebody else's.
must inside nft 'add table inet filter; add chain inet filter out { type filter hook output priority 0; }; add rule inet filter out udp dport 7 counter drop'
others=$(inside nft list ruleset)

cat >"$SCRATCH/p.yaml" <<'END'
apiVersion: patronus/tune/v1
name: t
extends: [sdwan-marking]
marking: {wireguard: af21, icmp: cs5, icmp_limit: 2}
END
OPTS=(--scope netns --profile "$SCRATCH/p.yaml" --settle 0)
send 862 x
counted "udp cs0" 2 "before: STAMP carries no mark"

tune apply "${OPTS[@]}" --no-confirm >"$SCRATCH/out" 2>&1
is "apply" $? 0
is "the table is there as a whole" "$(inside nft list table inet pt_tune | grep -c 'dscp set')" 8
inside "$BIN/pt-tune" plan --scope netns --profile "$SCRATCH/p.yaml" >/dev/null
is "plan after apply has nothing to do" $? 0
send 862 x
counted "stamp cs5" 2 "STAMP is CS5 in both families"
send 51820 '\x04\0\0\0data'
counted "data af21" 2 "WireGuard's data is what was asked for"
send 51820 '\x01\0\0\0hand'
counted "handshake cs0" 2 "... its handshakes are left alone"
send 9 x
counted "other cs0" 2 "what belongs to no class is left alone"
for to in 192.0.2.2 2001:db8::2; do inside timeout 5 bash -c "echo >/dev/tcp/$to/179" 2>/dev/null; done
counted "bgp cs6" 2 "BGP is CS6 (refused, so one packet each)"
for to in 192.0.2.2 2001:db8::2; do inside ping -q -n -c 30 -i 0.002 -W 5 "$to" >/dev/null; done
between "echoes within the limit are CS5" "$(count "echo cs5")" 4 40
more_echoes() { (($(count "echo cs5") + $(count "echo cs0") == 60)); }
check "... none is dropped" wait_until 20 more_echoes
between "... the flood is not" "$(count "echo cs0")" 20 56
marked_stamp
is "what is marked already keeps its mark" "$(count "stamp cs5") $(($(count "stamp af41") > 0))" "2 1"
is "the IPv4 checksum is right" "$(far nstat -asz IpInHdrErrors | awk '/IpInHdrErrors/{print $2}')" 0

# ---- somebody changes it ----
must inside nft add rule inet pt_tune out udp dport 1234 drop
tune drift >"$SCRATCH/out" 2>&1
is "a rule more: drift" $? 1
inside "$BIN/pt-tune" plan --scope netns --profile "$SCRATCH/p.yaml" >"$SCRATCH/out" 2>&1
is "... it is no more ours: the plan refuses" "$? $(grep -c MARK-FOREIGN "$SCRATCH/out")" "3 7"
tune rollback >/dev/null 2>&1
is "... and rollback leaves it: 8" $? 8
is "... with that rule in it" "$(inside nft list table inet pt_tune | grep -c 1234)" 1
must inside nft add set inet pt_tune mine '{ type ipv4_addr; }'
must inside nft flush chain inet pt_tune out
tune rollback --force "$(tune history --json | jq -r '.transactions[-1].id')" >/dev/null 2>&1
is "--force takes it back" "$? $(inside nft list tables)" "0 table inet filter"
is "somebody else's table is as it was" "$(inside nft list ruleset)" "$others"

# ---- a start of the machine ----
tune apply "${OPTS[@]}" --no-confirm >/dev/null 2>&1
was=$(inside nft -s list table inet pt_tune)
must inside nft delete table inet pt_tune
tune reapply --if wan0 >/dev/null
is "reapply puts it back" "$(inside nft -s list table inet pt_tune)" "$was"
tune verify >/dev/null
is "... as it was confirmed" $? 0
tune rollback >/dev/null # of reapply: what it found was none
is "rollback" "$? $(inside nft list ruleset)" "0 $others"
done_testing
