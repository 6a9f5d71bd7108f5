/* SPDX-License-Identifier: MIT */
/*
 * Every layer of Akida 2 from a float network to integers: quantized, converted, and run by the layers' semantics and by the
 * kernels of this host. All must equal the simulated quantized network in every code, over several frames in a row, and
 * the values must stay near those of the float network.
 */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include "base/diag.h"
#include "graph/infer.h"
#include "graph/passes/passes.h"
#include "kernels/plan.h"
#include "layer/execute.h"
#include "layer/v2.h"

#define FRAMES 6u

static struct ak_node *transposed(struct akida_graph *g, enum ak_op op, uint32_t filters, uint32_t k)
{
	return net_kernel(g, op, filters, k, 2);
}

static struct ak_node *over_time(struct akida_graph *g, enum ak_op op, uint32_t filters, uint32_t frames)
{
	struct ak_node *n = net_add(g, op);

	n->filters = filters;
	n->kernel_t = frames;
	n->use_bias = true;
	return n;
}

static void activation(struct akida_graph *g, enum ak_activation act)
{
	struct ak_node *n = net_add(g, AK_OP_ACTIVATION);

	n->act = act;
	n->act_alpha = 0.2f;
}

static struct ak_node *join(struct akida_graph *g, enum ak_op op, uint32_t a, uint32_t b)
{
	const uint32_t in[2] = {a, b};
	struct ak_node *n = ak_graph_add(g, op, NULL, in, 2);

	assert_non_null(n);
	n->axis = 2;
	return n;
}

/* A branch that starts at node from. */
static uint32_t branch(struct akida_graph *g, uint32_t from, enum ak_op op, uint32_t filters, float max)
{
	g->output = from;
	net_kernel(g, op, filters, 3, 1);
	net_relu(g, max);
	return g->output;
}

static void transposes(struct akida_graph *g)
{
	net_conv(g, 6, 3, 2);
	net_relu(g, 6);
	transposed(g, AK_OP_CONV2D_TRANSPOSE, 5, 3);
	net_batchnorm(g);
	activation(g, AK_ACT_SILU);
	transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 0, 4);
	net_batchnorm(g);
	net_relu(g, 0);
	transposed(g, AK_OP_CONV2D_TRANSPOSE, 4, 4);
	net_relu(g, 0);
	transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 0, 3);
}

static void temporal(struct akida_graph *g)
{
	g->nodes[0].input_i8 = true;
	over_time(g, AK_OP_BUFFER_TEMP_CONV, 5, 3);
	net_batchnorm(g);
	net_relu(g, 0);
	over_time(g, AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, 0, 4);
	net_batchnorm(g);
	net_relu(g, 0);
	net_conv(g, 6, 3, 2);
	net_relu(g, 0);
	net_add(g, AK_OP_GAP);
	net_dense(g, 4);
}

static void branches(struct akida_graph *g)
{
	uint32_t stem, a, b;

	net_conv(g, 6, 3, 1);
	net_relu(g, 6);
	stem = g->output;
	a = branch(g, stem, AK_OP_CONV2D, 6, 0);
	b = branch(g, stem, AK_OP_DEPTHWISE, 0, 3);
	join(g, AK_OP_CONCATENATE, a, b);
	net_conv(g, 6, 1, 1);
	net_relu(g, 0);
	a = g->output;
	b = branch(g, a, AK_OP_CONV2D, 6, 4);
	join(g, AK_OP_ADD, a, b);
	net_conv(g, 5, 3, 1);
	net_maxpool(g, 2, 2);
	activation(g, AK_ACT_LEAKY_RELU);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 7);
	net_relu(g, 0);
	net_dense(g, 3);
}

static void averages(struct akida_graph *g)
{
	uint32_t stem, a, b;

	net_conv(g, 6, 3, 1);
	net_relu(g, 0);
	stem = g->output;
	a = branch(g, stem, AK_OP_CONV2D, 4, 0);
	b = branch(g, stem, AK_OP_CONV2D, 4, 2);
	join(g, AK_OP_ADD, a, b)->average = true;
	net_conv(g, 5, 3, 1);
	activation(g, AK_ACT_GELU);
	net_add(g, AK_OP_GAP);
	net_dense(g, 4);
}

static void tables(struct akida_graph *g)
{
	net_conv(g, 6, 5, 1);
	activation(g, AK_ACT_HARD_SILU);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 1);
	activation(g, AK_ACT_GELU_TANH);
	net_conv(g, 3, 1, 1);
}

struct shape {
	void (*build)(struct akida_graph *g);
	uint32_t channels;
	double tolerance; /* mean difference from the float network as a share of its largest output */
};

static struct akida_graph *network(const struct shape *s)
{
	struct akida_graph *g = net_start(8, 10, s->channels);

	if (s->channels != 2)
		net_rescaling(g, 1 / 127.0f, s->channels == 3 ? -1 : 0);
	s->build(g);
	return net_finish(g);
}

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

static struct akida_array samples_of(const struct akida_graph *g)
{
	struct akida_array x = net_samples(g, FRAMES);

	if (g->nodes[0].input_i8)
		x.dtype = AKIDA_I8;
	return x;
}

static void quantize(const struct akida_graph *g, const struct akida_array *x, uint32_t weights, uint32_t acts,
		     struct akida_graph **q)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_quant_params p;
	int err;

	akida_quant_params_init(&p);
	p.weight_bits = weights;
	p.activation_bits = acts;
	p.per_tensor = 0;
	p.batch_size = FRAMES;
	err = akida_quantize(g, &p, x, q, diag);
	if (err)
		print_message("%s\n", akida_diag_first_error(diag)->text);
	assert_int_equal(err, 0);
	akida_diag_destroy(diag);
}

static void near_float(const struct akida_graph *g, const struct akida_graph *q, const struct akida_array *x,
		       double tolerance)
{
	size_t n = FRAMES * akida_graph_outputs(g);
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

/* Each layer on its own, from the integers before it: within a few codes of float, 11 bits being eight times finer. */
static void near_float_by_layer(const struct akida_graph *q, const struct akida_array *x)
{
	struct akida_difference *d = calloc(q->count, sizeof(*d));
	size_t count;

	assert_non_null(d);
	assert_int_equal(akida_graph_compare(q, x, d, &count, NULL), 0);
	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++)
		if (d[i].largest > (d[i].bits == 11 ? 24 : 4) || d[i].saturated > 0.1)
			fail_msg("%s: %g codes of %u bits away, %g saturated", d[i].name, d[i].largest, d[i].bits,
				 d[i].saturated);
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
	for (size_t f = 0; f < FRAMES; f++) {
		const uint8_t *bytes = (const uint8_t *)x->data + f * frame;

		ak_array_floats(x, f * frame, frame, in);
		assert_int_equal(ak_sim_run(sim, in, remember, &seen, out), 0);
		ak_executor_frame(e, bytes, codes, compare, &s);
		if (!plan)
			continue;
		ak_plan_frame(run, bytes, fast);
		assert_memory_equal(codes, fast, outputs * sizeof(*codes));
	}
	assert_true(s.compared >= FRAMES * 3);
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

static void check_network(const struct shape *s, uint32_t weights, uint32_t acts, double coarser)
{
	struct akida_graph *g = network(s), *q;
	struct akida_array x = samples_of(g);
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = NULL, *again;
	void *bytes, *second;
	size_t len, second_len;
	int err;

	quantize(g, &x, weights, acts, &q);
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

static void check_shape(const struct shape *s, bool four_bits)
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
	check_shape(&(struct shape){transposes, 3, 0.03}, false);
	check_shape(&(struct shape){transposes, 1, 0.03}, false);
}

static void test_v2_layers_over_time_equal_the_simulation_frame_after_frame(void **state)
{
	(void)state;
	check_shape(&(struct shape){temporal, 2, 0.03}, false);
}

static void test_v2_branches_equal_the_simulation(void **state)
{
	(void)state;
	check_shape(&(struct shape){branches, 3, 0.03}, true);
	check_shape(&(struct shape){averages, 1, 0.03}, true);
}

static void test_v2_tables_equal_the_simulation(void **state)
{
	(void)state;
	check_shape(&(struct shape){tables, 1, 0.03}, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2_transposed_layers_equal_the_simulation),
		cmocka_unit_test(test_v2_layers_over_time_equal_the_simulation_frame_after_frame),
		cmocka_unit_test(test_v2_branches_equal_the_simulation),
		cmocka_unit_test(test_v2_tables_equal_the_simulation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
