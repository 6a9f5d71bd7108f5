// SPDX-License-Identifier: MIT
/*
 * A rough time and energy model for reports. Constants were read off the published AKD1500 measurements (model-zoo 7.3,
 * latency per layer with its sparsity):
 *   HRC          2 cycles per output position and filter   (AkidaNet conv_0: 2.0 with 32 and 16 filters; KWS: 2.1)
 *   convolution  8 cycles per input event and 8 filters    (AkidaNet 6.4 to 8.5, KWS 5 plus a constant), separable alike
 *                plus 2 cycles per input value of the NP, which covers the part that does not depend on events
 *   FNP3         3 cycles per weight word                  (KWS head: 600 cycles, 192 words)
 *   energy       45 pJ per busy NP cycle                   (38 pJ for AkidaNet 1.0, 58 pJ for 0.5 at 224x224)
 * Filter splits see all events, row splits those of their rows.
 */
#include "map/cost.h"

#define CYCLES_HRC 2.0
#define CYCLES_EVENT 8.0
#define CYCLES_VALUE 2.0
#define CYCLES_FNP_WORD 3.0
#define PJ_PER_CYCLE 45.0

void ak_cost(const struct ak_layer_place *p, double input_sparsity, uint64_t *cycles, double *energy_uj)
{
	const struct akida_layer *l = p->layer;
	double worst = 0, sum = 0;

	if (l->type == AKIDA_LAYER_INPUT_CONV) {
		worst = sum = CYCLES_HRC * l->conv_h * l->conv_w * l->filters;
	} else if (l->type == AKIDA_LAYER_FULLY) {
		worst = sum = CYCLES_FNP_WORD * (double)ak_fnp_words(l);
	} else {
		for (uint32_t i = 0; i < p->count; i++) {
			const struct ak_part *part = &p->parts[i];
			double values = (double)part->cut_rows * l->in_w * l->in_c, loops = (part->filters + 7) / 8;
			double c = values * (1 - input_sparsity) * loops * CYCLES_EVENT + values * CYCLES_VALUE;

			worst = c > worst ? c : worst;
			sum += c;
		}
	}
	*cycles = (uint64_t)worst;
	*energy_uj = sum * PJ_PER_CYCLE * 1e-6;
}
