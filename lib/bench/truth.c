// SPDX-License-Identifier: MIT
#include "bench/truth.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/truth.skel.h"
#pragma GCC diagnostic pop

#define TCX_INGRESS 46 // BPF_TCX_INGRESS, which these headers may not know
#define TCX_EGRESS  47

struct pt_truth {
	struct truth_bpf *skel;
	int out, in; // links; -1: a filter, which goes with the device
};

// A link, or a filter of clsact for kernels before 6.6: *link is -1.
static int attach(int prog, uint32_t ifindex, bool ingress, int *link)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		.attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);
	const int type = ingress ? TCX_INGRESS : TCX_EGRESS;

	*link = bpf_link_create(prog, (int)ifindex, (enum bpf_attach_type)type, NULL);
	if (*link >= 0)
		return 0;
	*link = -1;
	int code = bpf_tc_hook_create(&hook);
	return code && code != -EEXIST ? code : bpf_tc_attach(&hook, &opts);
}

int pt_truth_new(uint32_t ifindex, bool by_host, struct pt_truth **out, struct pt_err *err)
{
	struct pt_truth *t = calloc(1, sizeof(*t));

	if (!t)
		return pt_err_errno(err, -ENOMEM, "clock");
	t->out = t->in = -1;
	libbpf_set_print(NULL); // what matters of it is in the error
	t->skel = truth_bpf__open();
	int code = t->skel ? 0 : errno ? -errno : -EINVAL;
	if (!code) {
		t->skel->rodata->by_host = by_host;
		code = truth_bpf__load(t->skel);
	}
	if (!code)
		code = attach(bpf_program__fd(t->skel->progs.truth_out), ifindex, false, &t->out);
	if (!code)
		code = attach(bpf_program__fd(t->skel->progs.truth_in), ifindex, true, &t->in);
	if (code) {
		pt_truth_free(t);
		return pt_err_errno(err, code, "clock of device %u", ifindex);
	}
	*out = t;
	return 0;
}

void pt_truth_free(struct pt_truth *t)
{
	if (!t)
		return;
	if (t->out >= 0)
		close(t->out);
	if (t->in >= 0)
		close(t->in);
	truth_bpf__destroy(t->skel);
	free(t);
}

void pt_truth_reset(struct pt_truth *t)
{
	memset(t->skel->bss, 0, sizeof(*t->skel->bss));
}

bool pt_truth_times(const struct pt_truth *t, uint16_t number, uint64_t *left_ns, uint64_t *came_ns)
{
	*left_ns = t->skel->bss->left_ns[number];
	*came_ns = t->skel->bss->came_ns[number];
	return *left_ns && *came_ns > *left_ns;
}

int64_t pt_truth_rtt_ns(const struct pt_truth *t, uint16_t number)
{
	uint64_t left, came;

	return pt_truth_times(t, number, &left, &came) ? (int64_t)(came - left) : -1;
}
