// SPDX-License-Identifier: MIT
// The host that is looked at or changed: this one, or a directory that looks like one (fixtures).
// Every path is relative to the root: "proc/sys/net/ipv4/ip_forward".
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct pt_host {
	const char *root; // NULL: this host
	int root_fd;
	int sys_fd;      // sysfs of this thread's network namespace, or ROOT/sys; -1: none
	bool init_netns; // the first network namespace, or a fixture
};

#define PT_HOST_NONE                        \
	{                                   \
		.root_fd = -1, .sys_fd = -1 \
	}

// root NULL: this host, in the network namespace of the calling thread.
int pt_host_open(const char *root, struct pt_host *out, struct pt_err *err);
void pt_host_close(struct pt_host *h);

// Whole file, 1 MiB at most; out is cleared first. -errno.
int pt_host_read(const struct pt_host *h, const char *path, struct pt_buf *out);
// The first number of a file. -errno, -EINVAL: no number.
int pt_host_number(const struct pt_host *h, const char *path, double *out);
bool pt_host_has(const struct pt_host *h, const char *path);
// One write(2) of text and nothing else; the file must exist.
int pt_host_write(const struct pt_host *h, const char *path, const char *text);
// A descriptor of a directory for reading, or -errno.
int pt_host_dir(const struct pt_host *h, const char *path);
// "net.ipv4.conf.eth0/1.forwarding" is proc/sys/net/ipv4/conf/eth0.1/forwarding, as sysctl(8) has
// it. -EINVAL: no name of a sysctl.
int pt_host_sysctl_path(const char *key, char *out, size_t len);
