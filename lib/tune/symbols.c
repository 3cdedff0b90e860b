// SPDX-License-Identifier: MIT
#include "tune/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tune/scan.h"

#define PATH_LEN    256
#define MAX_FILES   64
#define MAX_SIZE    (64 << 20) // of a file whose symbols are read
#define MAX_SYMBOLS (1u << 18) // of a file that are looked at

struct symbol {
	uint64_t at, size; // 0: up to the next
	char name[48];
};

struct table {
	struct symbol *row;
	size_t n, cap;
};

// A file whose symbols were read; addresses are those in the file.
struct file {
	char path[PATH_LEN]; // seen from here: /proc/PID/root/...
	struct table symbols;
};

struct pt_symbols {
	struct table kernel;
	bool kernel_read;
	struct file file[MAX_FILES];
	unsigned n_files;
};

static void close_file(FILE **f)
{
	if (*f)
		(void)fclose(*f); // read only
}
#define autofile __attribute__((cleanup(close_file))) FILE *

static int by_address(const void *a, const void *b)
{
	uint64_t x = ((const struct symbol *)a)->at, y = ((const struct symbol *)b)->at;

	return x < y ? -1 : x > y;
}

static int grow(struct table *t)
{
	size_t cap = t->cap ? 2 * t->cap : 256;
	struct symbol *more = reallocarray(t->row, cap, sizeof(*more));

	if (!more)
		return -1;
	t->row = more;
	t->cap = cap;
	return 0;
}

static void add(struct table *t, uint64_t at, uint64_t size, const char *name, size_t len)
{
	if (t->n == t->cap && grow(t) < 0)
		return; // a name less
	t->row[t->n].at = at;
	t->row[t->n].size = size;
	(void)snprintf(t->row[t->n].name, sizeof(t->row[t->n].name), "%.*s", (int)len, name);
	t->n++;
}

static const char *lookup(const struct table *t, uint64_t at)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (t->row[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || (t->row[lo - 1].size && at - t->row[lo - 1].at >= t->row[lo - 1].size))
		return NULL; // of a function that the table does not have
	return t->row[lo - 1].name;
}

static void read_kernel(struct table *t)
{
	autofile f = fopen("/proc/kallsyms", "re");
	char line[512];
	unsigned long at;

	while (f && fgets(line, sizeof(line), f)) { // "ADDRESS KIND NAME", and [MODULE]
		const char *p = pt_scan_digits(line, 16, &at);
		if (!p || !at || strlen(p) < 4 || !strchr("tTwW", p[1]))
			continue;
		add(t, at, 0, p + 3, strcspn(p + 3, " \t\n"));
	}
	if (t->n)
		qsort(t->row, t->n, sizeof(*t->row), by_address);
}

void pt_symbols_kernel(struct pt_symbols *s, uint64_t address, char *out, size_t len)
{
	if (!s->kernel_read)
		read_kernel(&s->kernel);
	s->kernel_read = true;
	const char *name = lookup(&s->kernel, address);
	(void)snprintf(out, len, "%s", name ? name : "[kernel]");
}

struct elf {
	const uint8_t *map;
	size_t size;
	uint32_t left; // of MAX_SYMBOLS: any number of sections may be the same table
	Elf64_Ehdr head;
};

static bool section(const struct elf *e, unsigned n, Elf64_Shdr *out)
{
	if (n >= e->head.e_shnum)
		return false;
	memcpy(out, e->map + e->head.e_shoff + n * sizeof(*out), sizeof(*out));
	return out->sh_type == SHT_NOBITS ||
		(out->sh_offset <= e->size && out->sh_size <= e->size - out->sh_offset);
}

// Everything in the file is checked against its size: it may be anything. Maps speak of offsets in
// the file, so that is what is kept.
static void read_section(
	struct elf *e, const Elf64_Shdr *sym, const Elf64_Shdr *str, struct table *t)
{
	Elf64_Shdr code;

	for (uint64_t i = 0; i < sym->sh_size / sizeof(Elf64_Sym) && e->left; i++) {
		Elf64_Sym one;
		e->left--;
		memcpy(&one, e->map + sym->sh_offset + i * sizeof(one), sizeof(one));
		if (ELF64_ST_TYPE(one.st_info) != STT_FUNC || !one.st_value ||
			one.st_name >= str->sh_size || !section(e, one.st_shndx, &code))
			continue;
		const char *name = (const char *)e->map + str->sh_offset + one.st_name;
		add(t, one.st_value - code.sh_addr + code.sh_offset, one.st_size, name,
			strnlen(name, str->sh_size - one.st_name));
	}
}

static void read_elf(const uint8_t *map, size_t size, struct table *t)
{
	struct elf e = { .map = map, .size = size, .left = MAX_SYMBOLS };
	Elf64_Shdr sym, str;

	if (size < sizeof(e.head))
		return;
	memcpy(&e.head, map, sizeof(e.head));
	if (memcmp(e.head.e_ident, ELFMAG, SELFMAG) != 0 ||
		e.head.e_ident[EI_CLASS] != ELFCLASS64 || e.head.e_shentsize != sizeof(sym) ||
		e.head.e_shoff > size || e.head.e_shnum > (size - e.head.e_shoff) / sizeof(sym))
		return;
	for (unsigned i = 0; i < e.head.e_shnum; i++) {
		if (section(&e, i, &sym) &&
			(sym.sh_type == SHT_SYMTAB || sym.sh_type == SHT_DYNSYM) &&
			section(&e, sym.sh_link, &str) && str.sh_type == SHT_STRTAB)
			read_section(&e, &sym, &str, t);
	}
	if (t->n)
		qsort(t->row, t->n, sizeof(*t->row), by_address);
}

// Whose process it is may have put a device in the place of its file, and to open one does
// something: only what is seen to be a file is opened.
static int open_file(const char *path, size_t *size)
{
	char self[32];
	struct stat st;
	pt_autofd seen = open(path, O_PATH | O_CLOEXEC);

	if (seen < 0 || fstat(seen, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
		st.st_size > MAX_SIZE)
		return -1;
	*size = (size_t)st.st_size;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", seen);
	return open(self, O_RDONLY | O_CLOEXEC);
}

static const struct table *symbols_of(struct pt_symbols *s, const char *path)
{
	size_t size = 0;

	for (unsigned i = 0; i < s->n_files; i++) {
		if (strcmp(s->file[i].path, path) == 0)
			return &s->file[i].symbols;
	}
	if (s->n_files == MAX_FILES)
		return NULL;
	struct file *f = &s->file[s->n_files++];
	(void)snprintf(f->path, sizeof(f->path), "%s", path);
	pt_autofd fd = open_file(path, &size);
	if (fd < 0)
		return &f->symbols;
	// Copied: a file that shrinks meanwhile would end this program.
	uint8_t *copy = malloc(size);
	ssize_t n = copy ? pread(fd, copy, size, 0) : -1;
	struct table t = { 0 };
	if (n > 0)
		read_elf(copy, (size_t)n, &t);
	f->symbols = t;
	free(copy);
	return &f->symbols;
}

// "FROM-TO PERMISSIONS OFFSET DEVICE INODE PATH": the path, "" where there is none; NULL: no such
// line.
static const char *parse_map(
	char *line, unsigned long *from, unsigned long *to, unsigned long *offset)
{
	const char *p = pt_scan_digits(line, 16, from);

	if (!p || *p != '-' || !(p = pt_scan_digits(p + 1, 16, to)) || !(p = strchr(p + 1, ' ')) ||
		!(p = pt_scan_digits(p, 16, offset)))
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < 2 && p; i++) // device, inode
		p = strchr(p + 1, ' ');
	return p ? p + strspn(p, " ") : "";
}

void pt_symbols_user(struct pt_symbols *s, pid_t pid, uint64_t address, char *out, size_t len)
{
	char line[512], path[PATH_LEN];
	unsigned long from, to, offset;

	(void)snprintf(out, len, "[gone]");
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	autofile maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		const char *inside = parse_map(line, &from, &to, &offset);
		if (!inside || address < from || address >= to)
			continue;
		if (inside[0] != '/') { // [vdso], [stack]
			(void)snprintf(out, len, "%s", inside[0] ? inside : "[anonymous]");
			return;
		}
		int n = snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, inside);
		const struct table *t = n < (int)sizeof(path) ? symbols_of(s, path) : NULL;
		const char *name = t ? lookup(t, address - from + offset) : NULL;
		const char *base = strrchr(inside, '/') + 1;
		(void)snprintf(out, len, name ? "%s: %s" : "%s", base, name);
		return;
	}
}

struct pt_symbols *pt_symbols_new(void)
{
	return calloc(1, sizeof(struct pt_symbols));
}

void pt_symbols_free(struct pt_symbols *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_files; i++)
		free(s->file[i].symbols.row);
	free(s->kernel.row);
	free(s);
}
