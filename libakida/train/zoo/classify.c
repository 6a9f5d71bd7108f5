/* SPDX-License-Identifier: MIT */
/* Networks of the model zoo that classify (reference model-zoo 4.1 to 4.9). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "train/zoo/block.h"

#define INPUT(z, h, w, c, is_signed, scale, offset)                                                                    \
	ak_zoo_input(z, 3, (const uint32_t[]){h, w, c}, is_signed, scale, offset)
#define CONV(z, name, ...) ak_zoo_conv(z, name, &(struct ak_block){__VA_ARGS__})
#define SEPARABLE(z, name, ...) ak_zoo_separable(z, name, &(struct ak_block){__VA_ARGS__})
#define DENSE(z, name, ...) ak_zoo_dense(z, name, &(struct ak_block){__VA_ARGS__})

static bool v2(const struct ak_zoo *z)
{
	return z->p->akida_version == 2;
}

static uint32_t scaled(const struct ak_zoo *z, uint32_t n)
{
	return (uint32_t)((float)n * z->p->alpha);
}

void ak_zoo_vgg_utk_face(struct ak_zoo *z)
{
	float r = ak_zoo_relu(z, 3.75f);

	INPUT(z, 32, 32, 3, false, 127, -1);
	CONV(z, "conv_0", .filters = 32, .kernel = 3, .norm = true, .relu = r);
	CONV(z, "conv_1", .filters = 32, .kernel = 3, .same = true, .pool = AK_ZOO_MAX_POOL, .norm = true, .relu = r);
	ak_zoo_dropout(z, "dropout_3", 0.3f);
	CONV(z, "conv_2", .filters = 64, .kernel = 3, .same = true, .norm = true, .relu = r);
	CONV(z, "conv_3", .filters = 64, .kernel = 3, .same = true, .pool = AK_ZOO_MAX_POOL, .norm = true, .relu = r);
	ak_zoo_dropout(z, "dropout_4", 0.3f);
	CONV(z, "conv_4", .filters = 84, .kernel = 3, .same = true, .pool = AK_ZOO_GLOBAL, .global_last = v2(z),
	     .norm = true, .relu = r);
	ak_zoo_dropout(z, "dropout_5", 0.3f);
	DENSE(z, "dense_1", .filters = 64, .norm = true, .relu = r);
	DENSE(z, "dense_2", .filters = 1, .bias = true);
}

void ak_zoo_gxnor_mnist(struct ak_zoo *z)
{
	float r = ak_zoo_relu(z, 3.75f);

	INPUT(z, 28, 28, 1, false, 255, 0);
	CONV(z, "block_1/conv_1", .filters = 32, .kernel = 5, .same = true, .bias = true, .pool = AK_ZOO_MAX_POOL,
	     .norm = true, .relu = r);
	CONV(z, "block_2/conv_1", .filters = 64, .kernel = 3, .stride = 2, .same = true, .bias = true, .norm = true,
	     .relu = r);
	CONV(z, "block_3/conv_1", .filters = 128, .kernel = 3, .same = true, .bias = true, .pool = AK_ZOO_GLOBAL,
	     .global_last = v2(z), .norm = true, .relu = r);
	DENSE(z, "fc_1", .filters = 512, .bias = true, .norm = true, .relu = 2);
	DENSE(z, "predictions", .filters = 10, .bias = true, .norm = true);
}

void ak_zoo_ds_cnn_kws(struct ak_zoo *z)
{
	float r = ak_zoo_relu(z, 3.75f);
	char name[32];

	INPUT(z, 49, 10, 1, false, 255, 0);
	CONV(z, "conv_0", .filters = 64, .kernel = 5, .stride = 2, .same = true, .norm = true, .relu = r);
	for (int i = 1; i <= 4; i++) {
		snprintf(name, sizeof(name), "separable_%d", i);
		SEPARABLE(z, name, .filters = 64, .kernel = 3, .same = true,
			  .pool = i == 4 ? AK_ZOO_GLOBAL : AK_ZOO_NO_POOL, .global_last = v2(z), .norm = true,
			  .relu = r);
	}
	DENSE(z, "dense_5", .filters = z->p->classes, .bias = true);
	ak_zoo_softmax(z, "act_softmax", z->p->classes);
}

static void convtiny(struct ak_zoo *z, uint32_t h, uint32_t w, uint32_t c)
{
	static const uint32_t filters[] = {16, 16, 32, 64, 128};
	float r = ak_zoo_relu(z, 3.75f);
	char name[32];

	INPUT(z, h, w, c, true, 1, 0);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "conv_%02d", i + 1);
		CONV(z, name, .filters = filters[i], .kernel = 3, .same = true,
		     .pool = i == 4 ? AK_ZOO_GLOBAL : AK_ZOO_MAX_POOL, .global_last = v2(z), .norm = true, .relu = r);
	}
	ak_zoo_reshape(z, "reshape_1", 3, (const uint32_t[]){1, 1, 128});
	ak_zoo_dropout(z, "dropout", 1e-3f);
	SEPARABLE(z, "spiking_layer", .filters = 256, .kernel = 3, .same = true, .norm = true, .relu = r);
	DENSE(z, "dense", .filters = z->p->classes);
	ak_zoo_softmax(z, "act_softmax", z->p->classes);
	ak_zoo_reshape(z, "reshape_2", 1, &z->p->classes);
}

void ak_zoo_convtiny_gesture(struct ak_zoo *z)
{
	convtiny(z, 64, 64, 10);
}

void ak_zoo_convtiny_handy(struct ak_zoo *z)
{
	convtiny(z, 120, 160, 2);
}

void ak_zoo_mobilenet(struct ak_zoo *z)
{
	static const uint32_t filters[] = {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
	float r = ak_zoo_relu(z, 7.5f);
	char name[32];

	INPUT(z, z->p->image_size, z->p->image_size, 3, false, 128, -1);
	CONV(z, "conv_0", .filters = scaled(z, 32), .kernel = 3, .stride = 2, .same = true, .norm = true, .relu = r);
	for (uint32_t i = 1; i <= 13; i++) {
		uint32_t stride = i == 2 || i == 4 || i == 6 || i == 12 ? 2 : 1;

		snprintf(name, sizeof(name), "separable_%u", i);
		SEPARABLE(z, name, .filters = scaled(z, filters[i - 1]), .kernel = 3, .stride = stride, .same = true,
			  .pool = i == 13 ? AK_ZOO_GLOBAL : AK_ZOO_NO_POOL, .global_last = v2(z), .norm = true,
			  .relu = r);
	}
	ak_zoo_dropout(z, "dropout", 1e-3f);
	DENSE(z, "classifier", .filters = z->p->classes);
}

void ak_zoo_akidanet_body(struct ak_zoo *z, float scale, bool global)
{
	static const struct {
		uint32_t filters, stride;
	} layer[] = {{32, 2},  {64, 1},	 {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2},
		     {512, 1}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
	float r = ak_zoo_relu(z, 7.5f);
	char name[32];

	INPUT(z, z->p->image_size, z->p->image_size, 3, false, scale, -1);
	for (uint32_t i = 0; i < sizeof(layer) / sizeof(layer[0]); i++) {
		struct ak_block b = {.filters = scaled(z, layer[i].filters),
				     .kernel = 3,
				     .stride = layer[i].stride,
				     .same = true,
				     .norm = true,
				     .relu = r,
				     .pool = global && i == 13 ? AK_ZOO_GLOBAL : AK_ZOO_NO_POOL,
				     .global_last = v2(z)};

		snprintf(name, sizeof(name), i < 4 ? "conv_%u" : "separable_%u", i);
		(i < 4 ? ak_zoo_conv : ak_zoo_separable)(z, name, &b);
	}
}

void ak_zoo_akidanet(struct ak_zoo *z)
{
	ak_zoo_akidanet_body(z, 128, true);
	ak_zoo_dropout(z, "dropout", 1e-3f);
	DENSE(z, "classifier", .filters = z->p->classes, .bias = true);
}

/* Indices of the last node of each stage go to stages. */
void ak_zoo_akidanet18_body(struct ak_zoo *z, float scale, bool global, uint32_t stages[4])
{
	char name[32];

	INPUT(z, z->p->image_size, z->p->image_size, 3, false, scale, -1);
	CONV(z, "convnext_stem", .filters = 64, .kernel = 4, .stride = 4, .same = true, .norm = true, .relu = 7.5f);
	for (uint32_t s = 0; s < 4; s++) {
		for (uint32_t i = 0; i < 4; i++) {
			struct ak_block b = {.filters = 64u << s,
					     .kernel = 3,
					     .stride = s && !i ? 2 : 1,
					     .same = true,
					     .norm = true,
					     .relu = 7.5f,
					     .pool = global && s == 3 && i == 3 ? AK_ZOO_GLOBAL : AK_ZOO_NO_POOL,
					     .global_last = true};

			snprintf(name, sizeof(name), "stage_%u/conv_%u", s, i);
			(s < 2 ? ak_zoo_conv : ak_zoo_separable)(z, name, &b);
		}
		stages[s] = z->at;
	}
}

void ak_zoo_akidanet18(struct ak_zoo *z)
{
	uint32_t stages[4];

	ak_zoo_akidanet18_body(z, 128, true, stages);
	DENSE(z, "classifier", .filters = z->p->classes, .bias = true);
}

/* What of the base comes before base_layer; -ENOENT without such a layer. */
static int take_base(struct ak_zoo *z)
{
	uint32_t cut = 0;
	int err;

	if (akida_graph_quantized(z->base)) {
		ak_fail(z->diag, -EOPNOTSUPP, AK_RULE_ZOO_OPTION, z->base->name, "is quantized");
		ak_remedy(z->diag, "give the float model that was trained");
		return -EOPNOTSUPP;
	}
	while (cut < z->base->count && strcmp(z->base->nodes[cut].name, z->p->base_layer))
		cut++;
	if (cut < 2 || cut == z->base->count) {
		ak_fail(z->diag, -ENOENT, AK_RULE_ZOO_OPTION, z->p->base_layer, "no such layer in the base model");
		ak_remedy(z->diag, "name its classifier with --base_layer");
		return -ENOENT;
	}
	akida_graph_destroy(z->g);
	z->g = NULL;
	err = ak_graph_clone(z->base, &z->g);
	if (err)
		return err;
	for (uint32_t i = z->g->count; i-- > cut;)
		if ((err = ak_graph_remove(z->g, i)))
			return err;
	z->at = z->g->output = cut - 1;
	return ak_graph_finish(z->g, z->diag);
}

void ak_zoo_akidanet_edge(struct ak_zoo *z)
{
	uint32_t channels;

	z->err = take_base(z);
	channels = ak_zoo_channels(z);
	ak_zoo_reshape(z, "reshape_1", 3, (const uint32_t[]){1, 1, channels});
	SEPARABLE(z, "spike_generator", .filters = 2048, .kernel = 3, .same = true, .norm = true, .relu = 1);
	DENSE(z, "classification_layer", .filters = z->p->classes);
	ak_zoo_reshape(z, "reshape_2", 1, &z->p->classes);
}

void ak_zoo_pointnet(struct ak_zoo *z)
{
	static const struct {
		const char *name;
		uint32_t filters, kernel; /* filters in units of 32 alpha */
		bool pool, fixed;	  /* fixed: the block's own ReLU in both versions */
	} layer[] = {
		{"block_1/conv_1", 1, 3, false, false}, {"block_1/conv_2", 1, 1, true, false},
		{"block_2/conv_1", 2, 1, false, false}, {"block_2/conv_2", 2, 1, true, false},
		{"block_3/conv_1", 4, 1, false, false}, {"block_3/conv_2", 4, 1, true, false},
		{"block_4/conv_1", 8, 1, false, false}, {"block_5/conv_1", 16, 1, false, true},
		{"block_6/conv_1", 4, 1, false, false}, {"block_7/conv_1", 2, 1, false, false},
	};
	uint32_t base = (uint32_t)(32 * z->p->alpha + 0.5f);
	const uint32_t count = sizeof(layer) / sizeof(layer[0]);

	INPUT(z, 8, 256, 3, false, 127, -1);
	for (uint32_t i = 0; i < count; i++)
		CONV(z, layer[i].name, .filters = layer[i].filters * base, .kernel = layer[i].kernel, .same = true,
		     .bias = true, .norm = true, .relu = layer[i].fixed ? 3.75f : ak_zoo_relu(z, 3.75f),
		     .pool = layer[i].pool    ? AK_ZOO_MAX_POOL
			     : i + 1 == count ? AK_ZOO_GLOBAL
					      : AK_ZOO_NO_POOL,
		     .global_last = v2(z));
	DENSE(z, "dense", .filters = z->p->classes, .bias = true);
	ak_zoo_softmax(z, "act_softmax", z->p->classes);
	ak_zoo_reshape(z, "reshape", 1, &z->p->classes);
}
