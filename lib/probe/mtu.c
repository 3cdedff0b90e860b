// SPDX-License-Identifier: MIT
#include "probe/mtu.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

// What every path must carry: RFC 791 and RFC 8200.
#define LEAST4 68u
#define LEAST6 1280u

#define PATIENCE_LEAST_NS (50 * PT_NS_PER_MS)
#define PATIENCE_RTTS     4

struct search {
	const struct pt_mtu_opts *o;
	struct pt_mtu_result *r;
	struct pt_echo *echo;
	int64_t patience_ns;
	uint16_t seq;
	uint32_t hint; // what a router said fits; 0: nothing
};

enum fate { PASSED, TOO_BIG, SILENT };

static void tell(const struct search *s, uint32_t size, const struct pt_echo_news *news)
{
	if (s->o->told)
		s->o->told(s->o->ctx, size, news);
}

// What became of the probe that left last; those before it are judged already.
static int await(struct search *s, struct pt_echo_news *news)
{
	struct pt_mono until = pt_mono_add(pt_mono_now(), s->patience_ns);
	int got;

	do
		got = pt_echo_wait(s->echo, until, news);
	while (got == 1 && news->seq != s->seq && news->code);
	return got; // a late answer to an earlier one of this size is as good
}

static int try_once(struct search *s, uint32_t size, struct pt_echo_news *news)
{
	int code = pt_echo_send(s->echo, ++s->seq, size, 0);

	if (code == -EMSGSIZE) {
		*news = (struct pt_echo_news){ .code = -EMSGSIZE };
		return 1;
	}
	if (code)
		return code;
	s->r->probes++;
	code = await(s, news);
	s->r->lost += !code;
	return code;
}

// A fate, or -errno for a refusal that has nothing to do with size.
static int try_size(struct search *s, uint32_t size)
{
	struct pt_echo_news news = { 0 };

	for (unsigned i = 0; i < s->o->tries; i++) {
		int got = try_once(s, size, &news);

		if (got < 0)
			return got;
		if (!got)
			continue;
		tell(s, size, &news);
		if (!news.code) {
			s->r->rtt_ns = s->r->rtt_ns ? s->r->rtt_ns : news.rtt_ns;
			return PASSED;
		}
		if (news.code != -EMSGSIZE)
			return news.code;
		s->hint = news.mtu;
		if (news.from.family)
			s->r->told_by = news.from;
		return TOO_BIG;
	}
	news = (struct pt_echo_news){ .code = -ETIMEDOUT };
	tell(s, size, &news);
	return SILENT;
}

static void grow_used_to(struct search *s)
{
	int64_t ns = PATIENCE_RTTS * s->r->rtt_ns + PATIENCE_LEAST_NS;

	s->patience_ns = ns < s->o->timeout_ns ? ns : s->o->timeout_ns;
}

// low passes, nothing above high does.
static int narrow(struct search *s, uint32_t low, uint32_t high)
{
	uint32_t size = high;
	int fate;

	while (low < high) {
		s->hint = 0;
		fate = try_size(s, size);
		if (fate < 0)
			return fate;
		if (fate == PASSED) {
			low = size;
		} else {
			high = size - 1;
			// Silence about size alone, or about everything?
			if (fate == SILENT && try_size(s, low) != PASSED)
				return -ETIMEDOUT;
			s->r->black_hole |= fate == SILENT;
		}
		if (s->hint >= low && s->hint < size)
			size = high = s->hint; // to be proven
		else
			size = low + (high - low + 1) / 2;
	}
	s->r->mtu = low;
	return 0;
}

static int search(struct search *s)
{
	uint32_t low = s->o->echo.target.family == AF_INET6 ? LEAST6 : LEAST4;
	uint32_t high;
	int fate, code = pt_echo_device_mtu(s->echo, &s->r->device_mtu);

	if (code)
		return code;
	high = s->o->most && s->o->most < s->r->device_mtu ? s->o->most : s->r->device_mtu;
	if (low > high)
		low = high;
	fate = try_size(s, low);
	if (fate != PASSED)
		return fate < 0 ? fate : fate == TOO_BIG ? -EMSGSIZE : -ETIMEDOUT;
	grow_used_to(s);
	return narrow(s, low, high);
}

int pt_mtu_search(const struct pt_mtu_opts *o, struct pt_mtu_result *out, struct pt_err *err)
{
	struct search s = { .o = o, .r = out, .patience_ns = o->timeout_ns };
	char target[PT_ADDR_LEN];
	int code;

	memset(out, 0, sizeof(*out));
	code = pt_echo_new(&o->echo, &s.echo, err);
	if (code)
		return code;
	code = search(&s);
	pt_echo_free(s.echo);
	if (!code)
		return 0;
	pt_addr_format(&o->echo.target, target);
	return pt_err_set(err, code, "%s: %s", target,
		code != -ETIMEDOUT    ? strerrordesc_np(-code)
			: out->rtt_ns ? "no answer any more"
				      : "no answer");
}
