#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-probe tcp, http, dns against real servers behind the relay: each step's time is the relay's
# delay, what is wrong is said in words, and everything leaves by the way that was asked for.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-services.sh
. "$(dirname "$0")/lib-services.sh"

topo_up 2
must ip -n "$(ns eb)" addr add 10.2.9.9/32 dev lo
services_up eb

# Asks once with a record; `got FILTER` then asks the record, and `said` is what it said.
measure() {
	on ea timeout 20 "$BIN/pt-probe" "$@" --json -c "${COUNT:-1}" -i "${EVERY:-20ms}" >"$SCRATCH/record" 2>"$SCRATCH/words"
}
got() { jq -r "$1" "$SCRATCH/record"; }
lines() { on ea timeout 20 "$BIN/pt-probe" "$@" 2>&1; }

# ---- TCP: one round trip ----
relay_set wan0 delay_us=50000
for host in 10.9.0.2:80 "[fd00:9::2]:80"; do
	COUNT=5 measure tcp "$host"
	is "tcp $host: exit 0" $? 0
	is "$host: every handshake, by the kernel's clock" \
		"$(got '[.probe, .asked, .sent, .received, .timestamps, .resent] | @csv')" "\"tcp\",\"$host\",5,5,\"kernel\",0"
	between "$host: one round trip, in us" "$(got .rtt_us.min)" 100000 150000
done
measure tcp 10.9.0.2:81
is "a refusal is an answer" "$? $(got .received)" "0 1"
like "with its own word" "$(lines tcp -c 1 10.9.0.2:81)" '^refused from 10.9.0.2: seq=1 time=1[0-9][0-9]\.'
like "and an open port's is another" "$(lines tcp -c 1 10.9.0.2:80)" '^open from 10.9.0.2: seq=1 time=1[0-9][0-9]\.'
measure tcp --open 10.9.0.2:81
is "with --open it is none" "$? $(got '[.received, .why] | @csv')" '1 0,"Connection refused"'
relay_set wan0:ab blackhole=1
measure tcp -W 1500ms 10.9.0.2:80
is "no answer: exit 1, lost" "$? $(got '[.sent, .received, .loss_ppm, .why] | @csv')" '1 1,0,1000000,"no answer within 1500 ms"'
is "and the second SYN is counted" "$(got .resent)" 1
relay_set wan0:ab blackhole=0

# ---- HTTP: connect one round trip, answer another ----
measure http http://10.9.0.2/hello
is "http: exit 0" $? 0
is "http: what came" "$(got '[.probe, .asked, .target, .status, .bytes, .received, .why] | @csv')" \
	'"http","http://10.9.0.2/hello","10.9.0.2",200,12,1,'
between "http: connected after one round trip" "$(got .steps_us.connect)" 100000 190000
between "http: first byte after two" "$(got .steps_us.first_byte)" 200000 290000
is "http: no TLS" "$(got '.steps_us.tls, .cert_days' | xargs)" "null null"
between "http: rtt is the whole" "$(got .rtt_us.p50)" 200000 300000
measure http --ca "$CA" --address 10.9.0.2 https://www.test/hello
is "https: exit 0" $? 0
between "https: TLS after two round trips" "$(got .steps_us.tls)" 200000 290000
between "https: first byte after three" "$(got .steps_us.first_byte)" 300000 390000
is "https: days until the certificate expires" "$(got .cert_days)" 19
like "https: HTTP/2, its steps and the certificate in words" "$(lines http -c 1 --ca "$CA" --address 10.9.0.2 https://www.test/hello)" \
	'^200 HTTP/2 from 10.9.0.2: seq=1 time=[0-9.]+ ms lookup=.* connect=1[0-9][0-9][0-9.]* ms tls=[12][0-9][0-9][0-9.]* ms wait=[0-9.]+ ms .*cert=19 days'
relay_set wan0 delay_us=0
measure http --ca "$CA" --address fd00:9::2 https://www.test/hello
is "by IPv6" "$? $(got '[.target, .family, .status] | @csv')" '0 "fd00:9::2","ipv6",200'

# ---- what is wrong ----
wrong() { # NAME WHY ARGS...: exit 1, and the record says why
	local name=$1 why=$2 code
	shift 2
	measure "$@"
	code=$?
	like "$name: exit 1, and why" "$code $(got '"\(.received) \(.why)"')" "^1 0 .*$why"
}
wrong "expired" 'certificate has expired' http --ca "$CA" --address 10.9.0.2 https://www.test:8443/hello
wrong "another host's" "no alternative certificate subject name matches target host name 'www.test'" \
	http --ca "$CA" --address 10.9.0.2 https://www.test:9443/hello
wrong "an unknown issuer" 'unable to get local issuer certificate' http --address 10.9.0.2 https://www.test/hello
measure http --insecure --address 10.9.0.2 https://www.test:8443/hello
is "--insecure takes them" "$? $(got '[.status, .cert_days] | @csv')" "0 200,-2"
wrong "soon expired" 'expires in 19 days' http --cert-days 25 --ca "$CA" --address 10.9.0.2 https://www.test/hello
wrong "no certificate at all" 'no certificate was shown' http --cert-days 1 http://10.9.0.2/hello
wrong "another status" 'says 404' http http://10.9.0.2/gone
measure http --status 200,400-404 http://10.9.0.2/gone
is "--status takes it" "$? $(got .status)" "0 404"
measure http http://10.9.0.2/away
is "a redirection is an answer, and not followed" "$? $(got .status) $(grep -c '/hello' <(tail -n 1 "$SCRATCH/services/access.log"))" "0 302 0"
wrong "another page" "'bye' is not in the page" http --body bye http://10.9.0.2/hello
measure http --body 'lo wor' http://10.9.0.2/hello
is "--body finds it" $? 0
measure http --body early http://10.9.0.2/large
is "no more than a MiB is read" "$? $(got '[.status, .bytes] | @csv')" "0 200,1048576"
wrong "nor looked at" "'late' is not in the page" http --body late http://10.9.0.2/large
measure http --ca "$CA" --address 10.9.0.2 https://www.test/large
is "of HTTP/2 neither" "$? $(got '[.status, .bytes] | @csv')" "0 200,1048576"
measure http http://10.9.0.2/hello
is "and the next request is whole" "$? $(got .bytes)" "0 12"
wrong "nobody there" 'Connection refused' http http://10.9.0.2:81/
relay_set wan0:ab blackhole=1
wrong "nobody answers" 'no answer within 300 ms .the name was known.' http -W 300ms http://10.9.0.2/
relay_set wan0:ab blackhole=0
measure http --ca "$SCRATCH/none" https://10.9.0.2/
is "no such CA file: exit 1" "$?" 1

# ---- DNS ----
relay_set wan0 delay_us=50000
for case in "10.9.0.2 a 192.0.2.7 1" "fd00:9::2 a 192.0.2.7 1" "10.9.0.2 aaaa 2001:db8::7 28"; do
	read -r server type answer _ <<<"$case"
	COUNT=3 measure dns -t "$type" --answer "$answer" "$server" www.test
	is "dns $server $type: exit 0, answered" "$? $(got '[.probe, .sent, .received, .status, .answers, .timestamps] | @csv')" \
		'0 "dns",3,3,0,1,"kernel"'
	between "dns $server $type: one round trip" "$(got .rtt_us.min)" 100000 190000
done
relay_set wan0 delay_us=0
like "in words" "$(lines dns -c 1 10.9.0.2 www.test)" '^NOERROR 192.0.2.7 from 10.9.0.2: seq=1 time='
measure dns -t txt --answer "some words" 10.9.0.2 what.test
is "a text record" $? 0
wrong "another answer" '192.0.2.8 is not among the 1 answers: 192.0.2.7' dns --answer 192.0.2.8 10.9.0.2 www.test
wrong "no such name" 'says (NXDOMAIN|REFUSED)' dns 10.9.0.2 none.test
measure dns --rcode "$(lines dns -c 1 -q 10.9.0.2 none.test >/dev/null; measure dns 10.9.0.2 none.test; got .why | grep -o '[A-Z]*$')" 10.9.0.2 none.test
is "--rcode takes it" $? 0
wrong "no server" 'Connection refused' dns -p 5353 10.9.0.2 www.test
relay_set wan0:ab blackhole=1
wrong "no answer" 'no answer within 200 ms' dns -W 200ms 10.9.0.2 www.test
relay_set wan0:ab blackhole=0

# ---- the way ----
# To an address that is routed by wan0 alone: what is bound to wan1 needs its route, and then leaves there.
must ip -n "$(ns ea)" route add 10.2.9.9/32 via 10.9.0.2
must ip -n "$(ns ea)" route add 10.2.9.9/32 via 10.9.1.2 metric 99 dev wan1
must ip -n "$(ns ea)" rule add fwmark 0x77 lookup 77
must ip -n "$(ns ea)" route add 10.2.9.9/32 via 10.9.1.2 table 77
for kind in "tcp 10.2.9.9:80" "http http://10.2.9.9/hello" "dns 10.2.9.9 www.test"; do
	read -r verb arguments <<<"$kind"
	for way in "-I wan1" "-m 0x77" "-I wan1 -S 10.9.1.1"; do
		relay_set wan1:ab blackhole=1
		# shellcheck disable=SC2086 # words
		measure "$verb" -W 300ms $way $arguments
		is "$verb $way: not by wan0" "$? $(got .received)" "1 0"
		relay_set wan1:ab blackhole=0
		# shellcheck disable=SC2086 # words
		measure "$verb" $way $arguments
		is "$verb $way: by wan1" "$? $(got .received)" "0 1"
	done
	# shellcheck disable=SC2086 # words
	measure "$verb" -I nosuch $arguments
	is "$verb: no such device is a failure" "$?" 2
	like "$verb: in one line" "$(cat "$SCRATCH/words")" '^pt-probe: .*device nosuch: No such device$'
done
done_testing
