// SPDX-License-Identifier: MIT
// The lists of keys in section 5 of the manual say what the tables say. With the argument `print`
// it writes those lists, to be pasted into the pages after a table has changed.
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/config.h"
#include "model/network.h"
#include "model/records.h"
#include "model/tune.h"
#include "test.h"

static void put_number(struct pt_buf *b, const struct pt_field *f)
{
	const char *gap = f->unit ? " " : "", *unit = f->unit ? f->unit : "";
	bool milli = f->kind == PT_KIND_MILLI;

	if (!f->min && !f->max)
		pt_buf_printf(b, "Whole number%s%s", gap, unit);
	else if (f->max == INT64_MAX)
		pt_buf_printf(b, "At least %" PRId64 "%s%s", f->min, gap, unit);
	else
		pt_buf_printf(b, "%" PRId64 " to %" PRId64 "%s%s", f->min / (milli ? 1000 : 1),
			f->max / (milli ? 1000 : 1), gap, unit);
	if (milli)
		pt_buf_puts(b, ", at most three decimals");
	if (f->flags & PT_FIELD_NULLABLE)
		pt_buf_puts(b, ", or null");
	if (f->def == PT_NULL)
		return;
	if (!(f->flags & PT_FIELD_REQUIRED) && !(f->max == INT64_MAX))
		pt_buf_printf(b, ", default %" PRId64, f->def);
}

static void put_words(struct pt_buf *b, const struct pt_field *f)
{
	pt_buf_puts(b, "One of ");
	for (int i = 0; f->names[i]; i++)
		pt_buf_printf(b, "%s%s", i ? ", " : "", f->names[i]);
	if (!(f->flags & PT_FIELD_REQUIRED))
		pt_buf_printf(b, "; default %s", f->names[f->def]);
}

static void put_dscp(struct pt_buf *b, const struct pt_field *f)
{
	pt_buf_puts(b, "0 to 63 or a name such as ef, af41, cs1");
	if (f->flags & PT_FIELD_NULLABLE)
		pt_buf_puts(b, ", or null");
	if (f->def != PT_NULL)
		pt_buf_printf(b, ", default %s", pt_dscp_name((uint8_t)f->def));
}

static void put_list(struct pt_buf *b, const struct pt_field *f)
{
	static const char *const of[PT_KIND_COUNT] = {
		[PT_KIND_STR] = "names",
		[PT_KIND_I64] = "whole numbers",
		[PT_KIND_PREFIX] = "prefixes",
		[PT_KIND_PORTS] = "ports and ranges such as 5060 or 10000-20000",
		[PT_KIND_OBJECT] = "mappings",
	};

	pt_buf_printf(b, "List of %s", of[f->item] ? of[f->item] : "?");
	if (f->max)
		pt_buf_printf(b, ", at most %" PRId64, f->max);
}

static void put_facts(struct pt_buf *b, const struct pt_field *f)
{
	switch (f->kind) {
	case PT_KIND_BOOL:
		pt_buf_printf(b, "true or false, default %s", f->def ? "true" : "false");
		break;
	case PT_KIND_I64:
	case PT_KIND_MILLI:
		put_number(b, f);
		break;
	case PT_KIND_STR:
		pt_buf_puts(b, f->flags & PT_FIELD_ID ? "Id" : "Text");
		if (f->def_str)
			pt_buf_printf(b, ", default %s", f->def_str);
		break;
	case PT_KIND_ENUM:
		put_words(b, f);
		break;
	case PT_KIND_ADDR:
		pt_buf_puts(b, f->flags & PT_FIELD_AUTO ? "Address, or auto" : "Address");
		break;
	case PT_KIND_DSCP:
		put_dscp(b, f);
		break;
	case PT_KIND_LIST:
		put_list(b, f);
		break;
	case PT_KIND_HIST:
		pt_buf_puts(b, "List of pairs, rising");
		break;
	default:
		pt_buf_puts(b, "Mapping");
		break;
	}
	if (f->flags & PT_FIELD_REQUIRED)
		pt_buf_puts(b, ", required");
	pt_buf_puts(b, ".\n");
}

static void put_field(struct pt_buf *b, const struct pt_field *f)
{
	pt_buf_printf(b, ".It Cm %s\n%s.\n", f->key, f->doc);
	put_facts(b, f);
}

typedef void section_fn(const char *heading, const struct pt_schema *s, void *ctx);

// Calls fn for s and everything under it: "policies", "policies.match", ...
static void walk(const char *heading, const struct pt_schema *s, section_fn *fn, void *ctx)
{
	fn(heading, s, ctx);
	for (size_t i = 0; i < s->n; i++) {
		pt_autobuf sub = { 0 };
		if (!s->fields[i].sub)
			continue;
		pt_buf_printf(&sub, "%s%s%s", heading, *heading ? "." : "", s->fields[i].key);
		walk(sub.data, s->fields[i].sub, fn, ctx);
	}
}

static void put_section(const char *heading, const struct pt_schema *s, void *ctx)
{
	struct pt_buf *b = ctx;

	pt_buf_printf(b, ".Ss %s\n.Bl -tag -width Ds\n", *heading ? heading : "Top level");
	for (size_t i = 0; i < s->n; i++)
		put_field(b, &s->fields[i]);
	pt_buf_puts(b, ".El\n");
}

static char *read_page(const char *path)
{
	char *text = calloc(1, 1 << 18);
	pt_autofile FILE *f = fopen(path, "re");

	if (!f || !text) {
		T_FAIL("%s is missing", path);
		free(text);
		return NULL;
	}
	text[fread(text, 1, (1 << 18) - 1, f)] = '\0';
	return text;
}

struct page {
	const char *path;
	const char *text;
};

static void check_section(const char *heading, const struct pt_schema *s, void *ctx)
{
	const struct page *page = ctx;
	pt_autobuf want = { 0 };

	put_section(heading, s, &want);
	const char *list = strstr(want.data, ".Bl");
	pt_autofree char *title = strndup(want.data, (size_t)(list - want.data));
	const char *at = strstr(page->text, title);
	const char *found = at ? strstr(at, list) : NULL;
	const char *next = at ? strstr(at + 1, "\n.Ss ") : NULL;
	if (found && (!next || found < next))
		return;
	T_FAIL("%s: \"%s\" is not the table's list; test_man_tables print writes it", page->path,
		*heading ? heading : "Top level");
}

static void check_page(const char *path, const struct pt_schema *const *schemas,
	const char *const *headings, size_t n)
{
	pt_autofree char *text = read_page(path);
	struct page page = { path, text };

	for (size_t i = 0; text && i < n; i++)
		walk(headings[i], schemas[i], check_section, &page);
}

static const struct pt_schema *const records[] = { &pt_health_schema, &pt_service_schema,
	&pt_reach_schema, &pt_transition_schema, &pt_decision_schema, &pt_switch_schema,
	&pt_session_change_schema, &pt_traffic_schema, &pt_passive_schema, &pt_trips_schema,
	&pt_tune_schema };
static const char *const record_names[] = { "health", "service", "reach", "transition", "decision",
	"switch", "session", "traffic", "passive", "trips", "tune" };

static void config_page(void)
{
	static const struct pt_schema *const s[] = { &pt_config_schema };
	static const char *const top[] = { "" };

	check_page("man/patronus-config.5", s, top, 1);
}

static void network_page(void)
{
	static const struct pt_schema *const s[] = { &pt_network_schema };
	static const char *const top[] = { "" };

	check_page("man/patronus-network.5", s, top, 1);
}

static void records_page(void)
{
	check_page("man/pt-records.5", records, record_names, PT_ARRAY_LEN(records));
}

// The first literal block under EXAMPLES is a file that loads.
static void check_example(const char *path, const struct pt_schema *s)
{
	static const char start[] = ".Bd -literal -offset indent\n";
	pt_autoarena a = { 0 };
	struct pt_marks *m = NULL;
	struct pt_err err = { 0 };
	void *obj = pt_arena_alloc(&a, s->size);
	pt_autofree char *text = read_page(path);
	T_NEED(text);
	const char *from = strstr(text, ".Sh EXAMPLES");
	from = from ? strstr(from, start) : NULL;
	T_NEED(from);
	from += sizeof(start) - 1;
	const char *to = strstr(from, ".Ed");
	T_NEED(to);
	int rc = pt_yaml_parse(
		&(struct pt_yaml_text){ path, from, (size_t)(to - from) }, s, &a, &m, obj, &err);
	if (rc == 0 && s == &pt_network_schema)
		rc = pt_network_check(obj, &a, m, &err);
	if (rc < 0)
		T_FAIL("%s", err.msg);
}

static void examples(void)
{
	check_example("man/patronus-config.5", &pt_config_schema);
	check_example("man/patronus-network.5", &pt_network_schema);
}

static int print(void)
{
	pt_autobuf b = { 0 };

	walk("", &pt_config_schema, put_section, &b);
	pt_buf_puts(&b, "\n");
	walk("", &pt_network_schema, put_section, &b);
	pt_buf_puts(&b, "\n");
	for (size_t i = 0; i < PT_ARRAY_LEN(records); i++)
		walk(record_names[i], records[i], put_section, &b);
	return fputs(pt_buf_str(&b), stdout) < 0;
}

int main(int argc, char **argv)
{
	static const struct t_case cases[] = {
		{ "patronus-config(5) lists every key", config_page },
		{ "patronus-network(5) lists every key", network_page },
		{ "pt-records(5) lists every field", records_page },
		{ "the examples load", examples },
	};

	if (argc > 1 && strcmp(argv[1], "print") == 0)
		return print();
	return t_run(cases, PT_ARRAY_LEN(cases));
}
