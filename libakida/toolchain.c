/* SPDX-License-Identifier: MIT */
/* The table through which small programs reach the toolchain; include/akida/toolchain.h says what each entry does. */
#include <akida/toolchain.h>
#include "import/data.h"

const struct akida_toolchain *akida_toolchain(uint32_t abi)
{
	static const struct akida_toolchain table = {
		.abi = AKIDA_TOOLCHAIN_ABI,
		.graph_load = akida_graph_load,
		.graph_save = akida_graph_save,
		.graph_destroy = akida_graph_destroy,
		.graph_nodes = akida_graph_nodes,
		.graph_node = akida_graph_node,
		.graph_name = akida_graph_name,
		.graph_quantized = akida_graph_quantized,
		.graph_input = akida_graph_input,
		.graph_outputs = akida_graph_outputs,
		.graph_forward = akida_graph_forward,
		.quantize = akida_quantize,
		.convert = akida_convert,
		.convert_v2 = akida_convert_v2,
		.check = akida_check,
		.map = akida_map,
		.network_create = akida_network_create,
		.train = akida_train,
		.data_load = ak_data_load,
		.samples_load = ak_samples_load,
		.map_report_fini = akida_map_report_fini,
		.decompile = akida_decompile,
		.fbz_load = akida_fbz_load,
		.fbz_destroy = akida_fbz_destroy,
		.fbz_version = akida_fbz_version,
		.fbz_layers = akida_fbz_layers,
		.fbz_layer = akida_fbz_layer,
		.fbz_parameter = akida_fbz_parameter,
		.fbz_variable = akida_fbz_variable,
		.fbz_model = akida_fbz_model,
		.graph_sparsity = akida_graph_sparsity,
		.zoo_network = akida_zoo_network,
		.zoo_create = akida_zoo_create,
		.graph_insert_rescaling = akida_graph_insert_rescaling,
		.graph_compare = akida_graph_compare,
		.quant_config = akida_quant_config,
		.quant_check = akida_quant_check,
		.graph_resize = akida_graph_resize,
		.npz_save = akida_npz_save,
		.ranks_apart = akida_ranks_apart,
		.quantize_legacy = akida_quantize_legacy,
		.calibrate_legacy = akida_calibrate_legacy,
		.ranks_together = akida_ranks_together,
		.quant_analysis = akida_quant_analysis,
		.set_open = akida_set_open,
		.set_close = akida_set_close,
		.set_info = akida_set_info,
		.set_start = akida_set_start,
		.set_next = akida_set_next,
	};

	return abi == AKIDA_TOOLCHAIN_ABI ? &table : NULL;
}
