// SPDX-License-Identifier: MIT
#include "plane/program.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "plane/pin.h"

#define PREFIX     "program-"
#define NAME_BYTES 64 // PREFIX, a program's name of 15 characters at most, 16 digits

// What a program was loaded from and with, as the end of its pin's name.
static uint64_t identity(const struct pt_programs *p)
{
	const uint32_t settings[] = { p->generation, p->seed, p->sizes.passive };
	uint64_t hash = pt_load_hash();

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		hash = (hash ^ settings[i]) * 0x100000001b3u;
	return hash;
}

static void pin_name(const struct pt_programs *p, enum pt_program program, char out[NAME_BYTES])
{
	(void)snprintf(out, NAME_BYTES, PREFIX "%s-%016" PRIx64, pt_program_name(program),
		p->identity); // always fits
}

static int pin_path(const char *dir, const char *name, char out[PT_PIN_PATH])
{
	int n = snprintf(out, PT_PIN_PATH, "%s/" PT_PIN_LINKS "/%s", dir, name);

	return n < 0 || n >= PT_PIN_PATH ? -ENAMETOOLONG : 0;
}

static int own_path(const char *dir, const struct pt_programs *p, enum pt_program program,
	char out[PT_PIN_PATH])
{
	char name[NAME_BYTES];

	pin_name(p, program, name);
	return pin_path(dir, name, out);
}

// Calls fn for each name of a program's pin; true: it has seen enough.
static void each_pin(const char *dir, bool (*fn)(void *ctx, const char *name), void *ctx)
{
	char path[PT_PIN_PATH];
	const struct dirent *e;
	DIR *d = pt_pin_path(dir, PT_PIN_LINKS, path) ? NULL : opendir(path);

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, PREFIX, strlen(PREFIX)) && fn(ctx, e->d_name))
			break;
	if (d)
		(void)closedir(d); // only read
}

// ---- which they are ----

static bool is_pinned(const char *dir, const struct pt_programs *p)
{
	char path[PT_PIN_PATH];

	return !own_path(dir, p, PT_PROGRAM_STEER, path) && access(path, F_OK) == 0;
}

int pt_programs_init(const char *dir, const struct pt_meta *meta, const struct pt_sizes *sizes,
	struct pt_programs *out, struct pt_err *err)
{
	struct pt_programs p = PT_PROGRAMS_NONE;

	p.sizes = *sizes;
	p.generation = meta ? meta->generation : 1;
	p.seed = meta ? meta->passive_seed : 0;
	while (!p.seed)
		if (getrandom(&p.seed, sizeof(p.seed), 0) != (ssize_t)sizeof(p.seed))
			return pt_err_errno(err, -errno, "random numbers");
	p.identity = identity(&p);
	if (meta && !is_pinned(dir, &p)) {
		p.generation++;
		p.identity = identity(&p);
	}
	if (!meta) // of maps that are no more
		pt_programs_retire(dir, NULL);
	*out = p;
	return 0;
}

// ---- in hand ----

// -1: no such pin, or something else of that name.
static int find(const char *dir, const struct pt_programs *p, enum pt_program program)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);
	char path[PT_PIN_PATH];
	int fd = own_path(dir, p, program, path) ? -1 : bpf_obj_get(path);

	if (fd < 0)
		return -1;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) &&
		!strcmp(info.name, pt_program_name(program)))
		return fd;
	(void)close(fd); // only read
	return -1;
}

static int pin(
	const char *dir, const struct pt_programs *p, enum pt_program program, struct pt_err *err)
{
	char path[PT_PIN_PATH];
	int ret = own_path(dir, p, program, path);

	if (!ret)
		ret = bpf_obj_pin(p->fd[program], path);
	return ret ? pt_err_errno(err, ret, "pinning %s", pt_program_name(program)) : 0;
}

int pt_programs_need(const char *dir, uint32_t set, struct pt_programs *p, struct pt_err *err)
{
	uint32_t missing = 0;
	int ret;

	for (int i = 0; i < PT_PROGRAM_COUNT; i++) {
		if (set & PT_PROGRAM_BIT(i) && p->fd[i] < 0)
			p->fd[i] = find(dir, p, (enum pt_program)i);
		if (set & PT_PROGRAM_BIT(i) && p->fd[i] < 0)
			missing |= PT_PROGRAM_BIT(i);
	}
	if (!missing)
		return 0;
	ret = pt_load_some(dir, missing, p, err);
	for (int i = 0; i < PT_PROGRAM_COUNT && !ret; i++)
		if (missing & PT_PROGRAM_BIT(i))
			ret = pin(dir, p, (enum pt_program)i, err);
	return ret;
}

// ---- by their names ----

struct retiring {
	const char *dir;
	const struct pt_programs *p;
	char found[NAME_BYTES];
};

static bool is_current(const struct pt_programs *p, const char *name)
{
	char own[NAME_BYTES];

	for (int i = 0; p && i < PT_PROGRAM_COUNT; i++) {
		pin_name(p, (enum pt_program)i, own);
		if (!strcmp(own, name))
			return true;
	}
	return false;
}

static bool is_stale(void *ctx, const char *name)
{
	struct retiring *r = ctx;

	if (is_current(r->p, name))
		return false;
	(void)snprintf(r->found, sizeof(r->found), "%s", name);
	return true;
}

void pt_programs_retire(const char *dir, const struct pt_programs *p)
{
	struct retiring r = { .dir = dir, .p = p };
	char path[PT_PIN_PATH];

	do { // removing while walking would begin the walk anew
		r.found[0] = '\0';
		each_pin(dir, is_stale, &r);
	} while (r.found[0] && !pin_path(dir, r.found, path) && !unlink(path));
}

struct finding {
	char prefix[NAME_BYTES];
	char found[NAME_BYTES];
};

static bool is_found(void *ctx, const char *name)
{
	struct finding *f = ctx;

	if (strncmp(name, f->prefix, strlen(f->prefix)) != 0)
		return false;
	(void)snprintf(f->found, sizeof(f->found), "%s", name);
	return true;
}

int pt_programs_pinned(const char *dir, enum pt_program program)
{
	struct finding f = {};
	char path[PT_PIN_PATH];

	(void)snprintf(f.prefix, sizeof(f.prefix), PREFIX "%s-", pt_program_name(program));
	each_pin(dir, is_found, &f);
	if (!f.found[0] || pin_path(dir, f.found, path))
		return -ENOENT;
	return bpf_obj_get(path);
}
