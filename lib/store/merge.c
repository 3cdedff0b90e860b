// SPDX-License-Identifier: MIT
#include "store/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum kind { LAST, SUM, LEAST, GREATEST, MEAN, HISTOGRAM, QUANTILE, SPREAD };

static const struct rule {
	const char *path; // of the field; NULL ends the list
	enum kind kind;
	const char *weight; // MEAN: of this count
	uint32_t q_ppm;     // QUANTILE, SPREAD
} health_rules[] = {
	{ "window_ms", SUM, NULL, 0 },
	{ "sent", SUM, NULL, 0 },
	{ "received", SUM, NULL, 0 },
	{ "late", SUM, NULL, 0 },
	{ "loss_ppm", MEAN, "sent", 0 },
	{ "loss_out_ppm", MEAN, "sent", 0 },
	{ "loss_back_ppm", MEAN, "sent", 0 },
	{ "rtt_us.min", LEAST, NULL, 0 },
	{ "rtt_us.p50", QUANTILE, NULL, 500000 },
	{ "rtt_us.p95", QUANTILE, NULL, 950000 },
	{ "rtt_us.p99", QUANTILE, NULL, 990000 },
	{ "rtt_us.max", GREATEST, NULL, 0 },
	{ "rtt_us.mean", MEAN, "received", 0 },
	{ "rtt_hist", HISTOGRAM, NULL, 0 },
	{ "owd_out_us", MEAN, "received", 0 },
	{ "owd_back_us", MEAN, "received", 0 },
	{ "owd_error_us", GREATEST, NULL, 0 },
	{ "jitter_us", MEAN, "received", 0 },
	{ "pdv_us", SPREAD, NULL, 950000 },
	{ "reordered", SUM, NULL, 0 },
	{ "duplicates", SUM, NULL, 0 },
	{ "mos", MEAN, "sent", 0 },
	{ "score", MEAN, "sent", 0 },
	{ 0 },
};

static const struct rule traffic_rules[] = {
	{ "tx_packets", SUM, NULL, 0 },
	{ "tx_bytes", SUM, NULL, 0 },
	{ "rx_packets", SUM, NULL, 0 },
	{ "rx_bytes", SUM, NULL, 0 },
	{ 0 },
};

void pt_merge_init(struct pt_merge *m, enum pt_store_type t)
{
	const struct rule *rules = t == PT_STORE_HEALTH ? health_rules : traffic_rules;

	*m = (struct pt_merge){ .hist = -1 };
	pt_store_map(t, &m->map);
	m->min = pt_row_find(&m->map, "rtt_us.min");
	m->max = pt_row_find(&m->map, "rtt_us.max");
	for (; rules->path; rules++) {
		int i = pt_row_find(&m->map, rules->path);
		if (i < 0)
			continue;
		m->rule[i].kind = (unsigned char)rules->kind;
		m->rule[i].q_ppm = rules->q_ppm;
		if (rules->weight)
			m->rule[i].weight = (unsigned char)pt_row_find(&m->map, rules->weight);
		if (rules->kind == HISTOGRAM)
			m->hist = i;
	}
}

static bool read_number(const char **p, const char *end, uint64_t *n)
{
	const char *start = *p;

	*n = 0;
	while (*p < end && **p >= '0' && **p <= '9' && *p - start < 12)
		*n = *n * 10 + (uint64_t)(*(*p)++ - '0');
	return *p > start;
}

static bool read_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

void pt_merge_hist_read(const char *text, size_t len, struct pt_hist *out)
{
	const char *p = text, *end = text + len;
	uint64_t i, n;

	memset(out, 0, sizeof(*out));
	if (!read_char(&p, end, '['))
		return;
	do {
		if (!read_char(&p, end, '[') || !read_number(&p, end, &i) ||
			!read_char(&p, end, ',') || !read_number(&p, end, &n) ||
			!read_char(&p, end, ']'))
			return;
		if (i < PT_HIST_BUCKETS && n <= UINT32_MAX - out->bucket[i]) {
			out->bucket[i] += (uint32_t)n;
			out->count += n;
		}
	} while (read_char(&p, end, ','));
}

static bool number_of(const struct pt_cell *c, double *out)
{
	*out = c->kind == PT_CELL_REAL ? c->real : (double)c->i64;
	return c->kind == PT_CELL_I64 || c->kind == PT_CELL_REAL;
}

static void set_text(struct pt_cell *to, char *text, size_t len)
{
	if (to->owned)
		free((void *)(uintptr_t)to->text);
	*to = (struct pt_cell){
		.kind = PT_CELL_TEXT, .owned = true, .text = text, .len = (uint32_t)len
	};
}

static void take_last(struct pt_cell *to, const struct pt_cell *from)
{
	if (from->kind == PT_CELL_NULL)
		return;
	if (from->kind != PT_CELL_TEXT) {
		if (to->owned)
			free((void *)(uintptr_t)to->text);
		*to = *from;
		return;
	}
	if (to->kind == PT_CELL_TEXT && to->len == from->len &&
		memcmp(to->text, from->text, to->len) == 0)
		return;
	struct pt_buf copy = { 0 };
	pt_buf_add(&copy, from->text, from->len);
	pt_buf_putc(&copy, '\0');
	set_text(to, copy.data, from->len);
}

static void add_up(struct pt_cell *to, const struct pt_cell *from)
{
	if (from->kind != PT_CELL_I64)
		return;
	if (to->kind != PT_CELL_I64)
		*to = *from;
	else if (__builtin_add_overflow(to->i64, from->i64, &to->i64))
		to->i64 = INT64_MAX;
}

static void keep_extreme(struct pt_cell *to, const struct pt_cell *from, bool greatest)
{
	if (from->kind != PT_CELL_I64)
		return;
	if (to->kind != PT_CELL_I64 || (greatest ? from->i64 > to->i64 : from->i64 < to->i64))
		*to = *from;
}

static void add_hist(struct pt_hist *into, const struct pt_cell *from)
{
	struct pt_hist h;

	if (from->kind != PT_CELL_TEXT)
		return;
	pt_merge_hist_read(from->text, from->len, &h);
	pt_hist_merge(into, &h);
}

void pt_merged_add(
	const struct pt_merge *m, struct pt_merged *into, const struct pt_row *row, uint32_t n)
{
	for (int i = into->row.n; i < m->map.n; i++)
		into->row.cell[i] = (struct pt_cell){ .kind = PT_CELL_NULL };
	into->row.n = m->map.n;
	into->n += n;
	for (int i = 0; i < m->map.n; i++) {
		const struct pt_cell *from = &row->cell[i];
		struct pt_cell *to = &into->row.cell[i];
		double value, weight;
		switch ((enum kind)m->rule[i].kind) {
		case SUM:
			add_up(to, from);
			break;
		case LEAST:
		case GREATEST:
			keep_extreme(to, from, m->rule[i].kind == GREATEST);
			break;
		case MEAN:
			if (!number_of(from, &value))
				break;
			to->kind = from->kind;
			if (!number_of(&row->cell[m->rule[i].weight], &weight) || weight <= 0)
				weight = 1e-3; // said of nothing: counts where nothing else does
			into->sum[i] += value * weight;
			into->weight[i] += weight;
			break;
		case HISTOGRAM:
			add_hist(&into->hist, from);
			break;
		default: // a percentile without a histogram is the newest
			take_last(to, from);
		}
	}
}

static void finish_mean(struct pt_merged *r, int i)
{
	struct pt_cell *c = &r->row.cell[i];

	if (r->weight[i] <= 0)
		return;
	double mean = r->sum[i] / r->weight[i];
	if (c->kind == PT_CELL_REAL)
		c->real = round(mean * 1000) / 1000;
	else
		c->i64 = llround(mean);
}

static void finish_quantile(const struct pt_merge *m, struct pt_merged *r, int i)
{
	const struct pt_cell *min = &r->row.cell[m->min], *max = &r->row.cell[m->max];
	int64_t q = pt_hist_quantile(&r->hist, m->rule[i].q_ppm);

	if (q < 0)
		return;
	if (min->kind == PT_CELL_I64 && q < min->i64)
		q = min->i64;
	if (max->kind == PT_CELL_I64 && q > max->i64)
		q = max->i64;
	if (m->rule[i].kind == SPREAD)
		q -= min->kind == PT_CELL_I64 ? min->i64 : 0;
	r->row.cell[i] = (struct pt_cell){ .kind = PT_CELL_I64, .i64 = q };
}

static void finish_hist(struct pt_merged *r, int i)
{
	struct pt_buf text = { 0 };

	if (!r->hist.count)
		return;
	for (unsigned k = 0; k < PT_HIST_BUCKETS; k++) {
		if (r->hist.bucket[k])
			pt_buf_printf(
				&text, "%s[%u,%u]", text.len ? "," : "[", k, r->hist.bucket[k]);
	}
	pt_buf_putc(&text, ']');
	set_text(&r->row.cell[i], text.data, text.len);
}

void pt_merged_finish(const struct pt_merge *m, struct pt_merged *r)
{
	for (int i = 0; i < m->map.n; i++) {
		if (m->rule[i].kind == MEAN)
			finish_mean(r, i);
		else if (m->rule[i].kind == QUANTILE || m->rule[i].kind == SPREAD)
			finish_quantile(m, r, i);
		else if (m->rule[i].kind == HISTOGRAM)
			finish_hist(r, i);
	}
}

void pt_merged_done(struct pt_merged *r)
{
	pt_row_done(&r->row);
	*r = (struct pt_merged){ 0 };
}
