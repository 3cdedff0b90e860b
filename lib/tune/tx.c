// SPDX-License-Identifier: MIT
#include "tune/tx.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tune/unit.h"

#define MAX_JOURNAL (64u << 20)

const char *const pt_tx_result_names[] = {
	[PT_TX_OPEN] = "open",
	[PT_TX_CONFIRMED] = "confirmed",
	[PT_TX_RESTORED] = "restored",
	[PT_TX_INCOMPLETE] = "incomplete",
	[PT_TX_FOREIGN] = "foreign",
	[PT_TX_REBOOTED] = "rebooted",
};

const char pt_tx_gone[] = "gone, and its value with it";

int64_t pt_tx_boottime_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &t); // cannot fail
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

bool pt_tx_same_boot(const struct pt_tx *t)
{
	char boot[PT_BOOT_ID_LEN];

	return t->boot && pt_boot_id(boot) == 0 && strcmp(boot, t->boot) == 0;
}

bool pt_tx_has_units(const struct pt_tx *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->item[i].want && pt_unit_is(t->item[i].key))
			return true;
	}
	return false;
}

// ---- the directory ----

static int make_dirs(int base, const char *path)
{
	char part[512];

	for (const char *p = strchr(path + 1, '/');; p = strchr(p + 1, '/')) {
		(void)snprintf(
			part, sizeof(part), "%.*s", p ? (int)(p - path) : (int)strlen(path), path);
		if (mkdirat(base, part, p ? 0755 : 0700) < 0 && errno != EEXIST)
			return -errno;
		if (!p)
			return 0;
	}
}

int pt_tx_state_open(
	const struct pt_host *h, const char *path, struct pt_tx_state *out, struct pt_err *err)
{
	struct pt_tx_state s = PT_TX_STATE_NONE;
	char own[512];
	struct stat st;

	(void)snprintf(own, sizeof(own), "%s", path ? path : PT_TX_STATE);
	if (!path && !h->init_netns && stat("/proc/thread-self/ns/net", &st) == 0)
		(void)snprintf(own, sizeof(own), PT_TX_STATE "/netns-%ju", (uintmax_t)st.st_ino);
	int base = path ? AT_FDCWD : h->root_fd;
	int rc = make_dirs(base, own);
	if (rc < 0)
		return pt_err_errno(err, rc, "%s", own);
	s.dir_fd = openat(base, own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.dir_fd < 0)
		return pt_err_errno(err, -errno, "%s", own);
	// Whoever can write here tells root which files to write.
	if (fstat(s.dir_fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 022) {
		pt_tx_state_close(&s);
		return pt_err_set(err, -EPERM,
			"%s: others can write to it: chown -R root and chmod 700, if its journals "
			"are yours",
			own);
	}
	if ((mkdirat(s.dir_fd, "tx", 0700) < 0 && errno != EEXIST) || fsync(s.dir_fd) < 0) {
		rc = pt_err_errno(err, -errno, "%s/tx", own);
		pt_tx_state_close(&s);
		return rc;
	}
	*out = s;
	return 0;
}

void pt_tx_state_close(struct pt_tx_state *s)
{
	pt_tx_unlock(s);
	pt_cleanup_fd(&s->dir_fd);
	s->dir_fd = -1;
}

int pt_tx_lock(struct pt_tx_state *s, bool wait, struct pt_err *err)
{
	int fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return pt_err_errno(err, -errno, "lock");
	if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		int rc = -errno;
		pt_cleanup_fd(&fd);
		return rc == -EWOULDBLOCK
			? pt_err_set(err, -EBUSY, "another pt-tune is at work here")
			: pt_err_errno(err, rc, "lock");
	}
	s->lock_fd = fd;
	return 0;
}

void pt_tx_unlock(struct pt_tx_state *s)
{
	pt_cleanup_fd(&s->lock_fd);
	s->lock_fd = -1;
}

// ---- writing ----

enum durability { LATER, NOW }; // LATER: with the next record that is NOW

// Takes ownership of record.
static int append(struct pt_tx *t, json_t *record, enum durability when, struct pt_err *err)
{
	pt_autojson json_t *own = record;
	pt_autofree char *line = own ? json_dumps(own, JSON_COMPACT) : NULL;
	pt_autobuf b = { 0 };

	if (!line)
		return pt_err_set(err, -ENOMEM, "journal: out of memory");
	pt_buf_printf(&b, "%s%s\n", t->torn ? "\n" : "", line); // a torn line must not swallow it
	ssize_t n = write(t->journal_fd, b.data, b.len);
	if (n != (ssize_t)b.len) {
		t->torn |= n > 0;
		return pt_err_errno(err, n < 0 ? -errno : -ENOSPC, "journal of %s", t->id);
	}
	t->torn = false;
	if (when == NOW && fdatasync(t->journal_fd) < 0)
		return pt_err_errno(err, -errno, "journal of %s", t->id);
	return 0;
}

static int open_tx(struct pt_tx_state *s, struct pt_tx *t, int flags, struct pt_err *err)
{
	char path[PT_TX_ID_LEN + 8];

	(void)snprintf(path, sizeof(path), "tx/%s", t->id);
	if ((flags & O_CREAT) && mkdirat(s->dir_fd, path, 0700) < 0)
		return pt_err_errno(err, -errno, "%s", path);
	t->dir_fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir_fd < 0)
		return errno == ENOENT
			? pt_err_set(err, -ENOENT, "no transaction is called '%s'", t->id)
			: pt_err_errno(err, -errno, "%s", path);
	t->journal_fd = openat(t->dir_fd, "journal", O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600);
	if (t->journal_fd < 0)
		return pt_err_errno(err, -errno, "%s/journal", path);
	return 0;
}

int pt_tx_begin(struct pt_tx_state *s, struct pt_arena *a, const struct pt_tx_terms *terms,
	struct pt_tx *out, struct pt_err *err)
{
	struct pt_tx t = { .a = a, .dir_fd = -1, .journal_fd = -1, .profile = terms->profile };
	char when[PT_RFC3339_LEN], boot[PT_BOOT_ID_LEN] = "";
	size_t n = 0;

	pt_rfc3339_format(pt_wall_us(), when);
	for (const char *p = when; *p && n < sizeof(t.id) - 1; p++) { // 20260131T120000.123456Z
		if (*p != '-' && *p != ':')
			t.id[n++] = *p;
	}
	(void)pt_boot_id(boot);
	t.boot = pt_arena_strdup(a, boot);
	t.timeout_ms = terms->timeout_ms;
	t.runtime_only = terms->runtime_only;
	t.uid = getuid();
	t.room = PT_TX_MAX;
	t.item = pt_arena_alloc(a, t.room * sizeof(*t.item));
	int rc = open_tx(s, &t, O_CREAT | O_EXCL, err);
	if (rc == 0)
		rc = append(&t,
			json_pack("{s:s,s:s,s:s?,s:s,s:I,s:i,s:b}", "rec", "begin", "id", t.id,
				"profile", t.profile, "boot", boot, "timeout_ms",
				(json_int_t)t.timeout_ms, "uid", (int)t.uid, "runtime_only",
				t.runtime_only),
			NOW, err);
	if (rc == 0 && (fsync(t.dir_fd) < 0 || fsync(s->dir_fd) < 0))
		rc = pt_err_errno(err, -errno, "%s", t.id);
	if (rc < 0)
		pt_tx_close(&t);
	else
		*out = t;
	return rc;
}

void pt_tx_close(struct pt_tx *t)
{
	pt_cleanup_fd(&t->journal_fd);
	pt_cleanup_fd(&t->dir_fd);
	t->journal_fd = t->dir_fd = -1;
}

int pt_tx_add(struct pt_tx *t, const struct pt_tx_item *it, struct pt_err *err)
{
	if (t->n == t->room)
		return pt_err_set(err, -E2BIG, "more than %d settings", PT_TX_MAX);
	t->item[t->n] = *it;
	return append(t,
		json_pack("{s:s,s:i,s:s,s:s?,s:s,s:s?,s:s?,s:s?}", "rec", "item", "i", (int)t->n++,
			"key", it->key, "device", it->device, "before", it->before, "want",
			it->want, "guide", it->guide, "rule", it->rule),
		LATER, err);
}

int pt_tx_mark(struct pt_tx *t, const char *rec, struct pt_err *err)
{
	int rc = append(t, json_pack("{s:s}", "rec", rec), NOW, err);

	if (rc == 0)
		*(strcmp(rec, "ready") == 0                   ? &t->ready
				: strcmp(rec, "undoing") == 0 ? &t->undoing
							      : &t->confirming) = true;
	return rc;
}

int pt_tx_intent(struct pt_tx *t, unsigned i, struct pt_err *err)
{
	t->item[i].intent = true;
	return append(t, json_pack("{s:s,s:i}", "rec", "intent", "i", (int)i), NOW, err);
}

int pt_tx_done(struct pt_tx *t, unsigned i, const char *after, struct pt_err *err)
{
	t->item[i].after = pt_arena_strdup(t->a, after);
	return append(t, json_pack("{s:s,s:i,s:s}", "rec", "done", "i", (int)i, "after", after),
		LATER, err);
}

int pt_tx_applied(struct pt_tx *t, int64_t deadline_ms, const char *effect, struct pt_err *err)
{
	t->applied = true;
	t->deadline_ms = deadline_ms;
	return append(t,
		json_pack("{s:s,s:I,s:s?}", "rec", "applied", "deadline_ms",
			(json_int_t)deadline_ms, "effect", effect),
		NOW, err);
}

// Each unit of a transaction has two.
static struct pt_tx_file *add_file(struct pt_tx *t)
{
	if (t->n_file == t->file_room) {
		unsigned room = t->file_room ? 2 * t->file_room : 16;
		struct pt_tx_file *more = pt_arena_alloc(t->a, room * sizeof(*more));
		if (t->n_file)
			memcpy(more, t->file, t->n_file * sizeof(*more));
		t->file = more;
		t->file_room = room;
	}
	return &t->file[t->n_file++];
}

int pt_tx_file(
	struct pt_tx *t, const char *path, const char *before, const char *now, struct pt_err *err)
{
	if (t->n_file == 2 * PT_TX_MAX)
		return pt_err_set(err, -E2BIG, "too many files");
	*add_file(t) = (struct pt_tx_file){ .path = pt_arena_strdup(t->a, path),
		.before = before ? pt_arena_strdup(t->a, before) : NULL,
		.now = now ? pt_arena_strdup(t->a, now) : NULL };
	return append(t,
		json_pack("{s:s,s:s,s:s?,s:s?}", "rec", "file", "path", path, "before", before,
			"now", now),
		NOW, err);
}

int pt_tx_undone(struct pt_tx *t, unsigned i, const char *trouble, struct pt_err *err)
{
	t->item[i].undone = !trouble;
	t->item[i].trouble = trouble ? pt_arena_strdup(t->a, trouble) : NULL;
	t->item[i].gone = trouble && strcmp(trouble, pt_tx_gone) == 0;
	return append(t,
		json_pack("{s:s,s:i,s:s?}", "rec", "undone", "i", (int)i, "trouble", trouble),
		LATER, err);
}

int pt_tx_finish(struct pt_tx *t, enum pt_tx_result result, struct pt_err *err)
{
	t->result = result;
	return append(t,
		json_pack("{s:s,s:s}", "rec", "closed", "result", pt_tx_result_names[result]), NOW,
		err);
}

// ---- reading ----

static const char *text_of(struct pt_tx *t, const json_t *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r, key));

	return s ? pt_arena_strdup(t->a, s) : NULL;
}

static int64_t number_of(const json_t *r, const char *key)
{
	return json_integer_value(json_object_get(r, key));
}

static void on_begin(struct pt_tx *t, const json_t *r)
{
	t->profile = text_of(t, r, "profile");
	t->boot = text_of(t, r, "boot");
	t->timeout_ms = number_of(r, "timeout_ms");
	t->uid = (uint32_t)number_of(r, "uid");
	t->runtime_only = json_is_true(json_object_get(r, "runtime_only"));
}

static void on_item(struct pt_tx *t, const json_t *r)
{
	if (t->n == t->room)
		return;
	t->item[t->n++] = (struct pt_tx_item){ .key = text_of(t, r, "key"),
		.device = text_of(t, r, "device"),
		.before = text_of(t, r, "before"),
		.want = text_of(t, r, "want"),
		.guide = text_of(t, r, "guide"),
		.rule = text_of(t, r, "rule") };
}

static struct pt_tx_item *item_of(struct pt_tx *t, const json_t *r)
{
	int64_t i = number_of(r, "i");

	return i >= 0 && i < t->n ? &t->item[i] : NULL;
}

static void on_intent(struct pt_tx *t, const json_t *r)
{
	struct pt_tx_item *it = item_of(t, r);

	if (it)
		it->intent = true;
}

static void on_done(struct pt_tx *t, const json_t *r)
{
	struct pt_tx_item *it = item_of(t, r);

	if (it)
		it->after = text_of(t, r, "after");
}

static void on_undone(struct pt_tx *t, const json_t *r)
{
	struct pt_tx_item *it = item_of(t, r);

	if (!it)
		return;
	it->trouble = text_of(t, r, "trouble");
	it->undone = !it->trouble;
	it->gone = it->trouble && strcmp(it->trouble, pt_tx_gone) == 0;
}

static void on_ready(struct pt_tx *t, const json_t *r)
{
	(void)r;
	t->ready = true;
}

static void on_undoing(struct pt_tx *t, const json_t *r)
{
	(void)r;
	t->undoing = true;
}

static void on_confirming(struct pt_tx *t, const json_t *r)
{
	(void)r;
	t->confirming = true;
}

static void on_applied(struct pt_tx *t, const json_t *r)
{
	t->applied = true;
	t->deadline_ms = number_of(r, "deadline_ms");
	if (text_of(t, r, "effect"))
		t->effect = text_of(t, r, "effect");
}

static void on_file(struct pt_tx *t, const json_t *r)
{
	if (t->n_file < 2 * PT_TX_MAX)
		*add_file(t) = (struct pt_tx_file){ .path = text_of(t, r, "path"),
			.before = text_of(t, r, "before"),
			.now = text_of(t, r, "now") };
}

static void on_closed(struct pt_tx *t, const json_t *r)
{
	const char *s = json_string_value(json_object_get(r, "result"));

	for (int i = 0; s && i <= PT_TX_REBOOTED; i++) {
		if (strcmp(s, pt_tx_result_names[i]) == 0)
			t->result = (enum pt_tx_result)i;
	}
}

static const struct {
	const char *rec;
	void (*fn)(struct pt_tx *t, const json_t *r);
} readers[] = {
	{ "begin", on_begin },
	{ "item", on_item },
	{ "ready", on_ready },
	{ "intent", on_intent },
	{ "done", on_done },
	{ "applied", on_applied },
	{ "confirming", on_confirming },
	{ "undoing", on_undoing },
	{ "file", on_file },
	{ "undone", on_undone },
	{ "closed", on_closed },
};

static void read_record(struct pt_tx *t, const char *line, size_t len)
{
	pt_autojson json_t *r = json_loadb(line, len, 0, NULL);
	const char *rec = json_string_value(json_object_get(r, "rec"));

	for (size_t i = 0; rec && i < PT_ARRAY_LEN(readers); i++) {
		if (strcmp(readers[i].rec, rec) == 0)
			readers[i].fn(t, r);
	}
}

int pt_tx_load(struct pt_tx_state *s, struct pt_arena *a, const char *id, struct pt_tx *out,
	struct pt_err *err)
{
	struct pt_tx t = { .a = a, .dir_fd = -1, .journal_fd = -1 };
	struct stat st = { 0 };

	if (strchr(id, '/') || strlen(id) >= sizeof(t.id))
		return pt_err_set(err, -EINVAL, "'%.40s' is no id of a transaction", id);
	(void)snprintf(t.id, sizeof(t.id), "%s", id);
	int rc = open_tx(s, &t, 0, err);
	if (rc == 0 && (fstat(t.journal_fd, &st) < 0 || st.st_size > MAX_JOURNAL))
		rc = pt_err_set(err, -EFBIG, "journal of %s is too long", id);
	pt_autofree char *text = rc == 0 ? malloc((size_t)st.st_size + 1) : NULL;
	if (rc == 0 && (!text || pread(t.journal_fd, text, (size_t)st.st_size, 0) != st.st_size))
		rc = pt_err_set(err, -EIO, "journal of %s cannot be read", id);
	if (rc < 0) {
		pt_tx_close(&t);
		return rc;
	}
	const char *end = text + st.st_size, *nl;
	t.room = 1; // an item takes a line: a history of many must not take the most of each
	for (const char *p = text; p < end && (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
		t.room++;
	t.room = t.room < PT_TX_MAX ? t.room : PT_TX_MAX;
	t.item = pt_arena_alloc(a, t.room * sizeof(*t.item));
	for (const char *p = text; p < end && (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
		read_record(&t, p, (size_t)(nl - p));
	t.torn = st.st_size && end[-1] != '\n';
	*out = t;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define MAX_LIST 4096

int pt_tx_list(struct pt_tx_state *s, struct pt_arena *a, char ***out, struct pt_err *err)
{
	int fd = openat(s->dir_fd, "tx", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	__attribute__((cleanup(close_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char **list = pt_arena_alloc(a, MAX_LIST * sizeof(*list));
	const struct dirent *d;

	if (!dir)
		return pt_err_errno(err, -errno, "tx");
	while ((d = readdir(dir)) && n < MAX_LIST) {
		if (d->d_name[0] != '.')
			list[n++] = pt_arena_strdup(a, d->d_name);
	}
	qsort(list, (size_t)n, sizeof(*list), by_id);
	*out = list;
	return n;
}

int pt_tx_find(struct pt_tx_state *s, struct pt_arena *a, bool confirmed, struct pt_tx *out,
	struct pt_err *err)
{
	char **list = NULL;
	int n = pt_tx_list(s, a, &list, err);

	for (int i = n - 1; list && i >= 0; i--) {
		struct pt_tx t;
		if (pt_tx_load(s, a, list[i], &t, NULL) < 0)
			continue;
		if (t.result == (confirmed ? PT_TX_CONFIRMED : PT_TX_OPEN)) {
			*out = t;
			return 0;
		}
		pt_tx_close(&t);
	}
	return n < 0 ? n : -ENOENT;
}
