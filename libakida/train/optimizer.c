// SPDX-License-Identifier: MIT
/* Weight updates, see optimizer.h. */
#include <math.h>
#include "optimizer.h"

#define BETA1 0.9
#define BETA2 0.999
#define RATE1 0.1f /* 1 - BETA1, not computed in float32 */
#define RATE2 0.001f
#define EPSILON 1e-7f

void ak_optimizer_step(struct ak_optimizer *o)
{
	o->steps++;
}

static void sgd(float momentum, float lr, float *w, const float *g, float *m, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		m[i] = momentum * m[i] - lr * g[i];
		w[i] += m[i];
	}
}

static void adam(float alpha, float *w, const float *g, float *m, float *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		m[i] += (g[i] - m[i]) * RATE1;
		v[i] += (g[i] * g[i] - v[i]) * RATE2;
		w[i] -= m[i] * alpha / (sqrtf(v[i]) + EPSILON);
	}
}

void ak_optimizer_apply(const struct ak_optimizer *o, float lr, float decay, float *w, const float *g, float *m,
			float *v, size_t n)
{
	double t = (double)o->steps;
	size_t i;

	if (decay > 0)
		for (i = 0; i < n; i++)
			w[i] -= lr * decay * w[i];
	if (o->kind == AKIDA_SGD)
		sgd(o->momentum, lr, w, g, m, n);
	else
		adam((float)(lr * sqrt(1 - pow(BETA2, t)) / (1 - pow(BETA1, t))), w, g, m, v, n);
}
