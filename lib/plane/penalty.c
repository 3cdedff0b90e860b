// SPDX-License-Identifier: MIT
#include "plane/penalty.h"

#include "base/clock.h"

#define HALVINGS_MOST 31 // nothing is left of a figure then

uint32_t pt_penalty_figure(const struct pt_penalty *p, const struct pt_config *cfg, int64_t now_ns)
{
	int64_t half_ns = cfg->failover.cooldown_half_life_secs * PT_NS_PER_S;
	int64_t age_ns = now_ns - (int64_t)p->figure_ns, left;

	if (!half_ns)
		return 0;
	if (age_ns <= 0)
		return p->figure;
	if (age_ns / half_ns >= HALVINGS_MOST)
		return 0;
	// Between two halvings a straight line: at most 6% above the curve.
	left = p->figure >> (age_ns / half_ns);
	left -= left * (age_ns % half_ns / PT_NS_PER_MS) / (2 * (half_ns / PT_NS_PER_MS));
	return (uint32_t)left;
}

void pt_penalty_add(
	struct pt_penalty *p, const struct pt_config *cfg, uint32_t weight, int64_t now_ns)
{
	uint32_t figure = pt_penalty_figure(p, cfg, now_ns) + weight;

	p->figure = figure < PT_PENALTY_MOST ? figure : PT_PENALTY_MOST;
	p->figure_ns = (uint64_t)now_ns;
	p->falls++;
}

int64_t pt_penalty_hold_ns(const struct pt_penalty *p, const struct pt_config *cfg, int64_t now_ns)
{
	int64_t base = pt_config_hold_ms(cfg) * PT_NS_PER_MS;
	int64_t most = cfg->failover.cooldown_max_secs * PT_NS_PER_S;
	int64_t figure = pt_penalty_figure(p, cfg, now_ns);
	int64_t hold = base;

	if (most < base) // the longest of all is no less than the shortest
		most = base;
	for (; figure >= 2 * PT_PENALTY_FALL && hold < most; figure -= PT_PENALTY_FALL)
		hold *= 2;
	if (figure > PT_PENALTY_FALL) // between two powers a straight line
		hold += hold * (figure - PT_PENALTY_FALL) / PT_PENALTY_FALL;
	return hold < most ? hold : most;
}
