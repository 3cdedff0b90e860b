// SPDX-License-Identifier: MIT
#include "plane/load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "bpf/passive_map.h"
#include "bpf/reply_map.h"
#include "plane/pin.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/steer.skel.h"
#include "bpf/watch.skel.h"
#include "bpf/xdp.skel.h"
#pragma GCC diagnostic pop

#define HEAD_ROOM 2u // a reload may double the network before attach has to make new maps
// For each bank. A chunk is 1 KiB, a fork 40 bytes.
#define CHUNKS_LEAST 256u
#define FORKS_LEAST  2048u
#define EVENTS_LEAST (256u << 10) // bytes, a power of two
// Bytes that replies may wait in for their reader: 60 ms at 100 probes a second on each path.
#define HEARD_EACH 576u
#define HEARD_MOST (8u << 20)

static int on_print(enum libbpf_print_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

// libbpf's own words are for `-vv`; its callers get ours.
static int on_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[1024];
	int n = vsnprintf(line, sizeof(line), fmt, args);

	if (n > 0)
		pt_log(PT_LOG_DEBUG, "libbpf: %.*s", (int)strcspn(line, "\n"), line);
	(void)level;
	return n;
}

void pt_libbpf_to_log(void)
{
	(void)libbpf_set_print(on_print);
}

static uint32_t at_least(uint32_t n, uint32_t least)
{
	return n > least ? n : least;
}

static uint32_t capped(uint64_t n, uint32_t most)
{
	return n < most ? (uint32_t)n : most;
}

// All paths may fall at once, and the first packet that avoids each may come before anybody reads.
static uint32_t event_bytes(uint32_t paths)
{
	const size_t need = 2 * (size_t)paths * (sizeof(struct pt_event) + BPF_RINGBUF_HDR_SZ);
	uint32_t bytes = EVENTS_LEAST;

	while (bytes < need)
		bytes *= 2;
	return bytes;
}

static uint32_t heard_bytes(uint32_t paths)
{
	uint32_t bytes = EVENTS_LEAST;

	while (bytes < paths * HEARD_EACH && bytes < HEARD_MOST)
		bytes *= 2;
	return bytes;
}

static uint32_t map_entries(const char *name, const struct pt_sizes *s)
{
	uint32_t paths = at_least(capped(HEAD_ROOM * ((uint64_t)s->paths + 1), PT_MAX_PATH), 16);
	uint32_t sites = at_least(capped(HEAD_ROOM * ((uint64_t)s->sites + 1), PT_MAX_SITE), 16);
	int possible = libbpf_num_possible_cpus();
	uint32_t cpus = possible > 0 ? (uint32_t)possible : 1;
	const struct {
		const char *name;
		uint32_t entries;
	} sized[] = {
		{ "pt_group", 2 * sites * PT_MAX_POLICY },
		{ "pt_first", 2 * sites * PT_MAX_POLICY / PT_FIRSTS },
		{ "pt_event", event_bytes(paths) },
		{ "pt_heard", heard_bytes(paths) },
		{ "pt_trip", paths },
		{ "pt_hop", paths },
		{ "pt_watch", paths },
		{ "pt_penalty", paths },
		{ "pt_clock", paths },
		{ "pt_bfd", paths },
		{ "pt_peer", 2 * paths },
		{ "pt_rtt", PT_PASSIVE_CLASSES * paths },
		{ "pt_gate", paths * cpus },
		{ "pt_traffic", paths * cpus },
		{ "pt_session", paths },
		{ "pt_flow", s->nat ? PT_NAT_FLOWS : 0 },
		{ "pt_rx", 2 * paths },
		{ "pt_name", 3 * paths + sites + PT_MAX_POLICY + 64 },
		{ "pt_hook", 3 * paths + 2 * HEAD_ROOM * capped(s->lans, PT_MAX_PATH) + 64 },
		{ "pt_chunk", 2 * (HEAD_ROOM * s->chunks + CHUNKS_LEAST) },
		{ "pt_fork", 2 * (HEAD_ROOM * s->forks + FORKS_LEAST) },
	};

	for (size_t i = 0; i < sizeof(sized) / sizeof(sized[0]); i++)
		if (!strcmp(sized[i].name, name))
			return sized[i].entries;
	return 0;
}

// A map that is pinned already keeps its size, or libbpf would refuse to share it.
static uint32_t pinned_entries(const struct bpf_map *map)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	const char *path = bpf_map__pin_path(map);
	int fd = path ? bpf_obj_get(path) : -1;

	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.max_entries = 0;
	(void)close(fd); // only read
	return info.max_entries;
}

static int set_sizes(struct bpf_object *obj, const struct pt_sizes *sizes, struct pt_err *err)
{
	struct bpf_map *map;
	uint32_t entries;
	int ret;

	bpf_object__for_each_map(map, obj)
	{
		entries = pinned_entries(map);
		if (!entries)
			entries = map_entries(bpf_map__name(map), sizes);
		ret = entries ? bpf_map__set_max_entries(map, entries) : 0;
		if (ret)
			return pt_err_errno(err, ret, "%s: size", bpf_map__name(map));
	}
	return 0;
}

// libbpf pins what is declared as a map; what is declared as a variable has to be told where.
static int set_pins(struct bpf_object *obj, const char *dir, struct pt_err *err)
{
	const size_t skip = strlen(PT_ONE_SECTION);
	char pin[PT_PIN_PATH];
	struct bpf_map *map;
	int ret = 0;

	bpf_object__for_each_map(map, obj)
	{
		const char *name = bpf_map__name(map);

		if (strncmp(name, PT_ONE_SECTION, skip) != 0)
			continue;
		ret = pt_pin_path(dir, name + skip, pin);
		if (!ret)
			ret = bpf_map__set_pin_path(map, pin);
		if (ret)
			return pt_err_errno(err, ret, "%s: pin", name);
	}
	return 0;
}

static int load_object(
	struct bpf_object *obj, const char *dir, const struct pt_sizes *sizes, struct pt_err *err)
{
	int ret = set_pins(obj, dir, err);

	if (!ret)
		ret = set_sizes(obj, sizes, err);
	if (ret)
		return ret;
	ret = bpf_object__load(obj);
	if (ret == -EINVAL)
		return pt_err_set(err, ret,
			"%s: the kernel refused the programs or their pinned maps; "
			"pt-failover detach first, or -vv for its words",
			dir);
	if (ret)
		return pt_err_errno(err, ret, "%s: loading the kernel programs", dir);
	return 0;
}

// ---- which programs ----

struct program_row {
	uint32_t object; // those that are loaded with it
	const char *name;
};

#define BIT(program) (1u << PT_PROGRAM_##program)
#define STEERING     (BIT(STEER) | BIT(ONWARD) | BIT(ONWARD_L3))
#define WATCHING     (BIT(IN) | BIT(OUT) | BIT(IN_L3) | BIT(OUT_L3))

static const struct program_row program_rows[PT_PROGRAM_COUNT] = {
	[PT_PROGRAM_STEER] = { STEERING, "pt_steer" },
	[PT_PROGRAM_ONWARD] = { STEERING, "pt_onward" },
	[PT_PROGRAM_ONWARD_L3] = { STEERING, "pt_onward_l3" },
	[PT_PROGRAM_IN] = { WATCHING, "pt_in" },
	[PT_PROGRAM_OUT] = { WATCHING, "pt_out" },
	[PT_PROGRAM_IN_L3] = { WATCHING, "pt_in_l3" },
	[PT_PROGRAM_OUT_L3] = { WATCHING, "pt_out_l3" },
	[PT_PROGRAM_XDP] = { BIT(XDP), "pt_xdp" },
};

static void add_bytes(uint64_t *hash, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < n; i++)
		*hash = (*hash ^ b[i]) * 0x100000001b3u;
}

uint64_t pt_load_hash(void)
{
	const void *(*const objects[])(
		size_t *) = { steer_bpf__elf_bytes, watch_bpf__elf_bytes, xdp_bpf__elf_bytes };
	uint64_t hash = 0xcbf29ce484222325u; // FNV-1a

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		size_t n;
		const void *bytes = objects[i](&n);

		add_bytes(&hash, bytes, n);
	}
	return hash;
}

const char *pt_program_name(enum pt_program program)
{
	return program_rows[program].name;
}

// What nobody asks for need not be verified.
static int choose(struct bpf_object *obj, uint32_t object, uint32_t set, struct pt_err *err)
{
	int ret = 0;

	for (int i = 0; i < PT_PROGRAM_COUNT && !ret; i++)
		if (object & 1u << i)
			ret = bpf_program__set_autoload(
				bpf_object__find_program_by_name(obj, program_rows[i].name),
				set & 1u << i);
	return ret ? pt_err_errno(err, ret, "choosing programs") : 0;
}

static int keep(
	const struct bpf_object *obj, uint32_t set, struct pt_programs *out, struct pt_err *err)
{
	for (int i = 0; i < PT_PROGRAM_COUNT; i++) {
		const char *name = program_rows[i].name;

		if (!(set & 1u << i))
			continue;
		out->fd[i] = fcntl(bpf_program__fd(bpf_object__find_program_by_name(obj, name)),
			F_DUPFD_CLOEXEC, 3);
		if (out->fd[i] < 0)
			return pt_err_errno(err, -errno, "%s", name);
	}
	return 0;
}

static uint32_t passive_below(const struct pt_programs *p)
{
	return p->sizes.passive ? at_least(PT_PASSIVE_SHARE / p->sizes.passive, 1) : 0;
}

// ---- loading ----

static int load_steer(const char *dir, uint32_t set, struct pt_programs *p, struct pt_err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = dir);
	struct steer_bpf *skel = steer_bpf__open_opts(&opts);
	int ret;

	if (!skel)
		return pt_err_errno(err, -errno, "steer program");
	skel->rodata->pt_passive_below = passive_below(p);
	skel->rodata->pt_passive_seed = p->seed;
	ret = choose(skel->obj, STEERING, set, err);
	if (!ret)
		ret = load_object(skel->obj, dir, &p->sizes, err);
	if (!ret)
		ret = keep(skel->obj, set, p, err);
	steer_bpf__destroy(skel);
	return ret;
}

static int load_watch(const char *dir, uint32_t set, struct pt_programs *p, struct pt_err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = dir);
	struct watch_bpf *skel = watch_bpf__open_opts(&opts);
	int ret;

	if (!skel)
		return pt_err_errno(err, -errno, "watch program");
	skel->rodata->pt_generation = p->generation;
	skel->rodata->pt_passive_below = passive_below(p);
	skel->rodata->pt_passive_seed = p->seed;
	ret = choose(skel->obj, WATCHING, set, err);
	if (!ret)
		ret = load_object(skel->obj, dir, &p->sizes, err);
	if (!ret)
		ret = keep(skel->obj, set, p, err);
	watch_bpf__destroy(skel);
	return ret;
}

// What libbpf does for other pinned maps.
static int share_ports(struct bpf_map *map, const char *dir, struct pt_err *err)
{
	char pin[PT_PIN_PATH];
	int fd = pt_pin_path(dir, bpf_map__name(map), pin) ? -ENAMETOOLONG : bpf_obj_get(pin);
	int ret;

	if (fd == -ENOENT)
		return 0;
	ret = fd < 0 ? fd : bpf_map__reuse_fd(map, fd);
	if (fd >= 0)
		(void)close(fd); // the object has its own
	return ret ? pt_err_errno(err, ret, "%s", bpf_map__name(map)) : 0;
}

static int pin_ports(struct bpf_map *map, const char *dir, struct pt_err *err)
{
	char pin[PT_PIN_PATH];
	int ret = pt_pin_path(dir, bpf_map__name(map), pin);

	if (!ret)
		ret = bpf_obj_pin(bpf_map__fd(map), pin);
	return ret && ret != -EEXIST ? pt_err_errno(err, ret, "%s", bpf_map__name(map)) : 0;
}

static int load_xdp(const char *dir, uint32_t set, struct pt_programs *p, struct pt_err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = dir);
	struct xdp_bpf *skel = xdp_bpf__open_opts(&opts);
	int ret;

	if (!skel)
		return pt_err_errno(err, -errno, "XDP program");
	skel->rodata->pt_passive_below = passive_below(p);
	skel->rodata->pt_passive_seed = p->seed;
	ret = share_ports(skel->maps.pt_xdp_port, dir, err);
	if (!ret)
		ret = load_object(skel->obj, dir, &p->sizes, err);
	if (!ret)
		ret = pin_ports(skel->maps.pt_xdp_port, dir, err);
	if (!ret)
		ret = keep(skel->obj, set, p, err);
	xdp_bpf__destroy(skel);
	return ret;
}

int pt_load_some(const char *dir, uint32_t set, struct pt_programs *p, struct pt_err *err)
{
	static const struct {
		uint32_t object;
		int (*load)(const char *, uint32_t, struct pt_programs *, struct pt_err *);
	} objects[] = {
		{ STEERING, load_steer },
		{ WATCHING, load_watch },
		{ BIT(XDP), load_xdp },
	};
	int ret = 0;

	pt_libbpf_to_log();
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]) && !ret; i++)
		if (set & objects[i].object)
			ret = objects[i].load(dir, set & objects[i].object, p, err);
	return ret;
}

int pt_load(const char *dir, const struct pt_sizes *sizes, uint32_t generation,
	struct pt_programs *out, struct pt_err *err)
{
	struct pt_programs got = PT_PROGRAMS_NONE;
	int ret;

	got.sizes = *sizes;
	got.generation = generation;
	if (getrandom(&got.seed, sizeof(got.seed), 0) != (ssize_t)sizeof(got.seed))
		return pt_err_errno(err, -errno, "random numbers");
	ret = pt_load_some(dir, STEERING | WATCHING, &got, err);
	if (ret)
		pt_programs_done(&got);
	else
		*out = got;
	return ret;
}

void pt_programs_done(struct pt_programs *p)
{
	for (int i = 0; i < PT_PROGRAM_COUNT; i++) {
		if (p->fd[i] >= 0)
			(void)close(p->fd[i]); // nothing to lose in a program
		p->fd[i] = -1;
	}
}
