#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# pt-tune on the units of this host's systemd, in a mount namespace where /etc and /run of systemd
# are empty and systemctl only takes down what it is told: read anew once for each transaction,
# each rollback and each confirm, and not where nothing of a unit is written.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
trap cleanup EXIT

if [[ -z ${PT_TUNE_INSIDE:-} ]]; then
	trap - EXIT
	rm -r "$SCRATCH"
	# A first process of its own: for it this network namespace is the first one.
	PT_TUNE_INSIDE=1 exec unshare --mount --pid --fork --mount-proc "$BASH" "$0"
fi
mkdir -p "$SCRATCH/bin" "$SCRATCH/etc"
for dir in /run /etc/systemd; do mkdir -p $dir; must mount -t tmpfs none $dir; done
mkdir -p /run/systemd/system /etc/systemd/system
cat >"$SCRATCH/bin/systemctl" <<END
#!/bin/sh
echo "\$*" >>"$SCRATCH/told"
[ ! -e "$SCRATCH/broken" ]
END
chmod +x "$SCRATCH/bin/systemctl"
PATH=$SCRATCH/bin:$PATH
U=pt-test-$ID.service
printf '[Service]\nExecStart=/bin/true\n' >/etc/systemd/system/$U
cat >"$SCRATCH/p.yaml" <<END
apiVersion: patronus/tune/v1
name: t
unit: {name: $U, limits: {nofile: 4096}, env: {RUST_BACKTRACE: 1}}
END
tune() { "$BIN/pt-tune" "$@" --state "$SCRATCH/state"; }
told() { [[ ! -e $SCRATCH/told ]] || cat "$SCRATCH/told"; rm -f "$SCRATCH/told"; }
files() { find /run/systemd /etc/systemd -type f -o -name '*.d' | sort; }
before=$(files)

tune apply --profile "$SCRATCH/p.yaml" --settle 0 --confirm-timeout 60s >/dev/null 2>"$SCRATCH/err"
is "apply: systemd reads its files anew, once" "$? $(told)" "0 daemon-reload"
is "... the waiting ones" "$(grep -c = /run/systemd/system.control/$U.d/zz-patronus.conf)" 2
tune confirm
is "confirm: once more" "$? $(told)" "0 daemon-reload"
is "... the kept ones" "$(files)" "$before
$(printf '%s\n' /etc/systemd/system/$U.d /etc/systemd/system/$U.d/zz-patronus.conf)"
"$BIN/pt-tune" plan --profile "$SCRATCH/p.yaml" >/dev/null
is "plan after apply has nothing to do" "$? $(told)" "0 "
tune rollback
is "rollback: once more" "$? $(told)" "0 daemon-reload"
is "... and nothing is left" "$(files)" "$before"

touch "$SCRATCH/broken"
tune apply --profile "$SCRATCH/p.yaml" --settle 0 --confirm-timeout 60s >/dev/null 2>"$SCRATCH/err"
is "a systemd that cannot read them: not everything is back, says the exit status" $? 5
like "... and why" "$(cat "$SCRATCH/err")" "daemon-reload failed"
is "... though no file is left" "$(files)" "$before"
rm "$SCRATCH/broken"
rm -r /run/systemd/system
told >/dev/null
tune apply --profile "$SCRATCH/p.yaml" --settle 0 --no-confirm >/dev/null 2>&1
is "without systemd nobody is told" "$? $(told)" "0 "
tune rollback
is "... and rollback works as well" "$? $(files | grep -c patronus)" "0 0"
done_testing
