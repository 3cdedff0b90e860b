// SPDX-License-Identifier: MIT
// A fuzz target for two engines. Built with -fsanitize=fuzzer and PT_LIBFUZZER (make fuzz) it is
// libFuzzer's. Built as any test it has a main: with files (or "-" for stdin) it runs each once, to
// reproduce a crash; without, it is a TAP test: every seed of its corpus, and PT_FUZZ_ROUNDS
// (default 1000) mutations of each, the same ones every time.
#pragma once
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define FUZZ_MAX_BYTES (1u << 20)

// True when the input was handled as it should be; `why` otherwise.
typedef bool fuzz_fn(const char *bytes, size_t len, char *why, size_t why_len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

// libFuzzer's copies are as long as the input, so that a sanitizer sees the first byte past it.
#define FUZZ_ENTRY(fn)                                                                            \
	int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)                              \
	{                                                                                         \
		char why[512] = "";                                                               \
		if (len <= FUZZ_MAX_BYTES && !(fn)((const char *)bytes, len, why, sizeof(why))) { \
			(void)fprintf(stderr, "%s\n", why);                                       \
			abort();                                                                  \
		}                                                                                 \
		return 0;                                                                         \
	}

#ifdef PT_LIBFUZZER
#define FUZZ_TARGET(fn, name) FUZZ_ENTRY(fn)
#else
// name: of its corpus
#define FUZZ_TARGET(fn, name)                                                  \
	FUZZ_ENTRY(fn)                                                         \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		return fuzz_main(argc, argv, (fn), "tests/fuzz/corpus/" name); \
	}

static uint64_t fuzz_next(uint64_t *state) // xorshift64*
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t fuzz_below(uint64_t *state, size_t n)
{
	return n ? (size_t)(fuzz_next(state) % n) : 0;
}

static size_t fuzz_insert(char *buf, size_t len, size_t at, const char *bytes, size_t n)
{
	if (len + n > FUZZ_MAX_BYTES)
		return len;
	memmove(buf + at + n, buf + at, len - at);
	memcpy(buf + at, bytes, n);
	return len + n;
}

static size_t fuzz_remove(char *buf, size_t len, size_t at, size_t n)
{
	n = n < len - at ? n : len - at;
	memmove(buf + at, buf + at + n, len - at - n);
	return len - n;
}

// One edit, mostly one that stays text, so that it gets past the reader: a bit, a byte, a piece
// cut, a piece doubled, or a word that parsers stumble over.
static size_t fuzz_edit(char *buf, size_t len, uint64_t *state)
{
	static const char *const words[] = { "&a ", "*a", "!!int ", "---\n", "{", "}", "[", "]",
		": ", "- ", "\n", "\t", "\"", "'", "|", "\xff", "\xc3", "\xef\xbb\xbf", "null", "~",
		"true", "-1", "99999999999999999999", "1e309", "\\u0000", "0", ",", "#",
		"%YAML 1.2\n", "? " };
	size_t at = fuzz_below(state, len + 1);
	char piece[64];

	switch (fuzz_next(state) % 5) {
	case 0:
		if (at < len)
			buf[at] = (char)(buf[at] ^ (1 << fuzz_below(state, 5)));
		return len;
	case 1:
		if (at < len)
			buf[at] = (char)(' ' + fuzz_below(state, '~' - ' ' + 1));
		return len;
	case 2:
		return fuzz_remove(buf, len, at, 1 + fuzz_below(state, 16));
	case 3: {
		size_t n = 1 + fuzz_below(state, sizeof(piece));
		n = n < len - at ? n : len - at;
		memcpy(piece, buf + at, n);
		return fuzz_insert(buf, len, fuzz_below(state, len + 1), piece, n);
	}
	default: {
		const char *w = words[fuzz_below(state, PT_ARRAY_LEN(words))];
		return fuzz_insert(buf, len, at, w, strlen(w));
	}
	}
}

static bool fuzz_read(const char *path, char *buf, size_t *len)
{
	if (strcmp(path, "-") == 0) {
		*len = fread(buf, 1, FUZZ_MAX_BYTES, stdin);
		return true;
	}
	pt_autofile FILE *f = fopen(path, "re");
	if (!f)
		return false;
	*len = fread(buf, 1, FUZZ_MAX_BYTES, f);
	return true;
}

// The copy is exactly as long as the input, so that a sanitizer sees the first byte past it.
static bool fuzz_once(fuzz_fn *fn, const char *buf, size_t len, char *why, size_t why_len)
{
	pt_autofree char *exact = malloc(len ? len : 1);

	if (!exact)
		return false;
	memcpy(exact, buf, len);
	return fn(exact, len, why, why_len);
}

static bool fuzz_seed(fuzz_fn *fn, const char *path, uint64_t rounds)
{
	pt_autofree char *seed = malloc(FUZZ_MAX_BYTES), *buf = malloc(FUZZ_MAX_BYTES);
	char why[512] = "";
	size_t seed_len = 0;

	if (!seed || !buf || !fuzz_read(path, seed, &seed_len)) {
		printf("# %s: cannot be read\n", path);
		return false;
	}
	if (!fuzz_once(fn, seed, seed_len, why, sizeof(why))) {
		printf("# %s: %s\n", path, why);
		return false;
	}
	uint64_t state = 0x9e3779b97f4a7c15;
	for (uint64_t i = 0; i < rounds; i++) {
		size_t len = seed_len;
		memcpy(buf, seed, len);
		for (size_t edits = 1 + fuzz_below(&state, 4); edits; edits--)
			len = fuzz_edit(buf, len, &state);
		if (fuzz_once(fn, buf, len, why, sizeof(why)))
			continue;
		printf("# %s, round %llu: %s\n", path, (unsigned long long)i, why);
		return false;
	}
	return true;
}

static int fuzz_corpus(fuzz_fn *fn, const char *dir)
{
	const char *env = getenv("PT_FUZZ_ROUNDS");
	struct dirent **names;
	uint64_t rounds = 1000;
	int n = scandir(dir, &names, NULL, alphasort), done = 0, bad = 0;

	if (n < 0) {
		printf("Bail out! no corpus in %s\n", dir);
		return 1;
	}
	if (env)
		(void)pt_parse_u64(env, 0, UINT32_MAX, &rounds);
	for (int i = 0; i < n; i++) {
		char path[512];
		bool hidden = names[i]->d_name[0] == '.';
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (!hidden) {
			bool ok = fuzz_seed(fn, path, rounds);
			printf("%sok %d - %s\n", ok ? "" : "not ", ++done, names[i]->d_name);
			bad += !ok;
		}
		free(names[i]);
	}
	free(names);
	printf("1..%d\n", done);
	return bad ? 1 : 0;
}

static int fuzz_main(int argc, char **argv, fuzz_fn *fn, const char *corpus)
{
	int bad = 0;

	if (argc < 2)
		return fuzz_corpus(fn, corpus);
	for (int i = 1; i < argc; i++)
		bad += !fuzz_seed(fn, argv[i], 0);
	return bad ? 1 : 0;
}
#endif
