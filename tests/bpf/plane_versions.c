// SPDX-License-Identifier: MIT
// Planes of another version: not believed, told in clear words, and removed whole.
#include "net/filter.h"
#include "plane/trip.h"
#include "tests/bpf/site.h"

static int filters(const char *device)
{
	const struct pt_link *link = pt_links_named(&links, device);

	return link ? pt_filter_count(link->ifindex) : -1;
}

static void attach_by(enum pt_hook_kind kind)
{
	T_NEED(use(HEAD BOTH));
	setup.hook = kind;
	T_NEED(attach_as_set());
}

static void test_other_abi_in_place(void)
{
	struct pt_setup_result done;
	char want[256];

	attach_by(PT_HOOK_KIND_CLSACT);
	T_EQ(filters("lan0"), 1);
	T_EQ(filters("wan0"), 2);
	plane->meta->abi = PT_ABI + 1;
	forget();
	snprintf(want, sizeof(want),
		"%s: pt_meta is not of this version (ABI %d); run pt-failover detach, then attach",
		dir, PT_ABI);
	T_EQ(pt_setup_attach(dir, &setup, &done, &err), -EPROTO);
	T_STR(err.msg, want);
	T_EQ(filters("wan0"), 2); // it goes on until it is detached
	detach();
	T_EQ(filters("lan0"), 0);
	T_EQ(filters("wan0"), 0);
}

// As an update of the package finds it: the new default directory is empty, the old one is not.
static void test_other_directory(void)
{
	struct pt_setup_result done;
	char old[128], mine[64];

	attach_by(PT_HOOK_KIND_AUTO);
	forget();
	snprintf(mine, sizeof(mine), "%s", dir);
	snprintf(old, sizeof(old), "%s7", dir);
	T_EQ(rename(dir, old), 0);
	T_EQ(pt_setup_attach(dir, &setup, &done, &err), -EEXIST);
	T_OK(!strncmp(err.msg, old, strlen(old)));
	T_HAS(err.msg, "another version of Patronus");
	T_OK(strstr(err.msg, "detach --pin-dir"));
	T_OK(nothing_left()); // nothing was begun
	snprintf(dir, sizeof(dir), "%.60s7", mine);
	detach();
	snprintf(dir, sizeof(dir), "%s", mine);
	T_NEED(attach_as_set());
	detach();
}

// What came later than this ABI.
static void make_older(void)
{
	static const char *const later[] = { "pt_trip", "pt_heard", "pt_reader" };
	char path[PT_PIN_PATH];

	for (size_t i = 0; i < PT_ARRAY_LEN(later); i++) {
		T_EQ(pt_pin_path(dir, later[i], path), 0);
		T_EQ(unlink(path), 0);
	}
	T_OK(other_build() > 0); // and its programs
}

// Read as it is, and brought up to date in place by attach, or by the daemon; what it knows stays.
static void test_earlier_plane(void)
{
	struct pt_programs progs = PT_PROGRAMS_NONE;
	struct pt_watch watch = { .replies = 7 };
	uint64_t stats[PT_STAT_COUNT];
	uint32_t path = 1;
	struct pt_hist h;

	attach_by(PT_HOOK_KIND_AUTO);
	T_EQ(pt_trip_read(plane, path, &h), 0);
	T_EQ(bpf_map_update_elem(plane->fd[PT_MAP_WATCH], &path, &watch, BPF_ANY), 0);
	forget();
	make_older();
	T_NEED(pt_plane_open(dir, PT_PLANE_READ, &plane, &err) == 0);
	T_EQ(pt_trip_read(plane, path, &h), -ENOENT);
	T_EQ(pt_stat_read(plane, stats), 0);
	T_NEED(attach_as_set());
	T_EQ(pt_trip_read(plane, path, &h), 0);
	T_EQ(bpf_map_lookup_elem(plane->fd[PT_MAP_WATCH], &path, &watch), 0);
	T_EQ(watch.replies, 7);

	forget();
	make_older();
	T_NEED(pt_plane_open(dir, PT_PLANE_WRITE, &plane, &err) == 0);
	T_EQ(pt_trip_forget(plane, path), 0); // nothing to forget
	T_EQ(pt_setup_load(plane, &setup, &progs, &err), 0);
	T_EQ(pt_trip_read(plane, path, &h), 0);
	pt_programs_done(&progs);
	detach();
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "another ABI in the same directory", test_other_abi_in_place },
		{ "another directory of another version", test_other_directory },
		{ "an earlier plane of the same ABI is brought up to date", test_earlier_plane },
	};

	return site_run(cases, sizeof(cases) / sizeof(cases[0]));
}
