// SPDX-License-Identifier: MIT
// Flows over weighted paths: shares as the weights say, and what a path's loss moves.
#include <math.h>
#include <stdlib.h>

#include "bpf/share.h"
#include "model/network.h"
#include "tests/unit/test.h"

#define FLOWS 100000
#define PATHS 5

static uint64_t state = 20261123;

static uint32_t roll(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u; // splitmix64

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

static uint32_t flow_number(uint32_t i)
{
	// Neighbouring hosts and ports, as real ones are: the hash has to spread them.
	const struct pt_share_end src = { { 0x0a010000 + i % 250 }, 40000 + i / 250 },
				  dst = { { 0x0a020001 + i % 3 }, 443 };

	return pt_share_flow(&src, &dst);
}

// The path that takes the flow; `out` is out of use.
static int choose(uint32_t flow, const uint32_t *salt, const uint32_t *weight, int out)
{
	uint32_t least = 0;
	int best = -1;

	for (int i = 0; i < PATHS; i++) {
		uint32_t cost = pt_share_cost(flow, salt[i]);

		if (i == out || !weight[i])
			continue;
		if (best < 0 || pt_share_cheaper(cost, weight[i], least, weight[best])) {
			best = i;
			least = cost;
		}
	}
	return best;
}

static const uint32_t *salts(void)
{
	static uint32_t salt[PATHS];
	static const char *const ids[PATHS] = { "fiber", "cable", "lte", "sat", "mpls" };

	for (int i = 0; i < PATHS; i++)
		salt[i] = pt_path_salt(ids[i]);
	return salt;
}

static void the_table_is_the_logarithm(void)
{
	for (int i = 1; i <= PT_SHARE_CELLS; i++)
		T_EQ(pt_share_log[i], lround(-log2(i / (double)PT_SHARE_CELLS) * 65536));
}

// Mean and variance of an exponential variate in units of 1/ln 2.
static void costs_are_exponential(void)
{
	double sum = 0, squares = 0;

	for (int i = 0; i < FLOWS; i++) {
		double cost = pt_share_cost(roll(), roll()) / 65536.0 * log(2);

		sum += cost;
		squares += cost * cost;
	}
	T_OK(fabs(sum / FLOWS - 1) < 0.02);
	T_OK(fabs(squares / FLOWS - 2) < 0.1);
}

static void shares_follow_weights(void)
{
	static const uint32_t rows[][PATHS] = { { 1, 1, 1, 1, 1 }, { 60, 40 }, { 70, 20, 10 },
		{ 255, 1 }, { 5, 4, 3, 2, 1 }, { 0, 0, 7 }, { 100, 0, 100, 0, 50 } };

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		uint32_t got[PATHS] = { 0 }, total = 0;

		for (uint32_t i = 0; i < FLOWS; i++)
			got[choose(flow_number(i), salts(), rows[r], -1)]++;
		for (int i = 0; i < PATHS; i++)
			total += rows[r][i];
		for (int i = 0; i < PATHS; i++) {
			double want = (double)rows[r][i] / total, have = (double)got[i] / FLOWS;

			if (fabs(have - want) > 0.01)
				T_FAIL("row %zu, path %d: %.4f, want %.4f", r, i, have, want);
		}
	}
}

static void loss_moves_own_flows_alone(void)
{
	static const uint32_t weight[PATHS] = { 50, 30, 15, 5, 20 };

	for (int out = 0; out < PATHS; out++) {
		uint32_t others = 0, to[PATHS] = { 0 }, lost = 0;

		for (uint32_t i = 0; i < FLOWS; i++) {
			int before = choose(flow_number(i), salts(), weight, -1);
			int after = choose(flow_number(i), salts(), weight, out);

			others += before != out && after != before;
			if (before == out) {
				to[after]++;
				lost++;
			}
		}
		T_EQ(others, 0);
		T_EQ(to[out], 0);
		// They spread by the weights that are left.
		for (int i = 0; i < PATHS; i++)
			if (i != out)
				T_OK(fabs((double)to[i] / lost -
					     weight[i] / (120.0 - weight[out])) < 0.02);
	}
}

static void both_directions_are_one_flow(void)
{
	for (int i = 0; i < 1000; i++) {
		const struct pt_share_end a = { { roll(), roll(), roll(), roll() },
			roll() & 0xffff },
					  b = { { roll(), roll(), roll(), roll() },
						  roll() & 0xffff };

		T_EQ(pt_share_flow(&a, &b), pt_share_flow(&b, &a));
	}
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "the table is the logarithm", the_table_is_the_logarithm },
		{ "costs are exponential variates", costs_are_exponential },
		{ "shares follow the weights within one percent", shares_follow_weights },
		{ "a path's loss moves its own flows alone", loss_moves_own_flows_alone },
		{ "both directions are one flow", both_directions_are_one_flow },
	};

	return t_run(cases, sizeof(cases) / sizeof(cases[0]));
}
