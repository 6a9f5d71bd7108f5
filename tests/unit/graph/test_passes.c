/* SPDX-License-Identifier: MIT */
/* Every rewrite before and after: the order of layers it promises, and float outputs unchanged within 1e-5 relative. */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include "graph/passes/passes.h"

#define FRAMES 3

static void assert_same_outputs(const struct akida_graph *a, const struct akida_graph *b)
{
	struct akida_array x = net_samples(a, FRAMES);
	float *ya = net_forward(a, &x), *yb = net_forward(b, &x), largest = 0;
	size_t n = FRAMES * akida_graph_outputs(a);

	assert_int_equal(akida_graph_outputs(a), akida_graph_outputs(b));
	for (size_t i = 0; i < n; i++)
		largest = fmaxf(largest, fabsf(ya[i]));
	assert_true(largest > 0);
	for (size_t i = 0; i < n; i++)
		assert_true(fabsf(ya[i] - yb[i]) <= 1e-5f * largest);
	free(ya);
	free(yb);
	akida_array_fini(&x);
}

/* The classes of the nodes in order must be these (AK_OP_COUNT ends the list). */
static void assert_order(const struct akida_graph *g, const enum ak_op *ops)
{
	uint32_t i = 0;

	for (; ops[i] != AK_OP_COUNT; i++) {
		assert_true(i < g->count);
		assert_string_equal(ak_op_class(g->nodes[i].op), ak_op_class(ops[i]));
		if (i)
			assert_int_equal(g->nodes[i].inputs[0], i - 1);
	}
	assert_int_equal(g->count, i);
	assert_int_equal(g->output, i - 1);
}

#define ORDER(g, ...) assert_order(g, (const enum ak_op[]){__VA_ARGS__, AK_OP_COUNT})

static struct akida_graph *copy_of(const struct akida_graph *g)
{
	struct akida_graph *copy;

	assert_int_equal(ak_graph_clone(g, &copy), 0);
	return copy;
}

static void end(struct akida_graph *a, struct akida_graph *b)
{
	assert_int_equal(ak_graph_finish(b, NULL), 0);
	assert_same_outputs(a, b);
	akida_graph_destroy(a);
	akida_graph_destroy(b);
}

static void test_split_activations_fused_become_layers(void **state)
{
	struct akida_graph *g = net_start(6, 6, 3), *s;

	(void)state;
	net_rescaling(g, 1 / 255.0f, 0);
	net_conv(g, 4, 3, 1)->act = AK_ACT_RELU;
	net_conv(g, 4, 3, 1)->act = AK_ACT_RELU6;
	net_add(g, AK_OP_ACTIVATION); /* linear */
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 5)->act = AK_ACT_TANH;
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_split_activations(s), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_RESCALING, AK_OP_CONV2D, AK_OP_RELU, AK_OP_CONV2D, AK_OP_RELU, AK_OP_FLATTEN,
	      AK_OP_DENSE, AK_OP_ACTIVATION);
	assert_false(s->nodes[3].bounded);
	assert_true(s->nodes[5].bounded);
	assert_true(s->nodes[5].max_value == 6.0f);
	end(g, s);
}

static void test_remove_dropout_nothing_changes(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1), *s;

	(void)state;
	net_conv(g, 3, 3, 1);
	net_add(g, AK_OP_DROPOUT)->rate = 0.5f;
	net_relu(g, 0);
	net_add(g, AK_OP_DROPOUT)->rate = 0.2f;
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_remove_dropout(s), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_CONV2D, AK_OP_RELU);
	end(g, s);
}

static void test_global_pooling_whole_map_average_becomes_global(void **state)
{
	struct akida_graph *g = net_start(6, 4, 3), *s;
	struct ak_node *p;

	(void)state;
	net_conv(g, 4, 3, 1);
	p = net_add(g, AK_OP_AVGPOOL);
	p->kernel_h = 6;
	p->kernel_w = 4;
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_global_pooling(s), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_CONV2D, AK_OP_GAP);
	assert_true(s->nodes[2].keepdims);
	end(g, s);
}

static void test_global_pooling_part_of_the_map_stays(void **state)
{
	static const uint32_t kernels[][2] = {{2, 2}, {6, 2}, {2, 6}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct akida_graph *g = net_start(6, 6, 3);
		struct ak_node *p = net_add(g, AK_OP_AVGPOOL);

		p->kernel_h = kernels[i][0];
		p->kernel_w = kernels[i][1];
		net_finish(g);
		assert_int_equal(ak_pass_global_pooling(g), 0);
		ORDER(g, AK_OP_INPUT, AK_OP_AVGPOOL);
		akida_graph_destroy(g);
	}
}

/* Same padding and stride 1: every output sees another part of the map. */
static void test_global_pooling_sliding_window_stays(void **state)
{
	struct akida_graph *g = net_start(6, 6, 3);
	struct ak_node *p = net_add(g, AK_OP_AVGPOOL);

	(void)state;
	p->kernel_h = p->kernel_w = 6;
	p->stride_h = p->stride_w = 1;
	p->same = true;
	net_finish(g);
	assert_int_equal(ak_pass_global_pooling(g), 0);
	ORDER(g, AK_OP_INPUT, AK_OP_AVGPOOL);
	akida_graph_destroy(g);
}

/* Zeros around an image that the convolution pads again are not "same". */
static void test_merge_zero_padding_before_same_stays(void **state)
{
	struct akida_graph *g = net_start(8, 8, 3);
	struct ak_node *z = net_add(g, AK_OP_ZEROPAD);

	(void)state;
	for (int i = 0; i < 4; i++)
		z->pad[i] = 1;
	net_conv(g, 4, 3, 1);
	net_finish(g);
	assert_int_equal(ak_pass_merge_zero_padding(g), 0);
	ORDER(g, AK_OP_INPUT, AK_OP_ZEROPAD, AK_OP_CONV2D);
	akida_graph_destroy(g);
}

static void test_merge_reshapes_last_one_stays(void **state)
{
	struct akida_graph *g = net_start(4, 4, 3), *s;
	struct ak_node *r;

	(void)state;
	r = net_add(g, AK_OP_RESHAPE); /* to the shape it has */
	r->rank = 3;
	r->dims[0] = r->dims[1] = 4;
	r->dims[2] = 3;
	net_conv(g, 4, 3, 1);
	r = net_add(g, AK_OP_RESHAPE);
	r->rank = 2;
	r->dims[0] = 16;
	r->dims[1] = 4;
	r = net_add(g, AK_OP_RESHAPE);
	r->rank = 2;
	r->dims[0] = 8;
	r->dims[1] = 8;
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_merge_reshapes(s), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_CONV2D, AK_OP_FLATTEN, AK_OP_DENSE);
	end(g, s);
}

/* Kernel, stride, padding before and after, input size: rewritten or not. */
static void test_merge_zero_padding_only_when_it_is_same(void **state)
{
	static const struct {
		uint32_t kernel, stride, before, after, size;
		bool merged;
	} cases[] = {
		{3, 1, 1, 1, 8, true},	{3, 2, 0, 1, 8, true},	{3, 2, 1, 1, 7, true},	{5, 1, 2, 2, 8, true},
		{3, 2, 1, 1, 8, false}, {3, 2, 1, 0, 8, false}, {3, 1, 2, 0, 8, false}, {3, 1, 2, 2, 8, false},
		{1, 1, 1, 1, 8, false}, {7, 2, 2, 3, 8, true},	{3, 3, 0, 1, 8, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akida_graph *g = net_start(cases[i].size, cases[i].size, 3), *s;
		struct ak_node *z = net_add(g, AK_OP_ZEROPAD);

		z->pad[0] = z->pad[2] = cases[i].before;
		z->pad[1] = z->pad[3] = cases[i].after;
		net_conv(g, 4, cases[i].kernel, cases[i].stride)->same = false;
		net_finish(g);
		s = copy_of(g);
		assert_int_equal(ak_pass_merge_zero_padding(s), 0);
		assert_int_equal(s->count, cases[i].merged ? 2 : 3);
		end(g, s);
	}
}

static void test_align_rescaling_offset_moves_into_bias_and_padding(void **state)
{
	struct akida_graph *g = net_start(7, 7, 3), *s;

	(void)state;
	net_rescaling(g, 1 / 127.5f, -1);
	net_conv(g, 4, 3, 2)->use_bias = false;
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_align_rescaling(s), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_RESCALING, AK_OP_CONV2D);
	assert_true(s->nodes[1].offset == 0);
	assert_true(s->nodes[2].padded);
	assert_true(s->nodes[2].pad_value == 1.0f);
	assert_non_null(ak_node_weight(&s->nodes[2], "bias"));
	end(g, s);
}

static void test_align_rescaling_valid_convolution_needs_no_padding(void **state)
{
	struct akida_graph *g = net_start(7, 7, 1), *s;

	(void)state;
	net_rescaling(g, 1 / 64.0f, -2);
	net_conv(g, 4, 3, 1)->same = false;
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_align_rescaling(s), 0);
	assert_false(s->nodes[2].padded);
	assert_true(s->nodes[1].offset == 0);
	end(g, s);
}

static void test_align_rescaling_before_pooling_stays(void **state)
{
	struct akida_graph *g = net_start(8, 8, 1);

	(void)state;
	net_rescaling(g, 1 / 127.5f, -1);
	net_maxpool(g, 2, 2);
	net_finish(g);
	assert_int_equal(ak_pass_align_rescaling(g), 0);
	assert_true(g->nodes[1].offset == -1);
	akida_graph_destroy(g);
}

static void test_pool_before_relu_pools_move_up(void **state)
{
	struct akida_graph *g = net_start(9, 9, 1), *s;

	(void)state;
	net_conv(g, 4, 3, 1);
	net_relu(g, 2.5f);
	net_maxpool(g, 2, 2);
	net_maxpool(g, 3, 3);
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_pool_before_relu(s), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_CONV2D, AK_OP_MAXPOOL, AK_OP_MAXPOOL, AK_OP_RELU);
	assert_true(s->nodes[4].max_value == 2.5f);
	end(g, s);
}

static void test_pool_before_relu_second_reader_stops_it(void **state)
{
	struct akida_graph *g = net_start(8, 8, 1);
	uint32_t relu, pool;

	(void)state;
	net_conv(g, 4, 3, 1);
	net_relu(g, 6);
	relu = g->output;
	net_maxpool(g, 2, 1);
	pool = g->output;
	assert_non_null(ak_graph_add(g, AK_OP_ADD, NULL, (const uint32_t[]){relu, pool}, 2));
	net_finish(g);
	assert_int_equal(ak_pass_pool_before_relu(g), 0);
	assert_int_equal(g->nodes[relu].op, AK_OP_RELU);
	akida_graph_destroy(g);
}

static void test_batchnorm_before_pool_max_and_global(void **state)
{
	for (int global = 0; global < 2; global++) {
		struct akida_graph *g = net_start(8, 8, 3), *s;

		net_conv(g, 4, 3, 1);
		if (global)
			net_add(g, AK_OP_GAP);
		else
			net_maxpool(g, 2, 2);
		net_batchnorm(g);
		net_finish(g);
		s = copy_of(g);
		assert_int_equal(ak_pass_batchnorm_before_pool(s), 0);
		ORDER(s, AK_OP_INPUT, AK_OP_CONV2D, AK_OP_BATCHNORM, global ? AK_OP_GAP : AK_OP_MAXPOOL);
		end(g, s);
	}
	(void)state;
}

static void test_batchnorm_before_pool_negative_gamma_stays_behind_maxima(void **state)
{
	struct akida_graph *g = net_start(8, 8, 3);

	(void)state;
	net_conv(g, 4, 3, 1);
	net_maxpool(g, 2, 2);
	net_batchnorm(g);
	net_finish(g);
	for (int c = 0; c < 4; c += 3) {
		ak_node_weight(&g->nodes[3], "gamma")->data[c] = -0.5f;
		assert_int_equal(ak_pass_batchnorm_before_pool(g), 0);
		ORDER(g, AK_OP_INPUT, AK_OP_CONV2D, AK_OP_MAXPOOL, AK_OP_BATCHNORM);
		ak_node_weight(&g->nodes[3], "gamma")->data[c] = 0.5f;
	}
	akida_graph_destroy(g);
}

static void test_fold_batchnorm_every_weighted_layer(void **state)
{
	static const enum ak_op ops[] = {AK_OP_CONV2D, AK_OP_SEPARABLE, AK_OP_DEPTHWISE, AK_OP_DENSE};

	for (int variant = 0; variant < 16; variant++) {
		struct akida_graph *g = net_start(5, 6, 3), *s;
		struct ak_node *n;
		enum ak_op op = ops[variant & 3];

		net_rescaling(g, 1 / 255.0f, 0);
		n = op == AK_OP_DENSE ? net_dense(g, 4) : net_kernel(g, op, 4, 3, 1);
		n->use_bias = variant & 4;
		n = net_batchnorm(g);
		n->center = variant & 8;
		n->scale_on = !(variant & 8);
		net_finish(g);
		s = copy_of(g);
		assert_int_equal(ak_pass_fold_batchnorm(s), 0);
		ORDER(s, AK_OP_INPUT, AK_OP_RESCALING, op);
		assert_true(s->nodes[2].use_bias);
		end(g, s);
	}
	(void)state;
}

static void test_fold_batchnorm_twice_in_a_row(void **state)
{
	struct akida_graph *g = net_start(5, 6, 3), *s;

	(void)state;
	net_conv(g, 4, 3, 1);
	net_batchnorm(g);
	net_batchnorm(g);
	net_finish(g);
	s = copy_of(g);
	assert_int_equal(ak_pass_fold_batchnorm(s), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_CONV2D);
	end(g, s);
}

static void test_fold_batchnorm_behind_an_activation_stays(void **state)
{
	struct akida_graph *g = net_start(5, 6, 3);

	(void)state;
	net_conv(g, 4, 3, 1);
	net_relu(g, 6);
	net_batchnorm(g);
	net_finish(g);
	assert_int_equal(ak_pass_fold_batchnorm(g), 0);
	assert_int_equal(g->count, 4);
	akida_graph_destroy(g);
}

static void test_cut_head_softmax_and_unit_reshapes_with_a_note(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1);
	struct akida_diag *diag = akida_diag_create();
	struct ak_node *n;

	(void)state;
	net_conv(g, 4, 5, 5);
	n = net_add(g, AK_OP_RESHAPE);
	n->rank = 1;
	n->dims[0] = 4;
	net_add(g, AK_OP_SOFTMAX);
	net_finish(g);
	assert_int_equal(ak_pass_cut_head(g, diag), 0);
	ORDER(g, AK_OP_INPUT, AK_OP_CONV2D);
	assert_int_equal(akida_diag_count(diag), 2);
	assert_string_equal(akida_diag_get(diag, 0)->rule, "quant.head");
	assert_int_equal(akida_diag_get(diag, 0)->severity, AKIDA_NOTE);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

static void test_sanitize_everything_at_once_keeps_outputs(void **state)
{
	struct akida_graph *g = net_start(16, 16, 3), *s;
	struct ak_node *z;

	(void)state;
	net_rescaling(g, 1 / 127.5f, -1);
	z = net_add(g, AK_OP_ZEROPAD);
	z->pad[1] = z->pad[3] = 1;
	net_conv(g, 8, 3, 2)->same = false;
	net_batchnorm(g);
	net_relu(g, 6);
	net_add(g, AK_OP_DROPOUT)->rate = 0.1f;
	net_conv(g, 8, 3, 1)->use_bias = false;
	net_relu(g, 6);
	net_maxpool(g, 2, 2);
	net_separable(g, 8, 3, 1)->act = AK_ACT_RELU6;
	net_separable(g, 12, 3, 1);
	net_add(g, AK_OP_GAP);
	net_batchnorm(g);
	net_relu(g, 6);
	net_dense(g, 5);
	net_finish(g);
	assert_int_equal(ak_graph_sanitize(g, &s, NULL), 0);
	ORDER(s, AK_OP_INPUT, AK_OP_RESCALING, AK_OP_CONV2D, AK_OP_RELU, AK_OP_CONV2D, AK_OP_MAXPOOL, AK_OP_RELU,
	      AK_OP_SEPARABLE, AK_OP_RELU, AK_OP_SEPARABLE, AK_OP_GAP, AK_OP_RELU, AK_OP_DENSE);
	end(g, s);
}

static void test_insert_after_keeps_order_and_readers(void **state)
{
	struct akida_graph *g = net_start(4, 4, 1);
	uint32_t a, b;

	(void)state;
	net_conv(g, 2, 3, 1);
	a = g->output;
	net_relu(g, 6);
	b = g->output;
	assert_non_null(ak_graph_add(g, AK_OP_ADD, NULL, (const uint32_t[]){a, b}, 2));
	assert_non_null(ak_graph_insert_after(g, a, AK_OP_DROPOUT, "drop"));
	net_finish(g);
	assert_int_equal(g->nodes[2].op, AK_OP_DROPOUT);
	assert_int_equal(g->nodes[2].inputs[0], 1);
	assert_int_equal(g->nodes[3].inputs[0], 2);
	assert_int_equal(g->nodes[4].inputs[0], 2);
	assert_int_equal(g->nodes[4].inputs[1], 3);
	assert_int_equal(g->output, 4);
	akida_graph_destroy(g);
}

/* The network on x / 2 - 1 equals the one with Rescaling on x. */
/* Outputs for a clip are those for its frames, one after the other. */
static void test_clip_becomes_a_stream_of_frames(void **state)
{
	struct akida_graph *g = net_start(0, 0, 0);
	struct ak_node *n = &g->nodes[0];
	struct akida_array x;
	float *clip, *frames;

	(void)state;
	n->rank = 4;
	n->dims[0] = 6;
	n->dims[1] = n->dims[2] = 8;
	n->dims[3] = 2;
	for (uint32_t k = 0; k < 4; k++) {
		bool over_time = k % 2;

		if (over_time)
			net_add(g, AK_OP_ZEROPAD3D)->pad_t[0] = 2;
		n = net_add(g, AK_OP_CONV3D);
		n->filters = 4;
		n->groups = k < 2 ? 1 : 4; /* then the depthwise ones */
		n->kernel_t = over_time ? 3 : 1;
		n->kernel_h = n->kernel_w = over_time ? 1 : 3;
		n->stride_h = n->stride_w = over_time ? 1 : 2;
		n->same = !over_time;
		n->use_bias = true;
		net_batchnorm(g);
		net_relu(g, 0);
	}
	n = net_add(g, AK_OP_AVGPOOL3D);
	n->kernel_t = n->stride_t = 1;
	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = 2;
	net_dense(g, 3);
	net_finish(g);
	x = net_samples(g, 1);
	clip = net_forward(g, &x);
	assert_int_equal(ak_pass_stream_frames(g), 0);
	assert_int_equal(ak_graph_finish(g, NULL), 0);
	ORDER(g, AK_OP_INPUT, AK_OP_CONV2D, AK_OP_BATCHNORM, AK_OP_RELU, AK_OP_BUFFER_TEMP_CONV, AK_OP_BATCHNORM,
	      AK_OP_RELU, AK_OP_DEPTHWISE, AK_OP_BATCHNORM, AK_OP_RELU, AK_OP_DEPTHWISE_BUFFER_TEMP_CONV,
	      AK_OP_BATCHNORM, AK_OP_RELU, AK_OP_GAP, AK_OP_DENSE);
	assert_int_equal(g->nodes[0].rank, 3);
	x.rank = 4; /* the same bytes as six frames */
	x.dims[0] = 6;
	x.dims[1] = x.dims[2] = 8;
	x.dims[3] = 2;
	frames = net_forward(g, &x);
	for (size_t i = 0; i < 6 * 3; i++)
		assert_true(fabsf(clip[i] - frames[i]) <= 1e-4f * (1 + fabsf(clip[i])));
	free(clip);
	free(frames);
	akida_array_fini(&x);
	akida_graph_destroy(g);
}

/* A kernel that looks ahead keeps the whole network as it is. */
static void test_clip_that_looks_ahead_is_left_alone(void **state)
{
	struct akida_graph *g = net_start(0, 0, 0);
	struct ak_node *n = &g->nodes[0];

	(void)state;
	n->rank = 4;
	n->dims[0] = 6;
	n->dims[1] = n->dims[2] = 4;
	n->dims[3] = 2;
	n = net_add(g, AK_OP_ZEROPAD3D);
	n->pad_t[0] = n->pad_t[1] = 1;
	n = net_add(g, AK_OP_CONV3D);
	n->filters = 4;
	n->kernel_t = 3;
	n->kernel_h = n->kernel_w = 1;
	net_finish(g);
	assert_int_equal(ak_pass_stream_frames(g), 0);
	ORDER(g, AK_OP_INPUT, AK_OP_ZEROPAD3D, AK_OP_CONV3D);
	assert_int_equal(g->nodes[0].rank, 4);
	akida_graph_destroy(g);
}

/* Both halves together compute what the whole did; the fused activation stays behind both. */
static void test_separable_is_split_into_its_halves(void **state)
{
	struct akida_graph *g = net_start(6, 7, 3);
	struct akida_array x;
	float *before, *after;

	(void)state;
	net_separable(g, 5, 3, 2)->act = AK_ACT_RELU;
	net_separable(g, 4, 5, 1)->use_bias = false;
	net_finish(g);
	x = net_samples(g, 2);
	before = net_forward(g, &x);
	assert_int_equal(ak_pass_split_separables(g), 0);
	assert_int_equal(ak_graph_finish(g, NULL), 0);
	ORDER(g, AK_OP_INPUT, AK_OP_DEPTHWISE, AK_OP_CONV2D, AK_OP_DEPTHWISE, AK_OP_CONV2D);
	assert_string_equal(g->nodes[1].name, "dw_SeparableConv2D");
	assert_string_equal(g->nodes[2].name, "SeparableConv2D");
	assert_int_equal(g->nodes[2].act, AK_ACT_RELU);
	assert_true(g->nodes[2].use_bias && !g->nodes[4].use_bias);
	assert_int_equal(g->nodes[1].stride_h, 2);
	after = net_forward(g, &x);
	for (size_t i = 0; i < 2 * akida_graph_outputs(g); i++)
		assert_true(fabsf(before[i] - after[i]) <= 1e-4f * (1 + fabsf(before[i])));
	assert_int_equal(ak_pass_split_separables(g), 0); /* nothing is left */
	assert_int_equal(g->count, 5);
	free(before);
	free(after);
	akida_array_fini(&x);
	akida_graph_destroy(g);
}

static void test_insert_rescaling_comes_first(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1), *r, *no;
	struct akida_array x, y;
	float *a, *b;

	(void)state;
	net_conv(g, 2, 3, 1);
	net_finish(g);
	assert_int_equal(akida_graph_insert_rescaling(g, 0.5f, -1, &r, NULL), 0);
	ORDER(r, AK_OP_INPUT, AK_OP_RESCALING, AK_OP_CONV2D);
	x = net_samples(g, 1);
	assert_int_equal(akida_array_init(&y, AKIDA_F32, x.rank, x.dims), 0);
	for (size_t i = 0; i < akida_array_elements(&x); i++)
		((float *)y.data)[i] = (float)((uint8_t *)x.data)[i] * 0.5f - 1.0f;
	a = net_forward(r, &x);
	b = net_forward(g, &y);
	assert_memory_equal(a, b, akida_graph_outputs(g) * sizeof(*a));
	assert_int_equal(akida_graph_insert_rescaling(r, 1, 0, &no, NULL), -EINVAL);
	assert_int_equal(akida_graph_insert_rescaling(g, 0, 0, &no, NULL), -EINVAL);
	assert_int_equal(akida_graph_insert_rescaling(g, 1, NAN, &no, NULL), -EINVAL);
	assert_null(no);
	free(a);
	free(b);
	akida_array_fini(&x);
	akida_array_fini(&y);
	akida_graph_destroy(r);
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_activations_fused_become_layers),
		cmocka_unit_test(test_remove_dropout_nothing_changes),
		cmocka_unit_test(test_global_pooling_whole_map_average_becomes_global),
		cmocka_unit_test(test_global_pooling_part_of_the_map_stays),
		cmocka_unit_test(test_global_pooling_sliding_window_stays),
		cmocka_unit_test(test_merge_zero_padding_before_same_stays),
		cmocka_unit_test(test_merge_reshapes_last_one_stays),
		cmocka_unit_test(test_merge_zero_padding_only_when_it_is_same),
		cmocka_unit_test(test_align_rescaling_offset_moves_into_bias_and_padding),
		cmocka_unit_test(test_align_rescaling_valid_convolution_needs_no_padding),
		cmocka_unit_test(test_align_rescaling_before_pooling_stays),
		cmocka_unit_test(test_pool_before_relu_pools_move_up),
		cmocka_unit_test(test_pool_before_relu_second_reader_stops_it),
		cmocka_unit_test(test_batchnorm_before_pool_max_and_global),
		cmocka_unit_test(test_batchnorm_before_pool_negative_gamma_stays_behind_maxima),
		cmocka_unit_test(test_fold_batchnorm_every_weighted_layer),
		cmocka_unit_test(test_fold_batchnorm_twice_in_a_row),
		cmocka_unit_test(test_fold_batchnorm_behind_an_activation_stays),
		cmocka_unit_test(test_cut_head_softmax_and_unit_reshapes_with_a_note),
		cmocka_unit_test(test_sanitize_everything_at_once_keeps_outputs),
		cmocka_unit_test(test_insert_after_keeps_order_and_readers),
		cmocka_unit_test(test_clip_becomes_a_stream_of_frames),
		cmocka_unit_test(test_clip_that_looks_ahead_is_left_alone),
		cmocka_unit_test(test_separable_is_split_into_its_halves),
		cmocka_unit_test(test_insert_rescaling_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
