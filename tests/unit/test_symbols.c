// SPDX-License-Identifier: MIT
// Symbols of files that somebody else wrote: tables without end, and what is no file.
#include "tune/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define TABLES  2000 // the same one
#define SYMBOLS 2000 // in it
#define WORDS   0x1000
#define TABLE   0x2000
#define HEADS   0x10000

struct place {
	char dir[40], path[64], gone[80];
	char *map;
	size_t size;
};

static void place_done(struct place *p)
{
	if (p->map)
		(void)munmap(p->map, p->size);
	(void)unlink(p->path);
	(void)unlink(p->gone);
	(void)rmdir(p->dir);
}
#define autoplace __attribute__((cleanup(place_done))) struct place

static void put_elf(char *map, unsigned tables)
{
	const Elf64_Sym hot = { .st_name = 1,
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		.st_shndx = 1,
		.st_value = 0x100,
		.st_size = 0x100 };
	Elf64_Shdr head[] = { { 0 }, { .sh_type = SHT_PROGBITS, .sh_size = WORDS },
		{ .sh_type = SHT_STRTAB, .sh_offset = WORDS, .sh_size = 8 },
		{ .sh_type = SHT_SYMTAB,
			.sh_offset = TABLE,
			.sh_size = SYMBOLS * sizeof(hot),
			.sh_link = 2 } };
	Elf64_Ehdr e = { .e_shoff = HEADS,
		.e_shentsize = sizeof(head[0]),
		.e_shnum = (Elf64_Half)(3 + tables) };

	memcpy(e.e_ident, ELFMAG, SELFMAG);
	e.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(map, &e, sizeof(e));
	memcpy(map + WORDS + 1, "hot", 4);
	for (unsigned i = 0; i < SYMBOLS; i++)
		memcpy(map + TABLE + i * sizeof(hot), &hot, sizeof(hot));
	for (unsigned i = 0; i < 3 + tables; i++)
		memcpy(map + HEADS + i * sizeof(head[0]), &head[i < 3 ? i : 3], sizeof(head[0]));
}

// A file that is mapped here, as a program is.
static bool make(struct place *p, unsigned tables)
{
	*p = (struct place){ .dir = "/tmp/pt-test-symbols-XXXXXX" };
	p->size = HEADS + (3 + tables) * sizeof(Elf64_Shdr);
	if (!mkdtemp(p->dir))
		return false;
	(void)snprintf(p->path, sizeof(p->path), "%s/program", p->dir);
	(void)snprintf(p->gone, sizeof(p->gone), "%s (deleted)", p->path);
	int fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *map = fd >= 0 && ftruncate(fd, (off_t)p->size) == 0
		? mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
		: MAP_FAILED;
	if (fd >= 0)
		(void)close(fd);
	if (map == MAP_FAILED)
		return false;
	p->map = map;
	put_elf(p->map, tables);
	return true;
}

static void named(const struct place *p, char *out, size_t len)
{
	struct pt_symbols *s = pt_symbols_new();

	out[0] = '\0';
	if (s)
		pt_symbols_user(s, getpid(), (uint64_t)(uintptr_t)p->map + 0x110, out, len);
	pt_symbols_free(s);
}

static void one_table(void)
{
	autoplace p = { 0 };
	char name[64];

	T_NEED(make(&p, 1));
	named(&p, name, sizeof(name));
	T_STR(name, "program: hot");
}

// What is looked at has a limit, whatever the headers say.
static void tables_without_end(void)
{
	autoplace p = { 0 };
	char name[64];
	struct rusage before, after;

	T_NEED(make(&p, TABLES));
	T_EQ(getrusage(RUSAGE_SELF, &before), 0);
	named(&p, name, sizeof(name));
	T_EQ(getrusage(RUSAGE_SELF, &after), 0);
	T_STR(name, "program: hot");
	T_OK(after.ru_maxrss - before.ru_maxrss < 128 << 10); // KiB; all of them were 256 MB
}

static bool was_opened(int watch)
{
	char event[512];

	return read(watch, event, sizeof(event)) > 0;
}

// What stands where the file was is looked at, not opened.
static void no_file(void)
{
	autoplace p = { 0 };
	char name[64];

	T_NEED(make(&p, 1));
	T_EQ(unlink(p.path), 0);
	T_EQ(mkfifo(p.gone, 0600), 0);
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	T_OK(watch >= 0 && inotify_add_watch(watch, p.gone, IN_OPEN) >= 0);
	int look = open(p.gone, O_PATH | O_CLOEXEC);
	if (look >= 0)
		(void)close(look);
	bool tells_looks = was_opened(watch);
	named(&p, name, sizeof(name));
	bool opened = was_opened(watch);
	(void)close(watch);
	if (tells_looks)
		T_SKIP("this kernel tells looks as if files were opened");
	T_STR(name, "program (deleted)");
	T_OK(!opened);
}

T_MAIN({ "a function of a mapped file", one_table },
	{ "a table that many sections name has a limit", tables_without_end },
	{ "what is no file is not opened", no_file })
