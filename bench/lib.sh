# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What bench/bird and bench/frr share. `pt-bench failover --baseline bench/bird` starts them with
#
#   EDGE-A EDGE-B DIR INTERVAL-MS THRESHOLD     and the far site's prefixes as standard input
#
# The edges are network namespaces that reach each other as 10.9.0.1 and .2 by wan0, and as 10.9.1.1
# and .2 by wan1. Edge b announces the prefixes by BGP over both, edge a prefers wan0; BFD watches
# both. All is set up such that nothing but the watching and the moving of routes takes time: sessions
# reconnect at once, nothing is batched, nothing waits. It ends, with its daemons, on SIGTERM; SIGUSR1
# writes how often a BFD session has fallen, on either edge, to DIR/flaps.
set -u

# shellcheck disable=SC2034 # for the scripts
edge_a=${1:?} edge_b=${2:?} dir=${3:?} interval_ms=${4:?} threshold=${5:?}
children=()

fail() { echo "$*" >&2; exit 2; }
need() { # PROGRAM PACKAGE
	[[ -x $1 ]] || command -v "$1" >/dev/null || fail "no $1 on this machine: apt-get install --no-install-recommends $2"
}
inside() { local netns=$1; shift; exec nsenter --net="/run/netns/$netns" "$@"; }
# daemon NETNS LOG CMD...: in the background, in its namespace.
daemon() {
	(inside "$1" "${@:3}") >"$2" 2>&1 </dev/null &
	children+=($!)
}

over() {
	trap - EXIT
	kill -KILL "${children[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap over EXIT
trap 'exit 0' TERM INT

tell_flaps() { # a script says how: flaps
	flaps >"$dir/flaps.new" && mv "$dir/flaps.new" "$dir/flaps"
}
trap tell_flaps USR1

# The daemons run for as long as we do. One that ends is a failure, in its own words.
stay() {
	local status=129
	while ((status > 128 && status != 137)); do # a signal of ours was in between
		wait -n "${children[@]}"
		status=$?
		kill -0 "${children[@]}" 2>/dev/null || break
	done
	fail "a daemon ended: $(cat "$dir"/*.out "$dir"/*/*.out 2>/dev/null | tail -n 1)"
}
mkdir -p "$dir" || fail "$dir: cannot be made"
