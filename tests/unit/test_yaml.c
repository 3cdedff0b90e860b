// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sample.h"
#include "test.h"

struct refused {
	const char *text, *error;
};

#define KEYS                                                                                      \
	"id, text, flag, number, maybe, milli, dscp, colour, addr, prefix, ports, inner, items, " \
	"words, prefixes, numbers, hist"

static const struct refused keys[] = {
	{ "colr: red\n", "f.yaml:1:1: colr: unknown key; did you mean colour?" },
	{ "Number: 1\n", "f.yaml:1:1: Number: unknown key; did you mean number?" },
	{ "flag: true\nzzzzzz: 1\n", "f.yaml:2:1: zzzzzz: unknown key; valid here: " KEYS },
	{ "inner:\n  cuont: 1\n", "f.yaml:2:3: inner.cuont: unknown key; did you mean count?" },
	{ "flag: true\nnumber: 1\nflag: true\n", "f.yaml:3:1: flag: given twice, first in line 1" },
	{ "items:\n  - id: a\n    id: b\n",
		"f.yaml:3:5: items[0].id: given twice, first in line 2" },
	{ "items:\n  - id: a\n  - weight: 3\n", "f.yaml:3:5: items[1].id: is missing" },
	{ "[a]: 1\n", "f.yaml:1:1: a key must be a word" },
	{ "? {a: b}\n: 1\n", "f.yaml:1:3: a key must be a word" },
	{ ": 1\n", "f.yaml:1:1: did not find expected key" },
	{ "\"\": 1\n", "f.yaml:1:1: a key must be a word" },
	{ "<<: {number: 1}\n", "f.yaml:1:1: <<: unknown key; valid here: " KEYS },
	{ "\"a\\u0007b\": 1\n", "f.yaml:1:1: a?b: unknown key; valid here: " KEYS },
};

static const struct refused values[] = {
	{ "number: five\n", "f.yaml:1:9: number: \"five\" is not a whole number" },
	{ "number: 5s\n", "f.yaml:1:9: number: \"5s\" is not a whole number" },
	{ "number: 1.0\n", "f.yaml:1:9: number: \"1.0\" is not a whole number" },
	{ "number: 010\n", "f.yaml:1:9: number: \"010\" is not a whole number" },
	{ "number: 0x10\n", "f.yaml:1:9: number: \"0x10\" is not a whole number" },
	{ "number: 1_000\n", "f.yaml:1:9: number: \"1_000\" is not a whole number" },
	{ "number: +5\n", "f.yaml:1:9: number: \"+5\" is not a whole number" },
	{ "number: --5\n", "f.yaml:1:9: number: \"--5\" is not a whole number" },
	{ "number: \"5\"\n", "f.yaml:1:9: number: \"5\" is not a whole number" },
	{ "number: 3601\n", "f.yaml:1:9: number: 3601 is out of range -5 to 3600 s" },
	{ "number: -6\n", "f.yaml:1:9: number: -6 is out of range -5 to 3600 s" },
	{ "number: 9223372036854775808\n",
		"f.yaml:1:9: number: 9223372036854775808 is out of range -5 to 3600 s" },
	{ "number: 999999999999999999999999999999999\n",
		"f.yaml:1:9: number: the number is out of range -5 to 3600 s" },
	{ "maybe: -1\n", "f.yaml:1:8: maybe: -1 is out of range: at least 0" },
	{ "number:\n", "f.yaml:1:8: number: needs a single value, has nothing" },
	{ "number: ~\n", "f.yaml:1:9: number: needs a single value, has nothing" },
	{ "number: [1]\n", "f.yaml:1:9: number: needs a single value, has a list" },
	{ "flag: yes\n", "f.yaml:1:7: flag: \"yes\" is not true or false" },
	{ "flag: True\n", "f.yaml:1:7: flag: \"True\" is not true or false" },
	{ "flag: \"true\"\n", "f.yaml:1:7: flag: \"true\" is not true or false" },
	{ "colour: gren\n",
		"f.yaml:1:9: colour: \"gren\" is not a word for this; did you mean green?" },
	{ "colour: purple\n",
		"f.yaml:1:9: colour: \"purple\" is not a word for this; valid here: "
		"red, green, blue" },
	{ "milli: 1.2345\n",
		"f.yaml:1:8: milli: \"1.2345\" is not a number with at most three decimals" },
	{ "milli: 1.\n", "f.yaml:1:8: milli: \"1.\" is not a number with at most three decimals" },
	{ "milli: .5\n", "f.yaml:1:8: milli: \".5\" is not a number with at most three decimals" },
	{ "milli: 5.001\n", "f.yaml:1:8: milli: 5.001 is out of range -1 to 5" },
	{ "milli: 9999999999999999\n",
		"f.yaml:1:8: milli: \"9999999999999999\" is not a number "
		"with at most three decimals" },
	{ "dscp: 64\n",
		"f.yaml:1:7: dscp: \"64\" is not a DSCP: 0 to 63, or a name such as ef, "
		"af41, cs1, be" },
	{ "addr: 10.0.0\n",
		"f.yaml:1:7: addr: \"10.0.0\" is not an address, such as 192.0.2.1 or "
		"2001:db8::1" },
	{ "prefix: 10.0.0.1/8\n",
		"f.yaml:1:9: prefix: \"10.0.0.1/8\" is not a prefix: bits are set beyond its "
		"length" },
	{ "prefix: 10.0.0.0/33\n",
		"f.yaml:1:9: prefix: \"10.0.0.0/33\" is not a prefix: its length is out of range" },
	{ "prefix: net\n",
		"f.yaml:1:9: prefix: \"net\" is not a prefix, such as 10.1.0.0/16 or "
		"2001:db8::/32" },
	{ "ports: 20-10\n",
		"f.yaml:1:8: ports: \"20-10\" is not a port or a range, such as 5060 or "
		"10000-20000" },
	{ "id: a b\n", "f.yaml:1:5: id: \"a b\" is not an id: 1 to 63 of A-Z a-z 0-9 . _ -" },
	{ "id: 1234567890123456789012345678901234567890123456789012345678901234\n",
		"f.yaml:1:5: id: \"1234567890123456789012345678901234567890...\" is not an id: 1 "
		"to 63 of A-Z a-z 0-9 . _ -" },
	{ "text: \"\"\n", "f.yaml:1:7: text: is empty" },
	{ "text: \"a\\nb\"\n", "f.yaml:1:7: text: control character 0x0a in a text" },
	{ "text: \"a\\0b\"\n", "f.yaml:1:7: text: control character 0x00 in a text" },
	{ "number: \"1\\0\"\n", "f.yaml:1:9: number: control character 0x00 in a text" },
	{ "text: \"\\e[31m\"\n", "f.yaml:1:7: text: control character 0x1b in a text" },
	// 39 letters and one of two bytes: the quote ends before it, not within
	{ "number: 123456789012345678901234567890123456789\xc3\xa9\n",
		"f.yaml:1:9: number: \"123456789012345678901234567890123456789...\" is not a whole "
		"number" },
	{ "hist: [[1, 2]]\n", "f.yaml:1:7: hist: needs a single value, has a list" },
	{ "hist: 1\n", "f.yaml:1:7: hist: a single value cannot stand here" },
};

static const struct refused shapes[] = {
	{ "- a\n", "f.yaml:1:1: needs a mapping (key: value), has a list" },
	{ "word\n", "f.yaml:1:1: needs a mapping (key: value), has a single value" },
	{ "inner: 3\n", "f.yaml:1:8: inner: needs a mapping (key: value), has a single value" },
	{ "inner:\n", "f.yaml:1:7: inner: needs a mapping (key: value), has nothing" },
	{ "words: lan0\n", "f.yaml:1:8: words: needs a list, has a single value" },
	{ "words:\n", "f.yaml:1:7: words: needs a list, has nothing" },
	{ "words: [a, {b: c}]\n", "f.yaml:1:12: words[1]: needs a single value, has a mapping" },
	{ "words: [a, ~]\n", "f.yaml:1:12: words[1]: needs a single value, has nothing" },
	{ "numbers: [1, 2, 30]\n", "f.yaml:1:17: numbers[2]: 30 is out of range 0 to 9" },
	{ "items: [{id: a}, {id: b}, {id: c}, {id: d}]\n",
		"f.yaml:1:8: items: 4 items, at most 3 are possible" },
	{ "items: [{id: a}, {id: b}, 3]\n",
		"f.yaml:1:27: items[2]: needs a mapping (key: value), has a single value" },
};

static const struct refused documents[] = {
	{ "number: &x 1\n", "f.yaml:1:9: anchors (&name) are not supported" },
	{ "number: *x\n", "f.yaml:1:9: aliases (*name) are not supported" },
	{ "number: !!int 1\n", "f.yaml:1:9: tags (!name) are not supported" },
	{ "items: !mine []\n", "f.yaml:1:8: tags (!name) are not supported" },
	{ "a: &a [*a, *a]\n", "f.yaml:1:4: anchors (&name) are not supported" },
	{ "number: 1\n---\nnumber: 2\n", "f.yaml:2:1: a second document starts here" },
	{ "number: 1\n...\nnumber: 2\n", "f.yaml:3:1: did not find expected <document start>" },
	{ "number: 1\n  flag: true\n",
		"f.yaml:2:7: mapping values are not allowed in this context" },
	{ "number:\t1\nflag:\n\ttrue\n",
		"f.yaml:3:1: found character that cannot start any token" },
	{ "text: \"cut", "f.yaml:1:11: found unexpected end of stream" },
	{ "words: [a, b\n",
		"f.yaml:2:1: did not find expected ',' or ']' while parsing a flow "
		"sequence that starts in line 1" },
	{ "inner:\n  cou", "f.yaml:2:3: inner: needs a mapping (key: value), has a single value" },
	{ "number: 1\ntext: \xc3\x28\n", "f.yaml:2:8: not valid UTF-8" },
	{ "text: \xed\xa0\x80\n", "f.yaml:1:7: not valid UTF-8" },
	{ "text: \xc0\xaf\n", "f.yaml:1:7: not valid UTF-8" },
	{ "text: \xff\xfe\n", "f.yaml:1:7: not valid UTF-8" },
	{ "\xff\xfe"
	  "a\n",
		"f.yaml:1:1: not valid UTF-8" },
	{ "text: a\x01"
	  "b\n",
		"f.yaml:1:8: control character" },
	{ "text: a\xf0\x9f", "f.yaml:1:8: not valid UTF-8" },
	{ "a: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n", "f.yaml:1:19: nested too deeply" },
};

static void refuses(const struct refused *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pt_autoarena a = { 0 };
		struct sample s;
		struct pt_err err = { 0 };
		int rc = sample_parse(rows[i].text, &a, &s, &err);
		if (rc >= 0)
			T_FAIL("accepted: %s", rows[i].text);
		else if (strcmp(err.msg, rows[i].error) != 0 || err.code != rc)
			T_FAIL("%s#  got  %d %s\n#  want %d %s", rows[i].text, err.code, err.msg,
				rc, rows[i].error);
	}
}

static void refuses_keys(void)
{
	refuses(keys, PT_ARRAY_LEN(keys));
}

static void refuses_values(void)
{
	refuses(values, PT_ARRAY_LEN(values));
}

static void refuses_shapes(void)
{
	refuses(shapes, PT_ARRAY_LEN(shapes));
}

static void refuses_documents(void)
{
	refuses(documents, PT_ARRAY_LEN(documents));
}

static void refuses_nul_byte(void)
{
	static const char text[] = "number: 1\0\nflag: true\n";
	pt_autoarena a = { 0 };
	struct sample s;
	struct pt_err err = { 0 };

	T_EQ(pt_yaml_parse(&(struct pt_yaml_text){ "f.yaml", text, sizeof(text) - 1 },
		     &sample_schema, &a, NULL, &s, &err),
		-EINVAL);
	T_STR(err.msg, "f.yaml:1:10: control character");
}

// Every strict prefix of a good file is refused or reads as a smaller good file; none crashes.
static void survives_truncation(void)
{
	unsigned good = 0, bad = 0;

	for (size_t len = 0; len < sizeof(full_yaml) - 1; len++) {
		pt_autoarena a = { 0 };
		struct sample s;
		struct pt_err err = { 0 };
		int rc = pt_yaml_parse(&(struct pt_yaml_text){ "f.yaml", full_yaml, len },
			&sample_schema, &a, NULL, &s, &err);
		if (rc == 0)
			good++;
		else if (strncmp(err.msg, "f.yaml:", 7) == 0)
			bad++;
		else
			T_FAIL("%zu bytes: \"%s\"", len, err.msg);
	}
	T_OK(good > 20);
	T_OK(bad > 100);
}

static void reads_every_kind(void)
{
	pt_autoarena a = { 0 };
	struct sample s;
	struct pt_err err = { 0 };

	if (sample_parse(full_yaml, &a, &s, &err) < 0) {
		T_FAIL("%s", err.msg);
		return;
	}
	T_STR(s.id, "a.b-c_1");
	T_STR(s.text, "two: words # no comment");
	T_OK(s.flag);
	T_EQ(s.number, -5);
	T_EQ(s.maybe, 0);
	T_EQ(s.milli, -250);
	T_EQ(s.dscp, 46);
	T_EQ(s.colour, 2);
	T_EQ(s.addr.family, AF_INET6);
	T_EQ(s.addr.bytes[15], 1);
	T_EQ(s.prefix.len, 8);
	T_EQ(s.prefix.addr.bytes[0], 10);
	T_EQ(s.ports.lo, 1000);
	T_EQ(s.ports.hi, 2000);
	T_EQ(s.inner.count, 9);
	T_OK(!s.inner.on);
	T_NEED(s.n_items == 2 && s.n_words == 4 && s.n_prefixes == 2 && s.n_numbers == 3);
	T_STR(s.items[0].id, "one");
	T_EQ(s.items[0].weight, 50);
	T_STR(s.items[1].id, "two");
	T_EQ(s.items[1].weight, 1); // the default of an item
	T_STR(s.words[1], "no");
	T_STR(s.words[2], "\xc3\xa9t\xc3\xa9");
	T_EQ(s.prefixes[1].addr.family, AF_INET6);
	T_EQ(s.numbers[2], 3);
}

static void empty_is_defaults(void)
{
	static const char *const empty[] = { "", "\n", "# nothing\n", "---\n# nothing\n{}\n",
		"\xef\xbb\xbf# marked\n", "maybe: null\nmilli: ~\naddr:\n" };
	struct sample want;

	pt_schema_defaults(&sample_schema, &want);
	for (size_t i = 0; i < PT_ARRAY_LEN(empty); i++) {
		pt_autoarena a = { 0 };
		struct sample s;
		struct pt_err err = { 0 };
		if (sample_parse(empty[i], &a, &s, &err) < 0)
			T_FAIL("\"%s\": %s", empty[i], err.msg);
		else if (!pt_schema_equal(&sample_schema, &s, &want))
			T_FAIL("\"%s\" is not the defaults", empty[i]);
	}
	T_EQ(want.maybe, PT_NULL);
	T_EQ(want.inner.count, 5);
	T_STR(want.text, "as is");
}

static void round_trip(void)
{
	pt_autoarena a = { 0 };
	pt_autobuf first = { 0 }, second = { 0 };
	struct sample s, t;
	struct pt_err err = { 0 };

	T_NEED(sample_parse(full_yaml, &a, &s, &err) == 0);
	T_EQ(pt_yaml_write(&sample_schema, &s, &first), 0);
	if (sample_parse(pt_buf_str(&first), &a, &t, &err) < 0) {
		T_FAIL("%s in\n%s", err.msg, pt_buf_str(&first));
		return;
	}
	T_OK(pt_schema_equal(&sample_schema, &s, &t));
	T_EQ(pt_yaml_write(&sample_schema, &t, &second), 0);
	T_STR(pt_buf_str(&second), pt_buf_str(&first));
	T_HAS(pt_buf_str(&first), "\ndscp: ef\n");
	T_HAS(pt_buf_str(&first), "\nmilli: -0.25\n");
	T_HAS(pt_buf_str(&first), "\n  weight: 50\n");
	T_OK(!strstr(pt_buf_str(&first), "weight: 1\n")); // a default is left out
}

// Texts that would change their meaning, or the document, if written bare.
static void awkward_texts_come_back(void)
{
	static const char *const texts[] = { "null", "~", "true", "No", "- a", "a: b", "#x", "[",
		"{}", "&a", "*a", "!t", "|", ">", "'", "\"", "a # b", " a", "a ", "%", "@", "`",
		"0123", "1e3", "\xe2\x80\xa8", "\xc2\x85", "\xf0\x9f\x98\x80", "a\\b", "?", ":",
		"---", "\xef\xbb\xbf", "=", "<<" };

	for (size_t i = 0; i < PT_ARRAY_LEN(texts); i++) {
		pt_autoarena a = { 0 };
		pt_autobuf b = { 0 };
		struct sample s, t;
		struct pt_err err = { 0 };
		pt_schema_defaults(&sample_schema, &s);
		s.text = texts[i];
		T_EQ(pt_yaml_write(&sample_schema, &s, &b), 0);
		if (sample_parse(pt_buf_str(&b), &a, &t, &err) < 0)
			T_FAIL("%s: %s", pt_buf_str(&b), err.msg);
		else
			T_STR(t.text, texts[i]);
	}
}

static void writer_refuses_what_no_reader_takes(void)
{
	pt_autobuf b = { 0 };
	struct sample s;

	pt_schema_defaults(&sample_schema, &s);
	s.text = "\xff";
	pt_buf_puts(&b, "kept");
	T_EQ(pt_yaml_write(&sample_schema, &s, &b), -EILSEQ);
	T_STR(b.data, "kept");
}

static void marks_lead_back(void)
{
	static const char text[] =
		"number: 1\nitems:\n  - weight: 2\n    id: a\nwords:\n  [x,\n y]\n";
	pt_autoarena a = { 0 };
	struct sample s;
	struct pt_marks *m = NULL;
	struct pt_err err = { 0 };

	T_NEED(pt_yaml_parse(&(struct pt_yaml_text){ "f.yaml", text, sizeof(text) - 1 },
		       &sample_schema, &a, &m, &s, &err) == 0);
	T_STR(pt_marks_where(m, &s.number), "f.yaml:1:9");
	T_STR(pt_marks_where(m, &s.items[0].id), "f.yaml:4:9");
	T_STR(pt_marks_where(m, &s.items[0].weight), "f.yaml:3:13");
	T_STR(pt_marks_where(m, &s.words[1]), "f.yaml:7:2");
	T_STR(pt_marks_where(m, &s.words), "f.yaml:6:3");
	T_STR(pt_marks_where(m, &s.flag), "f.yaml");
	T_STR(pt_marks_where(m, NULL), "f.yaml");
}

// 16 MiB of the smallest values would take a gigabyte: they are counted.
static void too_many_values(void)
{
	pt_autoarena a = { 0 };
	pt_autobuf text = { 0 };
	struct sample s;
	struct pt_err err = { 0 };

	pt_buf_puts(&text, "words: [");
	for (unsigned i = 0; i < 2u << 20; i++)
		pt_buf_add(&text, "a,", 2);
	T_EQ(sample_parse(text.data, &a, &s, &err), -EINVAL);
	T_STR(err.msg, "f.yaml:1:4194307: too many values");
}

static void files(void)
{
	char path[] = "/tmp/pt-test-yaml-XXXXXX";
	pt_autoarena a = { 0 };
	struct sample s;
	struct pt_err err = { 0 };

	T_EQ(pt_yaml_load("/nonexistent/f", &sample_schema, &a, NULL, &s, &err), -ENOENT);
	T_STR(err.msg, "/nonexistent/f: No such file or directory");
	T_EQ(pt_yaml_load("/", &sample_schema, &a, NULL, &s, &err), -EISDIR);

	pt_autofd fd = mkstemp(path);
	T_NEED(fd >= 0);
	T_EQ(ftruncate(fd, (16 << 20) + 1), 0);
	T_EQ(pt_yaml_load(path, &sample_schema, &a, NULL, &s, &err), -EFBIG);
	T_HAS(err.msg, ": larger than 16 MiB");
	T_EQ(ftruncate(fd, 0), 0);
	T_EQ(write(fd, "number: 12\n", 11), 11);
	T_EQ(pt_yaml_load(path, &sample_schema, &a, NULL, &s, &err), 0);
	T_EQ(s.number, 12);
	(void)unlink(path);
}

T_MAIN({ "unknown, duplicate, missing and odd keys", refuses_keys },
	{ "mistyped and out of range values", refuses_values }, { "wrong shapes", refuses_shapes },
	{ "documents that are not plain YAML", refuses_documents },
	{ "a NUL byte", refuses_nul_byte }, { "every truncation", survives_truncation },
	{ "every kind is read", reads_every_kind },
	{ "an empty file is all defaults", empty_is_defaults },
	{ "written, read and written again", round_trip },
	{ "awkward texts come back", awkward_texts_come_back },
	{ "what no reader takes is not written", writer_refuses_what_no_reader_takes },
	{ "marks lead back to the file", marks_lead_back }, { "too many values", too_many_values },
	{ "files", files })
