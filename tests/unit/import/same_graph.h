/* SPDX-License-Identifier: MIT */
/* Two graphs alike to the last bit: configuration, quantizers, weights. */
#ifndef TEST_IMPORT_SAME_GRAPH_H
#define TEST_IMPORT_SAME_GRAPH_H

#include "files.h"

static inline void assert_same_graph(const struct akida_graph *a, const struct akida_graph *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->output, b->output);
	for (uint32_t i = 0; i < a->count; i++) {
		struct ak_node x, y;

		memcpy(&x, &a->nodes[i], sizeof(x)); /* padding included, for memcmp */
		memcpy(&y, &b->nodes[i], sizeof(y));
		assert_int_equal(x.weight_count, y.weight_count);
		for (uint32_t k = 0; k < x.weight_count; k++) {
			assert_string_equal(x.weights[k].name, y.weights[k].name);
			assert_memory_equal(x.weights[k].data, y.weights[k].data, y.weights[k].count * sizeof(float));
			memset(&x.weights[k], 0, sizeof(x.weights[k]));
			memset(&y.weights[k], 0, sizeof(y.weights[k]));
		}
		for (uint32_t k = 0; k < x.quant.range_count; k++) {
			assert_true(x.quant.range_max[k] == y.quant.range_max[k]);
			if (x.quant.rescaling_rate)
				assert_true(x.quant.rescaling_rate[k] == y.quant.rescaling_rate[k]);
		}
		for (uint32_t k = 0; x.quant.range_min && k < x.quant.range_count; k++)
			assert_true(x.quant.range_min[k] == y.quant.range_min[k]);
		x.quant.range_max = x.quant.rescaling_rate = y.quant.range_max = y.quant.rescaling_rate = NULL;
		x.quant.range_min = y.quant.range_min = NULL;
		memset(x.name + strlen(x.name), 0, sizeof(x.name) - strlen(x.name));
		memset(y.name + strlen(y.name), 0, sizeof(y.name) - strlen(y.name));
		if (memcmp(&x, &y, sizeof(x)))
			fail_msg("%s differs", x.name);
	}
}

#endif
