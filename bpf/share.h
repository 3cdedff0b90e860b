// SPDX-License-Identifier: MIT
// Flows over weighted paths without memory, by rendezvous: each path of a group gives a flow a cost
// of its own, made from the flow and the path's name alone, and the cheapest usable one takes it. A
// path that goes takes only its own flows along, and has them back when it returns; shares follow
// the weights because the costs are exponential variates, -log2(uniform) / weight (Thaler and
// Ravishankar 1998; the logarithm makes it weighted). Both directions of a flow are one flow.
// Kernel programs and user space share this code, so that they cannot differ.
#pragma once
#include <linux/types.h>

// -log2(i / 256) in 1/65536, by tests/unit/test_share.c; [0] is never read.
#define PT_SHARE_CELLS 256
// clang-format off
static const __u32 pt_share_log[PT_SHARE_CELLS + 1] = {
	0, 524288, 458752, 420416, 393216, 372118, 354880, 340305, 327680, 316544, 306582, 297571,
	289344, 281776, 274769, 268246, 262144, 256412, 251008, 245896, 241046, 236433, 232035, 227832,
	223808, 219948, 216240, 212672, 209233, 205915, 202710, 199610, 196608, 193699, 190876, 188135,
	185472, 182881, 180360, 177904, 175510, 173175, 170897, 168672, 166499, 164374, 162296, 160262,
	158272, 156322, 154412, 152540, 150704, 148903, 147136, 145401, 143697, 142024, 140379, 138763,
	137174, 135611, 134074, 132561, 131072, 129606, 128163, 126741, 125340, 123960, 122599, 121258,
	119936, 118632, 117345, 116076, 114824, 113588, 112368, 111163, 109974, 108800, 107639, 106493,
	105361, 104242, 103136, 102043, 100963, 99894, 98838, 97793, 96760, 95738, 94726, 93726,
	92736, 91756, 90786, 89826, 88876, 87935, 87004, 86082, 85168, 84263, 83367, 82479,
	81600, 80728, 79865, 79009, 78161, 77321, 76488, 75662, 74843, 74032, 73227, 72429,
	71638, 70853, 70075, 69303, 68538, 67778, 67025, 66278, 65536, 64800, 64070, 63346,
	62627, 61913, 61205, 60502, 59804, 59111, 58424, 57741, 57063, 56390, 55722, 55059,
	54400, 53745, 53096, 52450, 51809, 51173, 50540, 49912, 49288, 48668, 48052, 47440,
	46832, 46228, 45627, 45031, 44438, 43849, 43264, 42682, 42103, 41529, 40957, 40390,
	39825, 39264, 38706, 38152, 37600, 37052, 36507, 35965, 35427, 34891, 34358, 33829,
	33302, 32778, 32257, 31739, 31224, 30711, 30202, 29695, 29190, 28689, 28190, 27694,
	27200, 26709, 26220, 25734, 25250, 24769, 24290, 23814, 23340, 22869, 22399, 21933,
	21468, 21006, 20546, 20088, 19632, 19179, 18727, 18278, 17831, 17386, 16943, 16502,
	16064, 15627, 15192, 14760, 14329, 13900, 13473, 13048, 12625, 12204, 11785, 11367,
	10952, 10538, 10126, 9716, 9307, 8901, 8496, 8093, 7691, 7291, 6893, 6497,
	6102, 5709, 5317, 4927, 4539, 4152, 3767, 3384, 3002, 2621, 2242, 1865,
	1489, 1115, 742, 370, 0,
};
// clang-format on

// An IPv4 address is word 0; the others are 0. Words and ports in host order.
struct pt_share_end {
	__u32 addr[4];
	__u32 port;
};

// The finalizer of MurmurHash3.
static inline __attribute__((always_inline)) __u32 pt_share_mix(__u32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	h *= 0xc2b2ae35;
	return h ^ h >> 16;
}

static inline __attribute__((always_inline)) __u32 pt_share_side(const struct pt_share_end *end)
{
	__u32 h = pt_share_mix(end->addr[0] ^ 0x9e3779b9);

	h = pt_share_mix(h + end->addr[1]);
	h = pt_share_mix(h + end->addr[2]);
	h = pt_share_mix(h + end->addr[3]);
	return pt_share_mix(h + end->port);
}

static inline __attribute__((always_inline)) __u32 pt_share_flow(
	const struct pt_share_end *a, const struct pt_share_end *b)
{
	return pt_share_side(a) + pt_share_side(b);
}

// What this path would cost this flow, for a weight of 1, in 1/65536; below 1 << 22.
static inline __attribute__((always_inline)) __u32 pt_share_cost(__u32 flow, __u32 salt)
{
	__u32 u = pt_share_mix(flow ^ salt), base = 0, cell, low;

	// A uniform number below 1/256 is 1/256 of another one.
	if (u < 1u << 24) {
		base = 8 << 16;
		u = u << 8 | (salt & 0xff);
	}
	if (u < 1u << 24)
		u |= 1u << 24;
	cell = u >> 24 & 0xff;
	low = u >> 8 & 0xffff;
	return base + pt_share_log[cell] -
		((pt_share_log[cell] - pt_share_log[cell + 1]) >> 1) * (low >> 1) / 16384;
}

// Whether a path of cost a and weight wa is cheaper than one of cost b and weight wb.
static inline __attribute__((always_inline)) int pt_share_cheaper(
	__u32 a, __u32 wa, __u32 b, __u32 wb)
{
	return (__u64)a * wb < (__u64)b * wa;
}
