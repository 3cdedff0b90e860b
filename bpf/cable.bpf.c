// SPDX-License-Identifier: (MIT OR GPL-2.0)
// A cable between two devices of one namespace that can be cut without anybody noticing: carriers
// stay, packets vanish. For benchmarks; the cut is one store into mapped memory.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define ENDS 64 // highest ifindex + 1

volatile __u32 peer[ENDS]; // 0: no cable in this device
volatile __u8 cut[ENDS];   // nothing that comes from this device gets through
volatile __u64 lost[ENDS];

SEC("tc")
int cable(struct __sk_buff *skb)
{
	__u32 from = skb->ifindex;

	if (from >= ENDS || !peer[from])
		return TC_ACT_SHOT;
	if (cut[from]) {
		__sync_fetch_and_add(&lost[from], 1);
		return TC_ACT_SHOT;
	}
	return bpf_redirect(peer[from], 0);
}

char _license[] SEC("license") = "Dual MIT/GPL";
