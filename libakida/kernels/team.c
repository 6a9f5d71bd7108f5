/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kernels/team.h"

#define SPINS 20000u /* about as long as putting a thread to sleep and waking it again costs several times over */

struct member {
	struct ak_team *team;
	uint32_t index;
	pthread_t thread;
};

struct ak_team {
	uint32_t size;
	bool quit;
	void (*work)(void *context, uint32_t member);
	void *context;
	struct member *members;	      /* [size], the first without a thread */
	_Alignas(64) atomic_uint job; /* counts jobs: what members wait for */
	atomic_uint asleep;
	_Alignas(64) atomic_uint pending; /* members still at work */
	_Alignas(64) atomic_uint arrived, meeting;
};

static void pause_spin(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void sleep_on(atomic_uint *word, unsigned int value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake_all(atomic_uint *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Until *word is not value any more. */
static void wait_change(struct ak_team *t, atomic_uint *word, unsigned int value)
{
	for (uint32_t i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(word, memory_order_acquire) != value)
			return;
		pause_spin();
	}
	atomic_fetch_add(&t->asleep, 1);
	while (atomic_load(word) == value)
		sleep_on(word, value);
	atomic_fetch_sub(&t->asleep, 1);
}

static void change(struct ak_team *t, atomic_uint *word)
{
	atomic_fetch_add(word, 1);
	if (atomic_load(&t->asleep))
		wake_all(word);
}

static void *member_main(void *p)
{
	struct member *m = p;
	struct ak_team *t = m->team;
	unsigned int seen = 0;

	for (;;) {
		wait_change(t, &t->job, seen);
		seen++;
		if (t->quit)
			return NULL;
		t->work(t->context, m->index);
		if (atomic_fetch_sub(&t->pending, 1) == 1 && atomic_load(&t->asleep))
			wake_all(&t->pending);
	}
}

uint32_t ak_team_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (uint32_t)CPU_COUNT(&set);
}

/* The index-th processor this process may use. */
static void pin_to(pthread_t thread, uint32_t index)
{
	cpu_set_t all, one;
	uint32_t n = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || n++ != index)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(thread, sizeof(one), &one);
		return;
	}
}

static void end_members(struct ak_team *t, uint32_t started)
{
	t->quit = true;
	change(t, &t->job);
	for (uint32_t i = 1; i < started; i++)
		pthread_join(t->members[i].thread, NULL);
}

int ak_team_create(uint32_t size, bool pin, struct ak_team **out)
{
	struct ak_team *t = aligned_alloc(64, (sizeof(*t) + 63) / 64 * 64);

	*out = NULL;
	if (!t)
		return -ENOMEM;
	*t = (struct ak_team){.size = size ? size : 1};
	t->members = calloc(t->size, sizeof(*t->members));
	if (!t->members) {
		free(t);
		return -ENOMEM;
	}
	for (uint32_t i = 1; i < t->size; i++) {
		struct member *m = &t->members[i];

		*m = (struct member){.team = t, .index = i};
		if (pthread_create(&m->thread, NULL, member_main, m)) {
			end_members(t, i);
			free(t->members);
			free(t);
			return -EAGAIN;
		}
		if (pin)
			pin_to(m->thread, i);
	}
	*out = t;
	return 0;
}

void ak_team_destroy(struct ak_team *t)
{
	if (!t)
		return;
	end_members(t, t->size);
	free(t->members);
	free(t);
}

uint32_t ak_team_size(const struct ak_team *t)
{
	return t->size;
}

void ak_team_run(struct ak_team *t, void (*work)(void *context, uint32_t member), void *context)
{
	unsigned int left;

	t->work = work;
	t->context = context;
	atomic_store(&t->pending, t->size - 1);
	change(t, &t->job);
	work(context, 0);
	while ((left = atomic_load_explicit(&t->pending, memory_order_acquire)))
		wait_change(t, &t->pending, left);
}

void ak_team_meet(struct ak_team *t)
{
	unsigned int meeting = atomic_load(&t->meeting);

	if (atomic_fetch_add(&t->arrived, 1) + 1 == t->size) {
		atomic_store(&t->arrived, 0);
		change(t, &t->meeting);
		return;
	}
	wait_change(t, &t->meeting, meeting);
}
