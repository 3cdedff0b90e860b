# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Three sites, each pair joined by a wire of its own through the relay; for lib-edge.sh's tools.
#
#   ha ──lan── ea ══ah══ eh ──lan── hh        sites a, b, h: numbers 1, 2, 3
#               ╚══ab══ eb ══bh══╝            lan  10.N.0.0/24 fd00:N::/64, edge .1, host .2
#                       └──lan── hb           wire xy 10.8.XY.0/24 fd00:8:XY::/64, edge N is .N
#
# On edge x the device to edge y is called to-y. Edges route by the kernel over the direct wires.
#
# hub_up                         all of it
# hub_config SIDE                begins $SCRATCH/SIDE/config.yaml and network.yaml (sites, uplinks)
# hub_path ID FROM TO BY [MORE]  appends a path over the wire to BY; then hub_policies
# wire X Y K=V...                relay_set of a wire; cut X Y, mend X Y

SIDES=(a b h)
number() { case $1 in a) echo 1 ;; b) echo 2 ;; h) echo 3 ;; esac; }
wire_name() { if [[ $1 < $2 ]]; then echo "$1$2"; else echo "$2$1"; fi; }
wire_net() { # X Y: the digits of both, lower first
	local x y
	x=$(number "$1") y=$(number "$2")
	if ((x < y)); then echo "$x$y"; else echo "$y$x"; fi
}
wire_ip() { echo "10.8.$(wire_net "$1" "$2").$(number "$1")"; } # X's address on the wire to Y
wire_ip6() { echo "fd00:8:$(wire_net "$1" "$2")::$(number "$1")"; }
wire() { relay_set "$(wire_name "$1" "$2")" "${@:3}"; }
cut() { wire "$1" "$2" blackhole=1; }
mend() { wire "$1" "$2" blackhole=0; }

hub_wire() { # X Y: X's end
	veth "e$1" "to-$2" "02:00:00:08:0$(number "$1"):0$(number "$2")" isp "$1$2"
	must ip -n "$(ns isp)" link set "$1$2" up
	must ip -n "$(ns "e$1")" -batch - <<-END
		addr add $(wire_ip "$1" "$2")/24 dev to-$2
		addr add $(wire_ip6 "$1" "$2")/64 dev to-$2 nodad
		link set to-$2 up
	END
}

hub_route() { # X Y: the kernel's own way
	must ip -n "$(ns "e$1")" -batch - <<-END
		route add 10.$(number "$2").0.0/24 via $(wire_ip "$2" "$1")
		route add fd00:$(number "$2")::/64 via $(wire_ip6 "$2" "$1")
	END
}

hub_up() {
	local x y
	[[ $(id -u) = 0 ]] || skip_all "needs root"
	for x in ha ea hb eb hh eh isp; do node_up $x; done
	for x in "${SIDES[@]}"; do
		lan_up "$x" "$(number "$x")"
		for y in "${SIDES[@]}"; do [[ $x = "$y" ]] || hub_wire "$x" "$y"; done
	done
	for x in "${SIDES[@]}"; do
		for y in "${SIDES[@]}"; do [[ $x = "$y" ]] || hub_route "$x" "$y"; done
	done
	CONTROL=$SCRATCH/relay
	spawn relay "$RELAY" --netns "$(ns isp)" --control "$CONTROL" --with-parent \
		ab=ab:ba ah=ah:ha bh=bh:hb
	wait_until 5 test -S "$CONTROL" || bail "relay: $(cat "$SCRATCH/relay.err")"
}

declare -A MORE_PREFIXES=() MORE_KEYS=() # by site: ", 10.7.0.0/16" and ", transit: true"
hub_config() { # SIDE
	local x y n
	mkdir -p "$SCRATCH/$1"
	cat >"$SCRATCH/$1/config.yaml" <<-END
		edge: $1
		health:
		  check_interval_ms: 1000
		failover:
		  # Twelve probes at once on what may be a busy machine: no false alarms.
		  detection_interval_ms: $((20 * ${PT_PATIENCE:-1}))
		  detection_threshold: 6
		  cooldown_period_secs: 1
	END
	{
		echo "sites:"
		for x in "${SIDES[@]}"; do
			n=$(number "$x")
			echo "  - { id: $x, lan: [lan0]${MORE_KEYS[$x]:-},"
			echo "      prefixes: [10.$n.0.0/24, 'fd00:$n::/64'${MORE_PREFIXES[$x]:-}] }"
		done
		echo "uplinks:"
		for x in "${SIDES[@]}"; do
			for y in "${SIDES[@]}"; do
				[[ $x = "$y" ]] || echo "  - { id: $x-$y, site: $x, device: to-$y }"
			done
		done
		echo "paths:"
	} >"$SCRATCH/$1/network.yaml"
}

# The far end answers probes at its address on the wire to a neighbour: TO's own to BY, or to FROM.
hub_path() { # FILE-OF ID FROM TO BY [MORE]
	local far=$3
	[[ $4 = "$5" ]] || far=$5
	cat >>"$SCRATCH/$1/network.yaml" <<-END
		  - { id: $2, source: $3, dest: $4, uplink: $3-$5, next_hop: $(wire_ip "$5" "$3"),
		      next_hop6: '$(wire_ip6 "$5" "$3")', target: $(wire_ip "$4" "$far")${6:+, $6} }
	END
}
hub_policies() { # FILE-OF
	echo "policies:" >>"$SCRATCH/$1/network.yaml"
	echo "  - { id: default, priority: 100, strategy: ordered }" >>"$SCRATCH/$1/network.yaml"
}
