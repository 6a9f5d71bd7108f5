/* SPDX-License-Identifier: MIT */
/* Calibration of legacy networks: maxima of activations, separable kernels, then bias correction or adaptive rounding. */
#include "legacy_calibrate.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "graph/infer.h"
#include "graph/legacy.h"
#include "graph/passes/passes.h"

void akida_legacy_calibration_init(struct akida_legacy_calibration *p)
{
	*p = (struct akida_legacy_calibration){
		.size = sizeof(*p), .batch_size = 32, .epochs = 10, .learning_rate = 0.01f};
}

struct calibration {
	struct akida_graph *g;
	const struct akida_legacy_calibration *p;
	const struct akida_array *samples;
	size_t frames, frame;
	float *batch;
};

/* All samples through a network, batch after batch. */
static int run(struct calibration *c, const struct akida_graph *g, ak_infer_visit visit, void *context)
{
	int err = 0;

	for (size_t at = 0; at < c->frames && !err; at += c->p->batch_size) {
		size_t n = c->frames - at < c->p->batch_size ? c->frames - at : c->p->batch_size;

		ak_array_floats(c->samples, at * c->frame, n * c->frame, c->batch);
		err = ak_graph_infer(g, c->batch, n, visit, context, NULL);
	}
	return err;
}

static bool weighted(const struct ak_node *n)
{
	return n->quant.legacy && n->op != AK_OP_RELU;
}

/* ---- maxima of activations ---- */

struct maxima {
	const struct akida_graph *g;
	float *max; /* [node] */
};

static void observe_max(void *context, uint32_t node, const float *out, size_t n)
{
	struct maxima *m = context;
	size_t count = n * ak_node_elements(&m->g->nodes[node]);

	if (m->g->nodes[node].op != AK_OP_RELU)
		return;
	for (size_t i = 0; i < count; i++)
		m->max[node] = fmaxf(m->max[node], out[i]);
}

static int rescale_activations(struct calibration *c, const struct akida_graph *float_graph)
{
	struct maxima m = {float_graph, calloc(float_graph->count, sizeof(float))};
	int err = m.max ? run(c, float_graph, observe_max, &m) : -ENOMEM;

	for (uint32_t i = 0; !err && i < c->g->count; i++) {
		struct ak_node *n = &c->g->nodes[i];

		if (n->op == AK_OP_RELU && n->quant.legacy && m.max[i] > 0 && m.max[i] < n->max_value)
			n->max_value = m.max[i];
	}
	free(m.max);
	return err;
}

/* ---- separable kernels ---- */

/* One scale for the whole depthwise kernel is used best when all channels are equally large. */
static void normalize_separable(struct ak_node *n)
{
	struct ak_weight *dw = &n->weights[0], *pw = &n->weights[1];
	size_t channels = dw->dims[2], filters = pw->dims[3];

	for (size_t ch = 0; ch < channels; ch++) {
		float m = 0;

		for (size_t i = ch; i < dw->count; i += channels)
			m = fmaxf(m, fabsf(dw->data[i]));
		if (m == 0)
			continue;
		for (size_t i = ch; i < dw->count; i += channels)
			dw->data[i] /= m;
		for (size_t f = 0; f < filters; f++)
			pw->data[ch * filters + f] *= m;
	}
}

/* ---- bias correction ---- */

struct means {
	const struct akida_graph *g;
	double **sum;  /* [node][channel] of layers with weights */
	uint32_t only; /* this node, or AK_NO_NODE for all */
};

static void observe_sum(void *context, uint32_t node, const float *out, size_t n)
{
	struct means *m = context;
	const struct ak_node *node_of = &m->g->nodes[node];
	size_t channels = node_of->dims[node_of->rank - 1], count = n * ak_node_elements(node_of);

	if (!m->sum[node] || (m->only != AK_NO_NODE && m->only != node))
		return;
	for (size_t i = 0; i < count; i++)
		m->sum[node][i % channels] += (double)out[i];
}

static int means_init(struct means *m, const struct akida_graph *g)
{
	m->g = g;
	m->only = AK_NO_NODE;
	m->sum = calloc(g->count, sizeof(*m->sum));
	if (!m->sum)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->count; i++)
		if (ak_op_weighted(g->nodes[i].op)) {
			m->sum[i] = calloc(g->nodes[i].dims[g->nodes[i].rank - 1], sizeof(double));
			if (!m->sum[i])
				return -ENOMEM;
		}
	return 0;
}

static void means_fini(struct means *m)
{
	for (uint32_t i = 0; m->sum && i < m->g->count; i++)
		free(m->sum[i]);
	free(m->sum);
	m->sum = NULL;
}

static int ensure_bias(struct ak_node *n)
{
	size_t dims[1] = {n->dims[n->rank - 1]};

	if (ak_node_weight(n, "bias"))
		return 0;
	n->use_bias = true;
	return ak_node_add_weight(n, "bias", 1, dims, NULL);
}

static int correct_layer(struct calibration *c, uint32_t i, const struct means *float_means)
{
	struct ak_node *n = &c->g->nodes[i];
	double positions = (double)(c->frames * (ak_node_elements(n) / n->dims[n->rank - 1]));
	struct akida_graph *effective = NULL;
	struct means m = {0};
	int err = ensure_bias(n);

	if (!err)
		err = ak_legacy_effective(c->g, true, &effective);
	if (!err)
		err = means_init(&m, effective);
	m.only = i;
	if (!err)
		err = run(c, effective, observe_sum, &m);
	for (size_t f = 0; !err && f < n->dims[n->rank - 1]; f++)
		ak_node_weight(n, "bias")->data[f] += (float)((float_means->sum[i][f] - m.sum[i][f]) / positions);
	means_fini(&m);
	akida_graph_destroy(effective);
	return err;
}

static int bias_correction(struct calibration *c, const struct akida_graph *float_graph)
{
	struct means m = {0};
	int err = means_init(&m, float_graph);

	if (!err)
		err = run(c, float_graph, observe_sum, &m);
	for (uint32_t i = 0; i < c->g->count && !err; i++)
		if (weighted(&c->g->nodes[i]))
			err = correct_layer(c, i, &m);
	means_fini(&m);
	return err;
}

/* ---- adaptive rounding ---- */

/* Outputs of one node for all samples. */
struct recording {
	const struct akida_graph *g;
	uint32_t node;
	float *at;
};

static void record(void *context, uint32_t node, const float *out, size_t n)
{
	struct recording *r = context;
	size_t count = n * ak_node_elements(&r->g->nodes[node]);

	if (node != r->node)
		return;
	memcpy(r->at, out, count * sizeof(*out));
	r->at += count;
}

static int record_node(struct calibration *c, const struct akida_graph *g, uint32_t node, float **out)
{
	struct recording r = {g, node, NULL};
	int err;

	r.at = malloc(c->frames * ak_node_elements(&g->nodes[node]) * sizeof(float));
	*out = r.at;
	err = r.at ? run(c, g, record, &r) : -ENOMEM;
	return err;
}

/* The input of the pointwise kernel of a separable layer: the same layer without it. */
static int depthwise_only(const struct akida_graph *effective, uint32_t i, struct akida_graph **out)
{
	struct ak_node *n;
	int err = ak_graph_clone(effective, out);

	if (err)
		return err;
	n = &(*out)->nodes[i];
	while (n->weight_count > 1)
		free(n->weights[--n->weight_count].data);
	n->op = AK_OP_DEPTHWISE;
	n->use_bias = false;
	n->quant = (struct ak_node_quant){0};
	n->dims[2] = (uint32_t)n->weights[0].dims[2];
	/* what follows is not needed, and would not fit */
	while ((*out)->count > i + 1) {
		struct ak_node *last = &(*out)->nodes[(*out)->count - 1];

		for (uint32_t k = 0; k < last->weight_count; k++)
			free(last->weights[k].data);
		(*out)->count--;
	}
	(*out)->output = i;
	return 0;
}

static int round_layer(struct calibration *c, uint32_t i, const struct akida_graph *float_graph)
{
	struct ak_node *n = &c->g->nodes[i];
	uint32_t next = ak_graph_only_consumer(c->g, i), source = n->op == AK_OP_SEPARABLE ? i : n->inputs[0];
	struct akida_graph *effective = NULL, *cut = NULL;
	struct ak_rounding r = {.n = n, .frames = c->frames};
	float *in = NULL, *target = NULL;
	int err = ak_legacy_effective(c->g, true, &effective);

	r.kernel = n->op == AK_OP_SEPARABLE ? &n->weights[1] : &n->weights[0];
	r.in_node = &c->g->nodes[n->inputs[0]];
	if (c->p->with_activations && next != AK_NO_NODE && c->g->nodes[next].op == AK_OP_RELU &&
	    c->g->nodes[next].quant.legacy)
		r.relu = &c->g->nodes[next];
	if (!err && n->op == AK_OP_SEPARABLE)
		err = depthwise_only(effective, i, &cut);
	if (!err)
		err = record_node(c, cut ? cut : effective, source, &in);
	if (!err)
		err = record_node(c, float_graph, i, &target);
	r.in = in;
	r.target = target;
	if (!err)
		err = ak_adaround(&r, c->p);
	free(in);
	free(target);
	akida_graph_destroy(cut);
	akida_graph_destroy(effective);
	return err;
}

static int adaround(struct calibration *c, const struct akida_graph *float_graph)
{
	int err = 0;

	for (uint32_t i = 0; i < c->g->count && !err; i++)
		if (weighted(&c->g->nodes[i]))
			err = round_layer(c, i, float_graph);
	return err;
}

/* ---- all of it ---- */

static int check(const struct calibration *c, const struct akida_graph *g, struct akida_diag *diag)
{
	if (!ak_graph_legacy(g))
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_CALIBRATE, g->name,
			       "is not quantized by cnn2snn quantize; quantizeml calibrates while it quantizes");
	if (!c->p->batch_size || (c->p->method == AKIDA_LEGACY_ADAROUND &&
				  (!c->p->epochs || !(c->p->learning_rate > 0) || !isfinite(c->p->learning_rate))))
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_PARAMS, g->name,
			       "batch size, epochs and learning rate must be positive");
	if (!c->samples || !c->frames)
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_SAMPLES, g->nodes[0].name,
			       "the samples do not fit the input of %zu values", c->frame);
	for (uint32_t i = 0; i < g->count; i++) {
		enum ak_legacy_quantizer kind = g->nodes[i].quant.legacy_weights;

		if (c->p->method == AKIDA_LEGACY_ADAROUND && (kind == AK_LEGACY_STD || kind == AK_LEGACY_STD_PER_AXIS))
			return ak_fail(diag, -EINVAL, AK_RULE_QUANT_CALIBRATE, g->nodes[i].name,
				       "adaround needs a quantizer whose scale is a maximum, not a deviation");
	}
	return 0;
}

int akida_calibrate_legacy(const struct akida_graph *g, const struct akida_legacy_calibration *params,
			   const struct akida_array *samples, struct akida_graph **out, struct akida_diag *diag)
{
	struct akida_legacy_calibration p;
	struct calibration c = {.p = &p, .samples = samples, .frame = ak_node_elements(&g->nodes[0])};
	struct akida_graph *float_graph = NULL;
	int err;

	*out = NULL;
	akida_legacy_calibration_init(&p);
	if (params)
		memcpy(&p, params, params->size < sizeof(p) ? params->size : sizeof(p));
	c.frames = samples ? ak_graph_frames(g, samples) : 0;
	err = check(&c, g, diag);
	if (err)
		return err;
	c.batch = malloc(p.batch_size * c.frame * sizeof(float));
	err = c.batch ? ak_graph_clone(g, &c.g) : -ENOMEM;
	if (!err)
		err = ak_legacy_effective(c.g, false, &float_graph);
	if (!err)
		err = rescale_activations(&c, float_graph);
	for (uint32_t i = 0; !err && i < c.g->count; i++)
		if (weighted(&c.g->nodes[i]) && c.g->nodes[i].op == AK_OP_SEPARABLE)
			normalize_separable(&c.g->nodes[i]);
	if (!err)
		err = p.method == AKIDA_LEGACY_ADAROUND ? adaround(&c, float_graph) : bias_correction(&c, float_graph);
	akida_graph_destroy(float_graph);
	free(c.batch);
	if (err) {
		akida_graph_destroy(c.g);
		return ak_fail(diag, err, AK_RULE_NOMEM, g->name, "no memory to calibrate with %zu samples", c.frames);
	}
	*out = c.g;
	return 0;
}
