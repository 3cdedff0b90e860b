/* SPDX-License-Identifier: MIT */
/*
 * One path: the kernel's watchdog (bpf/watchdog.h), what pt-failover holds back (cmd/pt-failover/
 * watch_hold.c) and a world that cuts, heals, slows down, drops carriers, starves the sender, loses
 * events, and kills or stops pt-failover at any moment. Checked by tests/lane/model.sh:
 *
 *   deadline  no dead path is usable once more probes than the verdict needs went unanswered
 *   freed     a path that stays alive is not blocked for ever
 *
 * A step of the clock is one probe interval. The kernel's steps are atomic, for it holds the slot's
 * lock; pt-failover's happen between any two of them. Two mistakes are built in, to be found:
 * TWO_WRITERS lets pt-failover write pt_live, too; NO_LEASE lets its blocks outlive it.
 */
#define THRESHOLD 3
#define UP_COUNT  2
#define HOLD      2 /* steps */
#define LEASE     3
#define DELAY     4 /* steps that a reply takes while the path is slow: longer than a verdict */
#define CAP       9

mtype = { DOWN, UP, LATE };

/* the world */
bool alive = true, slow = false, link = true;
byte faults = 2; /* cuts, slow-downs, lost carriers: each is over some time */
byte skips = 1;  /* probes that a starved sender fails to send */
byte deaths = 1;

/* pt_watch, pt_live: written by the kernel only */
bool down = false;
byte gap = 0;     /* probes sent after the newest answered one */
byte streak = 0;
bool due = false; /* the threshold-th of them has left: overdue at the next step */
byte accused = 0; /* how many of `gap` the verdict counted as lost, from the oldest on */
bool pipe[DELAY]; /* replies on their way, by when they arrive */
byte age[DELAY];  /* of their probes: probes sent since */
byte unanswered = 0; /* for the claim: since the last reply, or the sender's last pause */

/* pt_block, pt_penalty: written by pt-failover only */
bool damped = false, carrier = false;
byte hold = 0; /* steps left + 1; 0: none begun */
byte lease = LEASE;
bool running = true;

chan events = [2] of { mtype };

hidden byte i, young; /* of one step alone */
hidden byte refuted, here;

#ifdef NO_LEASE
#define IN_FORCE true
#else
#define IN_FORCE (lease > 0)
#endif
#define BLOCKED (IN_FORCE && (damped || carrier))
#define USABLE  (!down && !BLOCKED)

#define IN_TIME assert(alive || unanswered <= THRESHOLD + 1 || !USABLE)

inline tell(kind)
{
	if
	:: nfull(events) -> events ! kind
	:: full(events) -> skip /* lost, and counted: reconcile makes up for it */
	fi
}

/* A reply to the probe that `younger` others were sent after. */
inline answer(younger)
{
	refuted = down && gap > younger && gap - younger <= accused;
	streak = (gap == younger + 1 -> streak + 1 : 1);
	if
	:: gap > younger ->
		accused = 0;
		gap = younger;
		due = gap >= THRESHOLD
	:: else -> skip
	fi;
	unanswered = 0;
	if
	:: refuted -> down = false; streak = 0; tell(LATE)
	:: !refuted && down && streak >= UP_COUNT -> down = false; streak = 0; tell(UP)
	:: else -> skip
	fi;
	streak = (streak > UP_COUNT -> UP_COUNT : streak)
}

inline judge()
{
	if
	:: due && !down ->
		down = true;
		streak = 0;
		accused = THRESHOLD;
		tell(DOWN)
	:: else -> skip
	fi
}

inline send()
{
	if
	:: gap < CAP -> gap++
	:: else -> skip
	fi;
	unanswered = (unanswered < CAP -> unanswered + 1 : CAP);
	for (i : 0 .. DELAY - 1) {
		if
		:: pipe[i] && age[i] < CAP -> age[i]++
		:: else -> skip
		fi
	}
	if
	:: alive && !slow -> answer(0)
	:: alive && slow -> pipe[DELAY - 1] = true; age[DELAY - 1] = 0
	:: else -> skip
	fi;
	due = gap >= THRESHOLD
}

/* What is on its way arrives, one step nearer each. */
inline arrive()
{
	here = pipe[0];
	young = age[0];
	for (i : 0 .. DELAY - 2) {
		pipe[i] = pipe[i + 1];
		age[i] = age[i + 1]
	}
	pipe[DELAY - 1] = false;
	age[DELAY - 1] = 0;
	if
	:: here -> answer(young)
	:: else -> skip
	fi
}

inline cut()
{
	alive = false;
	for (i : 0 .. DELAY - 1) {
		pipe[i] = false; /* what was on its way is lost with it */
		age[i] = 0
	}
}

active proctype kernel()
{
	do
	:: atomic {
		IN_TIME; /* whatever pt-failover did since */
		if /* the world */
		:: faults > 0 && alive -> faults--; cut()
		:: faults > 0 && link -> faults--; link = false; cut()
		:: faults > 0 && !slow && alive -> faults--; slow = true
		:: !alive || slow || !link -> link = true; alive = true; slow = false
		:: faults == 0 && alive && !slow -> skip
		:: faults > 0 || !alive || slow -> skip
		fi;
		lease = (lease > 0 -> lease - 1 : 0);
		hold = (hold > 1 -> hold - 1 : hold);
		judge();
		arrive();
		if
		:: true -> send()
		:: skips > 0 -> skips--; gap = 0; streak = 0; due = false; accused = 0; unanswered = 0
		fi; /* skips: a sender that begins anew, whose forerunner's probes are no evidence */
		IN_TIME
	   }
	od
}

/* A round of its loop; it may die, or stand still for as long as it likes, between any two steps. */
active proctype failover()
{
	mtype kind;

	do
	:: running -> atomic {
		if
		:: lease == 0 -> /* stood still for long */
			if
			:: damped && !down -> damped = false; hold = 0
			:: else -> skip
			fi;
			carrier = !link
		:: else -> skip
		fi;
		lease = LEASE
	   };
		do
		:: nempty(events) ->
			events ? kind;
			atomic {
				if
				:: kind == DOWN -> damped = true; hold = 0
				:: kind == UP && damped -> hold = HOLD + 1
				:: kind == UP && !damped -> skip
				:: kind == LATE -> damped = false; hold = 0
				fi;
#ifdef TWO_WRITERS
				if
				:: kind == UP -> down = false
				:: else -> skip
				fi
#endif
				kind = 0
			}
		:: empty(events) -> break
		od;
		carrier = !link;
		if
		:: hold == 1 -> atomic { damped = false; hold = 0 }
		:: damped && !down && hold == 0 -> hold = HOLD + 1 /* reconcile */
		:: else -> skip
		fi;
		if
		:: deaths > 0 -> deaths--; running = false
		:: true -> skip
		fi
	:: !running -> running = true /* restarted, or let go on */
	:: !running -> break          /* or never */
	od
}

/* From some moment on nothing is wrong with the path: then, from some moment on, it is usable. */
ltl freed { <>[] (alive && !slow && link) -> <>[] USABLE }
