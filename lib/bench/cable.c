// SPDX-License-Identifier: MIT
#include "bench/cable.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/cable.skel.h"
#pragma GCC diagnostic pop

#define TCX_INGRESS 46 // BPF_TCX_INGRESS, which these headers may not know

struct pt_cables {
	struct cable_bpf *skel;
	int link[PT_CABLE_ENDS]; // of the program on each end, 0: none or a filter
};

int pt_cables_new(struct pt_cables **out, struct pt_err *err)
{
	struct pt_cables *c = calloc(1, sizeof(*c));

	if (!c)
		return pt_err_errno(err, -ENOMEM, "cables");
	libbpf_set_print(NULL); // what matters of it is in the error
	c->skel = cable_bpf__open_and_load();
	if (!c->skel) {
		int code = errno ? -errno : -EINVAL;
		free(c);
		return pt_err_errno(err, code, "cables: loading the program");
	}
	*out = c;
	return 0;
}

void pt_cables_free(struct pt_cables *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < PT_CABLE_ENDS; i++) {
		if (c->link[i] > 0)
			close(c->link[i]);
	}
	cable_bpf__destroy(c->skel);
	free(c);
}

// A filter of clsact, for kernels before 6.6; it goes with the device.
static int attach_filter(int prog, uint32_t ifindex)
{
	DECLARE_LIBBPF_OPTS(
		bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);

	int code = bpf_tc_hook_create(&hook);
	return code && code != -EEXIST ? code : bpf_tc_attach(&hook, &opts);
}

static int attach(struct pt_cables *c, uint32_t ifindex)
{
	int prog = bpf_program__fd(c->skel->progs.cable);
	int link = bpf_link_create(prog, (int)ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);

	if (link < 0)
		return attach_filter(prog, ifindex);
	c->link[ifindex] = link;
	return 0;
}

int pt_cables_join(struct pt_cables *c, uint32_t a, uint32_t b, struct pt_err *err)
{
	if (a >= PT_CABLE_ENDS || b >= PT_CABLE_ENDS)
		return pt_err_set(
			err, -ERANGE, "cables: index %u or %u is past %d", a, b, PT_CABLE_ENDS - 1);
	c->skel->bss->peer[a] = b;
	c->skel->bss->peer[b] = a;
	int code = attach(c, a);
	if (!code)
		code = attach(c, b);
	return code ? pt_err_errno(err, code, "cables: attaching to %u and %u", a, b) : 0;
}

void pt_cables_cut(struct pt_cables *c, uint32_t from, bool cut)
{
	c->skel->bss->cut[from] = cut;
}

uint64_t pt_cables_lost(const struct pt_cables *c, uint32_t from)
{
	return c->skel->bss->lost[from];
}
