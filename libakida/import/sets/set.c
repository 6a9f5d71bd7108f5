/* SPDX-License-Identifier: MIT */
/* Data sets by kind: opening, the index, samples one by one or all at once. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "import/sets/set.h"

static const struct ak_set_kind *const kinds[] = {&ak_set_imagenet, &ak_set_utkface, &ak_set_voc,	&ak_set_coco,
						  &ak_set_speech,   &ak_set_dvs,     &ak_set_modelnet40};

void akida_set_params_init(struct akida_set_params *p)
{
	memset(p, 0, sizeof(*p));
	p->size = sizeof(*p);
}

int ak_set_add(struct akida_set *s, const char *path, int32_t label, float value)
{
	if (s->count == s->capacity) {
		size_t more = s->capacity ? 2 * s->capacity : 1024;
		struct ak_item *items = realloc(s->items, more * sizeof(*items));

		if (!items)
			return -ENOMEM;
		s->items = items;
		s->capacity = more;
	}
	s->items[s->count] =
		(struct ak_item){.path = strdup(path), .label = label, .value = value, .first_box = s->box_count};
	return s->items[s->count].path ? (s->count++, 0) : -ENOMEM;
}

int ak_set_add_box(struct akida_set *s, const struct akida_box *b)
{
	if (s->box_count == s->box_capacity) {
		size_t more = s->box_capacity ? 2 * s->box_capacity : 1024;
		struct akida_box *boxes = realloc(s->boxes, more * sizeof(*boxes));

		if (!boxes)
			return -ENOMEM;
		s->boxes = boxes;
		s->box_capacity = more;
	}
	s->boxes[s->box_count++] = *b;
	s->items[s->count - 1].boxes++;
	return 0;
}

int32_t ak_set_class_number(struct akida_set *s, const char *name)
{
	char **classes;

	for (uint32_t i = 0; i < s->class_count; i++)
		if (!strcmp(s->classes[i], name))
			return (int32_t)i;
	classes = realloc(s->classes, (s->class_count + 1) * sizeof(*classes));
	if (!classes)
		return -ENOMEM;
	s->classes = classes;
	classes[s->class_count] = strdup(name);
	return classes[s->class_count] ? (int32_t)s->class_count++ : -ENOMEM;
}

void ak_set_shape(struct akida_set *s, enum akida_dtype t, uint32_t rank, const size_t *dims)
{
	s->dtype = t;
	s->rank = rank;
	s->bytes = akida_dtype_bytes(t);
	for (uint32_t i = 0; i < rank; i++)
		s->bytes *= s->dims[i] = dims[i];
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int ak_set_names(const char *folder, char ***names, size_t *count, struct akida_diag *diag)
{
	DIR *d = opendir(folder);
	size_t capacity = 0;
	struct dirent *e;
	int err;

	*names = NULL;
	*count = 0;
	if (!d) {
		err = -errno;
		return ak_fail(diag, err, AK_RULE_IO, folder, "cannot be opened as a folder: %s", strerror(-err));
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (*count == capacity) {
			char **more = realloc(*names, (capacity ? 2 * capacity : 256) * sizeof(*more));

			if (!more)
				break;
			*names = more;
			capacity = capacity ? 2 * capacity : 256;
		}
		(*names)[*count] = strdup(e->d_name);
		if (!(*names)[*count])
			break;
		(*count)++;
	}
	closedir(d);
	if (e) {
		ak_set_names_free(*names, *count);
		*names = NULL;
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, folder, "no memory for its names");
	}
	if (*count)
		qsort(*names, *count, sizeof(**names), by_name);
	return 0;
}

void ak_set_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

bool ak_set_ends_with(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n >= m && !strcasecmp(name + n - m, ending);
}

bool ak_set_is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

int ak_set_add_folder(struct akida_set *s, const char *folder, const char *const *endings, int32_t label,
		      struct akida_diag *diag)
{
	char **names, path[8192];
	size_t count;
	int err = ak_set_names(folder, &names, &count, diag);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++)
		for (const char *const *e = endings; *e; e++)
			if (ak_set_ends_with(names[i], *e)) {
				snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
				err = ak_set_add(s, path, label, 0);
				break;
			}
	ak_set_names_free(names, count);
	return err;
}

void akida_set_close(struct akida_set *s)
{
	if (!s)
		return;
	ak_ahead_stop(s);
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i].path);
	for (uint32_t i = 0; i < s->class_count; i++)
		free(s->classes[i]);
	free(s->items);
	free(s->boxes);
	free(s->classes);
	free(s->split);
	free(s);
}

static int check(const struct akida_set *s, struct akida_diag *diag)
{
	const struct akida_set_params *p = &s->p;

	if (p->height > 8192 || p->width > 8192 || !p->height != !p->width)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, s->name, "a size of %u x %u is not possible", p->height,
			       p->width);
	if (p->frames > 64 || p->frame_ms > 60000 || p->points > 1u << 20 || p->threads > 64 || p->ahead > 65536)
		return ak_fail(
			diag, -EINVAL, AK_RULE_ARG, s->name,
			"frames are up to 64, frame_ms up to 60000, points up to 1048576, threads up to 64, ahead up "
			"to 65536");
	return 0;
}

int akida_set_open(const char *spec, const struct akida_set_params *p, struct akida_set **out, struct akida_diag *diag)
{
	const char *colon = strchr(spec, ':');
	struct akida_set *s;
	int err = 0;

	*out = NULL;
	if (p && p->size < sizeof(*p))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, spec, "parameters are not initialised");
	s = calloc(1, sizeof(*s));
	if (!s)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, spec, "no memory for a data set");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (colon && strlen(kinds[i]->name) == (size_t)(colon - spec) &&
		    !strncmp(spec, kinds[i]->name, (size_t)(colon - spec)))
			s->kind = kinds[i];
	if (!s->kind || !colon[1]) {
		free(s);
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, spec, "is no KIND:PATH of a kind that is known");
	}
	snprintf(s->name, sizeof(s->name), "%s", s->kind->name);
	if (p)
		s->p = *p;
	s->p.threads = s->p.threads ? s->p.threads : 2;
	s->p.ahead = s->p.ahead ? s->p.ahead : 64;
	if (s->p.split) {
		s->split = strdup(s->p.split);
		s->p.split = s->split;
		err = s->split ? 0 : -ENOMEM;
	}
	if (!err)
		err = check(s, diag);
	if (!err)
		err = s->kind->open(s, colon + 1, diag);
	if (!err && !s->count)
		err = ak_fail(diag, -ENOENT, AK_RULE_DATA_FILES, spec, "has no sample%s%s",
			      s->split ? " of split " : "", s->split ? s->split : "");
	if (err == -ENOMEM)
		ak_fail(diag, err, AK_RULE_NOMEM, spec, "no memory for its index");
	if (err) {
		akida_set_close(s);
		return err;
	}
	*out = s;
	return 0;
}

int akida_set_info(const struct akida_set *s, struct akida_set_info *info)
{
	struct akida_set_info full = {.samples = s->count,
				      .rank = s->rank,
				      .bytes = s->bytes,
				      .dtype = s->dtype,
				      .target = s->target,
				      .classes = s->class_count};

	memcpy(full.dims, s->dims, sizeof(full.dims));
	full.size = info->size;
	memcpy(info, &full, info->size < sizeof(full) ? info->size : sizeof(full));
	return 0;
}

const char *akida_set_class(const struct akida_set *s, uint32_t i)
{
	return i < s->class_count ? s->classes[i] : NULL;
}

void ak_set_target(const struct akida_set *s, const struct ak_item *item, struct akida_target *t)
{
	*t = (struct akida_target){item->label, item->value, item->boxes ? s->boxes + item->first_box : NULL,
				   item->boxes};
}

int akida_set_read(const struct akida_set *s, uint64_t i, void *x, struct akida_target *t, struct akida_diag *diag)
{
	int err;

	if (i >= s->count)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, s->name, "has %zu samples, no sample %llu", s->count,
			       (unsigned long long)i);
	err = s->kind->read(s, &s->items[i], x, diag);
	if (!err && t)
		ak_set_target(s, &s->items[i], t);
	return err;
}

int akida_set_start(struct akida_set *s, uint64_t epoch, struct akida_diag *diag)
{
	return ak_ahead_start(s, epoch, diag);
}

int64_t akida_set_next(struct akida_set *s, uint32_t n, void *x, struct akida_target *t, struct akida_diag *diag)
{
	return ak_ahead_next(s, n, x, t, diag);
}

int akida_set_load(struct akida_set *s, uint64_t limit, struct akida_dataset *out, struct akida_diag *diag)
{
	size_t n = limit && limit < s->count ? limit : s->count, shape[6] = {n}, done = 0;
	bool shuffle = s->p.shuffle;
	struct akida_target t;
	int64_t got = 0;
	int err;

	memset(out, 0, sizeof(*out));
	memcpy(shape + 1, s->dims, s->rank * sizeof(*shape));
	err = akida_array_init(&out->x, s->dtype, s->rank + 1, shape);
	if (!err && s->target == AKIDA_TARGET_CLASS)
		err = akida_array_init(&out->y, AKIDA_I32, 1, &n);
	if (err) {
		akida_dataset_fini(out);
		return ak_fail(diag, err, AK_RULE_NOMEM, s->name, "no memory for %zu samples", n);
	}
	s->p.shuffle = false;
	err = akida_set_start(s, 0, diag);
	s->p.shuffle = shuffle;
	for (; !err && done < n; done++) {
		got = akida_set_next(s, 1, (char *)out->x.data + done * s->bytes, &t, diag);
		if (got != 1)
			break;
		if (out->y.data)
			((int32_t *)out->y.data)[done] = t.label;
	}
	ak_ahead_stop(s);
	if (err || done < n) {
		akida_dataset_fini(out);
		return err ? err : got < 0 ? (int)got : -EIO;
	}
	snprintf(out->name, sizeof(out->name), "%s", s->name);
	out->classes = s->class_count;
	return 0;
}
