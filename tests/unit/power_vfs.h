// SPDX-License-Identifier: MIT
// A file system for SQLite under which the power can go at any instant. It writes through to the
// real one and remembers what each file was at its last sync, and what was written since. A cut
// leaves the former and any part of the latter, in any order, torn at any sector.
#pragma once
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POWER_FILES  8
#define POWER_SECTOR 512

struct power_op {
	sqlite3_int64 at;
	int len; // -1: truncate to `at`
	unsigned char *data;
};

struct power_file {
	char name[256]; // "" is free
	unsigned char *durable;
	sqlite3_int64 size, room;
	struct power_op *ops;
	unsigned n_ops, ops_room;
};

struct power_handle {
	sqlite3_file base;
	struct power_file *file; // NULL: not one that outlives the power
	sqlite3_file *real;
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	struct power_file files[POWER_FILES];
	uint64_t random, writes;
	void (*on_write)(void); // before each write that is remembered
} power;

static uint32_t power_below(uint32_t n)
{
	power.random ^= power.random << 13;
	power.random ^= power.random >> 7;
	power.random ^= power.random << 17;
	return (uint32_t)(power.random >> 20) % n;
}

static struct power_file *power_find(const char *name, bool make)
{
	for (int i = 0; i < POWER_FILES; i++) {
		if (strcmp(power.files[i].name, name) == 0)
			return &power.files[i];
	}
	for (int i = 0; make && i < POWER_FILES; i++) {
		if (!power.files[i].name[0]) {
			(void)snprintf(
				power.files[i].name, sizeof(power.files[i].name), "%s", name);
			return &power.files[i];
		}
	}
	return NULL;
}

static void power_forget_ops(struct power_file *f)
{
	for (unsigned i = 0; i < f->n_ops; i++)
		free(f->ops[i].data);
	f->n_ops = 0;
}

static void power_free_file(struct power_file *f)
{
	power_forget_ops(f);
	free(f->ops);
	free(f->durable);
	*f = (struct power_file){ 0 };
}

static void power_apply(struct power_file *f, const struct power_op *op, int len)
{
	sqlite3_int64 end = op->at + (op->len < 0 ? 0 : len);

	if (op->len < 0) {
		f->size = op->at < f->size ? op->at : f->size;
		return;
	}
	if (end > f->room) {
		f->room = end * 2;
		f->durable = realloc(f->durable, (size_t)f->room);
	}
	if (end > f->size) {
		memset(f->durable + f->size, 0, (size_t)(end - f->size));
		f->size = end;
	}
	memcpy(f->durable + op->at, op->data, (size_t)len);
}

static void power_note(struct power_file *f, sqlite3_int64 at, int len, const void *data)
{
	if (f->n_ops == f->ops_room) {
		f->ops_room = f->ops_room ? f->ops_room * 2 : 64;
		f->ops = realloc(f->ops, f->ops_room * sizeof(*f->ops));
	}
	struct power_op *op = &f->ops[f->n_ops++];
	*op = (struct power_op){ .at = at, .len = len };
	if (len > 0) {
		op->data = malloc((size_t)len);
		memcpy(op->data, data, (size_t)len);
	}
}

// What is left of every file, below `dir`, if the power goes now.
static void power_cut(const char *dir)
{
	for (int i = 0; i < POWER_FILES; i++) {
		struct power_file *f = &power.files[i], left = { 0 };
		char path[512];
		if (!f->name[0])
			continue;
		left.size = left.room = f->size;
		left.durable = malloc((size_t)f->size + 1);
		if (f->size)
			memcpy(left.durable, f->durable, (size_t)f->size);
		uint32_t keep = power_below(4); // none, some, most, all but the torn
		for (unsigned k = 0; k < f->n_ops; k++) {
			const struct power_op *op = &f->ops[k];
			if (power_below(3) >= keep && keep < 3)
				continue;
			int len = op->len;
			if (len > POWER_SECTOR && power_below(4) == 0)
				len = (int)power_below((uint32_t)len / POWER_SECTOR) * POWER_SECTOR;
			power_apply(&left, op, len);
		}
		const char *slash = strrchr(f->name, '/');
		(void)snprintf(path, sizeof(path), "%s/%s", dir, slash + 1);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, left.durable, (size_t)left.size) != left.size)
			abort();
		close(fd);
		free(left.durable);
	}
}

#define REAL(f) (((struct power_handle *)(f))->real)

static int p_close(sqlite3_file *f)
{
	int rc = REAL(f)->pMethods->xClose(REAL(f));
	free(REAL(f));
	return rc;
}

static int p_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	return REAL(f)->pMethods->xRead(REAL(f), to, n, at);
}

static int p_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	struct power_file *file = ((struct power_handle *)f)->file;

	if (file && power.on_write)
		power.on_write();
	if (file)
		power_note(file, at, n, from);
	power.writes++;
	return REAL(f)->pMethods->xWrite(REAL(f), from, n, at);
}

static int p_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct power_file *file = ((struct power_handle *)f)->file;

	if (file)
		power_note(file, size, -1, NULL);
	return REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int p_sync(sqlite3_file *f, int flags)
{
	struct power_file *file = ((struct power_handle *)f)->file;

	for (unsigned i = 0; file && i < file->n_ops; i++)
		power_apply(file, &file->ops[i], file->ops[i].len);
	if (file)
		power_forget_ops(file);
	(void)flags; // the real disk need not be bothered
	return SQLITE_OK;
}

static int p_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return REAL(f)->pMethods->xFileSize(REAL(f), size);
}

static int p_lock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int p_unlock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int p_reserved(sqlite3_file *f, int *out)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}

static int p_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int p_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int p_traits(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int p_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
	return REAL(f)->pMethods->xShmMap(REAL(f), region, size, extend, out);
}

static int p_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return REAL(f)->pMethods->xShmLock(REAL(f), at, n, flags);
}

static void p_shm_barrier(sqlite3_file *f)
{
	REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int p_shm_unmap(sqlite3_file *f, int del)
{
	return REAL(f)->pMethods->xShmUnmap(REAL(f), del);
}

// Version 2: no memory maps, so that every byte goes through p_write.
static const sqlite3_io_methods power_methods = {
	.iVersion = 2,
	.xClose = p_close,
	.xRead = p_read,
	.xWrite = p_write,
	.xTruncate = p_truncate,
	.xSync = p_sync,
	.xFileSize = p_size,
	.xLock = p_lock,
	.xUnlock = p_unlock,
	.xCheckReservedLock = p_reserved,
	.xFileControl = p_control,
	.xSectorSize = p_sector,
	.xDeviceCharacteristics = p_traits,
	.xShmMap = p_shm_map,
	.xShmLock = p_shm_lock,
	.xShmBarrier = p_shm_barrier,
	.xShmUnmap = p_shm_unmap,
};

static int p_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct power_handle *h = (struct power_handle *)f;
	int kept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;

	(void)vfs;
	*h = (struct power_handle){ .real = calloc(1, (size_t)power.real->szOsFile) };
	int rc = power.real->xOpen(power.real, name, h->real, flags, out);
	if (h->real->pMethods)
		h->base.pMethods = &power_methods;
	else
		free(h->real);
	if (rc == SQLITE_OK && name && (flags & kept))
		h->file = power_find(name, true);
	return rc;
}

static int p_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	struct power_file *f = power_find(name, false);

	(void)vfs;
	if (f)
		power_free_file(f);
	return power.real->xDelete(power.real, name, sync_dir);
}

// Everything opened from now on, until power_off.
static void power_on(uint64_t seed)
{
	power.real = sqlite3_vfs_find("unix");
	power.vfs = *power.real;
	power.vfs.szOsFile = sizeof(struct power_handle);
	power.vfs.zName = "power";
	power.vfs.xOpen = p_open;
	power.vfs.xDelete = p_delete;
	power.random = seed * 2654435761u + 88172645463325252u;
	sqlite3_vfs_register(&power.vfs, 1);
}

static void power_off(void)
{
	sqlite3_vfs_register(power.real, 1);
	sqlite3_vfs_unregister(&power.vfs);
	for (int i = 0; i < POWER_FILES; i++)
		power_free_file(&power.files[i]);
	power.on_write = NULL;
}
