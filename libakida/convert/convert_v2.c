/* SPDX-License-Identifier: MIT */
/*
 * Akida 2 layers from the integer form of a quantized graph (graph/simulate.h): nothing is rounded again here, so that a
 * model computes what the simulation computes. Formulas and variables: quantization 2.3 to 2.5 and 5.1.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "block_v2.h"
#include "graph/simulate.h"
#include "layer/v2.h"

/* The simulation's products have 32 bits without their sign (quantization 2.5). */
#define POST_OP_BITS 33u

struct state {
	const struct ak_blocks2 *b;
	const struct ak_sim *sim;
	struct akida_layer *layers;
	uint32_t count;
	uint32_t *layer_of;   /* [block] */
	uint32_t input_layer; /* InputData, once made; else AK_NO_BLOCK */
	struct akida_diag *diag;
};

static enum akida_layer_type type_of(const struct ak_block2 *blk)
{
	switch (blk->n->op) {
	case AK_OP_CONV2D:
		return blk->image ? AKIDA_LAYER_INPUT_CONV2D : AKIDA_LAYER_CONV2D;
	case AK_OP_DEPTHWISE:
		return AKIDA_LAYER_DEPTHWISE_CONV2D;
	case AK_OP_DENSE:
		return AKIDA_LAYER_DENSE1D;
	case AK_OP_CONV2D_TRANSPOSE:
		return AKIDA_LAYER_CONV2D_TRANSPOSE;
	case AK_OP_DEPTHWISE_TRANSPOSE:
		return AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE;
	case AK_OP_BUFFER_TEMP_CONV:
		return AKIDA_LAYER_BUFFER_TEMP_CONV;
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		return AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV;
	case AK_OP_STATEFUL_PROJECTION:
		return AKIDA_LAYER_STATEFUL_RECURRENT;
	case AK_OP_ADD:
		return AKIDA_LAYER_ADD;
	case AK_OP_CONCATENATE:
		return AKIDA_LAYER_CONCATENATE;
	default:
		return AKIDA_LAYER_DEQUANTIZER;
	}
}

static struct akida_layer *add_layer(struct state *s, const char *name, enum akida_layer_type type)
{
	struct akida_layer *l = &s->layers[s->count];

	snprintf(l->name, sizeof(l->name), "%.*s", AK_LAYER_NAME - 1, name);
	l->type = type;
	l->v2 = calloc(1, sizeof(*l->v2));
	if (!l->v2)
		return NULL;
	l->v2->buffer_bits = 32;
	l->v2->post_op_bits = POST_OP_BITS;
	s->count++;
	return l;
}

/* Networks that do not begin with an image begin with InputData. */
static int add_input(struct state *s, const struct ak_block2 *blk)
{
	const struct ak_node *in = &s->b->g->nodes[blk->in_node[0]];
	struct akida_layer *l;

	if (s->input_layer != AK_NO_BLOCK)
		return 0;
	s->input_layer = s->count;
	l = add_layer(s, in->name, AKIDA_LAYER_INPUT_DATA);
	if (!l)
		return -ENOMEM;
	l->in_h = blk->in_h;
	l->in_w = blk->in_w;
	l->in_c = l->filters = blk->in_c;
	l->in_bits = l->v2->output_bits = AK_INPUT_BITS;
	l->v2->in_signed = l->v2->out_signed = in->input_i8;
	return 0;
}

static void set_kernel(const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_node *n = blk->n;

	l->kernel_h = n->kernel_h;
	l->kernel_w = n->kernel_w;
	l->stride = n->stride_h;
	l->padding = n->same || (n->kernel_h == 1 && n->kernel_w == 1) ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	if (blk->global)
		l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	if (blk->pool) {
		l->pool = AKIDA_POOL_MAX;
		l->pool_size = blk->pool->kernel_h;
		l->pool_stride = blk->pool->stride_h;
		l->pool_padding = blk->pool->same ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	}
}

static void set_parameters(const struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_node *n = blk->n, *last = &s->b->g->nodes[blk->last];

	l->in_h = blk->in_h;
	l->in_w = blk->in_w;
	l->in_c = blk->in_c;
	l->filters = n->dims[n->rank - 1];
	l->weights_bits = n->quant.weight_bits;
	if (n->quant.buffer_bits)
		l->v2->buffer_bits = n->quant.buffer_bits;
	l->v2->rescale = last->quant.active && last->quant.has_output;
	l->v2->output_bits = l->v2->rescale ? last->quant.out_bits : l->v2->buffer_bits;
	l->v2->out_signed = !l->v2->rescale || last->quant.out_signed;
	if (blk->act) {
		l->v2->act = blk->act->op == AK_OP_RELU ? AK_V2_ACT_RELU : AK_V2_ACT_LUT;
		l->v2->bounded = blk->act->op == AK_OP_RELU && blk->act->bounded;
	}
	if (blk->out_projection) {
		l->v2->stateful = n->filters;
		l->filters = blk->out_projection->filters;
		l->weights_bits = blk->out_projection->quant.weight_bits;
		l->kernel_w = (uint32_t)(n->weights[0].dims[0] / blk->in_c);
		l->stride = blk->out_projection->subsample ? blk->out_projection->subsample : 1;
	} else if (ak_op_stateful(n->op))
		l->v2->fifo = n->kernel_t;
	else if (ak_op_weighted(n->op) && n->op != AK_OP_DENSE)
		set_kernel(blk, l);
}

/* Shifts that bring the channels of an input to one scale: of the head, or of a Flatten on the way to it. */
static const int *input_align(const struct state *s, const struct ak_block2 *blk)
{
	for (uint32_t i = blk->head; i != blk->in_node[0]; i = s->b->g->nodes[i].inputs[0])
		if (s->sim->nodes[i].align[0])
			return s->sim->nodes[i].align[0];
	return NULL;
}

/* Dense1D has no input shifts: channels with scales of their own cannot be brought to one. */
static int check_dense_scales(const struct state *s)
{
	int err = 0;

	for (uint32_t i = 0; i < s->b->count; i++) {
		const struct ak_block2 *blk = &s->b->block[i];

		if (blk->n->op != AK_OP_DENSE || !input_align(s, blk))
			continue;
		err = ak_fail(s->diag, -EOPNOTSUPP, AK_RULE_V2_DENSE_SCALE, blk->n->name,
			      "the channels of its input have scales of their own, Akida 2 has: one scale");
		ak_remedy(s->diag, "quantize %s with one range for all channels", s->b->g->nodes[blk->in_node[0]].name);
	}
	return err;
}

static void set_inputs(const struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_sim_node *n = &s->sim->nodes[blk->head];
	const int *align = input_align(s, blk);

	if (l->type == AKIDA_LAYER_INPUT_CONV2D) {
		for (uint32_t c = 0; c < l->in_c; c++)
			l->v2->padding[c] = (uint8_t)n->pad;
		return;
	}
	for (uint32_t c = 0; align && c < l->in_c; c++)
		l->v2->input_shift[c] = (uint8_t)align[c];
}

/* Input projection and recurrence; what follows is that of other layers, from the output projection. */
static void set_recurrent(const struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_sim_node *n = &s->sim->nodes[blk->head], *r = &s->sim->nodes[blk->recurrent];
	uint32_t states = l->v2->stateful;

	memcpy(l->v2->in_proj, n->q, (size_t)states * l->kernel_w * l->in_c);
	for (uint32_t k = 0; k < states; k++) {
		l->v2->a_real[k] = (int16_t)r->a[k];
		l->v2->a_imag[k] = (int16_t)r->a[states + k];
		l->v2->state_scale[k] = (uint8_t)r->in_s[k].s;
		l->v2->state_in[k] = (int8_t)r->in_shift[k];
		l->v2->state_shift[k] = (uint8_t)r->a_fb;
	}
}

static void set_variables(const struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_sim_node *n = &s->sim->nodes[blk->out_projection ? blk->out_node : blk->head];
	const struct ak_sim_node *act = blk->act ? &s->sim->nodes[blk->act_node] : NULL;

	memcpy(l->weights, n->q, ak_v2_weight_count(l));
	set_inputs(s, blk, l);
	if (blk->out_projection)
		set_recurrent(s, blk, l);
	if (l->v2->act == AK_V2_ACT_LUT)
		memcpy(l->v2->lut, act->lut, AK_LUT_ENTRIES * sizeof(*l->v2->lut));
	for (uint32_t f = 0; f < l->filters; f++) {
		l->v2->bias[f] = (int8_t)n->bias[f].q;
		l->v2->bias_shift[f] = (uint8_t)n->bias[f].shift;
		if (l->v2->bounded) {
			l->v2->max_value[f] = (uint8_t)act->max[f].q;
			l->v2->max_shift[f] = (uint8_t)act->max[f].shift;
		}
		if (l->v2->act == AK_V2_ACT_LUT) { /* the output quantizer in front of the table */
			l->v2->act_scale[f] = (uint8_t)n->out_s[f].s;
			l->v2->act_shift[f] = (int8_t)n->out_shift[f];
		}
	}
}

/* The vendor's converter keeps right shifts inside the buffer: more would leave nothing. */
static int8_t output_shift(const struct akida_layer *l, int shift)
{
	int low = -(int)(l->v2->buffer_bits - 1);

	return (int8_t)(shift < low ? low : shift);
}

static void set_outputs(const struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_sim_node *last = &s->sim->nodes[blk->last];

	for (uint32_t f = 0; l->v2->rescale && f < l->filters; f++) {
		if (l->v2->out_scale)
			l->v2->out_scale[f] = (uint8_t)last->out_s[f].s;
		l->v2->out_shift[f] = output_shift(l, last->out_shift[f]);
	}
}

static void set_add(const struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_sim_node *n = &s->sim->nodes[blk->head];

	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t f = 0; f < l->filters; f++)
			l->v2->input_shift[k * l->filters + f] = n->align[k] ? (uint8_t)n->align[k][f] : 0;
}

static void set_dequantizer(const struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	const struct ak_sim_node *from = &s->sim->nodes[blk->n->inputs[0]];

	for (uint32_t c = 0; c < l->filters; c++)
		l->v2->scales[c] = ldexpf(from->scale[c % from->channels], -from->fb[c % from->channels]);
}

static int connect(struct state *s, const struct ak_block2 *blk, struct akida_layer *l)
{
	l->inbounds = l->type == AKIDA_LAYER_INPUT_CONV2D ? 0 : blk->inputs;
	for (uint32_t k = 0; k < l->inbounds; k++)
		l->inbound[k] = blk->input[k] == AK_NO_BLOCK ? s->input_layer : s->layer_of[blk->input[k]];
	l->in_bits = AK_INPUT_BITS;
	if (!l->inbounds)
		return 0;
	l->in_bits = s->layers[l->inbound[0]].v2->output_bits;
	l->v2->in_signed = s->layers[l->inbound[0]].v2->out_signed;
	if (l->type == AKIDA_LAYER_CONCATENATE) { /* hands on the codes as they are */
		l->v2->output_bits = l->in_bits;
		l->v2->out_signed = l->v2->in_signed;
	}
	return 0;
}

static int add_block(struct state *s, uint32_t i)
{
	const struct ak_block2 *blk = &s->b->block[i];
	struct akida_layer *l;
	int err;

	if (blk->input[0] == AK_NO_BLOCK && !blk->image && (err = add_input(s, blk)))
		return err;
	s->layer_of[i] = s->count;
	l = add_layer(s, blk->n->name, type_of(blk));
	if (!l)
		return -ENOMEM;
	set_parameters(s, blk, l);
	err = connect(s, blk, l);
	if (!err)
		err = ak_v2_alloc(l);
	if (err)
		return err;
	if (l->type == AKIDA_LAYER_ADD)
		set_add(s, blk, l);
	else if (l->type == AKIDA_LAYER_DEQUANTIZER)
		set_dequantizer(s, blk, l);
	else if (l->type != AKIDA_LAYER_CONCATENATE)
		set_variables(s, blk, l);
	if (l->type != AKIDA_LAYER_DEQUANTIZER)
		set_outputs(s, blk, l);
	return 0;
}

static int build(struct state *s, struct akida_model **out)
{
	const char *name = s->b->g->name;
	int err = 0;

	s->layers = calloc(s->b->count + 1, sizeof(*s->layers));
	s->layer_of = calloc(s->b->count, sizeof(*s->layer_of));
	if (!s->layers || !s->layer_of)
		err = -ENOMEM;
	for (uint32_t i = 0; i < s->b->count && !err; i++)
		err = add_block(s, i);
	if (err) {
		err = ak_fail(s->diag, err, AK_RULE_NOMEM, name, "no memory for its layers");
		for (uint32_t i = 0; s->layers && i < s->count; i++)
			ak_layer_fini(&s->layers[i]);
		free(s->layers);
	} else {
		err = ak_model_create(s->layers, s->count, name, out, s->diag);
	}
	free(s->layer_of);
	return err;
}

int akida_convert_v2(const struct akida_graph *quantized, struct akida_model **out, struct akida_diag *diag)
{
	struct ak_blocks2 blocks = {0};
	struct ak_sim *sim = NULL;
	struct state s;
	int err;

	*out = NULL;
	if (!akida_graph_quantized(quantized)) {
		err = ak_fail(diag, -EINVAL, AK_RULE_CONVERT_FLOAT, quantized->name, "is a float network");
		ak_remedy(diag, "quantize it first");
		return err;
	}
	err = ak_blocks2_split(quantized, &blocks, diag);
	if (!err && ak_check_v2(&blocks, diag))
		err = -EOPNOTSUPP;
	if (!err)
		err = ak_sim_create(quantized, &sim, diag);
	if (!err) {
		s = (struct state){.b = &blocks, .sim = sim, .input_layer = AK_NO_BLOCK, .diag = diag};
		err = check_dense_scales(&s);
		if (!err)
			err = build(&s, out);
	}
	ak_sim_destroy(sim);
	ak_blocks2_fini(&blocks);
	return err;
}
