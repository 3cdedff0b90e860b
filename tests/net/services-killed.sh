#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Beside others.
# Each service is killed in turn, again and again, and comes back: no record is lost or stored
# twice, no order changes for it, and users notice nothing.
# shellcheck source=tests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/net/lib-edge.sh
. "$(dirname "$0")/lib-edge.sh"
DB=$SCRATCH/a/sdwan.db
edges_up check_ms=100
sed -i 's/^health:/&\n  db_persist_interval: 1/' "$SCRATCH/a/config.yaml" # every record
slay db-a
rm "$DB"
must "$BIN/pt-db" init --quiet --db "$DB"
service_start a db
written() { # JQ-TYPE: lines on all spools
	local stage
	for stage in probe select failover; do records a $stage; done | jq -c "select(.type == \"$1\")" | wc -l
}
stored() { kept a "SELECT count(*) FROM $1"; }
settled() { # nothing is on its way any more
	[[ "$(stored sdwan_path_health) $(stored transitions) $(stored decisions)" = \
		"$(written health) $(written transition) $(written decision)" ]]
}
decided() { (($(written decision) > 0)); }

wait_until 10 decided || bail "nothing is decided"
stream_start
stream_mark
for _ in 1 2 3; do
	for name in probe select failover db; do
		slay $name-a
		hold 0.2
		service_start a $name
		hold 0.3
	done
done
felt_nothing "12 kills"
check "all are up again" wait_until 5 all_up a
is "traffic stays where it was" "$(status a '.groups[0].uses')" a-fibre
is "no order was changed" "$(written decision)" 1
is "no path was thought dead" "$(records a failover |
	jq -c 'select(.type == "transition" and .to == "down")')" ""
sever fibre
check "a cut is seen" wait_until 3 path_is a a-fibre down
heal fibre
check "and its end" wait_until 10 uses a a-fibre

slay probe-a
check "all is stored that was written" wait_until 5 settled
note "written $(written health) $(written transition) $(written decision), stored $(stored sdwan_path_health) $(stored transitions) $(stored decisions)"
for table in sdwan_path_health transitions decisions switches; do
	is "$table: nothing twice" "$(kept a "SELECT count(*) FROM (SELECT 1 FROM $table
		GROUP BY source_id, mono_ns, seq HAVING count(*) > 1)")" 0
done
is "switches too" "$(stored switches)" "$(written switch)"
is "nobody had a word to say of malformed lines" "$(cat "$SCRATCH"/{select,failover,db}-a.err |
	grep -v '^pt-db: .* already there' | grep -c 'line\|malformed\|skipped')" 0
done_testing
