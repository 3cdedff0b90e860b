// SPDX-License-Identifier: MIT
// The profiles of etc/tune, inside the program: it needs no file of its own to be useful.
#include "tune/profile.h"

// The assembler takes the bytes as they are; the path is from the top of the tree.
#define SHIP(symbol, path)                                                                      \
	__asm__(".section .rodata\n.global pt_shipped_" #symbol "\n.global pt_shipped_" #symbol \
		"_end\npt_shipped_" #symbol ":\n.incbin \"" path "\"\npt_shipped_" #symbol      \
		"_end:\n.byte 0\n.previous\n");                                                 \
	extern const char pt_shipped_##symbol[], pt_shipped_##symbol##_end[]

SHIP(guide, "etc/tune/guide-1.0.0.yaml");
SHIP(base, "etc/tune/sdwan-base.yaml");
SHIP(small, "etc/tune/sdwan-small.yaml");
SHIP(medium, "etc/tune/sdwan-medium.yaml");
SHIP(large, "etc/tune/sdwan-large.yaml");
SHIP(qos, "etc/tune/sdwan-qos.yaml");
SHIP(marking, "etc/tune/sdwan-marking.yaml");

#define ROW(name, symbol)                                            \
	{                                                            \
		name, pt_shipped_##symbol, pt_shipped_##symbol##_end \
	}
const struct pt_shipped_profile pt_shipped_profiles[] = {
	ROW("guide-1.0.0", guide),
	ROW("sdwan-base", base),
	ROW("sdwan-small", small),
	ROW("sdwan-medium", medium),
	ROW("sdwan-large", large),
	ROW("sdwan-qos", qos),
	ROW("sdwan-marking", marking),
	{ 0 },
};
