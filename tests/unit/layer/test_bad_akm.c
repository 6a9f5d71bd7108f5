/* SPDX-License-Identifier: MIT */
/*
 * One table of bad .akm files: each is a good one with one number changed, checksums made good again unless they are what
 * is tested, and must be refused with this errno and rule, leaving the caller's pointer NULL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/status.h>
#include "base/container.h"
#include "base/le.h"
#include "layer/layer.h"

/* input convolution with pool, fully connected */
static struct akida_model *good_model(void)
{
	struct akida_layer *l = calloc(2, sizeof(*l));
	struct akida_model *m;

	l[0] = (struct akida_layer){.name = "conv",
				    .type = AKIDA_LAYER_INPUT_CONV,
				    .in_h = 12,
				    .in_w = 12,
				    .in_c = 1,
				    .in_bits = 8,
				    .filters = 4,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 1,
				    .padding = AKIDA_PAD_SAME,
				    .pool = AKIDA_POOL_MAX,
				    .pool_size = 2,
				    .pool_stride = 2,
				    .pool_padding = AKIDA_PAD_SAME,
				    .weights_bits = 8,
				    .activation = true,
				    .act_bits = 4};
	l[1] = (struct akida_layer){.name = "dense",
				    .type = AKIDA_LAYER_FULLY,
				    .in_h = 6,
				    .in_w = 6,
				    .in_c = 4,
				    .in_bits = 4,
				    .filters = 3,
				    .weights_bits = 4};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ak_layer_finish(&l[i], NULL), 0);
		assert_int_equal(ak_layer_alloc(&l[i]), 0);
		for (uint32_t f = 0; f < l[i].filters; f++) {
			l[i].step16[f] = 16;
			if (l[i].scale)
				l[i].scale[f] = 1;
		}
	}
	assert_int_equal(ak_model_create(l, 2, "good", &m, NULL), 0);
	return m;
}

/* What a case changes: 4 bytes of the header, of entry n of the table, of a section, of a layer's record, or the length. */
enum where { HEADER, ENTRY, HEAD, RECORD, DATA, LENGTH };
enum { CONV = 0, DENSE = 1 };
enum sum { SUMS_GOOD, SUMS_LEFT }; /* afterwards */

struct bad_case {
	const char *what;
	enum where where;
	uint32_t n, at, value;
	enum sum sums;
	int err;
	const char *rule, *names;
};

#define FIELD(k) (64 + 4 * (k))	  /* of a record: type, in_h, in_w, in_c, in_bits, filters, kernel_h, ... */
#define OFFSET(k) (136 + 8 * (k)) /* weights, weights_pw, threshold, step16, scale */
#define TAG(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

static const struct bad_case cases[] = {
	{"empty", LENGTH, 0, 0, 0, SUMS_LEFT, -EILSEQ, NULL, NULL},
	{"ends in the magic", LENGTH, 0, 0, 5, SUMS_LEFT, -EILSEQ, "file.magic", "AKIDAAKM"},
	{"ends in the header", LENGTH, 0, 0, 40, SUMS_LEFT, -EILSEQ, "file.truncated", "header"},
	{"ends in the table", LENGTH, 0, 0, 100, SUMS_LEFT, -EILSEQ, "file.truncated", "100 of"},
	{"ends in the data", LENGTH, 0, 0, 700, SUMS_LEFT, -EILSEQ, "file.truncated", "700 of"},
	{"one byte short", LENGTH, 1, 0, 0, SUMS_LEFT, -EILSEQ, "file.truncated", NULL},
	{"bytes behind the end", LENGTH, 2, 0, 0, SUMS_LEFT, -EILSEQ, "file.section", "after its end"},
	{"magic of a program", HEADER, 0, 4, TAG('A', 'A', 'K', 'P'), SUMS_GOOD, -EILSEQ, "file.magic", "AKIDAAKM"},
	{"version 2", HEADER, 0, 8, 2, SUMS_GOOD, -EBADMSG, "file.version", "2.0"},
	{"version 0", HEADER, 0, 8, 0, SUMS_GOOD, -EBADMSG, "file.version", "0.0"},
	{"header of another size", HEADER, 0, 12, 128, SUMS_GOOD, -EILSEQ, "file.section", "header"},
	{"a million sections", HEADER, 0, 16, 1000000, SUMS_LEFT, -EILSEQ, "file.section", "header"},
	{"a thousand sections", HEADER, 0, 16, 1000, SUMS_LEFT, -EILSEQ, "file.truncated", NULL},
	{"a section less", HEADER, 0, 16, 2, SUMS_GOOD, -EILSEQ, "file.section", "lacks section DATA"},
	{"no sections", HEADER, 0, 16, 0, SUMS_GOOD, -EILSEQ, "file.section", "lacks section HEAD"},
	{"sum of the table", HEADER, 0, 20, 1, SUMS_LEFT, -EBADMSG, "file.checksum", "table"},
	{"a longer file", HEADER, 0, 24, 1 << 20, SUMS_GOOD, -EILSEQ, "file.truncated", NULL},
	{"a file beyond 4 GiB", HEADER, 0, 28, 1, SUMS_GOOD, -EILSEQ, "file.truncated", NULL},
	{"reserved part of the header", HEADER, 0, 40, 7, SUMS_GOOD, -EILSEQ, "file.section", "header"},
	{"tag with a control character", ENTRY, 0, 0, TAG('H', 7, 'A', 'D'), SUMS_GOOD, -EILSEQ, "file.section",
	 "entry 0"},
	{"unknown mandatory section", ENTRY, 0, 0, TAG('X', 'T', 'R', 'A'), SUMS_GOOD, -EOPNOTSUPP, "file.section",
	 "needs section XTRA"},
	{"a section twice", ENTRY, 1, 0, TAG('H', 'E', 'A', 'D'), SUMS_GOOD, -EILSEQ, "file.section", "HEAD twice"},
	{"unknown flags", ENTRY, 1, 4, 5, SUMS_GOOD, -EILSEQ, "file.section", "entry 1"},
	{"section inside the table", ENTRY, 1, 8, 64, SUMS_LEFT, -EBADMSG, "file.checksum", NULL},
	{"section off the grid", ENTRY, 1, 8, 200, SUMS_GOOD, -EILSEQ, "file.truncated", "LAYR"},
	{"section behind the file", ENTRY, 2, 8, 1 << 24, SUMS_GOOD, -EILSEQ, "file.truncated", "DATA"},
	{"section beyond 4 GiB", ENTRY, 2, 12, 9, SUMS_GOOD, -EILSEQ, "file.truncated", "DATA"},
	{"section longer than the file", ENTRY, 2, 16, 1 << 24, SUMS_GOOD, -EILSEQ, "file.truncated", "DATA"},
	{"reserved part of an entry", ENTRY, 0, 28, 1, SUMS_GOOD, -EILSEQ, "file.section", "entry 0"},
	{"sum of a section", DATA, 0, 0, 0x12345678, SUMS_LEFT, -EBADMSG, "file.checksum", "DATA"},
	{"HEAD too short", ENTRY, 0, 16, 64, SUMS_GOOD, -EILSEQ, "file.section", "HEAD"},
	{"no layers", HEAD, 0, 0, 0, SUMS_GOOD, -EILSEQ, "file.section", "HEAD"},
	{"a layer more than records", HEAD, 0, 0, 3, SUMS_GOOD, -EILSEQ, "file.section", "HEAD"},
	{"4 billion layers", HEAD, 0, 0, UINT32_MAX, SUMS_GOOD, -EILSEQ, "file.section", "HEAD"},
	{"records of 8 bytes", HEAD, 0, 4, 8, SUMS_GOOD, -EILSEQ, "file.section", "HEAD"},
	{"layer of an unknown type", RECORD, CONV, FIELD(0), 99, SUMS_GOOD, 0, NULL, "conv"},
	{"layer of Akida 2 in a v1 record", RECORD, CONV, FIELD(0), 33, SUMS_GOOD, 0, NULL, NULL},
	{"input height 0", RECORD, CONV, FIELD(1), 0, SUMS_GOOD, 0, NULL, "conv"},
	{"input width of 2^31", RECORD, CONV, FIELD(2), 0x80000000u, SUMS_GOOD, 0, NULL, "conv"},
	{"inputs of 9 bits", RECORD, CONV, FIELD(4), 9, SUMS_GOOD, 0, NULL, "conv"},
	{"no filters", RECORD, CONV, FIELD(5), 0, SUMS_GOOD, 0, NULL, "conv"},
	{"a billion filters", RECORD, CONV, FIELD(5), 1000000000, SUMS_GOOD, 0, NULL, "conv"},
	{"kernel of 0 rows", RECORD, CONV, FIELD(6), 0, SUMS_GOOD, 0, NULL, "conv"},
	{"kernel of 255 columns", RECORD, CONV, FIELD(7), 255, SUMS_GOOD, 0, NULL, "conv"},
	{"stride 0", RECORD, CONV, FIELD(8), 0, SUMS_GOOD, 0, NULL, "conv"},
	{"padding 7", RECORD, CONV, FIELD(9), 7, SUMS_GOOD, 0, NULL, "conv"},
	{"padding value 256", RECORD, CONV, FIELD(10), 256, SUMS_GOOD, 0, NULL, "conv"},
	{"pool kind 9", RECORD, CONV, FIELD(11), 9, SUMS_GOOD, 0, NULL, "conv"},
	{"pool of 0", RECORD, CONV, FIELD(12), 0, SUMS_GOOD, 0, NULL, "conv"},
	{"pool with stride 0", RECORD, CONV, FIELD(13), 0, SUMS_GOOD, 0, NULL, "conv"},
	{"weights of 3 bits", RECORD, DENSE, FIELD(15), 3, SUMS_GOOD, 0, NULL, "dense"},
	{"activation 2", RECORD, CONV, FIELD(16), 2, SUMS_GOOD, -EILSEQ, "file.section", "record"},
	{"activation of 3 bits", RECORD, CONV, FIELD(17), 3, SUMS_GOOD, 0, NULL, "conv"},
	{"another size than the layer before", RECORD, DENSE, FIELD(1), 5, SUMS_GOOD, 0, NULL, "dense"},
	{"other bits than the layer before", RECORD, DENSE, FIELD(4), 2, SUMS_GOOD, 0, NULL, NULL},
	{"name with a control character", RECORD, CONV, 0, TAG('c', 27, 'n', 'v'), SUMS_GOOD, -EILSEQ, "file.section",
	 "name"},
	{"weights outside", RECORD, CONV, OFFSET(0), 1 << 20, SUMS_GOOD, -EILSEQ, "file.truncated", "conv"},
	{"thresholds off the grid", RECORD, CONV, OFFSET(2), 3, SUMS_GOOD, -EILSEQ, "file.truncated", "conv"},
	{"no steps", RECORD, CONV, OFFSET(3), UINT32_MAX, SUMS_GOOD, -EILSEQ, "file.truncated", "conv"},
	{"pointwise weights of a convolution", RECORD, CONV, OFFSET(1), 0, SUMS_GOOD, -EILSEQ, "file.truncated",
	 "conv"},
};

static void reseal(uint8_t *b, size_t len)
{
	uint32_t n = ak_get32(b + 16);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *e = b + 64 + 32 * i;
		uint64_t at = ak_get64(e + 8), size = ak_get64(e + 16);

		if (at <= len && size <= len - at)
			ak_put32(e + 24, ak_crc32c(0, b + at, size));
	}
	ak_put32(b + 20, ak_crc32c(0, b + 64, 32 * n));
}

static size_t change(const struct bad_case *c, uint8_t *b, size_t len)
{
	size_t head = ak_get64(b + 64 + 8), records = ak_get64(b + 96 + 8), data = ak_get64(b + 128 + 8), at = c->at;

	switch (c->where) {
	case LENGTH:
		return c->n == 1 ? len - 1 : c->n == 2 ? len + 64 : c->value;
	case ENTRY:
		at += 64 + 32 * (size_t)c->n;
		break;
	case HEAD:
		at += head;
		break;
	case RECORD:
		at += records + 192 * (size_t)c->n;
		break;
	case DATA:
		at += data;
		break;
	default:
		break;
	}
	if (c->where == HEADER && c->at == 8)
		ak_put16(b + at, (uint16_t)c->value);
	else
		ak_put32(b + at, c->value);
	if (c->where == RECORD && c->at >= OFFSET(0) && c->value == 0) /* the other half of an absent offset */
		ak_put32(b + at + 4, 0);
	if (c->where == RECORD && c->value == UINT32_MAX)
		ak_put32(b + at + 4, UINT32_MAX);
	if (c->sums == SUMS_GOOD)
		reseal(b, len);
	return len;
}

static void test_bad_akm_files_are_refused_with_their_rule(void **state)
{
	struct akida_model *good = good_model(), *m;
	uint8_t *bytes, *copy;
	size_t len;

	(void)state;
	assert_true(sizeof(cases) / sizeof(cases[0]) >= 40);
	assert_int_equal(ak_model_serialize(good, (void **)&bytes, &len), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bad_case *c = &cases[i];
		struct akida_diag *diag = akida_diag_create();
		const struct akida_diag_record *r;
		size_t n;
		int err;

		copy = calloc(1, len + 64);
		memcpy(copy, bytes, len);
		n = change(c, copy, len);
		err = akida_model_parse(copy, n, "bad.akm", &m, diag);
		r = akida_diag_first_error(diag);
		if (!err || (c->err && err != c->err) || !r || (c->rule && strcmp(r->rule, c->rule)) ||
		    (c->names && !strstr(r->text, c->names)))
			fail_msg("%s: %d %s: %s", c->what, err, r ? r->rule : "-", r ? r->text : "-");
		assert_null(m);
		for (const char *s = r->text; *s; s++)
			assert_true((unsigned char)*s >= 0x20);
		akida_diag_destroy(diag);
		free(copy);
	}
	/* nothing changed: it loads */
	assert_int_equal(akida_model_parse(bytes, len, "good.akm", &m, NULL), 0);
	akida_model_destroy(m);
	free(bytes);
	akida_model_destroy(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_akm_files_are_refused_with_their_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
