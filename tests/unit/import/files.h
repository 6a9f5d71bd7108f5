/* SPDX-License-Identifier: MIT */
/* A scratch folder, a small network to write into it, and the shared data folder, for the tests of import/. */
#ifndef TEST_IMPORT_FILES_H
#define TEST_IMPORT_FILES_H

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "graph/graph.h"

/*
 * Sanitizers need more memory and calls than the limits of the child leave, so those are off then; and their allocator
 * may be locked by another thread when a process forks, which the C library's own cannot be.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static char scratch[64];

static inline int scratch_create(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/akida-import-XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

static inline void scratch_path(char *out, size_t max, const char *file)
{
	snprintf(out, max, "%s/%s", scratch, file);
}

/* Entries of the folder besides . and .. */
static inline int scratch_count(void)
{
	DIR *d = opendir(scratch);
	int n = -2;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static inline void scratch_clear(void)
{
	DIR *d = opendir(scratch);
	struct dirent *e;
	char path[PATH_MAX];

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
			snprintf(path, sizeof(path), "%s/%s", scratch, e->d_name);
			if (unlink(path))
				rmdir(path);
		}
	if (d)
		closedir(d);
}

static inline int scratch_destroy(void **state)
{
	(void)state;
	scratch_clear();
	return rmdir(scratch);
}

static inline void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline size_t read_file(const char *path, unsigned char **bytes)
{
	FILE *f = fopen(path, "rb");
	long len;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	*bytes = malloc((size_t)len + 1);
	assert_non_null(*bytes);
	assert_int_equal(fread(*bytes, 1, (size_t)len, f), len);
	fclose(f);
	return (size_t)len;
}

static inline float *fill(struct ak_weight *w, unsigned int seed)
{
	for (size_t i = 0; i < w->count; i++) {
		seed = seed * 1664525u + 1013904223u;
		w->data[i] = (float)((int)(seed >> 16) % 201 - 100) / 128.0f;
	}
	return w->data;
}

/* input 8x8x1, conv 3x3x4 same, bn, relu, pool 2x2 valid, flatten, dense 3; random weights. */
static inline struct akida_graph *small_network(void)
{
	struct akida_graph *g;
	struct ak_node *n;
	uint32_t last;

	assert_int_equal(ak_graph_create("small", &g), 0);
	n = ak_graph_add(g, AK_OP_INPUT, "input", NULL, 0);
	assert_non_null(n);
	n->rank = 3;
	n->dims[0] = n->dims[1] = 8;
	n->dims[2] = 1;
	last = 0;
	n = ak_graph_add(g, AK_OP_CONV2D, "conv", &last, 1);
	n->filters = 4;
	n->kernel_h = n->kernel_w = 3;
	n->same = n->use_bias = true;
	last = 1;
	n = ak_graph_add(g, AK_OP_BATCHNORM, "bn", &last, 1);
	n->epsilon = 0.001f;
	n->momentum = 0.99f;
	n->center = n->scale_on = true;
	last = 2;
	assert_non_null(ak_graph_add(g, AK_OP_RELU, "relu", &last, 1));
	last = 3;
	n = ak_graph_add(g, AK_OP_MAXPOOL, "pool", &last, 1);
	n->kernel_h = n->kernel_w = 2;
	last = 4;
	assert_non_null(ak_graph_add(g, AK_OP_FLATTEN, "flatten", &last, 1));
	last = 5;
	n = ak_graph_add(g, AK_OP_DENSE, "dense", &last, 1);
	n->filters = 3;
	n->use_bias = true;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	fill(ak_node_weight(&g->nodes[1], "kernel"), 1);
	fill(ak_node_weight(&g->nodes[1], "bias"), 2);
	fill(ak_node_weight(&g->nodes[6], "kernel"), 3);
	fill(ak_node_weight(&g->nodes[6], "bias"), 4);
	return g;
}

static inline const char *shared_file(const char *file, char *path, size_t max)
{
	const char *root = getenv("AKIDA_SHARED");

	snprintf(path, max, "%s/data/%s", root && *root ? root : "../shared", file);
	return access(path, R_OK) ? NULL : path;
}

#define NEED_SHARED(file, path)                                                                                        \
	do {                                                                                                           \
		if (!shared_file(file, path, sizeof(path))) {                                                          \
			fprintf(stderr, "skipped: shared data file %s is not here\n", file);                           \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

#endif
