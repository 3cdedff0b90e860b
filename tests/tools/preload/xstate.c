// SPDX-License-Identifier: MIT
// For User-Mode Linux 6.1 on processors whose register state (AMX) is larger than the buffer that
// it was built with: the kernel takes back a whole state only. What does not fit stays as it is.
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#define STATE_MAX 65536

long ptrace(enum __ptrace_request request, ...)
{
	static char whole[STATE_MAX];
	long (*real)(enum __ptrace_request, pid_t, void *, void *) = dlsym(RTLD_NEXT, "ptrace");
	va_list ap;

	va_start(ap, request);
	pid_t pid = va_arg(ap, pid_t);
	void *addr = va_arg(ap, void *), *data = va_arg(ap, void *);
	va_end(ap);
	struct iovec all = { .iov_base = whole, .iov_len = sizeof(whole) };
	const struct iovec *part = data;
	if (request != PTRACE_SETREGSET || (long)addr != NT_X86_XSTATE ||
		real(PTRACE_GETREGSET, pid, addr, &all) < 0 || part->iov_len >= all.iov_len)
		return real(request, pid, addr, data);
	memcpy(whole, part->iov_base, part->iov_len);
	return real(request, pid, addr, &all);
}
