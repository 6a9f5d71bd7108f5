/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead: threads take the epoch's samples one after the other and put each into the slot of its turn; the caller takes the
 * turns in order. A slot is free again when its turn was taken, so that no thread is more than `ahead` samples in front.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "import/sets/set.h"

struct slot {
	bool full;
	int err;
};

struct ak_ahead {
	struct akida_set *set;
	uint32_t *order;
	uint8_t *data; /* ahead samples */
	struct slot *slots;
	struct akida_diag *diag; /* of the first sample that could not be read */
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	pthread_t thread[64];
	uint32_t threads;
	size_t next, taken; /* turns handed to threads, and to the caller */
	bool stop;
};

static uint64_t mix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void arrange(struct ak_ahead *a, uint64_t epoch)
{
	uint64_t r = a->set->p.seed * 0xd1342543de82ef95u + epoch;
	uint32_t n = (uint32_t)a->set->count;

	for (uint32_t i = 0; i < n; i++)
		a->order[i] = i;
	for (uint32_t i = n; a->set->p.shuffle && i > 1; i--) {
		uint32_t j = (uint32_t)((mix(&r) >> 32) * i >> 32), t = a->order[i - 1];

		a->order[i - 1] = a->order[j];
		a->order[j] = t;
	}
}

static void *reader(void *context)
{
	struct ak_ahead *a = context;
	struct akida_set *s = a->set;
	uint32_t ahead = s->p.ahead;

	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->next < s->count) {
		size_t turn = a->next++, at = turn % ahead;
		struct akida_diag *diag;
		int err;

		while (!a->stop && turn >= a->taken + ahead)
			pthread_cond_wait(&a->freed, &a->lock);
		if (a->stop)
			break;
		pthread_mutex_unlock(&a->lock);
		diag = akida_diag_create();
		err = s->kind->read(s, &s->items[a->order[turn]], a->data + at * s->bytes, diag);
		pthread_mutex_lock(&a->lock);
		if (err && !a->diag)
			a->diag = diag;
		else
			akida_diag_destroy(diag);
		a->slots[at] = (struct slot){true, err};
		pthread_cond_broadcast(&a->filled);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

void ak_ahead_stop(struct akida_set *s)
{
	struct ak_ahead *a = s->ahead;

	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_broadcast(&a->freed);
	pthread_mutex_unlock(&a->lock);
	for (uint32_t i = 0; i < a->threads; i++)
		pthread_join(a->thread[i], NULL);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->filled);
	pthread_cond_destroy(&a->freed);
	akida_diag_destroy(a->diag);
	free(a->order);
	free(a->data);
	free(a->slots);
	free(a);
	s->ahead = NULL;
}

int ak_ahead_start(struct akida_set *s, uint64_t epoch, struct akida_diag *diag)
{
	struct ak_ahead *a;

	ak_ahead_stop(s);
	if (s->count > UINT32_MAX)
		return ak_fail(diag, -ERANGE, AK_RULE_ARG, s->name, "has more than 4294967295 samples");
	a = calloc(1, sizeof(*a));
	if (!a)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, s->name, "no memory to read ahead");
	a->set = s;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->filled, NULL);
	pthread_cond_init(&a->freed, NULL);
	s->ahead = a;
	a->order = malloc(s->count * sizeof(*a->order));
	a->data = malloc((size_t)s->p.ahead * s->bytes);
	a->slots = calloc(s->p.ahead, sizeof(*a->slots));
	if (!a->order || !a->data || !a->slots) {
		ak_ahead_stop(s);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, s->name, "no memory to read %u samples ahead", s->p.ahead);
	}
	arrange(a, epoch);
	for (uint32_t i = 0; i < s->p.threads; i++)
		if (!pthread_create(&a->thread[a->threads], NULL, reader, a))
			a->threads++;
	if (a->threads)
		return 0;
	ak_ahead_stop(s);
	return ak_fail(diag, -EAGAIN, AK_RULE_NOMEM, s->name, "the system has no room for a thread");
}

/* What the threads wrote about a file is told to the caller. */
static int told(struct ak_ahead *a, int err, struct akida_diag *diag)
{
	const struct akida_diag_record *r = a->diag ? akida_diag_first_error(a->diag) : NULL;

	if (r)
		ak_fail(diag, err, AK_RULE_DATA_FILES, r->node, "%s", r->text);
	return err;
}

int64_t ak_ahead_next(struct akida_set *s, uint32_t n, void *x, struct akida_target *t, struct akida_diag *diag)
{
	struct ak_ahead *a = s->ahead;
	uint32_t done = 0;
	int err = 0;

	if (!a)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, s->name, "was not started");
	pthread_mutex_lock(&a->lock);
	for (; done < n && a->taken < s->count && !err; done++) {
		size_t at = a->taken % s->p.ahead;

		while (!a->slots[at].full)
			pthread_cond_wait(&a->filled, &a->lock);
		err = a->slots[at].err;
		if (err)
			break;
		memcpy((char *)x + done * s->bytes, a->data + at * s->bytes, s->bytes);
		if (t)
			ak_set_target(s, &s->items[a->order[a->taken]], &t[done]);
		a->slots[at].full = false;
		a->taken++;
		pthread_cond_broadcast(&a->freed);
	}
	if (err && !done)
		err = told(a, err, diag);
	pthread_mutex_unlock(&a->lock);
	return err && !done ? err : (int64_t)done;
}
