/* SPDX-License-Identifier: MIT */
/* Share of zeros in each layer's output over real frames, by running the layers on this host. */
#include <errno.h>
#include <akida/run.h>
#include "layer/execute.h"

static void count_zeros(void *context, uint32_t layer, const int32_t *values, size_t count)
{
	double *zeros = context;
	size_t n = 0;

	for (size_t k = 0; k < count; k++)
		n += values[k] == 0;
	zeros[layer] += (double)n;
}

int akida_model_sparsity(const struct akida_model *m, const uint8_t *in, size_t frames, double *sparsity)
{
	struct ak_executor *e;
	size_t in_bytes;
	int err;

	if (!m || !in || !frames || !sparsity)
		return -EINVAL;
	err = ak_executor_create(m, &e);
	if (err)
		return err;
	in_bytes = (size_t)m->layers[0].in_h * m->layers[0].in_w * m->layers[0].in_c;
	for (uint32_t i = 0; i < m->count; i++)
		sparsity[i] = 0;
	for (size_t f = 0; f < frames; f++)
		ak_executor_frame(e, in + f * in_bytes, NULL, count_zeros, sparsity);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *y = &m->layers[i];

		sparsity[i] /= (double)frames * y->out_h * y->out_w * y->out_c;
	}
	ak_executor_destroy(e);
	return 0;
}
