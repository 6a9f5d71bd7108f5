// SPDX-License-Identifier: MIT
/*
 * Every allocation of this library fails once while a network is made and trained: the answer is -ENOMEM, the graph keeps
 * its weights and nothing leaks. Interposes the allocator, so it is skipped under AddressSanitizer, which brings its
 * own. Calls of the shared oneDNN are told apart by their return address and left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "graph/graph.h"
#include <akida/train.h>

#if defined(__SANITIZE_ADDRESS__)
#define INTERPOSED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INTERPOSED 0
#endif
#endif
#ifndef INTERPOSED
#define INTERPOSED 1
#endif

static bool armed;
static long countdown, live;

#if INTERPOSED
extern char __executable_start, etext;
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t m);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

#define OURS                                                                                                           \
	(armed && (char *)__builtin_return_address(0) >= &__executable_start &&                                        \
	 (char *)__builtin_return_address(0) < &etext)

static bool fails(bool ours)
{
	return ours && countdown-- == 0;
}

void *malloc(size_t n)
{
	bool ours = OURS;
	void *p = fails(ours) ? NULL : __libc_malloc(n);

	live += ours && p;
	return p;
}

void *calloc(size_t n, size_t m)
{
	bool ours = OURS;
	void *p = fails(ours) ? NULL : __libc_calloc(n, m);

	live += ours && p;
	return p;
}

void *realloc(void *p, size_t n)
{
	bool ours = OURS;
	void *q = fails(ours) ? NULL : __libc_realloc(p, n);

	live += ours && !p && q;
	return q;
}

void *aligned_alloc(size_t align, size_t n)
{
	bool ours = OURS;
	void *p = fails(ours) ? NULL : __libc_memalign(align, n);

	live += ours && p;
	return p;
}

void free(void *p)
{
	live -= OURS && p;
	__libc_free(p);
}
#endif

static struct akida_graph *graph;
static struct akida_dataset data;

static int op_create(void)
{
	struct akida_graph *g = NULL;
	int err = akida_network_create("first-light", 1, &g, NULL);

	akida_graph_destroy(g);
	return err;
}

static int op_train(void)
{
	struct akida_train_params p;

	akida_train_params_init(&p);
	p.batch_size = 3;
	p.epochs = 2;
	p.quantized_epochs = 1;
	p.validation_split = 0.4f;
	p.patience = 1;
	p.threads = 1;
	return akida_train(graph, &data, &p, NULL);
}

/* Runs op with allocation n failing, for n = 0, step, 2 step ... until it succeeds. */
static void try_all(int (*op)(void), long step, long least)
{
	int err = -ENOMEM;
	long n;

	for (n = 0; err; n += step) {
		float before = graph->nodes[2].weights[0].data[0];

		countdown = n;
		live = 0;
		armed = true;
		err = op();
		armed = false;
		if (err && err != -ENOMEM)
			fail_msg("allocation %ld failed: error %d", n, err);
		if (live)
			fail_msg("allocation %ld failed: %ld blocks leaked", n, live);
		if (err)
			assert_true(graph->nodes[2].weights[0].data[0] == before);
	}
	assert_true(n > least);
}

static void test_network_create_out_of_memory(void **state)
{
	(void)state;
	if (!INTERPOSED)
		skip();
	try_all(op_create, 1, 20);
}

static void test_train_out_of_memory(void **state)
{
	(void)state;
	if (!INTERPOSED)
		skip();
	try_all(op_train, 1, 100);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(akida_network_create("mnist", 1, &graph, NULL), 0);
	assert_int_equal(akida_array_init(&data.x, AKIDA_U8, 4, (size_t[]){8, 28, 28, 1}), 0);
	assert_int_equal(akida_array_init(&data.y, AKIDA_I32, 1, (size_t[]){8}), 0);
	for (size_t i = 0; i < 8u * 784; i++)
		((uint8_t *)data.x.data)[i] = (uint8_t)(i * 7 % 251);
	return op_train(); /* oneDNN's own caches are warm from here on */
}

static int teardown(void **state)
{
	(void)state;
	akida_graph_destroy(graph);
	akida_dataset_fini(&data);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network_create_out_of_memory),
		cmocka_unit_test(test_train_out_of_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
