// SPDX-License-Identifier: MIT
#include "plane/ask.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "plane/load.h"

// The program that a pinned link runs on this device; -1 where filters run it.
static int live_program(const struct pt_plane *p, uint32_t ifindex)
{
	char name[64], path[PT_PIN_PATH];
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);
	pt_autofd link = -1;

	(void)snprintf(name, sizeof(name), PT_PIN_LINKS "/steer-%u", ifindex); // always fits
	if (pt_pin_path(p->dir, name, path))
		return -1;
	link = bpf_obj_get(path);
	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &len))
		return -1;
	return bpf_prog_get_fd_by_id(info.prog_id);
}

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
	const struct pt_sizes as_they_are = {};
	struct pt_programs copy = PT_PROGRAMS_NONE;
	pt_autofd prog = live_program(p, packet->ifindex);
	uint64_t key = make_key();
	struct pt_trace trace;
	uint32_t zero = 0;
	int ret = 0;

	if (prog < 0) // a filter of clsact: the same program, loaded once more
		ret = pt_load(p->dir, &as_they_are, p->meta->generation, &copy, err);
	if (ret)
		return ret;
	ret = run(p, prog < 0 ? copy.fd[PT_PROGRAM_STEER] : prog, packet, key);
	pt_programs_done(&copy);
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
