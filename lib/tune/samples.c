// SPDX-License-Identifier: MIT
#include "tune/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tune/symbols.h"

#define RATE_HZ  197 // of no timer's period
#define PAGES    64  // of samples for each CPU: minutes
#define MAX_CPUS 1024
#define MAX_HOT  4096
#define LEAST    50 // samples that say something

struct ring {
	int fd;
	struct perf_event_mmap_page *page;
};

struct spot {
	struct pt_hot hot;
	uint32_t pid; // of the first sample
};

struct pt_samples {
	struct ring *ring;
	unsigned n_rings;
	size_t page;
	struct spot *spot;
	unsigned n_spots;
	uint32_t busy, ours, lost;
	bool kernel_hidden;
};

static int open_ring(unsigned cpu, bool kernel, struct ring *r, size_t page)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(a),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = RATE_HZ,
		.freq = 1,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID,
		.exclude_kernel = !kernel,
		.exclude_hv = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &a, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	void *map = mmap(NULL, (1 + PAGES) * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		int code = -errno;
		pt_cleanup_fd(&fd);
		return code;
	}
	*r = (struct ring){ .fd = fd, .page = map };
	return 0;
}

int pt_samples_start(struct pt_samples **out, struct pt_err *err)
{
	struct pt_samples *s = calloc(1, sizeof(*s));
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int rc = 0;

	if (s && cpus > 0)
		s->ring = calloc((size_t)cpus, sizeof(*s->ring));
	if (s)
		s->spot = calloc(MAX_HOT, sizeof(*s->spot));
	if (!s || !s->ring || !s->spot) {
		pt_samples_free(s);
		return pt_err_errno(err, -ENOMEM, "samples");
	}
	s->page = (size_t)sysconf(_SC_PAGESIZE);
	for (unsigned cpu = 0; cpu < (unsigned)cpus && cpu < MAX_CPUS && !rc; cpu++) {
		rc = open_ring(cpu, !s->kernel_hidden, &s->ring[s->n_rings], s->page);
		if (rc == -EACCES && !s->kernel_hidden) {
			s->kernel_hidden = true;
			rc = open_ring(cpu, false, &s->ring[s->n_rings], s->page);
		}
		if (rc == 0)
			s->n_rings++;
		else if (rc == -ENODEV || rc == -ENXIO) // not online
			rc = 0;
	}
	if (rc || !s->n_rings) {
		pt_samples_free(s);
		return pt_err_errno(err, rc ? rc : -ENODEV, "perf events");
	}
	*out = s;
	return 0;
}

static void name_process(uint32_t pid, char out[16])
{
	char path[64], text[32] = "";

	(void)snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	pt_autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(out, 16, "%s", n > 0 ? text : "[gone]");
}

static bool is_kernel(uint64_t ip)
{
	return (int64_t)ip < 0; // its half of the addresses
}

static void name_function(
	struct pt_symbols *names, uint32_t pid, uint64_t ip, char *out, size_t len)
{
	if (is_kernel(ip))
		pt_symbols_kernel(names, ip, out, len);
	else
		pt_symbols_user(names, (pid_t)pid, ip, out, len);
}

struct sample {
	struct perf_event_header header;
	uint64_t ip;
	uint32_t pid, tid;
};

// What softirqs do on an idle CPU is work; to wait for an interrupt is not.
static bool is_idle(const struct sample *m, const char *function)
{
	static const char *const words[] = { "idle", "halt", "mwait", "[kernel]" };

	for (size_t i = 0; !m->pid && i < PT_ARRAY_LEN(words); i++) {
		if (strstr(function, words[i]))
			return true;
	}
	return false;
}

static struct spot *spot_of(struct pt_samples *s, const struct sample *m, const char *function)
{
	struct pt_hot hot = { 0 };

	for (unsigned i = 0; i < s->n_spots && !hot.process[0]; i++) {
		if (s->spot[i].pid == m->pid)
			hot = s->spot[i].hot;
	}
	if (!hot.process[0] && m->pid)
		name_process(m->pid, hot.process);
	else if (!m->pid)
		(void)snprintf(hot.process, sizeof(hot.process), "[softirq]");
	for (unsigned i = 0; i < s->n_spots; i++) {
		if (strcmp(s->spot[i].hot.process, hot.process) == 0 &&
			strcmp(s->spot[i].hot.function, function) == 0)
			return &s->spot[i];
	}
	if (s->n_spots == MAX_HOT)
		return NULL;
	hot.samples = 0;
	hot.ours = pt_process_is_ours(hot.process);
	(void)snprintf(hot.function, sizeof(hot.function), "%s", function);
	s->spot[s->n_spots] = (struct spot){ .hot = hot, .pid = m->pid };
	return &s->spot[s->n_spots++];
}

static void count(struct pt_samples *s, struct pt_symbols *names, const struct sample *m)
{
	char function[sizeof(s->spot->hot.function)];

	name_function(names, m->pid, m->ip, function, sizeof(function));
	if (is_idle(m, function))
		return;
	struct spot *spot = spot_of(s, m, function);
	s->busy++;
	if (!spot) {
		s->lost++;
		return;
	}
	s->ours += spot->hot.ours;
	spot->hot.samples++;
}

static void copy_out(
	const struct pt_samples *s, const struct ring *r, uint64_t at, void *to, size_t len)
{
	size_t size = PAGES * s->page, from = (size_t)(at % size);
	const char *data = (const char *)r->page + s->page;
	size_t first = len < size - from ? len : size - from;

	memcpy(to, data + from, first);
	memcpy((char *)to + first, data, len - first);
}

static void read_ring(struct pt_samples *s, struct pt_symbols *names, struct ring *r)
{
	uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = r->page->data_tail;

	while (tail < head) {
		struct sample m = { 0 };
		uint64_t lost[2];
		copy_out(s, r, tail, &m.header, sizeof(m.header));
		if (m.header.size < sizeof(m.header) || m.header.size > head - tail)
			break;
		if (m.header.type == PERF_RECORD_SAMPLE && m.header.size >= sizeof(m)) {
			copy_out(s, r, tail, &m, sizeof(m));
			count(s, names, &m);
		} else if (m.header.type == PERF_RECORD_LOST &&
			m.header.size >= sizeof(m.header) + sizeof(lost)) {
			copy_out(s, r, tail + sizeof(m.header), lost, sizeof(lost));
			s->lost += (uint32_t)lost[1];
		}
		tail += m.header.size;
	}
	__atomic_store_n(&r->page->data_tail, head, __ATOMIC_RELEASE);
}

int pt_samples_stop(struct pt_samples *s, struct pt_err *err)
{
	struct pt_symbols *names = pt_symbols_new();

	if (!names) {
		pt_samples_free(s);
		return pt_err_errno(err, -ENOMEM, "samples");
	}
	for (unsigned i = 0; i < s->n_rings; i++)
		(void)ioctl(s->ring[i].fd, PERF_EVENT_IOC_DISABLE, 0); // only adds to what is read
	for (unsigned i = 0; i < s->n_rings; i++)
		read_ring(s, names, &s->ring[i]);
	pt_symbols_free(names);
	return 0;
}

void pt_samples_free(struct pt_samples *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_rings; i++) {
		(void)munmap(s->ring[i].page, (1 + PAGES) * s->page);
		pt_cleanup_fd(&s->ring[i].fd);
	}
	free(s->ring);
	free(s->spot);
	free(s);
}

static int by_samples(const void *a, const void *b)
{
	uint32_t x = ((const struct spot *)a)->hot.samples,
		 y = ((const struct spot *)b)->hot.samples;

	return x < y ? 1 : x > y ? -1 : 0;
}

unsigned pt_samples_hottest(const struct pt_samples *s, struct pt_hot *out, unsigned n,
	uint32_t *total, struct pt_facts *facts)
{
	unsigned have = 0, others = 0;

	if (s->n_spots)
		qsort(s->spot, s->n_spots, sizeof(*s->spot), by_samples);
	for (unsigned i = 0; i < s->n_spots; i++) {
		bool ours = s->spot[i].hot.ours;
		if (ours ? have - others < n : others < n)
			out[have++] = s->spot[i].hot;
		others = ours || others == n ? others : others + 1;
		double *share = &facts->value[PT_FACT_hot_share];
		if (s->spot[i].hot.ours && s->ours >= LEAST && isnan(*share))
			*share = 100.0 * s->spot[i].hot.samples / s->ours;
	}
	*total = s->busy;
	return have;
}

uint32_t pt_samples_lost(const struct pt_samples *s)
{
	return s->lost;
}
