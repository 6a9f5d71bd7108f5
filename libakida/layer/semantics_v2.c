/* SPDX-License-Identifier: MIT */
/*
 * The integer semantics of Akida 2 layers in plain C: the recipe of v2.h, line by line. Sums are formed in 32 bits where
 * the layer's size and inputs cannot exceed them, else in 64; the integers are the same.
 *
 * Source: quantization 5.2 and 2.5. Saturation is applied to finished sums, never to parts of them.
 */
#include <string.h>
#include "layer/v2.h"

static int64_t saturate(int64_t v, uint32_t bits)
{
	int64_t limit = (int64_t)1 << (bits - 1);

	return v < -limit ? -limit : v > limit - 1 ? limit - 1 : v;
}

int64_t ak_v2_shift(int64_t v, int shift, uint32_t bits, bool is_signed)
{
	int64_t high = is_signed ? ((int64_t)1 << (bits - 1)) - 1 : ((int64_t)1 << bits) - 1;
	int64_t low = is_signed ? -high - 1 : 0;

	if (shift >= 0) {
		if (v && (shift > 62 || v > INT64_MAX >> shift || v < -(INT64_MAX >> shift)))
			return v > 0 ? high : low;
		v = v * ((int64_t)1 << shift);
	} else {
		/* the half is the highest bit that is dropped */
		v = shift < -62 ? 0 : (v >> -shift) + ((v >> (-shift - 1)) & 1);
	}
	return v < low ? low : v > high ? high : v;
}

static int64_t shifted(int64_t v, uint32_t by, uint32_t bits)
{
	return ak_v2_shift(v, (int)by, bits, true);
}

/* ---- sums ---- */

struct sums {
	const struct akida_layer *l;
	const int32_t *x; /* inputs, shifted */
	bool narrow;	  /* 32 bits hold every sum */
	int64_t *acc;	  /* [filters] */
	int32_t *acc32;	  /* [filters] */
};

static void add_taps(const struct sums *s, const int32_t *restrict x, const int8_t *restrict w, size_t n, size_t f)
{
	for (size_t i = 0; i < n; i++, w += f) {
		if (!x[i])
			continue;
		if (s->narrow) {
			int32_t *restrict acc = s->acc32, v = x[i];

			for (size_t k = 0; k < f; k++)
				acc[k] += v * w[k];
		} else {
			int64_t *restrict acc = s->acc, v = x[i];

			for (size_t k = 0; k < f; k++)
				acc[k] += v * w[k];
		}
	}
}

static void add_channels(const struct sums *s, const int32_t *restrict x, const int8_t *restrict w, size_t c)
{
	for (size_t k = 0; k < c; k++)
		s->acc[k] += (int64_t)x[k] * w[k];
}

static void add_padding(const struct sums *s, const int8_t *w)
{
	const struct akida_layer *l = s->l;

	for (uint32_t c = 0; l->v2->padding && c < l->in_c; c++) {
		int32_t v = l->v2->padding[c];

		add_taps(s, &v, w + (size_t)c * l->filters, 1, l->filters);
	}
}

static void begin_position(const struct sums *s)
{
	memset(s->acc, 0, s->l->filters * sizeof(*s->acc));
	memset(s->acc32, 0, s->l->filters * sizeof(*s->acc32));
}

static void end_position(const struct sums *s, int64_t *out)
{
	for (uint32_t f = 0; f < s->l->filters; f++)
		out[f] = s->acc[f] + s->acc32[f];
}

static void conv_position(const struct sums *s, uint32_t y, uint32_t x, bool depthwise)
{
	const struct akida_layer *l = s->l;
	size_t tap = (size_t)l->in_c * (depthwise ? 1 : l->filters);
	const int8_t *w = l->weights;

	for (uint32_t ky = 0; ky < l->kernel_h; ky++) {
		int64_t iy = (int64_t)y * l->stride + ky - l->pad_top;

		for (uint32_t kx = 0; kx < l->kernel_w; kx++, w += tap) {
			int64_t ix = (int64_t)x * l->stride + kx - l->pad_left;
			const int32_t *in;

			if (iy < 0 || ix < 0 || iy >= l->in_h || ix >= l->in_w) {
				add_padding(s, w);
				continue;
			}
			in = s->x + ((size_t)iy * l->in_w + (size_t)ix) * l->in_c;
			if (depthwise)
				add_channels(s, in, w, l->in_c);
			else
				add_taps(s, in, w, l->in_c, l->filters);
		}
	}
}

/*
 * Output (y, x) of a transposed convolution gathers inputs i with i * stride + k - pad = y: the adjoint of the Same
 * convolution of the output's size.
 */
static void transposed_position(const struct sums *s, uint32_t y, uint32_t x, bool depthwise)
{
	const struct akida_layer *l = s->l;

	for (uint32_t ky = 0; ky < l->kernel_h; ky++) {
		int64_t sy = (int64_t)y + l->pad_top - ky;

		if (sy < 0 || sy % l->stride || sy / l->stride >= l->in_h)
			continue;
		for (uint32_t kx = 0; kx < l->kernel_w; kx++) {
			int64_t sx = (int64_t)x + l->pad_left - kx;
			size_t k = (size_t)ky * l->kernel_w + kx;
			const int32_t *in;

			if (sx < 0 || sx % l->stride || sx / l->stride >= l->in_w)
				continue;
			in = s->x + ((size_t)(sy / l->stride) * l->in_w + (size_t)(sx / l->stride)) * l->in_c;
			if (depthwise) {
				add_channels(s, in, l->weights + k * l->in_c, l->in_c);
				continue;
			}
			for (uint32_t f = 0; f < l->filters; f++) {
				const int8_t *w = l->weights + (k * l->filters + f) * l->in_c;

				for (uint32_t c = 0; c < l->in_c; c++)
					s->acc[f] += (int64_t)in[c] * w[c];
			}
		}
	}
}

/* state: the newest frame last; x holds all of it, shifted. */
static void temporal_position(const struct sums *s, size_t position, bool depthwise)
{
	const struct akida_layer *l = s->l;
	size_t frame = (size_t)l->in_h * l->in_w * l->in_c;

	for (uint32_t t = 0; t < l->v2->fifo; t++) {
		const int32_t *in = s->x + t * frame + position * l->in_c;

		if (depthwise)
			add_channels(s, in, l->weights + (size_t)t * l->in_c, l->in_c);
		else
			add_taps(s, in, l->weights + (size_t)t * l->in_c * l->filters, l->in_c, l->filters);
	}
}

static size_t input_count(const struct akida_layer *l)
{
	return (size_t)l->in_h * l->in_w * l->in_c * (l->v2->fifo ? l->v2->fifo : 1);
}

/* Inputs with their shifts into x; returns the largest magnitude. */
static int64_t shift_inputs(const struct akida_layer *l, const int32_t *in, int32_t *x)
{
	size_t n = input_count(l);
	int64_t largest = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t v = in[i], a;

		if (l->v2->input_shift && l->v2->input_shift[i % l->in_c])
			v = shifted(v, l->v2->input_shift[i % l->in_c],
				    l->v2->buffer_bits < 32 ? l->v2->buffer_bits : 32);
		a = v < 0 ? -v : v;
		largest = a > largest ? a : largest;
		x[i] = (int32_t)v;
	}
	return largest;
}

static uint64_t taps_of(const struct akida_layer *l)
{
	if (l->type == AKIDA_LAYER_DENSE1D)
		return input_count(l);
	return l->v2->fifo ? (uint64_t)l->v2->fifo * l->in_c : (uint64_t)l->kernel_h * l->kernel_w * l->in_c;
}

static void all_sums(const struct akida_layer *l, const int32_t *in, int64_t *out, int64_t *scratch)
{
	struct sums s = {.l = l, .acc = scratch, .acc32 = (int32_t *)(scratch + l->filters)};
	int32_t *x = s.acc32 + (l->filters + 1) / 2 * 2;
	int64_t largest = shift_inputs(l, in, x);

	s.x = x;
	largest = l->v2->padding && largest < 255 ? 255 : largest;
	s.narrow = (uint64_t)largest * taps_of(l) < (uint64_t)INT32_MAX / 128;
	if (l->type == AKIDA_LAYER_DENSE1D) {
		begin_position(&s);
		add_taps(&s, s.x, l->weights, input_count(l), l->filters);
		end_position(&s, out);
		return;
	}
	for (uint32_t y = 0; y < l->conv_h; y++)
		for (uint32_t ox = 0; ox < l->conv_w; ox++, out += l->filters) {
			begin_position(&s);
			switch (l->type) {
			case AKIDA_LAYER_CONV2D_TRANSPOSE:
			case AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE:
				transposed_position(&s, y, ox, l->type != AKIDA_LAYER_CONV2D_TRANSPOSE);
				break;
			case AKIDA_LAYER_BUFFER_TEMP_CONV:
			case AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV:
				temporal_position(&s, (size_t)y * l->conv_w + ox,
						  l->type != AKIDA_LAYER_BUFFER_TEMP_CONV);
				break;
			default:
				conv_position(&s, y, ox, l->type == AKIDA_LAYER_DEPTHWISE_CONV2D);
				break;
			}
			end_position(&s, out);
		}
}

/* ---- recurrent ---- */

/* One step of every state channel. x: the inputs of the step, shifted; state: real parts, then imaginary. */
static void step(const struct akida_layer *l, const int32_t *x, int32_t *state)
{
	const struct ak_v2 *v = l->v2;
	size_t inputs = (size_t)l->kernel_w * l->in_c, n = v->stateful;

	for (size_t s = 0; s < n; s++) {
		int64_t u = 0, re = state[s], im = state[n + s], real, imag;

		for (size_t i = 0; i < inputs; i++)
			u += (int64_t)x[i] * v->in_proj[i * n + s];
		u = saturate(saturate(u, v->buffer_bits) * v->state_scale[s], v->buffer_bits);
		u = ak_v2_shift(u, v->state_in[s], v->buffer_bits, true);
		real = saturate(saturate(re * v->a_real[s], AK_STATE_BUFFER) -
					saturate(im * v->a_imag[s], AK_STATE_BUFFER),
				AK_STATE_BUFFER);
		imag = saturate(saturate(re * v->a_imag[s], AK_STATE_BUFFER) +
					saturate(im * v->a_real[s], AK_STATE_BUFFER),
				AK_STATE_BUFFER);
		real = saturate(real + u, AK_STATE_BUFFER);
		state[s] = (int32_t)ak_v2_shift(real, -(int)v->state_shift[s], AK_STATE_BITS, true);
		state[n + s] = (int32_t)ak_v2_shift(imag, -(int)v->state_shift[s], AK_STATE_BITS, true);
	}
}

static void recurrent_sums(const struct akida_layer *l, const int32_t *in, int64_t *out, int64_t *scratch,
			   int32_t *state)
{
	size_t inputs = (size_t)l->kernel_w * l->in_c, steps = l->in_w / l->kernel_w;
	int32_t *x = (int32_t *)scratch;

	shift_inputs(l, in, x);
	for (size_t t = 0; t < steps; t++, x += inputs) {
		step(l, x, state);
		if ((t + 1) % l->stride)
			continue;
		memset(out, 0, l->filters * sizeof(*out));
		for (size_t s = 0; s < l->v2->stateful; s++)
			for (uint32_t f = 0; f < l->filters; f++)
				out[f] += (int64_t)state[s] * l->weights[s * l->filters + f];
		out += l->filters;
	}
}

/* ---- after the sum ---- */

static void add_bias(const struct akida_layer *l, int64_t *a, size_t positions)
{
	const struct ak_v2 *v = l->v2;

	for (size_t p = 0; p < positions; p++, a += l->filters)
		for (uint32_t f = 0; f < l->filters; f++)
			a[f] = saturate(saturate(a[f], v->buffer_bits) +
						shifted(v->bias[f], v->bias_shift[f], v->buffer_bits),
					v->buffer_bits);
}

static void pool_max(const struct akida_layer *l, const int64_t *a, int64_t *out)
{
	bool same = l->pool_padding == AKIDA_PAD_SAME;
	uint32_t top = same ? ak_same_pad_before(l->conv_h, l->pool_size, l->pool_stride) : 0;
	uint32_t left = same ? ak_same_pad_before(l->conv_w, l->pool_size, l->pool_stride) : 0;

	for (uint32_t y = 0; y < l->out_h; y++)
		for (uint32_t x = 0; x < l->out_w; x++, out += l->filters)
			for (uint32_t f = 0; f < l->filters; f++) {
				int64_t best = INT64_MIN;

				for (uint32_t k = 0; k < l->pool_size * l->pool_size; k++) {
					int64_t iy = (int64_t)y * l->pool_stride + k / l->pool_size - top;
					int64_t ix = (int64_t)x * l->pool_stride + k % l->pool_size - left;
					int64_t v;

					if (iy < 0 || ix < 0 || iy >= l->conv_h || ix >= l->conv_w)
						continue;
					v = a[((size_t)iy * l->conv_w + (size_t)ix) * l->filters + f];
					best = v > best ? v : best;
				}
				out[f] = best;
			}
}

static int64_t activate(const struct akida_layer *l, uint32_t f, int64_t a)
{
	const struct ak_v2 *v = l->v2;

	if (v->act == AK_V2_ACT_RELU) {
		int64_t high = v->bounded ? (int64_t)v->max_value[f] << v->max_shift[f] : INT64_MAX;

		a = a > 0 ? a : 0;
		return a < high ? a : high;
	}
	if (v->act == AK_V2_ACT_LUT) {
		int64_t i = ak_v2_shift(saturate(a * v->act_scale[f], 33), v->act_shift[f], AK_LUT_BITS, true);

		return v->lut[i + AK_LUT_ENTRIES / 2];
	}
	return a;
}

static void hand_out(const struct akida_layer *l, const int64_t *a, size_t positions, int32_t *out)
{
	const struct ak_v2 *v = l->v2;

	for (size_t p = 0; p < positions; p++, a += l->filters, out += l->filters)
		for (uint32_t f = 0; f < l->filters; f++) {
			int64_t t = a[f];

			if (v->rescale)
				t = ak_v2_shift(v->out_scale ? saturate(t * v->out_scale[f], v->post_op_bits) : t,
						v->out_shift[f], v->output_bits, v->out_signed);
			out[f] = (int32_t)saturate(t, 32);
		}
}

static void run_neural(const struct akida_layer *l, const int32_t *in, int32_t *out, int64_t *scratch, int32_t *state)
{
	size_t conv = (size_t)l->conv_h * l->conv_w, positions = conv;
	int64_t *a = scratch;

	if (l->type == AKIDA_LAYER_STATEFUL_RECURRENT)
		recurrent_sums(l, in, a, scratch + conv * l->filters, state);
	else
		all_sums(l, in, a, scratch + conv * l->filters);
	add_bias(l, a, conv);
	if (l->pool == AKIDA_POOL_MAX) {
		/* windows overlap where the stride is below the size: never in place */
		int64_t *pooled = scratch + conv * l->filters;

		pool_max(l, a, pooled);
		a = pooled;
		positions = (size_t)l->out_h * l->out_w;
	}
	for (size_t i = 0; i < positions * l->filters; i++)
		a[i] = activate(l, (uint32_t)(i % l->filters), a[i]);
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE) {
		for (size_t i = l->filters; i < positions * l->filters; i++)
			a[i % l->filters] += a[i];
		positions = 1;
	}
	hand_out(l, a, positions, out);
}

static void run_add(const struct akida_layer *l, const int32_t *const *in, int32_t *out)
{
	const struct ak_v2 *v = l->v2;
	size_t n = (size_t)l->out_h * l->out_w * l->out_c;

	for (size_t i = 0; i < n; i++) {
		uint32_t f = (uint32_t)(i % l->filters);
		int64_t sum = shifted(in[0][i], v->input_shift[f], v->buffer_bits) +
			      shifted(in[1][i], v->input_shift[l->filters + f], v->buffer_bits);

		sum = saturate(sum, v->buffer_bits);
		if (v->rescale)
			sum = ak_v2_shift(sum, v->out_shift[f], v->output_bits, v->out_signed);
		out[i] = (int32_t)saturate(sum, 32);
	}
}

static void run_concatenate(const struct akida_layer *l, const int32_t *const *in, uint32_t first, int32_t *out)
{
	size_t positions = (size_t)l->out_h * l->out_w, second = l->filters - first;

	for (size_t p = 0; p < positions; p++, out += l->filters) {
		memcpy(out, in[0] + p * first, first * sizeof(*out));
		memcpy(out + first, in[1] + p * second, second * sizeof(*out));
	}
}

/* The oldest frame goes, the new one comes; returns all of them. */
static const int32_t *push_frame(const struct akida_layer *l, const int32_t *in, int32_t *state)
{
	size_t frame = (size_t)l->in_h * l->in_w * l->in_c;

	memmove(state, state + frame, (l->v2->fifo - 1) * frame * sizeof(*state));
	memcpy(state + (l->v2->fifo - 1) * frame, in, frame * sizeof(*state));
	return state;
}

size_t ak_v2_scratch(const struct akida_layer *l)
{
	size_t sums = (size_t)l->conv_h * l->conv_w * l->filters, work = 2 * ((size_t)l->filters + 1) + input_count(l);

	/* the pool's copy and the inputs of the sums are never needed at once */
	return sums + (sums > work ? sums : work);
}

void ak_v2_run(const struct akida_layer *l, const struct akida_layer *layers, const int32_t *const *in, int32_t *out,
	       int64_t *scratch, int32_t *state)
{
	switch (l->type) {
	case AKIDA_LAYER_ADD:
		run_add(l, in, out);
		break;
	case AKIDA_LAYER_CONCATENATE:
		run_concatenate(l, in, layers[l->inbound[0]].out_c, out);
		break;
	case AKIDA_LAYER_INPUT_DATA:
	case AKIDA_LAYER_DEQUANTIZER: /* its codes get their scales where they become float */
		memcpy(out, in[0], (size_t)l->out_h * l->out_w * l->out_c * sizeof(*out));
		break;
	default:
		run_neural(l, l->v2->fifo ? push_frame(l, in[0], state) : in[0], out, scratch, state);
		break;
	}
}
