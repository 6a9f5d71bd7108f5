/* SPDX-License-Identifier: MIT */
/*
 * Runs in the confined child only: reads model_config and all weights of a Keras 2 .h5 with libhdf5 from memory and
 * writes the arena. It need not survive a hostile file, it must only never report wrong bytes as good ones.
 */
#include <endian.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "h5_arena.h"

#define MAX_NAMES 8192u
#define MAX_ELEMENTS ((uint64_t)1 << 28)

struct extract {
	int fd;
	uint64_t at, max; /* end of what is written, and the most that may be */
	struct ak_h5_arena head;
	struct ak_h5_weight *table;
	size_t capacity;
};

struct names {
	char **name;
	size_t count;
};

static int fail(struct extract *x, enum ak_h5_status status, const char *what, const char *which)
{
	if (x->head.status == AK_H5_OK) {
		x->head.status = status;
		snprintf(x->head.text, sizeof(x->head.text), "%s%s%s", what, *which ? " " : "", which);
	}
	return -1;
}

static int put_at(struct extract *x, uint64_t at, const void *bytes, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t w = pwrite(x->fd, (const char *)bytes + done, n - done, (off_t)(at + done));

		if (w <= 0)
			return fail(x, AK_H5_NO_MEMORY, "more data than the file can hold", "");
		done += (size_t)w;
	}
	return 0;
}

static int put(struct extract *x, const void *bytes, size_t n, uint64_t *offset)
{
	*offset = x->at;
	if (x->at > x->max || n + 8 > x->max - x->at)
		return fail(x, AK_H5_NO_MEMORY, "the model", "");
	if (put_at(x, x->at, bytes, n))
		return -1;
	x->at = (x->at + n + 7) & ~(uint64_t)7;
	return 0;
}

static int put_text(struct extract *x, const char *s, struct ak_h5_span *span)
{
	span->bytes = strlen(s);
	return put(x, s, (size_t)span->bytes, &span->offset);
}

/* All strings of an attribute, variable or fixed length, scalar or one axis. Not freed: the process is about to end. */
static int read_strings(hid_t loc, const char *attr, struct names *out)
{
	hid_t a = H5Aopen(loc, attr, H5P_DEFAULT), type, space, mem;
	hssize_t points;
	size_t size;

	if (a < 0)
		return -1;
	type = H5Aget_type(a);
	space = H5Aget_space(a);
	points = H5Sget_simple_extent_npoints(space);
	if (type < 0 || points < 0 || (uint64_t)points > MAX_NAMES)
		return -1;
	out->name = NULL;
	out->count = (size_t)points;
	if (!points)
		return 0;
	if (H5Tget_class(type) != H5T_STRING)
		return -1;
	out->name = calloc(out->count, sizeof(*out->name));
	mem = H5Tcopy(H5T_C_S1);
	if (!out->name || mem < 0)
		return -1;
	H5Tset_cset(mem, H5Tget_cset(type));
	if (H5Tis_variable_str(type) > 0) {
		H5Tset_size(mem, H5T_VARIABLE);
		if (H5Aread(a, mem, out->name) < 0)
			return -1;
	} else {
		char *block;

		size = H5Tget_size(type) + 1;
		block = size < AK_H5_MAX_JSON ? calloc(out->count, size) : NULL;
		H5Tset_size(mem, size);
		if (!block || H5Aread(a, mem, block) < 0)
			return -1;
		for (size_t i = 0; i < out->count; i++)
			out->name[i] = block + i * size;
	}
	for (size_t i = 0; i < out->count; i++)
		if (!out->name[i])
			return -1;
	return 0;
}

/* Keras splits a long array over name0, name1 and so on. */
static int read_names(struct extract *x, hid_t loc, const char *attr, const char *where, struct names *out)
{
	char part[64];

	if (H5Aexists(loc, attr) > 0)
		return read_strings(loc, attr, out) ? fail(x, AK_H5_BAD_NAMES, attr, where) : 0;
	snprintf(part, sizeof(part), "%s0", attr);
	if (H5Aexists(loc, part) <= 0)
		return fail(x, AK_H5_NO_WEIGHTS, attr, where);
	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0;; i++) {
		struct names some;
		char **grown;

		snprintf(part, sizeof(part), "%s%u", attr, i);
		if (H5Aexists(loc, part) <= 0)
			return 0;
		if (read_strings(loc, part, &some) || out->count + some.count > MAX_NAMES)
			return fail(x, AK_H5_BAD_NAMES, attr, where);
		grown = realloc(out->name, (out->count + some.count + 1) * sizeof(*grown));
		if (!grown)
			return fail(x, AK_H5_NO_MEMORY, attr, where);
		memcpy(grown + out->count, some.name, some.count * sizeof(*grown));
		out->name = grown;
		out->count += some.count;
	}
}

static int read_text(struct extract *x, hid_t loc, const char *attr, struct ak_h5_span *span)
{
	struct names s;

	if (H5Aexists(loc, attr) <= 0)
		return -1;
	if (read_strings(loc, attr, &s) || s.count != 1)
		return fail(x, AK_H5_BAD_NAMES, attr, "");
	if (strlen(s.name[0]) > AK_H5_MAX_JSON)
		return fail(x, AK_H5_BAD_NAMES, attr, "is too long");
	return put_text(x, s.name[0], span);
}

static struct ak_h5_weight *new_weight(struct extract *x)
{
	if (x->head.weight_count >= AK_H5_MAX_WEIGHTS)
		return NULL;
	if (x->head.weight_count == x->capacity) {
		size_t capacity = x->capacity ? 2 * x->capacity : 64;
		struct ak_h5_weight *grown = realloc(x->table, capacity * sizeof(*grown));

		if (!grown)
			return NULL;
		x->table = grown;
		x->capacity = capacity;
	}
	return memset(&x->table[x->head.weight_count], 0, sizeof(*x->table));
}

static int read_data(struct extract *x, hid_t set, const char *name, struct ak_h5_weight *w)
{
	hid_t type = H5Dget_type(set), space = H5Dget_space(set);
	hsize_t dims[H5S_MAX_RANK];
	uint64_t count = 1;
	float *data;
	int rank;

	if (type < 0 || space < 0)
		return fail(x, AK_H5_DAMAGED, "data set", name);
	if (H5Tget_class(type) != H5T_FLOAT || H5Tget_size(type) != 4 ||
	    (H5Tequal(type, H5T_IEEE_F32LE) <= 0 && H5Tequal(type, H5T_IEEE_F32BE) <= 0))
		return fail(x, AK_H5_BAD_TYPE, name, "");
	rank = H5Sget_simple_extent_ndims(space);
	if (rank < 0 || rank > 5 || H5Sget_simple_extent_type(space) == H5S_NULL)
		return fail(x, AK_H5_BAD_SHAPE, name, "");
	if (rank && H5Sget_simple_extent_dims(space, dims, NULL) < 0)
		return fail(x, AK_H5_BAD_SHAPE, name, "");
	for (int i = 0; i < rank; i++) {
		if (!dims[i] || dims[i] > MAX_ELEMENTS / count)
			return fail(x, AK_H5_BAD_SHAPE, name, "");
		count *= dims[i];
		w->dims[i] = dims[i];
	}
	w->rank = (uint64_t)rank;
	if (count * sizeof(*data) > x->max - x->at) /* stored small, unpacked large */
		return fail(x, AK_H5_NO_MEMORY, name, "");
	data = malloc(count * sizeof(*data));
	if (!data)
		return fail(x, AK_H5_NO_MEMORY, name, "");
	if (H5Dread(set, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
		free(data);
		return fail(x, AK_H5_DAMAGED, "data set", name);
	}
	if (put(x, data, count * sizeof(*data), &w->data)) {
		free(data);
		return -1;
	}
	free(data);
	H5Sclose(space);
	H5Tclose(type);
	return 0;
}

static int read_weight(struct extract *x, hid_t group, const char *layer, const char *name)
{
	struct ak_h5_weight *w = new_weight(x);
	hid_t set;

	if (!w)
		return fail(x, AK_H5_BAD_NAMES, "more weights than any network has", "");
	set = H5Dopen2(group, name, H5P_DEFAULT);
	if (set < 0)
		return fail(x, AK_H5_NO_WEIGHTS, "data set", name);
	if (read_data(x, set, name, w) || put_text(x, layer, &w->layer) || put_text(x, name, &w->name))
		return -1;
	H5Dclose(set);
	x->head.weight_count++;
	return 0;
}

static int read_layer(struct extract *x, hid_t weights, const char *layer)
{
	struct names names;
	hid_t group = *layer ? H5Gopen2(weights, layer, H5P_DEFAULT) : -1;

	if (group < 0)
		return fail(x, AK_H5_NO_WEIGHTS, "group", layer);
	if (read_names(x, group, "weight_names", layer, &names))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (read_weight(x, group, layer, names.name[i]))
			return -1;
	H5Gclose(group);
	return 0;
}

static int read_file(struct extract *x, const struct ak_h5_image *image)
{
	hid_t access = H5Pcreate(H5P_FILE_ACCESS), file, weights;
	struct names layers;

	if (access < 0 || H5Pset_fapl_core(access, 1 << 16, 0) < 0 ||
	    H5Pset_file_image(access, (void *)(uintptr_t)image->bytes, image->len) < 0)
		return fail(x, AK_H5_NO_MEMORY, "", "");
	file = H5Fopen("image", H5F_ACC_RDONLY, access);
	if (file < 0)
		return fail(x, AK_H5_DAMAGED, "HDF5 structure", "");
	if (read_text(x, file, "model_config", &x->head.config))
		return fail(x, AK_H5_NO_CONFIG, H5Aexists(file, "layer_names") > 0 ? "it holds weights only" : "", "");
	(void)read_text(x, file, "keras_version", &x->head.version);
	if (x->head.status != AK_H5_OK)
		return -1;
	weights = H5Gopen2(file, "model_weights", H5P_DEFAULT);
	if (weights < 0)
		return fail(x, AK_H5_NO_WEIGHTS, "group model_weights", "");
	if (read_names(x, weights, "layer_names", "", &layers))
		return -1;
	x->head.layer_count = layers.count;
	for (size_t i = 0; i < layers.count; i++)
		if (read_layer(x, weights, layers.name[i]))
			return -1;
	return put(x, x->table, (size_t)x->head.weight_count * sizeof(*x->table), &x->head.weights);
}

/* ---- model.weights.h5 of a .keras ---- */

struct listing {
	struct names names;
	bool failed;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
	struct listing *l = context;
	char **grown;

	(void)group;
	(void)info;
	if (l->names.count == MAX_NAMES) {
		l->failed = true;
		return 1;
	}
	grown = realloc(l->names.name, (l->names.count + 1) * sizeof(*grown));
	if (!grown) {
		l->failed = true;
		return 1;
	}
	l->names.name = grown;
	grown[l->names.count] = strdup(name);
	l->failed = !grown[l->names.count++];
	return l->failed;
}

/* NAME/vars/0, NAME/vars/1 and so on, as far as they are there. */
static int read_vars(struct extract *x, hid_t layers, const char *layer)
{
	hid_t group = H5Gopen2(layers, layer, H5P_DEFAULT), vars;
	char index[16];

	if (group < 0)
		return fail(x, AK_H5_NO_WEIGHTS, "group", layer);
	vars = H5Lexists(group, "vars", H5P_DEFAULT) > 0 ? H5Gopen2(group, "vars", H5P_DEFAULT) : -1;
	for (unsigned int i = 0; vars >= 0; i++) {
		snprintf(index, sizeof(index), "%u", i);
		if (H5Lexists(vars, index, H5P_DEFAULT) <= 0)
			break;
		if (read_weight(x, vars, layer, index))
			return -1;
	}
	if (vars >= 0)
		H5Gclose(vars);
	H5Gclose(group);
	return 0;
}

static int read_weights_file(struct extract *x, const struct ak_h5_image *image)
{
	static const char *const roots[] = {"layers", "_layer_checkpoint_dependencies"}; /* Keras 3, 2.13 to 2.15 */
	hid_t access = H5Pcreate(H5P_FILE_ACCESS), file, layers = -1;
	struct listing l = {0};

	if (access < 0 || H5Pset_fapl_core(access, 1 << 16, 0) < 0 ||
	    H5Pset_file_image(access, (void *)(uintptr_t)image->bytes, image->len) < 0)
		return fail(x, AK_H5_NO_MEMORY, "", "");
	file = H5Fopen("image", H5F_ACC_RDONLY, access);
	if (file < 0)
		return fail(x, AK_H5_DAMAGED, "HDF5 structure", "");
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && layers < 0; i++)
		if (H5Lexists(file, roots[i], H5P_DEFAULT) > 0)
			layers = H5Gopen2(file, roots[i], H5P_DEFAULT);
	if (layers < 0)
		return fail(x, AK_H5_NO_WEIGHTS, "group layers", "");
	if (H5Literate(layers, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &l) < 0 || l.failed)
		return fail(x, AK_H5_BAD_NAMES, "layers", "");
	x->head.layer_count = l.names.count;
	for (size_t i = 0; i < l.names.count; i++)
		if (read_vars(x, layers, l.names.name[i]))
			return -1;
	return put(x, x->table, (size_t)x->head.weight_count * sizeof(*x->table), &x->head.weights);
}

int ak_h5_extract(void *image, int fd)
{
	const struct ak_h5_image *file = image;
	struct extract x = {.fd = fd, .at = sizeof(struct ak_h5_arena), .max = file->max_result};

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	H5PLset_loading_state(0); /* a file must not choose code to load */
	(void)(file->weights_only ? read_weights_file(&x, file) : read_file(&x, file));
	x.head.magic = AK_H5_ARENA_MAGIC; /* written last: an unfinished arena has no magic */
	return put_at(&x, 0, &x.head, sizeof(x.head));
}
