/* SPDX-License-Identifier: MIT */
/*
 * .akm files: a converted model in the container of base/container.h. Three mandatory sections, one optional:
 *
 *   HEAD  u32 layers, u32 record bytes, zero to 64, char source[64]
 *   LAYR  one record per layer of an Akida v1 model, RECORD_BYTES:
 *           0  char name[64]
 *          64  u32 type, in_h, in_w, in_c, in_bits, filters, kernel_h, kernel_w, stride, padding, padding_value, pool,
 *              pool_size, pool_stride, pool_padding, weights_bits, activation, act_bits
 *         136  u64 offset in DATA of weights, weights_pw, threshold, step16, scale; all ones: absent
 *         176  zero
 *   LAY2  instead of LAYR, one record per layer of an Akida 2 model, RECORD2_BYTES:
 *           0  name and fields to 136 as in LAYR
 *         136  u32 inbounds, inbound[2], buffer_bits, post_op_bits, output_bits, flags (1 signed input, 2 signed output,
 *              4 bounded ReLU, 8 rescale), activation type, fifo, stateful (1.1)
 *         176  u64 offset in DATA of each array in the order of ak_v2_arrays; all ones: absent
 *         280  zero; from 1.1 on the six arrays of a StatefulRecurrent follow, and the record has RECORD2_LONG_BYTES
 *   LERN  optional: parameters and state of the last layer's edge learning (learn.c). A reader that does not know it has the
 *         weights as they are
 *   DATA  the arrays, each aligned to 64 bytes; their lengths follow from the parameters
 *
 * Shapes are derived, never stored. No packet words. A loaded model keeps the file's bytes and points into them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/container.h"
#include "base/diag.h"
#include "base/fileio.h"
#include "base/le.h"
#include "layer/layer.h"
#include "layer/learn.h"
#include "layer/v2.h"

#define AKM_MAGIC "AKIDAAKM"
#define AKM_MAJOR 1u
#define AKM_MINOR 0u	   /* an Akida 2 file says so by its LAY2 section */
#define AKM_MINOR_STATE 1u /* with a StatefulRecurrent; others are written as before */
#define HEAD_BYTES 128u
#define RECORD_BYTES 192u
#define RECORD_FIELDS 18u
#define RECORD_OFFSETS 136u
#define ARRAYS 5u
#define RECORD2_BYTES 320u
#define RECORD2_LONG_BYTES 384u
#define RECORD2_ARRAYS 13u /* of the short record */
#define RECORD2_FIELDS 10u
#define RECORD2_V2 136u
#define RECORD2_OFFSETS 176u
#define ARRAYS_MAX AK_V2_ARRAYS
#define ABSENT UINT64_MAX
#define ALIGN 64u

struct array_view {
	void **data;
	size_t bytes; /* 0: absent */
};

/* The arrays in their stored order; returns how many. */
static uint32_t array_views(struct akida_layer *l, struct array_view v[ARRAYS_MAX])
{
	struct ak_v2_array a[AK_V2_ARRAYS];
	bool real = l->type != AKIDA_LAYER_INPUT_DATA;
	size_t f = real ? (size_t)l->filters * 4 : 0;

	if (ak_layer_is_v2(l)) {
		ak_v2_arrays(l, a);
		for (uint32_t k = 0; k < AK_V2_ARRAYS; k++)
			v[k] = (struct array_view){a[k].data, a[k].count * a[k].element};
		return AK_V2_ARRAYS;
	}
	v[0] = (struct array_view){(void **)&l->weights, ak_layer_weight_count(l)};
	v[1] = (struct array_view){(void **)&l->weights_pw, ak_layer_weight_pw_count(l)};
	v[2] = (struct array_view){(void **)&l->threshold, f};
	v[3] = (struct array_view){(void **)&l->step16, f};
	v[4] = (struct array_view){(void **)&l->scale, l->activation ? 0 : f};
	return ARRAYS;
}

static size_t offsets_of(const struct akida_layer *l)
{
	return ak_layer_is_v2(l) ? RECORD2_OFFSETS : RECORD_OFFSETS;
}

static size_t round_up(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static void put_record(uint8_t *r, const struct akida_layer *l)
{
	const uint32_t fields[RECORD_FIELDS] = {
		l->type,      l->in_h,	      l->in_w,	       l->in_c,		l->in_bits,	  l->filters,
		l->kernel_h,  l->kernel_w,    l->stride,       l->padding,	l->padding_value, l->pool,
		l->pool_size, l->pool_stride, l->pool_padding, l->weights_bits, l->activation,	  l->act_bits,
	};

	memcpy(r, l->name, sizeof(l->name));
	for (uint32_t i = 0; i < RECORD_FIELDS; i++)
		ak_put32(r + AK_LAYER_NAME + 4 * i, fields[i]);
	if (ak_layer_is_v2(l)) {
		const struct ak_v2 *x = l->v2;
		const uint32_t more[RECORD2_FIELDS] = {
			l->inbounds,
			l->inbound[0],
			l->inbound[1],
			x->buffer_bits,
			x->post_op_bits,
			x->output_bits,
			x->in_signed * 1u | x->out_signed * 2u | x->bounded * 4u | x->rescale * 8u,
			x->act,
			x->fifo,
			x->stateful,
		};

		for (uint32_t i = 0; i < RECORD2_FIELDS; i++)
			ak_put32(r + RECORD2_V2 + 4 * i, more[i]);
	}
}

static int get_record2(const uint8_t *r, struct akida_layer *l, const char *name, struct akida_diag *diag)
{
	uint32_t v[RECORD2_FIELDS];

	for (uint32_t i = 0; i < RECORD2_FIELDS; i++)
		v[i] = ak_get32(r + RECORD2_V2 + 4 * i);
	if (v[0] > AKIDA_MAX_INBOUNDS || v[6] > 15 || v[7] > AK_V2_ACT_LUT)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "holds a malformed layer record");
	l->v2 = calloc(1, sizeof(*l->v2));
	if (!l->v2)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for a layer");
	l->inbounds = v[0];
	l->inbound[0] = v[1];
	l->inbound[1] = v[2];
	l->v2->buffer_bits = v[3];
	l->v2->post_op_bits = v[4];
	l->v2->output_bits = v[5];
	l->v2->in_signed = v[6] & 1;
	l->v2->out_signed = v[6] & 2;
	l->v2->bounded = v[6] & 4;
	l->v2->rescale = v[6] & 8;
	l->v2->act = (enum ak_v2_act)v[7];
	l->v2->fifo = v[8];
	l->v2->stateful = v[9];
	if (!ak_layer_is_v2(l))
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "holds a layer of unknown type %u",
			       l->type);
	return 0;
}

static int get_record(const uint8_t *r, struct akida_layer *l, const char *name, struct akida_diag *diag)
{
	uint32_t v[RECORD_FIELDS];

	memcpy(l->name, r, sizeof(l->name));
	for (uint32_t i = 0; i < RECORD_FIELDS; i++)
		v[i] = ak_get32(r + AK_LAYER_NAME + 4 * i);
	if (!memchr(l->name, 0, sizeof(l->name)) || v[16] > 1)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "holds a malformed layer record");
	/* text before the terminator only, so that a name prints as one line */
	for (size_t i = 0; l->name[i]; i++)
		if ((unsigned char)l->name[i] < 0x20)
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "holds a malformed layer name");
	l->type = (enum akida_layer_type)v[0];
	l->in_h = v[1];
	l->in_w = v[2];
	l->in_c = v[3];
	l->in_bits = v[4];
	l->filters = v[5];
	l->kernel_h = v[6];
	l->kernel_w = v[7];
	l->stride = v[8];
	l->padding = (enum akida_padding)v[9];
	l->padding_value = v[10];
	l->pool = (enum akida_pool)v[11];
	l->pool_size = v[12];
	l->pool_stride = v[13];
	l->pool_padding = (enum akida_padding)v[14];
	l->weights_bits = v[15];
	l->activation = v[16];
	l->act_bits = v[17];
	return 0;
}

static bool has_state(const struct akida_model *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (m->layers[i].type == AKIDA_LAYER_STATEFUL_RECURRENT)
			return true;
	return false;
}

int ak_model_serialize(const struct akida_model *m, void **bytes, size_t *len)
{
	uint8_t head[HEAD_BYTES] = {0}, *records, *data;
	struct array_view v[ARRAYS_MAX];
	bool state = has_state(m);
	size_t total = 0, at = 0,
	       record_bytes = state		       ? RECORD2_LONG_BYTES
			      : akida_model_ip(m) == 2 ? RECORD2_BYTES
						       : RECORD_BYTES;
	const struct akida_layer *last = &m->layers[m->count - 1];
	uint8_t *learning = NULL;
	struct ak_section sections[4] = {
		{"HEAD", AK_SECTION_MANDATORY, head, sizeof(head)},
		{"LAYR", AK_SECTION_MANDATORY, NULL, m->count * record_bytes},
		{"DATA", AK_SECTION_MANDATORY, NULL, 0},
	};
	int err = -ENOMEM;

	for (uint32_t i = 0; i < m->count; i++)
		for (uint32_t k = array_views(&m->layers[i], v); k-- > 0;)
			total += round_up(v[k].bytes);
	ak_put32(head, m->count);
	ak_put32(head + 4, (uint32_t)record_bytes);
	memcpy(head + 64, m->source, sizeof(m->source));
	records = calloc(m->count, record_bytes);
	data = calloc(1, total ? total : 1);
	if (!records || !data)
		goto free_parts;
	for (uint32_t i = 0; i < m->count; i++) {
		uint8_t *r = records + i * record_bytes;
		uint32_t arrays = array_views(&m->layers[i], v);

		put_record(r, &m->layers[i]);
		if (ak_layer_is_v2(&m->layers[i]) && !state)
			arrays = RECORD2_ARRAYS;
		for (uint32_t k = 0; k < arrays; k++) {
			ak_put64(r + offsets_of(&m->layers[i]) + 8 * k, v[k].bytes ? at : ABSENT);
			if (v[k].bytes)
				memcpy(data + at, *v[k].data, v[k].bytes);
			at += round_up(v[k].bytes);
		}
	}
	if (akida_model_ip(m) == 2)
		memcpy(sections[1].tag, "LAY2", 4);
	sections[1].data = records;
	sections[2].data = data;
	sections[2].bytes = total;
	if (last->learning) {
		learning = malloc(ak_learning_bytes(last));
		if (!learning)
			goto free_parts;
		ak_learning_put(last, learning);
		sections[3] = (struct ak_section){"LERN", 0, learning, ak_learning_bytes(last)};
	}
	err = ak_container_write(AKM_MAGIC, AKM_MAJOR, state ? AKM_MINOR_STATE : AKM_MINOR, sections, learning ? 4 : 3,
				 bytes, len);
free_parts:
	free(learning);
	free(records);
	free(data);
	return err;
}

/* Points the arrays of one layer into the DATA section. */
static int attach(struct akida_layer *l, const uint8_t *r, size_t record_bytes, const struct ak_section *data,
		  const char *name, struct akida_diag *diag)
{
	struct array_view v[ARRAYS_MAX];
	uint32_t arrays = array_views(l, v);

	l->borrowed = true;
	for (uint32_t k = 0; k < arrays; k++) {
		size_t place = offsets_of(l) + 8 * k;
		uint64_t at = place + 8 <= record_bytes && (k < RECORD2_ARRAYS || record_bytes >= RECORD2_LONG_BYTES)
				      ? ak_get64(r + place)
				      : ABSENT;

		if (!v[k].bytes && at == ABSENT)
			continue;
		if (!v[k].bytes || at % ALIGN || at > data->bytes || v[k].bytes > data->bytes - at)
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name,
				       "the data of layer '%s' lies outside the file", l->name);
		*v[k].data = (uint8_t *)(uintptr_t)data->data + at;
	}
	return 0;
}

/* Takes ownership of bytes, also on failure. */
static int from_bytes(void *bytes, size_t len, const char *name, struct akida_model **out, struct akida_diag *diag)
{
	static const char *const known[] = {"HEAD", "LAYR", "LAY2", "DATA", "LERN"};
	const struct ak_section *head, *records, *data, *learning;
	struct akida_layer *layers = NULL;
	struct ak_section s[5];
	uint32_t count = 0, record_bytes = 0, least;
	bool v2;
	int err, n = ak_container_read(bytes, len, AKM_MAGIC, AKM_MAJOR, known, 5, s, 5, name, diag);

	if (n < 0) {
		err = n;
		goto free_bytes;
	}
	head = ak_section_find(s, (uint32_t)n, "HEAD");
	records = ak_section_find(s, (uint32_t)n, "LAY2");
	v2 = records;
	least = v2 ? RECORD2_BYTES : RECORD_BYTES;
	if (!v2)
		records = ak_section_find(s, (uint32_t)n, "LAYR");
	data = ak_section_find(s, (uint32_t)n, "DATA");
	if (!head || !records || !data) {
		err = ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "lacks section %s",
			      !head	 ? "HEAD"
			      : !records ? "LAYR"
					 : "DATA");
		goto free_bytes;
	}
	if (head->bytes >= HEAD_BYTES) {
		count = ak_get32(head->data);
		record_bytes = ak_get32((const uint8_t *)head->data + 4);
	}
	/* a newer minor version may have longer records */
	if (!count || count > AK_MAX_LAYERS || record_bytes < least || record_bytes > 65536 ||
	    records->bytes != (size_t)count * record_bytes || !memchr((const uint8_t *)head->data + 64, 0, 64)) {
		err = ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has a malformed HEAD section");
		goto free_bytes;
	}
	layers = calloc(count, sizeof(*layers));
	if (!layers) {
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for %u layers", count);
		goto free_bytes;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *r = (const uint8_t *)records->data + (size_t)i * record_bytes;

		if ((err = get_record(r, &layers[i], name, diag)) ||
		    (v2 && (err = get_record2(r, &layers[i], name, diag))) ||
		    (err = ak_layer_finish(&layers[i], diag)) ||
		    (err = attach(&layers[i], r, record_bytes, data, name, diag)))
			goto free_layers;
	}
	learning = ak_section_find(s, (uint32_t)n, "LERN");
	if (learning && (err = ak_learning_get(&layers[count - 1], learning->data, learning->bytes))) {
		ak_fail(diag, err, err == -ENOMEM ? AK_RULE_NOMEM : AK_RULE_CONTAINER_SECTION, name,
			err == -ENOMEM ? "no memory for its learning state" : "has a malformed LERN section");
		goto free_layers;
	}
	err = ak_model_create(layers, count, (const char *)head->data + 64, out, diag);
	if (err)
		goto free_bytes;
	(*out)->mapping = bytes;
	return 0;
free_layers:
	for (uint32_t i = 0; i < count; i++) {
		layers[i].borrowed = true; /* nothing, or memory of the file */
		ak_layer_fini(&layers[i]);
	}
	free(layers);
free_bytes:
	free(bytes);
	return err == -EINVAL ? -EILSEQ : err; /* what the file says is impossible, not what the caller asked */
}

int akida_model_load(const char *path, struct akida_model **out, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err;

	*out = NULL;
	err = ak_file_read(path, AK_FILE_MAX, &bytes, &len, diag);
	return err ? err : from_bytes(bytes, len, path, out, diag);
}

int akida_model_parse(const void *bytes, size_t len, const char *name, struct akida_model **out,
		      struct akida_diag *diag)
{
	void *copy = malloc(len ? len : 1);

	*out = NULL;
	if (!copy)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for %zu bytes", len);
	memcpy(copy, bytes, len);
	return from_bytes(copy, len, name, out, diag);
}

int akida_model_save(const struct akida_model *m, const char *path, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err = ak_model_serialize(m, &bytes, &len);

	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, path, "the model cannot be written: %s", akida_strerror(err));
	err = ak_file_write(path, bytes, len, diag);
	free(bytes);
	return err;
}
