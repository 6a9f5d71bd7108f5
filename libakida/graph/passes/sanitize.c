/* SPDX-License-Identifier: MIT */
/* The end of the network that is not run on Akida, and the order in which the passes run. */
#include <errno.h>
#include "base/diag.h"
#include "passes.h"

int ak_pass_cut_head(struct akida_graph *g, struct akida_diag *diag)
{
	for (;;) {
		const struct ak_node *n = &g->nodes[g->output];
		uint32_t consumer;
		bool head = n->op == AK_OP_SOFTMAX || n->op == AK_OP_ACTIVATION || n->op == AK_OP_DROPOUT ||
			    (n->input_count == 1 && ak_node_moves_units_only(n, &g->nodes[n->inputs[0]]));

		if (!head || ak_graph_consumers(g, g->output, &consumer, 1))
			return 0;
		ak_note(diag, AKIDA_NOTE, AK_RULE_QUANT_HEAD, n->name,
			"%s at the end is left out: outputs are the values before it", ak_op_class(n->op));
		if (ak_graph_remove(g, g->output))
			return 0;
	}
}

/* A clip goes in frame by frame from here on, which is said. */
static int stream(struct akida_graph *g, struct akida_diag *diag)
{
	uint32_t frames = g->nodes[0].dims[0];
	int err;

	if (g->nodes[0].rank != 4)
		return 0;
	err = ak_pass_stream_frames(g);
	if (!err && g->nodes[0].rank == 3)
		ak_note(diag, AKIDA_NOTE, AK_RULE_QUANT_STREAM, g->nodes[0].name,
			"takes one of its %u frames at a time: kernels over time become layers with a memory", frames);
	return err ? err : ak_graph_finish(g, diag);
}

int ak_graph_sanitize(const struct akida_graph *g, struct akida_graph **out, struct akida_diag *diag)
{
	static int (*const passes[])(struct akida_graph *) = {
		ak_pass_remove_dropout,	       ak_pass_merge_reshapes,	ak_pass_global_pooling,
		ak_pass_merge_zero_padding,    ak_pass_align_rescaling, ak_pass_pool_before_relu,
		ak_pass_batchnorm_before_pool, ak_pass_fold_batchnorm,
	};
	struct akida_graph *copy;
	int err = ak_graph_clone(g, &copy);

	if (err)
		return err;
	err = ak_pass_split_activations(copy);
	if (!err)
		err = ak_graph_finish(copy, diag);
	if (!err)
		err = stream(copy, diag);
	if (!err)
		err = ak_pass_cut_head(copy, diag);
	for (size_t i = 0; !err && i < sizeof(passes) / sizeof(passes[0]); i++)
		err = passes[i](copy);
	if (!err)
		err = ak_graph_finish(copy, diag);
	if (err)
		akida_graph_destroy(copy);
	else
		*out = copy;
	return err;
}

int ak_graph_fit(struct akida_graph *g, uint32_t ip, struct akida_diag *diag)
{
	static int (*const v1[])(struct akida_graph *) = {ak_pass_grouped_to_depthwise, ak_pass_fuse_separables, NULL};
	static int (*const v2[])(struct akida_graph *) = {ak_pass_split_separables,	   ak_pass_grouped_to_depthwise,
							  ak_pass_split_concatenates,	   ak_pass_odd_kernels,
							  ak_pass_split_strided_depthwise, NULL};
	int err = 0;

	for (int (*const *pass)(struct akida_graph *) = ip == 2 ? v2 : v1; !err && *pass; pass++) {
		err = (*pass)(g);
		err = err ? ak_fail(diag, err, AK_RULE_NOMEM, g->name, "no memory for a layer")
			  : ak_graph_finish(g, diag);
	}
	return err;
}
