/* SPDX-License-Identifier: MIT */
/*
 * Every layer of Akida 2 from a float network to integers: quantized, converted, and run by the layers' semantics and by the
 * kernels of this host. All must equal the simulated quantized network in every code, over several frames in a row, and
 * the values must stay near those of the float network.
 */
#include "tests/unit/quant/net_v2.h"
#include <errno.h>
#include <akida/convert.h>
#include "base/diag.h"
#include "graph/infer.h"
#include "graph/passes/passes.h"
#include "kernels/plan.h"
#include "layer/execute.h"
#include "layer/v2.h"

/* ---- the comparison ---- */

struct seen {
	int64_t **codes; /* [node] of the simulation */
};

static void remember(void *context, uint32_t node, const struct ak_sim_values *v)
{
	struct seen *s = context;

	free(s->codes[node]);
	s->codes[node] = NULL;
	if (!v->v)
		return;
	s->codes[node] = malloc(v->count * sizeof(int64_t));
	assert_non_null(s->codes[node]);
	memcpy(s->codes[node], v->v, v->count * sizeof(int64_t));
}

struct layers {
	const struct akida_graph *q;
	const struct akida_model *m;
	int64_t **codes;
	uint32_t compared;
};

/* The node a layer was made from, and from there to the last one folded into it: what hands out the layer's codes. */
static uint32_t last_of(const struct layers *s, const char *name)
{
	uint32_t i = 0, next;

	while (strcmp(s->q->nodes[i].name, name))
		i++;
	for (;;) {
		next = ak_graph_only_consumer(s->q, i);
		if (next == AK_NO_NODE)
			return i;
		switch (s->q->nodes[next].op) {
		case AK_OP_RELU:
		case AK_OP_ACTIVATION:
		case AK_OP_MAXPOOL:
		case AK_OP_GAP:
		case AK_OP_STATEFUL_RECURRENT:
		case AK_OP_EXTRACT_TOKEN:
			i = next;
			break;
		case AK_OP_STATEFUL_PROJECTION:
			if (s->q->nodes[i].op != AK_OP_EXTRACT_TOKEN)
				return i; /* the next layer's */
			i = next;
			break;
		default:
			return i;
		}
	}
}

static void compare(void *context, uint32_t layer, const int32_t *values, size_t count)
{
	struct layers *s = context;
	const struct akida_layer *l = &s->m->layers[layer];
	const int64_t *want;

	if (l->type == AKIDA_LAYER_INPUT_DATA || l->type == AKIDA_LAYER_DEQUANTIZER)
		return;
	want = s->codes[last_of(s, l->name)];
	assert_non_null(want);
	for (size_t i = 0; i < count; i++)
		if (values[i] != want[i])
			fail_msg("%s, output %zu: %d is not %lld", l->name, i, values[i], (long long)want[i]);
	s->compared++;
}

static void near_float(const struct akida_graph *g, const struct akida_graph *q, const struct akida_array *x,
		       double tolerance)
{
	size_t n = NET2_FRAMES * akida_graph_outputs(g);
	float *want = net_forward(g, x), *got = net_forward(q, x), largest = 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		largest = fmaxf(largest, fabsf(want[i]));
		sum += fabs((double)(want[i] - got[i]));
	}
	if (!(sum / (double)n < tolerance * (double)largest))
		fail_msg("mean difference %g of at most %g", sum / (double)n, tolerance * (double)largest);
	free(want);
	free(got);
}

/*
 * Each layer on its own, from the integers before it: within the rounding of scales (1/256) and codes of float, and within
 * a few codes with float weights. 11 bits are eight times finer, 16 bits 256 times.
 */
static void near_float_by_layer(const struct akida_graph *q, const struct akida_array *x)
{
	struct akida_difference *d = calloc(q->count, sizeof(*d));
	size_t count;

	assert_non_null(d);
	assert_int_equal(akida_graph_compare(q, x, d, &count, NULL), 0);
	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++) {
		double finer = d[i].bits == 16 ? 300 : d[i].bits == 11 ? 6 : 1;

		if (d[i].largest > 1.3 * finer || d[i].float_largest > 4 * finer || d[i].saturated > 0.1)
			fail_msg("%s: %g, with float weights %g codes of %u bits away, %g saturated", d[i].name,
				 d[i].largest, d[i].float_largest, d[i].bits, d[i].saturated);
	}
	free(d);
}

static void run_layers(const struct akida_graph *q, const struct akida_model *m, const struct akida_array *x)
{
	size_t frame = ak_node_elements(&q->nodes[0]), outputs = akida_graph_outputs(q);
	struct seen seen = {calloc(q->count, sizeof(int64_t *))};
	struct layers s = {.q = q, .m = m, .codes = seen.codes};
	float *in = malloc(frame * sizeof(*in)), *out = malloc(outputs * sizeof(*out));
	int32_t *codes = malloc(outputs * sizeof(*codes)), *fast = malloc(outputs * sizeof(*fast));
	enum ak_isa isa;
	struct ak_plan *plan = NULL;
	struct ak_plan_run *run = NULL;
	struct ak_executor *e;
	struct ak_sim *sim;

	assert_int_equal(ak_sim_create(q, &sim, NULL), 0);
	assert_int_equal(ak_executor_create(m, &e), 0);
	assert_int_equal(ak_isa_choose(&isa, NULL), 0);
	if (isa != AK_ISA_REF) {
		assert_int_equal(ak_plan_create(m->layers, m->count, isa, &plan), 0);
		assert_int_equal(ak_plan_run_create(plan, 1, &run), 0);
	}
	for (size_t f = 0; f < NET2_FRAMES; f++) {
		const uint8_t *bytes = (const uint8_t *)x->data + f * frame;

		ak_array_floats(x, f * frame, frame, in);
		assert_int_equal(ak_sim_run(sim, in, remember, &seen, out), 0);
		ak_executor_frame(e, bytes, codes, compare, &s);
		if (!plan)
			continue;
		ak_plan_frame(run, bytes, fast);
		assert_memory_equal(codes, fast, outputs * sizeof(*codes));
	}
	assert_true(s.compared >= NET2_FRAMES * 2);
	ak_plan_run_destroy(run);
	ak_plan_destroy(plan);
	ak_executor_destroy(e);
	ak_sim_destroy(sim);
	for (uint32_t i = 0; i < q->count; i++)
		free(seen.codes[i]);
	free(seen.codes);
	free(in);
	free(out);
	free(codes);
	free(fast);
}

static void check_network(const struct net2 *s, uint32_t weights, uint32_t acts, double coarser)
{
	struct akida_graph *g = net2_network(s), *q;
	struct akida_array x = net2_samples(g);
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = NULL, *again;
	void *bytes, *second;
	size_t len, second_len;
	int err;

	net2_quantize(g, &x, weights, acts, &q);
	near_float(g, q, &x, s->tolerance * coarser);
	if (weights == 8)
		near_float_by_layer(q, &x);
	err = akida_convert_v2(q, &m, diag);
	if (err)
		print_message("%s\n", akida_diag_first_error(diag)->text);
	assert_int_equal(err, 0);
	run_layers(q, m, &x);
	/* and the file holds all of it */
	assert_int_equal(ak_model_serialize(m, &bytes, &len), 0);
	assert_int_equal(akida_model_parse(bytes, len, "memory", &again, NULL), 0);
	run_layers(q, again, &x);
	assert_int_equal(ak_model_serialize(again, &second, &second_len), 0);
	assert_int_equal(len, second_len);
	assert_memory_equal(bytes, second, len);
	free(bytes);
	free(second);
	akida_model_destroy(again);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	akida_array_fini(&x);
}

static void check_shape(const struct net2 *s, bool four_bits)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		net_rng = seed * 77;
		check_network(s, 8, 8, 1);
		if (four_bits)
			check_network(s, 4, 4, 10);
	}
}

static void test_v2_transposed_layers_equal_the_simulation(void **state)
{
	(void)state;
	check_shape(&(struct net2){net2_transposes, 3, 0.03}, false);
	check_shape(&(struct net2){net2_transposes, 1, 0.03}, false);
}

static void test_v2_layers_over_time_equal_the_simulation_frame_after_frame(void **state)
{
	(void)state;
	check_shape(&(struct net2){net2_temporal, 2, 0.03}, false);
}

static void test_v2_recurrent_layers_equal_the_simulation_step_after_step(void **state)
{
	(void)state;
	check_shape(&(struct net2){net2_recurrent, 2, 0.05}, false);
}

static void test_v2_branches_equal_the_simulation(void **state)
{
	(void)state;
	check_shape(&(struct net2){net2_branches, 3, 0.03}, true);
	check_shape(&(struct net2){net2_averages, 1, 0.03}, true);
}

static void test_v2_tables_equal_the_simulation(void **state)
{
	(void)state;
	check_shape(&(struct net2){net2_tables, 1, 0.03}, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2_transposed_layers_equal_the_simulation),
		cmocka_unit_test(test_v2_layers_over_time_equal_the_simulation_frame_after_frame),
		cmocka_unit_test(test_v2_recurrent_layers_equal_the_simulation_step_after_step),
		cmocka_unit_test(test_v2_branches_equal_the_simulation),
		cmocka_unit_test(test_v2_tables_equal_the_simulation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
