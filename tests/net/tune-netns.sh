#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-tune in a network namespace, on the kernel's own sysctls and devices: all or nothing whatever
# dies in between, nothing else touched, and nothing of the host at all.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
NS=pt-test-$ID-tune
KILLER=$SCRATCH/killer.so
STATE=$SCRATCH/state

must ip netns add "$NS"
gone() { # watchdogs first: they outlive what started them
	local status=$?
	cat "$STATE"/tx/*/watchdog 2>/dev/null | while read -r pid; do kill -9 "$pid" 2>/dev/null; done
	ip netns del "$NS" 2>/dev/null
	(exit "$status") # what cleanup ends with
	cleanup
}
trap gone EXIT
inside() { ip netns exec "$NS" "$@"; }
tune() { inside "$BIN/pt-tune" "$@"; }
must inside ip link add wan0 numtxqueues 4 numrxqueues 4 type veth peer name far0 numtxqueues 4 numrxqueues 4
must inside ip addr add 192.0.2.1/24 dev wan0
must inside ip link set wan0 up
must inside ip link set far0 up
must inside ip route add default via 192.0.2.2 dev wan0
# An administrator's choice that a change of ip_forward undoes.
must inside sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.all.rp_filter=1

cat >"$SCRATCH/p.yaml" <<'END'
apiVersion: patronus/tune/v1
name: test
sysctl:
  net.ipv4.ip_forward: 1
  net.ipv4.conf.all.rp_filter: 2
  net.ipv4.tcp_fin_timeout: 15
  net.ipv4.tcp_rmem: [keep, keep, "max(cur, 67108864)"]
nic:
  - match: {role: wan}
    features: {gro: on, tso: off}
    channels: {rx: 2, tx: 2}
vars: {uplink_mbit: 100}
marking: {backend: nft, control: cs6, probes: cs5, icmp: cs5, wireguard: af21}
qos: {rate: 95000000, default: data, class: {control: "rate/10", data: "rate*8/10", bulk: "rate/10"}, leaf: pfifo}
END
OPTS=(--scope netns --state "$STATE" --profile "$SCRATCH/p.yaml")
at=(--state "$STATE")

# Everything of the namespace that can be read: the sysctl tree, devices, qdiscs, rules.
whole() {
	# shellcheck disable=SC2016 # the inner shell's
	inside sh -c 'grep -r "" /proc/sys/net 2>/dev/null | grep -vE "stable_secret|/flush|nf_conntrack_count" | sort
	for d in wan0 far0; do ethtool -k $d; ethtool -l $d 2>/dev/null; ip -d link show $d; tc qdisc show dev $d; done
	grep "" /sys/class/net/wan0/queues/*/[rx]ps_*
	nft list ruleset
	ip -4 rule; ip -6 rule; ip route' | sed 's/ state [A-Z]*//; s/ qlen [0-9]*//'
}
# Somebody else's table, which nobody may touch.
must inside nft 'add table inet filter; add chain inet filter out { type filter hook output priority 0; }; add rule inet filter out udp dport 9 drop'
# The host's, as far as the catalogue goes.
host() {
	"$BIN/pt-tune" explain --json | jq -r '.knobs[].key' | grep -E '^(net|vm|fs|kernel)\.' |
		while read -r key; do echo "$key $(sysctl -n "$key" 2>/dev/null)"; done
	for dev in /sys/class/net/*; do ethtool -k "${dev##*/}" 2>/dev/null; done
	nft list ruleset
}
result() { tune history "${at[@]}" --json | jq -r '.transactions[-1].result // "none"'; }
result_is() { [[ $(result) = "$1" ]]; }
same() { # NAME
	whole >"$SCRATCH/now"
	if diff "$SCRATCH/before" "$SCRATCH/now" >"$SCRATCH/diff"; then ok "$1"; else not_ok "$1" "$(head -20 "$SCRATCH/diff")"; fi
}

whole >"$SCRATCH/before"
host >"$SCRATCH/host"
is "the state was read" "$(($(wc -l <"$SCRATCH/before") > 300))" 1

# ---- what is not the namespace's own ----
tune apply --state "$STATE" --profile "$SCRATCH/p.yaml" >"$SCRATCH/out" 2>&1
is "without --scope netns nothing is applied here" $? 3
printf 'apiVersion: patronus/tune/v1\nname: t\nsysctl: {vm.swappiness: 11, net.ipv4.tcp_fin_timeout: 15, net.core.netdev_budget: 301}\n' >"$SCRATCH/global.yaml"
tune apply --scope netns --state "$STATE" --profile "$SCRATCH/global.yaml" >"$SCRATCH/out" 2>&1
is "what is not per namespace is refused" $? 3
is "... by its rule, each of them" "$(grep -c SCOPE-NETNS "$SCRATCH/out")" 2
same "... and nothing is written"

# ---- apply, plan, rollback ----
tune plan --scope netns --profile "$SCRATCH/p.yaml" --json >"$SCRATCH/plan"
is "plan: differs" $? 1
tune apply "${OPTS[@]}" --settle 0 --confirm-timeout 60s --json >"$SCRATCH/out" 2>"$SCRATCH/err"
is "apply" $? 0
is "every value is read back" "$(jq -se 'map(select(.action == "set" or .action == "adapt")) | length > 4 and all(.after == .want)' "$SCRATCH/out")" true
is "forwarding is on, for every device" "$(inside sysctl -n net.ipv4.conf.wan0.forwarding)" 1
is "the channels are two" "$(inside ethtool -l wan0 | awk '/^Current/{c=1} c && /^RX:/{print $2}')" 2
is "TSO is off" "$(inside ethtool -k wan0 | awk '/^tcp-segmentation-offload:/{print $2}')" off
tune plan --scope netns --profile "$SCRATCH/p.yaml" >"$SCRATCH/out"
is "plan after apply has nothing to do" $? 0
whole | sed '/^table inet pt_tune/,/^}/d' | diff "$SCRATCH/before" - | grep '^>' | grep -vE 'forward|accept_redirects|rp_filter|tcp_fin_timeout|tcp_rmem|segmentation|generic-receive-offload|qdisc|^> (RX|TX|.*queues)' >"$SCRATCH/more"
is "nothing outside the plan is changed" "$(cat "$SCRATCH/more")" ""
tune rollback "${at[@]}"
is "rollback" $? 0
same "... everything is as it was, accept_redirects with it"

# ---- kill -9 at every record ----
if [[ -n ${PT_SAN:-} ]]; then
	skip "kill -9 at every record" "a sanitizer wants to be loaded first"
elif ! ${CC:-gcc} -shared -fPIC -D_GNU_SOURCE -o "$KILLER" "$TOP/tests/tools/preload/killer.c" 2>"$SCRATCH/cc"; then
	skip "kill -9 at every record" "no compiler"
else
	# as many records as one whole run has
	tune apply "${OPTS[@]}" --settle 0 --no-confirm --runtime-only >/dev/null 2>&1
	mapfile -t kinds < <(jq -r '.rec' "$(printf '%s\n' "$STATE"/tx/*/journal | tail -n 1)")
	records=${#kinds[@]}
	tune rollback "${at[@]}"
	between "records of one transaction" "$records" 20 400
	between "... of which announce a write" "$(printf '%s\n' "${kinds[@]}" | grep -c intent)" 6 20
	bad=0 killed=0 tries=0
	# With PT_LONG every record, before and after it is written. Without, of the many alike that are
	# written while nothing changes (the snapshot's) every tenth, and each before or after, in turn.
	for ((n = 1; n <= records; n++)); do
		[[ -n ${PT_LONG:-} || ${kinds[n - 1]} != @(item|done) || $((n % 10)) = 0 || ${kinds[n]:-} = intent ]] || continue
		for when in before after; do
			[[ -n ${PT_LONG:-} || $when = after || ${kinds[n - 1]} = @(intent|done|applied) ]] || continue
			tries=$((tries + 1))
			LD_PRELOAD=$KILLER PT_KILL_AT=$n PT_KILL_WHEN=$when PT_KILL_CHILDREN=1 \
				inside "$BIN/pt-tune" apply "${OPTS[@]}" --settle 0 --no-confirm --runtime-only >/dev/null 2>&1
			[[ $? = 137 ]] && killed=$((killed + 1))
			tune rollback "${at[@]}" >"$SCRATCH/out" 2>&1
			whole >"$SCRATCH/now"
			cmp -s "$SCRATCH/before" "$SCRATCH/now" && continue
			bad=$((bad + 1))
			note "killed $when record $n: $(diff "$SCRATCH/before" "$SCRATCH/now" | head -3)" "$(cat "$SCRATCH/out")"
			[[ $bad -lt 5 ]] || break 2
		done
	done
	is "killed with its watchdog at every record, rollback restores all" "$bad" 0
	between "runs that were killed" "$killed" "$((tries - 2))" "$tries"

	# ---- the watchdog alone, half way through the writes ----
	n=$(printf '%s\n' "${kinds[@]}" | grep -n intent | sed -n '4s/:.*//p') # the fourth write
	LD_PRELOAD=$KILLER PT_KILL_AT=$n inside "$BIN/pt-tune" apply "${OPTS[@]}" --settle 0 --no-confirm >/dev/null 2>&1
	is "killed in the middle" $? 137
	check "the watchdog puts it back by itself" wait_until 5 result_is restored
	same "... all of it"

	# ---- a shaper is more than one write ----
	tune apply "${OPTS[@]}" --only 'qos*' --settle 0 --no-confirm --runtime-only >/dev/null 2>&1
	tune rollback "${at[@]}" >/dev/null 2>&1
	n=$(jq -r .rec "$(printf '%s\n' "$STATE"/tx/*/journal | tail -n 1)" | grep -n -m 1 intent | cut -d: -f1)
	LD_PRELOAD=$KILLER PT_KILL_AT=$n PT_KILL_WHEN=after PT_KILL_CHILDREN=1 \
		inside "$BIN/pt-tune" apply "${OPTS[@]}" --only 'qos*' --settle 0 --no-confirm >/dev/null 2>&1
	is "killed when it announced a shaper" $? 137
	must inside tc qdisc add dev wan0 root handle 1: htb default 20
	must inside tc class add dev wan0 parent 1: classid 1:1 htb rate 95mbit quantum 1514
	tune rollback "${at[@]}" >/dev/null 2>&1
	is "rollback from half of it" $? 0
	same "... leaves nothing of it"

	# ---- the next apply after such a death ----
	LD_PRELOAD=$KILLER PT_KILL_AT=$n PT_KILL_CHILDREN=1 inside "$BIN/pt-tune" apply "${OPTS[@]}" --settle 0 --no-confirm >/dev/null 2>&1
	is "killed with its watchdog" $? 137
	tune apply "${OPTS[@]}" --settle 0 --confirm-timeout 60s >/dev/null 2>"$SCRATCH/err"
	is "the next apply puts back what was broken off, and goes on" $? 0
	like "... and says so" "$(cat "$SCRATCH/err")" "was broken off: put back"
	tune rollback "${at[@]}"
	same "... so that its own rollback leads to the beginning"

	# ---- killed while it undoes ----
	bad=0
	for ((n = 1; n <= 12; n++)); do
		tune apply "${OPTS[@]}" --settle 0 --confirm-timeout 60s >/dev/null 2>&1
		LD_PRELOAD=$KILLER PT_KILL_AT=$n inside "$BIN/pt-tune" rollback "${at[@]}" >/dev/null 2>&1
		tune rollback "${at[@]}" >/dev/null 2>&1
		whole | cmp -s "$SCRATCH/before" - || bad=$((bad + 1))
	done
	is "a rollback that was killed goes on where it was" "$bad" 0
fi

# ---- the confirm timeout, its parent dead ----
# shellcheck disable=SC2016 # the inner shell's
inside sh -c '"$@" & pid=$!; wait $pid; exec kill -9 $$' _ "$BIN/pt-tune" apply "${OPTS[@]}" --settle 0 --confirm-timeout 1s </dev/null >/dev/null 2>&1
is "applied" "$(inside sysctl -n net.ipv4.tcp_fin_timeout)" 15
check "undone when nobody confirms, though its parent is dead" wait_until 8 result_is restored
same "... all of it"

# ---- a restart in the middle of confirm ----
# The journal is of another boot, the file is written, and the start has read the value from it.
printf 'apiVersion: patronus/tune/v1\nname: t\nsysctl: {net.ipv4.tcp_fin_timeout: 15, net.ipv4.tcp_keepalive_time: 600}\n' >"$SCRATCH/kept.yaml"
tune apply --scope netns --state "$STATE" --settle 0 --confirm-timeout 60s --profile "$SCRATCH/kept.yaml" >/dev/null 2>&1
journal=$(printf '%s\n' "$STATE"/tx/*/journal | tail -n 1)
kill -9 "$(cat "${journal%journal}watchdog")"
sed -i '1s/"boot":"[^"]*"/"boot":"another"/' "$journal"
printf '{"rec":"confirming"}\n{"rec":"file","path":"%s","now":"kept"}\n{"rec":"clo' "${SCRATCH#/}/kept.conf" >>"$journal"
printf kept >"$SCRATCH/kept.conf"
inside sysctl -qw net.ipv4.tcp_keepalive_time=700 # somebody else's since
tune rollback "${at[@]}" >/dev/null 2>"$SCRATCH/err"
is "a restart in the middle of confirm: rollback" $? 0
is "... takes the file back" "$(ls "$SCRATCH/kept.conf" 2>/dev/null)" ""
is "... and what the start has read from it" "$(inside sysctl -n net.ipv4.tcp_fin_timeout)" 60
is "... but nobody else's value" "$(inside sysctl -n net.ipv4.tcp_keepalive_time)" 700
is "... and says what it was" "$(result)" rebooted
inside sysctl -qw net.ipv4.tcp_keepalive_time=7200
same "... all is as it was"

# ---- somebody else writes ----
tune apply "${OPTS[@]}" --settle 0 --confirm-timeout 60s >/dev/null 2>&1
inside sysctl -qw net.ipv4.tcp_fin_timeout=33
tune rollback "${at[@]}" >/dev/null 2>"$SCRATCH/err"
is "rollback over a foreign value: 8" $? 8
is "... which is left alone" "$(inside sysctl -n net.ipv4.tcp_fin_timeout)" 33
inside sysctl -qw net.ipv4.tcp_fin_timeout=60
same "... and all others are back"

# ---- what the kernel refuses ----
printf 'apiVersion: patronus/tune/v1\nname: t\nsysctl: {net.ipv4.tcp_fin_timeout: 15}\nnic: [{match: {name: wan0}, channels: {rx: 4}, mtu: 65535}]\n' >"$SCRATCH/refused.yaml"
inside ip link set wan0 mtu 1400
whole >"$SCRATCH/before"
inside ip link set far0 down
tune apply --scope netns --state "$STATE" --settle 0 --profile "$SCRATCH/refused.yaml" --probe exec:false >/dev/null 2>"$SCRATCH/err"
is "all is put back when a probe fails" $? 4
inside ip link set far0 up
same "... channels and MTU too"

# ---- what a device queues by, and what that drops ----
printf 'apiVersion: patronus/tune/v1\nname: t\nnic: [{match: {name: wan0}, qdisc: fq_codel}]\n' >"$SCRATCH/qdisc.yaml"
must inside tc qdisc add dev wan0 root tbf rate 100kbit burst 2000 limit 4000
tune plan --scope netns --profile "$SCRATCH/qdisc.yaml" --json >"$SCRATCH/out"
is "the root queueing discipline is told, and left to hands" \
	"$(jq -r '[.before, .want, .action] | @csv' "$SCRATCH/out")" '"tbf","fq_codel","hand"'
must inside ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev wan0
inside ping -q -f -c 200 -s 1000 -W 1 192.0.2.2 >/dev/null 2>&1
tune diagnose net --json >"$SCRATCH/out"
is "what it drops is found" "$(jq -r '.findings[] | select(.id == "NET-QDISC").good' "$SCRATCH/out")" no

host >"$SCRATCH/host.now"
is "nothing of the host has changed" "$(diff "$SCRATCH/host" "$SCRATCH/host.now")" ""
done_testing
