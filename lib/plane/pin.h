// SPDX-License-Identifier: MIT
// The pin directory as a folder of the bpf file system: finding, creating, locking and removing it.
// DIR/pt_* are the maps, DIR/links/ has the programs (plane/program.h) and the links of those that
// are attached.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>

#include "base/err.h"

#define PT_PIN_LINKS "links"
#define PT_PIN_PATH  256 // bytes of the longest path below a pin directory, with its 0

enum pt_pin_lock {
	PT_PIN_LOCK_WRITE, // one batch of writes
	PT_PIN_LOCK_WATCH, // the life of the watch daemon
};

// DIR/name. -ENAMETOOLONG when it does not fit.
int pt_pin_path(const char *dir, const char *name, char out[PT_PIN_PATH]);

// Mounts the bpf file system on /sys/fs/bpf where dir lies below it and none is mounted, then
// creates dir and its parents. *created tells whether dir itself is new.
int pt_pin_create(const char *dir, bool *created, struct pt_err *err);
// 0: a pin directory with a plane in it; -ENOENT: none (err names the cure).
int pt_pin_exists(const char *dir, struct pt_err *err);
// Beside a directory named by its ABI (a number): the one of another ABI that holds a plane. 0 or
// -ENOENT.
int pt_pin_other(const char *dir, char out[PT_PIN_PATH]);
// Takes the lock without waiting; the descriptor holds it. -EBUSY: somebody else does.
int pt_pin_lock(const char *dir, enum pt_pin_lock which, int *fd, struct pt_err *err);
// As above, but waits up to wait_ms.
int pt_pin_lock_wait(
	const char *dir, enum pt_pin_lock which, int wait_ms, int *fd, struct pt_err *err);
// The process that holds it. -ESRCH: nobody that we can see.
int pt_pin_lock_owner(const char *dir, enum pt_pin_lock which, pid_t *out);
// Removes every pin of ours, then dir and its parent if that is empty. Foreign files stay and make
// it fail. Missing is fine.
int pt_pin_remove(const char *dir, struct pt_err *err);

// Tells whoever watches the directory that a verb has changed something. -errno.
int pt_pin_touch(const char *dir, struct pt_err *err);
// A descriptor that is readable once somebody did; and reads it empty.
int pt_pin_touch_watch(const char *dir, int *fd, struct pt_err *err);
void pt_pin_touch_read(int fd);
