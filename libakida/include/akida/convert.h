/* SPDX-License-Identifier: MIT */
/* From a quantized graph to Akida layers, and the checks that tell beforehand. */
#ifndef AKIDA_CONVERT_H
#define AKIDA_CONVERT_H

#include "graph.h"
#include "model.h"

/* -EOPNOTSUPP with one finding per offending layer when the graph is not for v1. */
AKIDA_API int akida_convert(const struct akida_graph *quantized, struct akida_model **out, struct akida_diag *diag);
/*
 * To Akida 2 layers, whose integers are those the quantized graph is simulated with. What only the silicon lacks (sizes,
 * pools, strides) is a warning here and an error of akida_check. -EOPNOTSUPP with a finding per offence.
 */
AKIDA_API int akida_convert_v2(const struct akida_graph *quantized, struct akida_model **out, struct akida_diag *diag);
/*
 * Every rule of the tables, on a float or quantized graph, for "akd1000", "akd1500" (v1) or "akida2". Adds one finding per offence:
 * rule, layer, field, value, limit, remedy. Returns the number of errors (0: compatible) or a negative errno.
 */
AKIDA_API int akida_check(const struct akida_graph *g, const char *target, struct akida_diag *diag);

#endif
