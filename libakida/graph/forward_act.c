/* SPDX-License-Identifier: MIT */
/* Activation functions of the float forward pass, as Keras 2.15 defines them. */
#include <math.h>
#include "forward.h"

static void softmax(float *v, size_t count)
{
	float top = v[0];
	double sum = 0;

	for (size_t i = 1; i < count; i++)
		top = v[i] > top ? v[i] : top;
	for (size_t i = 0; i < count; i++) {
		v[i] = expf(v[i] - top);
		sum += (double)v[i];
	}
	for (size_t i = 0; i < count; i++)
		v[i] = (float)((double)v[i] / sum);
}

static float activation(enum ak_activation act, float alpha, float v)
{
	float six = v + 3 > 0 ? (v + 3 < 6 ? v + 3 : 6) : 0; /* relu6(v + 3) */

	switch (act) {
	case AK_ACT_LINEAR:
	case AK_ACT_SOFTMAX:
	case AK_ACT_COUNT:
		return v;
	case AK_ACT_RELU:
		return v > 0 ? v : 0;
	case AK_ACT_RELU6:
		return v > 0 ? (v < 6 ? v : 6) : 0;
	case AK_ACT_SIGMOID:
		return 1.0f / (1.0f + expf(-v));
	case AK_ACT_TANH:
		return tanhf(v);
	case AK_ACT_GELU:
		return (float)(0.5 * (double)v * (1 + erf((double)v * M_SQRT1_2)));
	case AK_ACT_GELU_TANH:
		return 0.5f * v * (1 + tanhf(0.7978845608f * (v + 0.044715f * v * v * v)));
	case AK_ACT_SILU:
		return v / (1.0f + expf(-v));
	case AK_ACT_HARD_SILU:
		return v * six / 6;
	case AK_ACT_LEAKY_RELU:
		return v > 0 ? v : alpha * v;
	case AK_ACT_HARD_SIGMOID:
		v = 0.2f * v + 0.5f;
		return v > 0 ? (v < 1 ? v : 1) : 0;
	case AK_ACT_HARD_SIGMOID6:
		return six / 6;
	case AK_ACT_ELU:
		return v > 0 ? v : alpha * expm1f(v);
	case AK_ACT_SELU:
		return 1.05070098f * (v > 0 ? v : 1.67326324f * expm1f(v));
	case AK_ACT_SOFTPLUS:
		return v > 20 ? v : log1pf(expf(v));
	case AK_ACT_SOFTSIGN:
		return v / (1 + fabsf(v));
	case AK_ACT_EXPONENTIAL:
		return expf(v);
	}
	return v;
}

void ak_activate_floats(enum ak_activation act, float alpha, float *v, size_t rows, size_t channels)
{
	size_t count = rows * channels;

	if (act == AK_ACT_LINEAR)
		return;
	for (size_t i = 0; act == AK_ACT_SOFTMAX && i < rows; i++)
		softmax(v + i * channels, channels);
	if (act == AK_ACT_RELU) { /* the one that matters for speed */
		for (size_t i = 0; i < count; i++)
			v[i] = v[i] > 0 ? v[i] : 0;
		return;
	}
	for (size_t i = 0; i < count; i++)
		v[i] = activation(act, alpha, v[i]);
}
