/* SPDX-License-Identifier: MIT */
/* The limits of limits_v2.h, and whether a converted layer keeps them. */
#include <stdio.h>
#include "base/diag.h"
#include "layer/limits_v2.h"
#include "layer/v2.h"

bool ak_v2_kernel_fits(enum ak_v2_family f, uint32_t h, uint32_t w)
{
	if (h != w)
		return false;
	switch (f) {
	case AK_V2_INPUT_CONV:
		return h == 3 || h == 4 || h == 5 || h == 7;
	case AK_V2_CONV:
		return h == 1 || h == 3 || h == 5 || h == 7;
	case AK_V2_DEPTHWISE:
		return h == 3 || h == 5 || h == 7;
	case AK_V2_TRANSPOSED:
		return h == 3 || h == 4;
	default:
		return true;
	}
}

bool ak_v2_stride_fits(enum ak_v2_family f, uint32_t kernel, uint32_t stride_h, uint32_t stride_w)
{
	if (stride_h != stride_w || !stride_h)
		return false;
	switch (f) {
	case AK_V2_INPUT_CONV:
		return stride_h <= (kernel == 7 ? 6 : kernel);
	case AK_V2_CONV:
	case AK_V2_DEPTHWISE:
		return stride_h == 1 || (stride_h == 2 && kernel == 3);
	case AK_V2_TRANSPOSED:
		return stride_h == 2;
	default:
		return true;
	}
}

bool ak_v2_pool_fits(enum ak_v2_family f, uint32_t h, uint32_t w, uint32_t stride_h, uint32_t stride_w)
{
	if (h != w || stride_h != stride_w)
		return false;
	if (f == AK_V2_INPUT_CONV)
		return stride_h == 2 && (h == 2 || h == 3);
	return h == 2 && (stride_h == 1 || stride_h == 2);
}

bool ak_v2_global_fits(enum ak_v2_family f, uint32_t h, uint32_t w)
{
	return f == AK_V2_CONV && (h <= 64 || w <= 64) && (uint64_t)h * w <= 144;
}

static bool eight_only(enum ak_v2_family f)
{
	return f == AK_V2_TRANSPOSED || f == AK_V2_TEMPORAL;
}

bool ak_v2_weight_bits_fit(enum ak_v2_family f, uint32_t bits)
{
	return bits == 8 || (bits == 4 && !eight_only(f) && f != AK_V2_INPUT_CONV);
}

bool ak_v2_output_bits_fit(enum ak_v2_family f, uint32_t bits)
{
	return bits == 8 || (bits == 4 && !eight_only(f));
}

enum ak_v2_family ak_v2_family_of(const struct akida_layer *l)
{
	switch (l->type) {
	case AKIDA_LAYER_INPUT_CONV2D:
		return AK_V2_INPUT_CONV;
	case AKIDA_LAYER_CONV2D:
		return AK_V2_CONV;
	case AKIDA_LAYER_DEPTHWISE_CONV2D:
		return AK_V2_DEPTHWISE;
	case AKIDA_LAYER_CONV2D_TRANSPOSE:
	case AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE:
		return AK_V2_TRANSPOSED;
	case AKIDA_LAYER_BUFFER_TEMP_CONV:
	case AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV:
		return AK_V2_TEMPORAL;
	case AKIDA_LAYER_DENSE1D:
		return AK_V2_DENSE;
	case AKIDA_LAYER_ADD:
	case AKIDA_LAYER_CONCATENATE:
		return AK_V2_JOIN;
	default:
		return AK_V2_OTHER;
	}
}

struct check {
	const struct akida_layer *l;
	struct akida_diag *diag;
	uint32_t errors;
};

static void offence(struct check *c, bool fits, enum ak_rule rule, const char *field, const char *limit, uint32_t a,
		    const char *between, uint32_t b)
{
	char value[64], text[256];

	if (fits)
		return;
	if (*between)
		snprintf(value, sizeof(value), "%u%s%u", a, between, b);
	else
		snprintf(value, sizeof(value), "%u", a);
	snprintf(text, sizeof(text), "%.63s: %s is %s, Akida 2 has: %s", c->l->name, field, value, limit);
	ak_diag_add(c->diag, &(struct ak_finding){.severity = AKIDA_ERROR,
						  .rule = rule,
						  .node = c->l->name,
						  .field = field,
						  .value = value,
						  .limit = limit,
						  .text = text,
						  .remedy = "run it on cpu, or change the layer"});
	c->errors++;
}

static void check_size(struct check *c, enum ak_v2_family f)
{
	const struct akida_layer *l = c->l;
	uint64_t inputs = (uint64_t)l->in_h * l->in_w * l->in_c;

	if (f == AK_V2_INPUT_CONV) {
		offence(c, l->in_h >= AK_V2_INPUT_MIN, AK_RULE_V2_INPUT_SIZE, "input height", "5 or more", l->in_h, "",
			0);
		offence(c, l->in_w >= AK_V2_INPUT_MIN && l->in_w <= AK_V2_INPUT_COLUMNS, AK_RULE_V2_INPUT_SIZE,
			"input width", "5 to 384", l->in_w, "", 0);
		offence(c, l->filters <= AK_V2_INPUT_FILTERS, AK_RULE_V2_FILTERS, "filters", "512", l->filters, "", 0);
		return;
	}
	if (f == AK_V2_DENSE) {
		offence(c, inputs <= AK_V2_CHANNELS, AK_RULE_V2_DENSE_INPUTS, "inputs", "2048", (uint32_t)inputs, "",
			0);
	} else {
		offence(c, l->in_h <= AK_V2_MAP && l->in_w <= AK_V2_MAP, AK_RULE_V2_MAP_SIZE, "input size", "4096x4096",
			l->in_h, "x", l->in_w);
		offence(c, l->in_c <= AK_V2_CHANNELS, AK_RULE_V2_CHANNELS, "input channels", "2048", l->in_c, "", 0);
	}
	offence(c, l->filters <= AK_V2_FILTERS, AK_RULE_V2_FILTERS, "filters", "2048", l->filters, "", 0);
}

static void check_window(struct check *c, enum ak_v2_family f)
{
	const struct akida_layer *l = c->l;
	bool map = f == AK_V2_CONV || f == AK_V2_DEPTHWISE, max = l->pool == AKIDA_POOL_MAX;

	if (f == AK_V2_TEMPORAL)
		offence(c, l->v2->fifo >= AK_V2_FIFO_MIN && l->v2->fifo <= AK_V2_FIFO_MAX, AK_RULE_V2_FIFO, "FIFO size",
			"2 to 10", l->v2->fifo, "", 0);
	if (!map && f != AK_V2_INPUT_CONV && f != AK_V2_TRANSPOSED)
		return;
	offence(c, ak_v2_kernel_fits(f, l->kernel_h, l->kernel_w), AK_RULE_V2_KERNEL, "kernel size",
		"square sizes of this layer's kind", l->kernel_h, "x", l->kernel_w);
	offence(c, ak_v2_stride_fits(f, l->kernel_h, l->stride, l->stride), AK_RULE_V2_STRIDE, "stride",
		"those of this kernel", l->stride, " with a kernel of ", l->kernel_h);
	offence(c, !map || l->padding == AKIDA_PAD_SAME, AK_RULE_V2_PADDING, "padding", "1 (Same)", l->padding, "", 0);
	offence(c, !max || ak_v2_pool_fits(f, l->pool_size, l->pool_size, l->pool_stride, l->pool_stride),
		AK_RULE_V2_POOL, "pool size", f == AK_V2_INPUT_CONV ? "2 or 3, stride 2" : "2, stride 1 or 2",
		l->pool_size, " stride ", l->pool_stride);
	offence(c, l->pool != AKIDA_POOL_GLOBAL_AVERAGE || ak_v2_global_fits(f, l->conv_h, l->conv_w),
		AK_RULE_V2_GLOBAL_POOL, "pooled map", "in Conv2D, one side at most 64, at most 144 positions",
		l->conv_h, "x", l->conv_w);
	offence(c, !max || l->v2->act != AK_V2_ACT_LUT, AK_RULE_V2_TABLE_POOL, "pool size",
		"none with an activation by table", l->pool_size, " stride ", l->pool_stride);
}

uint32_t ak_v2_check_limits(const struct akida_layer *l, struct akida_diag *diag)
{
	enum ak_v2_family f = ak_v2_family_of(l);
	struct check c = {.l = l, .diag = diag};

	if (f == AK_V2_OTHER)
		return 0;
	if (f != AK_V2_JOIN) {
		check_size(&c, f);
		check_window(&c, f);
		offence(&c, ak_v2_weight_bits_fit(f, l->weights_bits), AK_RULE_V2_WEIGHT_BITS, "weight bits",
			"4, 8; 8 in the first layer, transposed ones and over time", l->weights_bits, "", 0);
		offence(&c, !eight_only(f) || l->in_bits == 8, AK_RULE_V2_INPUT_BITS, "input bits", "8", l->in_bits, "",
			0);
	}
	offence(&c, !l->v2->rescale || ak_v2_output_bits_fit(f, l->v2->output_bits), AK_RULE_V2_OUTPUT_BITS,
		"output bits", "4, 8; 8 in transposed layers and over time", l->v2->output_bits, "", 0);
	return c.errors;
}
