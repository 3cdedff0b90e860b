// SPDX-License-Identifier: MIT
// No kernel program calls a helper that Linux 5.15 does not have, nor any kernel function (kfunc).
#include <elf.h>
#include <glob.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

// bpf_task_pt_regs, the last one of include/uapi/linux/bpf.h there.
#define NEWEST_HELPER 175
#define MOST_BYTES    (4 << 20)

static unsigned calls, objects;

static void look_at_code(const char *name, const struct bpf_insn *insn, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (insn[i].code != (BPF_JMP | BPF_CALL) || insn[i].src_reg == BPF_PSEUDO_CALL)
			continue;
		calls++;
		if (insn[i].src_reg == BPF_PSEUDO_KFUNC_CALL)
			T_FAIL("%s: calls a kernel function", name);
		else if (insn[i].imm < 1 || insn[i].imm > NEWEST_HELPER)
			T_FAIL("%s: helper %d is newer than Linux 5.15", name, insn[i].imm);
	}
}

static void look_at_object(const char *name, const uint8_t *elf, size_t len)
{
	Elf64_Ehdr head;
	Elf64_Shdr section;

	T_NEED(len > sizeof(head));
	memcpy(&head, elf, sizeof(head));
	T_NEED(!memcmp(head.e_ident, ELFMAG, SELFMAG) && head.e_machine == EM_BPF);
	for (unsigned i = 0; i < head.e_shnum; i++) {
		struct bpf_insn *code;

		T_NEED(head.e_shoff + (i + 1) * sizeof(section) <= len);
		memcpy(&section, elf + head.e_shoff + i * sizeof(section), sizeof(section));
		if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR))
			continue;
		T_NEED(section.sh_offset + section.sh_size <= len);
		code = malloc(section.sh_size + 1);
		T_NEED(code != NULL);
		memcpy(code, elf + section.sh_offset, section.sh_size);
		look_at_code(name, code, section.sh_size / sizeof(*code));
		free(code);
	}
	objects++;
}

static void helpers(void)
{
	const char *build = getenv("PT_BUILD");
	char pattern[4096];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/bpf/*.bpf.o", build ? build : "build");
	T_NEED(glob(pattern, 0, NULL, &found) == 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		uint8_t *bytes = malloc(MOST_BYTES);
		FILE *f = fopen(found.gl_pathv[i], "r");

		T_OK(bytes && f);
		if (bytes && f)
			look_at_object(found.gl_pathv[i], bytes, fread(bytes, 1, MOST_BYTES, f));
		if (f)
			fclose(f);
		free(bytes);
	}
	globfree(&found);
	printf("# %u calls of helpers in %u objects\n", calls, objects);
	T_OK(objects >= 3 && calls > 50);
}

T_MAIN({ "no helper newer than Linux 5.15", helpers })
