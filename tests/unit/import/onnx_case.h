/* SPDX-License-Identifier: MIT */
/* One small ONNX file, loaded and run, against operators computed here channels first as ONNX defines them. */
#ifndef TEST_IMPORT_ONNX_CASE_H
#define TEST_IMPORT_ONNX_CASE_H

#include <errno.h>
#include <math.h>
#include "files.h"
#include "onnx_writer.h"

#define MAX 8192

struct tensor {
	int rank, d[4]; /* without batch, as ONNX has it */
	float v[MAX];
};

static inline size_t count_of(const struct tensor *t)
{
	size_t n = 1;

	for (int k = 0; k < t->rank; k++)
		n *= (size_t)t->d[k];
	return n;
}

static inline void noise(float *v, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		v[i] = (float)((int)(seed >> 16) % 201 - 100) / 64.0f;
	}
}

static inline struct tensor image(int c, int h, int w, unsigned int seed)
{
	struct tensor t = {.rank = 3, .d = {c, h, w}};

	noise(t.v, count_of(&t), seed);
	return t;
}

static inline struct tensor vector(int n, unsigned int seed)
{
	struct tensor t = {.rank = 1, .d = {n}};

	noise(t.v, count_of(&t), seed);
	return t;
}

/* Between channels first and last. */
static inline void swap_layout(const struct tensor *t, bool to_last, const float *from, float *to)
{
	if (t->rank != 3) {
		memcpy(to, from, count_of(t) * sizeof(*to));
		return;
	}
	for (int c = 0; c < t->d[0]; c++)
		for (int y = 0; y < t->d[1]; y++)
			for (int x = 0; x < t->d[2]; x++) {
				int first = (c * t->d[1] + y) * t->d[2] + x, last = (y * t->d[2] + x) * t->d[0] + c;

				to[to_last ? last : first] = from[to_last ? first : last];
			}
}

static inline struct akida_graph *load(struct onnx_model *m)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;
	struct wire file;
	char path[PATH_MAX];
	int err;

	onnx_finish(m, &file);
	scratch_path(path, sizeof(path), "m.onnx");
	write_file(path, file.b, file.n);
	free(file.b);
	err = akida_graph_load(path, &g, diag);
	if (err)
		fail_msg("%s", akida_diag_first_error(diag) ? akida_diag_first_error(diag)->text : "no message");
	akida_diag_destroy(diag);
	unlink(path);
	return g;
}

/* Loads the model, runs x, compares with y. last: the file works channels last already. */
static inline void check_layout(struct onnx_model *m, const struct tensor *x, const struct tensor *y, bool last)
{
	struct akida_graph *g = load(m);
	static float in[MAX], out[MAX], seen[MAX];
	struct akida_array a = {.dtype = AKIDA_F32, .rank = 2, .dims = {1, count_of(x)}, .data = in};

	assert_int_equal(akida_graph_outputs(g), count_of(y));
	if (last)
		memcpy(in, x->v, sizeof(in));
	else
		swap_layout(x, true, x->v, in);
	assert_int_equal(akida_graph_forward(g, &a, out, NULL), 0);
	if (last)
		memcpy(seen, out, sizeof(seen));
	else
		swap_layout(y, false, out, seen);
	for (size_t i = 0; i < count_of(y); i++)
		if (!(fabsf(seen[i] - y->v[i]) <= 2e-5f * (1 + fabsf(y->v[i]))))
			fail_msg("element %zu is %g, must be %g", i, (double)seen[i], (double)y->v[i]);
	akida_graph_destroy(g);
}

static inline void check(struct onnx_model *m, const struct tensor *x, const struct tensor *y)
{
	check_layout(m, x, y, false);
}

static inline void begin(struct onnx_model *m, int opset, const struct tensor *x)
{
	int64_t dims[4];

	for (int k = 0; k < x->rank; k++)
		dims[k] = x->d[k];
	onnx_begin(m, opset);
	onnx_input(m, "x", x->rank, dims);
	onnx_output(m, "y");
}

/* ---- definitions ---- */

struct window {
	int k, s, d, t, l, b, r, group; /* kernel, stride, dilation, pads, groups */
};

/* w (f, c / group, k, k) */
static inline struct tensor convolve(const struct tensor *x, const float *w, const float *bias, int f, struct window g)
{
	struct tensor y = {.rank = 3, .d = {f, 0, 0}};
	int e = (g.k - 1) * g.d + 1, cg = x->d[0] / g.group;

	y.d[1] = (x->d[1] + g.t + g.b - e) / g.s + 1;
	y.d[2] = (x->d[2] + g.l + g.r - e) / g.s + 1;
	for (int o = 0; o < f; o++)
		for (int oy = 0; oy < y.d[1]; oy++)
			for (int ox = 0; ox < y.d[2]; ox++) {
				double sum = bias ? (double)bias[o] : 0;

				for (int c = 0; c < cg; c++)
					for (int ky = 0; ky < g.k; ky++)
						for (int kx = 0; kx < g.k; kx++) {
							int iy = oy * g.s + ky * g.d - g.t,
							    ix = ox * g.s + kx * g.d - g.l;
							int ic = o / (f / g.group) * cg + c;

							if (iy < 0 || ix < 0 || iy >= x->d[1] || ix >= x->d[2])
								continue;
							sum += (double)x->v[(ic * x->d[1] + iy) * x->d[2] + ix] *
							       (double)w[((o * cg + c) * g.k + ky) * g.k + kx];
						}
				y.v[(o * y.d[1] + oy) * y.d[2] + ox] = (float)sum;
			}
	return y;
}

/* w (c, f / group, k, k); extra: output_padding */
static inline struct tensor deconvolve(const struct tensor *x, const float *w, int f, struct window g, int extra)
{
	struct tensor y = {.rank = 3, .d = {f, 0, 0}};
	int fg = f / g.group;

	y.d[1] = (x->d[1] - 1) * g.s + g.k + extra - g.t - g.b;
	y.d[2] = (x->d[2] - 1) * g.s + g.k + extra - g.l - g.r;
	for (int c = 0; c < x->d[0]; c++)
		for (int iy = 0; iy < x->d[1]; iy++)
			for (int ix = 0; ix < x->d[2]; ix++)
				for (int o = 0; o < fg; o++)
					for (int ky = 0; ky < g.k; ky++)
						for (int kx = 0; kx < g.k; kx++) {
							int oy = iy * g.s + ky - g.t, ox = ix * g.s + kx - g.l;
							int oc = c / (x->d[0] / g.group) * fg + o;

							if (oy < 0 || ox < 0 || oy >= y.d[1] || ox >= y.d[2])
								continue;
							y.v[(oc * y.d[1] + oy) * y.d[2] + ox] +=
								x->v[(c * x->d[1] + iy) * x->d[2] + ix] *
								w[((c * fg + o) * g.k + ky) * g.k + kx];
						}
	return y;
}

/* counted: zeros of the padding belong to the average; outside of it nothing does */
static inline struct tensor pool(const struct tensor *x, bool max, bool counted, struct window g, int oh, int ow)
{
	struct tensor y = {.rank = 3, .d = {x->d[0], oh, ow}};

	for (int c = 0; c < x->d[0]; c++)
		for (int oy = 0; oy < oh; oy++)
			for (int ox = 0; ox < ow; ox++) {
				double sum = 0, top = -1e30;
				int n = 0;

				for (int ky = 0; ky < g.k; ky++)
					for (int kx = 0; kx < g.k; kx++) {
						int iy = oy * g.s + ky - g.t, ix = ox * g.s + kx - g.l;
						bool in = iy >= 0 && ix >= 0 && iy < x->d[1] && ix < x->d[2];
						double v = in ? (double)x->v[(c * x->d[1] + iy) * x->d[2] + ix] : 0;

						n += in || counted;
						sum += v;
						top = in && v > top ? v : top;
					}
				y.v[(c * oh + oy) * ow + ox] = (float)(max ? top : sum / n);
			}
	return y;
}

/* w (n, inputs) */
static inline struct tensor dense(const struct tensor *x, const float *w, const float *bias, int units)
{
	struct tensor y = {.rank = 1, .d = {units}};
	int n = (int)count_of(x);

	for (int u = 0; u < units; u++) {
		double sum = bias ? (double)bias[u] : 0;

		for (int i = 0; i < n; i++)
			sum += (double)x->v[i] * (double)w[u * n + i];
		y.v[u] = (float)sum;
	}
	return y;
}

static float w[MAX], b[64]; /* weights of the case at hand */

#endif
