/* SPDX-License-Identifier: MIT */
/*
 * Quantized graph to Akida v1 layers, formula by formula (reference: quantization 2.3 to 2.5 and 4.3). Weights are not
 * flipped here: layers keep them in gather order, as Keras has them; flips exist where programs are written.
 *
 * Rounding of steps: the hardware has them in 1/16 units, and the fraction is dropped: step16 = floor(16 * act_step), held
 * in 1..AK_STEP16_MAX (0 would divide by zero in the law; the largest is what 16 bits hold). Source: all 208 steps of a
 * vendor program made by QuantizeML are floor(16 * 2^n / S) with an integer S of 128 to 255, and its thresholds are
 * round(2^n / S / 2) minus a bias of 8 bits and a shift; tests/unit/convert/test_vendor_fields.c.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/diag.h"
#include "block.h"
#include "convert_internal.h"
#include "graph/fixedpoint.h"
#include "graph/legacy.h"
#include "graph/quant_config.h"
#include "layer/layer.h"

#define ACT_STEP_MAX 65535.0f

/* Integers enter a block as v * 2^-fb * scale; in a legacy network as v / legacy. */
struct number {
	int fb;
	float scale;
	uint32_t bits;
	double legacy;
};

/* What is known of a layer before it is rounded to hardware fields. */
struct draft {
	float *scale;	    /* [f] of the accumulator */
	float *act_step;    /* [f] */
	int64_t *threshold; /* [f] */
	float *ratio;	    /* [f] by how much a step was too large for its field, else 1 */
};

static void draft_fini(struct draft *d)
{
	free(d->scale);
	free(d->act_step);
	free(d->threshold);
	free(d->ratio);
	*d = (struct draft){0};
}

static int draft_init(struct draft *d, uint32_t filters)
{
	d->scale = calloc(filters, sizeof(*d->scale));
	d->act_step = calloc(filters, sizeof(*d->act_step));
	d->threshold = calloc(filters, sizeof(*d->threshold));
	d->ratio = calloc(filters, sizeof(*d->ratio));
	if (d->scale && d->act_step && d->threshold && d->ratio)
		return 0;
	draft_fini(d);
	return -ENOMEM;
}

static enum akida_layer_type layer_type(enum ak_block_kind kind)
{
	switch (kind) {
	case AK_BLOCK_INPUT_CONV:
		return AKIDA_LAYER_INPUT_CONV;
	case AK_BLOCK_CONV:
		return AKIDA_LAYER_CONV;
	case AK_BLOCK_SEPARABLE:
		return AKIDA_LAYER_SEPARABLE;
	default:
		return AKIDA_LAYER_FULLY;
	}
}

static void set_parameters(const struct ak_block *b, struct number in, struct akida_layer *l)
{
	const struct ak_node *n = b->neural;
	bool input = b->kind == AK_BLOCK_INPUT_CONV;

	snprintf(l->name, sizeof(l->name), "%.*s", AK_LAYER_NAME - 1, n->name);
	l->type = layer_type(b->kind);
	l->in_h = b->in_h;
	l->in_w = b->in_w;
	l->in_c = b->in_c;
	l->in_bits = in.bits;
	l->filters = n->filters;
	l->weights_bits = input ? 8 : n->quant.weight_bits; /* the input convolution has 8-bit weights only */
	l->activation = b->relu;
	l->act_bits = b->relu ? b->relu->quant.out_bits : 0;
	if (b->kind == AK_BLOCK_FULLY)
		return;
	l->kernel_h = n->kernel_h;
	l->kernel_w = n->kernel_w;
	l->stride = n->stride_h;
	l->padding = n->same || (n->kernel_h == 1 && n->kernel_w == 1) ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	if (input && (n->padded || n->quant.legacy))
		l->padding_value = (uint32_t)ak_block_padding(b, n->quant.weight_bits);
	if (b->pool && b->pool->op == AK_OP_GAP)
		l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	if (b->pool && b->pool->op == AK_OP_MAXPOOL) {
		l->pool = AKIDA_POOL_MAX;
		l->pool_size = b->pool->kernel_h;
		l->pool_stride = b->pool->stride_h;
		l->pool_padding = l->padding; /* the rules let only pools through for which this is the same */
	}
}

/* Integer weights into the layer, and the scale of its accumulator into d. */
static void set_weights(const struct ak_block *b, struct number in, struct akida_layer *l, struct draft *d)
{
	const struct ak_node *n = b->neural;

	ak_quant_weights(n, l->filters, l->weights, l->weights_pw, d->scale);
	for (uint32_t f = 0; f < l->filters && !n->quant.legacy; f++)
		d->scale[f] *= in.scale;
}

static int64_t bias_aligned(const struct ak_node *n, uint32_t f, float scale, int fb)
{
	const struct ak_weight *bias = ak_node_weight(n, "bias");
	float b = bias ? bias->data[f] : 0;

	/* above 4 bits every element has its own shift, so its own magnitude is the range */
	return ak_fx_align(b, fabsf(b), scale, fb, (int)n->quant.bias_bits - 1, (int)n->quant.buffer_bits - 1).aligned;
}

/* Thresholds and steps of one filter (4.3). positions: how many outputs global pooling sums, else 1. */
static void set_filter(const struct ak_block *b, uint32_t f, struct number in, uint32_t positions, struct draft *d,
		       float *scale)
{
	const struct ak_node_quant *q = b->relu ? &b->relu->quant : NULL;

	d->threshold[f] = -bias_aligned(b->neural, f, d->scale[f], in.fb) * positions;
	if (positions > 1)
		d->scale[f] /= (float)positions;
	d->ratio[f] = 1.0f;
	if (q) {
		struct ak_fx_scale s = ak_fx_scale(d->scale[f] * (q->rescaling_rate ? q->rescaling_rate[0] : 1.0f),
						   (int)q->scale_bits);
		int fb_out = ak_fx_max_fb((int)q->out_bits, q->range_max[0]);
		int shift = fb_out - (in.fb + s.fs);
		float interval = ldexpf(1.0f, -shift) / (float)s.s; /* potentials from one output code to the next */

		d->threshold[f] += ak_fx_round(0.5f * interval, 31);
		d->act_step[f] = ldexpf(interval, (int)q->out_bits - 4);
	} else {
		d->act_step[f] = 1.0f / ldexpf(d->scale[f], -in.fb);
		*scale = d->act_step[f];
	}
}

static void set_legacy_filter(const struct ak_block *b, struct akida_layer *l, uint32_t f, struct number in,
			      uint32_t positions, struct draft *d)
{
	struct ak_filter v = {.scale = d->scale[f]};

	ak_legacy_filter(b, l, f, in.legacy, positions, &v);
	d->threshold[f] = v.threshold;
	d->act_step[f] = v.act_step;
	d->ratio[f] = 1.0f;
	if (!l->activation)
		l->scale[f] = v.act_step;
}

/* A step that its 16-bit field cannot hold is cut; the next layer's weights shrink by the same ratio. */
static void limit_steps(struct akida_layer *l, struct draft *d, struct akida_diag *diag)
{
	uint32_t cut = 0;

	for (uint32_t f = 0; f < l->filters; f++) {
		float old = d->act_step[f];

		if (!(old > ACT_STEP_MAX))
			continue;
		d->ratio[f] = old / ACT_STEP_MAX;
		d->act_step[f] = ACT_STEP_MAX;
		d->threshold[f] += (int64_t)ldexpf(rintf(0.5f * (ACT_STEP_MAX - old)), 4 - (int)l->act_bits);
		cut++;
	}
	if (cut)
		ak_note(diag, AKIDA_WARNING, AK_RULE_CONVERT_STEP, l->name,
			"%u of %u activation steps exceed 65535 and are cut; the next layer's weights make up for it",
			cut, l->filters);
}

static void shrink_weights(struct akida_layer *next, const float *ratio, uint32_t channels)
{
	size_t count = ak_layer_weight_count(next), inner = next->type == AKIDA_LAYER_SEPARABLE ? 1 : next->filters;

	for (size_t i = 0; i < count; i++) {
		float r = ratio[i / inner % channels];

		if (r > 1.0f)
			next->weights[i] = (int8_t)floorf((float)next->weights[i] / r);
	}
}

/* Values into their hardware fields. Without activation a threshold is only ever used by the host: it is not cut. */
static void store(struct akida_layer *l, const struct draft *d, struct akida_diag *diag)
{
	int64_t limit = l->type == AKIDA_LAYER_INPUT_CONV ? AK_THRESHOLD_MAX_INPUT : AK_THRESHOLD_MAX;
	uint32_t cut = 0;

	for (uint32_t f = 0; f < l->filters; f++) {
		int64_t t = d->threshold[f], max = l->activation ? limit : INT32_MAX;
		double step = floor(16.0 * (double)d->act_step[f]);

		cut += t > max || t < -max;
		t = t > max ? max : t;
		l->threshold[f] = (int32_t)(t < -max ? -max : t);
		l->step16[f] = step < 1.0 ? 1 : step > AK_STEP16_MAX ? AK_STEP16_MAX : (int32_t)step;
	}
	if (cut)
		ak_note(diag, AKIDA_WARNING, AK_RULE_CONVERT_THRESHOLD, l->name,
			"%u of %u thresholds exceed %lld and are cut to it", cut, l->filters, (long long)limit);
}

static int build_layer(const struct ak_block *b, struct number *number, struct akida_layer *l, struct draft *d,
		       struct akida_diag *diag)
{
	uint32_t positions = 1;
	int err;

	set_parameters(b, *number, l);
	err = ak_layer_alloc(l);
	if (!err)
		err = draft_init(d, l->filters);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, l->name, "no memory for its weights");
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		positions = b->neural->dims[0] * b->neural->dims[1];
	set_weights(b, *number, l, d);
	for (uint32_t f = 0; f < l->filters; f++)
		if (b->neural->quant.legacy)
			set_legacy_filter(b, l, f, *number, positions, d);
		else
			set_filter(b, f, *number, positions, d, l->activation ? NULL : &l->scale[f]);
	if (b->neural->quant.legacy) {
		number->bits = b->relu ? b->relu->quant.out_bits : number->bits;
		number->legacy = b->relu ? 1.0 / (double)ak_legacy_step(b->relu) : number->legacy;
	} else if (b->relu)
		*number = (struct number){ak_fx_max_fb((int)b->relu->quant.out_bits, b->relu->quant.range_max[0]), 1.0f,
					  b->relu->quant.out_bits, 1.0};
	return 0;
}

static int build_layers(const struct ak_blocks *blocks, struct akida_layer *layers, struct akida_diag *diag)
{
	float scale = blocks->block[0].input_scale;
	struct number number = {0, scale, 8, 1.0 / (double)scale};
	struct draft before = {0}, d = {0};
	int err = 0;

	for (uint32_t i = 0; i < blocks->count && !err; i++) {
		err = build_layer(&blocks->block[i], &number, &layers[i], &d, diag);
		if (err)
			break;
		if (layers[i].activation && i + 1 < blocks->count)
			limit_steps(&layers[i], &d, diag);
		if (i)
			shrink_weights(&layers[i], before.ratio, layers[i - 1].filters);
		store(&layers[i], &d, diag);
		draft_fini(&before);
		before = d;
		d = (struct draft){0};
	}
	draft_fini(&before);
	draft_fini(&d);
	return err;
}

int akida_convert(const struct akida_graph *quantized, struct akida_model **out, struct akida_diag *diag)
{
	struct ak_blocks blocks = {0};
	struct akida_layer *layers = NULL;
	int err;

	*out = NULL;
	if (!akida_graph_quantized(quantized)) {
		err = ak_fail(diag, -EINVAL, AK_RULE_CONVERT_FLOAT, quantized->name, "is a float network");
		ak_remedy(diag, "quantize it first");
		return err;
	}
	err = ak_blocks_split(quantized, &blocks, diag);
	if (err)
		goto fini_blocks;
	if (ak_check_v1(&blocks, diag)) {
		err = -EOPNOTSUPP;
		goto fini_blocks;
	}
	layers = calloc(blocks.count, sizeof(*layers));
	if (!layers) {
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, quantized->name, "no memory for %u layers", blocks.count);
		goto fini_blocks;
	}
	err = build_layers(&blocks, layers, diag);
	if (!err) {
		err = ak_model_create(layers, blocks.count, quantized->name, out, diag);
		layers = NULL; /* the model's, also after a failure */
	}
	for (uint32_t i = 0; layers && i < blocks.count; i++)
		ak_layer_fini(&layers[i]);
	free(layers);
fini_blocks:
	ak_blocks_fini(&blocks);
	return err;
}
