// SPDX-License-Identifier: MIT
#include "plane/ask.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "plane/program.h"

static uint64_t make_key(void)
{
	uint64_t key = 0;

	while (!key)
		if (getrandom(&key, sizeof(key), 0) != sizeof(key))
			key = 0;
	return key;
}

static int run(struct pt_plane *p, int prog, const struct pt_ask_packet *packet, uint64_t key)
{
	struct __sk_buff skb = {
		.ifindex = packet->ifindex,
		.cb = { (uint32_t)key, (uint32_t)(key >> 32) },
	};
	uint8_t left[2048];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->frame,
		.data_size_in = (uint32_t)packet->len, .data_out = left,
		.data_size_out = sizeof(left), .ctx_in = &skb, .ctx_size_in = sizeof(skb),
		.repeat = 1);
	int ret;

	__atomic_store_n(&p->meta->trace_key, key, __ATOMIC_RELEASE);
	ret = bpf_prog_test_run_opts(prog, &opts);
	__atomic_store_n(&p->meta->trace_key, 0, __ATOMIC_RELEASE);
	return ret;
}

int pt_ask_run(struct pt_plane *p, const struct pt_ask_packet *packet, struct pt_trace *out,
	struct pt_err *err)
{
	pt_autofd prog = pt_programs_pinned(p->dir, PT_PROGRAM_STEER);
	uint64_t key = make_key();
	struct pt_trace trace;
	uint32_t zero = 0;
	int ret;

	if (prog < 0)
		return pt_err_errno(err, prog, "%s: the steering program", p->dir);
	ret = run(p, prog, packet, key);
	if (ret)
		return pt_err_errno(err, ret, "running the program");
	ret = bpf_map_lookup_elem(p->fd[PT_MAP_TRACE], &zero, &trace);
	if (ret)
		return pt_err_errno(err, ret, "pt_trace");
	if (trace.key != key)
		return pt_err_set(err, -EAGAIN, "another question came in between; ask again");
	*out = trace;
	return 0;
}
