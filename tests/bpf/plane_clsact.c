// SPDX-License-Identifier: MIT
// The data plane on kernels without TCX: filters of the clsact qdisc, which others use, too.
#include <dirent.h>

#include "tests/bpf/site.h"

static uint32_t clsact_hooks(void)
{
	struct pt_hook_key key, *prev = NULL;
	struct pt_hook hook;
	uint32_t n = 0;

	for (; !bpf_map_get_next_key(plane->fd[PT_MAP_HOOK], prev, &key); prev = &key)
		if (!bpf_map_lookup_elem(plane->fd[PT_MAP_HOOK], &key, &hook))
			n += !(hook.flags & PT_HOOK_TCX);
	return n;
}

static int filters(const char *device, const char *where)
{
	char file[] = "/tmp/pt-test-filters-XXXXXX", line[512];
	int fd = mkstemp(file), n = 0;
	FILE *f = fdopen(fd, "r");

	T_EQ(RUN("sh", "-c", "tc filter show dev $1 $2 >$0", file, device, where), 0);
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "direct-action") != NULL;
	if (f)
		(void)fclose(f);
	(void)unlink(file);
	return n;
}

// What attach was told goes for devices that come later, too, even with the index of an old one.
static void test_clsact_stays(void)
{
	struct pt_programs progs = PT_PROGRAMS_NONE;
	char index[16];

	forget();
	T_NEED(use(HEAD BOTH));
	setup.hook = PT_HOOK_KIND_CLSACT;
	T_NEED(attach_as_set());
	T_EQ(clsact_hooks(), 5);
	snprintf(index, sizeof(index), "%u", plane->hop[path_index("b0")].ifindex);
	T_EQ(IP("link", "del", "wan0"), 0);
	T_EQ(IP("link", "add", "wan0", "index", index, "type", "veth", "peer", "name", "far0"), 0);
	T_NEED(use(HEAD BOTH));
	setup.strict = false;
	T_EQ(pt_setup_load(plane, &setup, &progs, &err), 0);
	T_EQ(pt_setup_refresh(plane, &setup, &progs, false, &err), 0);
	T_EQ(clsact_hooks(), 5);
	T_EQ(filters("wan0", "ingress"), 1);
	T_EQ(filters("wan0", "egress"), 1);
	// A new index.
	T_EQ(IP("link", "del", "wan0"), 0);
	T_EQ(IP("link", "add", "wan0", "type", "veth", "peer", "name", "far0"), 0);
	T_NEED(use(HEAD BOTH));
	setup.strict = false;
	T_EQ(pt_setup_refresh(plane, &setup, &progs, false, &err), 0);
	T_EQ(clsact_hooks(), 5);
	T_EQ(filters("wan0", "egress"), 1);
	pt_programs_done(&progs);
	detach();
	T_EQ(filters("wan0", "egress"), 0);
}

// Killed between a filter and its entry in pt_hook: two would count each probe twice.
static void test_clsact_once(void)
{
	struct pt_hook_key key;

	forget();
	T_NEED(use(HEAD BOTH));
	setup.hook = PT_HOOK_KIND_CLSACT;
	T_NEED(attach_as_set());
	while (!bpf_map_get_next_key(plane->fd[PT_MAP_HOOK], NULL, &key))
		T_EQ(bpf_map_delete_elem(plane->fd[PT_MAP_HOOK], &key), 0);
	T_NEED(attach_as_set());
	T_EQ(clsact_hooks(), 5);
	T_EQ(filters("wan0", "egress"), 1);
	T_EQ(filters("lan0", "ingress"), 1);
	detach();
	T_EQ(filters("wan0", "egress"), 0);
	T_EQ(filters("lan0", "ingress"), 0);
}

static uint32_t pinned_links(void)
{
	char links_dir[80];
	uint32_t n = 0;
	const struct dirent *e;

	snprintf(links_dir, sizeof(links_dir), "%s/links", dir);
	DIR *d = opendir(links_dir);
	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.' && strncmp(e->d_name, "program-", 8) != 0;
	if (d)
		closedir(d);
	return n;
}

// Alone on a plane of its own, for a kernel that cannot must not leave half of one.
static bool has_tcx(void)
{
	struct pt_setup_result done;
	bool has;

	forget();
	if (!use(HEAD BOTH))
		return false;
	setup.hook = PT_HOOK_KIND_TCX;
	has = !pt_setup_attach(dir, &setup, &done, &err);
	if (has)
		detach();
	else
		T_HAS(err.msg, "no TCX in this kernel (Linux 6.6 has it): use clsact or auto");
	return has;
}

// Never both: every probe would be counted twice.
static void test_change_of_kind(void)
{
	static const struct {
		enum pt_hook_kind kind;
		uint32_t links;
		int filters;
	} rows[] = { { PT_HOOK_KIND_TCX, 5, 0 }, { PT_HOOK_KIND_CLSACT, 0, 1 },
		{ PT_HOOK_KIND_AUTO, 0, 1 }, { PT_HOOK_KIND_TCX, 5, 0 } };

	if (!has_tcx())
		T_SKIP("no TCX in this kernel");
	forget();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		T_NEED(use(HEAD BOTH));
		setup.hook = rows[i].kind;
		T_NEED(attach_as_set());
		T_EQ(pinned_links(), rows[i].links);
		T_EQ(filters("wan0", "ingress"), rows[i].filters);
		T_EQ(filters("wan0", "egress"), rows[i].filters);
		T_EQ(filters("lan0", "ingress"), rows[i].filters);
	}
	detach();
}

// A device that changes sides keeps what is still wanted of its shared qdisc; what somebody else
// put there outlives us.
static void test_clsact_is_shared(void)
{
	LIBBPF_OPTS(bpf_tc_hook, tc, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .priority = 7);
	struct pt_programs progs = PT_PROGRAMS_NONE;

	forget();
	T_NEED(use(HEAD BOTH));
	setup.hook = PT_HOOK_KIND_CLSACT;
	T_NEED(attach_as_set());
	forget();
	T_NEED(use("sites:\n"
		   "  - { id: a, lan: [lan0, wan0], prefixes: [10.1.0.0/24] }\n"
		   "  - { id: b, lan: [x], prefixes: [10.2.0.0/24] }\n"
		   "uplinks:\n"
		   "  - { id: u1, site: a, device: wan1 }\n"
		   "policies:\n"
		   "  - { id: rest, priority: 100 }\n"
		   "paths:\n" PATH_B1));
	setup.hook = PT_HOOK_KIND_CLSACT;
	T_NEED(attach_as_set());
	T_EQ(hooks(), 4);
	T_EQ(filters("wan0", "ingress"), 1); // steers now
	T_EQ(filters("wan0", "egress"), 0);
	T_EQ(pt_setup_load(plane, &setup, &progs, &err), 0);
	opts.prog_fd = progs.fd[PT_PROGRAM_IN];
	tc.ifindex = (int)pt_links_named(&links, "wan0")->ifindex;
	T_EQ(bpf_tc_attach(&tc, &opts), 0);
	pt_programs_done(&progs);
	detach();
	T_EQ(filters("wan0", "ingress"), 1); // not ours
	T_EQ(IP("link", "del", "wan0"), 0);
	T_EQ(IP("link", "add", "wan0", "type", "veth", "peer", "name", "far0"), 0);
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "clsact stays clsact, whatever device comes", test_clsact_stays },
		{ "a filter that nobody noted is found again", test_clsact_once },
		{ "attach again with another kind of hook", test_change_of_kind },
		{ "a clsact qdisc is shared with others, and with ourselves",
			test_clsact_is_shared },
	};

	return site_run(cases, sizeof(cases) / sizeof(cases[0]));
}
