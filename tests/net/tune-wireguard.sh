#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-tune on WireGuard, over the socket of wireguard-go: the keepalive of each peer, the MTU that
# fits the path to the farthest of them, and all of it back. wg(8) is the oracle.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
for tool in wireguard-go wg; do command -v $tool >/dev/null || skip_all "no $tool"; done
[[ -c /dev/net/tun ]] || skip_all "no /dev/net/tun"
NS=pt-test-$ID-wg
WG=wgt$((ID % 1000000))
STATE=$SCRATCH/state

gone() { # watchdogs first: they outlive what started them
	local status=$?
	cat "$STATE"/tx/*/watchdog 2>/dev/null | while read -r pid; do kill -9 "$pid" 2>/dev/null; done
	ip netns del "$NS" 2>/dev/null
	rm -f "/var/run/wireguard/$WG.sock"
	(exit "$status") # what cleanup ends with
	cleanup
}
trap gone EXIT
inside() { ip netns exec "$NS" "$@"; }
tune() { inside "$BIN/pt-tune" "$@"; }
must ip netns add "$NS"
must inside ip link add wan0 mtu 1492 type veth peer name far0 mtu 1492
must inside ip addr add 192.0.2.1/24 dev wan0
must inside ip addr add 2001:db8::1/64 dev wan0 nodad
must inside ip link set wan0 up
must inside ip link set far0 up
spawn wireguard inside wireguard-go -f "$WG"
serves() { [[ -S /var/run/wireguard/$WG.sock ]] && inside wg show "$WG" >/dev/null 2>&1; }
wait_until 20 serves || bail "wireguard-go does not start: $(cat "$SCRATCH/wireguard.err")"
(umask 077 && wg genkey >"$SCRATCH/key")
A=$(wg genkey | wg pubkey) B=$(wg genkey | wg pubkey) C=$(wg genkey | wg pubkey)
must inside wg set "$WG" private-key "$SCRATCH/key" listen-port 0 \
	peer "$A" endpoint 192.0.2.2:51820 allowed-ips 10.1.0.0/16 \
	peer "$B" endpoint '[2001:db8::2]:51820' persistent-keepalive 7 allowed-ips fd00:1::/48 \
	peer "$C" persistent-keepalive 25 allowed-ips 10.2.0.0/16,fd00:2::/48
must inside ip link set "$WG" mtu 1420 up

cat >"$SCRATCH/p.yaml" <<END
apiVersion: patronus/tune/v1
name: t
wireguard: {mtu: 1420, persistent_keepalive: 25}
END
OPTS=(--scope netns --profile "$SCRATCH/p.yaml")
all() { inside wg showconf "$WG" | sort; inside ip -o link show "$WG" | grep -o 'mtu [0-9]*'; }
keepalives() { inside wg show "$WG" persistent-keepalive | sed "s|$A|A|; s|$B|B|; s|$C|C|" | sort | xargs; }
mtu() { inside ip -o link show "$WG" | sed 's/.*mtu \([0-9]*\).*/\1/'; }
before=$(all)
is "as it was set up" "$(keepalives) $(mtu)" "A off B 7 C 25 1420"

tune plan "${OPTS[@]}" --json >"$SCRATCH/plan"
is "plan: differs" $? 1
is "... the peers that lack it, the MTU that fits the IPv6 path over 1492 bytes" \
	"$(jq -sr 'map(select(.action != "same") | [.action, .before, .want] | join(" ")) | sort | join(", ")' "$SCRATCH/plan")" \
	"adapt 1420 1412, set 0 25, set 7 25"
tune apply "${OPTS[@]}" --state "$STATE" --settle 0 --confirm-timeout 60s >/dev/null 2>"$SCRATCH/err"
is "apply" $? 0
is "... and wg(8) sees it" "$(keepalives) $(mtu)" "A 25 B 25 C 25 1412"
tune plan "${OPTS[@]}" >/dev/null
is "plan after apply has nothing to do" $? 0
is "nothing else of the device changed" "$(all | grep -vE 'Keepalive|mtu')" "$(grep -vE 'Keepalive|mtu' <<<"$before")"
tune rollback --state "$STATE"
is "rollback" $? 0
is "... all is as it was" "$(all)" "$before"

# ---- kill -9 at every announced write ----
KILLER=$SCRATCH/killer.so
if [[ -n ${PT_SAN:-} ]] || ! ${CC:-gcc} -shared -fPIC -D_GNU_SOURCE -o "$KILLER" "$TOP/tests/tools/preload/killer.c" 2>/dev/null; then
	skip "kill -9 at every announced write" "no compiler, or a sanitizer wants to be loaded first"
else
	bad=0 tries=0
	mapfile -t kinds < <(jq -r .rec "$(printf '%s\n' "$STATE"/tx/*/journal | tail -n 1)")
	for ((n = 1; n <= ${#kinds[@]}; n++)); do
		[[ ${kinds[n - 1]} = intent ]] || continue
		for when in before after; do
			tries=$((tries + 1))
			LD_PRELOAD=$KILLER PT_KILL_AT=$n PT_KILL_WHEN=$when PT_KILL_CHILDREN=1 \
				inside "$BIN/pt-tune" apply "${OPTS[@]}" --state "$STATE" --settle 0 --no-confirm >/dev/null 2>&1
			[[ $? = 137 ]] || bad=$((bad + 1))
			tune rollback --state "$STATE" >/dev/null 2>&1
			[[ $(all) = "$before" ]] || bad=$((bad + 1))
		done
	done
	is "killed at every announced write, rollback restores all" "$bad $tries" "0 6"
fi

tune apply "${OPTS[@]}" --state "$STATE" --settle 0 --no-confirm >/dev/null 2>&1
must inside wg set "$WG" peer "$A" persistent-keepalive 11
tune drift --state "$STATE" >/dev/null
is "a keepalive that somebody set: drift" $? 1
must inside wg set "$WG" peer "$B" remove
tune reapply --state "$STATE" --if "$WG" >/dev/null
is "reapply sets those that are there" "$? $(keepalives)" "0 A 25 C 25"
tune rollback --state "$STATE" >/dev/null 2>&1 # of what reapply set
is "... and its rollback takes that back" "$? $(keepalives)" "0 A 11 C 25"
tune rollback --state "$STATE" >/dev/null 2>"$SCRATCH/err"
is "rollback: a foreign value is left (8)" "$? $(keepalives)" "8 A 11 C 25"
is "... with the command to paste" "$(grep -cxF "	wg set $WG peer $A persistent-keepalive 0" "$SCRATCH/err")" 1
like "... a value that went with its peer is told, without one" "$(grep -F "$B" "$SCRATCH/err")" "gone, and its value with it; nothing to put back\$"
is "... the others are back" "$(mtu)" 1420

# ---- nothing left but what is gone ----
must inside wg set "$WG" peer "$A" persistent-keepalive off
tune apply "${OPTS[@]}" --state "$STATE" --settle 0 --confirm-timeout 60s >/dev/null 2>&1
must inside wg set "$WG" peer "$A" remove
tune rollback --state "$STATE" >/dev/null 2>"$SCRATCH/err"
is "rollback where a peer has gone: the rest is back, that is the end of it" "$? $(keepalives) $(mtu)" "0 C 25 1420"
last() { tune history --state "$STATE" --json | jq -r '.transactions[-1] | "\(.id) \(.result)"'; }
is "... and so the journal has it" "$(last | cut -d ' ' -f 2)" restored
tune rollback --state "$STATE" "$(last | cut -d ' ' -f 1)" 2>/dev/null
is "... asked again, too" $? 0
is "... with what is gone by name" "$(tune history --state "$STATE" --json "$(last | cut -d ' ' -f 1)" |
	jq -r --arg d "$WG/$A" '.items[] | select(.device == $d) | .trouble')" "gone, and its value with it"
done_testing
