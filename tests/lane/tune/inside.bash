# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# pt-tune on the kernel that this runs on, as a lane of tests/lane has made it ready: what of it
# the plan touches is changed, and everything comes back. Sourced; TAP on stdout.
#   BIN      the tools            SCRATCH  a directory that can be written
#   SCOPE    host, or netns       HERE     tests/lane/tune
set -u
TAP_DONE=0 TAP_FAILED=0
note() { printf '# %s\n' "$@"; }
ok() { TAP_DONE=$((TAP_DONE + 1)); echo "ok $TAP_DONE - $1"; }
not_ok() { # NAME [WHY...]
	TAP_DONE=$((TAP_DONE + 1)) TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_DONE - $1"; shift
	[[ $# = 0 ]] || printf '%s\n' "$@" | sed 's/^/# /'
}
skip() { TAP_DONE=$((TAP_DONE + 1)); echo "ok $TAP_DONE - $1 # SKIP $2"; }
is() { # NAME GOT WANT
	if [[ $2 = "$3" ]]; then ok "$1"; else not_ok "$1" "got  '$2'" "want '$3'"; fi
}
finish() { echo "1..$TAP_DONE"; exit $((TAP_FAILED > 0)); }

devices() { ls /sys/class/net; }

# Everything that can be read of this kernel and that nothing else moves: the sysctl tree, devices
# and their queues, rules.
whole() {
	local d
	grep -r "" /proc/sys 2>/dev/null |
		grep -vE '/(stable_secret|flush|nf_conntrack_count|dentry-state|file-nr|inode-[a-z]+|ns_last_pid|nr|pty/.*|random/.*|entropy_avail|uuid|boot_id|urandom.*|cad_pid|tainted|sched_domain/.*|aio-nr|perf_.*|usermodehelper/.*|fs/(quota|mqueue)/.*):' | sort
	for d in $(devices); do
		echo "== $d"
		ethtool -k "$d" 2>/dev/null
		ethtool -l "$d" 2>/dev/null
		ethtool -g "$d" 2>/dev/null
		ethtool -c "$d" 2>/dev/null
		ip -d link show "$d" | sed 's/ state [A-Z]*//'
		tc qdisc show dev "$d"
		tc class show dev "$d"
		grep -H "" "/sys/class/net/$d"/queues/*/[rx]ps_* 2>/dev/null
	done
	ip -4 rule; ip -6 rule; ip route
	nft list ruleset 2>/dev/null
}
same() { # NAME
	whole >"$SCRATCH/now"
	is "$1" "$(diff "$SCRATCH/before" "$SCRATCH/now" | head -12)" ""
}

# Journals are kept apart from those of the machine.
tune() { "$BIN/pt-tune" "$1" --state "$SCRATCH/state" "${@:2}"; }
plan() { "$BIN/pt-tune" plan --scope "$SCOPE" --json --profile "$@" 2>"$SCRATCH/err"; }

# A way out with four queues, and the far end of it.
veth_wan() {
	ip link add wan0 numtxqueues 4 numrxqueues 4 type veth peer name far0 numtxqueues 4 numrxqueues 4 &&
		ip addr add 192.0.2.1/24 dev wan0 && ip link set far0 up && ip link set wan0 up &&
		ip route add default via 192.0.2.2 dev wan0
}

# What a plan would still write.
writes() { jq -sr '[.[] | select(.action == "set" or .action == "adapt") | .key] | join(" ")' "$SCRATCH/plan"; }

# transaction NAME PROFILE [confirm]: plan, apply, plan, rollback, everything compared. A function
# called applied, where there is one, looks at what was applied.
transaction() {
	local name=$1 profile=$2 status n
	whole >"$SCRATCH/before"
	is "$name: the state was read" "$(($(wc -l <"$SCRATCH/before") > 200))" 1
	plan "$profile" >"$SCRATCH/plan"
	status=$?
	is "$name: the plan differs" "$status" 1
	jq -r 'select(.action == "set" or .action == "adapt") | "# \(.key) \(.device // ""): \(.before) -> \(.want)"' "$SCRATCH/plan" |
		sed -n '1,40p; 41s/.*/# and so on/p'
	same "$name: ... and to plan changes nothing"
	tune apply --scope "$SCOPE" --profile "$profile" --settle 0 --confirm-timeout 100s --json >"$SCRATCH/out" 2>"$SCRATCH/err"
	status=$?
	is "$name: apply" "$status" 0
	[[ $status = 0 ]] || note "$(tail -5 "$SCRATCH/err")"
	n=$(jq -s '[.[] | select(.action == "set" or .action == "adapt")] | length' "$SCRATCH/out")
	is "$name: every value is read back ($n)" \
		"$(jq -s '[.[] | select(.action == "set" or .action == "adapt")] | length > 0 and all(.after == .want)' "$SCRATCH/out")" true
	plan "$profile" >"$SCRATCH/plan"
	status=$?
	is "$name: plan after apply has nothing to do" "$status $(writes)" "0 "
	whole >"$SCRATCH/now"
	note "$(diff "$SCRATCH/before" "$SCRATCH/now" | grep -c '^>') lines of the state changed"
	if declare -F applied >/dev/null; then applied; fi
	if [[ ${3:-} = confirm ]]; then
		tune confirm >/dev/null 2>"$SCRATCH/err"
		is "$name: confirmed, and kept over a restart" "$? $(test -s /etc/sysctl.d/zz-patronus.conf && echo kept)" "0 kept"
		tune verify >"$SCRATCH/out" 2>&1
		is "$name: ... which verify finds in force" $? 0
	fi
	tune rollback 2>"$SCRATCH/err"
	is "$name: rollback" $? 0
	same "$name: ... the whole readable state is as it was"
	is "$name: ... and no file is left" "$(ls /etc/sysctl.d/zz-patronus.conf 2>/dev/null)" ""
}

# The guide's file as it stands, by this program: which keys do not have the guide's value after it.
verbatim() { # FILE COMMAND...
	local file=$1 line key want got
	shift
	"$@" "$file" >"$SCRATCH/said" 2>&1
	echo "exit $?"
	while IFS= read -r line; do
		[[ $line =~ ^([a-z][a-z0-9_.]+)\ =\ ([^#]*) ]] || continue
		key=${BASH_REMATCH[1]}
		read -ra want <<<"${BASH_REMATCH[2]}"
		read -ra got < <(tr '\t\n' '  ' <"/proc/sys/${key//.//}" 2>/dev/null; echo)
		[[ ${got[*]:-} = "${want[*]}" ]] || echo "$key ${got[*]:-(absent)}"
	done <"$file"
}
