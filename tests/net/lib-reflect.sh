# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Limits of a reflector, asked from ea of lib.sh. Sourced after it.
PACKET=$BUILD/tests/tools/packet

# A request, and seven more at once. ANSWERS: how many got one; MOST: how many one a second allows,
# however long asking took.
rated() { # ARGUMENTS of packet send
	local start=${EPOCHREALTIME/[.,]/} wait=2000
	ANSWERS=0
	for _ in {1..8}; do
		on ea "$PACKET" send --wait-ms $wait "$@" >/dev/null && ANSWERS=$((ANSWERS + 1))
		wait=50
	done
	# shellcheck disable=SC2034 # for the scripts
	MOST=$((2 + (${EPOCHREALTIME/[.,]/} - start) / 1000000))
}
