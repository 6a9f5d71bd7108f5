/* SPDX-License-Identifier: MIT */
/*
 * The rules of Akida 2.0 as a table (reference: quantization 6.3 and 7.2), tried on every layer so that one run names all
 * offences, and the rules about how layers hang together.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "block_v2.h"
#include "graph/passes/passes.h"
#include "layer/limits_v2.h"
#include "rules.h"

enum kind {
	INPUT = 1,
	CONV = 2,
	DEPTHWISE = 4,
	DENSE = 8,
	ADD = 16,
	CONCAT = 32,
	TRANSPOSED = 64,
	TEMPORAL = 128,
	RECURRENT = 256
};
#define MAPS (CONV | DEPTHWISE)
#define NEURALS (INPUT | MAPS | DENSE | TRANSPOSED | TEMPORAL | RECURRENT)

struct rule {
	enum ak_rule rule;
	unsigned int kinds;
	enum ak_rule_node node;
	const char *field, *limit, *remedy;
	bool (*offends)(const struct ak_block2 *b, char *value);
};

static enum kind kind_of(const struct ak_block2 *b)
{
	switch (b->n->op) {
	case AK_OP_CONV2D:
		return b->image ? INPUT : CONV;
	case AK_OP_DEPTHWISE:
		return DEPTHWISE;
	case AK_OP_DENSE:
		return DENSE;
	case AK_OP_ADD:
		return ADD;
	case AK_OP_CONCATENATE:
		return CONCAT;
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		return TRANSPOSED;
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		return TEMPORAL;
	case AK_OP_STATEFUL_PROJECTION:
		return RECURRENT;
	default:
		return 0;
	}
}

static enum ak_v2_family family_of(const struct ak_block2 *b)
{
	switch (kind_of(b)) {
	case INPUT:
		return AK_V2_INPUT_CONV;
	case CONV:
		return AK_V2_CONV;
	case DEPTHWISE:
		return AK_V2_DEPTHWISE;
	case TRANSPOSED:
		return AK_V2_TRANSPOSED;
	case TEMPORAL:
		return AK_V2_TEMPORAL;
	case DENSE:
		return AK_V2_DENSE;
	default:
		return AK_V2_JOIN;
	}
}

static void report(struct akida_diag *diag, enum akida_severity severity, enum ak_rule rule, const char *node,
		   const char *field, const char *value, const char *limit, const char *remedy)
{
	char text[640];

	snprintf(text, sizeof(text), "%.100s: %.30s is %.160s, Akida 2 has: %.200s", node, field, value, limit);
	ak_diag_add(diag, &(struct ak_finding){severity, rule, node, field, value, limit, text, remedy});
}

static void print_u(char *value, uint32_t v)
{
	snprintf(value, AK_RULE_VALUE, "%u", v);
}

static void print_pair(char *value, uint32_t a, uint32_t b)
{
	snprintf(value, AK_RULE_VALUE, "%ux%u", a, b);
}

static bool input_height(const struct ak_block2 *b, char *value)
{
	print_u(value, b->in_h);
	return b->in_h < AK_V2_INPUT_MIN;
}

static bool input_width(const struct ak_block2 *b, char *value)
{
	print_u(value, b->in_w);
	return b->in_w < AK_V2_INPUT_MIN || b->in_w > AK_V2_INPUT_COLUMNS;
}

static bool map_size(const struct ak_block2 *b, char *value)
{
	print_pair(value, b->in_h, b->in_w);
	return b->in_h > AK_V2_MAP || b->in_w > AK_V2_MAP;
}

static bool map_channels(const struct ak_block2 *b, char *value)
{
	print_u(value, b->in_c);
	return b->in_c > AK_V2_CHANNELS;
}

static bool dense_inputs(const struct ak_block2 *b, char *value)
{
	uint64_t n = (uint64_t)b->in_h * b->in_w * b->in_c;

	snprintf(value, AK_RULE_VALUE, "%llu", (unsigned long long)n);
	return n > AK_V2_CHANNELS;
}

static bool dense_map(const struct ak_block2 *b, char *value)
{
	uint64_t positions = ak_node_elements(b->n) / b->n->dims[b->n->rank - 1];

	snprintf(value, AK_RULE_VALUE, "%llu positions", (unsigned long long)positions);
	return positions != 1;
}

static bool kernel_size(const struct ak_block2 *b, char *value)
{
	print_pair(value, b->n->kernel_h, b->n->kernel_w);
	return !ak_v2_kernel_fits(family_of(b), b->n->kernel_h, b->n->kernel_w);
}

static bool fifo(const struct ak_block2 *b, char *value)
{
	print_u(value, b->n->kernel_t);
	return b->n->kernel_t < AK_V2_FIFO_MIN || b->n->kernel_t > AK_V2_FIFO_MAX;
}

static bool strides(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%ux%u with a %ux%u kernel", b->n->stride_h, b->n->stride_w, b->n->kernel_h,
		 b->n->kernel_w);
	return !ak_v2_stride_fits(family_of(b), b->n->kernel_h == b->n->kernel_w ? b->n->kernel_h : 0, b->n->stride_h,
				  b->n->stride_w);
}

static bool kernel_is(const struct ak_block2 *b, uint32_t k)
{
	return b->n->kernel_h == k && b->n->kernel_w == k;
}

static bool padding(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "valid");
	return !b->n->same && !kernel_is(b, 1);
}

static bool padding_transposed(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "valid");
	return !b->n->same;
}

static bool padding_value(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%g", (double)b->n->pad_value);
	return b->n->padded && b->n->pad_value != 0;
}

static bool dilation(const struct ak_block2 *b, char *value)
{
	print_pair(value, b->n->dilation_h, b->n->dilation_w);
	return b->n->dilation_h > 1 || b->n->dilation_w > 1;
}

static bool groups(const struct ak_block2 *b, char *value)
{
	print_u(value, b->n->groups);
	return b->n->groups > 1;
}

static bool multiplier(const struct ak_block2 *b, char *value)
{
	print_u(value, b->n->depth_multiplier);
	return b->n->depth_multiplier > 1;
}

static bool filters_input(const struct ak_block2 *b, char *value)
{
	print_u(value, b->n->filters);
	return b->n->filters > AK_V2_INPUT_FILTERS;
}

static bool filters(const struct ak_block2 *b, char *value)
{
	print_u(value, b->n->filters);
	return b->n->filters > AK_V2_FILTERS;
}

static bool print_pool(const struct ak_block2 *b, char *value)
{
	const struct ak_node *p = b->pool;

	if (p)
		snprintf(value, AK_RULE_VALUE, "%ux%u stride %ux%u", p->kernel_h, p->kernel_w, p->stride_h,
			 p->stride_w);
	return p;
}

static bool square(const struct ak_node *p)
{
	return p->kernel_h == p->kernel_w && p->stride_h == p->stride_w;
}

static bool pool_size(const struct ak_block2 *b, char *value)
{
	const struct ak_node *p = b->pool;

	return print_pool(b, value) &&
	       !ak_v2_pool_fits(family_of(b), p->kernel_h, p->kernel_w, p->stride_h, p->stride_w);
}

static bool pool_nowhere(const struct ak_block2 *b, char *value)
{
	const struct ak_node *p = b->pool ? b->pool : b->global;

	if (p)
		snprintf(value, AK_RULE_VALUE, "%s", ak_op_class(p->op));
	return p;
}

static bool pool_with_table(const struct ak_block2 *b, char *value)
{
	if (b->act)
		snprintf(value, AK_RULE_VALUE, "%s with max pooling", ak_activation_name(b->act->act));
	return b->act && b->act->op == AK_OP_ACTIVATION && b->pool;
}

/* Both give the same result where the windows fit exactly. */
static bool pool_padding(const struct ak_block2 *b, char *value)
{
	bool same = b->n->same || kernel_is(b, 1);

	if (!b->pool || b->pool->same == same)
		return false;
	snprintf(value, AK_RULE_VALUE, "%s after %s", b->pool->same ? "same" : "valid", same ? "same" : "valid");
	return b->n->dims[0] % b->pool->stride_h || b->n->dims[1] % b->pool->stride_w ||
	       b->pool->stride_h != b->pool->kernel_h;
}

static bool global_input(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%.60s", b->global ? b->global->name : "");
	return b->global;
}

static bool global_size(const struct ak_block2 *b, char *value)
{
	uint32_t h = b->n->dims[0], w = b->n->dims[1];

	print_pair(value, h, w);
	return b->global && !ak_v2_global_fits(family_of(b), h, w);
}

static bool act_order(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "behind global pooling");
	return b->late_act;
}

static bool is_table(enum ak_activation act)
{
	return act == AK_ACT_GELU || act == AK_ACT_GELU_TANH || act == AK_ACT_SILU || act == AK_ACT_HARD_SILU ||
	       act == AK_ACT_LEAKY_RELU;
}

static bool act_kind(const struct ak_block2 *b, char *value)
{
	if (!b->act)
		return false;
	if (b->act->op != AK_OP_RELU) {
		snprintf(value, AK_RULE_VALUE, "%s", ak_activation_name(b->act->act));
		return kind_of(b) & (DENSE | TEMPORAL | RECURRENT) || !is_table(b->act->act);
	}
	snprintf(value, AK_RULE_VALUE, "slope %g, threshold %g", (double)b->act->negative_slope,
		 (double)b->act->relu_threshold);
	return b->act->negative_slope != 0 || b->act->relu_threshold != 0;
}

static bool weight_bits(const struct ak_block2 *b, char *value)
{
	print_u(value, b->n->quant.weight_bits);
	return b->n->quant.active && !ak_v2_weight_bits_fit(family_of(b), b->n->quant.weight_bits);
}

static bool recurrent_weight_bits(const struct ak_block2 *b, char *value)
{
	uint32_t in = b->n->quant.weight_bits, out = b->out_projection->quant.weight_bits;

	print_u(value, in != 8 ? in : out);
	return b->n->quant.active && (in != 8 || out != 8);
}

static bool input_bits(const struct ak_block2 *b, char *value)
{
	print_u(value, b->in_bits[0]);
	return b->in_bits[0] && b->in_bits[0] != 8;
}

static bool input_bits_differ(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%u and %u", b->in_bits[0], b->in_bits[1]);
	return b->inputs == 2 && b->in_bits[0] && b->in_bits[1] && b->in_bits[0] != b->in_bits[1];
}

static const struct ak_node *quantizer_of(const struct ak_block2 *b)
{
	const struct ak_node *n = b->global ? b->global : b->act ? b->act : b->pool ? b->pool : b->n;

	if (b->out_projection && !b->act)
		n = b->out_projection;

	return n->quant.active && n->quant.has_output ? n : NULL;
}

static bool output_bits(const struct ak_block2 *b, char *value)
{
	const struct ak_node *n = quantizer_of(b);

	if (!n)
		return false;
	print_u(value, n->quant.out_bits);
	return !ak_v2_output_bits_fit(family_of(b), n->quant.out_bits);
}

static bool on_pico(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%.60s", b->n->name);
	return true;
}

static bool in_projection(const struct ak_block2 *b, char *value)
{
	const struct ak_node *n = b->n;

	snprintf(value, AK_RULE_VALUE, "%s%s%s", n->use_bias ? "bias " : "", n->subsample > 1 ? "subsample " : "",
		 n->quant.active && n->quant.has_output ? "output quantizer" : "");
	return *value;
}

static bool state_channels(const struct ak_block2 *b, char *value)
{
	uint32_t n = b->n->filters;

	print_u(value, n);
	return n > 256 || (n & (n - 1));
}

static bool recurrent_outputs(const struct ak_block2 *b, char *value)
{
	print_u(value, b->out_projection->filters);
	return b->out_projection->filters > 256;
}

static bool recurrent_subsample(const struct ak_block2 *b, char *value)
{
	print_u(value, b->out_projection->subsample);
	return b->out_projection->subsample > 4;
}

static bool recurrent_relu(const struct ak_block2 *b, char *value)
{
	snprintf(value, AK_RULE_VALUE, "%g", b->act ? (double)b->act->max_value : 0.0);
	return b->act && b->act->bounded;
}

static const struct rule rules[] = {
	{AK_RULE_V2_RECURRENT, RECURRENT, NEURAL, "layer", "on Akida Pico only", "it runs on this host", on_pico},
	{AK_RULE_V2_RECURRENT, RECURRENT, NEURAL, "input projection", "a matrix and nothing else",
	 "leave it out of the input projection", in_projection},
	{AK_RULE_V2_RECURRENT, RECURRENT, NEURAL, "state channels", "a power of two up to 256", "use such a number",
	 state_channels},
	{AK_RULE_V2_RECURRENT, RECURRENT, NEURAL, "outputs", "256", "use fewer units", recurrent_outputs},
	{AK_RULE_V2_RECURRENT, RECURRENT, NEURAL, "subsample", "4", "subsample less", recurrent_subsample},
	{AK_RULE_V2_RECURRENT, RECURRENT, RELU, "max_value", "none", "use an unbounded ReLU", recurrent_relu},
	{AK_RULE_V2_INPUT_SIZE, INPUT, NEURAL, "input height", "5 or more", "use larger images", input_height},
	{AK_RULE_V2_INPUT_SIZE, INPUT, NEURAL, "input width", "5 to 384", "resize the images", input_width},
	{AK_RULE_V2_MAP_SIZE, MAPS | TRANSPOSED | TEMPORAL, NEURAL, "input size", "4096x4096",
	 "reduce the map before this layer", map_size},
	{AK_RULE_V2_CHANNELS, MAPS | TRANSPOSED | TEMPORAL, NEURAL, "input channels", "2048",
	 "use fewer filters in the layer before", map_channels},
	{AK_RULE_V2_DENSE_INPUTS, DENSE, NEURAL, "inputs", "2048", "pool before the layer", dense_inputs},
	{AK_RULE_V2_DENSE_MAP, DENSE, NEURAL, "input", "one vector", "put Flatten before the layer", dense_map},
	{AK_RULE_V2_KERNEL, INPUT, NEURAL, "kernel_size", "3x3, 4x4, 5x5, 7x7", "use a square kernel of 3, 4, 5 or 7",
	 kernel_size},
	{AK_RULE_V2_KERNEL, CONV, NEURAL, "kernel_size", "1x1, 3x3, 5x5, 7x7", "use a square kernel of 1, 3, 5 or 7",
	 kernel_size},
	{AK_RULE_V2_KERNEL, DEPTHWISE, NEURAL, "kernel_size", "3x3, 5x5, 7x7", "use a square kernel of 3, 5 or 7",
	 kernel_size},
	{AK_RULE_V2_KERNEL, TRANSPOSED, NEURAL, "kernel_size", "3x3, 4x4", "use a square kernel of 3 or 4",
	 kernel_size},
	{AK_RULE_V2_FIFO, TEMPORAL, NEURAL, "kernel_size", "2 to 10", "use a shorter FIFO", fifo},
	{AK_RULE_V2_STRIDE, INPUT, NEURAL, "strides", "3x3: 1 to 3, 4x4: 1 to 4, 5x5: 1 to 5, 7x7: 1 to 6",
	 "use equal strides in that range", strides},
	{AK_RULE_V2_STRIDE, MAPS, NEURAL, "strides", "1; 2 only with a 3x3 kernel",
	 "use a 3x3 kernel with stride 2, or stride 1 and pooling", strides},
	{AK_RULE_V2_STRIDE, TRANSPOSED, NEURAL, "strides", "2x2", "use stride 2", strides},
	{AK_RULE_V2_PADDING, TRANSPOSED, NEURAL, "padding", "same", "use padding=\"same\"", padding_transposed},
	{AK_RULE_V2_PADDING, MAPS, NEURAL, "padding", "same", "use padding=\"same\"", padding},
	{AK_RULE_V2_PADDING_VALUE, MAPS, NEURAL, "padding value", "0", "only the first layer pads with a value",
	 padding_value},
	{AK_RULE_V2_DILATION, INPUT | MAPS, NEURAL, "dilation_rate", "1", "use larger kernels or strides", dilation},
	{AK_RULE_V2_GROUPS, INPUT | CONV, NEURAL, "groups", "1", "use DepthwiseConv2D", groups},
	{AK_RULE_V2_GROUPS, DEPTHWISE, NEURAL, "depth_multiplier", "1", "use a 1x1 Conv2D behind it", multiplier},
	{AK_RULE_V2_FILTERS, INPUT, NEURAL, "filters", "512", "use fewer filters", filters_input},
	{AK_RULE_V2_FILTERS, CONV | DENSE | TEMPORAL | TRANSPOSED, NEURAL, "filters", "2048", "use fewer filters",
	 filters},
	{AK_RULE_V2_POOL, INPUT, POOL, "pool_size", "2x2 or 3x3, stride 2", "use such a pool", pool_size},
	{AK_RULE_V2_POOL, MAPS, POOL, "pool_size", "2x2 stride 1 or 2", "use a 2x2 pool with stride 1 or 2", pool_size},
	{AK_RULE_V2_POOL_PADDING, INPUT | MAPS, POOL, "padding", "as the convolution's",
	 "give the pool the padding of the convolution", pool_padding},
	{AK_RULE_V2_BLOCK, DENSE | TRANSPOSED | TEMPORAL, NEURAL, "pooling", "none", "put a Conv2D between",
	 pool_nowhere},
	{AK_RULE_V2_TABLE_POOL, INPUT | MAPS, RELU, "activation", "a ReLU behind max pooling",
	 "use a ReLU, or a stride instead of the pool", pool_with_table},
	{AK_RULE_V2_GLOBAL_POOL, INPUT | DEPTHWISE, NEURAL, "pooling", "none or max", "put a Conv2D between",
	 global_input},
	{AK_RULE_V2_GLOBAL_POOL, CONV, NEURAL, "pooled map", "one side at most 64, at most 144 positions",
	 "reduce the map before global pooling", global_size},
	{AK_RULE_V2_BLOCK, NEURALS, RELU, "activation", "before global pooling", "put the ReLU before the pooling",
	 act_order},
	{AK_RULE_V2_ACTIVATION, NEURALS, RELU, "activation",
	 "ReLU; gelu, swish, hard_silu or leaky_relu behind a convolution", "use a plain ReLU", act_kind},
	{AK_RULE_V2_WEIGHT_BITS, INPUT, NEURAL, "weight bits", "8", "quantize with -i 8", weight_bits},
	{AK_RULE_V2_WEIGHT_BITS, TRANSPOSED | TEMPORAL, NEURAL, "weight bits", "8", "quantize with -w 8", weight_bits},
	{AK_RULE_V2_WEIGHT_BITS, RECURRENT, NEURAL, "weight bits", "8 in a recurrent layer", "quantize with -w 8",
	 recurrent_weight_bits},
	{AK_RULE_V2_WEIGHT_BITS, MAPS | DENSE, NEURAL, "weight bits", "4, 8", "quantize with -w 8 or -w 4",
	 weight_bits},
	{AK_RULE_V2_INPUT_BITS, TRANSPOSED | TEMPORAL, NEURAL, "input bits", "8", "quantize with -a 8", input_bits},
	{AK_RULE_V2_INPUT_BITS, ADD | CONCAT, NEURAL, "input bits", "the same for both",
	 "give both layers before it as many bits", input_bits_differ},
	{AK_RULE_V2_OUTPUT_BITS, TRANSPOSED | TEMPORAL, NEURAL, "output bits", "8", "quantize with -a 8", output_bits},
	{AK_RULE_V2_OUTPUT_BITS, INPUT | MAPS | DENSE | ADD, NEURAL, "output bits", "4, 8",
	 "quantize with -a 8 or -a 4", output_bits},
};

bool ak_rules_v2_row(size_t i, struct ak_rule_row *row)
{
	if (i >= sizeof(rules) / sizeof(rules[0]))
		return false;
	*row = (struct ak_rule_row){rules[i].rule, rules[i].field, rules[i].limit};
	return true;
}

/*
 * What the silicon lacks and the arithmetic has: such a network converts and runs on this host, and no mesh takes it.
 * The ECG network of the reference is one (3x3 pools with stride 3).
 */
static bool is_hardware_limit(const struct rule *r, const struct ak_block2 *b)
{
	switch (r->rule) {
	case AK_RULE_V2_PADDING:
		return r->kinds != TRANSPOSED;
	case AK_RULE_V2_STRIDE: /* layers have one for both directions */
		return b->n->stride_h == b->n->stride_w;
	case AK_RULE_V2_POOL:
		return square(b->pool);
	case AK_RULE_V2_INPUT_BITS:
		return r->kinds != (ADD | CONCAT);
	case AK_RULE_V2_RECURRENT:
		return r->offends != in_projection;
	case AK_RULE_V2_BLOCK:
	case AK_RULE_V2_ACTIVATION:
	case AK_RULE_V2_DILATION:
	case AK_RULE_V2_GROUPS:
	case AK_RULE_V2_DENSE_MAP:
	case AK_RULE_V2_PADDING_VALUE:
		return false;
	default:
		return true;
	}
}

static const char *name_of(const struct rule *r, const struct ak_block2 *b)
{
	if (r->node == POOL && b->pool)
		return b->pool->name;
	return r->node == RELU && b->act ? b->act->name : b->n->name;
}

static uint32_t check_block(const struct ak_block2 *b, bool hardware, struct akida_diag *diag)
{
	uint32_t errors = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];
		char value[AK_RULE_VALUE] = "";
		bool error;

		if (!(r->kinds & kind_of(b)) || !r->offends(b, value))
			continue;
		error = hardware || !is_hardware_limit(r, b);
		report(diag, error ? AKIDA_ERROR : AKIDA_WARNING, r->rule, name_of(r, b), r->field, value, r->limit,
		       r->remedy);
		errors += error;
	}
	return errors;
}

static uint32_t error(struct akida_diag *diag, enum ak_rule rule, const struct ak_node *n, const char *field,
		      const char *value, const char *limit, const char *remedy)
{
	report(diag, AKIDA_ERROR, rule, n->name, field, value, limit, remedy);
	return 1;
}

static uint32_t check_node(const struct ak_blocks2 *b, uint32_t i, struct akida_diag *diag)
{
	static const char types[] = "Conv2D, DepthwiseConv2D, their transposes, Dense, BufferTempConv, "
				    "DepthwiseBufferTempConv, StatefulRecurrent between projections, Add, Concatenate, "
				    "ReLU, Activation, MaxPooling2D, "
				    "GlobalAveragePooling2D, Flatten, Reshape; Rescaling first";
	const struct ak_node *n = &b->g->nodes[i];
	char value[2 * AK_NODE_NAME + 64];

	if (b->owner[i] || n->op == AK_OP_INPUT)
		return 0;
	switch (n->op) {
	case AK_OP_RELU:
	case AK_OP_ACTIVATION:
	case AK_OP_MAXPOOL:
	case AK_OP_GAP:
		snprintf(value, sizeof(value), "%s behind %s", ak_op_class(n->op), b->g->nodes[n->inputs[0]].name);
		return error(diag, AK_RULE_V2_BLOCK, n, "order", value,
			     "a convolution or Dense, then max pooling, then an activation, then global pooling",
			     "put it behind a layer with weights");
	case AK_OP_STATEFUL_PROJECTION:
	case AK_OP_STATEFUL_RECURRENT:
	case AK_OP_EXTRACT_TOKEN:
		snprintf(value, sizeof(value), "%s behind %s", ak_op_class(n->op), b->g->nodes[n->inputs[0]].name);
		return error(diag, AK_RULE_V2_BLOCK, n, "order", value,
			     "StatefulProjection, StatefulRecurrent, ExtractToken of the real part, StatefulProjection",
			     "put it into that order");
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE:
	case AK_OP_DROPOUT:
		return 0; /* at the end */
	default:
		return error(diag, AK_RULE_V2_LAYER, n, "type", ak_op_class(n->op), types,
			     n->op == AK_OP_SEPARABLE ? "use DepthwiseConv2D and a 1x1 Conv2D"
						      : "use a layer of the list");
	}
}

static uint32_t check_link(const struct ak_blocks2 *b, const struct ak_block2 *blk, struct akida_diag *diag)
{
	const struct ak_node *last = &b->g->nodes[blk->last];
	bool two = blk->n->op == AK_OP_ADD || blk->n->op == AK_OP_CONCATENATE;
	uint32_t errors = 0;

	if (blk->n->op == AK_OP_DEQUANTIZER)
		return 0;
	if (b->quantized && !blk->n->quant.active && blk->n->op != AK_OP_CONCATENATE)
		errors += error(diag, AK_RULE_V2_QUANTIZER, blk->n, "weights", "float", "quantized",
				"quantize the whole network");
	if (b->quantized && !blk->ends && blk->n->op != AK_OP_CONCATENATE &&
	    !(last->quant.active && last->quant.has_output))
		errors += error(diag, AK_RULE_V2_QUANTIZER, last, "output quantizer", "none", "one between two layers",
				"quantize the float network again");
	if (two && blk->inputs != 2) {
		char value[16];

		snprintf(value, sizeof(value), "%u", blk->inputs);
		errors += error(diag, AK_RULE_V2_BRANCH, blk->n, "inbound layers", value, "2", "join two at a time");
	}
	if (two && blk->in_node[0] == blk->in_node[1])
		errors += error(diag, AK_RULE_V2_BRANCH, blk->n, "inbound layers", "the same layer twice",
				"two different ones", "put a 1x1 Conv2D into one branch");
	if (blk->inputs && blk->input[0] == AK_NO_BLOCK && !blk->image && !b->g->nodes[blk->in_node[0]].input_i8)
		report(diag, AKIDA_WARNING, AK_RULE_V2_INPUT_DATA, blk->n->name, "input", "unsigned 8 bits",
		       "signed integers, or an image of 1 or 3 channels into Conv2D",
		       "start with a Conv2D on an image; this host runs it as it is");
	return errors;
}

static uint32_t check(const struct ak_blocks2 *b, bool hardware, struct akida_diag *diag)
{
	uint32_t errors = 0, limit = b->g->count;

	if (!b->count)
		errors += error(diag, AK_RULE_V2_EMPTY, &b->g->nodes[b->g->output], "layers with weights", "0",
				"1 or more", "add a Conv2D or a Dense");
	for (uint32_t k = 0; k < b->count; k++) {
		errors += check_link(b, &b->block[k], diag);
		errors += check_block(&b->block[k], hardware, diag);
		if (b->block[k].n->op == AK_OP_DEQUANTIZER)
			limit = b->block[k].head;
	}
	for (uint32_t i = 0; i < limit; i++)
		errors += check_node(b, i, diag);
	return errors;
}

uint32_t ak_check_v2(const struct ak_blocks2 *b, struct akida_diag *diag)
{
	return check(b, false, diag);
}

int ak_check_akida2(const struct akida_graph *g, struct akida_diag *diag)
{
	struct ak_blocks2 blocks;
	int err = ak_blocks2_split(g, &blocks, diag);

	if (!err)
		err = (int)check(&blocks, true, diag);
	ak_blocks2_fini(&blocks);
	return err;
}
