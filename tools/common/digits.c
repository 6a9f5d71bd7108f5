/* SPDX-License-Identifier: MIT */
/*
 * Digits as strokes: polylines and arcs in a unit square, each control point jittered, the whole bent by a random affine
 * map (turn, shear, stretch), drawn with a round pen of random width, centred by mass, with a little noise in the ink.
 * Only additions, multiplications, divisions and square roots of doubles are used, so the images do not depend on a
 * machine's mathematical library.
 */
#include <stdbool.h>
#include <string.h>
#include "common/digits.h"

#define POINTS_MAX 96
#define SIDE DIGITS_SIDE

struct point {
	double x, y;
};
struct stroke {
	uint32_t n;
	struct point p[POINTS_MAX];
};
struct figure {
	uint32_t n;
	struct stroke s[3];
};
struct rng {
	uint64_t s;
};

/* splitmix64 */
static uint64_t next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static double uniform(struct rng *r, double lo, double hi)
{
	return lo + (hi - lo) * (double)(next(r) >> 11) * (1.0 / 9007199254740992.0);
}

/* Close enough to normal for jitter. */
static double bell(struct rng *r, double deviation)
{
	double sum = 0;

	for (int i = 0; i < 4; i++)
		sum += uniform(r, -1, 1);
	return sum * deviation * 0.866;
}

static double root(double v)
{
	double x = v > 1 ? v : 1;

	if (v <= 0)
		return 0;
	for (int i = 0; i < 24; i++)
		x = 0.5 * (x + v / x);
	return x;
}

/* A smooth curve through control points (Catmull-Rom), appended to a stroke. */
static void curve(struct stroke *s, const struct point *c, uint32_t n, struct rng *r, double jitter)
{
	struct point q[12];

	for (uint32_t i = 0; i < n; i++) {
		q[i].x = c[i].x + bell(r, jitter);
		q[i].y = c[i].y + bell(r, jitter);
	}
	for (uint32_t i = 0; i + 1 < n; i++) {
		struct point a = q[i ? i - 1 : 0], b = q[i], d = q[i + 1], e = q[i + 2 < n ? i + 2 : n - 1];

		for (uint32_t k = 0; k < 8 && s->n < POINTS_MAX; k++) {
			double t = (double)k / 8, t2 = t * t, t3 = t2 * t;
			struct point *o = &s->p[s->n++];

			o->x = 0.5 * (2 * b.x + (d.x - a.x) * t + (2 * a.x - 5 * b.x + 4 * d.x - e.x) * t2 +
				      (3 * b.x - a.x - 3 * d.x + e.x) * t3);
			o->y = 0.5 * (2 * b.y + (d.y - a.y) * t + (2 * a.y - 5 * b.y + 4 * d.y - e.y) * t2 +
				      (3 * b.y - a.y - 3 * d.y + e.y) * t3);
		}
	}
	if (s->n < POINTS_MAX)
		s->p[s->n++] = q[n - 1];
}

static void polyline(struct stroke *s, const struct point *c, uint32_t n, struct rng *r, double jitter)
{
	for (uint32_t i = 0; i < n && s->n < POINTS_MAX; i++) {
		s->p[s->n].x = c[i].x + bell(r, jitter);
		s->p[s->n++].y = c[i].y + bell(r, jitter);
	}
}

/* One way of writing a digit: up to three strokes, each a curve or a polyline. x right, y down, 0..1. */
struct way {
	uint32_t digit, strokes;
	struct {
		bool straight;
		uint32_t n;
		struct point c[12];
	} s[3];
};

#define P(x, y)                                                                                                        \
	{                                                                                                              \
		x, y                                                                                                   \
	}
static const struct way ways[] = {
	{0,
	 1,
	 {{false,
	   9,
	   {P(.52, .02), P(.25, .12), P(.12, .45), P(.2, .85), P(.48, .98), P(.78, .85), P(.88, .5), P(.76, .14),
	    P(.5, .03)}}}},
	{0,
	 1,
	 {{false,
	   9,
	   {P(.6, .03), P(.36, .15), P(.22, .5), P(.25, .85), P(.45, .98), P(.68, .82), P(.8, .45), P(.76, .12),
	    P(.58, .02)}}}},
	{1, 1, {{true, 2, {P(.56, .0), P(.46, 1.)}}}},
	{1, 1, {{true, 2, {P(.5, .0), P(.5, 1.)}}}},
	{1, 1, {{true, 3, {P(.36, .2), P(.52, .02), P(.5, 1.)}}}},
	{2,
	 1,
	 {{false,
	   10,
	   {P(.18, .2), P(.38, .03), P(.66, .07), P(.74, .28), P(.6, .54), P(.36, .78), P(.16, .95), P(.36, .92),
	    P(.6, .93), P(.88, .96)}}}},
	{2,
	 1,
	 {{false,
	   11,
	   {P(.2, .16), P(.45, .02), P(.72, .14), P(.7, .42), P(.5, .7), P(.26, .93), P(.12, .84), P(.26, .74),
	    P(.48, .88), P(.7, .97), P(.9, .88)}}}},
	{3,
	 1,
	 {{false,
	   10,
	   {P(.2, .1), P(.46, .02), P(.72, .14), P(.66, .36), P(.42, .47), P(.7, .56), P(.8, .76), P(.62, .95),
	    P(.36, .98), P(.14, .88)}}}},
	{3,
	 2,
	 {{false, 5, {P(.22, .08), P(.5, .01), P(.74, .14), P(.64, .38), P(.36, .46)}},
	  {false, 6, {P(.36, .46), P(.66, .5), P(.8, .7), P(.66, .92), P(.4, .99), P(.16, .92)}}}},
	{4, 2, {{true, 3, {P(.24, .06), P(.14, .52), P(.8, .5)}}, {true, 2, {P(.78, .04), P(.66, 1.)}}}},
	{4,
	 2,
	 {{false, 5, {P(.2, .05), P(.16, .3), P(.22, .52), P(.48, .55), P(.76, .46)}},
	  {true, 2, {P(.8, .04), P(.7, 1.)}}}},
	{4, 2, {{true, 3, {P(.58, .0), P(.1, .62), P(.9, .6)}}, {true, 2, {P(.64, .3), P(.6, 1.)}}}},
	{5,
	 2,
	 {{false,
	   8,
	   {P(.3, .05), P(.26, .24), P(.24, .42), P(.5, .4), P(.74, .54), P(.76, .78), P(.54, .96), P(.2, .93)}},
	  {true, 2, {P(.3, .05), P(.82, .03)}}}},
	{5,
	 2,
	 {{false, 7, {P(.36, .06), P(.3, .4), P(.54, .42), P(.7, .6), P(.66, .84), P(.42, .98), P(.14, .88)}},
	  {true, 2, {P(.36, .06), P(.86, .0)}}}},
	{6,
	 1,
	 {{false,
	   11,
	   {P(.66, .02), P(.4, .2), P(.24, .5), P(.22, .8), P(.44, .98), P(.7, .9), P(.78, .7), P(.62, .54), P(.42, .6),
	    P(.28, .76), P(.3, .86)}}}},
	{6,
	 1,
	 {{false,
	   11,
	   {P(.52, .0), P(.32, .26), P(.22, .56), P(.26, .86), P(.48, .99), P(.68, .9), P(.72, .7), P(.58, .56),
	    P(.4, .62), P(.26, .76), P(.26, .84)}}}},
	{7, 1, {{true, 3, {P(.14, .08), P(.82, .06), P(.44, 1.)}}}},
	{7, 1, {{false, 6, {P(.14, .16), P(.4, .1), P(.8, .1), P(.7, .36), P(.52, .68), P(.44, 1.)}}}},
	{7, 2, {{true, 3, {P(.16, .06), P(.84, .04), P(.42, 1.)}}, {true, 2, {P(.34, .52), P(.82, .5)}}}},
	{8,
	 1,
	 {{false,
	   12,
	   {P(.72, .14), P(.48, .02), P(.26, .14), P(.32, .36), P(.62, .56), P(.76, .8), P(.5, .98), P(.24, .84),
	    P(.36, .6), P(.62, .38), P(.76, .2), P(.68, .1)}}}},
	{8,
	 2,
	 {{false,
	   8,
	   {P(.5, .48), P(.26, .34), P(.3, .1), P(.52, .01), P(.74, .12), P(.7, .36), P(.5, .48), P(.44, .5)}},
	  {false,
	   8,
	   {P(.5, .48), P(.24, .66), P(.26, .9), P(.5, .99), P(.74, .88), P(.76, .66), P(.52, .48), P(.46, .46)}}}},
	{9,
	 1,
	 {{false,
	   11,
	   {P(.74, .14), P(.5, .03), P(.26, .16), P(.22, .38), P(.42, .5), P(.66, .4), P(.76, .16), P(.74, .4),
	    P(.7, .64), P(.64, .84), P(.6, 1.)}}}},
	{9,
	 1,
	 {{false,
	   11,
	   {P(.7, .2), P(.54, .04), P(.32, .12), P(.26, .36), P(.46, .48), P(.68, .34), P(.74, .14), P(.72, .46),
	    P(.64, .76), P(.46, .96), P(.26, .96)}}}},
};
#undef P
#define WAYS (sizeof(ways) / sizeof(*ways))

static const struct way *choose(struct rng *r, uint32_t digit)
{
	uint32_t count = 0, pick;

	for (uint32_t i = 0; i < WAYS; i++)
		count += ways[i].digit == digit;
	pick = (uint32_t)(next(r) % count);
	for (uint32_t i = 0;; i++)
		if (ways[i].digit == digit && !pick--)
			return &ways[i];
}

static double segment_distance2(struct point p, struct point a, struct point b)
{
	double dx = b.x - a.x, dy = b.y - a.y, len2 = dx * dx + dy * dy;
	double t = len2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / len2 : 0;

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	dx = p.x - a.x - t * dx;
	dy = p.y - a.y - t * dy;
	return dx * dx + dy * dy;
}

/* Ink of one pixel, 0..1: full inside the pen, falling off over one pixel at its edge. */
static double ink_at(const struct figure *f, struct point p, double radius)
{
	double best = 1e9, d;

	for (uint32_t s = 0; s < f->n; s++)
		for (uint32_t i = 0; i + 1 < f->s[s].n; i++) {
			d = segment_distance2(p, f->s[s].p[i], f->s[s].p[i + 1]);
			if (d < best)
				best = d;
		}
	d = radius + 0.5 - root(best);
	return d < 0 ? 0 : d > 1 ? 1 : d;
}

/* Random affine map, then fitted into 20 x 20 pixels. */
static void bend(struct figure *f, struct rng *r)
{
	double turn = bell(r, .2), shear = -.08 + bell(r, .24), sx = uniform(r, .55, 1.05), sy = uniform(r, .85, 1.05);
	double lo_x = 1e9, lo_y = 1e9, hi_x = -1e9, hi_y = -1e9, scale, size;

	for (uint32_t s = 0; s < f->n; s++)
		for (uint32_t i = 0; i < f->s[s].n; i++) {
			struct point *p = &f->s[s].p[i];
			double x = (p->x - .5) * sx, y = (p->y - .5) * sy;

			x += shear * y;
			p->x = x - turn * y;
			p->y = y + turn * x;
			lo_x = p->x < lo_x ? p->x : lo_x;
			hi_x = p->x > hi_x ? p->x : hi_x;
			lo_y = p->y < lo_y ? p->y : lo_y;
			hi_y = p->y > hi_y ? p->y : hi_y;
		}
	size = hi_x - lo_x > hi_y - lo_y ? hi_x - lo_x : hi_y - lo_y;
	scale = uniform(r, 16.2, 17.8) / (size > .1 ? size : .1);
	for (uint32_t s = 0; s < f->n; s++)
		for (uint32_t i = 0; i < f->s[s].n; i++) {
			f->s[s].p[i].x = 14 + (f->s[s].p[i].x - .5 * (lo_x + hi_x)) * scale;
			f->s[s].p[i].y = 14 + (f->s[s].p[i].y - .5 * (lo_y + hi_y)) * scale;
		}
}

static void shift(struct figure *f, double dx, double dy)
{
	for (uint32_t s = 0; s < f->n; s++)
		for (uint32_t i = 0; i < f->s[s].n; i++) {
			f->s[s].p[i].x += dx;
			f->s[s].p[i].y += dy;
		}
}

static void draw_one(struct rng *r, uint32_t digit, uint8_t *image)
{
	const struct way *w = choose(r, digit);
	double radius = uniform(r, .75, 1.9), mass = 0, mx = 0, my = 0, ink[SIDE * SIDE];
	struct figure f;

	memset(&f, 0, sizeof(f));
	f.n = w->strokes;
	for (uint32_t s = 0; s < w->strokes; s++) {
		if (w->s[s].straight)
			polyline(&f.s[s], w->s[s].c, w->s[s].n, r, .055);
		else
			curve(&f.s[s], w->s[s].c, w->s[s].n, r, .045);
	}
	bend(&f, r);
	for (int pass = 0; pass < 2; pass++) {
		mass = mx = my = 0;
		for (int i = 0; i < SIDE * SIDE; i++) {
			struct point p = {i % SIDE + .5, i / SIDE + .5};

			ink[i] = ink_at(&f, p, radius);
			mass += ink[i];
			mx += ink[i] * p.x;
			my += ink[i] * p.y;
		}
		if (!pass && mass > 0)
			shift(&f, 14 - mx / mass, 14 - my / mass);
	}
	for (int i = 0; i < SIDE * SIDE; i++) {
		double v = ink[i] * (252 - uniform(r, 0, 24));

		image[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + .5);
	}
}

void digits_draw(uint64_t seed, uint64_t n, uint8_t *images, int32_t *labels)
{
	for (uint64_t i = 0; i < n; i++) {
		struct rng r = {seed * 0x2545f4914f6cdd1du + i * 0x632be59bd9b4e019u};
		uint32_t digit = (uint32_t)(next(&r) % 10);

		labels[i] = (int32_t)digit;
		draw_one(&r, digit, images + i * SIDE * SIDE);
	}
}
