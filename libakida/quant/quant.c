/* SPDX-License-Identifier: MIT */
/* akida_quantize: parameters, and the order of the stages. Weights stay float; integers are made where they are needed. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "graph/fixedpoint.h"
#include "graph/infer.h"
#include "graph/passes/passes.h"
#include "graph/quant_config.h"
#include "quant_internal.h"

void akida_quant_params_init(struct akida_quant_params *p)
{
	*p = (struct akida_quant_params){
		.size = sizeof(*p),
		.input_weight_bits = 8,
		.weight_bits = 4,
		.activation_bits = 4,
		.per_tensor = 1,
		.num_samples = 1024,
		.batch_size = 32,
		.epochs = 1,
		.output_bits = 8,
		.buffer_bits = 32,
	};
}

static int bad_param(struct akida_diag *diag, const char *field, uint32_t value, const char *limit)
{
	char v[16], text[160];

	snprintf(v, sizeof(v), "%u", value);
	snprintf(text, sizeof(text), "%s is %s, allowed: %s", field, v, limit);
	ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
					       .rule = AK_RULE_QUANT_PARAMS,
					       .field = field,
					       .value = v,
					       .limit = limit,
					       .text = text});
	return -EINVAL;
}

static int check_params(const struct akida_quant_params *p, struct akida_diag *diag)
{
	if (p->input_weight_bits < 2 || p->input_weight_bits > 8)
		return bad_param(diag, "input_weight_bits", p->input_weight_bits, "2 to 8");
	if (p->weight_bits < 2 || p->weight_bits > 8)
		return bad_param(diag, "weight_bits", p->weight_bits, "2 to 8");
	if (p->activation_bits < 1 || p->activation_bits > 8)
		return bad_param(diag, "activation_bits", p->activation_bits, "1 to 8");
	if (p->per_tensor > 1)
		return bad_param(diag, "per_tensor", p->per_tensor, "0, 1");
	if (p->bound_relu > 1)
		return bad_param(diag, "bound_relu", p->bound_relu, "0, 1");
	if (p->output_bits < 2 || p->output_bits > 16)
		return bad_param(diag, "output_bits", p->output_bits, "2 to 16");
	if (p->last_output_bits == 1 || p->last_output_bits > 32)
		return bad_param(diag, "last_output_bits", p->last_output_bits, "0, 2 to 32");
	if (p->buffer_bits < 16 || p->buffer_bits > 32)
		return bad_param(diag, "buffer_bits", p->buffer_bits, "16 to 32");
	if (p->input_signed > 1)
		return bad_param(diag, "input_signed", p->input_signed, "0, 1");
	if (p->split_separables > 1)
		return bad_param(diag, "split_separables", p->split_separables, "0, 1");
	if (!p->num_samples)
		return bad_param(diag, "num_samples", p->num_samples, "1 or more");
	if (!p->batch_size)
		return bad_param(diag, "batch_size", p->batch_size, "1 or more");
	if (!p->epochs)
		return bad_param(diag, "epochs", p->epochs, "1 or more");
	return 0;
}

/* Output quantizers have no more fractional bits than bits: a range well below 1 cannot use all of its codes. */
static void warn_of_unused_codes(const struct akida_graph *g, struct akida_diag *diag)
{
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node_quant *q = &g->nodes[i].quant;
		int vb = (int)q->out_bits - q->out_signed, codes = (1 << vb) - 1, used;

		if (!q->has_output || q->out_per_axis || !(q->range_max[0] > 0))
			continue;
		used = (int)ldexpf(q->range_max[0], ak_fx_max_fb(vb, q->range_max[0]));
		if (used >= codes / 2 + 1)
			continue;
		ak_note(diag, AKIDA_WARNING, AK_RULE_QUANT_RANGE, g->nodes[i].name,
			"its outputs stay below %g, which uses %d of %d codes", (double)q->range_max[0], used, codes);
		ak_remedy(diag, "train with larger values here, for instance a larger scale in Rescaling");
	}
}

/* Akida v1 has no unbounded ReLU. Values above the calibrated range had no code anyway. */
static void bound_relus(struct akida_graph *g, struct akida_diag *diag)
{
	for (uint32_t i = 0; i < g->count; i++) {
		struct ak_node *n = &g->nodes[i];
		float range = 0;

		if (n->op != AK_OP_RELU || n->bounded || !n->quant.has_output)
			continue;
		for (uint32_t k = 0; k < n->quant.range_count; k++)
			range = fmaxf(range, n->quant.range_max[k]);
		if (!(range > 0))
			continue;
		n->bounded = true;
		n->max_value = range;
		ak_note(diag, AKIDA_NOTE, AK_RULE_QUANT_RANGE, n->name, "unbounded ReLU gets max_value %g",
			(double)range);
	}
}

static uint32_t find_node(const struct akida_graph *g, const char *name)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (!strcmp(g->nodes[i].name, name))
			return i;
	return AK_NO_NODE;
}

/*
 * Dropout is in the way of the rewriting passes, which remove it, but quantized files keep it for further training: each
 * one comes back in front of the layer that read it, where that layer still exists and reads alone.
 */
static int keep_dropout(const struct akida_graph *from, struct akida_graph *q)
{
	for (uint32_t i = 0; i < from->count; i++) {
		uint32_t reader = from->nodes[i].op == AK_OP_DROPOUT ? ak_graph_only_consumer(from, i) : AK_NO_NODE;
		uint32_t at = reader == AK_NO_NODE ? AK_NO_NODE : find_node(q, from->nodes[reader].name);
		struct ak_node *n;

		if (at == AK_NO_NODE || q->nodes[at].input_count != 1 ||
		    ak_graph_only_consumer(q, q->nodes[at].inputs[0]) != at)
			continue;
		n = ak_graph_insert_after(q, q->nodes[at].inputs[0], AK_OP_DROPOUT, from->nodes[i].name);
		if (!n)
			return -ENOMEM;
		n->rate = from->nodes[i].rate;
	}
	return 0;
}

static int add_dequantizer(struct akida_graph *g, struct akida_diag *diag)
{
	uint32_t output = g->output;
	struct ak_node *n = ak_graph_add(g, AK_OP_DEQUANTIZER, "dequantizer", &output, 1);

	if (!n)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for a layer");
	ak_quant_defaults(n);
	return ak_graph_finish(g, diag);
}

/* The stages on q, the rewritten copy of g. */
static int stages(const struct akida_graph *g, struct akida_graph *q, const struct akida_quant_params *p,
		  const struct akida_array *samples, struct akida_diag *diag)
{
	int err = ak_quant_check_layers(q, diag);

	if (!err && keep_dropout(g, q))
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for a layer");
	if (!err)
		err = ak_graph_finish(q, diag);
	if (!err && p->input_signed)
		q->nodes[0].input_i8 = true;
	if (!err && ak_quant_place(q, p))
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for its quantizers");
	if (!err && p->config)
		err = ak_quant_apply_config(q, p->config, diag);
	if (!err)
		err = ak_quant_calibrate(q, p, samples, diag);
	if (err)
		return err;
	if (p->bound_relu)
		bound_relus(q, diag);
	ak_quant_equalize(q);
	warn_of_unused_codes(q, diag);
	return add_dequantizer(q, diag);
}

static int quantize(const struct akida_graph *g, struct akida_graph *q, const struct akida_quant_params *p,
		    const struct akida_array *samples, struct akida_diag *diag)
{
	struct ak_quant_tail tail = {0};
	int err = p->until ? ak_quant_take_tail(q, p->until, &tail, diag) : 0;

	if (!err)
		err = stages(g, q, p, samples, diag);
	if (!err)
		err = ak_quant_put_tail(q, &tail, diag);
	if (!err && tail.count)
		err = ak_graph_finish(q, diag);
	ak_quant_free_tail(&tail);
	return err;
}

/* Clips as the frames they are made of, where the network now takes frames; view borrows the samples' data. */
static const struct akida_array *frames_of(const struct akida_graph *g, const struct akida_graph *q,
					   const struct akida_array *samples, struct akida_array *view)
{
	if (!samples || g->nodes[0].rank != 4 || q->nodes[0].rank != 3 || samples->rank != 5 ||
	    samples->dims[1] != g->nodes[0].dims[0])
		return samples;
	*view = *samples;
	view->rank = 4;
	view->dims[0] *= view->dims[1];
	memmove(view->dims + 1, view->dims + 2, 3 * sizeof(*view->dims));
	return view;
}

int akida_quantize(const struct akida_graph *g, const struct akida_quant_params *params,
		   const struct akida_array *samples, struct akida_graph **out, struct akida_diag *diag)
{
	struct akida_quant_params p;
	struct akida_graph *q = NULL;
	struct akida_array view;
	int err;

	*out = NULL;
	akida_quant_params_init(&p);
	if (params)
		memcpy(&p, params, params->size < sizeof(p) ? params->size : sizeof(p));
	err = check_params(&p, diag);
	if (err)
		return err;
	if (akida_graph_quantized(g)) {
		err = ak_fail(diag, -EINVAL, AK_RULE_QUANT_ALREADY, g->name, "is quantized already");
		ak_remedy(diag, "quantize the float model it was made from");
		return err;
	}
	err = ak_graph_sanitize(g, &q, diag);
	if (err)
		return err;
	err = ak_graph_fit(q, p.split_separables ? 2 : 1, diag);
	if (!err)
		err = quantize(g, q, &p, frames_of(g, q, samples, &view), diag);
	if (err)
		akida_graph_destroy(q);
	else
		*out = q;
	return err;
}

int akida_quant_check(const struct akida_graph *g, struct akida_diag *diag)
{
	struct akida_graph *q = NULL;
	struct ak_sim *sim = NULL;
	int err;

	if (!akida_graph_quantized(g)) {
		err = ak_graph_sanitize(g, &q, diag);
		if (!err)
			err = ak_quant_check_layers(q, diag);
		akida_graph_destroy(q);
		return err;
	}
	err = ak_sim_create(g, &sim, diag);
	ak_sim_destroy(sim);
	for (uint32_t i = 0; i < g->count; i++) {
		if (!ak_node_uncalibrated(&g->nodes[i]))
			continue;
		err = ak_fail(diag, -EINVAL, AK_RULE_QUANT_RANGE, g->nodes[i].name,
			      "its output_quantizer was never calibrated: range_max is 1 everywhere");
		ak_remedy(diag, "quantize the float network with samples");
	}
	return err;
}
