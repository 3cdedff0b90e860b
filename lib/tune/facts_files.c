// SPDX-License-Identifier: MIT
// What files tell: settings, logs, spools, and the disk and locks of the database.
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/cleanup.h"
#include "model/config.h"
#include "tune/facts_read.h"
#include "tune/scan.h"

#define CONFIG   "etc/patronus/config.yaml"
#define DATABASE "var/lib/patronus/sdwan.db"
#define DEEP     4 // directories below each other

// SQLite's lock bytes: the writer's of a log's index, and of a file without one.
#define WAL_WRITE_LOCK 120
#define RESERVED_LOCK  0x40000001
#define LOOKS          5
#define LOOK_NS        10000000

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static double size_below(int dir_fd, int deep)
{
	__attribute__((cleanup(close_dir))) DIR *dir = fdopendir(dir_fd);
	const struct dirent *d;
	struct stat st;
	double sum = 0;

	if (!dir) {
		pt_cleanup_fd(&dir_fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(st.st_mode))
			sum += (double)st.st_blocks * 512; // sparse files have less than their size
		if (!S_ISDIR(st.st_mode) || !deep)
			continue;
		int fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		sum += fd < 0 ? 0 : size_below(fd, deep - 1);
	}
	return sum;
}

static void read_sizes(const struct pt_host *h, struct pt_facts *f)
{
	static const struct {
		const char *dir;
		enum pt_fact fact;
	} dirs[] = {
		{ "var/log/patronus", PT_FACT_log_bytes },
		{ "var/log/journal", PT_FACT_log_bytes },
		{ "run/patronus/spool", PT_FACT_spool_bytes },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(dirs); i++) {
		int fd = pt_host_dir(h, dirs[i].dir);
		if (fd < 0)
			continue;
		double v = f->value[dirs[i].fact];
		f->value[dirs[i].fact] = (isnan(v) ? 0 : v) + size_below(fd, DEEP);
	}
}

static void read_config(const struct pt_host *h, struct pt_facts *f)
{
	struct pt_arena a = { 0 };
	struct pt_config c;
	char path[512];

	if (!pt_host_has(h, CONFIG))
		return;
	(void)snprintf(path, sizeof(path), "%s/" CONFIG, h->root ? h->root : "");
	if (pt_config_load(path, &a, &c, NULL) == 0) {
		double cache = (double)c.database.cache_size;
		cache = cache < 0 ? -cache * 1024 : cache * (double)c.database.page_size;
		f->value[PT_FACT_cfg_cache] = cache * (double)c.database.connection_pool_size;
		f->value[PT_FACT_cfg_debug] = c.logging.level == PT_LOG_DEBUG;
		f->value[PT_FACT_cfg_retention] = (double)c.metrics.retention_seconds;
		f->value[PT_FACT_cfg_probes] = f->value[PT_FACT_paths] * 1e9 /
			(double)pt_config_probe_ns(&c);
	}
	pt_arena_done(&a);
}

static void read_disk(const struct pt_host *h, dev_t dev, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	// What follows "MAJOR MINOR NAME": reads done, merged, sectors, ms; the same of writes;
	// under way; busy ms
	enum { READS, READ_MS = 3, WRITES, WRITE_MS = 7, BUSY = 9, COLUMNS };
	double column[COLUMNS];
	unsigned long hi, lo;
	char path[64], *at;

	if (pt_host_read(h, "proc/diskstats", &text) < 0 || !text.data)
		return;
	at = text.data;
	for (char *line; (line = strsep(&at, "\n"));) {
		const char *p = pt_scan_digits(line, 10, &hi);
		p = p ? pt_scan_digits(p, 10, &lo) : NULL;
		if (!p || makedev((unsigned)hi, (unsigned)lo) != dev)
			continue;
		p += strspn(p, " ");
		for (int i = 0; i < COLUMNS; i++) {
			p += strcspn(p, " ");
			column[i] = pt_scan_number(p);
			p += strspn(p, " ");
		}
		f->value[PT_FACT_disk_ios] = column[READS] + column[WRITES];
		f->value[PT_FACT_disk_ms] = column[READ_MS] + column[WRITE_MS];
		f->value[PT_FACT_disk_busy_ms] = column[BUSY];
	}
	static const char *const where[] = { "queue", "../queue" }; // a disk's, a partition's
	for (size_t i = 0; i < PT_ARRAY_LEN(where); i++) {
		(void)snprintf(path, sizeof(path), "sys/dev/block/%u:%u/%s/rotational", major(dev),
			minor(dev), where[i]);
		(void)pt_host_number(h, path, &f->value[PT_FACT_disk_rotates]); // NaN stays
	}
}

static bool holds(const char *locks, const struct stat *file, unsigned long byte)
{
	char want[80];

	(void)snprintf(want, sizeof(want), " %02x:%02x:%lu %lu ", major(file->st_dev),
		minor(file->st_dev), (unsigned long)file->st_ino, byte);
	for (const char *at = locks; (at = strstr(at, want)); at++) {
		const char *line = at;
		while (line > locks && line[-1] != '\n')
			line--;
		const char *kind = strstr(line, "WRITE"), *waits = strstr(line, "->");
		if (kind && kind < at && !(waits && waits < at)) // later lines are others' locks
			return true;
	}
	return false;
}

static bool locked(const struct pt_host *h, const struct stat *db, const struct stat *shm)
{
	pt_autobuf text = { 0 };

	if (pt_host_read(h, "proc/locks", &text) < 0)
		return false;
	const char *s = pt_buf_str(&text);
	return holds(s, db, RESERVED_LOCK) || (shm && holds(s, shm, WAL_WRITE_LOCK));
}

// A lock that is seen once is somebody at work; one that is always there is somebody in the way.
static void read_locks(const struct pt_host *h, const struct stat *db, struct pt_facts *f)
{
	const struct timespec gap = { .tv_nsec = LOOK_NS };
	struct stat shm;
	bool log = fstatat(h->root_fd, DATABASE "-shm", &shm, 0) == 0;
	int n = 0;

	if (!pt_host_has(h, "proc/locks"))
		return;
	while (n < LOOKS && locked(h, db, log ? &shm : NULL)) {
		n++;
		(void)nanosleep(&gap, NULL); // cut short, it only looks sooner
	}
	f->value[PT_FACT_db_locked] = 100.0 * n / LOOKS;
}

void pt_facts_read_files(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	struct stat db;

	read_sizes(h, f);
	read_config(h, f);
	if (fstatat(h->root_fd, DATABASE, &db, 0) == 0) {
		read_disk(h, db.st_dev, f);
		read_locks(h, &db, f);
	}
	if (pt_host_read(h, "proc/vmstat", &text) == 0)
		f->value[PT_FACT_oom_kills] = pt_scan_after(pt_buf_str(&text), "\noom_kill ");
}
