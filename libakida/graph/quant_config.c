/* SPDX-License-Identifier: MIT */
/* quant_config both ways; see quant_config.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "quant_config.h"

#define BITS 8u
#define LUT_BITS 14u
#define A_BITS 16u
#define NEURAL_BUFFER_BITS 28u
#define BUFFER_BITS 32u

static bool one_kernel(enum ak_op op)
{
	return op == AK_OP_CONV2D || op == AK_OP_DEPTHWISE || op == AK_OP_CONV2D_TRANSPOSE ||
	       op == AK_OP_DEPTHWISE_TRANSPOSE || op == AK_OP_DENSE || op == AK_OP_BUFFER_TEMP_CONV ||
	       op == AK_OP_DEPTHWISE_BUFFER_TEMP_CONV || op == AK_OP_STATEFUL_PROJECTION;
}

/* Accumulators of these have 28 bits, also where a file asks for more. */
static bool short_buffer(enum ak_op op)
{
	return op == AK_OP_CONV2D || op == AK_OP_DEPTHWISE || op == AK_OP_CONV2D_TRANSPOSE ||
	       op == AK_OP_DEPTHWISE_TRANSPOSE || op == AK_OP_DENSE || op == AK_OP_STATEFUL_PROJECTION;
}

bool ak_quant_has_config(enum ak_op op)
{
	return one_kernel(op) || op == AK_OP_SEPARABLE || op == AK_OP_STATEFUL_RECURRENT || op == AK_OP_RELU ||
	       op == AK_OP_GAP || op == AK_OP_ADD || op == AK_OP_ACTIVATION;
}

uint32_t ak_quant_dw_bits(const struct ak_node *n)
{
	return n->quant.dw_weight_bits ? n->quant.dw_weight_bits : n->quant.weight_bits;
}

void ak_quant_defaults(struct ak_node *n)
{
	struct ak_node_quant *q = &n->quant;

	q->active = true;
	q->bias_bits = BITS;
	q->max_value_bits = BITS;
	q->lut_bits = n->op == AK_OP_ACTIVATION ? LUT_BITS : 0;
	q->a_bits = n->op == AK_OP_STATEFUL_RECURRENT ? A_BITS : 0;
	q->weight_bits = one_kernel(n->op) || n->op == AK_OP_SEPARABLE ? BITS : 0;
	q->weight_per_tensor = n->op == AK_OP_DEPTHWISE_TRANSPOSE;
	q->buffer_bits = short_buffer(n->op) ? NEURAL_BUFFER_BITS : BUFFER_BITS;
}

/* ---- reading ---- */

static int bitwidth(const struct ak_layer_conf *c, const cJSON *quantizer, const char *field, uint32_t lo, uint32_t hi,
		    uint32_t *out)
{
	const cJSON *j = ak_conf_member(quantizer, "bitwidth");
	uint32_t bits;
	int err;

	if (ak_conf_absent(quantizer))
		return 0;
	if (!cJSON_IsObject(quantizer))
		return ak_conf_bad(c, -EILSEQ, field, "is not a quantizer");
	if (ak_conf_absent(j)) {
		*out = BITS;
		return 0;
	}
	err = ak_conf_to_uint(c, field, j, 1, &bits);
	if (!err && (bits < lo || bits > hi))
		err = ak_conf_out_of_range(c, field, bits, lo, hi);
	if (!err)
		*out = bits;
	return err;
}

/* axis: of the class, negative as in QuantizeML; 0: per tensor is all there is. */
static int weight_quantizer(const struct ak_layer_conf *c, const cJSON *config, const char *field, int axis,
			    uint32_t *bits, bool *per_tensor)
{
	const cJSON *q = ak_conf_member(config, field), *a = ak_conf_member(q, "axis");
	int err = bitwidth(c, q, field, 2, BITS, bits);

	if (err || !a)
		return err;
	if (cJSON_IsTrue(ak_conf_member(q, "fp_quantizer")))
		return ak_conf_bad(c, -EOPNOTSUPP, field, "is a fixed-point quantizer, which weights have not");
	if (cJSON_IsNull(a)) {
		if (per_tensor)
			*per_tensor = true;
		return 0;
	}
	if (!axis || !cJSON_IsNumber(a) || (a->valuedouble != axis && a->valuedouble != 4 + axis))
		return ak_conf_bad(c, -EOPNOTSUPP, field, "has an axis that is not read by this version");
	*per_tensor = false;
	return 0;
}

static int output_quantizer(const struct ak_layer_conf *c, const cJSON *q, struct ak_node_quant *out)
{
	const cJSON *axis = ak_conf_member(q, "axis"), *buffer = ak_conf_member(q, "buffer_bitwidth");
	const cJSON *scale_bits = ak_conf_member(q, "scale_bits");
	struct ak_layer_conf own = *c;
	int err;

	own.config = q;
	err = bitwidth(c, q, "output_quantizer", 1, 32, &out->out_bits);
	if (!err)
		err = ak_conf_bool_or(&own, "signed", true, &out->out_signed);
	if (err)
		return err;
	if (axis && !(cJSON_IsString(axis) &&
		      (!strcmp(axis->valuestring, "per-tensor") || !strcmp(axis->valuestring, "per-axis"))))
		return ak_conf_bad(c, -EOPNOTSUPP, "output_quantizer",
				   "has an axis that is neither per-tensor nor per-axis");
	out->has_output = true;
	out->out_per_axis = axis && !strcmp(axis->valuestring, "per-axis");
	out->out_buffer_bits = BUFFER_BITS;
	if (!ak_conf_absent(buffer) && !(cJSON_IsNumber(buffer) && buffer->valuedouble == BUFFER_BITS))
		return ak_conf_bad(c, -EOPNOTSUPP, "output_quantizer", "has a buffer_bitwidth other than 32");
	out->scale_bits = BITS;
	if (!ak_conf_absent(scale_bits))
		err = ak_conf_to_uint(c, "scale_bits", scale_bits, 1, &out->scale_bits);
	if (!err && out->scale_bits > 16)
		err = ak_conf_out_of_range(c, "scale_bits", out->scale_bits, 1, 16);
	return err;
}

static int check_members(const struct ak_layer_conf *c, const cJSON *config, const struct ak_node *n)
{
	static const char *const all[] = {"bias_quantizer", "max_value_quantizer", "output_quantizer",
					  "buffer_bitwidth", "padding_value_quantizer"};
	const cJSON *m;

	if (!cJSON_IsObject(config))
		return ak_conf_bad(c, -EILSEQ, "quant_config", "is not an object");
	cJSON_ArrayForEach(m, config)
	{
		bool known = false;

		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			known |= !strcmp(m->string, all[i]);
		known |= one_kernel(n->op) && !strcmp(m->string, "weight_quantizer");
		known |= n->op == AK_OP_SEPARABLE &&
			 (!strcmp(m->string, "dw_weight_quantizer") || !strcmp(m->string, "pw_weight_quantizer"));
		known |= n->op == AK_OP_STATEFUL_RECURRENT && !strcmp(m->string, "a_quantizer");
		known |= n->op == AK_OP_ACTIVATION && !strcmp(m->string, "lut_bitwidth");
		if (!known) {
			char field[96];

			snprintf(field, sizeof(field), "quant_config member %.60s", m->string);
			for (char *s = field; *s; s++)
				*s = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
			return ak_conf_bad(c, -EOPNOTSUPP, field, "is not known for this layer");
		}
	}
	return 0;
}

/* Padding values have the bits of the weights; another width would need other arithmetic. */
static int padding_quantizer(const struct ak_layer_conf *c, const cJSON *config, const struct ak_node *n)
{
	uint32_t bits = n->quant.weight_bits;
	int err =
		bitwidth(c, ak_conf_member(config, "padding_value_quantizer"), "padding_value_quantizer", 2, 16, &bits);

	return !err && bits != n->quant.weight_bits
		       ? ak_conf_bad(c, -EOPNOTSUPP, "padding_value_quantizer", "has other bits than the weights")
		       : err;
}

static int weight_quantizers(const struct ak_layer_conf *c, const cJSON *config, struct ak_node *n)
{
	struct ak_node_quant *q = &n->quant;
	bool depthwise = n->op == AK_OP_DEPTHWISE || n->op == AK_OP_DEPTHWISE_TRANSPOSE;
	int err;

	if (n->op == AK_OP_SEPARABLE) {
		uint32_t dw = 0;

		err = weight_quantizer(c, config, "pw_weight_quantizer", -1, &q->weight_bits, &q->weight_per_tensor);
		if (!err)
			err = weight_quantizer(c, config, "dw_weight_quantizer", 0, &dw, NULL);
		if (!err && dw)
			q->dw_weight_bits = dw == q->weight_bits ? 0 : dw;
		return err;
	}
	if (one_kernel(n->op))
		return weight_quantizer(c, config, "weight_quantizer", depthwise ? -2 : -1, &q->weight_bits,
					&q->weight_per_tensor);
	if (n->op == AK_OP_STATEFUL_RECURRENT)
		return bitwidth(c, ak_conf_member(config, "a_quantizer"), "a_quantizer", 2, A_BITS, &q->a_bits);
	return 0;
}

int ak_quant_config_apply(const struct ak_layer_conf *c, const cJSON *config, struct ak_node *n)
{
	const cJSON *buffer = ak_conf_member(config, "buffer_bitwidth"), *lut = ak_conf_member(config, "lut_bitwidth");
	const cJSON *output = ak_conf_member(config, "output_quantizer");
	struct ak_node_quant *q = &n->quant;
	int err;

	if (ak_conf_absent(config))
		return 0;
	err = check_members(c, config, n);
	if (!err)
		err = weight_quantizers(c, config, n);
	if (!err)
		err = bitwidth(c, ak_conf_member(config, "bias_quantizer"), "bias_quantizer", 2, 32, &q->bias_bits);
	if (!err)
		err = bitwidth(c, ak_conf_member(config, "max_value_quantizer"), "max_value_quantizer", 1, 32,
			       &q->max_value_bits);
	if (!err)
		err = padding_quantizer(c, config, n);
	if (!err && !ak_conf_absent(lut))
		err = ak_conf_to_uint(c, "lut_bitwidth", lut, 2, &q->lut_bits);
	if (!err && q->lut_bits > 32)
		err = ak_conf_out_of_range(c, "lut_bitwidth", q->lut_bits, 2, 32);
	if (!err && !ak_conf_absent(buffer)) {
		err = ak_conf_to_uint(c, "buffer_bitwidth", buffer, 2, &q->buffer_bits);
		if (!err && q->buffer_bits > 32)
			err = ak_conf_out_of_range(c, "buffer_bitwidth", q->buffer_bits, 2, 32);
		if (short_buffer(n->op) && q->buffer_bits > NEURAL_BUFFER_BITS)
			q->buffer_bits = NEURAL_BUFFER_BITS;
	}
	if (!err && !ak_conf_absent(output))
		err = output_quantizer(c, output, q);
	return err;
}

/* ---- writing ---- */

static void put_weights(struct ak_text *t, const char *name, uint32_t bits, const char *axis)
{
	ak_text_putf(t, "\"%s\": {\"bitwidth\": %u%s}, ", name, bits, axis);
}

void ak_quant_config_print(struct ak_text *t, const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;
	const char *axis = q->weight_per_tensor ? ", \"axis\": null" : "";

	ak_text_put(t, "{");
	if (n->op == AK_OP_SEPARABLE) {
		put_weights(t, "dw_weight_quantizer", ak_quant_dw_bits(n), "");
		put_weights(t, "pw_weight_quantizer", q->weight_bits, axis);
	} else if (n->op == AK_OP_DEPTHWISE_TRANSPOSE) {
		put_weights(t, "weight_quantizer", q->weight_bits, q->weight_per_tensor ? "" : ", \"axis\": -2");
	} else if (one_kernel(n->op)) {
		put_weights(t, "weight_quantizer", q->weight_bits, axis);
	}
	if (n->op == AK_OP_STATEFUL_RECURRENT)
		ak_text_putf(t, "\"a_quantizer\": {\"bitwidth\": %u, \"axis\": null, \"fp_quantizer\": true}, ",
			     q->a_bits ? q->a_bits : A_BITS);
	if ((one_kernel(n->op) || n->op == AK_OP_SEPARABLE) && q->bias_bits && q->bias_bits != BITS)
		ak_text_putf(t, "\"bias_quantizer\": {\"bitwidth\": %u}, ", q->bias_bits);
	if (n->op == AK_OP_ACTIVATION && q->lut_bits && q->lut_bits != LUT_BITS)
		ak_text_putf(t, "\"lut_bitwidth\": %u, ", q->lut_bits);
	if (n->op == AK_OP_RELU && n->bounded)
		ak_text_putf(t, "\"max_value_quantizer\": {\"bitwidth\": %u}, ",
			     q->max_value_bits ? q->max_value_bits : BITS);
	if (q->has_output) {
		ak_text_putf(t,
			     "\"output_quantizer\": {\"bitwidth\": %u, \"signed\": %s, \"axis\": \"%s\", "
			     "\"buffer_bitwidth\": 32",
			     q->out_bits, ak_text_bool(q->out_signed), q->out_per_axis ? "per-axis" : "per-tensor");
		if (q->scale_bits && q->scale_bits != BITS)
			ak_text_putf(t, ", \"scale_bits\": %u", q->scale_bits);
		ak_text_put(t, "}, ");
	}
	ak_text_putf(t, "\"buffer_bitwidth\": %u}", q->buffer_bits);
}
