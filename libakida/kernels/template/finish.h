/* SPDX-License-Identifier: MIT */
/* Part of template.h: what follows the sums. */
/* What is the same for all filters, in registers. */
struct common {
	V add, max;
	unsigned int shift;
};

AI struct common common_of(const struct ak_requantize *q)
{
	return (struct common){v_set(q->add), v_set(q->max), (unsigned int)q->shift};
}

/* Parameters of one vector of filters. */
struct param {
	V mul, lo, hi;
};

AI struct param param_of(const struct ak_post_block *b, unsigned int at, bool clamp)
{
	struct param p = {v_load(b->mul + at), v_zero(), v_zero()};

	if (clamp) {
		p.lo = v_load(b->lo + at);
		p.hi = v_load(b->hi + at);
	}
	return p;
}

/* Bytes may be below 0: stores saturate. */
AI V requantize(enum ak_post post, bool clamp, const struct common *c, const struct param *p, V a)
{
	if (clamp)
		a = v_min(v_max(a, p->lo), p->hi);
	if (post == AK_POST_SHIFT)
		return v_min(v_sra(v_add(v_mul(a, p->mul), c->add), c->shift), c->max);
	return post == AK_POST_CEIL ? v_min(v_ceil_scaled(a, p->mul), c->max) : a;
}

static __attribute__((noinline)) void store_part(enum ak_post post, void *out, V a, uint32_t count)
{
	uint8_t lanes[sizeof(V)];

	if (post == AK_POST_NONE)
		v_store(lanes, a);
	else
		v_store_bytes(lanes, a);
	memcpy(out, lanes, post == AK_POST_NONE ? 4 * (size_t)count : count);
}

/* One vector of filters of one output, `left` of which exist. */
AI void store(enum ak_post post, void *out, size_t at, V y, uint32_t left)
{
	void *to = post == AK_POST_NONE ? (void *)((int32_t *)out + at) : (void *)((uint8_t *)out + at);

	if (left < LANES)
		store_part(post, to, y, left);
	else if (post == AK_POST_NONE)
		v_store(to, y);
	else
		v_store_bytes(to, y);
}

/* nv full vectors of filters, sums in registers; a full block leaves as one vector of bytes. */
AI void finish_block(const struct ak_requantize *q, enum ak_post post, const struct ak_post_block *b, const V *a,
		     int outputs, int nv, uint8_t *out, const uint32_t *out_offset)
{
	struct common c = common_of(q);
	struct param p[FILTER_VECTORS];

#pragma GCC unroll 4
	for (int j = 0; j < nv; j++)
		p[j] = param_of(b + j * LANES / 16, j * LANES % 16, false);
#pragma GCC unroll 8
	for (int i = 0; i < outputs; i++) {
		V y[FILTER_VECTORS];

#pragma GCC unroll 4
		for (int j = 0; j < nv; j++) {
			y[j] = requantize(post, false, &c, &p[j], a[i * nv + j]);
			if (nv < FILTER_VECTORS)
				v_store_bytes(out + out_offset[i] + j * LANES, y[j]);
		}
		if (nv == FILTER_VECTORS)
			v_store_block(out + out_offset[i], y);
	}
}

/*
 * Sums of `outputs` outputs of nv vectors as a tile left them in memory, window positions each. A full block leaves as one
 * vector of bytes.
 */
AI void finish(const struct ak_requantize *q, enum ak_post post, bool clamp, uint32_t window,
	       const struct ak_post_block *b, const V *a, int outputs, int nv, uint32_t left, void *out,
	       const uint32_t *out_offset)
{
	struct common c = common_of(q);
	struct param p[8];
	V total[8];

#pragma GCC unroll 8
	for (int j = 0; j < nv; j++) {
		p[j] = param_of(b + j * LANES / 16, j * LANES % 16, clamp);
		total[j] = post == AK_POST_SUM ? v_load((int32_t *)out + j * LANES) : v_zero();
	}
#pragma GCC unroll 1
	for (int i = 0; i < outputs; i++, a += (int)window * nv) {
		V y[8];

#pragma GCC unroll 8
		for (int j = 0; j < nv; j++) {
			y[j] = a[j];
			if (window == 4)
				y[j] = v_max(v_max(a[j], a[j + nv]), v_max(a[j + 2 * nv], a[j + 3 * nv]));
			y[j] = requantize(post, clamp, &c, &p[j], y[j]);
			total[j] = v_add(total[j], y[j]);
		}
		if (post == AK_POST_SUM)
			continue;
		if (nv == FILTER_VECTORS && post != AK_POST_NONE && left >= FILTER_VECTORS * LANES) {
			v_store_block((uint8_t *)out + out_offset[i], y);
			continue;
		}
#pragma GCC unroll 8
		for (int j = 0; j < nv; j++)
			if ((uint32_t)j * LANES < left)
				store(post, out, (size_t)out_offset[i] + (size_t)j * LANES, y[j],
				      left - (uint32_t)j * LANES);
	}
#pragma GCC unroll 8
	for (int j = 0; j < nv && post == AK_POST_SUM; j++)
		v_store((int32_t *)out + j * LANES, total[j]);
}

/* The same for what is known at run time only. */
AI void finish_any(const struct ak_requantize *q, uint32_t window, const struct ak_post_block *b, const V *a,
		   int outputs, int nv, uint32_t left, void *out, const uint32_t *out_offset)
{
	switch (q->post) {
	case AK_POST_SHIFT:
		if (q->clamp)
			finish(q, AK_POST_SHIFT, true, window, b, a, outputs, nv, left, out, out_offset);
		else
			finish(q, AK_POST_SHIFT, false, window, b, a, outputs, nv, left, out, out_offset);
		break;
	case AK_POST_CEIL:
		finish(q, AK_POST_CEIL, false, window, b, a, outputs, nv, left, out, out_offset);
		break;
	case AK_POST_SUM:
		if (q->clamp)
			finish(q, AK_POST_SUM, true, window, b, a, outputs, nv, left, out, out_offset);
		else
			finish(q, AK_POST_SUM, false, window, b, a, outputs, nv, left, out, out_offset);
		break;
	case AK_POST_NONE:
		if (q->clamp)
			finish(q, AK_POST_NONE, true, window, b, a, outputs, nv, left, out, out_offset);
		else
			finish(q, AK_POST_NONE, false, window, b, a, outputs, nv, left, out, out_offset);
		break;
	}
}

#define FINISH(nv)                                                                                                     \
	static __attribute__((noinline)) void finish_##nv(const struct ak_requantize *q, uint32_t window,              \
							  const struct ak_post_block *b, const V *a, int outputs,      \
							  uint32_t left, void *out, const uint32_t *out_offset)        \
	{                                                                                                              \
		if (window == 4)                                                                                       \
			finish_any(q, 4, b, a, outputs, nv, left, out, out_offset);                                    \
		else                                                                                                   \
			finish_any(q, 1, b, a, outputs, nv, left, out, out_offset);                                    \
	}
FINISH(1)
FINISH(2)
FINISH(4)
#if FILTER_VECTORS == 4
FINISH(3)
#endif
FINISH(8)
