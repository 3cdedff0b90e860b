// SPDX-License-Identifier: MIT
#include "probe/measure.h"
#include "test.h"

#define US  PT_NS_PER_US
#define MS  PT_NS_PER_MS
#define NOW 1790000000000000000LL // wall time at which the probe left

// A probe that took 10 ms: 4 out, 1 in the reflector, 5 back; our process was 50 us behind the
// kernel when it left and 300 us when the answer came.
static struct pt_sent_probe probe;
static struct pt_arrival arrival;
static struct pt_stamp_reflected reply;
static struct pt_clock_error our_clock;

static uint16_t clock_error(bool synced, bool ptp, int64_t bound_ns)
{
	return pt_clock_error_encode(&(struct pt_clock_error){ synced, ptp, bound_ns });
}

static void setup(void)
{
	probe = (struct pt_sent_probe){
		.at.ns = 5000000000, .real_ns = NOW, .kernel_ns = NOW + 50 * US
	};
	arrival = (struct pt_arrival){ .at.ns = 5000000000 + 10350 * US,
		.real_ns = NOW + 10350 * US,
		.kernel_ns = NOW + 10050 * US };
	reply = (struct pt_stamp_reflected){
		.received_ntp = pt_ntp_from_unix_ns(NOW + 4050 * US),
		.ntp = pt_ntp_from_unix_ns(NOW + 5050 * US),
		.error = clock_error(true, false, 2 * MS),
	};
	our_clock = (struct pt_clock_error){ .synced = true, .bound_ns = 3 * MS };
}

static struct pt_sample measured(void)
{
	return pt_measure(&probe, &arrival, &reply, &our_clock);
}

static void kernel_stamps(void)
{
	setup();
	struct pt_sample s = measured();
	T_EQ(s.rtt_ns, 9 * MS); // without the reflector's 1 ms, and without us
	T_OK(s.kernel);
	T_EQ(s.out_ns, 4 * MS);
	T_EQ(s.back_ns, 5 * MS);
	T_OK(s.owd_error_ns >= 5 * MS && s.owd_error_ns < 5 * MS + 50 * US);

	s = pt_measure(&probe, &arrival, NULL, &our_clock); // ICMP
	T_EQ(s.rtt_ns, 10 * MS);
	T_EQ(s.out_ns, PT_NULL);
}

// An answer's arrival is the kernel's stamp of it, wherever that can be true.
static void arrivals(void)
{
	setup();
	T_EQ(pt_arrived(&probe, &arrival).ns, 5000000000 + 10050 * US);
	arrival.at.ns += 3 * PT_NS_PER_S; // read 3 s later
	arrival.real_ns += 3 * PT_NS_PER_S;
	T_EQ(pt_arrived(&probe, &arrival).ns, 5000000000 + 10050 * US);
	arrival.real_ns += PT_NS_PER_S; // the clock was put forward in between: it left after that
	T_EQ(pt_arrived(&probe, &arrival).ns, arrival.at.ns);
	arrival.real_ns -= 10 * PT_NS_PER_S; // and back
	T_EQ(pt_arrived(&probe, &arrival).ns, arrival.at.ns);
	arrival.kernel_ns = 0;
	T_EQ(pt_arrived(&probe, &arrival).ns, arrival.at.ns);
}

static void user_stamps(void)
{
	setup();
	probe.kernel_ns = 0;
	struct pt_sample s = measured();
	T_EQ(s.rtt_ns, 9 * MS + 50 * US);
	T_OK(!s.kernel);
	setup();
	arrival.kernel_ns = 0;
	s = measured();
	T_EQ(s.rtt_ns, 9 * MS + 300 * US);
	T_OK(!s.kernel);
}

static void clocks_not_in_step(void)
{
	setup();
	our_clock.synced = false;
	struct pt_sample s = measured();
	T_EQ(s.out_ns, PT_NULL);
	T_EQ(s.back_ns, PT_NULL);
	T_EQ(s.owd_error_ns, PT_NULL);
	T_EQ(s.rtt_ns, 9 * MS); // needs no clocks in step
	setup();
	reply.error = clock_error(false, false, 0);
	T_EQ(measured().out_ns, PT_NULL);
	setup();
	reply.error = 0x8000; // multiplier 0 is corrupt
	T_EQ(measured().out_ns, PT_NULL);
	T_EQ(measured().rtt_ns, 9 * MS);
	setup();
	our_clock.bound_ns = INT64_MAX;
	T_EQ(measured().owd_error_ns, INT64_MAX);
}

static void reflector_with_ptp_time(void)
{
	setup();
	reply.error = clock_error(true, true, 0);
	reply.received_ntp = (1790000000ULL << 32) + 999500000;
	reply.ntp = (1790000001ULL << 32) + 500000; // 1 ms later, over a second's edge
	struct pt_sample s = measured();
	T_EQ(s.rtt_ns, 9 * MS);
	T_EQ(s.out_ns, PT_NULL); // TAI and UTC are not the same
}

static void reflector_that_lies(void)
{
	setup();
	reply.ntp = reply.received_ntp - (1ULL << 32); // sent before it came
	T_EQ(measured().rtt_ns, 10 * MS);
	setup();
	reply.ntp = reply.received_ntp + (5ULL << 32); // held it for longer than all took
	T_EQ(measured().rtt_ns, 10 * MS);
	setup();
	reply.ntp = reply.received_ntp = 0;
	T_EQ(measured().rtt_ns, 10 * MS);
}

static void wall_clock_stepped(void)
{
	static const int64_t steps[] = { -3600 * PT_NS_PER_S, -5 * MS, -200 * US, 200 * US, 5 * MS,
		3600 * PT_NS_PER_S };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		setup();
		arrival.real_ns += steps[i];
		arrival.kernel_ns += steps[i];
		struct pt_sample s = measured();
		T_EQ(s.rtt_ns, 9 * MS + 350 * US); // the monotonic clock's 10.35 ms, less 1 ms
		T_OK(!s.kernel);
		T_EQ(s.out_ns, PT_NULL);
	}
	setup(); // a clock being slewed by 500 ppm over 10 ms is none
	arrival.real_ns += 5 * US;
	arrival.kernel_ns += 5 * US;
	T_OK(measured().kernel);
}

T_MAIN({ "when an answer arrived", arrivals },
	{ "kernel stamps leave our own delays out", kernel_stamps },
	{ "user stamps where the kernel gives none", user_stamps },
	{ "one-way delays need both clocks synchronised", clocks_not_in_step },
	{ "a reflector with PTP time", reflector_with_ptp_time },
	{ "a reflector that lies about its time", reflector_that_lies },
	{ "a stepped wall clock", wall_clock_stepped })
