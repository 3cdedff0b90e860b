#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# health.auth_key: watch and once sign STAMP to paths that live by BFD; the key changes on reload,
# at both ends, without a loss; a bad file changes nothing.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"

topo_up 2
KEY=$SCRATCH/key FAR=$SCRATCH/far.key
(umask 077; echo "a secret of the two sites" >"$KEY"; cp "$KEY" "$FAR")
spawn_on eb closed "$BIN/pt-probe" reflect -v --bind 10.9.0.2 --auth-key "$FAR"
spawn_on eb open "$BIN/pt-probe" reflect --bind 10.9.1.2
listening() { [[ $(on eb ss -Hlun | grep -c ":862 ") = 2 ]]; }
wait_until 20 listening || bail "reflect: $(cat "$SCRATCH"/{closed,open}.err)"
PATH_MORE=("liveness: bfd" "")
write_config a interval_ms=20 check_ms=200
CONFIG=$SCRATCH/a/config.yaml NETWORK=$SCRATCH/a/network.yaml
FILES=(--config "$CONFIG" --network "$NETWORK")
sed -i "s|^health:|health:\n  auth_key: $KEY|" "$CONFIG"

records() { jq -c "select(.type == \"health\" and .path == \"$1\")" "$SCRATCH/watch.out"; }
count() { records a-wan0 | wc -l; }
answered() { # N: all that the records after the first N tell of
	(($(count) >= $1 + 3)) && records a-wan0 | tail -n +$(($1 + 2)) | jq -es 'map(.sent == .received) + [.[-1].received > 0] | all' >/dev/null
}
silent() { records a-wan0 | tail -n 1 | jq -e '.received == 0 and .sent > 0' >/dev/null; }
told() { grep -qF -- "$1" "$SCRATCH/$2.err"; }

on ea timeout 20 "$BIN/pt-probe" once "${FILES[@]}" >"$SCRATCH/once" 2>"$SCRATCH/words"
is "once signs, too" "$? $(jq -r 'select(.type == "health") | [.path, .received] | join(" ")' "$SCRATCH/once" | xargs)" \
	"0 a-wan0 5 a-wan1 5"
spawn_on ea watch "$BIN/pt-probe" watch -v "${FILES[@]}"
check "health.auth_key signs what lives by BFD" wait_until 20 answered 0
check "and says who stays open" told "the probes of 1 paths stay unsigned" watch
heard_open() { records a-wan1 | jq -es 'map(.received > 0) | any' >/dev/null; }
check "which is answered by an open reflector" wait_until 20 heard_open

# ---- another key: first where it is checked ----
n=$(count)
(umask 077; echo "the secret of a new year" >"$FAR")
signal closed HUP
check "the reflector has another key" wait_until 20 told "another key; the one before is answered" closed
check "and answers the one before" wait_until 20 answered "$n"
cp "$FAR" "$KEY"
n=$(count)
signal watch HUP
check "the sender follows, and nothing is lost" wait_until 20 answered "$n"
echo "the secret of a new year." >"$FAR"
signal closed HUP
n=$(count)
check "one change later it still serves" wait_until 20 answered "$n"
echo "the secret of all years" >"$FAR"
signal closed HUP
check "two changes later it does not" wait_until 20 silent

# ---- a file that others can read is none ----
cp "$FAR" "$KEY"
chmod 644 "$KEY"
signal watch HUP
check "a key that others can read is refused" wait_until 20 told "others can read it: chmod 600" watch
check "and the one before kept" silent
chmod 600 "$KEY"
n=$(count)
signal watch HUP
check "then it is taken" wait_until 20 answered "$n"
rm "$FAR"
signal closed HUP
check "a reflector whose file is gone says so" wait_until 20 told "kept what was running" closed
n=$(count)
check "and goes on" wait_until 20 answered "$n"
reap watch
is "all ends well" $? 0
done_testing
