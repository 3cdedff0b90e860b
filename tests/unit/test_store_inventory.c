// SPDX-License-Identifier: MIT
// Sites, uplinks, paths and policies in and out; plans; network.json.
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "store/audit.h"
#include "store/plan.h"
#include "store/publish.h"
#include "store_fixture.h"

// Every field away from its default.
static const char full_yaml[] =
	"sites:\n"
	"- {id: west, name: West office, edge: w1, lan: [lan0, lan1], "
	"prefixes: [10.1.0.0/16, '2001:db8:1::/48'], preference: 5}\n"
	"- {id: east}\n"
	"uplinks:\n"
	"- {id: fiber, site: west, device: wan0, cost: 10, rate_bps: 1000000000}\n"
	"- {id: lte, site: west, device: wan1}\n"
	"paths:\n"
	"- {id: p1, source: west, dest: east, uplink: fiber, device: wg0, next_hop: 192.0.2.1, "
	"next_hop6: '2001:db8::1', target: 198.51.100.1, port: 8620, dscp: ef, ssid: 7, mtu: 1400, "
	"preference: -3, maintenance: true, liveness: bfd, quality: icmp, bfd: {min_tx_ms: 10, "
	"min_rx_ms: 20, detect_mult: 5, multihop: true}, quorum: 2, targets: [{probe: icmp, "
	"address: "
	"192.0.2.9}, {probe: http, url: 'https://a.example/', status: [200, 301-308], body: ok}]}\n"
	"- {id: p2, source: west, dest: east, uplink: lte, next_hop6: auto, target: "
	"'2001:db8::9'}\n"
	"policies:\n"
	"- {id: voice, priority: 10, match: {protocol: udp, dscp: af41, src_ports: [1000-2000], "
	"dst_ports: [5060, 10000-20000], devices: [lan0, lan1.7], "
	"src_prefixes: [10.1.0.0/16, 'fd00::/8']}, sla: {loss_ppm: 100, rtt_ms: 150, jitter_ms: "
	"20, "
	"stale_secs: 33}, strategy: weighted, none_inside: drop, prefer: [lte, fiber], "
	"margin_percent: 17, cooldown_secs: 99}\n"
	"- {id: default, priority: 65535}\n";

static struct pt_err err;

static json_t *network_of(const char *yaml)
{
	pt_autoarena arena = { 0 };
	struct pt_network n;

	const struct pt_yaml_text text = { .name = "test", .text = yaml, .len = strlen(yaml) };
	if (pt_yaml_parse(&text, &pt_network_schema, &arena, NULL, &n, &err)) {
		T_FAIL("%s", err.msg);
		return NULL;
	}
	return pt_json_write(&pt_network_schema, &n);
}

static json_t *stored(struct pt_sql *db)
{
	json_t *network = NULL;
	if (pt_inventory_read(db, &network, NULL, &err))
		T_FAIL("%s", err.msg);
	return network;
}

// Plans and carries out; the plan's lines are in *lines.
static int apply(struct pt_sql *db, const char *yaml, bool prune, struct pt_buf *lines)
{
	pt_autojson json_t *want = network_of(yaml);
	pt_autojson json_t *have = NULL;
	pt_autojson json_t *origins = NULL;
	pt_autoplan plan = { 0 };

	int code = pt_sql_begin(db, &err);
	if (!code)
		code = pt_inventory_read(db, &have, &origins, &err);
	if (!code)
		code = pt_plan_make(want, have, origins, prune, &plan, &err);
	if (code)
		return code;
	for (size_t i = 0; lines && i < plan.n; i++) {
		pt_change_describe(&plan.changes[i], lines);
		pt_buf_putc(lines, '\n');
	}
	code = pt_plan_apply(db, &plan, "tester", &err);
	return pt_sql_end(db, code, &err);
}

static json_t *sorted(json_t *list)
{
	// By id, as the database gives them.
	for (size_t i = 0; i < json_array_size(list); i++) {
		for (size_t j = i + 1; j < json_array_size(list); j++) {
			json_t *a = json_array_get(list, i), *b = json_array_get(list, j);
			if (strcmp(json_string_value(json_object_get(a, "id")),
				    json_string_value(json_object_get(b, "id"))) <= 0)
				continue;
			json_incref(b);
			json_array_remove(list, j);
			json_array_insert_new(list, i, b);
		}
	}
	return list;
}

static void comes_back(struct pt_sql *db, const char *yaml)
{
	T_EQ(apply(db, yaml, false, NULL), 0);
	pt_autojson json_t *want = network_of(yaml);
	pt_autojson json_t *got = stored(db);
	for (int e = 0; e < PT_ENTITIES; e++) {
		json_t *list = sorted(json_object_get(want, pt_entity_list(e)));
		pt_autofree char *a = json_dumps(list, JSON_COMPACT);
		pt_autofree char *b = json_dumps(
			json_object_get(got, pt_entity_list(e)), JSON_COMPACT);
		T_STR(b, a);
	}
	T_EQ(pt_inventory_check(got, &err), 0);
}

static void every_field_comes_back(void)
{
	static const char hubs[] =
		"sites:\n- {id: west}\n- {id: hub, transit: true}\n- {id: east}\n"
		"uplinks:\n- {id: wan, site: west, device: wan0}\n"
		"- {id: tunnel, site: west, device: wg0, underlay: wan}\n"
		"paths:\n- {id: p, source: west, dest: east, uplink: tunnel, device: wg1, "
		"underlay: wan, via: hub, target: 192.0.2.1}\npolicies: []\n";
	pt_autosql db = fixture_db();
	T_NEED(db);
	comes_back(db, full_yaml);
	T_SQL(db, "SELECT count(*) FROM site_prefixes WHERE site_id = 'west'", 2);
	T_SQL(db, "SELECT count(*) FROM paths WHERE source_site_id = 'west' AND dscp = 46", 1);
	pt_autosql other = fixture_db();
	T_NEED(other);
	comes_back(other, hubs);
}

static void applying_twice_is_nothing(void)
{
	pt_autosql db = fixture_db();
	pt_autobuf lines = { 0 };
	T_NEED(db);
	T_EQ(apply(db, full_yaml, false, NULL), 0);
	T_SQL(db, "SELECT count(*) FROM audit_logs", 8);
	T_EQ(apply(db, full_yaml, true, &lines), 0);
	T_STR(pt_buf_str(&lines), "");
	T_SQL(db, "SELECT count(*) FROM audit_logs", 8);
}

static void plans_say_what_changes(void)
{
	static const char changed[] =
		"sites:\n- {id: west, name: West office, edge: w1, lan: [lan1], "
		"prefixes: [10.1.0.0/16, '2001:db8:1::/48'], preference: 5}\n"
		"- {id: east}\n- {id: north}\n"
		"uplinks:\n- {id: fiber, site: west, device: wan0, cost: 11, rate_bps: "
		"1000000000}\n"
		"- {id: lte, site: west, device: wan1}\n"
		"paths:\n"
		"- {id: p1, source: west, dest: east, uplink: fiber, device: wg0, next_hop: "
		"192.0.2.1, next_hop6: '2001:db8::1', target: 198.51.100.1, port: 8620, dscp: ef, "
		"ssid: 7, mtu: 1420, preference: -3, maintenance: true, liveness: bfd, quality: "
		"icmp, "
		"bfd: {min_tx_ms: 10, min_rx_ms: 20, detect_mult: 5, multihop: true}, quorum: 2, "
		"targets: [{probe: "
		"icmp, address: 192.0.2.9}, {probe: http, url: 'https://a.example/', status: [200, "
		"301-308], body: ok}]}\n"
		"policies:\n- {id: default, priority: 65535, match: {dscp: 46}}\n";
	pt_autosql db = fixture_db();
	pt_autobuf kept = { 0 };
	pt_autobuf pruned = { 0 };
	T_NEED(db);
	T_EQ(apply(db, full_yaml, false, NULL), 0);
	T_EQ(apply(db, changed, false, &kept), 0);
	T_HAS(pt_buf_str(&kept), "~ site west: lan [\"lan0\",\"lan1\"] -> [\"lan1\"]\n");
	T_HAS(pt_buf_str(&kept), "+ site north\n");
	T_HAS(pt_buf_str(&kept), "~ uplink fiber: cost 10 -> 11\n");
	T_HAS(pt_buf_str(&kept), "~ path p1: mtu 1400 -> 1420\n");
	T_HAS(pt_buf_str(&kept), "= path p2: no longer in the file, kept");
	T_HAS(pt_buf_str(&kept), "~ policy default: match.dscp unset -> 46\n");
	T_SQL(db, "SELECT count(*) FROM paths", 2);
	T_SQL(db, "SELECT count(*) FROM site_lan", 1);
	T_SQL(db, "SELECT mtu FROM paths WHERE id = 'p1'", 1420);

	T_EQ(apply(db, changed, true, &pruned), 0);
	T_STR(pt_buf_str(&pruned), "- path p2\n- policy voice\n");
	T_SQL(db, "SELECT count(*) FROM paths", 1);
	T_SQL(db, "SELECT count(*) FROM policy_prefer", 0);
	// Before and after, and who.
	T_SQL(db,
		"SELECT json_extract(before_json, '$.mtu') * 10000 + "
		"json_extract(after_json, '$.mtu') FROM audit_logs WHERE event_type = "
		"'path.update' AND object_id = 'p1' AND username = 'tester'",
		14001420);
	T_SQL(db,
		"SELECT count(*) FROM audit_logs WHERE event_type = 'policy.delete' AND "
		"after_json IS NULL AND json_extract(before_json, '$.margin_percent') = 17",
		1);
}

static void other_origins_are_left_alone(void)
{
	pt_autosql db = fixture_db();
	pt_autobuf lines = { 0 };
	T_NEED(db);
	T_EQ(apply(db, full_yaml, false, NULL), 0);
	T_EQ(pt_sql_exec(db,
		     "UPDATE uplinks SET origin = 'api', cost = 99 WHERE id = 'fiber';"
		     "UPDATE paths SET origin = 'cli' WHERE id = 'p2';" // as the file has it
		     "INSERT INTO sites (id, origin) VALUES ('depot', 'api')",
		     &err),
		0);
	T_EQ(apply(db, full_yaml, true, &lines), 0);
	T_STR(pt_buf_str(&lines), "! uplink fiber: made by api, left as it is: cost 99 -> 10\n");
	T_SQL(db, "SELECT cost FROM uplinks WHERE id = 'fiber'", 99);
	T_SQL(db, "SELECT count(*) FROM sites WHERE id = 'depot'", 1);
}

static void references_are_checked_as_a_whole(void)
{
	pt_autosql db = fixture_db();
	T_NEED(db);
	T_EQ(apply(db, full_yaml, false, NULL), 0);
	T_EQ(pt_sql_exec(db, "UPDATE uplinks SET origin = 'api'", &err), 0);
	// The API's uplinks still need west.
	T_EQ(apply(db, "sites:\n- {id: east}\n", true, NULL), -EEXIST);
	T_HAS(err.msg, "FOREIGN KEY");
	T_SQL(db, "SELECT count(*) FROM sites", 2);
	T_SQL(db, "SELECT count(*) FROM paths", 2);
}

static void a_row_that_does_not_fit_is_named(void)
{
	pt_autosql db = fixture_db();
	json_t *network = NULL;
	T_NEED(db);
	T_EQ(apply(db, full_yaml, false, NULL), 0);
	T_EQ(pt_sql_exec(db, "UPDATE paths SET next_hop = 'nowhere' WHERE id = 'p2'", &err), 0);
	T_OK(pt_inventory_read(db, &network, NULL, &err) < 0);
	T_HAS(err.msg, "paths[1].next_hop");
	T_HAS(err.msg, "nowhere");
	T_EQ(pt_sql_exec(db, "UPDATE paths SET next_hop = NULL WHERE id = 'p2'", &err), 0);
	T_EQ(pt_sql_exec(db, "UPDATE policies SET match_src_ports = '[' WHERE id = 'voice'", &err),
		0);
	T_OK(pt_inventory_read(db, &network, NULL, &err) < 0);
	T_HAS(err.msg, "src_ports");
}

static char *slurp(const char *path)
{
	pt_autofile FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 16);

	if (f && text && fread(text, 1, (1 << 16) - 1, f) == 0)
		text[0] = '\0';
	return text;
}

static void publishing_renames_into_place(void)
{
	char path[128], other[128];
	struct stat before, after;
	pt_autosql db = fixture_db(); // makes the directory
	T_NEED(db);
	pt_autojson json_t *network = network_of(full_yaml);
	(void)snprintf(path, sizeof(path), "%s/run/network.json", fixture_dir);
	{
		pt_autopublish p = { .dir_fd = -1 };
		T_EQ(pt_publish_begin(path, network, &p, &err), 0);
		T_EQ(access(path, F_OK), -1); // not before the commit
		T_EQ(pt_publish_end(&p, &err), 0);
	}
	pt_autofree char *text = slurp(path);
	pt_autojson json_t *got = json_loads(text, 0, NULL);
	T_OK(json_equal(got, network));
	T_EQ(stat(path, &before), 0);
	T_EQ(before.st_mode & 0777, 0644);
	{ // the same again: the watchers of the file sleep on
		pt_autopublish p = { .dir_fd = -1 };
		T_EQ(pt_publish_begin(path, network, &p, &err), 0);
		T_OK(p.unchanged);
		T_EQ(pt_publish_end(&p, &err), 0);
	}
	T_EQ(stat(path, &after), 0);
	T_EQ(after.st_ino, before.st_ino);
	{ // begun, never committed: nothing is left behind
		pt_autopublish p = { .dir_fd = -1 };
		pt_autojson json_t *empty = json_object();
		T_EQ(pt_publish_begin(path, empty, &p, &err), 0);
		(void)snprintf(other, sizeof(other), "%s", p.temp);
		T_EQ(access(other, F_OK), 0);
	}
	T_EQ(access(other, F_OK), -1);
	pt_autofree char *still = slurp(path);
	T_STR(still, text);
	pt_autopublish p = { .dir_fd = -1 };
	T_EQ(pt_publish_begin("/proc/no/such/dir/network.json", network, &p, &err), -ENOENT);
}

T_MAIN({ "every field comes back", every_field_comes_back },
	{ "applying twice is nothing", applying_twice_is_nothing },
	{ "plans say what changes, audit what changed", plans_say_what_changes },
	{ "rows of other origins are left alone", other_origins_are_left_alone },
	{ "references hold over all origins", references_are_checked_as_a_whole },
	{ "a row that does not fit is named", a_row_that_does_not_fit_is_named },
	{ "network.json is renamed into place", publishing_renames_into_place })
