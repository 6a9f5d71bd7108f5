/* SPDX-License-Identifier: MIT */
/* Share of zeros in each layer's output over real frames, by running the layers on this host. */
#include <errno.h>
#include <stdlib.h>
#include <akida/run.h>
#include "layer/layer.h"

int akida_model_sparsity(const struct akida_model *m, const uint8_t *in, size_t frames, double *sparsity)
{
	size_t act = 1, scratch = 1, pots = 1, in_bytes;
	uint8_t *buf[2] = {NULL, NULL};
	int32_t *tmp = NULL, *pot = NULL;
	uint64_t *zeros = NULL;
	int err = -ENOMEM;

	if (!m || !in || !frames || !sparsity)
		return -EINVAL;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *y = &m->layers[i];
		size_t n = (size_t)y->out_h * y->out_w * y->out_c, s = ak_layer_scratch(y);

		act = n > act ? n : act;
		scratch = s > scratch ? s : scratch;
		pots = !y->activation && n > pots ? n : pots;
	}
	in_bytes = (size_t)m->layers[0].in_h * m->layers[0].in_w * m->layers[0].in_c;
	buf[0] = malloc(act);
	buf[1] = malloc(act);
	tmp = malloc(scratch * sizeof(*tmp));
	pot = malloc(pots * sizeof(*pot));
	zeros = calloc(m->count, sizeof(*zeros));
	if (!buf[0] || !buf[1] || !tmp || !pot || !zeros)
		goto out;
	for (size_t f = 0; f < frames; f++) {
		const uint8_t *x = in + f * in_bytes;

		for (uint32_t i = 0; i < m->count; i++) {
			const struct akida_layer *y = &m->layers[i];
			size_t n = (size_t)y->out_h * y->out_w * y->out_c;
			uint8_t *a = buf[i & 1];

			ak_layer_run(y, x, y->activation ? a : NULL, y->activation ? NULL : pot, tmp);
			for (size_t k = 0; k < n; k++)
				zeros[i] += y->activation ? a[k] == 0 : pot[k] == 0;
			x = a;
		}
	}
	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *y = &m->layers[i];

		sparsity[i] = (double)zeros[i] / ((double)frames * y->out_h * y->out_w * y->out_c);
	}
	err = 0;
out:
	free(zeros);
	free(pot);
	free(tmp);
	free(buf[1]);
	free(buf[0]);
	return err;
}
