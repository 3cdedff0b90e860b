// SPDX-License-Identifier: MIT
// Planes of another version: not believed, told in clear words, and removed whole.
#include "net/filter.h"
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

int main(void)
{
	static const struct t_case cases[] = {
		{ "another ABI in the same directory", test_other_abi_in_place },
		{ "another directory of another version", test_other_directory },
	};

	return site_run(cases, sizeof(cases) / sizeof(cases[0]));
}
