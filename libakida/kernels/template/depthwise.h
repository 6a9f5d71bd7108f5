/* SPDX-License-Identifier: MIT */
/* Part of template.h: depthwise convolutions to bytes and to int16. */
struct column {
	X x[4];
};

/* Up to 4 rows of one column of taps, a group of 4 bytes per channel. */
AI struct column column_of(const uint8_t *in, size_t pitch, int rows)
{
	V r0 = v_load(in), r1 = rows > 1 ? v_load(in + pitch) : v_zero();
	V r2 = rows > 2 ? v_load(in + 2 * pitch) : v_zero(), r3 = rows > 3 ? v_load(in + 3 * pitch) : v_zero();
	V l01 = v_unpack_low8(r0, r1), h01 = v_unpack_high8(r0, r1);
	V l23 = v_unpack_low8(r2, r3), h23 = v_unpack_high8(r2, r3);

	return (struct column){{inputs_of(v_unpack_low16(l01, l23)), inputs_of(v_unpack_high16(l01, l23)),
				inputs_of(v_unpack_low16(h01, h23)), inputs_of(v_unpack_high16(h01, h23))}};
}

AI void add_column(V a[4], const struct column *c, const int8_t *w)
{
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
		a[j] = dot4(a[j], c->x[j], weights_of(v_load(w + sizeof(V) * (size_t)j)));
}

/* left: channels of the unit that exist. */
AI void finish_unit(const struct ak_post_block *b, const struct common *c, bool clamp, V a[4], uint32_t left,
		    uint8_t *out)
{
	V y[4], low, high;

#pragma GCC unroll 4
	for (int j = 0; j < 4; j++) {
		struct param p = param_of(b + j * LANES / 16, j * LANES % 16, clamp);

		y[j] = requantize(AK_POST_SHIFT, clamp, c, &p, a[j]);
	}
	low = v_pack32(y[0], y[1]);
	high = v_pack32(y[2], y[3]);
	if (left >= 4 * LANES)
		v_store(out, v_pack16(low, high));
	else
		v_store_some(out, v_pack16(low, high), left);
}

AI void start_unit(const struct ak_post_block *b, V a[4])
{
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
		a[j] = v_load(b[j * LANES / 16].bias + j * LANES % 16);
}

/* 3 x 3 at stride 1, along a row or down a column: each column (or row) of taps serves three outputs. */
AI void unit_3x3(const struct ak_depthwise *d, bool clamp, const struct ak_post_block *b, const int8_t *w,
		 uint32_t left, const uint8_t *in, size_t tap_step, size_t in_step, uint8_t *out, size_t out_step,
		 uint32_t count)
{
	struct common q = common_of(&d->q);
	struct column c0 = column_of(in, tap_step, 3), c1 = column_of(in + in_step, tap_step, 3), c2;

	in += 2 * in_step;
	for (; count; count--, in += in_step, out += out_step) {
		V a[4];

		start_unit(b, a);
		c2 = column_of(in, tap_step, 3);
		add_column(a, &c0, w);
		add_column(a, &c1, w + 4 * sizeof(V));
		add_column(a, &c2, w + 8 * sizeof(V));
		finish_unit(b, &q, clamp, a, left, out);
		c0 = c1;
		c1 = c2;
	}
}

AI void unit_row(const struct ak_depthwise *d, bool clamp, const struct ak_post_block *b, const int8_t *weights,
		 uint32_t left, const uint8_t *in, uint8_t *out, size_t out_step)
{
	struct common q = common_of(&d->q);

	for (uint32_t x = 0; x < d->out_w; x++, in += (size_t)d->stride * d->channels, out += out_step) {
		const int8_t *w = weights;
		V a[4];

		start_unit(b, a);
		for (uint32_t kx = 0; kx < d->kernel_w; kx++)
			for (uint32_t ky = 0; ky < d->kernel_h; ky += 4, w += 4 * sizeof(V)) {
				const uint8_t *at = in + ky * (size_t)d->in_pitch + (size_t)kx * d->channels;
				uint32_t rows = d->kernel_h - ky;
				struct column c;

				if (rows == 3)
					c = column_of(at, d->in_pitch, 3);
				else if (rows >= 4)
					c = column_of(at, d->in_pitch, 4);
				else if (rows == 2)
					c = column_of(at, d->in_pitch, 2);
				else
					c = column_of(at, d->in_pitch, 1);
				add_column(a, &c, w);
			}
		finish_unit(b, &q, clamp, a, left, out);
	}
}

AI void unit_map_3x3(const struct ak_depthwise *d, bool clamp, const struct ak_post_block *b, const int8_t *w,
		     uint32_t left, const uint8_t *in, uint8_t *out, uint32_t rows)
{
	size_t pitch = d->in_pitch, c = d->channels;

	if (d->down)
		for (uint32_t x = 0; x < d->out_w; x++)
			unit_3x3(d, clamp, b, w, left, in + x * c, c, pitch, out + x * c, d->out_pitch, rows);
	else
		for (uint32_t y = 0; y < rows; y++)
			unit_3x3(d, clamp, b, w, left, in + y * pitch, pitch, c, out + (size_t)y * d->out_pitch, c,
				 d->out_w);
}

AI void unit_map(const struct ak_depthwise *d, bool clamp, const struct ak_post_block *b, const int8_t *w,
		 uint32_t left, const uint8_t *in, uint8_t *out, uint32_t rows)
{
	for (uint32_t y = 0; y < rows; y++)
		unit_row(d, clamp, b, w, left, in + (size_t)y * d->stride * d->in_pitch, out + (size_t)y * d->out_pitch,
			 d->channels);
}

static void depthwise(const struct ak_depthwise *d, const uint8_t *in, void *out, uint32_t rows)
{
	bool rolling = d->kernel_h == 3 && d->kernel_w == 3 && d->stride == 1;
	uint32_t unit = 4 * LANES;
	size_t weights = sizeof(V) * 4 * (size_t)d->groups;

	for (uint32_t c = 0; c < d->channels; c += unit) {
		const struct ak_post_block *b = d->blocks + c / 16;
		const int8_t *w = d->weights + c / unit * weights;
		uint32_t left = d->channels - c;
		uint8_t *to = (uint8_t *)out + c;

		if (rolling && d->q.clamp)
			unit_map_3x3(d, true, b, w, left, in + c, to, rows);
		else if (rolling)
			unit_map_3x3(d, false, b, w, left, in + c, to, rows);
		else if (d->q.clamp)
			unit_map(d, true, b, w, left, in + c, to, rows);
		else
			unit_map(d, false, b, w, left, in + c, to, rows);
	}
}

/* ---- int16 sums: inputs of few bits, weights in pairs of rows ---- */

struct column16 {
	V low[2], high[2]; /* rows 0 and 1, rows 2 and 3 */
};

AI struct column16 column16_of(const uint8_t *in, size_t pitch)
{
	V r0 = v_load(in), r1 = v_load(in + pitch), r2 = v_load(in + 2 * pitch);

	return (struct column16){{v_unpack_low8(r0, r1), v_unpack_low8(r2, v_zero())},
				 {v_unpack_high8(r0, r1), v_unpack_high8(r2, v_zero())}};
}

AI void add_column16(V a[2], const struct column16 *c, const int8_t *w)
{
#pragma GCC unroll 2
	for (int g = 0; g < 2; g++) {
		a[0] = v_add16(a[0], v_maddubs(c->low[g], v_load(w + sizeof(V) * (size_t)(2 * g))));
		a[1] = v_add16(a[1], v_maddubs(c->high[g], v_load(w + sizeof(V) * (size_t)(2 * g + 1))));
	}
}

static void unit16_3x3(const int8_t *w, const uint8_t *in, size_t tap_step, size_t in_step, uint8_t *out,
		       size_t out_step, uint32_t count)
{
	struct column16 c0 = column16_of(in, tap_step), c1 = column16_of(in + in_step, tap_step), c2;

	in += 2 * in_step;
	for (; count; count--, in += in_step, out += out_step) {
		V a[2] = {v_zero(), v_zero()};

		c2 = column16_of(in, tap_step);
		add_column16(a, &c0, w);
		add_column16(a, &c1, w + 4 * sizeof(V));
		add_column16(a, &c2, w + 8 * sizeof(V));
		v_store(out, a[0]);
		v_store(out + sizeof(V), a[1]);
		c0 = c1;
		c1 = c2;
	}
}

static void unit_row16(const struct ak_depthwise *d, const int8_t *weights, const uint8_t *in, uint8_t *out,
		       size_t step)
{
	for (uint32_t x = 0; x < d->out_w; x++, in += (size_t)d->stride * d->channels, out += step) {
		const int8_t *w = weights;
		V a[2] = {v_zero(), v_zero()};

		for (uint32_t kx = 0; kx < d->kernel_w; kx++)
			for (uint32_t ky = 0; ky < d->kernel_h; ky += 2, w += 2 * sizeof(V)) {
				const uint8_t *at = in + ky * (size_t)d->in_pitch + (size_t)kx * d->channels;
				V r0 = v_load(at), r1 = ky + 1 < d->kernel_h ? v_load(at + d->in_pitch) : v_zero();

				a[0] = v_add16(a[0], v_maddubs(v_unpack_low8(r0, r1), v_load(w)));
				a[1] = v_add16(a[1], v_maddubs(v_unpack_high8(r0, r1), v_load(w + sizeof(V))));
			}
		v_store(out, a[0]);
		v_store(out + sizeof(V), a[1]);
	}
}

static void unit16_map_3x3(const struct ak_depthwise *d, const int8_t *w, const uint8_t *in, uint8_t *out, size_t step,
			   uint32_t rows)
{
	size_t pitch = d->in_pitch, c = d->channels;

	if (d->down)
		for (uint32_t x = 0; x < d->out_w; x++)
			unit16_3x3(w, in + x * c, c, pitch, out + x * step, d->out_pitch, rows);
	else
		for (uint32_t y = 0; y < rows; y++)
			unit16_3x3(w, in + y * pitch, pitch, c, out + (size_t)y * d->out_pitch, step, d->out_w);
}

static void depthwise16(const struct ak_depthwise *d, const uint8_t *in, void *out, uint32_t rows)
{
	bool rolling = d->kernel_h == 3 && d->kernel_w == 3 && d->stride == 1;
	uint32_t unit = 4 * LANES, padded = (d->channels + unit - 1) / unit * unit;
	size_t step = 2 * (size_t)padded, weights = sizeof(V) * 2 * (size_t)d->groups;

	for (uint32_t c = 0; c < d->channels; c += unit) {
		const int8_t *w = d->weights + c / unit * weights;
		uint8_t *to = (uint8_t *)out + 2 * (size_t)c;

		if (rolling)
			unit16_map_3x3(d, w, in + c, to, step, rows);
		for (uint32_t y = 0; y < rows && !rolling; y++)
			unit_row16(d, w, in + c + (size_t)y * d->stride * d->in_pitch, to + (size_t)y * d->out_pitch,
				   step);
	}
}
