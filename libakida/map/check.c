// SPDX-License-Identifier: MIT
/* What the mapper can put on hardware today: every refusal names rule, layer, field, value, limit and remedy. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "map/place.h"

int ak_map_refuse(struct akida_diag *diag, int err, int rule, const struct akida_layer *l, const char *field,
		  const char *value, const char *limit, const char *remedy)
{
	char text[320];

	snprintf(text, sizeof(text), "%.63s: %s is %s, allowed: %s", l->name, field, value, limit);
	ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
					       .rule = (enum ak_rule)rule,
					       .node = l->name,
					       .field = field,
					       .value = value,
					       .limit = limit,
					       .text = text,
					       .remedy = remedy});
	return err;
}

/* The state of a check over all layers: offences are collected, the first code is returned. */
struct check {
	const struct akida_layer *l;
	struct akida_diag *diag;
	int err;
};

static void offence(struct check *c, enum ak_rule rule, const char *field, const char *value, const char *limit,
		    const char *remedy)
{
	int err = ak_map_refuse(c->diag, -EOPNOTSUPP, rule, c->l, field, value, limit, remedy);

	if (!c->err)
		c->err = err;
}

static void number(struct check *c, enum ak_rule rule, const char *field, uint64_t value, const char *limit,
		   const char *remedy)
{
	char v[24];

	snprintf(v, sizeof(v), "%" PRIu64, value);
	offence(c, rule, field, v, limit, remedy);
}

static void check_max(struct check *c, const char *field, uint64_t value, uint64_t min, uint64_t max,
		      const char *remedy)
{
	char limit[48];

	if (value >= min && value <= max)
		return;
	snprintf(limit, sizeof(limit), "%" PRIu64 " to %" PRIu64, min, max);
	number(c, AK_RULE_MAP_SIZE, field, value, limit, remedy);
}

static void kernel_offence(struct check *c, const char *limit)
{
	char v[32];

	snprintf(v, sizeof(v), "%ux%u", c->l->kernel_h, c->l->kernel_w);
	offence(c, AK_RULE_MAP_KERNEL, "kernel size", v, limit, "use another kernel size");
}

static void check_hrc(struct check *c, bool last)
{
	const struct akida_layer *l = c->l;
	bool small = l->kernel_h == 3 && l->kernel_w == 3, large = l->kernel_h == 5 && l->kernel_w == 5;

	if (!l->activation || last)
		offence(c, AK_RULE_MAP_ACTIVATION, l->activation ? "position" : "activation",
			l->activation ? "last" : "off", "on, and another layer behind it", "append a layer");
	if (l->in_c != 1 && l->in_c != 3)
		number(c, AK_RULE_MAP_SIZE, "input channels", l->in_c, "1 or 3", "use a grey or a colour image");
	else if (l->in_c == 1 ? !small && !large : !small)
		kernel_offence(c, l->in_c == 1 ? "3x3, 5x5" : "3x3");
	check_max(c, "input rows", l->in_h, 5, 65535, "resize the input");
	check_max(c, "input columns", l->in_w, 5, 256, "resize the input");
	if (l->in_c == 1)
		check_max(c, "filters", l->filters, 1, small ? 512 : 192, "use fewer filters");
	else
		check_max(c, "filters", l->filters, 1, 192, "use fewer filters");
	if (l->stride < 1 || l->stride > 3)
		number(c, AK_RULE_MAP_STRIDE, "stride", l->stride, "1, 2, 3", "use one of these strides");
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		offence(c, AK_RULE_MAP_POOL, "pooling", "global average", "none, max 2x2",
			"pool behind a later convolution");
	if (l->pool != AKIDA_POOL_MAX)
		return;
	if (l->pool_size != 2 || l->pool_stride != 2)
		number(c, AK_RULE_MAP_POOL, l->pool_size != 2 ? "pool size" : "pool stride",
		       l->pool_size != 2 ? l->pool_size : l->pool_stride, "2", "use max pooling 2x2 with stride 2");
	else if (l->pool_padding == AKIDA_PAD_VALID && (l->conv_h % 2 || l->conv_w % 2))
		offence(c, AK_RULE_MAP_POOL, "pool padding", "Valid on an odd size", "Same, or even sizes",
			"pool with Same padding");
}

static void check_weight_bits(struct check *c)
{
	const struct akida_layer *l = c->l;

	if (l->weights_bits == 2 || l->weights_bits == 4) {
		size_t n = ak_layer_weight_count(l);

		if (l->type == AKIDA_LAYER_SEPARABLE)
			return; /* two's complement */
		for (size_t i = 0; i < n; i++)
			if (l->weights[i] < -7 || l->weights[i] > 7) {
				char v[8];

				snprintf(v, sizeof(v), "%d", l->weights[i]);
				offence(c, AK_RULE_MAP_WEIGHT_RANGE, "weight", v, "-7 to 7",
					"quantize weights symmetrically");
				return;
			}
		return;
	}
	number(c, AK_RULE_MAP_WEIGHT_BITS, "weight bits", l->weights_bits, "2, 4",
	       l->weights_bits == 8 ? "quantize to 4 bits" : "use 2 bits; 1-bit weights belong to learning layers");
}

static void check_cnp_pool(struct check *c, bool last)
{
	const struct akida_layer *l = c->l;

	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE && l->conv_h < 3)
		number(c, AK_RULE_MAP_POOL, "rows in front of global pooling", l->conv_h, "3 and more",
		       "drop the pooling or pool a larger map");
	if (l->pool != AKIDA_POOL_MAX)
		return;
	if (l->pool_size != 2)
		number(c, AK_RULE_MAP_POOL, "pool size", l->pool_size, "2", "use max pooling 2x2");
	else if (l->pool_stride != 1 && l->pool_stride != 2)
		number(c, AK_RULE_MAP_POOL, "pool stride", l->pool_stride, "1, 2", "use stride 1 or 2");
	if (last)
		offence(c, AK_RULE_MAP_POOL, "max pooling", "in the last layer", "in front of another layer",
			"append a layer or drop the pooling");
}

/* Largest magnitude of a potential of filter f with these weights. */
static int64_t worst_potential(const struct akida_layer *l, uint32_t f)
{
	int64_t x = (1 << l->in_bits) - 1, high = 0, low = 0;
	size_t taps = (size_t)l->kernel_h * l->kernel_w;

	if (l->type == AKIDA_LAYER_CONV) {
		for (size_t i = 0; i < taps * l->in_c; i++) {
			int64_t w = l->weights[i * l->filters + f];

			*(w > 0 ? &high : &low) += w * x;
		}
	} else {
		for (uint32_t ch = 0; ch < l->in_c; ch++) {
			int64_t pw = l->weights_pw[(size_t)ch * l->filters + f], up = 0, down = 0;

			for (size_t t = 0; t < taps; t++) {
				int64_t w = l->weights[t * l->in_c + ch];

				*(w > 0 ? &up : &down) += w * x;
			}
			high += pw > 0 ? pw * up : pw * down;
			low += pw > 0 ? pw * down : pw * up;
		}
	}
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE) {
		high *= (int64_t)l->conv_h * l->conv_w;
		low *= (int64_t)l->conv_h * l->conv_w;
	}
	return high > -low ? high : -low;
}

static void check_output(struct check *c)
{
	int64_t worst = 0;

	for (uint32_t f = 0; f < c->l->filters; f++) {
		int64_t p = worst_potential(c->l, f);

		worst = p > worst ? p : worst;
	}
	if (worst > AK_THRESHOLD_MAX)
		number(c, AK_RULE_MAP_OUTPUT_RANGE, "largest possible potential", (uint64_t)worst, "-524288 to 524287",
		       "end with a fully connected layer, or use fewer channels");
}

static void check_cnp(struct check *c, bool last)
{
	const struct akida_layer *l = c->l;

	if (l->kernel_h != 3 || l->kernel_w != 3)
		kernel_offence(c, "3x3");
	if (l->stride != 1 && l->stride != 2)
		number(c, AK_RULE_MAP_STRIDE, "stride", l->stride, "1, 2", "use stride 1 or 2");
	if (l->padding != AKIDA_PAD_SAME)
		offence(c, AK_RULE_MAP_PADDING, "padding", "Valid", "Same", "use Same padding");
	check_max(c, "input columns", l->in_w, 1, AK_CNP_MAX_COLS, "use a smaller input");
	check_weight_bits(c);
	check_cnp_pool(c, last);
	if (last && !l->activation)
		check_output(c);
}

static void check_fully(struct check *c)
{
	const struct akida_layer *l = c->l;
	uint64_t inputs = (uint64_t)l->in_h * l->in_w * l->in_c;

	check_max(c, "inputs", inputs, 1, AK_FNP2_MAX_INPUTS, "pool in front of this layer");
	check_max(c, "units", l->filters, 1, AK_FNP_MAX_UNITS, "use fewer units");
	if (l->activation)
		check_max(c, "units with activation", l->filters, 1, AK_THRESHOLDS_MAX, "use fewer units");
	check_max(c, "input columns", l->in_w, 1, 2047, "pool in front of this layer");
	check_max(c, "input rows", l->in_h, 1, 2047, "pool in front of this layer");
	check_weight_bits(c);
}

static void check_first(struct check *c)
{
	static const char *const names[] = {
		"", "InputData", "input convolution", "fully connected layer", "convolution", "separable convolution"};

	if (c->l->type != AKIDA_LAYER_INPUT_CONV)
		offence(c, AK_RULE_MAP_FIRST, "first layer", names[c->l->type], "input convolution",
			"start with a convolution on the uint8 image (1 or 3 channels)");
}

int ak_map_check(const struct akida_model *m, struct akida_diag *diag)
{
	struct check c = {.diag = diag};

	if (m->count > AK_MAP_MAX_LAYER_ID + 1u)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_MAP_SIZE, NULL, "%u layers, allowed: %u", m->count,
			       AK_MAP_MAX_LAYER_ID + 1u);
	for (uint32_t i = 0; i < m->count; i++) {
		bool last = i + 1 == m->count;

		c.l = &m->layers[i];
		if (i == 0)
			check_first(&c);
		if (c.l->type == AKIDA_LAYER_INPUT_CONV)
			check_hrc(&c, last);
		else if (c.l->type == AKIDA_LAYER_CONV || c.l->type == AKIDA_LAYER_SEPARABLE)
			check_cnp(&c, last);
		else if (c.l->type == AKIDA_LAYER_FULLY)
			check_fully(&c);
		if (!last && c.l->pool == AKIDA_POOL_MAX && m->layers[i + 1].type == AKIDA_LAYER_FULLY)
			ak_note(diag, AKIDA_WARNING, AK_RULE_MAP_POOL_FULLY, c.l->name,
				"max pooling in front of a fully connected layer: seen on an AKD1000, but today's "
				"vendor "
				"documentation wants a convolution there");
	}
	return c.err;
}
