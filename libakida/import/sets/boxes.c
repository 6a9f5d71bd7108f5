/* SPDX-License-Identifier: MIT */
/* Images with boxes: Pascal VOC (XML by expat) and COCO (JSON by cJSON). */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fileio.h"
#include "import/sets/image.h"
#include "import/sets/set.h"
#ifdef AKIDA_EXPAT
#include <expat.h>
#endif

#define XML_MAX (1u << 20)
#define JSON_MAX ((size_t)1 << 30)

static void shape(struct akida_set *s)
{
	size_t dims[3] = {s->p.height ? s->p.height : 224, s->p.width ? s->p.width : 224, 3};

	ak_set_shape(s, AKIDA_U8, 3, dims);
	s->target = AKIDA_TARGET_BOXES;
}

static float share(double v)
{
	return (float)(v < 0 ? 0 : v > 1 ? 1 : v);
}

static int read_boxed(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag)
{
	struct ak_image image, scaled;
	int err = ak_image_load(item->path, &image, diag);

	if (err)
		return err;
	err = ak_image_resize(&image, (uint32_t)s->dims[0], (uint32_t)s->dims[1], true, &scaled);
	free(image.rgb);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, item->path, "no memory to scale it");
	memcpy(x, scaled.rgb, s->bytes);
	free(scaled.rgb);
	return 0;
}

#ifdef AKIDA_EXPAT
static const char *const voc_classes[] = {
	"aeroplane",   "bicycle", "bird",  "boat",	"bottle", "bus",	 "car",	  "cat",  "chair", "cow",
	"diningtable", "dog",	  "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"};

/* annotation/object/{name,difficult,bndbox/{xmin,..}}, annotation/size/{width,height}; part/... belongs to nobody. */
struct voc {
	struct akida_set *set;
	int depth;
	char at[8][24], text[64];
	size_t text_bytes;
	double size[2], corner[4];
	char name[64];
	bool difficult, has_name;
	unsigned int corners;
	struct akida_box boxes[1024];
	uint32_t count;
	int err;
};

static void XMLCALL voc_begin(void *context, const XML_Char *name, const XML_Char **attributes)
{
	struct voc *v = context;

	(void)attributes;
	if (v->depth < 8)
		snprintf(v->at[v->depth], sizeof(v->at[0]), "%s", name);
	v->depth++;
	v->text_bytes = 0;
	if (v->depth == 2 && !strcmp(name, "object")) {
		v->has_name = v->difficult = false;
		v->corners = 0;
	}
}

static void XMLCALL voc_text(void *context, const XML_Char *text, int len)
{
	struct voc *v = context;

	for (int i = 0; i < len && v->text_bytes + 1 < sizeof(v->text); i++)
		v->text[v->text_bytes++] = text[i];
}

static void add_object(struct voc *v)
{
	int32_t label;

	if (!v->has_name || v->corners != 15 || v->count == sizeof(v->boxes) / sizeof(*v->boxes)) {
		v->err = -EILSEQ;
		return;
	}
	label = ak_set_class_number(v->set, v->name);
	if (label < 0) {
		v->err = label;
		return;
	}
	/* pixel numbers from 1, both corners inside; relative once the size is known, which may come later */
	v->boxes[v->count++] = (struct akida_box){(float)(v->corner[0] - 1),
						  (float)(v->corner[1] - 1),
						  (float)v->corner[2],
						  (float)v->corner[3],
						  label,
						  v->difficult};
}

static void XMLCALL voc_end(void *context, const XML_Char *name)
{
	static const char *const corners[] = {"xmin", "ymin", "xmax", "ymax"};
	struct voc *v = context;

	v->text[v->text_bytes] = 0;
	v->depth--;
	if (v->depth == 2 && !strcmp(v->at[1], "size")) {
		if (!strcmp(name, "width"))
			v->size[0] = strtod(v->text, NULL);
		if (!strcmp(name, "height"))
			v->size[1] = strtod(v->text, NULL);
	} else if (v->depth == 2 && !strcmp(v->at[1], "object")) {
		if (!strcmp(name, "name")) {
			snprintf(v->name, sizeof(v->name), "%s", v->text);
			v->has_name = true;
		}
		if (!strcmp(name, "difficult"))
			v->difficult = v->text[0] == '1';
	} else if (v->depth == 3 && !strcmp(v->at[1], "object") && !strcmp(v->at[2], "bndbox")) {
		for (unsigned int i = 0; i < 4; i++)
			if (!strcmp(name, corners[i])) {
				v->corner[i] = strtod(v->text, NULL);
				v->corners |= 1u << i;
			}
	} else if (v->depth == 1 && !strcmp(name, "object")) {
		add_object(v);
	}
	v->text_bytes = 0;
}

static int add_annotation(struct akida_set *s, const char *path, struct akida_diag *diag)
{
	XML_Parser parser = XML_ParserCreate(NULL);
	struct voc *v = calloc(1, sizeof(*v));
	void *bytes = NULL;
	size_t len = 0;
	int err = parser && v ? ak_file_read(path, XML_MAX, &bytes, &len, diag) : -ENOMEM;

	if (err)
		goto out;
	v->set = s;
	XML_SetUserData(parser, v);
	XML_SetElementHandler(parser, voc_begin, voc_end);
	XML_SetCharacterDataHandler(parser, voc_text);
	if (XML_Parse(parser, bytes, (int)len, 1) != XML_STATUS_OK)
		err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path, "line %lu: %s", XML_GetCurrentLineNumber(parser),
			      XML_ErrorString(XML_GetErrorCode(parser)));
	else if (v->err || !(v->size[0] >= 1) || !(v->size[1] >= 1))
		err = v->err == -ENOMEM ? v->err
					: ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, path,
						  "lacks the image's size, or an object's name or corners");
	for (uint32_t i = 0; i < v->count && !err; i++) {
		struct akida_box b = v->boxes[i];

		b.x0 = share((double)b.x0 / v->size[0]);
		b.x1 = share((double)b.x1 / v->size[0]);
		b.y0 = share((double)b.y0 / v->size[1]);
		b.y1 = share((double)b.y1 / v->size[1]);
		err = ak_set_add_box(s, &b);
	}
out:
	free(bytes);
	free(v);
	if (parser)
		XML_ParserFree(parser);
	return err;
}

static int add_voc(struct akida_set *s, const char *root, const char *name, struct akida_diag *diag)
{
	char path[8192];
	int err;

	snprintf(path, sizeof(path), "%s/JPEGImages/%s.jpg", root, name);
	err = ak_set_add(s, path, 0, 0);
	snprintf(path, sizeof(path), "%s/Annotations/%s.xml", root, name);
	return err ? err : add_annotation(s, path, diag);
}

/* ImageSets/Main/SPLIT.txt has a name a line, in files per class followed by a number; without a split all annotations. */
static int open_voc(struct akida_set *s, const char *root, struct akida_diag *diag)
{
	char path[8192], line[512], name[256], **names;
	size_t count;
	int err = 0;
	FILE *f;

	shape(s);
	for (size_t i = 0; i < sizeof(voc_classes) / sizeof(*voc_classes) && err >= 0; i++)
		err = ak_set_class_number(s, voc_classes[i]);
	if (err < 0)
		return err;
	err = 0;
	if (s->split) {
		snprintf(path, sizeof(path), "%s/ImageSets/Main/%s.txt", root, s->split);
		f = fopen(path, "r");
		if (!f) {
			err = -errno;
			return ak_fail(diag, err, AK_RULE_IO, path, "cannot be opened: %s", strerror(-err));
		}
		while (!err && fgets(line, sizeof(line), f))
			if (sscanf(line, "%255s", name) == 1)
				err = add_voc(s, root, name, diag);
		fclose(f);
		return err;
	}
	snprintf(path, sizeof(path), "%s/Annotations", root);
	err = ak_set_names(path, &names, &count, diag);
	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++)
		if (ak_set_ends_with(names[i], ".xml")) {
			snprintf(name, sizeof(name), "%.*s", (int)(strlen(names[i]) - 4), names[i]);
			err = add_voc(s, root, name, diag);
		}
	ak_set_names_free(names, count);
	return err;
}
#else
static int open_voc(struct akida_set *s, const char *root, struct akida_diag *diag)
{
	(void)s;
	return ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_FILES, root,
		       "this library was built without expat (libexpat1-dev)");
}
#endif

/* ---- COCO ---- */

struct coco_image {
	double id, w, h;
	const char *name;
};
struct coco_category {
	double id;
	const char *name;
};
struct coco_note {
	double image;
	const cJSON *at;
};

static int by_id(const void *a, const void *b)
{
	const double *x = a, *y = b; /* id is the first member of all three */

	return *x < *y ? -1 : *x > *y;
}

static double number(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static const char *text(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static int malformed(const char *file, const char *what, struct akida_diag *diag)
{
	return ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, file, "has a malformed entry in \"%s\"", what);
}

/* Notes of an image, which are together, as boxes of the item just added. */
static int add_notes(struct akida_set *s, const struct coco_image *image, const struct coco_note *note, size_t n,
		     const struct coco_category *category, size_t categories, const char *file, struct akida_diag *diag)
{
	for (size_t i = 0; i < n; i++) {
		const cJSON *b = cJSON_GetObjectItemCaseSensitive(note[i].at, "bbox");
		double v[4], id = number(note[i].at, "category_id");
		const struct coco_category *c = bsearch(&id, category, categories, sizeof(*category), by_id);
		struct akida_box box;

		for (int k = 0; k < 4; k++) {
			const cJSON *e = cJSON_GetArrayItem(b, k);

			v[k] = cJSON_IsNumber(e) ? e->valuedouble : NAN;
		}
		if (!c || isnan(v[0] + v[1] + v[2] + v[3]))
			return malformed(file, "annotations", diag);
		box = (struct akida_box){share(v[0] / image->w),	  share(v[1] / image->h),
					 share((v[0] + v[2]) / image->w), share((v[1] + v[3]) / image->h),
					 (int32_t)(c - category),	  number(note[i].at, "iscrowd") == 1};
		if (ak_set_add_box(s, &box))
			return -ENOMEM;
	}
	return 0;
}

static int index_coco(struct akida_set *s, const cJSON *root, const char *file, const char *folder,
		      struct akida_diag *diag)
{
	const cJSON *ji = cJSON_GetObjectItemCaseSensitive(root, "images"), *e,
		    *jc = cJSON_GetObjectItemCaseSensitive(root, "categories"),
		    *ja = cJSON_GetObjectItemCaseSensitive(root, "annotations");
	size_t images = (size_t)cJSON_GetArraySize(ji), categories = (size_t)cJSON_GetArraySize(jc),
	       notes = (size_t)cJSON_GetArraySize(ja), n = 0, at = 0;
	struct coco_image *image = calloc(images + 1, sizeof(*image));
	struct coco_category *category = calloc(categories + 1, sizeof(*category));
	struct coco_note *note = calloc(notes + 1, sizeof(*note));
	char path[8192];
	int err = image && category && note ? 0 : -ENOMEM;

	if (!err && (!cJSON_IsArray(ji) || !cJSON_IsArray(jc) || !cJSON_IsArray(ja)))
		err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, file, "lacks images, categories or annotations");
	if (err)
		goto out;
	cJSON_ArrayForEach(e, ji)
	{
		image[n] = (struct coco_image){number(e, "id"), number(e, "width"), number(e, "height"),
					       text(e, "file_name")};
		if (isnan(image[n].id) || !(image[n].w >= 1) || !(image[n].h >= 1) || !image[n].name ||
		    strchr(image[n].name, '/')) {
			err = malformed(file, "images", diag);
			goto out;
		}
		n++;
	}
	n = 0;
	cJSON_ArrayForEach(e, jc)
	{
		category[n] = (struct coco_category){number(e, "id"), text(e, "name")};
		if (isnan(category[n].id) || !category[n].name) {
			err = malformed(file, "categories", diag);
			goto out;
		}
		n++;
	}
	n = 0;
	cJSON_ArrayForEach(e, ja) note[n++] = (struct coco_note){number(e, "image_id"), e};
	qsort(image, images, sizeof(*image), by_id);
	qsort(category, categories, sizeof(*category), by_id);
	qsort(note, notes, sizeof(*note), by_id);
	for (size_t i = 0; i < categories && err >= 0; i++)
		err = ak_set_class_number(s, category[i].name);
	err = err < 0 ? err : 0;
	if (!err && s->class_count != categories)
		err = malformed(file, "categories", diag);
	for (size_t i = 0; i < images && !err; i++) {
		size_t first;

		while (at < notes && note[at].image < image[i].id)
			at++;
		for (first = at; at < notes && note[at].image == image[i].id; at++)
			;
		snprintf(path, sizeof(path), "%s/%s", folder, image[i].name);
		err = ak_set_add(s, path, 0, 0);
		if (!err)
			err = add_notes(s, &image[i], note + first, at - first, category, categories, file, diag);
	}
out:
	free(image);
	free(category);
	free(note);
	return err;
}

static int open_coco(struct akida_set *s, const char *spec, struct akida_diag *diag)
{
	const char *comma = strchr(spec, ',');
	char file[4096];
	void *bytes = NULL;
	size_t len = 0;
	cJSON *root;
	int err;

	if (!comma || !comma[1] || (size_t)(comma - spec) >= sizeof(file))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, spec, "is not FILE.json,DIR");
	if (s->split)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, spec, "the file is the split; coco has no split %s",
			       s->split);
	snprintf(file, sizeof(file), "%.*s", (int)(comma - spec), spec);
	shape(s);
	err = ak_file_read(file, JSON_MAX, &bytes, &len, diag);
	if (err)
		return err;
	root = cJSON_ParseWithLength(bytes, len);
	free(bytes);
	if (!root)
		return ak_fail(diag, -EILSEQ, AK_RULE_DATA_FILES, file, "is no JSON");
	err = index_coco(s, root, file, comma + 1, diag);
	cJSON_Delete(root);
	return err;
}

const struct ak_set_kind ak_set_voc = {"voc", open_voc, read_boxed};
const struct ak_set_kind ak_set_coco = {"coco", open_coco, read_boxed};
