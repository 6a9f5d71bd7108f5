/* SPDX-License-Identifier: MIT */
/* Networks of the model zoo that say where things are (reference model-zoo 4.10 to 4.12). */
#include <errno.h>
#include <stdio.h>
#include "train/zoo/block.h"

#define CONV(z, name, ...) ak_zoo_conv(z, name, &(struct ak_block){__VA_ARGS__})
#define SEPARABLE(z, name, ...) ak_zoo_separable(z, name, &(struct ak_block){__VA_ARGS__})

void ak_zoo_yolo(struct ak_zoo *z)
{
	float r = ak_zoo_relu(z, 7.5f);
	char name[16];

	ak_zoo_akidanet_body(z, 127.5f, false);
	for (int i = 1; i <= 3; i++) {
		snprintf(name, sizeof(name), "%dconv", i);
		SEPARABLE(z, name, .filters = 1024, .kernel = 3, .same = true, .norm = true, .relu = r);
	}
	SEPARABLE(z, "detection_layer", .filters = z->p->anchors * (5 + z->p->classes), .kernel = 3, .same = true,
		  .bias = true);
}

static void add(struct ak_zoo *z, const char *name, uint32_t other)
{
	uint32_t in[2] = {z->at, other};

	if (z->err)
		return;
	if (ak_graph_add(z->g, AK_OP_ADD, name, in, 2))
		z->at = z->g->count - 1;
	else
		z->err = -ENOMEM;
}

void ak_zoo_centernet(struct ak_zoo *z)
{
	static const uint32_t filters[] = {256, 128};
	uint32_t stages[4];
	char name[40];

	ak_zoo_akidanet18_body(z, 127, false, stages);
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "neck_sepconv_%u", i);
		SEPARABLE(z, name, .filters = filters[i], .kernel = 5, .same = true, .norm = true, .relu = 7.5f);
		snprintf(name, sizeof(name), "neck_transpose_sepconv_%u", i);
		ak_zoo_separable_transpose(z, name,
					   &(struct ak_block){.filters = filters[i],
							      .kernel = 4,
							      .stride = 2,
							      .same = true,
							      .norm = true,
							      .relu = 7.5f});
		snprintf(name, sizeof(name), "neck_add_%u", i);
		add(z, name, stages[2 - i]);
	}
	CONV(z, "neck_conv_2", .filters = 64, .kernel = 3, .same = true, .norm = true, .relu = 7.5f);
	ak_zoo_conv_transpose(
		z, "neck_transpose_conv_2",
		&(struct ak_block){.filters = 64, .kernel = 4, .stride = 2, .same = true, .norm = true, .relu = 7.5f});
	add(z, "neck_add_2", stages[0]);
	CONV(z, "head_conv_1", .filters = 192, .kernel = 3, .same = true, .norm = true, .relu = 7.5f);
	CONV(z, "head_conv_2", .filters = z->p->classes + 4, .kernel = 1, .same = true, .bias = true);
}

void ak_zoo_unet(struct ak_zoo *z)
{
	char name[32];

	ak_zoo_akidanet_body(z, 128, false);
	for (uint32_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "sepconv_t_%u", i);
		ak_zoo_separable_transpose(z, name,
					   &(struct ak_block){.filters = (uint32_t)(z->p->alpha * (float)(512u >> i)),
							      .kernel = 3,
							      .stride = 2,
							      .same = true,
							      .bias = true,
							      .norm = true,
							      .relu = 7.5f});
		snprintf(name, sizeof(name), "dropout_%u", i);
		ak_zoo_dropout(z, name, 0.5f);
	}
	CONV(z, "head", .filters = 1, .kernel = 1, .same = true, .bias = true);
}
