#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sites b and h hold one prefix: a's users reach it at b, which has the preference; when every path
# to b is dead they reach it at h, with no daemon that decides alive; and b again once it is back.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
# shellcheck source=tests/net/lib-hub.sh
. "$(dirname "$0")/lib-hub.sh"
hub_up
shared=", 10.7.0.0/16, 'fd00:7::/64'"
for x in b h; do # the same service at both
	n=$(number $x)
	must ip -n "$(ns h$x)" -batch - <<-END
		addr add 10.7.0.9/32 dev lo
		addr add fd00:7::9/128 dev lo nodad
	END
	must ip -n "$(ns e$x)" -batch - <<-END
		route add 10.7.0.0/16 via 10.$n.0.2
		route add fd00:7::/64 via fd00:$n::2
	END
	edge_reflect $x
done
MORE_PREFIXES=([b]=$shared [h]=$shared) MORE_KEYS=([b]=', preference: 20' [h]=', preference: 10')
hub_config a
hub_path a a-b1 a b b 'preference: 9'
hub_path a a-h a h h
# A second way to b: a tunnel around by h's router, past its hosts.
must ip -n "$(ns ea)" route add 10.8.23.0/24 via "$(wire_ip h a)"
must ip -n "$(ns eb)" route add 10.8.13.0/24 via "$(wire_ip h b)"
tunnel() { # SIDE FROM TO
	must ip -n "$(ns "e$1")" link add vx0 type vxlan id 7 dstport 4789 local "$2" remote "$3"
	must ip -n "$(ns "e$1")" addr add 10.8.50."$(number "$1")"/24 dev vx0
	must ip -n "$(ns "e$1")" addr add fd00:8:50::"$(number "$1")"/64 dev vx0 nodad
	must ip -n "$(ns "e$1")" link set vx0 up
}
tunnel a "$(wire_ip a h)" "$(wire_ip b h)"
tunnel b "$(wire_ip b h)" "$(wire_ip a h)"
cat >>"$SCRATCH/a/network.yaml" <<-END
	  - { id: a-b2, source: a, dest: b, uplink: a-h, device: vx0, next_hop: 10.8.50.2,
	      next_hop6: 'fd00:8:50::2', target: 10.8.50.2, preference: 8 }
END
hub_policies a
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
edge_start a
wait_until 10 all_up a || bail "edge a: $(status a)"

group() { status a ".groups[] | select(.site == \"b+h\") | .$1"; }
group_is() { [[ $(group "$1") = "$2" ]]; }
echos() { on "h$1" nstat -az 'Icmp*InEchos' | awk '/InEchos/ { n += $2 } END { print n }'; } # SIDE
# Which of the two hosts answers: "b h" counts of four pings of each family.
asks() {
	local b h
	b=$(echos b) h=$(echos h)
	on ha ping -q -c 4 -i 0.05 -W 1 10.7.0.9 >/dev/null
	on ha ping -q -c 4 -i 0.05 -W 1 fd00:7::9 >/dev/null
	echo "$(($(echos b) - b)) $(($(echos h) - h))"
}
answers() { on ha ping -q -c 1 -W 1 "$1" >/dev/null; }
for host in 10.7.0.9 fd00:7::9; do check "$host answers" wait_until 5 answers $host; done
is "candidates of the preferred site come first" "$(group 'paths | join(" ")')" "a-b1 a-b2 a-h"
is "the preferred site has the users, both families" "$(asks)" "8 0"
# shellcheck disable=SC2046 # words
is "classify says so" "$("$BIN/pt-select" classify --json $(files_of a) 'icmp 10.1.0.2 > 10.7.0.9' |
	jq -c '.flows[0] | [.site, .then, .paths]')" '["b",["h"],["a-b1","a-b2","a-h"]]'

measured() { records a probe | grep -q '"type":"health"'; }
wait_until 5 measured
# shellcheck disable=SC2046 # words
is "and explain" "$("$BIN/pt-select" explain --json $(files_of a) \
	--from "$SCRATCH/a/spool/probe" b default | jq -c '.shared')" \
	'[{"prefix":"10.7.0.0/16","sites":["b","h"]},{"prefix":"fd00:7::/64","sites":["b","h"]}]'

cut a b
check "one path to it is dead: the other serves" wait_until 3 group_is uses a-b2
is "still the preferred site" "$(asks)" "8 0"

for name in failover select; do slay $name-a; done
cut b h
check "all paths to it are dead: the kernel goes on to the other site" wait_until 3 group_is uses a-h
is "which has the users now, without a daemon" "$(asks)" "0 8"
like "b's own prefix stays b's" "$(status a '.groups[] | select(.site == "b") | .because')" last-resort
mend b h
check "b answers again" wait_until 5 path_is a a-b2 up
service_start a failover # whoever lets damped paths back
has_users() { [[ $(asks) = "$1" ]]; }
check "and has the users again" wait_until 10 has_users "8 0"
mend a b
service_start a select # whose order from before put that path last
check "by its first path" wait_until 20 group_is uses a-b1
reap select-a

# An order decided for b holds in what b shares.
must "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir a)" a-b2
is "an order by hand reaches the shared prefix" "$(group 'paths | join(" ")')" "a-b2 a-b1 a-h"
reap failover-a

# Other preference, other site; an unshared prefix leaves nothing behind.
sed -i 's/preference: 20,/preference: 5,/' "$SCRATCH/a/network.yaml"
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
is "with the preference changed the other site has them" "$(asks)" "0 8"
sed -i "/preference: 5,/,+1s|$shared||" "$SCRATCH/a/network.yaml"
edge_attach a || bail "attach a: $(cat "$SCRATCH/a/attach.err")"
is "a prefix shared no longer is its last holder's" "$(asks)" "0 8"
is "and the set is gone" "$(status a '[.groups[].site] | unique | join(" ")')" "b h"
done_testing
