// SPDX-License-Identifier: MIT
// Any text as a flow expression, as `classify` and `why` take it: refused with one line, or a flow
// that the classifier has a verdict on.
#include "fuzz.h"

#include "model/network.h"
#include "select/classify.h"

static bool read_network(struct pt_network *net)
{
	static struct pt_arena arena; // lives as long as the network, for ever
	struct pt_err err = { 0 };

	return !pt_network_load("etc/network.yaml", &arena, net, &err) && net->n_sites;
}

static bool sound(const struct pt_flow *f, char *why, size_t n)
{
	if (f->src.family != f->dst.family ||
		(f->src.family != AF_INET && f->src.family != AF_INET6))
		(void)snprintf(why, n, "families %u and %u", f->src.family, f->dst.family);
	else if (f->dscp > 63)
		(void)snprintf(why, n, "DSCP %u", f->dscp);
	else if (!memchr(f->device, 0, sizeof(f->device)))
		(void)snprintf(why, n, "the device's name does not end");
	else if (!f->has_port && (f->sport || f->dport))
		(void)snprintf(why, n, "ports of a fragment");
	else
		return true;
	return false;
}

static bool try_flow(const char *bytes, size_t len, char *why, size_t n)
{
	static struct pt_network net;
	static bool ready;
	pt_autofree char *text = strndup(bytes, len);
	struct pt_err err = { 0 };
	struct pt_class class;
	struct pt_flow flow;

	if (!text || (!ready && !(ready = read_network(&net))))
		return false;
	if (pt_flow_parse(text, &flow, &err)) {
		if (err.code < 0 && err.msg[0] && !strchr(err.msg, '\n'))
			return true;
		(void)snprintf(why, n, "message: %.300s", err.msg);
		return false;
	}
	if (!sound(&flow, why, n))
		return false;
	pt_classify(&net, &net.sites[0], &flow, &class);
	if (class.verdict < PT_CLASS_COUNT && class.n_paths <= PT_GROUP_PATHS)
		return true;
	(void)snprintf(why, n, "verdict %d, %u paths", class.verdict, class.n_paths);
	return false;
}

FUZZ_TARGET(try_flow, "flow")
