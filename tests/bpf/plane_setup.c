// SPDX-License-Identifier: MIT
// Attach, reload, decisions and detach against the kernel's own tables.
// Over clsact, too.
#include "tests/bpf/site.h"

static void test_tables(void)
{
	const struct pt_hop *hop;
	const struct pt_link *wan0;

	T_NEED(attach(HEAD BOTH));
	hop = &plane->hop[path_index("b0")];
	wan0 = pt_links_named(&links, "wan0");
	T_EQ(hop->ifindex, wan0->ifindex);
	T_EQ(hop->mtu, 1400);
	T_EQ(hop->flags, PT_HOP_USED | PT_HOP_CLOCKED | PT_HOP_VIA4 | PT_HOP_VIA6 | PT_HOP_ETHER);
	T_OK(!memcmp(hop->via4, (uint8_t[]){ 10, 9, 0, 2 }, 4));
	T_EQ(hop->interval_ns, 5000000); // as pt-probe sends: 200 probes a second, above
	T_EQ(hop->port, 862);
	T_EQ(plane->hop[path_index("b1")].mtu, 1500);
	T_STR(order_of("b", 0), "b1,b0"); // voice prefers u1
	T_STR(order_of("b", 1), "b0,b1"); // the rest goes by preference
	T_STR(order_of("c", 1), "c1");
	T_OK(site_of4(10, 2, 0, 7) != site_of4(10, 3, 0, 7));
	T_EQ(site_of4(10, 1, 0, 7), PT_SITE_LOCAL); // this site
	T_EQ(site_of4(10, 9, 0, 2), PT_SITE_LOCAL); // a connected network
	T_EQ(site_of4(8, 8, 8, 8), UINT32_MAX);
	T_EQ(hooks(), 5); // steer lan0, in and out of wan0 and wan1
	T_OK(plane->meta->config_hash == pt_setup_hash(&net, &cfg));
	detach();
}

static void test_attach_again(void)
{
	uint32_t steer;
	uint64_t hash;

	T_NEED(attach(HEAD BOTH));
	hash = plane->meta->config_hash;
	steer = steering_id("lan0");
	T_OK(steer);
	T_EQ(decide("b", "rest", PATHS("b1", "b0"), false), 1);
	T_NEED(attach(HEAD BOTH));
	T_EQ(plane->meta->generation, 1); // the programs are the same ones
	T_EQ(steering_id("lan0"), steer);
	T_EQ(other_build(), 3);
	T_NEED(attach(HEAD BOTH));
	T_EQ(plane->meta->generation, 2); // and now they are not
	T_OK(steering_id("lan0") != steer);
	T_EQ(other_build(), 3); // those of the other build are gone
	T_OK(plane->meta->config_hash == hash);
	T_EQ(hooks(), 5);
	T_STR(order_of("b", 1), "b1,b0"); // what was decided stays
	detach();
}

// Each when the first device wants it, and no second time.
static void test_programs_load_once(void)
{
	struct pt_programs progs = PT_PROGRAMS_NONE;
	uint32_t in;

	T_NEED(attach(HEAD BOTH));
	in = pinned_id(PT_PROGRAM_IN);
	T_OK(in && pinned_id(PT_PROGRAM_STEER) == steering_id("lan0"));
	T_OK(!pinned_id(PT_PROGRAM_IN_L3) && !pinned_id(PT_PROGRAM_ONWARD));
	T_EQ(pt_setup_load(plane, &setup, &progs, &err), 0);
	T_EQ(program_id(progs.fd[PT_PROGRAM_IN]), in);
	T_EQ(program_id(progs.fd[PT_PROGRAM_STEER]), steering_id("lan0"));
	T_EQ(progs.fd[PT_PROGRAM_OUT_L3], -1);
	T_EQ(IP("link", "del", "wan1"), 0);
	T_EQ(IP("tuntap", "add", "wan1", "mode", "tun"), 0);
	T_EQ(IP("link", "set", "wan1", "up"), 0);
	T_NEED(use(HEAD BOTH));
	setup.strict = false;
	T_EQ(pt_setup_refresh(plane, &setup, &progs, false, &err), 0);
	T_EQ(hooks(), 5);
	T_OK(pinned_id(PT_PROGRAM_IN_L3) && pinned_id(PT_PROGRAM_OUT_L3));
	T_EQ(pinned_id(PT_PROGRAM_IN), in);
	T_EQ(plane->meta->generation, 1);
	pt_programs_done(&progs);
	cfg.failover.passive = !cfg.failover.passive; // which is loaded into them
	T_EQ(pt_setup_load(plane, &setup, &progs, &err), 0);
	T_OK(program_id(progs.fd[PT_PROGRAM_IN]) != in);
	T_EQ(plane->meta->generation, 2);
	T_EQ(pinned_id(PT_PROGRAM_IN), program_id(progs.fd[PT_PROGRAM_IN]));
	pt_programs_done(&progs);
	detach();
	T_EQ(IP("link", "del", "wan1"), 0);
	T_EQ(IP("link", "add", "wan1", "type", "veth", "peer", "name", "far1"), 0);
}

static void test_reload_keeps_indexes(void)
{
	uint32_t b1;

	T_NEED(attach(HEAD BOTH));
	b1 = path_index("b1");
	T_EQ(decide("b", "rest", PATHS("b1", "b0"), false), 1);
	T_NEED(attach(HEAD PATH_B1));
	T_EQ(path_index("b1"), b1);
	T_EQ(path_index("b0"), PT_NAMES_NONE);
	T_STR(order_of("b", 1), "b1");
	T_STR(order_of("c", 1), "");
	T_EQ(hooks(), 3); // wan0 is no path's any longer
	T_NEED(attach(HEAD BOTH));
	T_EQ(path_index("b1"), b1);
	T_STR(order_of("b", 1), "b1,b0"); // behind the one that was decided
	detach();
}

static void refused(const char *yaml, const char *why)
{
	struct pt_setup_result done;

	T_NEED(use(yaml));
	T_OK(pt_setup_attach(dir, &setup, &done, &err) < 0);
	T_HAS(err.msg, why);
	T_OK(nothing_left());
}

static void set_rp_filter(const char *value)
{
	int fd = open("/proc/sys/net/ipv4/conf/wan1/rp_filter", O_WRONLY | O_CLOEXEC);

	T_EQ(write(fd, value, 1), 1);
	close(fd);
}

static void test_refused(void)
{
	refused(HEAD "  - { id: b0, source: a, dest: b, uplink: u0, device: wan7, "
		     "next_hop: 10.9.0.2, target: 10.9.0.2 }\n",
		"b0: device wan7: there is none");
	refused(HEAD "  - { id: b0, source: a, dest: b, uplink: u0, target: 10.9.0.2 }\n",
		"needs a next_hop");
	refused(HEAD "  - { id: x, source: b, dest: a, uplink: u2, target: 10.9.0.2 }\n",
		"no path starts here");
	set_rp_filter("1");
	refused(HEAD BOTH, "strict reverse path filter on wan1");
	set_rp_filter("0");
}

// The device goes between the reading of devices and the attaching: too late for any check.
static void test_failure_leaves_nothing(void)
{
	struct pt_setup_result done;

	T_NEED(use(HEAD BOTH));
	for (uint32_t i = 0; i < links.n_link; i++)
		if (!strcmp(links.link[i].name, "wan1"))
			links.link[i].ifindex = 4242;
	T_OK(pt_setup_attach(dir, &setup, &done, &err) < 0);
	T_HAS(err.msg, "wan1: attaching");
	T_OK(nothing_left());
}

static void test_decisions(void)
{
	uint32_t bank;

	T_NEED(attach(HEAD BOTH));
	bank = plane->meta->bank;
	T_EQ(decide("b", "rest", PATHS("b1", "b0"), false), 1);
	T_EQ(plane->meta->bank, bank ^ PT_BANK_GROUP);
	T_STR(order_of("b", 1), "b1,b0");
	T_STR(order_of("b", 0), "b1,b0"); // the other groups came along
	T_STR(order_of("c", 1), "c1");
	T_EQ(decide("b", "rest", PATHS("b1", "b0"), false), 0); // in place already
	T_EQ(plane->meta->bank, bank ^ PT_BANK_GROUP);
	T_EQ(decide("b", "rest", PATHS("b0"), false), 1);
	T_STR(order_of("b", 1), "b0");
	T_EQ(decide("nowhere", "rest", PATHS("b0"), false), -ENOENT);
	T_EQ(decide("b", "nothing", PATHS("b0"), false), -ENOENT);
	T_EQ(decide("b", "rest", PATHS("b9"), false), -ENOENT);
	T_EQ(decide("b", "rest", PATHS("c1"), false), -EINVAL); // leads elsewhere
	T_EQ(decide("b", "rest", PATHS("b0", "b0"), false), -EINVAL);
	T_EQ(decide("b", "rest", NULL, 0, false), -EINVAL); // missing data changes nothing
	T_STR(order_of("b", 1), "b0");
	detach();
}

static void test_drop_decisions(void)
{
	uint32_t site;
	const struct pt_group *voice, *rest;

	T_NEED(attach(HEAD BOTH));
	site = plane->hop[path_index("b0")].site;
	T_EQ(decide("b", "voice", NULL, 0, true), 1);
	T_EQ(decide("b", "rest", NULL, 0, true), 1);
	voice = pt_group_active(plane, site, 0);
	rest = pt_group_active(plane, site, 1);
	T_OK(voice->count == 0 && voice->flags & PT_GROUP_DROP);
	T_OK(rest->count == 0 && rest->flags & PT_GROUP_DROP);
	T_EQ(decide("b", "voice", PATHS("b0"), false), 1);
	T_EQ(decide("b", "rest", PATHS("b0"), false), 1);
	voice = pt_group_active(plane, site, 0);
	rest = pt_group_active(plane, site, 1);
	T_OK(voice->flags & PT_GROUP_DROP);   // none_inside: drop is the policy's own wish
	T_OK(!(rest->flags & PT_GROUP_DROP)); // this one falls back to the last resort
	detach();
}

// Whoever decided to drop may not decide again soon: it writes only what changes.
static void test_drop_survives_reload(void)
{
	const struct pt_group *voice, *rest;
	uint32_t site;

	T_NEED(attach(HEAD BOTH));
	T_EQ(decide("b", "voice", NULL, 0, true), 1);
	T_EQ(decide("b", "rest", NULL, 0, true), 1);
	T_NEED(attach(HEAD BOTH));
	site = plane->hop[path_index("b0")].site;
	voice = pt_group_active(plane, site, 0);
	rest = pt_group_active(plane, site, 1);
	T_OK(voice->count == 0 && voice->flags & PT_GROUP_DROP && voice->flags & PT_GROUP_DECIDED);
	T_STR(order_of("b", 1), "b0,b1"); // this policy's file does not ask for drops
	T_OK(!(rest->flags & PT_GROUP_DROP));
	detach();
}

// What another path has left in a slot must not pass for the news of its next owner.
static void test_slots_are_clean(void)
{
	const struct pt_watch old = { .last_reply_ns = 7, .replies = 9, .sent = 9, .started = 1 };
	struct pt_count used;
	struct pt_state state;
	uint32_t b0;

	T_NEED(attach(HEAD BOTH));
	b0 = path_index("b0");
	T_EQ(bpf_map_update_elem(plane->fd[PT_MAP_WATCH], &b0, &old, BPF_ANY), 0);
	plane->gate[PT_CPU_KEY(plane->meta->path_cap, 1, b0)].packets = 5;
	plane->traffic[PT_CPU_KEY(plane->meta->path_cap, 0, b0)].bytes = 6;
	pt_count_read(plane, b0, &used);
	T_EQ(used.tx_packets, 5);
	T_EQ(used.rx_bytes, 6);
	T_NEED(attach(HEAD PATH_B1 PATH_C1));
	T_NEED(attach(HEAD PATH_B1 PATH_C1 PATH_B2));
	T_EQ(path_index("b2"), b0);
	T_EQ(pt_state_read(plane, b0, &state, &err), 0);
	T_EQ(state.status, PT_STATUS_UNKNOWN);
	T_EQ(state.watch.replies, 0);
	T_EQ(state.traffic.tx_packets, 0);
	T_EQ(state.traffic.rx_bytes, 0);
	detach();
}

// A first attach that was killed half way must not need anybody's hand.
static void test_attach_after_half(void)
{
	const struct pt_sizes sizes = { .paths = 3, .sites = 3 };
	struct pt_programs progs = PT_PROGRAMS_NONE;
	bool created;

	T_EQ(pt_pin_create(dir, &created, &err), 0);
	T_EQ(pt_load(dir, &sizes, 1, &progs, &err), 0);
	pt_programs_done(&progs);
	T_NEED(attach(HEAD BOTH));
	T_EQ(hooks(), 5);
	T_STR(order_of("b", 1), "b0,b1");
	detach();
}

static void test_device_returns(void)
{
	struct pt_programs progs = PT_PROGRAMS_NONE;
	struct pt_session_key key;
	uint32_t path, was, found = 0;

	T_NEED(attach(HEAD BOTH));
	path = path_index("b0");
	was = plane->hop[path].ifindex;
	key = (struct pt_session_key){ was, AF_INET, plane->hop[path].ssid };
	setup.strict = false;
	T_EQ(pt_setup_load(plane, &setup, &progs, &err), 0);
	T_EQ(bpf_map_lookup_elem(plane->fd[PT_MAP_SESSION], &key, &found), 0);
	T_EQ(found, path);
	T_EQ(IP("link", "del", "wan0"), 0);
	T_NEED(use(HEAD BOTH));
	setup.strict = false;
	T_EQ(pt_setup_refresh(plane, &setup, &progs, false, &err), 0);
	T_EQ(plane->hop[path].ifindex, 0);
	T_EQ(hooks(), 3);
	T_OK(bpf_map_lookup_elem(plane->fd[PT_MAP_SESSION], &key, &found) < 0);
	T_EQ(IP("link", "add", "wan0", "type", "veth", "peer", "name", "far0"), 0);
	T_NEED(use(HEAD BOTH));
	setup.strict = false;
	T_EQ(pt_setup_refresh(plane, &setup, &progs, false, &err), 0);
	key.ifindex = plane->hop[path].ifindex;
	T_OK(key.ifindex && key.ifindex != was);
	T_EQ(hooks(), 5);
	T_EQ(bpf_map_lookup_elem(plane->fd[PT_MAP_SESSION], &key, &found), 0);
	pt_programs_done(&progs);
	detach();
}

static void test_another_abi(void)
{
	struct pt_setup_result done;
	struct pt_plane *p = NULL;

	T_NEED(attach(HEAD BOTH));
	plane->meta->abi = PT_ABI + 1;
	forget();
	T_EQ(pt_plane_open(dir, PT_PLANE_READ, &p, &err), -EPROTO);
	T_HAS(err.msg, "run pt-failover detach, then attach");
	T_NEED(use(HEAD BOTH));
	T_EQ(pt_setup_attach(dir, &setup, &done, &err), -EPROTO);
	detach();
}

// Same name, same ABI, another shape: sizes are looked at before anything is believed.
static void test_foreign_map(void)
{
	struct pt_plane *p = NULL;
	char pin[PT_PIN_PATH];
	int fd;

	T_NEED(attach(HEAD BOTH));
	T_EQ(pt_pin_path(dir, "pt_hop", pin), 0);
	T_EQ(unlink(pin), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pt_hop", 4, 8, 4, NULL);
	T_EQ(bpf_obj_pin(fd, pin), 0);
	close(fd);
	T_EQ(pt_plane_open(dir, PT_PLANE_READ, &p, &err), -EPROTO);
	T_HAS(err.msg, "pt_hop");
	detach();
}

static void test_too_much_is_refused(void)
{
	struct pt_programs progs = PT_PROGRAMS_NONE;
	uint32_t bank;

	T_NEED(attach(HEAD PATH_B0));
	bank = plane->meta->bank;
	plane->meta->path_cap = 3; // as if it had been attached for so few
	T_NEED(use(HEAD BOTH));
	T_EQ(pt_setup_refresh(plane, &setup, &progs, true, &err), -ENOSPC);
	T_HAS(err.msg, "detach, then attach");
	T_EQ(plane->meta->bank, bank);
	T_EQ(path_index("b1"), PT_NAMES_NONE);
	detach();
}

static void test_watch_holds_off_detach(void)
{
	struct pt_setup_result done;
	pt_autofd lock = -1;

	T_NEED(attach(HEAD BOTH));
	T_EQ(pt_pin_lock(dir, PT_PIN_LOCK_WATCH, &lock, &err), 0);
	forget();
	T_EQ(pt_setup_detach(dir, &err), -EBUSY);
	T_HAS(err.msg, "stop it first");
	// It would go on with the files that it has read, and undo the new ones.
	T_EQ(pt_setup_attach(dir, &setup, &done, &err), -EBUSY);
	T_HAS(err.msg, "SIGHUP");
	pt_cleanup_fd(&lock);
	lock = -1;
	detach();
	T_EQ(pt_setup_detach(dir, &err), -ENOENT);
	T_HAS(err.msg, "nothing is attached here");
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "attach fills every table from the files", test_tables },
		{ "attach again renews programs of another build, keeps decisions",
			test_attach_again },
		{ "a program is loaded once, when it is wanted", test_programs_load_once },
		{ "reload keeps indexes and decided orders", test_reload_keeps_indexes },
		{ "what cannot work is refused and nothing made", test_refused },
		{ "an attach that fails late leaves nothing", test_failure_leaves_nothing },
		{ "decisions become groups, bad ones change nothing", test_decisions },
		{ "drop: of the moment, and of the policy", test_drop_decisions },
		{ "a drop that was decided outlives a reload", test_drop_survives_reload },
		{ "a new path's slot has nothing of the last one's", test_slots_are_clean },
		{ "attach finishes what was left half made", test_attach_after_half },
		{ "a device that returns is attached again", test_device_returns },
		{ "a plane of another ABI is refused, and detached", test_another_abi },
		{ "a map of another shape is refused", test_foreign_map },
		{ "a network too large for the tables is refused", test_too_much_is_refused },
		{ "a running watch holds off attach and detach", test_watch_holds_off_detach },
	};

	return site_run(cases, sizeof(cases) / sizeof(cases[0]));
}
