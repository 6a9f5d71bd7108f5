/* SPDX-License-Identifier: MIT */
/*
 * .akp files and recognition of program files. An .akp is the container of base/container.h with
 *
 *   PROG  mandatory: vendor-format bytes, unchanged
 *   LAYR  optional: u32 count, u32 record bytes (128), zero to 64; per layer char name[64], u32 id, u32 tag,
 *         char tag_rule[48], zero to 128
 *   MODL  optional: the converted model, a complete .akm
 *   SOFT  mandatory where it is there: u32 the first layer of MODL that is not in PROG, but run by the host
 *
 * PROG alone is a complete program: whatever runs on a device runs from it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/container.h"
#include "base/diag.h"
#include "base/fileio.h"
#include "base/le.h"
#include "layer/layer.h"
#include "program/program.h"

#define AKP_MAGIC "AKIDAAKP"
#define AKP_MAJOR 1u
#define AKP_MINOR 0u
#define META_HEAD 64u
#define META_BYTES 128u
#define META_MAX 512u

static bool text_ok(const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!s[i])
			return true;
		if (s[i] < 0x20)
			return false;
	}
	return false;
}

static int read_meta(struct akida_program *p, const struct ak_section *s, const char *name, struct akida_diag *diag)
{
	const uint8_t *b = s->data;
	uint32_t count = s->bytes >= META_HEAD ? ak_get32(b) : UINT32_MAX;
	uint32_t record = s->bytes >= META_HEAD ? ak_get32(b + 4) : 0;

	if (count > META_MAX || record < META_BYTES || record > 65536 || s->bytes != META_HEAD + (size_t)count * record)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has a malformed LAYR section");
	if (!count)
		return 0;
	p->meta = calloc(count, sizeof(*p->meta));
	if (!p->meta)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for %u layers", count);
	p->meta_count = count;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *r = b + META_HEAD + (size_t)i * record;
		struct ak_program_layer_meta *m = &p->meta[i];

		m->id = ak_get32(r + 64);
		m->tag = ak_get32(r + 68);
		if (!text_ok(r, sizeof(m->name)) || !text_ok(r + 72, sizeof(m->tag_rule)) || m->tag > AKIDA_TAG_UNKNOWN)
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name,
				       "has a malformed entry in section LAYR");
		memcpy(m->name, r, sizeof(m->name));
		memcpy(m->tag_rule, r + 72, sizeof(m->tag_rule));
	}
	return 0;
}

/* The program must hand out what the first layer in software takes. */
static int read_software(struct akida_program *p, const struct ak_section *s, const char *name, struct akida_diag *diag)
{
	uint32_t first = s->bytes == 4 ? ak_get32(s->data) : 0;
	const struct akida_layer *before;

	if (!p->model || akida_model_ip(p->model) != 1 || !first || first >= p->model->count)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has a malformed SOFT section");
	before = &p->model->layers[first - 1];
	if (!p->head.activation || !before->activation || p->head.out_dims[0] != before->out_h ||
	    p->head.out_dims[1] != before->out_w || p->head.out_dims[2] != before->out_c)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name,
			       "hands out other values than its first layer in software takes");
	p->software_from = first;
	return 0;
}

static int read_akp(struct akida_program *p, const char *name, size_t len, struct akida_diag *diag)
{
	static const char *const known[] = {"PROG", "LAYR", "MODL", "SOFT"};
	const struct ak_section *prog, *meta, *model, *soft;
	struct ak_section s[4];
	int err, n = ak_container_read(p->storage, len, AKP_MAGIC, AKP_MAJOR, known, 4, s, 4, name, diag);

	if (n < 0)
		return n;
	prog = ak_section_find(s, (uint32_t)n, "PROG");
	meta = ak_section_find(s, (uint32_t)n, "LAYR");
	model = ak_section_find(s, (uint32_t)n, "MODL");
	soft = ak_section_find(s, (uint32_t)n, "SOFT");
	if (!prog)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "lacks section PROG");
	err = ak_vendor_parse(p, (void *)(uintptr_t)prog->data, prog->bytes, name, diag);
	if (!err && meta)
		err = read_meta(p, meta, name, diag);
	if (!err && model)
		err = akida_model_parse(model->data, model->bytes, name, &p->model, diag);
	return !err && soft ? read_software(p, soft, name, diag) : err;
}

int ak_program_from_storage(void *storage, size_t len, const char *name, struct akida_program **out,
			    struct akida_diag *diag)
{
	struct akida_program *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p) {
		free(storage);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for a program");
	}
	p->storage = storage;
	if (len >= 8 && !memcmp(storage, AKP_MAGIC, 8))
		err = read_akp(p, name, len, diag);
	else if (len >= 8 && !memcmp(storage, "AKIDAAKM", 8))
		err = ak_fail(diag, -EINVAL, AK_RULE_PROGRAM_KIND, name,
			      "is a converted model (.akm), not a program; map it first");
	else if (ak_vendor_recognise(storage, len) ||
		 (len >= 4 && ak_get32(storage) < 65536 && len < ak_get32(storage) + 4))
		err = ak_vendor_parse(p, storage, len, name, diag);
	else
		err = ak_fail(diag, -EILSEQ, AK_RULE_PROGRAM_KIND, name, "is neither an .akp nor a vendor program");
	if (!err)
		err = ak_program_describe(p, name, diag);
	if (!err && p->software_from && p->software_from != p->layer_count)
		err = ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name,
			      "holds %u layers, its layers in software begin behind %u", p->layer_count,
			      p->software_from);
	if (err) {
		akida_program_destroy(p);
		return err;
	}
	*out = p;
	return 0;
}

int akida_program_load(const char *path, struct akida_program **out, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err;

	*out = NULL;
	err = ak_file_read(path, AK_FILE_MAX, &bytes, &len, diag);
	return err ? err : ak_program_from_storage(bytes, len, path, out, diag);
}

int akida_program_parse(const void *bytes, size_t len, const char *name, struct akida_program **out,
			struct akida_diag *diag)
{
	void *copy = malloc(len ? len : 1);

	*out = NULL;
	if (!copy)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for %zu bytes", len);
	memcpy(copy, bytes, len);
	return ak_program_from_storage(copy, len, name, out, diag);
}

static uint8_t *make_meta(const struct akida_program *p, size_t *len)
{
	uint8_t *b;

	*len = META_HEAD + (size_t)p->meta_count * META_BYTES;
	b = calloc(1, *len);
	if (!b)
		return NULL;
	ak_put32(b, p->meta_count);
	ak_put32(b + 4, META_BYTES);
	for (uint32_t i = 0; i < p->meta_count; i++) {
		uint8_t *r = b + META_HEAD + (size_t)i * META_BYTES;

		memcpy(r, p->meta[i].name, sizeof(p->meta[i].name));
		ak_put32(r + 64, p->meta[i].id);
		ak_put32(r + 68, p->meta[i].tag);
		memcpy(r + 72, p->meta[i].tag_rule, sizeof(p->meta[i].tag_rule));
	}
	return b;
}

int akida_program_save(const struct akida_program *p, const char *path, struct akida_diag *diag)
{
	struct ak_section s[4] = {{"PROG", AK_SECTION_MANDATORY, p->bytes, p->info_bytes + p->program_bytes}};
	void *meta = NULL, *model = NULL, *bytes = NULL;
	size_t meta_len, model_len, len;
	uint8_t first[4];
	uint32_t n = 1;
	int err = 0;

	if (p->meta_count) {
		meta = make_meta(p, &meta_len);
		if (!meta)
			err = -ENOMEM;
		else
			s[n++] = (struct ak_section){"LAYR", 0, meta, meta_len};
	}
	if (!err && p->model) {
		err = ak_model_serialize(p->model, &model, &model_len);
		if (!err)
			s[n++] = (struct ak_section){"MODL", 0, model, model_len};
	}
	if (!err && p->software_from) {
		ak_put32(first, p->software_from);
		s[n++] = (struct ak_section){"SOFT", AK_SECTION_MANDATORY, first, sizeof(first)};
	}
	if (!err)
		err = ak_container_write(AKP_MAGIC, AKP_MAJOR, AKP_MINOR, s, n, &bytes, &len);
	if (err)
		ak_fail(diag, err, AK_RULE_NOMEM, path, "the program cannot be written: %s", akida_strerror(err));
	else
		err = ak_file_write(path, bytes, len, diag);
	free(bytes);
	free(model);
	free(meta);
	return err;
}
