// SPDX-License-Identifier: MIT
// Any bytes as a tuning profile, as an expression, and as the journal of a transaction: refused
// with one line, or read.
#include "fuzz.h"

#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tune/expr.h"
#include "tune/profile.h"
#include "tune/host.h"
#include "tune/tx.h"

static bool one_line(const struct pt_err *err, const char *what, char *why, size_t n)
{
	bool ok = err->code < 0 && err->msg[0];

	for (const char *p = err->msg; *p; p++)
		ok = ok && (unsigned char)*p >= 0x20;
	if (!ok)
		(void)snprintf(why, n, "%s: message: %.300s", what, err->msg);
	return ok;
}

static bool try_profile(const char *bytes, size_t len, char *why, size_t n)
{
	pt_autoarena a = { 0 };
	pt_autofd fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct pt_host host = PT_HOST_NONE;
	char path[64], literal[PT_KNOB_VALUE];
	struct pt_err err = { 0 };
	struct pt_profile p;
	bool ok = true;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len ||
		pt_host_open("tests/fuzz/corpus", &host, &err)) // no host: has no files
		return false;
	if (pt_profile_load(&host, path, &a, &p, &err))
		ok = one_line(&err, "profile", why, n);
	else
		for (size_t i = 0; i < p.n_items; i++)
			(void)pt_profile_item_literal(&p.items[i], literal, &err);
	pt_host_close(&host);
	return ok;
}

static bool lookup(void *ctx, const char *name, double *out)
{
	(void)ctx;
	*out = name[0] == 'v' ? NAN : (double)name[0] * 1e6;
	return name[0] != 'x';
}

static bool try_expr(const char *bytes, size_t len, char *why, size_t n)
{
	pt_autofree char *text = strndup(bytes, len);
	struct pt_err err = { 0 };
	double value = 0;
	bool holds = false;
	int ret, again;

	if (!text)
		return false;
	ret = pt_expr_eval(text, lookup, NULL, &value, &err);
	again = pt_expr_holds(text, lookup, NULL, &holds, NULL);
	if (!ret != !again || (!ret && holds != (!isnan(value) && value != 0))) {
		(void)snprintf(why, n, "expression: %d and %d, %g", ret, again, value);
		return false;
	}
	return ret ? one_line(&err, "expression", why, n) : true;
}

static char state_name[] = "/dev/shm/pt-fuzz-XXXXXX";
static struct pt_tx_state kept = PT_TX_STATE_NONE;

static void remove_state(void)
{
	(void)unlinkat(kept.dir_fd, "tx/t/journal", 0);
	(void)unlinkat(kept.dir_fd, "tx/t", AT_REMOVEDIR);
	(void)unlinkat(kept.dir_fd, "tx", AT_REMOVEDIR);
	(void)unlinkat(kept.dir_fd, "lock", 0);
	(void)rmdir(state_name);
}

// STATE/tx/t/journal, made once; the bytes change.
static int journal(struct pt_tx_state *state)
{
	static int fd = -1;
	struct pt_host host = PT_HOST_NONE;
	struct pt_err err = { 0 };

	if (fd < 0 && mkdtemp(state_name) && !pt_host_open("tests/fuzz/corpus", &host, &err) &&
		!pt_tx_state_open(&host, state_name, &kept, &err)) {
		(void)atexit(remove_state); // left behind otherwise, and no more
		(void)mkdirat(kept.dir_fd, "tx", 0700);
		(void)mkdirat(kept.dir_fd, "tx/t", 0700);
		fd = openat(kept.dir_fd, "tx/t/journal", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	pt_host_close(&host);
	*state = kept;
	return fd;
}

static bool try_journal(const char *bytes, size_t len, char *why, size_t n)
{
	pt_autoarena a = { 0 };
	struct pt_tx_state state;
	struct pt_err err = { 0 };
	struct pt_tx tx;
	int fd = journal(&state);

	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, bytes, len, 0) != (ssize_t)len) {
		(void)snprintf(why, n, "journal: no file");
		return false;
	}
	if (pt_tx_load(&state, &a, "t", &tx, &err))
		return one_line(&err, "journal", why, n);
	bool ok = tx.n <= tx.room && tx.result <= PT_TX_REBOOTED;
	if (!ok)
		(void)snprintf(why, n, "journal: %u items of %u", tx.n, tx.room);
	pt_tx_close(&tx);
	return ok;
}

static bool try_all(const char *bytes, size_t len, char *why, size_t n)
{
	return try_profile(bytes, len, why, n) && try_expr(bytes, len, why, n) &&
		try_journal(bytes, len, why, n);
}

FUZZ_TARGET(try_all, "tune")
