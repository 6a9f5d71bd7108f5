/* SPDX-License-Identifier: MIT */
/* Between shape.c and weights.c, the two halves of ak_graph_finish. */
#ifndef AK_GRAPH_SHAPE_H
#define AK_GRAPH_SHAPE_H

#include "graph.h"

/* One finding "NAME: FIELD is VALUE, must be LIMIT"; returns -ERANGE. */
int ak_bad_attr(struct akida_diag *diag, const struct ak_node *n, const char *field, double value, const char *limit);
/* Steps and channels that the matrix of a StatefulProjection sees, after downshape and before subsampling. */
void ak_projection_input(const struct ak_node *n, const struct ak_node *in, uint32_t *steps, uint32_t *channels);
/* Presence, shape and finiteness of a node's weights; create: makes those that are absent. The shape must be known. */
int ak_check_weights(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in, bool create);
int ak_check_quant(struct akida_diag *diag, const struct ak_node *n);

#endif
