/* SPDX-License-Identifier: MIT */
/*
 * Writing Keras .h5: superblock 0, old-style groups, contiguous float32 and the same kinds of strings as Keras 2.15 with
 * h5py, attribute for attribute (reference: quantization 1.1). The file is built in memory by libhdf5 and written in one
 * atomic step, so equal graphs give equal bytes and a failure leaves nothing behind.
 */
#include <errno.h>
#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "keras.h"

#define KERAS_VERSION "2.15.0"
#define NAME_ARRAY_LIMIT 64512u /* Keras' HDF5_OBJECT_HEADER_LIMIT */
#define IMAGE_INCREMENT ((size_t)1 << 20)
#define FULL_NAME (2 * AK_NODE_NAME + 32)

static pthread_mutex_t h5_mutex = PTHREAD_MUTEX_INITIALIZER;

void ak_h5_lock(void)
{
	pthread_mutex_lock(&h5_mutex);
}

void ak_h5_unlock(void)
{
	pthread_mutex_unlock(&h5_mutex);
}

static int put_attr(hid_t loc, const char *name, hid_t type, hid_t space, const void *data)
{
	hid_t a = H5Acreate2(loc, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	herr_t r = a < 0 ? -1 : data ? H5Awrite(a, type, data) : 0;

	if (a >= 0)
		H5Aclose(a);
	return r < 0 ? -EIO : 0;
}

static hid_t string_type(bool utf8)
{
	hid_t type = H5Tcopy(H5T_C_S1);

	if (type < 0)
		return type;
	H5Tset_size(type, H5T_VARIABLE);
	H5Tset_cset(type, utf8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
	return type;
}

static int put_text(hid_t loc, const char *name, const char *value, bool utf8)
{
	hid_t type = string_type(utf8), space = H5Screate(H5S_SCALAR);
	int err = type < 0 || space < 0 ? -EIO : put_attr(loc, name, type, space, &value);

	H5Sclose(space);
	H5Tclose(type);
	return err;
}

static int put_names_part(hid_t loc, const char *name, const char *const *values, size_t count)
{
	hsize_t dims = count;
	hid_t type = count ? string_type(false) : H5Tcopy(H5T_IEEE_F64LE); /* as NumPy types an empty list */
	hid_t space = H5Screate_simple(1, &dims, NULL);
	int err = type < 0 || space < 0 ? -EIO : put_attr(loc, name, type, space, count ? values : NULL);

	H5Sclose(space);
	H5Tclose(type);
	return err;
}

/* An array of names, split as Keras does when it is too large for one object header. */
static int put_names(hid_t loc, const char *name, const char *const *values, size_t count)
{
	size_t longest = 0, parts = 1, at = 0;
	int err = 0;

	for (size_t i = 0; i < count; i++)
		longest = strlen(values[i]) > longest ? strlen(values[i]) : longest;
	while ((count + parts - 1) / parts * longest > NAME_ARRAY_LIMIT)
		parts++;
	if (parts == 1)
		return put_names_part(loc, name, values, count);
	for (size_t p = 0; p < parts && !err; p++) {
		size_t some = count / parts + (p < count % parts);
		char part[64];

		snprintf(part, sizeof(part), "%s%zu", name, p);
		err = put_names_part(loc, part, values + at, some);
		at += some;
	}
	return err;
}

/* Groups on the way are made as needed; layers named a and a/b share one. */
static hid_t open_group(hid_t loc, const char *path)
{
	char part[FULL_NAME];
	const char *slash = path;
	hid_t links, g;

	while ((slash = strchr(slash, '/'))) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		slash++;
		if (H5Lexists(loc, part, H5P_DEFAULT) <= 0)
			break;
	}
	if (!slash && H5Lexists(loc, path, H5P_DEFAULT) > 0)
		return H5Gopen2(loc, path, H5P_DEFAULT);
	links = H5Pcreate(H5P_LINK_CREATE);
	if (links < 0)
		return links;
	H5Pset_create_intermediate_group(links, 1);
	g = H5Gcreate2(loc, path, links, H5P_DEFAULT, H5P_DEFAULT);
	H5Pclose(links);
	return g;
}

static int put_data(hid_t group, const char *name, uint32_t rank, const size_t *dims, const float *data)
{
	hid_t space, links = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE), set = -1;
	hsize_t h[AK_WEIGHT_RANK];
	int err = -EIO;

	for (uint32_t i = 0; i < rank; i++)
		h[i] = dims[i];
	space = rank ? H5Screate_simple((int)rank, h, NULL) : H5Screate(H5S_SCALAR);
	if (links >= 0 && create >= 0 && space >= 0) {
		H5Pset_create_intermediate_group(links, 1);
		H5Pset_obj_track_times(create, false);
		set = H5Dcreate2(group, name, H5T_IEEE_F32LE, space, links, create, H5P_DEFAULT);
	}
	if (set >= 0) {
		if (H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0)
			err = 0;
		H5Dclose(set);
	}
	H5Sclose(space);
	H5Pclose(create);
	H5Pclose(links);
	return err;
}

struct variable {
	char name[FULL_NAME];
	uint32_t rank;
	const size_t *dims;
	const float *data;
};

static void add_variable(struct variable *v, const struct ak_node *n, const char *name, uint32_t rank,
			 const size_t *dims, const float *data)
{
	snprintf(v->name, sizeof(v->name), "%s/%s:0", n->name, name);
	v->rank = rank;
	v->dims = dims;
	v->data = data;
}

static int put_layer(hid_t weights, const struct ak_node *n)
{
	struct variable v[AK_MAX_WEIGHTS + 2];
	const char *names[AK_MAX_WEIGHTS + 2];
	size_t ranges = n->quant.range_count;
	uint32_t count = 0;
	hid_t group;
	int err;

	for (uint32_t i = 0; i < n->weight_count; i++)
		add_variable(&v[count++], n, n->weights[i].name, n->weights[i].rank, n->weights[i].dims,
			     n->weights[i].data);
	if (n->op == AK_OP_INPUT_QUANTIZER && n->quant.range_min) {
		uint32_t rank = n->quant.out_per_axis ? 1 : 0;

		add_variable(&v[count++], n, "range_min", rank, &ranges, n->quant.range_min);
		add_variable(&v[count++], n, "range_max", rank, &ranges, n->quant.range_max);
	} else if (n->quant.active && n->quant.has_output && n->quant.range_max) {
		uint32_t rank = n->quant.out_per_axis ? 1 : 0;

		add_variable(&v[count++], n, "output_quantizer/range_max", rank, &ranges, n->quant.range_max);
		if (n->quant.rescaling_rate)
			add_variable(&v[count++], n, "output_quantizer/rescaling_rate", rank, &ranges,
				     n->quant.rescaling_rate);
	}
	for (uint32_t i = 0; i < count; i++)
		names[i] = v[i].name;
	group = open_group(weights, n->name);
	if (group < 0)
		return -EIO;
	err = put_names(group, "weight_names", names, count);
	for (uint32_t i = 0; i < count && !err; i++)
		err = put_data(group, v[i].name, v[i].rank, v[i].dims, v[i].data);
	H5Gclose(group);
	return err;
}

static int put_weights(hid_t file, const struct akida_graph *g)
{
	hid_t weights = open_group(file, "model_weights"), top;
	const char **names = malloc(g->count * sizeof(*names));
	size_t count = 0;
	int err = weights < 0 ? -EIO : names ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < g->count && !err; i++) {
		if (g->sequential && g->nodes[i].op == AK_OP_INPUT) /* not one of a Sequential's layers */
			continue;
		names[count++] = g->nodes[i].name;
		err = put_layer(weights, &g->nodes[i]);
	}
	if (!err)
		err = put_names(weights, "layer_names", names, count);
	if (!err)
		err = put_text(weights, "backend", "tensorflow", false);
	if (!err)
		err = put_text(weights, "keras_version", KERAS_VERSION, false);
	top = err ? -1 : open_group(weights, "top_level_model_weights");
	if (top >= 0) {
		err = put_names(top, "weight_names", NULL, 0);
		H5Gclose(top);
	} else if (!err) {
		err = -EIO;
	}
	if (weights >= 0)
		H5Gclose(weights);
	free(names);
	return err;
}

static int put_model(hid_t file, const struct akida_graph *g)
{
	char *config = ak_keras_config_print(g);
	int err = config ? put_text(file, "model_config", config, false) : -ENOMEM;

	free(config);
	if (!err)
		err = put_text(file, "keras_version", KERAS_VERSION, true);
	if (!err)
		err = put_text(file, "backend", "tensorflow", true);
	return err ? err : put_weights(file, g);
}

static int file_image(hid_t file, void **bytes, size_t *len)
{
	ssize_t size;

	if (H5Fflush(file, H5F_SCOPE_LOCAL) < 0)
		return -EIO;
	size = H5Fget_file_image(file, NULL, 0);
	if (size <= 0)
		return -EIO;
	*bytes = malloc((size_t)size);
	if (!*bytes)
		return -ENOMEM;
	*len = (size_t)size;
	if (H5Fget_file_image(file, *bytes, *len) == size)
		return 0;
	free(*bytes);
	return -EIO;
}

static int build_image(const struct akida_graph *g, void **bytes, size_t *len)
{
	hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
	int err = -EIO;

	if (access >= 0 && H5Pset_fapl_core(access, IMAGE_INCREMENT, 0) >= 0)
		file = H5Fcreate("model.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
	if (file >= 0) {
		err = put_model(file, g);
		if (!err)
			err = file_image(file, bytes, len);
		H5Fclose(file);
	}
	H5Pclose(access);
	return err;
}

static int check_savable(const struct akida_graph *g, struct akida_diag *diag)
{
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];

		bool leaky = n->act == AK_ACT_LEAKY_RELU && n->act_alpha != 0.2f,
		     elu = n->act == AK_ACT_ELU && n->act_alpha != 1;

		if (n->act == AK_ACT_GELU_TANH || n->act == AK_ACT_HARD_SIGMOID6 ||
		    ((leaky || elu) && n->op != AK_OP_ACTIVATION) || (elu && n->quant.active))
			return ak_fail(diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CLASS, n->name,
				       "activation %s with its parameters has no name in a Keras 2 file",
				       ak_activation_name(n->act));
		if (n->quant.active && n->op != AK_OP_INPUT_QUANTIZER && !ak_keras_quantized_class(n->op))
			return ak_fail(diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CLASS, n->name,
				       "a quantized %s has no class in the file", ak_op_class(n->op));
		if (g->sequential && i && (n->input_count != 1 || n->inputs[0] != i - 1))
			return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_INPUTS, n->name, "a Sequential model is a chain");
	}
	return 0;
}

int akida_graph_save(const struct akida_graph *g, const char *path, struct akida_diag *diag)
{
	H5E_auto2_t report;
	void *report_context, *bytes;
	size_t len;
	int err;

	if (!g || !g->count || !path)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "no model or no path");
	err = check_savable(g, diag);
	if (err)
		return err;
	ak_h5_lock();
	H5Eget_auto2(H5E_DEFAULT, &report, &report_context);
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* the library prints nothing */
	err = build_image(g, &bytes, &len);
	H5Eset_auto2(H5E_DEFAULT, report, report_context);
	ak_h5_unlock();
	if (err)
		return ak_fail(diag, err, err == -ENOMEM ? AK_RULE_NOMEM : AK_RULE_IO, path,
			       "cannot be laid out as HDF5");
	err = ak_file_write(path, bytes, len, diag);
	free(bytes);
	return err;
}
