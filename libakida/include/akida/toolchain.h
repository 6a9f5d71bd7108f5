/* SPDX-License-Identifier: MIT */
/*
 * The door between small programs and libakida-tools.so. A program that links libakida.so only opens the toolchain when
 * it needs it and calls through this table; a program that links libakida-tools.so may call the functions directly.
 */
#ifndef AKIDA_TOOLCHAIN_H
#define AKIDA_TOOLCHAIN_H

#include "convert.h"
#include "fbz.h"
#include "map.h"
#include "quant.h"
#include "sets.h"
#include "train.h"
#include "zoo.h"

#define AKIDA_TOOLCHAIN_ABI 1u
#define AKIDA_TOOLCHAIN_SYMBOL "akida_toolchain"

/* Kinds akida_data_load understands: idx (pair in a folder), npz, npy; by SPEC of design 5.2 without digits/random/raw. */
struct akida_toolchain {
	uint32_t abi;
	int (*graph_load)(const char *path, struct akida_graph **out, struct akida_diag *diag);
	int (*graph_save)(const struct akida_graph *g, const char *path, struct akida_diag *diag);
	void (*graph_destroy)(struct akida_graph *g);
	uint32_t (*graph_nodes)(const struct akida_graph *g);
	int (*graph_node)(const struct akida_graph *g, uint32_t i, struct akida_node_info *info);
	const char *(*graph_name)(const struct akida_graph *g);
	bool (*graph_quantized)(const struct akida_graph *g);
	uint32_t (*graph_input)(const struct akida_graph *g, uint32_t dims[4]);
	size_t (*graph_outputs)(const struct akida_graph *g);
	int (*graph_forward)(const struct akida_graph *g, const struct akida_array *x, float *out,
			     struct akida_diag *diag);
	int (*quantize)(const struct akida_graph *g, const struct akida_quant_params *p,
			const struct akida_array *samples, struct akida_graph **out, struct akida_diag *diag);
	int (*convert)(const struct akida_graph *quantized, struct akida_model **out, struct akida_diag *diag);
	int (*convert_v2)(const struct akida_graph *quantized, struct akida_model **out, struct akida_diag *diag);
	int (*check)(const struct akida_graph *g, const char *target, struct akida_diag *diag);
	int (*map)(const struct akida_model *m, const char *device, const struct akida_map_params *p,
		   struct akida_program **out, struct akida_map_report *report, struct akida_diag *diag);
	int (*network_create)(const char *name, uint64_t seed, struct akida_graph **out, struct akida_diag *diag);
	int (*train)(struct akida_graph *g, const struct akida_dataset *data, const struct akida_train_params *p,
		     struct akida_diag *diag);
	/* SPEC mnist:DIR, mnist-train:DIR, cifar10:FILE, ecg:FILE, ecg-train:FILE, npz:FILE (x, y), npy:FILE. x keeps its dtype, images (n,h,w,c). */
	int (*data_load)(const char *spec, struct akida_dataset *out, struct akida_diag *diag);
	/* All arrays of an .npz concatenated on axis 0 (calibration samples), or the array of an .npy. */
	int (*samples_load)(const char *path, struct akida_array *out, struct akida_diag *diag);
	void (*map_report_fini)(struct akida_map_report *r);
	int (*decompile)(const struct akida_program *p, struct akida_model **out, struct akida_diag *diag);
	/* Vendor model files, fbz.h. */
	int (*fbz_load)(const char *path, struct akida_fbz **out, struct akida_diag *diag);
	void (*fbz_destroy)(struct akida_fbz *f);
	const char *(*fbz_version)(const struct akida_fbz *f);
	uint32_t (*fbz_layers)(const struct akida_fbz *f);
	int (*fbz_layer)(const struct akida_fbz *f, uint32_t i, struct akida_fbz_layer *layer);
	int (*fbz_parameter)(const struct akida_fbz *f, uint32_t i, uint32_t k, const char **name, double *value);
	int (*fbz_variable)(const struct akida_fbz *f, uint32_t i, uint32_t k, struct akida_fbz_variable *variable);
	int (*fbz_model)(const struct akida_fbz *f, struct akida_model **out, struct akida_diag *diag);
	int (*graph_sparsity)(const struct akida_graph *g, const struct akida_array *x, double *zeros,
			      struct akida_diag *diag);
	/* Networks of the model zoo, zoo.h. */
	int (*zoo_network)(uint32_t i, struct akida_zoo_info *info);
	int (*zoo_create)(const char *name, const struct akida_zoo_params *p, struct akida_graph **out,
			  struct akida_diag *diag);
	int (*graph_insert_rescaling)(const struct akida_graph *g, float scale, float offset, struct akida_graph **out,
				      struct akida_diag *diag);
	int (*graph_compare)(const struct akida_graph *g, const struct akida_array *x, struct akida_difference *out,
			     size_t *count, struct akida_diag *diag);
	/* quant.h, and networks for other input sizes */
	int (*quant_config)(const struct akida_graph *g, char **json, struct akida_diag *diag);
	int (*quant_check)(const struct akida_graph *g, struct akida_diag *diag);
	int (*graph_resize)(const struct akida_graph *g, uint32_t rank, const uint32_t *dims, struct akida_graph **out,
			    struct akida_diag *diag);
	int (*npz_save)(const char *path, const char *name, const struct akida_array *a, struct akida_diag *diag);
	int (*ranks_apart)(uint32_t *rank, uint32_t *count, struct akida_diag *diag);
	/* legacy CNN2SNN, quant.h */
	int (*quantize_legacy)(const struct akida_graph *g, const struct akida_quant_legacy_params *p,
			       struct akida_graph **out, struct akida_diag *diag);
	int (*calibrate_legacy)(const struct akida_graph *g, const struct akida_legacy_calibration *p,
				const struct akida_array *samples, struct akida_graph **out, struct akida_diag *diag);
	/* Data sets in their authors' files, sets.h; data_load takes those with classes. */
	int (*set_open)(const char *spec, const struct akida_set_params *p, struct akida_set **out,
			struct akida_diag *diag);
	void (*set_close)(struct akida_set *s);
	int (*set_info)(const struct akida_set *s, struct akida_set_info *info);
	int (*set_start)(struct akida_set *s, uint64_t epoch, struct akida_diag *diag);
	int64_t (*set_next)(struct akida_set *s, uint32_t n, void *x, struct akida_target *t, struct akida_diag *diag);
	int (*ranks_together)(uint32_t *rank, uint32_t *count, struct akida_diag *diag);
	int (*quant_analysis)(const struct akida_graph *g, enum akida_analysis kind, const struct akida_array *x,
			      struct akida_layer_error *out, size_t *count, struct akida_diag *diag);
};

/* NULL when abi is not AKIDA_TOOLCHAIN_ABI. Static storage. */
AKIDA_API const struct akida_toolchain *akida_toolchain(uint32_t abi);

#endif
