// SPDX-License-Identifier: MIT
// A small site's network, and the devices for it in a network namespace of the test's own.
#pragma once
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/records.h"
#include "plane/bank.h"
#include "plane/dest.h"
#include "plane/order.h"
#include "plane/program.h"
#include "plane/setup.h"
#include "plane/state.h"
#include "tests/unit/ip.h"
#include "tests/unit/test.h"

#define HEAD                                                                                      \
	"sites:\n"                                                                                \
	"  - { id: a, lan: [lan0], prefixes: [10.1.0.0/24, 'fd00:1::/64'] }\n"                    \
	"  - { id: b, lan: [x], prefixes: [10.2.0.0/24, 'fd00:2::/64'] }\n"                       \
	"  - { id: c, lan: [x], prefixes: [10.3.0.0/24] }\n"                                      \
	"uplinks:\n"                                                                              \
	"  - { id: u0, site: a, device: wan0 }\n"                                                 \
	"  - { id: u1, site: a, device: wan1 }\n"                                                 \
	"  - { id: u2, site: b, device: wan0 }\n"                                                 \
	"policies:\n"                                                                             \
	"  - { id: voice, priority: 10, match: { dscp: ef }, prefer: [u1], none_inside: drop }\n" \
	"  - { id: rest, priority: 100 }\n"                                                       \
	"paths:\n"
#define PATH_B0                                                                            \
	"  - { id: b0, source: a, dest: b, uplink: u0, preference: 9, next_hop: 10.9.0.2," \
	" next_hop6: 'fd00:9::2', target: 10.9.0.2, port: 862, mtu: 1400 }\n"
#define PATH_B1 \
	"  - { id: b1, source: a, dest: b, uplink: u1, next_hop: 10.9.1.2, target: 10.9.1.2 }\n"
#define PATH_C1 \
	"  - { id: c1, source: a, dest: c, uplink: u1, next_hop: 10.9.1.3, target: 10.9.1.3 }\n"
#define PATH_B2 \
	"  - { id: b2, source: a, dest: b, uplink: u0, next_hop: 10.9.0.2, target: 10.9.0.2 }\n"
#define BOTH PATH_B0 PATH_B1 PATH_C1

static char dir[64];
static struct pt_arena arena;
static struct pt_network net;
static struct pt_config cfg;
static struct pt_links links;
static struct pt_setup setup;
static struct pt_plane *plane;
static struct pt_err err;

// ---- the world ----

static inline int make_devices(void)
{
	return IP("link", "add", "lan0", "type", "veth", "peer", "name", "lan1") ||
		IP("link", "add", "wan0", "type", "veth", "peer", "name", "far0") ||
		IP("link", "add", "wan1", "type", "veth", "peer", "name", "far1") ||
		IP("addr", "add", "10.1.0.1/24", "dev", "lan0") ||
		IP("addr", "add", "10.9.0.1/24", "dev", "wan0");
}

static inline bool use(const char *yaml)
{
	const struct pt_yaml_text text = { "test", yaml, strlen(yaml) };
	struct pt_marks *marks;

	net = (struct pt_network){};
	err = (struct pt_err){};
	pt_links_done(&links);
	if (pt_yaml_parse(&text, &pt_network_schema, &arena, &marks, &net, &err) ||
		pt_network_check(&net, &arena, marks, &err) ||
		pt_config_load(NULL, &arena, &cfg, &err) || pt_links_read(&links, &err)) {
		T_FAIL("%s", err.msg);
		return false;
	}
	cfg.failover.detection_interval_ms = 10;
	cfg.health.check_interval_ms = 1000;
	cfg.health.probes_per_check = 200;
	setup = (struct pt_setup){ .net = &net, .cfg = &cfg, .links = &links, .strict = true };
	if (getenv("PT_HOOK") && !strcmp(getenv("PT_HOOK"), "clsact"))
		setup.hook = PT_HOOK_KIND_CLSACT;
	setup.self = pt_network_site(&net, "a");
	return true;
}

static inline void forget(void)
{
	pt_plane_free(plane);
	plane = NULL;
}

static inline bool attach_as_set(void)
{
	struct pt_setup_result done;

	forget();
	if (pt_setup_attach(dir, &setup, &done, &err) ||
		pt_plane_open(dir, PT_PLANE_WRITE, &plane, &err)) {
		T_FAIL("%s", err.msg);
		return false;
	}
	return true;
}

static inline bool attach(const char *yaml)
{
	forget();
	return use(yaml) && attach_as_set();
}

static inline bool nothing_left(void)
{
	return access(dir, F_OK) < 0 && errno == ENOENT;
}

static inline void detach(void)
{
	forget();
	T_EQ(pt_setup_detach(dir, &err), 0);
	T_OK(nothing_left());
}

static inline uint32_t path_index(const char *id)
{
	pt_autonames names = {};

	T_EQ(pt_names_read(plane, &names, &err), 0);
	return pt_names_index(&names, PT_NAME_PATH, id);
}

// "b0,b1" for a group's order; policies by their position.
static inline const char *order_of(const char *site, uint32_t policy)
{
	static char text[128];
	pt_autonames names = {};
	const struct pt_group *g;

	text[0] = 0;
	T_EQ(pt_names_read(plane, &names, &err), 0);
	g = pt_group_active(plane, pt_names_index(&names, PT_NAME_SITE, site), policy);
	for (uint32_t i = 0; g && i < g->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "," : "",
			pt_names_id(&names, PT_NAME_PATH, g->path[i]));
	return text;
}

static inline uint32_t site_of4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	const struct pt_addr addr = { .family = AF_INET, .bytes = { a, b, c, d } };
	uint32_t site;

	return pt_dest_find(plane, &addr, &site) ? UINT32_MAX : site;
}

static inline uint32_t hooks(void)
{
	struct pt_hook_key key, *prev = NULL;
	uint32_t n = 0;

	for (; !bpf_map_get_next_key(plane->fd[PT_MAP_HOOK], prev, &key); prev = &key)
		n++;
	return n;
}

// ---- programs ----

static inline uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

// 0: it was never loaded.
static inline uint32_t pinned_id(enum pt_program program)
{
	pt_autofd fd = pt_programs_pinned(dir, program);

	return program_id(fd);
}

// What steers the packets of a device.
static inline uint32_t steering_id(const char *device)
{
	const uint32_t ifindex = pt_links_named(&links, device)->ifindex;
	const struct pt_hook_key key = { .ifindex = ifindex, .dir = PT_HOOK_STEER };
	LIBBPF_OPTS(bpf_tc_hook, tc, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);
	struct pt_hook hook = {};
	char pin[PT_PIN_PATH];
	pt_autofd link = -1;

	T_EQ(bpf_map_lookup_elem(plane->fd[PT_MAP_HOOK], &key, &hook), 0);
	if (hook.flags & PT_HOOK_TCX) {
		snprintf(pin, sizeof(pin), "%s/links/steer-%u", dir, ifindex);
		link = bpf_obj_get(pin);
		T_EQ(bpf_obj_get_info_by_fd(link, &info, &len), 0);
		return info.prog_id;
	}
	opts.handle = hook.handle;
	opts.priority = hook.priority;
	T_EQ(bpf_tc_query(&tc, &opts), 0);
	return opts.prog_id;
}

// The pins of programs become those of another build. Returns how many there are.
static inline int other_build(void)
{
	char from[2 * PT_PIN_PATH], to[sizeof(from)];
	const struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(from, sizeof(from), "%s/links", dir);
	d = opendir(from);
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, "program-", 8) != 0)
			continue;
		n++;
		snprintf(from, sizeof(from), "%s/links/%s", dir, e->d_name);
		snprintf(to, sizeof(to), "%s/links/%.*s-0123456789abcdef", dir,
			(int)(strrchr(e->d_name, '-') - e->d_name), e->d_name);
		if (strcmp(from, to) != 0)
			T_EQ(rename(from, to), 0);
	}
	if (d)
		closedir(d);
	return n;
}

static inline int decide(
	const char *site, const char *policy, const char *const *paths, uint32_t n, bool drop)
{
	const struct pt_decision d = {
		.site = site, .policy = policy, .paths = paths, .n_paths = n, .drop = drop
	};
	pt_autonames names = {};
	struct pt_order order;
	uint32_t changed;
	int ret = pt_names_read(plane, &names, &err);

	if (!ret)
		ret = pt_order_resolve(&names, &d, &order, &err);
	if (!ret)
		ret = pt_order_apply(&names, &order, 1, &changed, &err);
	return ret ? ret : (int)changed;
}
#define PATHS(...)                            \
	(const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

// Runs the tests in devices and a pin directory of their own.
static inline int site_run(const struct t_case *cases, size_t n)
{
	int ret;

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/pt-test-%d-setup/1", getpid());
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("1..0 # SKIP needs root and network namespaces\n");
		return 77;
	}
	if (make_devices()) {
		printf("1..0 # SKIP needs ip(8) and veth devices\n");
		return 77;
	}
	ret = t_run(cases, n);
	forget();
	(void)pt_pin_remove(dir, NULL); // what a failed test left
	pt_links_done(&links);
	pt_arena_done(&arena);
	return ret;
}
