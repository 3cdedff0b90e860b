#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# NATed uplinks, as etc/nat.nft has it: masquerading, a stateful firewall, providers that drop
# foreign sources. Real TCP before and after a switch; an old flow keeps to its path while that is
# usable, and of a dead one gets an address of the other path.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
for tool in nft conntrack; do
	command -v $tool >/dev/null || skip_all "needs $tool"
done
UPLINK_MORE=("nat: true" "nat: true")

# The example that is installed.
example() { on ea nft -f "$TOP/etc/nat.nft"; }
# What b's providers let through: their own customers' addresses.
providers() {
	on eb nft -f - <<-'END'
		table netdev provider {
			chain fibre {
				type filter hook ingress device wan0 priority 0;
				ip saddr != 10.9.0.0/24 counter drop
			}
			chain lte {
				type filter hook ingress device wan1 priority 0;
				ip saddr != 10.9.1.0/24 counter drop
			}
		}
	END
}
moved() { # PORT: 20 MB of TCP, every byte checked
	local result
	result=$(timeout 20 "$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 \
		--dst 10.2.0.2 --port "$1" --bytes 20000000 --json 2>/dev/null | jq -c '[.received, .wrong]')
	[[ $result = "[20000000,0]" ]]
}
outside() { # PORT: the address that the far end sees
	on ea conntrack -L -d 10.2.0.2 2>/dev/null | grep "dport=$1 " | sed -n 's/.*dst=\(10\.9[0-9.]*\).*/\1/p' |
		sort -u | tr '\n' ' '
}
outside_is() { [[ $(outside "$1") = "$2 " ]]; }

edges_up
must example
must providers
before=$(counter a steered_marked)
check "TCP through the first uplink" moved 5001
is "with that uplink's address" "$(outside 5001)" "10.9.0.1 "
between "through the kernel, with marks" $(($(counter a steered_marked) - before)) 100 100000
if timeout 3 "$TRANSFER" --from-netns "$(ns hb)" --to-netns "$(ns ha)" --src 10.2.0.2 --dst 10.1.0.2 \
	--port 5999 --bytes 10 --json >/dev/null 2>&1; then
	not_ok "nothing gets in from outside"
else
	ok "nothing gets in from outside"
fi

asks() { on hb timeout 10 iperf3 -c 10.9.1.1 -p 8080 -n 5M >/dev/null; }
# A port forwarded from the uplink that is not preferred: the answers leave by it, too.
on ea nft -f - <<-'END'
	table inet edge {
		chain inward {
			type nat hook prerouting priority dstnat;
			iifname "wan1" tcp dport 8080 dnat ip to 10.1.0.2:8080
		}
	}
	insert rule inet edge forward ct status dnat accept
END
is "status shows the marks that the example has" "$(status a '[.paths[].mark] | join(" ")')" \
	"$((0x100000)) $((0x200000))"
spawn_on ha server iperf3 -s -1 -B 10.1.0.2 -p 8080
wait_until 5 listening ha 8080
check "a forwarded port answers by the uplink asked" \
	asks

# A flow that lives through it all: a packet a millisecond.
spawn stream "$STREAM" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 --dst 10.2.0.2 \
	--port 6000 --json
wait_until 5 grep -q '"start"' "$SCRATCH/stream.out" || bail "$(cat "$SCRATCH/stream.err")"
MARKS=0
marked() { (($(grep -c '"mark","dir":"ab"' "$SCRATCH/stream.out") >= MARKS)); }
hold 0.3
check "a lasting flow goes by the first uplink" outside_is 6000 10.9.0.1

# Another order: it stays, and new ones do not.
must "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir a)" a-lte
hold 0.3
check "another order: the lasting flow stays" outside_is 6000 10.9.0.1
check "new TCP goes by the other" moved 5002
is "with that one's address" "$(outside 5002)" "10.9.1.1 "
must "$BIN/pt-failover" switch --quiet --pin-dir "$(pin_dir a)" a-fibre
stream_mark
sever fibre
check "the first path falls" wait_until 3 path_is a a-fibre down
check "the lasting flow gets the other's address" wait_until 3 outside_is 6000 10.9.1.1
hold 0.3
stream_mark
between "its outage, us" "$(mark_of ab gap_send_us)" 900 150000
between "it goes on: silent for us" "$(mark_of ab open_gap_us)" 0 50000
check "TCP through the other uplink" moved 5003
is "with its address" "$(outside 5003)" "10.9.1.1 "
heal fibre
check "the first path is back, and preferred" wait_until 10 uses a a-fibre
hold 0.3
check "the lasting flow stays where it is" outside_is 6000 10.9.1.1
check "new TCP goes by the first" moved 5004
is "with its address" "$(outside 5004)" "10.9.0.1 "
stream_mark
is "the lasting flow lost nothing of this" "$(mark_of ab lost)" 0
stream_end
done_testing
