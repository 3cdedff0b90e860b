// SPDX-License-Identifier: MIT
// Control: one request, answered by data lines and "ok", or by "error ...".
#include "tests/relay/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/un.h>

static const struct setting_row {
	const char *name;
	size_t offset;
	uint32_t most;
	const char *doc;
} setting_rows[] = {
#define X(n, m, d) { .name = #n, .offset = offsetof(struct settings, n), .most = (m), .doc = (d) },
	SETTINGS(X)
#undef X
};

static const struct counter_row {
	const char *name;
	size_t offset;
} counter_rows[] = {
#define X(n) { .name = #n, .offset = offsetof(struct counters, n) },
	COUNTERS(X)
#undef X
};

static const char *const lane_name[2] = { "ab", "ba" };

struct request {
	struct settings value, given; // given: non-zero where value holds
	bool lane[MAX_WANS][2];
};

static uint32_t *setting_at(struct settings *s, const struct setting_row *row)
{
	return (uint32_t *)((char *)s + row->offset);
}

// NAME, NAME:ab, NAME:ba or all; a NULL why on success.
static const char *parse_target(const struct relay *r, char *word, struct request *q)
{
	char *colon = strchr(word, ':');
	bool found = false;

	if (colon)
		*colon++ = '\0';
	if (colon && strcmp(colon, "ab") && strcmp(colon, "ba"))
		return "the direction is ab or ba";
	for (unsigned i = 0; i < r->wans; i++) {
		if (strcmp(word, "all") && strcmp(word, r->wan[i].name))
			continue;
		for (int d = 0; d < 2; d++)
			if (!colon || !strcmp(colon, lane_name[d]))
				q->lane[i][d] = true;
		found = true;
	}
	return found ? NULL : "no such WAN";
}

static const char *parse_setting(char *word, struct request *q)
{
	char *value = strchr(word, '=');
	uint64_t v;

	if (!value)
		return "want KEY=NUMBER";
	for (unsigned i = 0; i < ARRAY_LEN(setting_rows); i++) {
		const struct setting_row *row = &setting_rows[i];

		if (strncmp(word, row->name, (size_t)(value - word)) || row->name[value - word])
			continue;
		if (!tool_parse_u64(value + 1, row->most, &v))
			return "not a number in range (relay --help)";
		*setting_at(&q->value, row) = (uint32_t)v;
		*setting_at(&q->given, row) = 1;
		return NULL;
	}
	return "no such setting (relay --help)";
}

static void say(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL); // a client that left needs no answer
}

static void lane_apply(struct lane *l, struct request *q)
{
	for (unsigned i = 0; i < ARRAY_LEN(setting_rows); i++)
		if (*setting_at(&q->given, &setting_rows[i]))
			*setting_at(&l->set, &setting_rows[i]) = *setting_at(
				&q->value, &setting_rows[i]);
	l->count.changed_ns = tool_clock_ns(CLOCK_MONOTONIC);
}

static void lane_describe(int fd, const struct wan *w, int d)
{
	const struct lane *l = &w->lane[d];
	struct counters count = l->count;
	char line[2048];
	int len = snprintf(line, sizeof(line),
		"{\"wan\":\"%s\",\"dir\":\"%s\",\"in\":\"%s\",\"out\":\"%s\"", w->name,
		lane_name[d], l->in->ifname, l->out->ifname);

	count.held = lane_held(l);
	for (unsigned i = 0; i < ARRAY_LEN(setting_rows); i++) {
		struct settings copy = l->set;

		len += snprintf(line + len, sizeof(line) - (size_t)len, ",\"%s\":%" PRIu32,
			setting_rows[i].name, *setting_at(&copy, &setting_rows[i]));
	}
	for (unsigned i = 0; i < ARRAY_LEN(counter_rows); i++) {
		uint64_t v;

		memcpy(&v, (const char *)&count + counter_rows[i].offset, sizeof(v));
		len += snprintf(line + len, sizeof(line) - (size_t)len, ",\"%s\":%" PRIu64,
			counter_rows[i].name, v);
	}
	(void)snprintf(line + len, sizeof(line) - (size_t)len, "}");
	say(fd, line);
}

// "VERB TARGET [KEY=VALUE...]"; nothing changes unless every word is good.
static void answer(struct relay *r, int fd, char *text)
{
	struct request q = { 0 };
	char *verb = strsep(&text, " "), *word = strsep(&text, " ");
	const char *why = word ? parse_target(r, word, &q) : "which WAN?";
	char line[256];

	while (!why && (word = strsep(&text, " ")))
		why = strcmp(verb, "set") ? "want no more words" : parse_setting(word, &q);
	if (why) {
		(void)snprintf(
			line, sizeof(line), "error %.100s: %.100s", word ? word : "target", why);
		say(fd, line);
		return;
	}
	for (unsigned i = 0; i < r->wans; i++)
		for (int d = 0; d < 2; d++) {
			struct lane *l = &r->wan[i].lane[d];

			if (!q.lane[i][d])
				continue;
			port_count_overruns(l);
			if (!strcmp(verb, "set"))
				lane_apply(l, &q);
			else if (!strcmp(verb, "reset"))
				lane_reset(l);
			else
				lane_describe(fd, &r->wan[i], d);
		}
	say(fd, "ok");
}

void control_accept(struct relay *r)
{
	int fd = accept4(r->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (unsigned i = 0; fd >= 0 && i < MAX_CLIENTS; i++)
		if (r->client[i] < 0) {
			r->client[i] = fd;
			return;
		}
	if (fd >= 0)
		close(fd);
}

void control_serve(struct relay *r, int *client)
{
	char text[MAX_REQUEST];
	ssize_t n = recv(*client, text, sizeof(text) - 1, 0);

	if (n > 0) {
		text[n] = '\0';
		answer(r, *client, text);
	}
	close(*client);
	*client = -1;
}

static int control_address(const char *path, struct sockaddr_un *at)
{
	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(at->sun_path, sizeof(at->sun_path), "%s", path) >= (int)sizeof(at->sun_path))
		return tool_fail(path, "path too long for a socket");
	return 0;
}

// The socket appears under its name only when it answers.
int control_open(struct relay *r, const char *path)
{
	struct sockaddr_un at;
	char early[sizeof(at.sun_path)];

	if (snprintf(early, sizeof(early), "%s.%d", path, (int)getpid()) >= (int)sizeof(early))
		return tool_fail(path, "path too long for a socket");
	if (control_address(early, &at))
		return 2;
	r->control_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->control_fd < 0 || bind(r->control_fd, (struct sockaddr *)&at, sizeof(at)) ||
		listen(r->control_fd, MAX_CLIENTS) || rename(early, path))
		return tool_fail(path, strerror(errno));
	return 0;
}

int control_ask(int words, char **word)
{
	struct sockaddr_un at;
	char text[MAX_REQUEST], line[MAX_REQUEST];
	int len = 0, fd;
	ssize_t n;

	for (int i = 0; i < words; i++)
		if (i != 1 && len < (int)sizeof(text)) // word 1 is the socket
			len += snprintf(
				text + len, sizeof(text) - (size_t)len, i ? " %s" : "%s", word[i]);
	if (len >= (int)sizeof(text))
		return tool_fail(word[0], "too many words");
	if (control_address(word[1], &at))
		return 2;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) ||
		send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		return tool_fail(word[1], strerror(errno));
	while ((n = recv(fd, line, sizeof(line) - 1, 0)) > 0) {
		line[n] = '\0';
		if (!strcmp(line, "ok"))
			return 0;
		if (!strncmp(line, "error ", 6))
			return tool_fail(word[0], line + 6);
		puts(line);
	}
	return tool_fail(word[1], "the relay did not answer");
}

void control_list_settings(FILE *to)
{
	for (unsigned i = 0; i < ARRAY_LEN(setting_rows); i++)
		fprintf(to, "  %-16s 0..%-10" PRIu32 " %s\n", setting_rows[i].name,
			setting_rows[i].most, setting_rows[i].doc);
}
