/* SPDX-License-Identifier: MIT */
/* Counting right answers, in float and on a device; see measure.h. */
#include <errno.h>
#include <stdlib.h>
#include "common/measure.h"

#define FLOAT_SLICE 256u

int measure_float(const struct akida_graph *g, const struct akida_dataset *d, uint64_t n, const char *name,
		  uint64_t *correct)
{
	const struct akida_toolchain *t = tool_toolchain();
	size_t outputs = t->graph_outputs(g), frame = akida_array_elements(&d->x) / d->x.dims[0];
	float *out = calloc(FLOAT_SLICE * outputs, sizeof(*out));
	struct akida_diag *diag = akida_diag_create();
	const char *bytes = d->x.data;
	struct akida_array x = d->x;
	int err = out ? 0 : -ENOMEM, status = 0;

	*correct = 0;
	for (uint64_t i = 0; !err && i < n; i += FLOAT_SLICE) {
		uint64_t some = n - i < FLOAT_SLICE ? n - i : FLOAT_SLICE;

		x.dims[0] = some;
		x.data = (void *)(uintptr_t)(bytes + i * frame * akida_dtype_bytes(d->x.dtype));
		err = t->graph_forward(g, &x, out, diag);
		if (!err)
			*correct += runner_correct(out, outputs, (const int32_t *)d->y.data + i, some);
	}
	if (err)
		status = tool_fail(diag, name, err);
	akida_diag_destroy(diag);
	free(out);
	return status;
}

int measure_run(struct runner *r, const struct akida_array *frames, const int32_t *labels, uint64_t n,
		struct akida_stats *stats, uint64_t *correct)
{
	int32_t *potentials = calloc(n * r->outputs, sizeof(*potentials));
	float *predictions = calloc(n * r->outputs, sizeof(*predictions));
	int status;

	if (!potentials || !predictions) {
		status = tool_error(r->info.name, "sys.no-memory", "no memory for the outputs of %llu frames",
				    (unsigned long long)n);
		goto out;
	}
	status = runner_run(r, frames, 1, potentials);
	if (status)
		goto out;
	akida_session_stats_reset(r->session);
	status = runner_run(r, frames, n, potentials);
	if (status)
		goto out;
	stats->size = sizeof(*stats);
	akida_session_stats(r->session, stats);
	if (stats->unknown_events) {
		status = tool_error(r->info.name, "nsoc.unknown", "%llu events were not understood, the last: %s",
				    (unsigned long long)stats->unknown_events, stats->unknown_last);
		goto out;
	}
	if (labels) {
		(void)runner_predict(r, potentials, n, predictions);
		*correct = runner_correct(predictions, r->outputs, labels, n);
	}
out:
	free(potentials);
	free(predictions);
	return status;
}
