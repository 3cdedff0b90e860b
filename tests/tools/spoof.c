// SPDX-License-Identifier: MIT
// spoof: the liar of the tests. Records probe replies that pass a device, and sends them again
// later: as they were (a replay), or with sequence number and timestamp of our own invention.
//   spoof record FILE --netns NAME --device DEV [--count N]
//   spoof replay|invent FILE --netns NAME --device DEV [--interval-us N] [--duration-ms N]
// FILE holds whole Ethernet frames, each after its length (32 bits, host order).
#include "tests/tools/common/options.h"
#include "tests/tools/common/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <sys/socket.h>

enum {
	REFLECTOR_PORT = 862,
	MAX_FRAMES = 1000,
	MAX_FRAME = 1514,
	PATIENCE_MS = 5000,
	// RFC 8762, figure 5: what a reply echoes of its request
	ECHOED_SEQUENCE = 24,
	ECHOED_TIMESTAMP = 28,
	REPLY_MIN = 44,
};

struct frame {
	uint32_t len;
	uint8_t data[MAX_FRAME];
};

struct spoof {
	const char *file, *netns, *device;
	uint64_t count, interval_us, duration_ms;
	struct frame *frames;
	uint32_t n;
	int fd;
};

const char *tool_name = "spoof";

// The UDP header of a STAMP reply over IPv4, NULL when the frame is none.
static uint8_t *reply_udp(struct frame *f)
{
	struct iphdr ip;
	struct udphdr udp;
	size_t at = ETH_HLEN;

	if (f->len < at + sizeof(ip) || f->data[12] != 0x08 || f->data[13] != 0)
		return NULL;
	memcpy(&ip, f->data + at, sizeof(ip));
	at += (size_t)ip.ihl * 4;
	if (ip.protocol != IPPROTO_UDP || f->len < at + sizeof(udp) + REPLY_MIN)
		return NULL;
	memcpy(&udp, f->data + at, sizeof(udp));
	return ntohs(udp.source) == REFLECTOR_PORT ? f->data + at : NULL;
}

static int open_device(struct spoof *s)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	struct timeval patience = { .tv_sec = 1 };
	int one = 1, err = tool_enter_netns(s->netns);

	if (err)
		return tool_fail(s->netns, strerror(-err));
	at.sll_ifindex = (int)if_nametoindex(s->device);
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (!at.sll_ifindex || s->fd < 0 ||
		setsockopt(s->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
		setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
		bind(s->fd, (struct sockaddr *)&at, sizeof(at)))
		return tool_fail(s->device, strerror(errno));
	return 0;
}

static int record(struct spoof *s)
{
	uint64_t end_ns = tool_clock_ns(CLOCK_MONOTONIC) + PATIENCE_MS * 1000000ull;
	FILE *out = fopen(s->file, "wbe");

	if (!out)
		return tool_fail(s->file, strerror(errno));
	while (s->n < s->count && tool_clock_ns(CLOCK_MONOTONIC) < end_ns) {
		struct frame f;
		ssize_t n = recv(s->fd, f.data, sizeof(f.data), 0);

		f.len = n > 0 ? (uint32_t)n : 0;
		if (!reply_udp(&f))
			continue;
		(void)fwrite(&f.len, sizeof(f.len), 1, out);
		(void)fwrite(f.data, f.len, 1, out);
		s->n++;
	}
	if (fclose(out))
		return tool_fail(s->file, strerror(errno));
	printf("%" PRIu32 "\n", s->n);
	return s->n == s->count ? 0 : 1;
}

static int load(struct spoof *s)
{
	FILE *in = fopen(s->file, "rbe");
	struct frame *f;

	s->frames = calloc(MAX_FRAMES, sizeof(*s->frames));
	if (!in || !s->frames)
		return tool_fail(s->file, in ? "out of memory" : strerror(errno));
	for (f = s->frames; s->n < MAX_FRAMES; f++, s->n++)
		if (fread(&f->len, sizeof(f->len), 1, in) != 1 || f->len > MAX_FRAME ||
			fread(f->data, 1, f->len, in) != f->len)
			break;
	(void)fclose(in); // only read
	return s->n ? 0 : tool_fail(s->file, "no frame");
}

static void invent(struct frame *f, uint64_t *state)
{
	uint8_t *udp = reply_udp(f);
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	if (!udp)
		return;
	x ^= x >> 31;
	memcpy(udp + sizeof(struct udphdr) + ECHOED_SEQUENCE, &x, 4);
	x *= 0xbf58476d1ce4e5b9ull;
	memcpy(udp + sizeof(struct udphdr) + ECHOED_TIMESTAMP, &x, 8);
	memset(udp + offsetof(struct udphdr, check), 0, 2); // none, as IPv4 allows
}

static int inject(struct spoof *s, bool lie)
{
	uint64_t next_ns = tool_clock_ns(CLOCK_MONOTONIC),
		 end_ns = next_ns + s->duration_ms * 1000000;
	uint64_t state = 1, sent = 0;

	for (; next_ns < end_ns; next_ns += s->interval_us * 1000) {
		struct timespec at = { (time_t)(next_ns / NS_PER_SEC),
			(long)(next_ns % NS_PER_SEC) };
		struct frame *f = &s->frames[sent % s->n];

		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		if (lie)
			invent(f, &state);
		if (send(s->fd, f->data, f->len, 0) < 0)
			return tool_fail(s->device, strerror(errno));
		sent++;
	}
	printf("%" PRIu64 "\n", sent);
	return 0;
}

static const char usage[] = "usage: spoof record|replay|invent FILE --netns NAME --device DEV\n"
			    "             [--count 50] [--interval-us 1000] [--duration-ms 500]\n";

static int parse(int argc, char **argv, struct spoof *s)
{
	const struct tool_option rows[] = {
		{ "netns", .text = &s->netns },
		{ "device", .text = &s->device },
		{ "count", MAX_FRAMES, .number = &s->count },
		{ "interval-us", 1000000, .number = &s->interval_us },
		{ "duration-ms", 60000, .number = &s->duration_ms },
		{ 0 },
	};
	int at = tool_options(argc, argv, rows, usage);

	if (at >= 0 && at + 1 == argc && s->netns && s->device && s->interval_us) {
		s->file = argv[at];
		return 0;
	}
	if (at >= 0)
		(void)fputs(usage, stderr);
	return 64;
}

int main(int argc, char **argv)
{
	struct spoof s = { .count = 50, .interval_us = 1000, .duration_ms = 500, .fd = -1 };
	const char *verb = argc > 1 ? argv[1] : "";
	int err = parse(argc - 1, argv + 1, &s);

	if (!err)
		err = open_device(&s);
	if (err)
		return err;
	if (!strcmp(verb, "record"))
		return record(&s);
	if (strcmp(verb, "replay") && strcmp(verb, "invent")) {
		(void)fputs(usage, stderr);
		return 64;
	}
	err = load(&s);
	if (!err)
		err = inject(&s, !strcmp(verb, "invent"));
	free(s.frames);
	return err;
}
