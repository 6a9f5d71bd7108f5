/* SPDX-License-Identifier: MIT */
/* Configuration of layers that QuantizeML adds to Keras, and of layers that join or move what others made. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "keras_layer.h"

/* An axis counts the batch and may be negative; the graph's does not, and its shapes are known later (shape.c). */
static int to_axis(const struct ak_layer_conf *c, double otherwise, uint32_t *out)
{
	const cJSON *j = ak_conf_member(c->config, "axis");
	double axis = ak_conf_absent(j) ? otherwise : j->valuedouble;

	if (!ak_conf_absent(j) && !cJSON_IsNumber(j))
		return ak_conf_bad(c, -EILSEQ, "axis", "is not a number");
	if (axis != floor(axis) || !(axis >= -4 && axis <= 4) || axis == 0)
		return ak_conf_bad(c, -EOPNOTSUPP, "axis", "is not an axis behind the batch");
	*out = axis < 0 ? UINT32_MAX - (uint32_t)(-axis - 1) : (uint32_t)axis - 1;
	return 0;
}

int ak_parse_quantizeml_activation(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_layer_activation(c, n);

	return err || n->act != AK_ACT_LEAKY_RELU ? err : ak_conf_float_or(c, "alpha", n->act_alpha, &n->act_alpha);
}

/* QuantizeML's own Add can halve the sum. */
int ak_parse_add(const struct ak_layer_conf *c, struct ak_node *n)
{
	return ak_conf_bool_or(c, "average", false, &n->average);
}

int ak_parse_concatenate(const struct ak_layer_conf *c, struct ak_node *n)
{
	return to_axis(c, -1, &n->axis);
}

int ak_parse_permute(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *dims = ak_conf_member(c->config, "dims"), *dim;
	uint32_t i = 0;

	if (!cJSON_IsArray(dims) || cJSON_GetArraySize(dims) < 1 || cJSON_GetArraySize(dims) > 4)
		return ak_conf_bad(c, -EILSEQ, "dims", "is not a list of 1 to 4 axes");
	cJSON_ArrayForEach(dim, dims)
	{
		int err = ak_conf_to_uint(c, "dims", dim, 1, &n->perm[i]);

		if (err)
			return err;
		n->perm[i++]--;
	}
	return 0;
}

/* Keras 3 says negative_slope. */
int ak_parse_leaky(const struct ak_layer_conf *c, struct ak_node *n)
{
	n->act = AK_ACT_LEAKY_RELU;
	if (!ak_conf_absent(ak_conf_member(c->config, "negative_slope")))
		return ak_conf_float_or(c, "negative_slope", 0.3f, &n->act_alpha);
	return ak_conf_float_or(c, "alpha", 0.3f, &n->act_alpha);
}

int ak_parse_elu(const struct ak_layer_conf *c, struct ak_node *n)
{
	n->act = AK_ACT_ELU;
	return ak_conf_float_or(c, "alpha", 1, &n->act_alpha);
}

int ak_parse_buffered(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_conf_uint(c, "kernel_size", &n->kernel_t);

	if (!err && n->op == AK_OP_BUFFER_TEMP_CONV)
		err = ak_conf_uint(c, "filters", &n->filters);
	return err ? err : ak_conf_bool_or(c, "use_bias", false, &n->use_bias);
}

static int to_shape(const struct ak_layer_conf *c, const char *field, uint32_t *shape, uint32_t *rank)
{
	const cJSON *j = ak_conf_member(c->config, field), *dim;

	*rank = 0;
	if (ak_conf_absent(j))
		return 0;
	if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) < 1 || cJSON_GetArraySize(j) > 3)
		return ak_conf_bad(c, -EILSEQ, field, "is not a list of 1 to 3 sizes");
	cJSON_ArrayForEach(dim, j)
	{
		int err = ak_conf_to_uint(c, field, dim, 1, &shape[*rank]);

		if (err)
			return err;
		(*rank)++;
	}
	return 0;
}

int ak_parse_projection(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_conf_uint(c, "units", &n->filters);

	if (!err)
		err = ak_conf_bool_or(c, "use_bias", true, &n->use_bias);
	if (!err)
		err = ak_layer_activation(c, n);
	if (!err)
		err = ak_conf_uint_or(c, "subsample", 1, &n->subsample);
	if (!err)
		err = to_shape(c, "downshape", n->downshape, &n->downshape_rank);
	return err ? err : to_shape(c, "upshape", n->upshape, &n->upshape_rank);
}

int ak_parse_token(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_conf_to_uint(c, "token", ak_conf_member(c->config, "token"), 0, &n->token);

	return err ? err : to_axis(c, 1, &n->axis);
}

int ak_parse_input_quantizer(const struct ak_layer_conf *c, struct ak_node *n)
{
	const char *axis = cJSON_GetStringValue(ak_conf_member(c->config, "axis"));
	struct ak_node_quant *q = &n->quant;
	int err;

	q->active = q->has_output = true;
	if (axis && strcmp(axis, "per-tensor") && strcmp(axis, "per-axis"))
		return ak_conf_bad(c, -EOPNOTSUPP, "axis", "is neither per-tensor nor per-axis");
	q->out_per_axis = axis && !strcmp(axis, "per-axis");
	err = ak_conf_uint_or(c, "bitwidth", 8, &q->out_bits);
	if (!err && (q->out_bits < 2 || q->out_bits > 16))
		err = ak_conf_out_of_range(c, "bitwidth", q->out_bits, 2, 16);
	return err ? err : ak_conf_bool_or(c, "signed", true, &q->out_signed);
}
