/* SPDX-License-Identifier: MIT */
/*
 * The rules of Akida 1.0 (AKD1000, AKD1500) as a table: what a block must satisfy (reference: quantization 6.2, 6.3 and
 * 7.1). Every rule is tried on every block, so that one run names all offences. Rules about how blocks hang together are
 * in structure_v1.c.
 */
#include <math.h>
#include <stdio.h>
#include "base/diag.h"
#include "graph/quant_config.h"
#include "rules.h"

#define CONVS (AK_BLOCK_CONV | AK_BLOCK_SEPARABLE)
#define ANY (AK_BLOCK_INPUT_CONV | CONVS | AK_BLOCK_FULLY)

static void print_u(char *value, uint32_t v)
{
	snprintf(value, AK_RULE_VALUE, "%u", v);
}

static void print_pair(char *value, uint32_t a, uint32_t b)
{
	snprintf(value, AK_RULE_VALUE, "%ux%u", a, b);
}

/* ---- size of the input ---- */

static bool input_channels(const struct ak_block *b, char *value)
{
	print_u(value, b->in_c);
	return b->in_c != 1 && b->in_c != 3;
}

static bool input_height(const struct ak_block *b, char *value)
{
	print_u(value, b->in_h);
	return b->in_h < 5;
}

static bool input_width(const struct ak_block *b, char *value)
{
	print_u(value, b->in_w);
	return b->in_w < 5 || b->in_w > 256;
}

static bool map_size(const struct ak_block *b, char *value)
{
	print_pair(value, b->in_h, b->in_w);
	return b->in_h > 4096 || b->in_w > 4096;
}

static bool map_channels(const struct ak_block *b, char *value)
{
	print_u(value, b->in_c);
	return b->in_c > 2048;
}

static bool fully_inputs(const struct ak_block *b, char *value)
{
	uint64_t n = (uint64_t)b->in_h * b->in_w * b->in_c;

	snprintf(value, AK_RULE_VALUE, "%llu", (unsigned long long)n);
	return n > 57334;
}

/* A Dense on a map would apply per position; Akida's takes one vector: (n), (1, n) or (1, 1, n). */
static bool fully_map(const struct ak_block *b, char *value)
{
	const struct ak_node *n = b->neural;
	uint64_t positions = ak_node_elements(n) / n->dims[n->rank - 1];

	snprintf(value, AK_RULE_VALUE, "%llu positions", (unsigned long long)positions);
	return positions != 1;
}

/* ---- kernel, stride, padding ---- */

static bool kernel_is(const struct ak_block *b, uint32_t k)
{
	return b->neural->kernel_h == k && b->neural->kernel_w == k;
}

static bool kernel_no_1(const struct ak_block *b, char *value)
{
	print_pair(value, b->neural->kernel_h, b->neural->kernel_w);
	return !kernel_is(b, 3) && !kernel_is(b, 5) && !kernel_is(b, 7);
}

static bool kernel_with_1(const struct ak_block *b, char *value)
{
	return kernel_no_1(b, value) && !kernel_is(b, 1);
}

static bool stride_input(const struct ak_block *b, char *value)
{
	const struct ak_node *n = b->neural;

	print_pair(value, n->stride_h, n->stride_w);
	return n->stride_h != n->stride_w || n->stride_h > 3;
}

static bool stride_conv(const struct ak_block *b, char *value)
{
	const struct ak_node *n = b->neural;

	snprintf(value, AK_RULE_VALUE, "%ux%u with a %ux%u kernel", n->stride_h, n->stride_w, n->kernel_h, n->kernel_w);
	return n->stride_h != n->stride_w || n->stride_h > 2 || (n->stride_h == 2 && !kernel_is(b, 3));
}

static bool padding(const struct ak_block *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "valid");
	return !b->neural->same && !kernel_is(b, 1);
}

static bool dilation(const struct ak_block *b, char *value)
{
	print_pair(value, b->neural->dilation_h, b->neural->dilation_w);
	return b->neural->dilation_h > 1 || b->neural->dilation_w > 1;
}

static bool groups(const struct ak_block *b, char *value)
{
	print_u(value, b->neural->groups);
	return b->neural->groups > 1;
}

static bool multiplier(const struct ak_block *b, char *value)
{
	print_u(value, b->neural->depth_multiplier);
	return b->neural->depth_multiplier > 1;
}

static bool input_filters(const struct ak_block *b, char *value)
{
	static const uint32_t max[3][2] = {{512, 192}, {192, 64}, {96, 32}}; /* kernel 3, 5, 7; 1 or 3 channels */
	uint32_t k = b->neural->kernel_h, limit = k <= 3 ? max[0][b->in_c > 1] : max[k > 5 ? 2 : 1][b->in_c > 1];

	snprintf(value, AK_RULE_VALUE, "%u of %u for %ux%ux%u", b->neural->filters, limit, k, k, b->in_c);
	return b->neural->filters > limit;
}

static bool filters(const struct ak_block *b, char *value)
{
	print_u(value, b->neural->filters);
	return b->neural->filters > 2048;
}

static bool padding_value(const struct ak_block *b, char *value)
{
	uint32_t bits = b->neural->quant.active ? b->neural->quant.weight_bits : 8;
	int64_t pad = ak_block_padding(b, bits);

	snprintf(value, AK_RULE_VALUE, "%lld", (long long)pad);
	return pad < 0 || pad > 255;
}

static bool padding_value_inside(const struct ak_block *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%g", (double)b->neural->pad_value);
	return b->neural->padded && b->neural->pad_value != 0;
}

/* ---- pooling ---- */

static bool is_max(const struct ak_block *b)
{
	return b->pool && b->pool->op == AK_OP_MAXPOOL;
}

static bool is_global(const struct ak_block *b)
{
	return b->pool && b->pool->op == AK_OP_GAP;
}

static bool print_pool(const struct ak_block *b, char *value)
{
	const struct ak_node *p = b->pool;

	if (!is_max(b))
		return false;
	snprintf(value, AK_RULE_VALUE, "%ux%u stride %ux%u", p->kernel_h, p->kernel_w, p->stride_h, p->stride_w);
	return true;
}

/* The table also has 1x2 and 2x1; this library's layers have square pools. */
static bool pool_input(const struct ak_block *b, char *value)
{
	const struct ak_node *p = b->pool;

	return print_pool(b, value) && !(p->kernel_h == 2 && p->kernel_w == 2 && p->stride_h == 2 && p->stride_w == 2);
}

static bool pool_conv(const struct ak_block *b, char *value)
{
	const struct ak_node *p = b->pool;

	return print_pool(b, value) && !(p->kernel_h == 2 && p->kernel_w == 2 && p->stride_h == p->stride_w &&
					 p->stride_h >= 1 && p->stride_h <= 2);
}

static bool pool_padding(const struct ak_block *b, char *value)
{
	bool conv_same = b->neural->same || kernel_is(b, 1);

	if (!is_max(b))
		return false;
	snprintf(value, AK_RULE_VALUE, "%s after %s", b->pool->same ? "same" : "valid", conv_same ? "same" : "valid");
	/* both give the same result where the windows fit exactly */
	if (b->pool->same && !conv_same)
		return true;
	return !b->pool->same && conv_same &&
	       (b->neural->dims[0] % b->pool->stride_h || b->neural->dims[1] % b->pool->stride_w ||
		b->pool->stride_h != b->pool->kernel_h || b->pool->stride_w != b->pool->kernel_w);
}

static bool pool_before_fully(const struct ak_block *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%.60s", b->next ? b->next->name : "");
	return is_max(b) && b->next && b->next->op == AK_OP_DENSE;
}

static bool global_input(const struct ak_block *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%.60s", b->pool ? b->pool->name : "");
	return is_global(b);
}

static bool global_size(const struct ak_block *b, char *value)
{
	uint32_t h = b->neural->dims[0], w = b->neural->dims[1];

	print_pair(value, h, w);
	return is_global(b) && ((h > 32 && w > 32) || h * w > 256);
}

static bool global_rows(const struct ak_block *b, char *value)
{
	print_u(value, b->neural->dims[0]);
	return is_global(b) && b->neural->dims[0] < 3;
}

static bool global_1x1(const struct ak_block *b, char *value)
{
	print_pair(value, b->in_h, b->in_w);
	return is_global(b) && b->in_h == 1 && b->in_w == 1;
}

/* ---- activation and bit widths ---- */

static bool relu_bound(const struct ak_block *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "none");
	return b->relu && !b->relu->bounded;
}

static bool relu_kind(const struct ak_block *b, char *value)
{
	if (!b->relu)
		return false;
	snprintf(value, AK_RULE_VALUE, "slope %g, threshold %g", (double)b->relu->negative_slope,
		 (double)b->relu->relu_threshold);
	return b->relu->negative_slope != 0 || b->relu->relu_threshold != 0;
}

static bool weight_bits(const struct ak_block *b, char *value)
{
	const struct ak_node_quant *q = &b->neural->quant;

	uint32_t dw = b->kind == AK_BLOCK_SEPARABLE ? ak_quant_dw_bits(b->neural) : q->weight_bits;

	print_u(value, dw == q->weight_bits || !q->active ? q->weight_bits : dw); /* both kernels have the same bits */
	return q->active && ((q->weight_bits != 2 && q->weight_bits != 4) || dw != q->weight_bits);
}

static bool input_weight_bits(const struct ak_block *b, char *value)
{
	const struct ak_node_quant *q = &b->neural->quant;

	print_u(value, q->weight_bits);
	return q->active && q->weight_bits != 4 && q->weight_bits != 8;
}

static bool act_bits(const struct ak_block *b, char *value)
{
	const struct ak_node_quant *q = b->relu ? &b->relu->quant : NULL;

	if (!q || !q->has_output)
		return false;
	snprintf(value, AK_RULE_VALUE, "%u%s", q->out_bits, q->out_signed ? " signed" : "");
	return q->out_signed || (q->out_bits != 1 && q->out_bits != 2 && q->out_bits != 4);
}

static bool act_axis(const struct ak_block *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "per-axis");
	return b->relu && b->relu->quant.has_output && b->relu->quant.out_per_axis;
}

/* Only activations may have one: potentials cannot go from layer to layer. */
static bool quantizer_owner(const struct ak_block *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%.60s", b->neural->name);
	return b->neural->quant.has_output || (b->pool && b->pool->quant.has_output);
}

static const struct ak_v1_rule rules[] = {
	{AK_RULE_V1_INPUT_CHANNELS, AK_BLOCK_INPUT_CONV, NEURAL, "input channels", "1 or 3",
	 "give the network 1 or 3 input channels", input_channels},
	{AK_RULE_V1_INPUT_SIZE, AK_BLOCK_INPUT_CONV, NEURAL, "input height", "5 or more", "use larger images",
	 input_height},
	{AK_RULE_V1_INPUT_SIZE, AK_BLOCK_INPUT_CONV, NEURAL, "input width", "5 to 256", "resize the images",
	 input_width},
	{AK_RULE_V1_MAP_SIZE, CONVS, NEURAL, "input size", "4096x4096", "reduce the map before this layer", map_size},
	{AK_RULE_V1_CHANNELS, CONVS, NEURAL, "input channels", "2048", "use fewer filters in the layer before",
	 map_channels},
	{AK_RULE_V1_DENSE_INPUTS, AK_BLOCK_FULLY, NEURAL, "inputs", "57334", "pool before the layer", fully_inputs},
	{AK_RULE_V1_DENSE_MAP, AK_BLOCK_FULLY, NEURAL, "input", "one vector", "put Flatten before the layer",
	 fully_map},
	{AK_RULE_V1_KERNEL, AK_BLOCK_INPUT_CONV | AK_BLOCK_SEPARABLE, NEURAL, "kernel_size", "3x3, 5x5, 7x7",
	 "use a square kernel of 3, 5 or 7", kernel_no_1},
	{AK_RULE_V1_KERNEL, AK_BLOCK_CONV, NEURAL, "kernel_size", "1x1, 3x3, 5x5, 7x7",
	 "use a square kernel of 1, 3, 5 or 7", kernel_with_1},
	{AK_RULE_V1_STRIDE, AK_BLOCK_INPUT_CONV, NEURAL, "strides", "1, 2, 3, equal on both axes", "use strides 1 to 3",
	 stride_input},
	{AK_RULE_V1_STRIDE, CONVS, NEURAL, "strides", "1; 2 only with a 3x3 kernel",
	 "use a 3x3 kernel with stride 2, or stride 1 and pooling", stride_conv},
	{AK_RULE_V1_PADDING, CONVS, NEURAL, "padding", "same", "use padding=\"same\"", padding},
	{AK_RULE_V1_DILATION, ANY & ~AK_BLOCK_FULLY, NEURAL, "dilation_rate", "1", "use larger kernels or strides",
	 dilation},
	{AK_RULE_V1_GROUPS, ANY & ~AK_BLOCK_FULLY, NEURAL, "groups", "1", "use SeparableConv2D", groups},
	{AK_RULE_V1_GROUPS, AK_BLOCK_SEPARABLE, NEURAL, "depth_multiplier", "1", "use more filters instead",
	 multiplier},
	{AK_RULE_V1_FILTERS, AK_BLOCK_INPUT_CONV, NEURAL, "filters",
	 "3x3: 512 (1 channel), 192 (3); 5x5: 192, 64; 7x7: 96, 32", "use fewer filters or a smaller kernel",
	 input_filters},
	{AK_RULE_V1_FILTERS, CONVS | AK_BLOCK_FULLY, NEURAL, "filters", "2048", "use fewer filters", filters},
	{AK_RULE_V1_PADDING_VALUE, AK_BLOCK_INPUT_CONV, NEURAL, "padding value", "0 to 255",
	 "use an offset of Rescaling between -255*scale and 0, or padding=\"valid\"", padding_value},
	{AK_RULE_V1_PADDING_VALUE, CONVS, NEURAL, "padding value", "0", "only the first layer pads with a value",
	 padding_value_inside},
	{AK_RULE_V1_POOL, AK_BLOCK_INPUT_CONV, POOL, "pool_size", "2x2 stride 2x2", "use a 2x2 pool with stride 2",
	 pool_input},
	{AK_RULE_V1_POOL, CONVS, POOL, "pool_size", "2x2 stride 1 or 2", "use a 2x2 pool with stride 1 or 2",
	 pool_conv},
	{AK_RULE_V1_POOL_PADDING, AK_BLOCK_INPUT_CONV | CONVS, POOL, "padding", "as the convolution's",
	 "give the pool the padding of the convolution", pool_padding},
	{AK_RULE_V1_POOL_DENSE, CONVS, POOL, "next layer", "Conv2D or SeparableConv2D",
	 "the vendor's documentation of today excludes it, boards ran it; to be safe end with a strided convolution",
	 pool_before_fully},
	{AK_RULE_V1_GLOBAL_POOL, AK_BLOCK_INPUT_CONV, POOL, "pooling", "none or 2x2 max", "put a convolution between",
	 global_input},
	{AK_RULE_V1_GLOBAL_POOL, CONVS, POOL, "pooled map", "one side at most 32, at most 256 positions",
	 "reduce the map before global pooling", global_size},
	{AK_RULE_V1_GLOBAL_POOL, CONVS, POOL, "pooled rows", "3 or more", "pool a map of at least 3 rows", global_rows},
	{AK_RULE_V1_GLOBAL_POOL, AK_BLOCK_SEPARABLE, POOL, "input map", "larger than 1x1", "leave out the pooling",
	 global_1x1},
	{AK_RULE_V1_RELU_BOUND, ANY, RELU, "max_value", "a number", "bound the ReLU, for instance max_value=6",
	 relu_bound},
	{AK_RULE_V1_RELU_KIND, ANY, RELU, "activation", "slope 0, threshold 0", "use a plain bounded ReLU", relu_kind},
	{AK_RULE_V1_WEIGHT_BITS, AK_BLOCK_INPUT_CONV, NEURAL, "weight bits", "4, 8", "quantize with -i 8",
	 input_weight_bits},
	{AK_RULE_V1_WEIGHT_BITS, CONVS | AK_BLOCK_FULLY, NEURAL, "weight bits", "2, 4", "quantize with -w 4 or -w 2",
	 weight_bits},
	{AK_RULE_V1_ACT_BITS, ANY, RELU, "activation bits", "1, 2, 4 unsigned", "quantize with -a 4, -a 2 or -a 1",
	 act_bits},
	{AK_RULE_V1_PER_AXIS, ANY, RELU, "output quantizer axis", "per-tensor",
	 "quantize with --per_tensor_activations", act_axis},
	{AK_RULE_V1_QUANTIZER, ANY, NEURAL, "output quantizer", "only on ReLU",
	 "put a bounded ReLU behind the layer (behind the pooling, where there is one)", quantizer_owner},
};

bool ak_rules_v1_row(size_t i, struct ak_rule_row *row)
{
	if (i >= sizeof(rules) / sizeof(rules[0]))
		return false;
	*row = (struct ak_rule_row){rules[i].rule, rules[i].field, rules[i].limit};
	return true;
}

static const char *node_of(const struct ak_v1_rule *r, const struct ak_block *b)
{
	if (r->node == POOL && b->pool)
		return b->pool->name;
	return r->node == RELU && b->relu ? b->relu->name : b->neural->name;
}

uint32_t ak_rules_v1_block(const struct ak_block *b, struct akida_diag *diag)
{
	uint32_t errors = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct ak_v1_rule *r = &rules[i];
		char value[AK_RULE_VALUE] = "";
		bool warning = r->rule == AK_RULE_V1_POOL_DENSE;

		if (!(r->kinds & b->kind) || !r->offends(b, value))
			continue;
		ak_v1_report(diag, warning ? AKIDA_WARNING : AKIDA_ERROR, r->rule, node_of(r, b), r->field, value,
			     r->limit, r->remedy);
		errors += !warning;
	}
	return errors;
}
