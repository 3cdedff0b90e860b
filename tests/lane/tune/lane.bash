# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the lanes of pt-tune share. Sourced by tests/lane/tune-*.sh.
set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
BUILD=$(realpath -m "${PT_BUILD:-$TOP/build}")
export TOP BIN=$BUILD/bin HERE=$TOP/tests/lane/tune
skip_all() { echo "1..0 # SKIP $1"; exit 77; }
need() { # TOOL...
	local tool
	for tool; do command -v "$tool" >/dev/null || skip_all "no $tool on this machine"; done
}

# A guest's console as our TAP: what is none of it is a comment where it says LANE. Guests number
# their tests anew in each run: ours are counted through.
retell() { # FILE
	tr -d '\r' <"$1" | awk '
		/^(not )?ok [0-9]+ - / {
			match($0, /^(not )?ok /)
			verdict = substr($0, 1, RLENGTH)
			sub(/^(not )?ok [0-9]+ - /, "")
			print verdict (++n) " - " $0
			bad += verdict ~ /^not/
			next
		}
		/^1\.\.[0-9]+$/ { plans++; next }
		/^# / { print }
		/^LANE / { print "# " substr($0, 6) }
		END {
			if (plans < wanted) {
				print "not ok " (++n) " - the guest came to its end (" plans + 0 " of " wanted ")"
				bad++
			}
			print "1.." n + 0
			exit bad > 0
		}' wanted="$2"
}
