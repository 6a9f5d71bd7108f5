/* SPDX-License-Identifier: MIT */
/* Vendor .fbz files: real ones where they are, small ones of both generations, and bad ones. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>
#include <akida/fbz.h>
#include "fbz_writer.h"
#include "layer/layer.h"

/* ---- a small model: input convolution 8x8x1, 3x3, 2 filters; separable 3x3, 4; fully connected, 3 ---- */

enum { CONV, SEPARABLE, DENSE, LAYERS };

/* One change of the good model; what stays NULL or zero is good. */
struct change {
	int layer;
	const char *key; /* parameter or variable */
	int value;	 /* of the parameter; NONE: it is not there */
	const char *rename;
	int type, dim; /* of a variable: element type + 1, and a dim 0 of its own with as many bytes */
	bool no_name, no_params, no_inbound;
	const char *inbound;
	bool extra_variable;
	int bad_float; /* act_step: 1 NaN, 2 negative, 3 huge; 4: zero without activation */
};
#define NONE INT_MIN

struct key {
	const char *name;
	int value;
};
static const struct key keys[LAYERS][20] = {
	{{"act_bits", 4},
	 {"activation", 1},
	 {"filters", 2},
	 {"input_channels", 1},
	 {"input_height", 8},
	 {"input_width", 8},
	 {"kernel_height", 3},
	 {"kernel_width", 3},
	 {"layer_type", 2},
	 {"padding", 1},
	 {"padding_value", 5},
	 {"pool_type", 0},
	 {"pooling_height", -1},
	 {"pooling_stride_x", -1},
	 {"pooling_stride_y", -1},
	 {"pooling_width", -1},
	 {"stride_x", 2},
	 {"stride_y", 2},
	 {"weights_bits", 8}},
	{{"act_bits", 4},
	 {"activation", 1},
	 {"filters", 4},
	 {"kernel_height", 3},
	 {"kernel_width", 3},
	 {"layer_type", 5},
	 {"padding", 1},
	 {"pool_type", 1},
	 {"pooling_height", 2},
	 {"pooling_stride_x", 2},
	 {"pooling_stride_y", 2},
	 {"pooling_width", 2},
	 {"stride_x", 1},
	 {"stride_y", 1},
	 {"weights_bits", 4}},
	{{"act_bits", 1}, {"activation", 0}, {"layer_type", 3}, {"units", 3}, {"weights_bits", 4}},
};
static const char *const names[LAYERS] = {"conv", "separable", "dense"};

struct variable {
	const char *name;
	int type, rank, dims[4];
};
static const struct variable variables[LAYERS][5] = {
	{{"act_step", 1, 1, {2}}, {"threshold", 0, 1, {2}}, {"weights", 3, 4, {2, 1, 3, 3}}, {"wta_groups", 0, 1, {2}}},
	{{"act_step", 1, 1, {4}},
	 {"threshold", 0, 1, {4}},
	 {"weights", 7, 4, {1, 2, 3, 3}},
	 {"weights_pw", 7, 4, {4, 2, 1, 1}}},
	{{"act_step", 1, 1, {3}}, {"threshold", 0, 1, {3}}, {"weights", 7, 4, {3, 16, 1, 1}}},
};

static int8_t weight(int layer, const char *name, uint32_t i)
{
	return (int8_t)((int)(i * 5 + (uint32_t)layer + (uint32_t)strlen(name)) % 15 - 7);
}

static bool here(const struct change *c, int layer, const char *key)
{
	return c && c->layer == layer && c->key && !strcmp(c->key, key);
}

static void put_variable(struct fbz_writer *w, uint32_t field, int layer, const struct variable *v,
			 const struct change *c)
{
	uint32_t words[64] = {0}, dims[4], count = 1, t;
	bool mine = here(c, layer, v->name);
	int type = mine && c->type ? c->type - 1 : v->type;
	float steps[64];

	for (int k = 0; k < v->rank; k++)
		dims[k] = (uint32_t)v->dims[k];
	if (mine && c->dim)
		dims[0] = (uint32_t)c->dim;
	for (int k = 0; k < v->rank; k++)
		count *= dims[k];
	fw_next_table(w, field, 4);
	t = fw_table(w, 4, 15);
	fw_set(w, t, 3, (uint32_t)type);
	fw_next(w, fw_field(w, t, 0));
	fw_string(w, mine && c->rename ? c->rename : v->name);
	fw_next(w, fw_field(w, t, 1));
	fw_bytes(w, dims, (uint32_t)v->rank, 4);
	fw_next(w, fw_field(w, t, 2));
	for (uint32_t i = 0; i < count && i < 64; i++) {
		words[i] = !strcmp(v->name, "threshold") ? 10 + i : i;
		steps[i] = 20.3f + (float)i;
	}
	if (mine && c->bad_float)
		steps[0] = c->bad_float == 1 ? NAN : c->bad_float == 2 ? -1.0f : c->bad_float == 3 ? 1e6f : 0;
	if (!strcmp(v->name, "act_step")) {
		fw_bytes(w, steps, 4 * count, 1);
	} else if (!strcmp(v->name, "threshold") || !strcmp(v->name, "wta_groups")) {
		if (mine && c->value)
			words[0] = (uint32_t)c->value;
		fw_bytes(w, words, 4 * count, 1);
	} else {
		int8_t data[64];

		for (uint32_t i = 0; i < count && i < 64; i++)
			data[i] = weight(layer, v->name, i);
		if (mine && c->value)
			data[0] = (int8_t)c->value;
		fw_bytes(w, data, count, 1);
	}
}

static void put_keys(struct fbz_writer *w, uint32_t field, int layer, const struct change *c)
{
	uint32_t params, list, vector, count = 0, pair;

	fw_next_table(w, field, 4);
	params = fw_table(w, 4, 8);
	fw_next_table(w, fw_field(w, params, 3), 1);
	list = fw_table(w, 1, 1);
	for (int k = 0; k < 20 && keys[layer][k].name; k++)
		count += !(here(c, layer, keys[layer][k].name) && c->value == NONE);
	fw_next(w, fw_field(w, list, 0));
	vector = fw_vector(w, count);
	for (int k = 0; k < 20 && keys[layer][k].name; k++) {
		bool mine = here(c, layer, keys[layer][k].name);

		if (mine && c->value == NONE)
			continue;
		fw_next_table(w, vector, 2);
		vector += 4;
		pair = fw_table(w, 2, 3);
		fw_set(w, pair, 1, (uint32_t)(mine && !c->rename ? c->value : keys[layer][k].value));
		fw_next(w, fw_field(w, pair, 0));
		fw_string(w, mine && c->rename ? c->rename : keys[layer][k].name);
	}
}

static void put_layer(struct fbz_writer *w, uint32_t field, int layer, const struct change *c)
{
	bool mine = c && c->layer == layer;
	uint32_t t, vector, count = 0, extra = mine && c->extra_variable;
	uint32_t mask = 2 | 4 | 8 | 16;

	if (mine && c->no_name)
		mask &= ~2u;
	if (mine && c->no_params)
		mask &= ~8u;
	if ((mine && c->no_inbound) || layer == 0)
		mask &= ~16u;
	fw_next_table(w, field, 5);
	t = fw_table(w, 5, mask);
	if (mask & 2) {
		fw_next(w, fw_field(w, t, 1));
		fw_string(w, names[layer]);
	}
	while (count < 5 && variables[layer][count].name)
		count++;
	fw_next(w, fw_field(w, t, 2));
	vector = fw_vector(w, count + extra);
	for (uint32_t k = 0; k < count; k++)
		put_variable(w, vector + 4 * k, layer, &variables[layer][k], c);
	if (extra)
		put_variable(w, vector + 4 * count, layer, &(const struct variable){"zebra", 3, 1, {2}}, NULL);
	if (mask & 8)
		put_keys(w, fw_field(w, t, 3), layer, c);
	if (mask & 16) {
		fw_next(w, fw_field(w, t, 4));
		vector = fw_vector(w, 1);
		fw_next(w, vector);
		fw_string(w, mine && c->inbound ? c->inbound : names[layer - 1]);
	}
}

static struct fbz_writer writer;

static uint8_t *small_file(const struct change *c, size_t *len)
{
	uint32_t root, vector;

	memset(&writer, 0, sizeof(writer));
	writer.n = 4;
	fw_next_table(&writer, 0, 3);
	root = fw_table(&writer, 3, 5);
	fw_next(&writer, fw_field(&writer, root, 2));
	fw_string(&writer, "2.3.3");
	fw_next(&writer, fw_field(&writer, root, 0));
	vector = fw_vector(&writer, LAYERS);
	for (int i = 0; i < LAYERS; i++)
		put_layer(&writer, vector + 4 * (uint32_t)i, i, c);
	fw_align(&writer);
	return fw_finish(&writer, len);
}

static void test_fbz_small_model_has_the_orders_of_the_vendor(void **state)
{
	struct akida_fbz *f = NULL;
	struct akida_model *m = NULL;
	struct akida_fbz_layer info = {.size = sizeof(info)};
	struct akida_diag *diag = akida_diag_create();
	const struct akida_layer *l;
	size_t len;
	uint8_t *file = small_file(NULL, &len);

	(void)state;
	if (akida_fbz_parse(file, len, "dir/small.fbz", &f, diag) || akida_fbz_model(f, &m, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	free(file);
	assert_string_equal(akida_fbz_version(f), "2.3.3");
	assert_int_equal(akida_fbz_layers(f), 3);
	assert_int_equal(akida_fbz_layer(f, 1, &info), 0);
	assert_string_equal(info.kind_name, "SeparableConvolutional");
	assert_int_equal(info.variables, 4);
	assert_int_equal(akida_fbz_layer(f, 3, &info), -EINVAL);
	akida_fbz_destroy(f); /* the model keeps what it needs */
	l = &m->layers[CONV];
	assert_int_equal(l->padding_value, 5);
	assert_int_equal(l->out_h, 4);
	assert_int_equal(l->step16[1], 340); /* floor(21.3 * 16) */
	assert_int_equal(l->threshold[1], 11);
	for (uint32_t y = 0; y < 3; y++)
		for (uint32_t x = 0; x < 3; x++)
			for (uint32_t k = 0; k < 2; k++) /* stored (x, y, c, f), not flipped */
				assert_int_equal(l->weights[(y * 3 + x) * 2 + k],
						 weight(CONV, "weights", (x * 3 + y) * 2 + k));
	l = &m->layers[SEPARABLE];
	assert_int_equal(l->pool, AKIDA_POOL_MAX);
	assert_int_equal(l->out_h, 2);
	for (uint32_t y = 0; y < 3; y++)
		for (uint32_t x = 0; x < 3; x++)
			for (uint32_t c = 0; c < 2; c++) /* flipped on both axes */
				assert_int_equal(l->weights[(y * 3 + x) * 2 + c],
						 weight(SEPARABLE, "weights", ((2 - x) * 3 + 2 - y) * 2 + c));
	assert_int_equal(l->weights_pw[7], weight(SEPARABLE, "weights_pw", 7));
	l = &m->layers[DENSE];
	for (uint32_t y = 0; y < 2; y++)
		for (uint32_t x = 0; x < 2; x++)
			for (uint32_t c = 0; c < 4; c++)
				for (uint32_t u = 0; u < 3; u++) /* n = (c * W + x) * H + y */
					assert_int_equal(l->weights[((y * 2 + x) * 4 + c) * 3 + u],
							 weight(DENSE, "weights", ((c * 2 + x) * 2 + y) * 3 + u));
	assert_true(fabsf(l->scale[2] - 22.3f) < 1e-6f);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

/* ---- bad files ---- */

static const struct bad {
	const char *what;
	struct change c;
	int err;
	const char *rule, *names;
} bad[] = {
	{"kind of a newer SDK", {.layer = CONV, .key = "layer_type", .value = 9}, -EOPNOTSUPP, "fbz.unknown", "kind 9"},
	{"kind 0", {.layer = CONV, .key = "layer_type", .value = 0}, -EOPNOTSUPP, "fbz.unknown", "conv"},
	{"kind missing",
	 {.layer = SEPARABLE, .key = "layer_type", .value = NONE},
	 -EOPNOTSUPP,
	 "fbz.unknown",
	 "separable"},
	{"unknown parameter", {DENSE, "units", 0, .rename = "stripes"}, -EOPNOTSUPP, "fbz.unknown", "stripes"},
	{"no filters", {.layer = CONV, .key = "filters", .value = 0}, -EINVAL, "fbz.value", "filters is 0"},
	{"negative filters", {.layer = CONV, .key = "filters", .value = -3}, -EINVAL, "fbz.value", "filters is -3"},
	{"a million filters",
	 {.layer = SEPARABLE, .key = "filters", .value = 1000000},
	 -EINVAL,
	 "fbz.value",
	 "filters"},
	{"filters missing", {.layer = SEPARABLE, .key = "filters", .value = NONE}, -EINVAL, "fbz.value", "filters"},
	{"other filters than weights",
	 {.layer = CONV, .key = "filters", .value = 3},
	 -EINVAL,
	 "fbz.value",
	 "weights has 18 elements"},
	{"no units", {.layer = DENSE, .key = "units", .value = NONE}, -EINVAL, "fbz.value", "units"},
	{"other units than weights",
	 {.layer = DENSE, .key = "units", .value = 5},
	 -EINVAL,
	 "fbz.value",
	 "the layer needs 80"},
	{"kernel of 0", {.layer = CONV, .key = "kernel_width", .value = 0}, -EINVAL, "fbz.value", "kernel_width"},
	{"kernel of 300", {.layer = CONV, .key = "kernel_height", .value = 300}, -EINVAL, "fbz.value", "kernel_height"},
	{"negative kernel",
	 {.layer = SEPARABLE, .key = "kernel_width", .value = -1},
	 -EINVAL,
	 "fbz.value",
	 "kernel_width"},
	{"strides that differ",
	 {.layer = SEPARABLE, .key = "stride_x", .value = 2},
	 -EOPNOTSUPP,
	 "fbz.unknown",
	 "strides differ"},
	{"negative stride", {.layer = CONV, .key = "stride_y", .value = -2}, -EINVAL, "fbz.value", "stride_y"},
	{"full padding", {.layer = CONV, .key = "padding", .value = 2}, -EOPNOTSUPP, "fbz.unknown", "padding 2"},
	{"padding of 3", {.layer = CONV, .key = "padding", .value = 3}, -EINVAL, "fbz.value", "padding is 3"},
	{"padding value of 300",
	 {.layer = CONV, .key = "padding_value", .value = 300},
	 -EINVAL,
	 "fbz.value",
	 "padding_value"},
	{"pool of kind 7", {.layer = CONV, .key = "pool_type", .value = 7}, -EOPNOTSUPP, "fbz.unknown", "pool_type 7"},
	{"average pool with a size",
	 {.layer = SEPARABLE, .key = "pool_type", .value = 2},
	 -EOPNOTSUPP,
	 "fbz.unknown",
	 "average pooling of size"},
	{"pool that is not square",
	 {.layer = SEPARABLE, .key = "pooling_width", .value = 3},
	 -EOPNOTSUPP,
	 "fbz.unknown",
	 "not square"},
	{"pool without a size",
	 {.layer = CONV, .key = "pool_type", .value = 1},
	 -EOPNOTSUPP,
	 "fbz.unknown",
	 "not square"},
	{"no width", {.layer = CONV, .key = "input_width", .value = 0}, -EINVAL, "fbz.value", "input_width"},
	{"absurd height",
	 {.layer = CONV, .key = "input_height", .value = INT_MAX},
	 -EINVAL,
	 "fbz.value",
	 "input_height"},
	{"no channels",
	 {.layer = CONV, .key = "input_channels", .value = NONE},
	 -EINVAL,
	 "fbz.value",
	 "input_channels"},
	{"weights of 3 bits",
	 {.layer = CONV, .key = "weights_bits", .value = 3},
	 -EINVAL,
	 "layer.parameter",
	 "weight bits is 3"},
	{"weights of 40 bits",
	 {.layer = CONV, .key = "weights_bits", .value = 40},
	 -EINVAL,
	 "fbz.value",
	 "weights_bits"},
	{"activations of 3 bits",
	 {.layer = SEPARABLE, .key = "act_bits", .value = 3},
	 -EINVAL,
	 "layer.parameter",
	 "activation bits is 3"},
	{"activation of 2",
	 {.layer = SEPARABLE, .key = "activation", .value = 2},
	 -EINVAL,
	 "fbz.value",
	 "activation is 2"},
	{"potentials in the middle",
	 {.layer = SEPARABLE, .key = "activation", .value = 0},
	 -EINVAL,
	 "layer.parameter",
	 NULL},
	{"no weights", {CONV, "weights", .rename = "heights"}, -EINVAL, "fbz.value", "no variable weights"},
	{"no pointwise weights", {SEPARABLE, "weights_pw", .rename = "pw"}, -EINVAL, "fbz.value", "weights_pw"},
	{"no threshold", {DENSE, "threshold", .rename = "x"}, -EINVAL, "fbz.value", "threshold"},
	{"no steps", {DENSE, "act_step", .rename = "x"}, -EINVAL, "fbz.value", "act_step"},
	{"weights are floats", {DENSE, "act_step", .type = 1 + 0}, -EOPNOTSUPP, "fbz.unknown", "act_step has elements"},
	{"weights of an unknown type", {DENSE, "weights", .type = 1 + 5}, -EOPNOTSUPP, "fbz.unknown", "type 5"},
	{"another number of thresholds", {DENSE, "threshold", .dim = 4}, -EINVAL, "fbz.value", "threshold has 4"},
	{"4-bit weight of 8",
	 {.layer = DENSE, .key = "weights", .value = 8},
	 -EINVAL,
	 "layer.parameter",
	 "weight is 8"},
	{"threshold beyond its field",
	 {.layer = SEPARABLE, .key = "threshold", .value = 1 << 20},
	 -EINVAL,
	 "layer.parameter",
	 "threshold"},
	{"groups of filters",
	 {.layer = CONV, .key = "wta_groups", .value = 1},
	 -EOPNOTSUPP,
	 "fbz.unknown",
	 "wta_groups"},
	{"step NaN", {CONV, "act_step", .bad_float = 1}, -ERANGE, "fbz.value", "act_step 0"},
	{"negative step", {CONV, "act_step", .bad_float = 2}, -ERANGE, "fbz.value", "act_step 0"},
	{"step beyond 16 bits", {SEPARABLE, "act_step", .bad_float = 3}, -ERANGE, "fbz.value", "act_step 0"},
	{"scale of 0", {DENSE, "act_step", .bad_float = 4}, -ERANGE, "fbz.value", "act_step 0"},
	{"a variable too many", {SEPARABLE, .extra_variable = true}, -EOPNOTSUPP, "fbz.unknown", "zebra"},
	{"layer without a name", {SEPARABLE, .no_name = true}, -EILSEQ, "fbz.format", "name of a layer"},
	{"layer without parameters", {SEPARABLE, .no_params = true}, -EILSEQ, "fbz.format", "separable"},
	{"layer without an input", {DENSE, .no_inbound = true}, -EOPNOTSUPP, "fbz.unknown", "0 inputs"},
	{"a branch", {DENSE, .inbound = "conv"}, -EOPNOTSUPP, "fbz.unknown", "conv"},
	{"input from nowhere", {SEPARABLE, .inbound = "nowhere"}, -EOPNOTSUPP, "fbz.unknown", "nowhere"},
	{"name with a control character", {CONV, "filters", .rename = "a\033b"}, -EILSEQ, "fbz.format", NULL},
};

/* -errno of listing or converting; nothing is handed out on failure. */
static int read_all(const void *bytes, size_t len, struct akida_diag *diag)
{
	struct akida_fbz *f = NULL;
	struct akida_model *m = NULL;
	int err = akida_fbz_parse(bytes, len, "bad.fbz", &f, diag);

	if (err) {
		assert_null(f);
		return err;
	}
	err = akida_fbz_model(f, &m, diag);
	assert_true(err ? !m : m != NULL);
	akida_model_destroy(m);
	akida_fbz_destroy(f);
	return err;
}

static void test_fbz_bad_contents_are_refused_with_their_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct akida_diag *diag = akida_diag_create();
		const struct akida_diag_record *r;
		size_t len;
		uint8_t *file = small_file(&bad[i].c, &len);
		int err = read_all(file, len, diag);

		r = akida_diag_first_error(diag);
		if (err != bad[i].err || !r || strcmp(r->rule, bad[i].rule) ||
		    (bad[i].names && !strstr(r->text, bad[i].names)))
			fail_msg("%s: got %d %s: %s", bad[i].what, err, r ? r->rule : "-", r ? r->text : "-");
		free(file);
		akida_diag_destroy(diag);
	}
}

static void test_fbz_bad_containers_are_damaged(void **state)
{
	static const struct {
		const char *what;
		size_t keep;
		uint8_t head[8];
		size_t head_bytes;
	} cut[] = {
		{"empty", 0, {0}, 0},
		{"one byte", 1, {0}, 0},
		{"only the length", 2, {0}, 0},
		{"cut in the first literal", 100, {0}, 0},
		{"cut in the last one", 0x300, {0}, 0},
		{"length of six bytes", 4096, {0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 6},
		{"four gigabytes", 4096, {0xff, 0xff, 0xff, 0xff, 0x0f}, 5},
		{"half a gigabyte of nothing", 4096, {0x80, 0x80, 0x80, 0x80, 0x01}, 5},
		{"nothing", 4096, {0}, 1},
		{"copy from before the start", 4096, {40, 0x09, 0xff}, 3},
		{"copy of offset 0", 4096, {20, 0x00, 'a', 0x15, 0x00}, 5},
		{"literal longer than the file", 4096, {0x80, 0x10, 0xfc, 0xff, 0xff, 0xff, 0xff}, 7},
	};
	size_t len, keep;
	uint8_t *file = small_file(NULL, &len), *copy;

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++) {
		struct akida_diag *diag = akida_diag_create();
		int err;

		keep = cut[i].keep < len ? cut[i].keep : len;
		copy = malloc(keep ? keep : 1); /* of exactly that size, so that a sanitizer sees a byte too far */
		memcpy(copy, file, keep);
		memcpy(copy, cut[i].head, cut[i].head_bytes);
		err = read_all(copy, keep, diag);
		if ((err != -EILSEQ && err != -ERANGE) || strcmp(akida_diag_first_error(diag)->rule, "fbz.format"))
			fail_msg("%s: got %d", cut[i].what, err);
		free(copy);
		akida_diag_destroy(diag);
	}
	free(file);
}

static void test_fbz_changed_bytes_never_crash(void **state)
{
	unsigned int seed = 4711, good = 0;
	size_t len;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint8_t *file = small_file(NULL, &len);

		for (int k = 0; k < 1 + i % 3; k++) {
			seed = seed * 1664525u + 1013904223u;
			file[(seed >> 8) % len] = (uint8_t)(i % 4 ? seed >> 3 : 0xff);
		}
		good += !read_all(file, len, NULL);
		free(file);
	}
	assert_in_range(good, 1, 2999);
}

/* ---- real files ---- */

static const char *shared_file(const char *file, char *path, size_t max)
{
	const char *root = getenv("AKIDA_SHARED");

	snprintf(path, max, "%s/data/fbz/%s", root && *root ? root : "../shared", file);
	return access(path, R_OK) ? NULL : path;
}

static void need(const char *file, char *path, size_t max)
{
	if (shared_file(file, path, max))
		return;
	fprintf(stderr, "skipped: shared data file %s is not here\n", file);
	skip();
}

static void test_fbz_real_files_have_the_layers_of_their_readme(void **state)
{
	static const struct {
		const char *file, *version;
		uint32_t layers, out[3];
		uint64_t values;
	} real[] = {
		{"mobilenet_edge_224_learned_v1x.fbz", "before 2.3", 16, {1, 1, 10}, 1891448},
		{"akidanet_160_3class_union.fbz", "before 2.3", 16, {1, 1, 3}, 0},
		{"akidanet_160_2class_v233.fbz", "2.3.3", 16, {1, 1, 2}, 874148},
		{"fomo_224_2class_union.fbz", "before 2.3", 8, {28, 28, 2}, 91748},
		{"fomo_224_4class_v233.fbz", "2.3.3", 8, {28, 28, 4}, 0},
		{"fomo_224_2class_v233.fbz", "2.3.3", 8, {28, 28, 2}, 0},
		{"pose_dense_51_union.fbz", "before 2.3", 5, {1, 1, 4}, 0},
		{"pose_dense_51_v233.fbz", "2.3.3", 5, {1, 1, 4}, 0},
		{"accel_dense_39_v233.fbz", "2.3.3", 4, {1, 1, 4}, 0},
	};
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++) {
		struct akida_fbz *f = NULL;
		struct akida_model *m = NULL;
		struct akida_fbz_layer l = {.size = sizeof(l)};
		struct akida_fbz_variable v = {.size = sizeof(v)};
		uint64_t values = 0;
		uint32_t out[3];

		need(real[i].file, path, sizeof(path));
		assert_int_equal(akida_fbz_load(path, &f, NULL), 0);
		assert_string_equal(akida_fbz_version(f), real[i].version);
		assert_int_equal(akida_fbz_layers(f), real[i].layers);
		for (uint32_t k = 0; k < akida_fbz_layers(f); k++) {
			assert_int_equal(akida_fbz_layer(f, k, &l), 0);
			for (uint32_t n = 0; n < l.variables; n++) {
				assert_int_equal(akida_fbz_variable(f, k, n, &v), 0);
				values += v.bytes / (v.type < 2 ? 4 : 1);
			}
		}
		if (real[i].values)
			assert_int_equal(values, real[i].values);
		assert_int_equal(akida_fbz_model(f, &m, NULL), 0);
		akida_model_output(m, out);
		assert_memory_equal(out, real[i].out, sizeof(out));
		akida_model_destroy(m);
		akida_fbz_destroy(f);
	}
}

static void *read_file(const char *path, size_t bytes)
{
	FILE *f = fopen(path, "rb");
	void *b = malloc(bytes);

	assert_non_null(f);
	assert_int_equal(fread(b, 1, bytes, f), bytes);
	fclose(f);
	return b;
}

/* The activation law with the file's own steps, unrounded. */
static uint8_t law(int32_t p, int32_t threshold, float step, uint32_t bits)
{
	double l = (double)step * (double)(1 << (4 - bits)), y;

	if (p <= threshold)
		return 0;
	y = ceil(((double)p - threshold) / l);
	return (uint8_t)(y < (1 << bits) - 1 ? y : (1 << bits) - 1);
}

static const float *steps_of(const struct akida_fbz *f, uint32_t layer)
{
	struct akida_fbz_variable v = {.size = sizeof(v)};

	for (uint32_t k = 0; !akida_fbz_variable(f, layer, k, &v); k++)
		if (!strcmp(v.name, "act_step") || !strcmp(v.name, "threshold_fire_step"))
			return v.data;
	fail_msg("no steps");
	return NULL;
}

/*
 * Layers 0 to 14 by the layer code, activations by the unrounded law or by ours; spikes of the last of them. A layer's
 * potentials are what it hands out without activation.
 */
static void run_backbone(const struct akida_fbz *f, const struct akida_model *m, bool exact, const uint8_t *image,
			 uint8_t *spikes)
{
	size_t most = 224 * 224 * 64;
	uint8_t *in = malloc(most), *act = malloc(most);
	int32_t *pot = malloc(most * sizeof(*pot)), *scratch;

	memcpy(in, image, 224 * 224 * 3);
	for (uint32_t i = 0; i + 1 < m->count; i++) {
		const struct akida_layer *l = &m->layers[i];
		struct akida_layer raw = *l;
		size_t count = (size_t)l->out_h * l->out_w * l->out_c;

		assert_true(count <= most);
		scratch = calloc(ak_layer_scratch(l) + 1, sizeof(*scratch));
		if (exact) {
			raw.activation = false;
			ak_layer_run(&raw, in, NULL, pot, scratch);
			for (size_t k = 0; k < count; k++)
				act[k] = law(pot[k], l->threshold[k % l->out_c], steps_of(f, i)[k % l->out_c],
					     l->act_bits);
		} else {
			ak_layer_run(l, in, act, NULL, scratch);
		}
		free(scratch);
		memcpy(in, act, count);
	}
	memcpy(spikes, in, 2048);
	free(in);
	free(act);
	free(pot);
}

static void test_fbz_mobilenet_edge_gives_the_stored_spikes(void **state)
{
	static const int learned[4] = {1, 2, 3, 3};
	char path[PATH_MAX];
	uint8_t *images, *stored, spikes[2048];
	struct akida_fbz *f = NULL;
	struct akida_model *m = NULL;
	const struct akida_layer *dense;
	size_t same = 0;

	(void)state;
	need("mobilenet_edge_inputs_4x224x224x3_u8.bin", path, sizeof(path));
	images = read_file(path, (size_t)4 * 224 * 224 * 3);
	need("mobilenet_edge_emulated_spikes_4x2048_u8.bin", path, sizeof(path));
	stored = read_file(path, (size_t)4 * 2048);
	need("mobilenet_edge_224_learned_v1x.fbz", path, sizeof(path));
	assert_int_equal(akida_fbz_load(path, &f, NULL), 0);
	assert_int_equal(akida_fbz_model(f, &m, NULL), 0);
	dense = &m->layers[15];
	for (size_t i = 0; i < 4; i++) {
		int score[10] = {0}, top = 0;

		run_backbone(f, m, true, images + i * 224 * 224 * 3, spikes);
		assert_memory_equal(spikes, stored + i * 2048, 2048);
		/* steps in sixteenths, as the chip and the cpu device have them: other spikes, the same winner */
		run_backbone(f, m, false, images + i * 224 * 224 * 3, spikes);
		for (size_t k = 0; k < 2048; k++) {
			same += spikes[k] == stored[i * 2048 + k];
			for (size_t u = 0; u < 10; u++)
				score[u] += spikes[k] * dense->weights[k * 10 + u];
		}
		for (int u = 1; u < 10; u++)
			top = score[u] > score[top] ? u : top;
		assert_int_equal(top, learned[i]);
	}
	assert_true(same >= 4 * 2048 * 98 / 100);
	free(images);
	free(stored);
	akida_model_destroy(m);
	akida_fbz_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fbz_small_model_has_the_orders_of_the_vendor),
		cmocka_unit_test(test_fbz_bad_contents_are_refused_with_their_rule),
		cmocka_unit_test(test_fbz_bad_containers_are_damaged),
		cmocka_unit_test(test_fbz_changed_bytes_never_crash),
		cmocka_unit_test(test_fbz_real_files_have_the_layers_of_their_readme),
		cmocka_unit_test(test_fbz_mobilenet_edge_gives_the_stored_spikes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
