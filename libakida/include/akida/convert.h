/* SPDX-License-Identifier: MIT */
/* From a quantized graph to Akida v1 layers, and the checks that tell beforehand. */
#ifndef AKIDA_CONVERT_H
#define AKIDA_CONVERT_H

#include "graph.h"
#include "model.h"

/* -EOPNOTSUPP with one finding per offending layer when the graph is not for v1. */
AKIDA_API int akida_convert(const struct akida_graph *quantized, struct akida_model **out, struct akida_diag *diag);
/*
 * Every rule of the v1 tables, on a float or quantized graph, for "akd1000" or "akd1500". Adds one finding per offence:
 * rule, layer, field, value, limit, remedy. Returns the number of errors (0: compatible) or a negative errno.
 */
AKIDA_API int akida_check(const struct akida_graph *g, const char *target, struct akida_diag *diag);

#endif
