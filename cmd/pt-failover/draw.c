// SPDX-License-Identifier: MIT
// A switch as a line: what happened when, each stretch the longer the more time it took, and the
// last probes of the path that fell.
#include <string.h>

#include "base/clock.h"
#include "draw.h"

#define PROBES_SHOWN 72
#define DASH_LEAST   2
#define DASH_NS      1000 // a microsecond is the least; each doubling is one dash more

static void put_dashes(struct pt_buf *out, int64_t ns)
{
	unsigned n = DASH_LEAST;

	for (; ns > DASH_NS; ns /= 2)
		n++;
	for (unsigned i = 0; i < n; i++)
		pt_buf_puts(out, "-");
}

static void put_line(const struct pt_switch *s, struct pt_buf *out)
{
	const struct {
		const char *name;
		int64_t at_ns;
	} moments[] = {
		{ "last reply", s->last_reply_ns },
		{ "verdict", s->detected_ns },
		{ "commit", s->committed_ns },
		{ "first packet", s->first_packet_ns },
		{ "first reply", s->first_reply_ns },
	};
	int64_t was = PT_NULL;

	pt_buf_puts(out, "\n    ");
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		char text[32];

		if (moments[i].at_ns == PT_NULL)
			continue;
		if (was != PT_NULL) {
			int64_t took = moments[i].at_ns - was;

			pt_duration_format(took, text, sizeof(text));
			pt_buf_puts(out, " ");
			put_dashes(out, took);
			pt_buf_printf(out, " %s ", text);
			put_dashes(out, took);
			pt_buf_puts(out, "> ");
		}
		pt_buf_puts(out, moments[i].name);
		was = moments[i].at_ns;
	}
}

static void put_probes(const struct pt_switch *s, struct pt_buf *out)
{
	uint32_t first = s->n_probes > PROBES_SHOWN ? s->n_probes - PROBES_SHOWN : 0;

	if (!s->n_probes)
		return;
	pt_buf_puts(out, "\n    probes ");
	for (uint32_t i = first; i < s->n_probes; i++)
		pt_buf_puts(out, s->probes[i].rtt_us == PT_NULL ? "x" : ".");
}

void draw_switch(const struct pt_switch *s, struct pt_buf *out)
{
	put_line(s, out);
	put_probes(s, out);
}
