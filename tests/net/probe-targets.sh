#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Targets of paths: each kind is asked over its path, records tell of each, and pt-select leaves a
# path when fewer than the quorum answer, however good its STAMP is. Not for one dead target of
# three, and not for one that flaps.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-services.sh
. "$(dirname "$0")/lib-services.sh"

topo_up 2
must ip -n "$(ns eb)" addr add 10.9.0.50/32 dev lo
must ip -n "$(ns ea)" route add 10.9.0.50/32 via 10.9.0.2
services_up eb
spawn_on eb reflect "$BIN/pt-probe" reflect
listening() { on eb ss -Hlun | grep -q ":862 "; }
wait_until 10 listening || bail "reflect: $(cat "$SCRATCH/reflect.err")"

PATH_MORE[0]="quorum: 2, targets: [{ probe: icmp, address: 10.9.0.50 }, { probe: dns, address: 10.9.0.2, name: www.test, answer: 192.0.2.7 },
        { probe: http, url: 'https://www.test/hello', address: 10.9.0.2, ca: $CA, body: hello, cert_days: 10 },
        { probe: tcp, address: 10.9.0.2, port: 80, interval_ms: 100 }]"
write_config a interval_ms=20 check_ms=400
CONFIG=$SCRATCH/a/config.yaml NETWORK=$SCRATCH/a/network.yaml
spawn_on ea watch "$BIN/pt-probe" watch --config "$CONFIG" --network "$NETWORK" --spool "$SCRATCH/spool"
wait_until 10 test -d "$SCRATCH/spool" || bail "no spool: $(cat "$SCRATCH/watch.err")"
spawn_on ea select "$BIN/pt-select" watch --config "$CONFIG" --network "$NETWORK" --from "$SCRATCH/spool"

reach() { jq -c 'select(.type == "reach")' "$SCRATCH/watch.out"; }
newest() { reach | tail -n 1 | jq -r "$1"; }
newest_is() { [[ $(newest "$1") = "$2" ]]; }
at_least() { (($(reach | wc -l) >= $1)); }
first() { jq -r 'select(.type == "decision" and .policy == "default") | .paths[0]' "$SCRATCH/select.out" | tail -n 1; }
first_is() { [[ $(first) = "$1" ]]; }
decisions() { jq -r 'select(.type == "decision") | .policy' "$SCRATCH/select.out" | wc -l; }
reason() { jq -r 'select(.type == "decision") | .reason' "$SCRATCH/select.out" | tail -n 1; }
loss() { jq -s 'map(select(.type == "health" and .path == "a-wan0") | .loss_ppm) | .[-8:] | max' "$SCRATCH/watch.out"; }

# ---- all answer ----
wait_until 10 newest_is .answering 4 || note "$(newest .)" "$(cat "$SCRATCH/watch.err")"
wait_until 10 first_is a-wan0
is "each kind answers, by its path" "$(newest '[.path, .quorum, .answering] + [.targets[].probe] | @csv')" \
	'"a-wan0",2,4,"icmp","dns","http","tcp"'
is "what was asked" "$(newest '[.targets[].asked] | join(" | ")')" \
	"10.9.0.50 | 10.9.0.2 www.test | https://www.test/hello | 10.9.0.2:80"
# In the second in which it was made the certificate still has all of its 20 days.
check "status and certificate" wait_until 20 newest_is \
	'[.targets[1].status, .targets[2].status, .targets[2].cert_days] | @csv' 0,200,19
n=$(reach | wc -l)
wait_until 10 at_least $((n + 3))
between "one question a check interval" "$(newest '.targets[0].sent')" 1 2
between "or at the target's own pace" "$(newest '.targets[3].sent')" 3 5
is "the path without targets has no record" "$(reach | jq -r .path | sort -u)" "a-wan0"
is "and the first path is in use" "$(first)" a-wan0

# ---- one dead, then one that flaps: nothing moves ----
before=$(decisions)
must ip -n "$(ns eb)" addr del 10.9.0.50/32 dev lo
wait_until 10 newest_is .answering 3
is "one dead target is told" "$(newest '.targets[0] | [.answers, .received] | @csv')" "false,0"
like "and why" "$(newest '.targets[0].why')" 'no answer within|unreachable|Destination'
for _ in 1 2 3; do
	signal dnsmasq STOP; wait_until 10 newest_is .answering 2
	signal dnsmasq CONT; wait_until 10 newest_is .answering 3
done
is "neither moves anything" "$(decisions) $(first)" "$before a-wan0"

# ---- all but one dead: short of the quorum ----
reap nginx
wait_until 10 newest_is .answering 2
is "http tells why" "$(newest '.targets[2].answers')" false
like "in libcurl's words" "$(newest '.targets[2].why')" 'Connection refused'
is "a refused port answers: the way there is good" "$(newest '.targets[3].answers')" true
signal dnsmasq STOP
check "too few: the path is left" wait_until 10 first_is a-wan1
like "for want of answers" "$(reason)" 'a-wan0: 1 target answers, 2 are needed'
is "not for its figures" "$(loss)" 0
signal dnsmasq CONT
spawn_on eb nginx nginx -p "$SCRATCH/services" -c "$SCRATCH/services/nginx.conf" -e "$SCRATCH/services/error.log"
must ip -n "$(ns eb)" addr add 10.9.0.50/32 dev lo
check "all are back: the path is taken again" wait_until 60 first_is a-wan0

# ---- reload: other targets ----
sed -i 's/quorum: 2, targets: \[{ probe: icmp, address: 10.9.0.50 }, /quorum: 1, targets: [/' "$NETWORK"
signal watch HUP
check "a reload takes other targets" wait_until 10 newest_is '[.quorum, (.targets | length)] | @csv' 1,3
check "it never ended" kill -0 "${PIDS[watch]}"
reap watch
done_testing
