/* SPDX-License-Identifier: MIT */
/* akida models create|list|summary|sparsity, and the name akida_models: networks of the model zoo. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"

/* The version networks are built for: --akida, else CNN2SNN_TARGET_AKIDA_VERSION, else v2. 0 after a usage error. */
static uint32_t version_of(const char *option)
{
	const char *v = option ? option : getenv("CNN2SNN_TARGET_AKIDA_VERSION");

	if (!v || !*v || !strcmp(v, "v2"))
		return 2;
	if (!strcmp(v, "v1"))
		return 1;
	tool_usage("--akida (or CNN2SNN_TARGET_AKIDA_VERSION) is v1 or v2, not '%s'", v);
	return 0;
}

static int list(int argc, char **argv)
{
	const struct option_spec none[] = {{0}};
	struct akida_zoo_info n = {.size = sizeof(n)};
	const struct akida_toolchain *t;
	int status = options_parse(argc, argv, "akida models list", none, NULL, 0, NULL);

	if (status != OPTIONS_GO_ON)
		return status;
	t = tool_toolchain();
	if (!t)
		return TOOL_FAILED;
	for (uint32_t i = 0; !t->zoo_network(i, &n); i++) {
		printf("%-27s %s%s%s  %s", n.name, n.v1 ? "v1" : "", n.v1 && n.v2 ? " " : "   ", n.v2 ? "v2" : "",
		       n.help);
		printf("%s%s%s%s%s\n", n.options ? " [" : "", n.options & AKIDA_ZOO_CLASSES ? " -c" : "",
		       n.options & AKIDA_ZOO_IMAGE_SIZE ? " -i" : "", n.options & AKIDA_ZOO_ALPHA ? " -a" : "",
		       n.options & AKIDA_ZOO_ANCHORS ? " -na -bw ]"
		       : n.options & AKIDA_ZOO_BASE  ? " -bw ]"
		       : n.options		     ? " ]"
						     : "");
	}
	return TOOL_DONE;
}

/* The file without -s: the network's name, of some the full name with its size. */
static void output_of(char *out, size_t bytes, const char *save, const char *network, const char *graph)
{
	bool full = !strcmp(network, "mobilenet_imagenet") || !strcmp(network, "centernet");
	const char *name = save ? save : full ? graph : network;
	size_t len = strlen(name);

	snprintf(out, bytes, "%s%s", name, len > 3 && !strcmp(name + len - 3, ".h5") ? "" : ".h5");
}

static int create_file(const char *network, const char *save, const struct akida_zoo_params *p)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_diag *diag;
	struct akida_graph *g = NULL;
	struct akida_node_info n = {.size = sizeof(n)};
	uint64_t parameters = 0;
	char out[PATH_MAX];
	int err, status;

	if (!t)
		return TOOL_FAILED;
	diag = akida_diag_create();
	err = t->zoo_create(network, p, &g, diag);
	status = err ? tool_fail(diag, network, err) : 0;
	if (!status) {
		output_of(out, sizeof(out), save, network, t->graph_name(g));
		status = tool_output(out);
	}
	if (!status) {
		err = t->graph_save(g, out, diag);
		status = err ? tool_fail(diag, out, err) : 0;
	}
	for (uint32_t i = 0; !status && i < t->graph_nodes(g); i++) {
		t->graph_node(g, i, &n);
		parameters += n.parameters;
	}
	if (!status)
		printf("Model saved as %s\n%s: %u layers, %llu parameters, Akida v%u\n", out, t->graph_name(g),
		       t->graph_nodes(g), (unsigned long long)parameters, p->akida_version);
	t->graph_destroy(g);
	akida_diag_destroy(diag);
	return status;
}

static int create(int argc, char **argv)
{
	struct akida_zoo_params p = {.size = sizeof(p)};
	const char *words[1], *save = NULL, *version = NULL;
	uint64_t classes = 0, size = 0, anchors = 0, seed = 1;
	double alpha = 0;
	const struct option_spec spec[] = {
		{"-s --save", OPTION_TEXT, &save, "file to write (MODEL.h5)", 0, 0},
		{"-c --classes", OPTION_COUNT, &classes, "classes", 1, 100000},
		{"-i --image_size", OPTION_COUNT, &size, "pixels of a side", 1, 4096},
		{"-a -alpha --alpha", OPTION_NUMBER, &alpha, "width of the network", 0, 0},
		{"-na --number_anchors", OPTION_COUNT, &anchors, "boxes of a cell", 1, 100},
		{"-bw --base_weights", OPTION_TEXT, &p.base_weights, "trained network to take weights from", 0, 0},
		{"-bl --base_layer", OPTION_TEXT, &p.base_layer, "layer of it that is replaced (classifier)", 0, 0},
		{"-reg --reg_factor", OPTION_ABSENT, NULL, NULL, 0, 0},
		{"--akida", OPTION_TEXT, &version, "v1 or v2 (CNN2SNN_TARGET_AKIDA_VERSION, else v2)", 0, 0},
		{"--seed", OPTION_COUNT, &seed, "of the initial weights (1)", 0, 0},
		{0},
	};
	int n = 0,
	    status = options_parse(argc, argv, "akida models create [-s FILE] MODEL [options]", spec, words, 1, &n);

	if (status != OPTIONS_GO_ON)
		return status;
	if (n != 1)
		return tool_usage("models create needs a MODEL; akida models list shows them");
	p.akida_version = version_of(version);
	if (!p.akida_version)
		return TOOL_USAGE;
	p.classes = (uint32_t)classes;
	p.image_size = (uint32_t)size;
	p.alpha = (float)alpha;
	p.anchors = (uint32_t)anchors;
	p.seed = seed;
	return create_file(words[0], save, &p);
}

/* ---- sparsity ---- */

/* Frames of the file, or drawn: bytes of 0..255, which layers of any network take. */
static int frames_of(const char *file, const struct akida_graph *g, uint64_t count, struct akida_array *x)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_diag *diag = akida_diag_create();
	uint32_t dims[4], rank = t->graph_input(g, dims);
	size_t all[6] = {count};
	uint32_t seed = 1;
	int err, status = 0;

	if (file) {
		err = t->samples_load(file, x, diag);
		status = err ? tool_fail(diag, file, err) : 0;
		if (!status && x->dims[0] > count)
			x->dims[0] = count;
	} else {
		for (uint32_t i = 0; i < rank; i++)
			all[i + 1] = dims[i];
		err = akida_array_init(x, AKIDA_U8, rank + 1, all);
		status = err ? tool_fail(NULL, "random frames", err) : 0;
		for (size_t i = 0; !status && i < akida_array_elements(x); i++) {
			seed = seed * 1664525u + 1013904223u;
			((uint8_t *)x->data)[i] = (uint8_t)(seed >> 24);
		}
		if (!status)
			tool_note("no samples given: %llu random frames", (unsigned long long)count);
	}
	akida_diag_destroy(diag);
	return status;
}

static bool listed(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, name, len) && (p[len] == ',' || !p[len]))
			return true;
	return false;
}

/* The first name of a list that is no layer's, into out; false when all are. */
static bool unknown_name(const struct akida_graph *g, const char *names, char *out, size_t bytes)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_node_info n = {.size = sizeof(n)};

	for (const char *p = names; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		bool found = false;

		snprintf(out, bytes, "%.*s", (int)strcspn(p, ","), p);
		for (uint32_t i = 0; !found && i < t->graph_nodes(g); i++) {
			t->graph_node(g, i, &n);
			found = !strcmp(n.name, out);
		}
		if (!found)
			return true;
	}
	return false;
}

static int print_sparsity(const struct akida_graph *g, const struct akida_array *x, const char *names, bool verbose)
{
	const struct akida_toolchain *t = tool_toolchain();
	uint32_t nodes = t->graph_nodes(g), shown = 0;
	double *zeros = calloc(nodes, sizeof(*zeros)), sum = 0;
	struct akida_node_info n = {.size = sizeof(n)};
	struct akida_diag *diag = akida_diag_create();
	char name[160];
	int err = zeros ? t->graph_sparsity(g, x, zeros, diag) : -ENOMEM;
	int status = err ? tool_fail(diag, t->graph_name(g), err) : 0;

	for (uint32_t i = 0; !status && i < nodes; i++) {
		t->graph_node(g, i, &n);
		if (names ? !listed(names, n.name) : !verbose && !strstr(n.class_name, "ReLU"))
			continue;
		printf("%-40s %.4f\n", tool_clean(name, sizeof(name), n.name), zeros[i]);
		sum += zeros[i];
		shown++;
	}
	if (!status && !shown)
		status = tool_error(t->graph_name(g), "graph.attribute", "has no ReLU; -v shows every layer");
	else if (!status)
		printf("%-40s %.4f\n", "mean", sum / shown);
	akida_diag_destroy(diag);
	free(zeros);
	return status;
}

static int sparsity(int argc, char **argv)
{
	const char *file = NULL, *words[1], *samples = NULL, *names = NULL;
	uint64_t count = 10;
	bool verbose = false;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &file, "network (.h5, .onnx)", 0, 0},
		{"-l --layer_names", OPTION_TEXT, &names, "these layers only: a,b", 0, 0},
		{"-ns --n_samples", OPTION_COUNT, &count, "frames (10)", 1, 100000},
		{"-sa --samples", OPTION_TEXT, &samples, ".npz or .npy of frames (random ones)", 0, 0},
		{"-v --verbose", OPTION_FLAG, &verbose, "every layer, not only ReLUs", 0, 0},
		{0},
	};
	int n = 0, status = options_parse(argc, argv, "akida models sparsity -m FILE [options]", spec, words, 1, &n);
	struct akida_array x = {0};
	char name[160], shown[160];
	struct stage s;

	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&file, words, n, "models sparsity needs a FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	status = stage_open(&s, file);
	if (status)
		return status;
	if (!s.graph)
		status = tool_error(file, "tool.stage", "is a %s, not a network; akida run reports its sparsity",
				    s.origin);
	if (!status && unknown_name(s.graph, names, name, sizeof(name)))
		status = tool_error(file, "graph.attribute", "has no layer %s", tool_clean(shown, sizeof(shown), name));
	if (!status)
		status = frames_of(samples, s.graph, count, &x);
	if (!status)
		status = print_sparsity(s.graph, &x, names, verbose);
	akida_array_fini(&x);
	stage_close(&s);
	return status;
}

int command_models(int argc, char **argv)
{
	static const char *const later[] = {"unfuse", "save_weights", "load_weights"};

	if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		printf("usage: akida models create|list|summary|sparsity [options]\n");
		return TOOL_DONE;
	}
	if (argc < 1)
		return tool_usage("models needs create, list, summary or sparsity");
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
		if (!strcmp(argv[0], later[i]))
			return tool_error(argv[0], "sys.missing-part", "not available in this version");
	if (!strcmp(argv[0], "create"))
		return create(argc - 1, argv + 1);
	if (!strcmp(argv[0], "list"))
		return list(argc - 1, argv + 1);
	if (!strcmp(argv[0], "summary"))
		return command_summary(argc - 1, argv + 1);
	if (!strcmp(argv[0], "sparsity"))
		return sparsity(argc - 1, argv + 1);
	return tool_usage("unknown action '%s' of models", argv[0]);
}
