# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# BFD daemons of others at edge b, as Debian ships them, before ordinary processes as pt-probe is.
#
# bird_start MS [NUMBER...]   BIRD with sessions over these WANs, IPv4 and IPv6
# bird_run WORDS              a command of its console
# frr_start MS [NUMBER...]    FRR's bfdd the same way, with the zebra that it needs
# frr_run WORDS...            commands of its console
# far_says NAME ADDRESS       the state that it shows for its session with an address, small letters

have_bird() { command -v bird >/dev/null && command -v birdc >/dev/null; }
have_frr() { [[ -x /usr/lib/frr/bfdd && -x /usr/lib/frr/zebra ]] && command -v vtysh >/dev/null; }

bird_config() { # MS NUMBER...
	local i ms=$1
	shift
	printf '%s\n' 'router id 10.9.0.2;' 'log stderr all;' 'protocol device { scan time 1; }' \
		'protocol bfd bfd1 {' "	interface \"wan*\" { interval $ms ms; multiplier 3; };" \
		"	multihop { interval $ms ms; multiplier 3; };"
	for i in "$@"; do
		printf '	neighbor %s dev "wan%s";\n' "10.9.$i.1" "$i" "fd00:9:$i::1" "$i"
	done
	for i in ${MULTIHOP:-}; do
		printf '	neighbor %s local %s multihop on;\n' "10.9.$i.1" "10.9.$i.2"
	done
	echo '}'
}
bird_start() { # MS NUMBER...
	bird_config "$@" >"$SCRATCH/bird.conf"
	spawn_on eb bird chrt -f 10 bird -f -c "$SCRATCH/bird.conf" -s "$SCRATCH/bird.ctl"
	wait_until 10 test -S "$SCRATCH/bird.ctl" || bail "bird: $(cat "$SCRATCH/bird.err")"
}
bird_run() { birdc -s "$SCRATCH/bird.ctl" "$@"; }
bird_says() { bird_run show bfd sessions | awk -v a="$1" '$1 == a { print tolower($3) }'; }

frr_start() { # MS NUMBER...
	local i a ms=$1 dir=$SCRATCH/frr
	shift
	mkdir -p "$dir"
	chmod o+x "$SCRATCH" # they insist on a user of their own
	: >"$dir/zebra.conf"
	{
		echo bfd
		for i in "$@"; do
			for a in "10.9.$i.1" "fd00:9:$i::1"; do
				printf '%s\n' " peer $a interface wan$i" "  detect-multiplier 3" \
					"  receive-interval $ms" "  transmit-interval $ms" " exit"
			done
		done
	} >"$dir/bfdd.conf"
	must chown -R frr: "$dir"
	[[ -n ${PIDS[zebra]:-} ]] || frr_daemon zebra -z "$dir/zserv"
	wait_until 5 test -S "$dir/zserv" || bail "zebra: $(cat "$SCRATCH/zebra.err")"
	frr_daemon bfdd -z "$dir/zserv" --bfdctl "$dir/bfdd.ctl"
	wait_until 5 test -S "$dir/bfdd.vty" || bail "bfdd: $(cat "$SCRATCH/bfdd.err")"
}
frr_daemon() { # NAME OPTIONS...
	spawn_on eb "$1" chrt -f 10 "/usr/lib/frr/$1" -f "$SCRATCH/frr/$1.conf" \
		-i "$SCRATCH/frr/$1.pid" --vty_socket "$SCRATCH/frr" -P 0 --log stdout "${@:2}"
}
frr_run() {
	local words=() word
	for word in "$@"; do words+=(-c "$word"); done
	vtysh --vty_socket "$SCRATCH/frr" -d bfdd "${words[@]}" 2>/dev/null
}
frr_says() {
	frr_run "show bfd peers json" | jq -r --arg a "$1" '.[] | select(.peer == $a) | .status'
}
frr_stop() { reap bfdd; reap zebra; }

far_says() { "$1_says" "$2"; } # bird|frr ADDRESS
far_is() { [[ $(far_says "$1" "$2") = "$3" ]]; }
