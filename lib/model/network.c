// SPDX-License-Identifier: MIT
#include "model/network.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/node.h"

static bool is_json(const struct pt_buf *text)
{
	size_t i = 0;

	while (i < text->len && isspace((unsigned char)text->data[i]))
		i++;
	return i < text->len && text->data[i] == '{';
}

static int load_json(const char *path, const struct pt_buf *text, struct pt_arena *a,
	struct pt_network *out, struct pt_err *err)
{
	json_error_t je;
	pt_autojson json_t *j = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &je);

	if (!j)
		return pt_err_set(err, -EINVAL, "%s:%d:%d: %s", path, je.line, je.column, je.text);
	int rc = pt_json_read(j, &pt_network_schema, a, out, err);
	if (rc < 0)
		(void)pt_err_wrap(err, "%s", path);
	return rc;
}

int pt_network_load(
	const char *path, struct pt_arena *a, struct pt_network *out, struct pt_err *err)
{
	pt_autobuf text = { 0 };
	struct pt_network n = { 0 };
	struct pt_marks *marks = NULL;

	int rc = pt_file_read(path, &text, err);
	if (rc < 0)
		return rc;
	if (is_json(&text)) {
		marks = pt_marks_new(a, path);
		rc = load_json(path, &text, a, &n, err);
	} else {
		struct pt_yaml_text in = { path, pt_buf_str(&text), text.len };
		rc = pt_yaml_parse(&in, &pt_network_schema, a, &marks, &n, err);
	}
	if (rc == 0)
		rc = pt_network_check(&n, a, marks, err);
	if (rc == 0)
		*out = n;
	return rc;
}

// Every row begins with its id, so one search serves all four tables.
_Static_assert(offsetof(struct pt_site, id) == 0 && offsetof(struct pt_uplink, id) == 0 &&
		offsetof(struct pt_path, id) == 0 && offsetof(struct pt_policy, id) == 0,
	"ids come first");

static int id_cmp(const void *key, const void *row)
{
	return strcmp(key, *(const char *const *)row);
}

static const void *find_linear(const void *rows, uint32_t n, size_t size, const char *id)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *row = (const char *)rows + i * size;
		if (id_cmp(id, row) == 0)
			return row;
	}
	return NULL;
}

static const void *find(
	const struct pt_network *n, const void *rows, uint32_t count, size_t size, const char *id)
{
	if (!id || !count)
		return NULL;
	return n->by_pair ? bsearch(id, rows, count, size, id_cmp)
			  : find_linear(rows, count, size, id);
}

const struct pt_site *pt_network_site(const struct pt_network *n, const char *id)
{
	return find(n, n->sites, n->n_sites, sizeof(*n->sites), id);
}

const struct pt_uplink *pt_network_uplink(const struct pt_network *n, const char *id)
{
	return find(n, n->uplinks, n->n_uplinks, sizeof(*n->uplinks), id);
}

const struct pt_path *pt_network_path(const struct pt_network *n, const char *id)
{
	return find(n, n->paths, n->n_paths, sizeof(*n->paths), id);
}

const struct pt_policy *pt_network_policy(const struct pt_network *n, const char *id)
{
	// By priority, not by id; but there are few.
	return id ? find_linear(n->policies, n->n_policies, sizeof(*n->policies), id) : NULL;
}

static const struct pt_site *site_of_edge(const struct pt_network *n, const char *edge)
{
	for (uint32_t i = 0; i < n->n_sites; i++) {
		const struct pt_site *s = &n->sites[i];
		if (strcmp(s->edge ? s->edge : s->id, edge) == 0)
			return s;
	}
	return NULL;
}

const struct pt_site *pt_network_self(const struct pt_network *n, const char *edge)
{
	char host[HOST_NAME_MAX + 1] = { 0 };

	if (edge)
		return site_of_edge(n, edge);
	if (gethostname(host, sizeof(host) - 1) < 0)
		return NULL;
	const struct pt_site *s = site_of_edge(n, host);
	if (s)
		return s;
	host[strcspn(host, ".")] = '\0'; // edge1.example.net is edge1
	return site_of_edge(n, host);
}

static uint32_t prefer_rank(const struct pt_policy *policy, const char *uplink)
{
	uint32_t i = 0;

	if (!policy)
		return 0;
	while (i < policy->n_prefer && strcmp(policy->prefer[i], uplink) != 0)
		i++;
	return i;
}

uint32_t pt_network_weight(
	const struct pt_network *n, const struct pt_policy *policy, const struct pt_path *path)
{
	uint32_t rank = prefer_rank(policy, path->uplink);
	const struct pt_uplink *uplink;

	if (rank < policy->n_weights)
		return (uint32_t)policy->weights[rank];
	if (path->weight != PT_NULL)
		return (uint32_t)path->weight;
	uplink = pt_network_uplink(n, path->uplink);
	return uplink ? (uint32_t)uplink->weight : 1;
}

bool pt_policy_by_ports(const struct pt_policy *policy)
{
	if (policy->flow_hash != PT_FLOW_HASH_AUTO)
		return policy->flow_hash == PT_FLOW_HASH_PORTS;
	return policy->match.n_src_ports || policy->match.n_dst_ports;
}

uint32_t pt_path_salt(const char *id)
{
	uint32_t hash = 2166136261; // FNV-1a

	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619;
	return hash;
}

static int half_class(const char **text, uint32_t *out)
{
	uint32_t n = 0;

	for (*out = 0; isxdigit((unsigned char)**text); (*text)++, n++) {
		uint32_t c = (uint32_t)tolower((unsigned char)**text);

		*out = *out << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return n && n <= 4 ? 0 : -EINVAL;
}

int pt_tc_class_parse(const char *text, uint32_t *out)
{
	uint32_t major, minor;

	if (half_class(&text, &major) || *text++ != ':' || half_class(&text, &minor) || *text ||
		!major)
		return -EINVAL;
	*out = major << 16 | minor;
	return 0;
}

static bool ranks_before(
	const struct pt_policy *policy, const struct pt_path *a, const struct pt_path *b)
{
	uint32_t ra = prefer_rank(policy, a->uplink), rb = prefer_rank(policy, b->uplink);

	if (ra != rb)
		return ra < rb;
	if (a->preference != b->preference)
		return a->preference > b->preference;
	return strcmp(a->id, b->id) < 0;
}

static bool joins(const struct pt_path *p, const struct pt_site *from, const struct pt_site *to)
{
	return strcmp(p->source, from->id) == 0 && strcmp(p->dest, to->id) == 0;
}

// Keeps the best `max` of those offered, in order.
static void offer(const struct pt_policy *policy, const struct pt_path *p,
	const struct pt_path **out, uint32_t have, uint32_t max)
{
	uint32_t i = have < max ? have : max;

	if (i == max && (max == 0 || !ranks_before(policy, p, out[max - 1])))
		return;
	if (i == max)
		i--;
	for (; i > 0 && ranks_before(policy, p, out[i - 1]); i--)
		out[i] = out[i - 1];
	out[i] = p;
}

// First path of by_pair that does not sort before (self, dest).
static uint32_t pair_start(
	const struct pt_network *n, const struct pt_site *self, const struct pt_site *dest)
{
	uint32_t lo = 0, hi = n->n_paths;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = strcmp(n->by_pair[mid]->source, self->id);
		if (c == 0)
			c = strcmp(n->by_pair[mid]->dest, dest->id);
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t pt_network_candidates(const struct pt_network *n, const struct pt_site *self,
	const struct pt_site *dest, const struct pt_policy *policy, const struct pt_path **out,
	uint32_t max)
{
	uint32_t have = 0;

	if (n->by_pair) {
		for (uint32_t i = pair_start(n, self, dest);
			i < n->n_paths && joins(n->by_pair[i], self, dest); i++)
			offer(policy, n->by_pair[i], out, have++, max);
		return have;
	}
	for (uint32_t i = 0; i < n->n_paths; i++) {
		if (joins(&n->paths[i], self, dest))
			offer(policy, &n->paths[i], out, have++, max);
	}
	return have;
}
