/* SPDX-License-Identifier: MIT */
/* Classes as folders of images, and UTKFace, whose file names say everything. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "import/sets/image.h"
#include "import/sets/set.h"

static const char *const images[] = {".jpg", ".jpeg", ".png", NULL};

/* DIR/split where there is one; with a split that is not there, an error. */
static int part_of(const struct akida_set *s, const char *path, char *out, size_t bytes, struct akida_diag *diag)
{
	snprintf(out, bytes, "%s", path);
	if (!s->split)
		return 0;
	snprintf(out, bytes, "%s/%s", path, s->split);
	if (ak_set_is_folder(out))
		return 0;
	return ak_fail(diag, -ENOENT, AK_RULE_DATA_FILES, path, "has no folder %s", s->split);
}

static void image_shape(struct akida_set *s, uint32_t side)
{
	size_t dims[3] = {s->p.height ? s->p.height : side, s->p.width ? s->p.width : side, 3};

	ak_set_shape(s, AKIDA_U8, 3, dims);
}

static int open_imagenet(struct akida_set *s, const char *path, struct akida_diag *diag)
{
	char root[4096], folder[8192], **names;
	size_t count;
	int err = part_of(s, path, root, sizeof(root), diag);

	if (!err)
		err = ak_set_names(root, &names, &count, diag);
	if (err)
		return err;
	image_shape(s, 224);
	s->target = AKIDA_TARGET_CLASS;
	for (size_t i = 0; i < count && !err; i++) {
		int32_t label;

		snprintf(folder, sizeof(folder), "%s/%s", root, names[i]);
		if (!ak_set_is_folder(folder))
			continue;
		label = ak_set_class_number(s, names[i]);
		err = label < 0 ? label : ak_set_add_folder(s, folder, images, label, diag);
	}
	ak_set_names_free(names, count);
	return err;
}

static int fit(const struct akida_set *s, const struct ak_item *item, double margin, bool smooth, void *x,
	       struct akida_diag *diag)
{
	struct ak_image image;
	int err = ak_image_load(item->path, &image, diag);

	if (err)
		return err;
	err = ak_image_cover(&image, (uint32_t)s->dims[0], (uint32_t)s->dims[1], margin, smooth, x);
	free(image.rgb);
	return err ? ak_fail(diag, err, AK_RULE_NOMEM, item->path, "no memory to scale it") : 0;
}

/* As for validation: the shorter side 1.143 times the size, the middle of it. */
static int read_imagenet(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag)
{
	return fit(s, item, 1.143, false, x, diag);
}

static int open_utkface(struct akida_set *s, const char *path, struct akida_diag *diag)
{
	size_t kept = 0;
	int err;

	if (s->split)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, path, "utkface has no split %s", s->split);
	image_shape(s, 32);
	s->target = AKIDA_TARGET_VALUE;
	err = ak_set_add_folder(s, path, images, 0, diag);
	/* a few published names lack a field; what has no age is not a sample */
	for (size_t i = 0; i < s->count; i++) {
		const char *name = strrchr(s->items[i].path, '/') + 1;
		int age, gender, race;
		char date;

		if (sscanf(name, "%3d_%1d_%1d_%c", &age, &gender, &race, &date) == 4 && age >= 0 && age <= 130) {
			s->items[i].value = (float)age;
			s->items[kept++] = s->items[i];
		} else {
			free(s->items[i].path);
		}
	}
	s->count = kept;
	return err;
}

static int read_utkface(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag)
{
	return fit(s, item, 1, true, x, diag);
}

const struct ak_set_kind ak_set_imagenet = {"imagenet", open_imagenet, read_imagenet};
const struct ak_set_kind ak_set_utkface = {"utkface", open_utkface, read_utkface};
