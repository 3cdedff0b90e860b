// SPDX-License-Identifier: MIT
// Frames with a VLAN tag pass the device beneath, too: real ones through lo, for a test run has no
// tags.
#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/bpf/rig.h"

#define PATH    1
#define NO_TAG  -1
#define WAIT_MS 1000

static int packets;

static uint64_t received(void)
{
	struct pt_count count;

	pt_count_read(rig.plane, PATH, &count);
	return count.rx_packets;
}

static void send_frame(int tag)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = RIG_DEVICE };
	struct rig_packet p;

	rig_ipv4(&p, "192.0.2.2", IPPROTO_UDP, 5000, 5001, 44);
	if (tag != NO_TAG) {
		memmove(p.data + 16, p.data + 12, p.len - 12);
		memcpy(p.data + 12, (uint8_t[]){ 0x81, 0, 0, (uint8_t)tag }, 4);
		p.len += 4;
	}
	T_EQ(sendto(packets, p.data, p.len, 0, (void *)&to, sizeof(to)), p.len);
}

// What is sent is received in order: once the last, untagged one is counted, so are all.
static uint64_t counted(int tag)
{
	uint64_t before = received();

	send_frame(tag);
	send_frame(NO_TAG);
	for (int i = 0; i < WAIT_MS && received() == before; i++)
		nanosleep(&(struct timespec){ .tv_nsec = PT_NS_PER_MS }, NULL);
	nanosleep(&(struct timespec){ .tv_nsec = 20 * PT_NS_PER_MS }, NULL);
	return received() - before - 1;
}

static void tags(void)
{
	const uint32_t device = RIG_DEVICE, path = PATH;
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = RIG_DEVICE, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = rig.prog.fd[PT_PROGRAM_IN]);

	rig_hop(PATH);
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_RX], &device, &path, BPF_ANY), 0);
	packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	T_NEED(packets >= 0 && ioctl(packets, SIOCSIFFLAGS, &up) == 0);
	T_NEED(bpf_tc_hook_create(&hook) == 0 && bpf_tc_attach(&hook, &opts) == 0);
	T_EQ(counted(NO_TAG), 1);
	T_EQ(counted(9), 0); // a VLAN device's
	T_EQ(counted(0), 1); // a priority, no VLAN
	(void)close(packets);
}

RIG_MAIN({ "a VLAN's packets are not its parent's", tags })
