// SPDX-License-Identifier: MIT
#include "base/netns.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static ino_t net_inode(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

static void refuses(void)
{
	struct pt_err err = { 0 };
	ino_t before = net_inode("/proc/thread-self/ns/net");

	T_EQ(pt_netns_enter("pt-no-such-namespace", &err), -ENOENT);
	T_STR(err.msg, "netns 'pt-no-such-namespace': No such file or directory");
	T_EQ(pt_netns_enter("", &err), -EINVAL);
	T_EQ(pt_netns_enter(".", &err), -EINVAL);
	T_EQ(pt_netns_enter("..", &err), -EINVAL);
	T_OK(pt_netns_enter("/dev/null", &err) < 0);         // a file, but no namespace
	T_OK(pt_netns_enter("/proc/self/ns/uts", &err) < 0); // a namespace, but not of the network
	T_EQ(net_inode("/proc/thread-self/ns/net"), before);
}

// In a child: its own namespace, then back by path, mounts untouched.
static void enters_by_path(void)
{
	char path[64];
	struct pt_err err = { 0 };
	ino_t here = net_inode("/proc/self/ns/net");

	if (geteuid() != 0)
		T_SKIP("needs root");
	snprintf(path, sizeof(path), "/proc/%d/ns/net", getpid());
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		ino_t mounts = net_inode("/proc/self/ns/mnt");
		if (unshare(CLONE_NEWNET) || net_inode("/proc/self/ns/net") == here)
			_exit(1);
		if (pt_netns_enter(path, &err) || net_inode("/proc/self/ns/net") != here)
			_exit(2);
		_exit(net_inode("/proc/self/ns/mnt") == mounts ? 0 : 3);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	T_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

T_MAIN({ "refuses what is no network namespace", refuses },
	{ "enters by path, network only", enters_by_path })
