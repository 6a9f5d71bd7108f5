/* SPDX-License-Identifier: MIT */
/*
 * Part of template.h for 512-bit vectors: convolutions over inputs that are mostly zero. Each position lists its groups of four inputs that are
 * not all zero and meets the weights of those only. Chosen for a layer's frame by what a few of its positions show.
 */
#define SPARSE_SAMPLES 16u
#define SPARSE_GROUPS 1152u /* the most groups of a position: 3 x 3 x 512 inputs */

/* Groups of a position that are not zero, in ascending order; list has room for LANES more. */
AI uint32_t list_groups(const struct ak_conv *c, const uint8_t *in, uint32_t *list)
{
	uint32_t n = 0, row_groups = c->nk / c->rows, k = 0;

	for (uint32_t y = 0; y < c->rows; y++, in += c->row_pitch, k += row_groups)
		for (uint32_t g = 0; g < row_groups; g += LANES)
			n += v_list_nonzero(list + n, k + g, v_load(in + 4 * (size_t)g), row_groups - g);
	return n;
}

/* Sums of one position: `chains` for each filter, so that none waits for another. */
AI void sparse_sums(const struct tile *t, const uint8_t *in, int nv, int chains, V *a)
{
	const uint8_t *weights = t->weights;
	const int32_t *k_offset = t->c->k_offset;
	uint32_t list[SPARSE_GROUPS + LANES], n = list_groups(t->c, in, list), i = 0;
	V s[4][4];

#pragma GCC unroll 4
	for (int u = 0; u < chains; u++)
#pragma GCC unroll 4
		for (int j = 0; j < nv; j++)
			s[u][j] = u ? v_zero() : v_load(t->blocks[j * LANES / 16].bias + j * LANES % 16);
	for (; i + (uint32_t)chains <= n; i += (uint32_t)chains) {
#pragma GCC unroll 4
		for (int u = 0; u < chains; u++) {
			uint32_t k = list[i + (uint32_t)u];
			const uint8_t *w = weights + (size_t)k * sizeof(V) * (size_t)nv;
			V x = v_spread(in + k_offset[k]);

#pragma GCC unroll 4
			for (int j = 0; j < nv; j++)
				s[u][j] = dot4_small(s[u][j], x, v_load(w + sizeof(V) * (size_t)j));
		}
	}
	for (; i < n; i++) {
		const uint8_t *w = weights + (size_t)list[i] * sizeof(V) * (size_t)nv;
		V x = v_spread(in + k_offset[list[i]]);

#pragma GCC unroll 4
		for (int j = 0; j < nv; j++)
			s[0][j] = dot4_small(s[0][j], x, v_load(w + sizeof(V) * (size_t)j));
	}
#pragma GCC unroll 4
	for (int j = 0; j < nv; j++) {
		a[j] = s[0][j];
#pragma GCC unroll 4
		for (int u = 1; u < chains; u++)
			a[j] = v_add(a[j], s[u][j]);
	}
}

#define SPARSE(nv, chains)                                                                                             \
	static void sparse_##nv(const struct tile *t, size_t first, size_t end)                                        \
	{                                                                                                              \
		const struct ak_conv *c = t->c;                                                                        \
		const uint32_t *off = c->in_offset + first * c->window;                                                \
                                                                                                                       \
		for (; first < end; first++, off += c->window) {                                                       \
			V a[4 * nv];                                                                                   \
                                                                                                                       \
			for (uint32_t i = 0; i < c->window; i++)                                                       \
				sparse_sums(t, t->in + off[i], nv, chains, a + i * nv);                                \
			finish_##nv(&c->q, c->window, t->blocks, a, 1, t->left, t->out, c->out_offset + first);        \
		}                                                                                                      \
	}
SPARSE(1, 4)
SPARSE(2, 4)
SPARSE(3, 2)
SPARSE(4, 2)

static void sparse_block(const struct tile *t, uint32_t nv, size_t first, size_t end)
{
	if (nv == 1)
		sparse_1(t, first, end);
	else if (nv == 2)
		sparse_2(t, first, end);
	else if (nv == 3)
		sparse_3(t, first, end);
	else
		sparse_4(t, first, end);
}

/*
 * Costs in sixteenths of a cycle: a listed group loads the weights of all filters and an input, where a dense one meets
 * weights that several positions share.
 */
#define SPARSE_LOAD_COST 12u
#define SPARSE_LIST_COST 4u /* per group looked at */
#define SPARSE_POSITION_COST 540u
#define SPARSE_WORK_MIN 100000u /* products of vectors: below, looking costs more than it may gain */

static bool sparse_pays(const struct ak_conv *c, const uint8_t *in, size_t first, size_t end)
{
	uint32_t list[SPARSE_GROUPS + LANES];
	size_t positions = (end - first) * c->window, step = positions / SPARSE_SAMPLES;
	uint32_t vectors = (c->filters + LANES - 1) / LANES, nv = vectors > FILTER_VECTORS ? FILTER_VECTORS : vectors;
	uint32_t dense = c->nk * nv * SPARSE_DENSE_COST, fixed = c->nk * SPARSE_LIST_COST + SPARSE_POSITION_COST;
	uint32_t listed = 0;

	if (c->sparse == AK_SPARSE_NEVER || c->pairs || !c->rows || c->nk > SPARSE_GROUPS)
		return false;
	if (!SMALL_ALWAYS && !c->sum_limit)
		return false;
	if (c->sparse == AK_SPARSE_ALWAYS)
		return true;
	if (fixed >= dense || positions * c->nk * vectors < SPARSE_WORK_MIN)
		return false;
	for (uint32_t i = 0; i < SPARSE_SAMPLES; i++) {
		size_t at = i * step + (i * 2654435761u >> 8) % step; /* anywhere: columns at the edge see padding */

		listed += list_groups(c, in + c->in_offset[first * c->window + at], list);
	}
	return listed * (nv + 1) * SPARSE_LOAD_COST < SPARSE_SAMPLES * (dense - fixed);
}
