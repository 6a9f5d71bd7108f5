/* SPDX-License-Identifier: MIT */
/* Part of template.h: one position, weights of 8, 4, 2 or 1 bits. */
AI V plane(V packed, unsigned int bits, unsigned int j)
{
	return v_and(v_shift_right16(packed, bits * j), v_bytes((uint8_t)((1u << bits) - 1u)));
}

/*
 * A block of filters: `vectors` of weights side by side, each of 8 / bits vectors of filters. Always eight sums: several per
 * filter where a block has fewer, so that none waits for another; nk is a multiple of 8.
 */
AI void dense_block(const struct ak_dense *d, const uint8_t *in, const uint8_t *w, unsigned int bits, int vectors,
		    bool small, V *a)
{
	int planes = 8 / (int)bits, n = vectors * planes, copies = 8 / n;
	V s[8];

#pragma GCC unroll 8
	for (int i = 0; i < 8; i++)
		s[i] = i < n ? a[i] : v_zero();
	for (uint32_t k = 0; k < d->nk; k += (uint32_t)copies) {
#pragma GCC unroll 8
		for (int u = 0; u < copies; u++, w += sizeof(V) * (size_t)vectors) {
			V x = v_spread(in + d->k_offset[k + (uint32_t)u]);

#pragma GCC unroll 8
			for (int v = 0; v < vectors; v++) {
				V packed = v_load(w + sizeof(V) * (size_t)v);

				if (bits < 8) /* unpacking keeps the loads from running ahead far enough */
					__builtin_prefetch(w + 2048 + sizeof(V) * (size_t)v);

#pragma GCC unroll 8
				for (int j = 0; j < planes; j++) {
					V one = bits == 8 ? packed : plane(packed, bits, (unsigned int)j);
					V *sum = &s[u * n + v * planes + j];

					*sum = small ? dot4_small(*sum, x, one)
						     : dot4(*sum, inputs_of(x), weights_of(one));
				}
			}
		}
	}
#pragma GCC unroll 8
	for (int i = 0; i < n; i++) {
		a[i] = s[i];
#pragma GCC unroll 8
		for (int u = 1; u < copies; u++)
			a[i] = v_add(a[i], s[u * n + i]);
	}
}

/* Sum of all bytes that weights meet. */
AI int32_t sum_inputs(const struct ak_dense *d, const uint8_t *in, bool small)
{
	V s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
	int32_t lane[LANES];

	for (uint32_t k = 0; k < d->nk; k += 4) /* every weight carries the offset, those that weigh nothing too */
#pragma GCC unroll 4
		for (uint32_t u = 0; u < 4; u++) {
			V x = v_spread(in + d->k_offset[k + u]);

			s[u] = small ? dot4_small(s[u], x, v_bytes(1))
				     : dot4(s[u], inputs_of(x), weights_of(v_bytes(1)));
		}
	v_store(lane, v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
	return lane[0];
}

AI void dense_run(const struct ak_dense *d, const uint8_t *in, void *out, unsigned int bits, int vectors, bool small)
{
	V shift = d->offset ? v_set(-(int32_t)d->offset * sum_inputs(d, in, small)) : v_zero();
	size_t block = sizeof(V) * (size_t)vectors * d->nk;
	int n = vectors * 8 / (int)bits;
	uint32_t wide = (uint32_t)n * LANES;

	for (uint32_t f = 0; f < d->filters; f += wide) {
		const struct ak_post_block *b = d->blocks + f / 16;
		uint32_t left = d->filters - f;
		V a[8];

#pragma GCC unroll 8
		for (int j = 0; j < n; j++)
			a[j] = v_add(shift, v_load(b[j * LANES / 16].bias + j * LANES % 16));
		dense_block(d, in, d->weights + f / wide * block, bits, vectors, small, a);
		if (n == 8)
			finish_8(&d->q, 1, b, a, 1, left, out, &f);
		else if (n == 4)
			finish_4(&d->q, 1, b, a, 1, left, out, &f);
		else if (n == 2)
			finish_2(&d->q, 1, b, a, 1, left, out, &f);
		else
			finish_1(&d->q, 1, b, a, 1, left, out, &f);
	}
}

#define DENSE_RUN(bits, vectors)                                                                                       \
	do {                                                                                                           \
		if (SMALL_ALWAYS || d->small)                                                                          \
			dense_run(d, in, out, bits, vectors, true);                                                    \
		else                                                                                                   \
			dense_run(d, in, out, bits, vectors, false);                                                   \
	} while (0)

static void dense(const struct ak_dense *d, const uint8_t *in, void *out)
{
	if (d->bits == 4)
		DENSE_RUN(4, 4);
	else if (d->bits == 2)
		DENSE_RUN(2, 2);
	else if (d->bits == 1)
		DENSE_RUN(1, 1);
	else if (d->vectors == 8)
		DENSE_RUN(8, 8);
	else if (d->vectors == 4)
		DENSE_RUN(8, 4);
	else if (d->vectors == 2)
		DENSE_RUN(8, 2);
	else
		DENSE_RUN(8, 1);
}
