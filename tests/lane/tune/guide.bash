# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The guide's two files, as they stand in it, on a kernel of our own: what comes of them. Sourced by
# what tune-uml.sh boots, after inside.bash.
# shellcheck source=tests/lane/tune/inside.bash

file=99-patronus-network.conf
keys() { tail -n +2 | cut -d ' ' -f 1 | xargs; }
absent=$(verbatim "$HERE/$file" /lib/systemd/systemd-sysctl)
printf '%s\n' "$absent" | sed 's/^/# systemd-sysctl: /'
# Comments become part of values that are words; connection tracking is not loaded at boot; the
# budget's time is no multiple of a tick here (HZ 100).
is "systemd: what is not as the guide has it" "$(keys <<<"$absent")" \
	"net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_udp_timeout net.netfilter.nf_conntrack_buckets net.core.netdev_budget_usecs net.ipv4.tcp_congestion_control net.core.default_qdisc"
is "tcp_mem: half a terabyte of pages is accepted" "$(tr '\t' ' ' </proc/sys/net/ipv4/tcp_mem)" "134217728 134217728 134217728"
is "fs.file-max is lowered" "$(cat /proc/sys/fs/file-max)" 2097152
rmem=$(awk '{ print $2 }' /proc/sys/net/ipv4/tcp_rmem)
is "tcp_rmem's default is lowered" "$rmem" 87380
said=$(verbatim "$HERE/$file" sysctl -p)
is "procps: the same" "$(keys <<<"$said")" "$(keys <<<"$absent")"
is "... and it fails" "$(head -n 1 <<<"$said" | grep -c 'exit [1-9]')" 1
sed 's/[[:space:]]*#.*//' "$HERE/$file" >"$SCRATCH/bare.conf"
modprobe nf_conntrack
said=$(verbatim "$SCRATCH/bare.conf" sysctl -p)
printf '%s\n' "$said" | sed 's/^/# without comments, conntrack loaded: /'
is "without comments, and with the module, all but the budget" "$(keys <<<"$said")" net.core.netdev_budget_usecs
said=$(verbatim "$HERE/99-patronus-ebpf.conf" sysctl -p)
printf '%s\n' "$said" | sed 's/^/# eBPF: /'

# And what pt-tune says of it, before anything is written.
"$BIN/pt-tune" plan --profile guide-1.0.0 --json >"$SCRATCH/plan" 2>"$SCRATCH/err"
is "pt-tune plan of the guide: refused by rules" $? 3
note "$(jq -s 'map(.action) | group_by(.) | map("\(.[0]) \(length)") | join(", ")' "$SCRATCH/plan")"
is "... tcp_mem among them" "$(jq -r 'select(.key == "net.ipv4.tcp_mem") | "\(.action) \(.rule)"' "$SCRATCH/plan")" "refuse SYS-TCPMEM"
is "... and it has seen no comment as a value" "$(jq -r 'select(.key == "net.ipv4.tcp_congestion_control").guide' "$SCRATCH/plan")" bbr
