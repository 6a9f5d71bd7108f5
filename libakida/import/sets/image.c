/* SPDX-License-Identifier: MIT */
/* Decoding and scaling, see image.h. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "import/sets/image.h"
#ifdef AKIDA_JPEG
#include <jpeglib.h>
#endif
#ifdef AKIDA_PNG
#include <png.h>
#endif

#define SIDE_MAX (1u << 14)

static int damaged(const char *path, const char *why, struct akida_diag *diag)
{
	return ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "is a damaged image: %s", why);
}

#ifdef AKIDA_JPEG
struct jpeg_errors {
	struct jpeg_error_mgr base; /* first */
	jmp_buf out;
	char text[JMSG_LENGTH_MAX];
};

static void jpeg_fail(j_common_ptr c)
{
	struct jpeg_errors *e = (struct jpeg_errors *)c->err;

	c->err->format_message(c, e->text);
	longjmp(e->out, 1);
}

/* Warnings of the decoder, such as data that ends early, are errors here; its messages are not printed. */
static void jpeg_message(j_common_ptr c, int level)
{
	if (level < 0)
		jpeg_fail(c);
}

static int load_jpeg(FILE *f, const char *path, struct ak_image *out, struct akida_diag *diag)
{
	struct jpeg_decompress_struct d;
	struct jpeg_errors e;
	uint8_t *volatile rgb = NULL;
	volatile int err = 0;

	memset(&d, 0, sizeof(d));
	d.err = jpeg_std_error(&e.base);
	e.base.error_exit = jpeg_fail;
	e.base.emit_message = jpeg_message;
	if (setjmp(e.out)) {
		err = damaged(path, e.text, diag);
		goto out;
	}
	jpeg_create_decompress(&d);
	jpeg_stdio_src(&d, f);
	jpeg_read_header(&d, TRUE);
	if (!d.image_width || !d.image_height || d.image_width > SIDE_MAX || d.image_height > SIDE_MAX) {
		err = damaged(path, "its size", diag);
		goto out;
	}
	/* CMYK (a few of ImageNet) has no way to RGB in the library: grey of its luminance would be wrong, so it is refused */
	d.out_color_space = JCS_RGB;
	d.dct_method = JDCT_ISLOW;
	jpeg_start_decompress(&d);
	rgb = malloc((size_t)d.output_width * d.output_height * 3);
	if (!rgb) {
		err = -ENOMEM;
		goto out;
	}
	while (d.output_scanline < d.output_height) {
		JSAMPROW row = rgb + (size_t)d.output_scanline * d.output_width * 3;

		jpeg_read_scanlines(&d, &row, 1);
	}
	jpeg_finish_decompress(&d);
	*out = (struct ak_image){d.output_height, d.output_width, rgb};
out:
	jpeg_destroy_decompress(&d);
	if (err)
		free(rgb);
	return err;
}
#else
static int load_jpeg(FILE *f, const char *path, struct ak_image *out, struct akida_diag *diag)
{
	(void)f;
	(void)out;
	return ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_FILES, path,
		       "this library was built without libjpeg (libjpeg62-turbo-dev)");
}
#endif

#ifdef AKIDA_PNG
static int load_png(FILE *f, const char *path, struct ak_image *out, struct akida_diag *diag)
{
	png_image p;
	uint8_t *rgb;

	memset(&p, 0, sizeof(p));
	p.version = PNG_IMAGE_VERSION;
	if (!png_image_begin_read_from_stdio(&p, f))
		return damaged(path, p.message, diag);
	if (!p.width || !p.height || p.width > SIDE_MAX || p.height > SIDE_MAX) {
		png_image_free(&p);
		return damaged(path, "its size", diag);
	}
	p.format = PNG_FORMAT_RGB;
	rgb = malloc(PNG_IMAGE_SIZE(p));
	if (!rgb) {
		png_image_free(&p);
		return -ENOMEM;
	}
	if (!png_image_finish_read(&p, &(png_color){0, 0, 0}, rgb, 0, NULL)) {
		free(rgb);
		return damaged(path, p.message, diag);
	}
	*out = (struct ak_image){p.height, p.width, rgb};
	return 0;
}
#else
static int load_png(FILE *f, const char *path, struct ak_image *out, struct akida_diag *diag)
{
	(void)f;
	(void)out;
	return ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_FILES, path,
		       "this library was built without libpng (libpng-dev)");
}
#endif

int ak_image_load(const char *path, struct ak_image *out, struct akida_diag *diag)
{
	FILE *f = fopen(path, "rb");
	unsigned char head[8] = {0};
	size_t n;
	int err;

	memset(out, 0, sizeof(*out));
	if (!f) {
		err = -errno;
		return ak_fail(diag, err, AK_RULE_IO, path, "cannot be opened: %s", strerror(-err));
	}
	n = fread(head, 1, sizeof(head), f);
	rewind(f);
	if (n >= 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff)
		err = load_jpeg(f, path, out, diag);
	else if (n == 8 && !memcmp(head, "\x89PNG\r\n\x1a\n", 8))
		err = load_png(f, path, out, diag);
	else
		err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_FILES, path, "is neither JPEG nor PNG");
	fclose(f);
	return err == -ENOMEM ? ak_fail(diag, err, AK_RULE_NOMEM, path, "no memory for its pixels") : err;
}

/* For each of n results: the first of `taps` inputs and their weights, which add up to 1. */
static void weigh(uint32_t from, uint32_t to, bool smooth, uint32_t taps, int32_t *first, float *weights)
{
	double scale = (double)from / to, reach = smooth && scale > 1 ? scale : 1;

	for (uint32_t i = 0; i < to; i++) {
		double centre = (i + 0.5) * scale - 0.5, sum = 0;

		first[i] = (int32_t)floor(centre - reach) + 1;
		for (uint32_t k = 0; k < taps; k++) {
			double w = 1 - fabs(first[i] + (double)k - centre) / reach;

			weights[(size_t)i * taps + k] = w > 0 ? (float)w : 0;
			sum += w > 0 ? w : 0;
		}
		for (uint32_t k = 0; k < taps; k++)
			weights[(size_t)i * taps + k] /= (float)sum;
	}
}

static uint32_t taps_of(uint32_t from, uint32_t to, bool smooth)
{
	double scale = (double)from / to;

	return smooth && scale > 1 ? (uint32_t)ceil(2 * scale) + 1 : 2;
}

static uint32_t inside(int32_t i, uint32_t n)
{
	return i < 0 ? 0 : (uint32_t)i >= n ? n - 1 : (uint32_t)i;
}

int ak_image_resize(const struct ak_image *in, uint32_t h, uint32_t w, bool smooth, struct ak_image *out)
{
	uint32_t ty = taps_of(in->h, h, smooth), tx = taps_of(in->w, w, smooth);
	float *wy = malloc((size_t)h * ty * sizeof(*wy)), *wx = malloc((size_t)w * tx * sizeof(*wx));
	int32_t *fy = malloc(h * sizeof(*fy)), *fx = malloc(w * sizeof(*fx));
	float *rows = malloc((size_t)in->h * w * 3 * sizeof(*rows));
	uint8_t *rgb = malloc((size_t)h * w * 3);
	int err = wy && wx && fy && fx && rows && rgb ? 0 : -ENOMEM;

	if (err) {
		free(rgb);
		goto out;
	}
	weigh(in->h, h, smooth, ty, fy, wy);
	weigh(in->w, w, smooth, tx, fx, wx);
	for (uint32_t y = 0; y < in->h; y++)
		for (uint32_t x = 0; x < w; x++) {
			float *to = rows + ((size_t)y * w + x) * 3;

			to[0] = to[1] = to[2] = 0;
			for (uint32_t k = 0; k < tx; k++) {
				const uint8_t *p =
					in->rgb + ((size_t)y * in->w + inside(fx[x] + (int32_t)k, in->w)) * 3;

				for (int c = 0; c < 3; c++)
					to[c] += wx[(size_t)x * tx + k] * p[c];
			}
		}
	for (uint32_t y = 0; y < h; y++)
		for (size_t v = 0; v < (size_t)w * 3; v++) {
			float sum = 0;

			for (uint32_t k = 0; k < ty; k++)
				sum += wy[(size_t)y * ty + k] *
				       rows[(size_t)inside(fy[y] + (int32_t)k, in->h) * w * 3 + v];
			rgb[(size_t)y * w * 3 + v] = (uint8_t)(sum + 0.5f);
		}
	*out = (struct ak_image){h, w, rgb};
out:
	free(wy);
	free(wx);
	free(fy);
	free(fx);
	free(rows);
	return err;
}

int ak_image_cover(const struct ak_image *in, uint32_t h, uint32_t w, double margin, bool smooth, uint8_t *rgb)
{
	double f = fmax(round(margin * h) / in->h, round(margin * w) / in->w);
	uint32_t bh = (uint32_t)fmax(h, round(in->h * f)), bw = (uint32_t)fmax(w, round(in->w * f));
	struct ak_image big;
	int err;

	if (bh > 2 * SIDE_MAX || bw > 2 * SIDE_MAX)
		return -ENOMEM; /* a line of pixels blown up */
	err = ak_image_resize(in, bh, bw, smooth, &big);
	if (err)
		return err;
	for (uint32_t y = 0; y < h; y++)
		memcpy(rgb + (size_t)y * w * 3, big.rgb + (((size_t)(bh - h) / 2 + y) * bw + (bw - w) / 2) * 3,
		       (size_t)w * 3);
	free(big.rgb);
	return 0;
}
