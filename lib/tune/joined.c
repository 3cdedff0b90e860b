// SPDX-License-Identifier: MIT
#include "tune/joined.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static const struct pt_joined *const all[] = { &pt_joined_qos, &pt_joined_marking };

const struct pt_joined *pt_joined_of(const char *key)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(all); i++) {
		size_t len = strlen(all[i]->key);
		if (strncmp(key, all[i]->key, len) == 0 && (key[len] == '.' || key[len] == '\0'))
			return all[i];
	}
	return NULL;
}

bool pt_joined_is_other(const char *text)
{
	return strncmp(text, "other ", 6) == 0 || strncmp(text, "part ", 5) == 0;
}

int pt_joined_get(
	const struct pt_joined *j, const char *text, const char *key, char out[PT_KNOB_VALUE])
{
	char copy[PT_KNOB_VALUE], *at = copy, *word;
	bool ours = strncmp(text, j->mark, strlen(j->mark)) == 0;

	(void)snprintf(out, PT_KNOB_VALUE, "none");
	for (size_t i = 0; i < j->n; i++) {
		if (strcmp(j->words[i].key, key) != 0)
			continue;
		(void)snprintf(copy, sizeof(copy), "%s", text);
		while (ours && (word = strsep(&at, " "))) {
			const char *value = strsep(&at, " ");
			if (value && strcmp(word, j->words[i].word) == 0)
				(void)snprintf(out, PT_KNOB_VALUE, "%s", value);
		}
		return 0;
	}
	return -ENOENT;
}

static bool same_device(const struct pt_item *it, const char *device)
{
	return device ? it->device && strcmp(it->device, device) == 0 : !it->device;
}

static bool is_change(const struct pt_item *it)
{
	return it->want && (it->action == PT_TUNE_SET || it->action == PT_TUNE_ADAPT);
}

// What is said later wins.
static const char *wanted(const struct pt_tuning *plan, const char *device, const char *key)
{
	for (unsigned i = plan->n; i-- > 0;) {
		const struct pt_item *it = &plan->item[i];
		if (same_device(it, device) && strcmp(it->knob->key, key) == 0 &&
			(is_change(it) || (it->want && it->action == PT_TUNE_SAME)))
			return it->want;
	}
	return NULL;
}

int pt_joined_make(const struct pt_joined *j, const struct pt_tuning *plan, const char *device,
	struct pt_arena *a, struct pt_item *out, struct pt_err *err)
{
	char text[PT_KNOB_VALUE] = "", settled[PT_KNOB_VALUE];
	const struct pt_item *first = NULL;
	size_t len = 0;

	for (unsigned i = 0; !first && i < plan->n; i++) {
		const struct pt_item *it = &plan->item[i];
		const struct pt_joined *of = pt_joined_of(it->knob->key);
		bool word = of && of == j && strcmp(it->knob->key, of->key) != 0;
		if (word && same_device(it, device) && is_change(it))
			first = it;
	}
	for (size_t i = 0; first && i < j->n && len < sizeof(text); i++) {
		const char *value = wanted(plan, device, j->words[i].key);
		value = value ? value : j->words[i].otherwise;
		if (value)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s",
				len ? " " : "", j->words[i].word, value);
	}
	if (!first)
		return 0;
	int rc = j->settle(text, settled, err);
	if (rc < 0)
		return device ? pt_err_wrap(err, "%s", device) : rc;
	*out = (struct pt_item){ .knob = pt_knob_find(j->key),
		.device = first->device,
		.guide = first->guide,
		.want = pt_arena_strdup(a, settled),
		.action = PT_TUNE_SET,
		.rule = first->rule };
	return 1;
}
