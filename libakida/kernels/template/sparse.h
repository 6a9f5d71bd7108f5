/* SPDX-License-Identifier: MIT */
/*
 * Part of template.h for 512-bit vectors: convolutions over inputs that are mostly zero. Once per frame every pixel lists
 * its events, the inputs that are not zero, pixel after pixel, so that the events a kernel row meets lie side by side. Four
 * of them, wherever they come from, make the products of a lane: their rows of weights are woven together. Chosen for a
 * layer's frame by what a few of its positions show.
 */
#define SPARSE_SAMPLES 16u
#define EVENT_ROW (4u * LANES) /* weights of an input: a byte for each filter of a block */

struct events {
	const uint32_t *start; /* [pixels + 1] first event of each pixel */
	const uint32_t *index; /* which input it is, counted from the first pixel in steps of EVENT_ROW */
	const uint8_t *value;
	uint32_t first; /* in_offset of the first pixel */
};

/* Lists n pixels at `in`; memory: AK_EVENTS_BYTES of them. */
static void list_events(const struct ak_conv *c, const uint8_t *in, uint32_t n, uint8_t *memory, struct events *e)
{
	uint32_t *start = (uint32_t *)memory, *index = start + n + 1, total = 0, input = 0;
	uint8_t *value = (uint8_t *)(index + (size_t)n * c->pixel + LANES);

	e->start = start;
	e->index = index;
	e->value = value;
	for (uint32_t i = 0; i < n; i++) {
		start[i] = total;
		for (uint32_t k = 0; k < c->pixel; k += LANES, input += LANES, in += LANES)
			total += v_list_events(index + total, value + total, input, in);
	}
	start[n] = total;
}

/* Four events and the rows of weights that their indices lead to. */
AI void weave(const uint8_t *value, const uint32_t *index, uintptr_t weights, V *s)
{
	V x = v_spread(value), w[4], a, b, c, d;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		w[i] = v_load((const uint8_t *)(weights + index[i]));
	a = v_unpack_low8(w[0], w[1]);
	b = v_unpack_high8(w[0], w[1]);
	c = v_unpack_low8(w[2], w[3]);
	d = v_unpack_high8(w[2], w[3]);
	s[0] = dot4_small(s[0], x, v_unpack_low16(a, c));
	s[1] = dot4_small(s[1], x, v_unpack_high16(a, c));
	s[2] = dot4_small(s[2], x, v_unpack_low16(b, d));
	s[3] = dot4_small(s[3], x, v_unpack_high16(b, d));
}

/*
 * Sums of the position whose first pixel is p. Rows are taken four events at a time; what is left of them is collected and
 * taken together, filled up with zeros.
 */
AI void event_sums(const struct tile *t, const uint8_t *weights, const struct events *e, uint32_t p, V *a)
{
	const struct ak_conv *c = t->c;
	const uint32_t per_pixel = c->pixel * EVENT_ROW, row_pixels = c->row_pitch / c->pixel, taps = c->taps;
	const uint32_t *start = e->start + p;
	uint32_t left = 0, base = 0u - p * per_pixel; /* added to an index: its place among the weights */
	uint32_t left_index[4 * AK_EVENT_ROWS + 4];
	uint8_t left_value[4 * AK_EVENT_ROWS + 4];
	V s[4];

#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
		s[j] = v_load(t->blocks[j].bias);
	for (uint32_t y = c->rows; y; y--, start += row_pixels, base += (taps - row_pixels) * per_pixel) {
		const uint32_t *index = e->index + start[0], *end = e->index + start[taps];
		const uint8_t *value = e->value + start[0];
		uintptr_t w = (uintptr_t)weights + (uintptr_t)(intptr_t)(int32_t)base;

		for (; index + 4 <= end; index += 4, value += 4)
			weave(value, index, w, s);
		memcpy(left_value + left, value, 4);
		for (uint32_t k = 0; k < 4; k++)
			left_index[left + k] = index[k] + base;
		left += (uint32_t)(end - index);
	}
	memset(left_value + left, 0, 4);
	memset(left_index + left, 0, 4 * sizeof(*left_index));
	for (uint32_t i = 0; i < left; i += 4)
		weave(left_value + i, left_index + i, (uintptr_t)weights, s);
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
		a[j] = s[j];
}

/* Outputs of one block of filters. */
static __attribute__((noinline)) void events_block(const struct tile *t, const uint8_t *weights, const struct events *e,
						   size_t first, size_t end)
{
	const struct ak_conv *c = t->c;
	const uint32_t *off = c->in_offset + first * c->window;

	while (first < end) {
		uint32_t most = 8 / c->window, n = end - first < most ? (uint32_t)(end - first) : most;
		V a[8 * 4];

		for (uint32_t i = 0; i < n * c->window; i++, off++)
			event_sums(t, weights, e, (*off - e->first) / c->pixel, a + i * 4);
		finish_4(&c->q, c->window, t->blocks, a, (int)n, t->left, t->out, c->out_offset + first);
		first += n;
	}
}

/* The pixels that outputs first .. end-1 see. */
static uint32_t pixels_of(const struct ak_conv *c, size_t first, size_t end, uint32_t *from)
{
	const uint32_t *off = c->in_offset + (end - 1) * c->window;
	uint32_t last = off[0];

	for (uint32_t i = 1; i < c->window; i++)
		last = off[i] > last ? off[i] : last;
	*from = c->in_offset[first * c->window];
	return (last - *from + (c->rows - 1) * c->row_pitch) / c->pixel + c->taps;
}

static void sparse_conv(const struct ak_conv *c, const uint8_t *in, void *out, size_t first, size_t end, void *memory)
{
	const uint8_t *w = c->event_weights;
	struct events e;
	uint32_t n = pixels_of(c, first, end, &e.first);

	list_events(c, in + e.first, n, memory, &e);
	for (uint32_t f = 0; f < c->filters; f += 4 * LANES, w += (size_t)EVENT_ROW * c->rows * c->taps * c->pixel) {
		struct tile t = {.c = c, .blocks = c->blocks + f / 16, .left = c->filters - f};

		t.out = c->q.post == AK_POST_NONE || c->q.post == AK_POST_SUM ? (void *)((int32_t *)out + f)
									      : (void *)((uint8_t *)out + f);
		events_block(&t, w, &e, first, end);
	}
}

/* Costs beside SPARSE_DENSE_COST of four inputs and one vector of filters. */
#define SPARSE_EVENT_COST 19u /* an event and its block of filters */
#define SPARSE_POSITION_COST 300u
#define SPARSE_ROW_COST 70u	/* of a position: the end of a row is not foreseen */
#define SPARSE_LIST_COST 4u	/* an input, once a frame */
#define SPARSE_WORK_MIN 100000u /* products of vectors: below, looking costs more than it may gain */

static uint32_t events_seen(const struct ak_conv *c, const uint8_t *in)
{
	uint32_t n = 0;

	for (uint32_t y = 0; y < c->rows; y++, in += c->row_pitch)
		n += (uint32_t)nonzero(in, (size_t)c->taps * c->pixel);
	return n;
}

static bool sparse_pays(const struct ak_conv *c, const uint8_t *in, size_t first, size_t end)
{
	size_t positions = (end - first) * c->window, step = positions / SPARSE_SAMPLES;
	uint32_t blocks = c->filters / (4 * LANES), dense = c->nk * 4 * blocks * SPARSE_DENSE_COST, fixed, seen = 0,
		 from;

	if (c->sparse == AK_SPARSE_NEVER || !c->event_weights || first >= end || (!SMALL_ALWAYS && !c->sum_limit))
		return false;
	if (c->sparse == AK_SPARSE_ALWAYS)
		return true;
	fixed = (SPARSE_POSITION_COST + c->rows * SPARSE_ROW_COST) * blocks;
	fixed += (uint32_t)((uint64_t)pixels_of(c, first, end, &from) * c->pixel * SPARSE_LIST_COST / positions);
	if (fixed >= dense || positions * c->nk * blocks < SPARSE_WORK_MIN)
		return false;
	for (uint32_t i = 0; i < SPARSE_SAMPLES; i++) {
		size_t at = i * step + (i * 2654435761u >> 8) % step; /* anywhere: columns at the edge see padding */

		seen += events_seen(c, in + c->in_offset[first * c->window + at]);
	}
	return seen * blocks * SPARSE_EVENT_COST < SPARSE_SAMPLES * (dense - fixed);
}
