#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Beside a firewall of the forward hook mode auto goes through the kernel: a stateful firewall works
# with real TCP, before and after a switch, and what it denies stays out. It is followed as it comes
# and goes. Redirect beside it is refused, naming the chain, unless the policies bypass it.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
need_bpffs
on_path() { command -v nft >/dev/null; }
on_path || skip_all "needs nft"

firewall() { # SIDE: from the LAN anything but port 23, from outside replies alone
	on "e$1" nft -f - <<-'END'
		table inet guard {
			chain onward {
				type filter hook forward priority filter; policy drop;
				tcp dport 23 counter reject with tcp reset
				iifname "lan0" counter accept
				ct state established,related counter accept
				ct state invalid counter drop
			}
		}
	END
}
no_firewall() { on "e$1" nft delete table inet guard; }
moved() { # PORT SOURCE DESTINATION: 20 MB of TCP, every byte checked
	local result
	result=$(timeout 20 "$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src "$2" \
		--dst "$3" --port "$1" --bytes 20000000 --json 2>/dev/null | jq -c '[.received, .wrong]')
	[[ $result = "[20000000,0]" ]]
}
marked() { counter a steered_marked; }
marks() { # are new packets marked? yes or no
	local before
	before=$(marked)
	on ha ping -qc2 -i0.1 -W2 10.2.0.2 >/dev/null
	if (($(marked) > before)); then echo yes; else echo no; fi
}
marks_now() { [[ $(marks) = "$1" ]]; }

mode() { # as why has it
	# shellcheck disable=SC2046 # words
	"$BIN/pt-failover" why $(edge_opts a) 'udp 10.1.0.5:1 > 10.2.0.9:2' | sed -n 's/^mode *//p'
}

edges_up
is "no firewall: straight" "$(marks)" no
is "as why says" "$(mode)" redirect
must firewall a
check "a firewall comes: through the kernel" wait_until 3 marks_now yes
like "as why says then" "$(mode)" '^mark 0x'
check "TCP through it, IPv4" moved 5001 10.1.0.2 10.2.0.2
check "TCP through it, IPv6" moved 5002 fd00:1::2 fd00:2::2
if moved 23 10.1.0.2 10.2.0.2; then not_ok "what it denies is denied"; else ok "what it denies is denied"; fi

# A connection of its own outlives the switch.
spawn transfer "$TRANSFER" --from-netns "$(ns ha)" --to-netns "$(ns hb)" --src 10.1.0.2 \
	--dst 10.2.0.2 --port 5003 --bytes 400000000 --json
hold 0.3
sever fibre
for s in a b; do check "edge $s switches" wait_until 3 uses $s $s-lte; done
check "the connection goes on over the other path" wait_until 30 finished transfer
is "every byte of it right" "$(jq -c '[.received, .wrong]' "$SCRATCH/transfer.out")" "[400000000,0]"
check "new TCP after the switch, IPv4" moved 5004 10.1.0.2 10.2.0.2
check "new TCP after the switch, IPv6" moved 5005 fd00:1::2 fd00:2::2
must no_firewall a
check "the firewall goes: straight again" wait_until 3 marks_now no
heal fibre

edge_stop a
edge_stop b
edge_detach a
firewall a
UPLINK_MORE=("mode: redirect" "mode: redirect")
write_config a
if edge_attach a; then not_ok "redirect beside a firewall is refused"; else ok "redirect beside a firewall is refused"; fi
like "and says why" "$(cat "$SCRATCH/a/attach.err")" "a-fibre: mode redirect .*inet guard onward.*default.*bypass"
is "one line" "$(wc -l <"$SCRATCH/a/attach.err")" 1
sed -i 's/id: default,/id: default, firewall: bypass,/' "$SCRATCH/a/network.yaml"
check "where the policy bypasses it, it is not" edge_attach a
is "and goes straight" "$(marks)" no
UPLINK_MORE=()
write_config a
sed -i 's/id: default,/id: default, firewall: bypass,/' "$SCRATCH/a/network.yaml"
check "auto with such a policy" edge_attach a
is "goes straight" "$(marks)" no
write_config a
check "auto with one that obeys" edge_attach a
is "goes through the kernel" "$(marks)" yes
must no_firewall a
edge_detach a
UPLINK_MORE=("mode: redirect, nat: true")
write_config a
if edge_attach a; then not_ok "redirect on a NATed uplink is refused"; else ok "redirect on a NATed uplink is refused"; fi
like "and says why" "$(cat "$SCRATCH/a/attach.err")" "a-fibre: mode redirect .*uplink a-fibre"
done_testing
