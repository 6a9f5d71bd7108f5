/* SPDX-License-Identifier: MIT */
/* Loading a model file of any stage and running the stages that are missing. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/stage.h"

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcasecmp(s + n - m, end);
}

/* A vendor .fbz has no magic, but a first number that its size follows from: 32 + n + n / 6. */
static bool looks_like_fbz(const unsigned char *b, size_t bytes, uint64_t size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 5 && i < bytes; i++) {
		n |= (uint64_t)(b[i] & 0x7f) << (7 * i);
		if (!(b[i] & 0x80))
			return n > 15 && size == 32 + n + n / 6;
	}
	return false;
}

enum stage_kind stage_kind_of(const char *path)
{
	static const char *const graphs[] = {".h5", ".hdf5", ".keras", ".onnx"};
	char head[8] = {0};
	struct stat st;
	FILE *f;
	size_t n;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return STAGE_UNREADABLE;
	f = fopen(path, "rb");
	if (!f)
		return STAGE_UNREADABLE;
	n = fread(head, 1, sizeof(head), f);
	fclose(f);
	if (n == 8 && !memcmp(head, "AKIDAAKM", 8))
		return STAGE_MODEL;
	if (n == 8 && !memcmp(head, "AKIDAAKP", 8))
		return STAGE_PROGRAM;
	if (n == 8 && (!memcmp(head, "\x89HDF\r\n\x1a\n", 8) || !memcmp(head, "PK\3\4", 4)))
		return STAGE_GRAPH;
	for (size_t i = 0; i < sizeof(graphs) / sizeof(*graphs); i++)
		if (ends_with(path, graphs[i]))
			return STAGE_GRAPH;
	if (ends_with(path, ".fbz") || looks_like_fbz((const unsigned char *)head, n, (uint64_t)st.st_size))
		return STAGE_FBZ;
	return ends_with(path, ".akm") ? STAGE_MODEL : STAGE_PROGRAM; /* vendor programs have no magic */
}

void stage_params_init(struct stage_params *p)
{
	*p = (struct stage_params){
		.quant = {.size = sizeof(p->quant),
			  .input_weight_bits = 8,
			  .weight_bits = 4,
			  .activation_bits = 4,
			  .per_tensor = 1,
			  .num_samples = 1024,
			  .batch_size = 32,
			  .epochs = 1,
			  .seed = 1,
			  .output_bits = 8,
			  .buffer_bits = 32},
		.mode = AKIDA_MAP_MINIMAL,
	};
}

void stage_params_v2(struct stage_params *p)
{
	p->v2 = true;
	p->quant.weight_bits = p->quant.activation_bits = 8;
	p->quant.per_tensor = 0;
	p->quant.split_separables = 1;
}

static int open_graph(struct stage *s, struct akida_diag *diag)
{
	const struct akida_toolchain *t = tool_toolchain();
	int err;

	if (!t)
		return TOOL_FAILED;
	err = t->graph_load(s->path, &s->graph, diag);
	if (err)
		return tool_fail(diag, s->path, err);
	snprintf(s->origin, sizeof(s->origin), "%s", t->graph_quantized(s->graph) ? "quantized graph" : "float graph");
	if (t->graph_quantized(s->graph))
		s->quantized = s->graph;
	return 0;
}

static int open_fbz(struct stage *s, struct akida_diag *diag)
{
	const struct akida_toolchain *t = tool_toolchain();
	int err;

	if (!t)
		return TOOL_FAILED;
	err = t->fbz_load(s->path, &s->fbz, diag);
	snprintf(s->origin, sizeof(s->origin), "vendor model");
	return err ? tool_fail(diag, s->path, err) : 0;
}

int stage_open(struct stage *s, const char *path)
{
	enum stage_kind kind = stage_kind_of(path);
	struct akida_diag *diag;
	struct stat st;
	int err, status = 0;

	memset(s, 0, sizeof(*s));
	s->path = path;
	if (kind == STAGE_UNREADABLE) {
		if (!stat(path, &st))
			return tool_error(path, "sys.io", "%s",
					  S_ISREG(st.st_mode) ? "cannot be read" : "is not a regular file");
		return tool_error(path, "sys.io", "%s", strerror(errno));
	}
	diag = akida_diag_create();
	if (kind == STAGE_GRAPH) {
		status = open_graph(s, diag);
	} else if (kind == STAGE_FBZ) {
		status = open_fbz(s, diag);
	} else if (kind == STAGE_MODEL) {
		err = akida_model_load(path, &s->model, diag);
		snprintf(s->origin, sizeof(s->origin), "model");
		status = err ? tool_fail(diag, path, err) : 0;
	} else {
		err = akida_program_load(path, &s->program, diag);
		snprintf(s->origin, sizeof(s->origin), "program");
		status = err ? tool_fail(diag, path, err) : 0;
	}
	akida_diag_destroy(diag);
	return status;
}

void stage_close(struct stage *s)
{
	const char *why;
	const struct akida_toolchain *t =
		s->graph || s->quantized || s->fbz || s->mapped_here ? tool_toolchain_quiet(&why) : NULL;

	if (t && s->quantized != s->graph)
		t->graph_destroy(s->quantized);
	if (t)
		t->graph_destroy(s->graph);
	if (t && s->fbz)
		t->fbz_destroy(s->fbz);
	if (t && s->mapped_here)
		t->map_report_fini(&s->map);
	akida_program_destroy(s->program);
	akida_model_destroy(s->model);
	memset(s, 0, sizeof(*s));
}

/* A file of samples, or a data set by its SPEC (mnist-train:DIR), whose frames then are the samples. */
static int load_samples(const char *from, struct akida_array *out, struct akida_diag *diag)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_dataset data = {0};
	int err;

	if (!strchr(from, ':') || !access(from, F_OK))
		return t->samples_load(from, out, diag);
	err = t->data_load(from, &data, diag);
	if (!err) {
		*out = data.x;
		memset(&data.x, 0, sizeof(data.x));
	}
	akida_dataset_fini(&data);
	return err;
}

int stage_resize(struct stage *s, const char *shape)
{
	struct akida_graph *resized;
	struct akida_diag *diag;
	uint32_t dims[4], rank = 0;
	const char *at = shape;
	char *end;
	int err, status = 0;

	for (;;) {
		unsigned long v = strtoul(at, &end, 10);

		if (end == at || *at == '-' || rank == 4 || !v || v > 65536 || (*end && *end != ','))
			return tool_usage("a shape is up to four sizes from 1 to 65536, h,w,c, not '%s'", shape);
		dims[rank++] = (uint32_t)v;
		if (!*end)
			break;
		at = end + 1;
	}
	if (!s->graph || s->quantized)
		return tool_error(s->path, "tool.stage", "is a %s; only a float network takes another input size",
				  s->origin);
	diag = akida_diag_create();
	err = tool_toolchain()->graph_resize(s->graph, rank, dims, &resized, diag);
	if (err) {
		status = tool_fail(diag, s->path, err);
	} else {
		tool_toolchain()->graph_destroy(s->graph);
		s->graph = resized;
	}
	akida_diag_destroy(diag);
	return status;
}

int stage_need_quantized(struct stage *s, const struct stage_params *p)
{
	const struct akida_toolchain *t;
	struct akida_array samples = {0};
	struct akida_diag *diag;
	int err;

	if (s->quantized)
		return 0;
	if (!s->graph)
		return tool_error(s->path, "tool.stage", "is a %s: its float network is not in the file", s->origin);
	t = tool_toolchain();
	if (!t)
		return TOOL_FAILED;
	diag = akida_diag_create();
	if (p->samples) {
		err = load_samples(p->samples, &samples, diag);
		if (err) {
			tool_fail(diag, p->samples, err);
			goto out;
		}
	}
	if (!p->quiet)
		tool_note("quantizing %s to %u/%u/%u (input weights, weights, activations) with %s%s", s->path,
			  p->quant.input_weight_bits, p->quant.weight_bits, p->quant.activation_bits,
			  p->samples ? "samples of " : "random samples", p->samples ? p->samples : "");
	err = t->quantize(s->graph, &p->quant, p->samples ? &samples : NULL, &s->quantized, diag);
	if (err)
		tool_fail(diag, s->path, err);
	else if (!p->quiet)
		tool_notes_of(diag);
out:
	akida_array_fini(&samples);
	akida_diag_destroy(diag);
	return err ? TOOL_FAILED : 0;
}

/* A float network that cannot be converted is refused before it is quantized, which may take minutes. */
static int refuse_early(const struct stage *s, const struct akida_toolchain *t)
{
	struct akida_diag *diag;
	int err, status = 0;

	if (!s->graph || s->quantized)
		return 0;
	diag = akida_diag_create();
	err = t->check(s->graph, "akd1000", diag); /* the rules of conversion are the same for both chips */
	if (err)				   /* -errno, or the number of offences */
		status = tool_fail(diag, s->path, err);
	akida_diag_destroy(diag);
	return status;
}

int stage_need_model(struct stage *s, const struct stage_params *p)
{
	const struct akida_toolchain *t;
	struct akida_diag *diag;
	int status, err;

	if (stage_model_of(s))
		return 0;
	if (s->program)
		return tool_error(s->path, "tool.stage",
				  "is a program without its layers; only a device that runs programs can run it");
	t = tool_toolchain();
	if (!t)
		return TOOL_FAILED;
	if (s->fbz) {
		diag = akida_diag_create();
		err = t->fbz_model(s->fbz, &s->model, diag);
		status = err ? tool_fail(diag, s->path, err) : 0;
		akida_diag_destroy(diag);
		return status;
	}
	status = p->v2 ? 0 : refuse_early(s, t);
	if (!status)
		status = stage_need_quantized(s, p);
	if (status)
		return status;
	diag = akida_diag_create();
	if (!p->quiet)
		tool_note("converting %s to Akida %s layers", s->path, p->v2 ? "2" : "v1");
	err = p->v2 ? t->convert_v2(s->quantized, &s->model, diag) : t->convert(s->quantized, &s->model, diag);
	if (err)
		status = tool_fail(diag, s->path, err);
	else if (!p->quiet)
		tool_notes_of(diag);
	akida_diag_destroy(diag);
	return status;
}

#define MEASURE_RANDOM 2u
#define MEASURE_SAMPLES 16u

/*
 * Zeros of each layer's output over the first samples, or over random frames where there are none or they are no uint8
 * frames of this model, which *of tells. NULL after an error, which was printed.
 */
static double *measure_sparsity(const struct akida_model *m, const struct stage_params *p, const char **of, int *status)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_array samples = {0};
	uint64_t seed = 1, frames = MEASURE_RANDOM;
	bool random = !p->samples;
	double *sparsity = NULL;
	uint8_t *in = NULL;
	uint32_t dims[3];
	size_t bytes;
	int err = 0;

	akida_model_input(m, dims);
	bytes = (size_t)dims[0] * dims[1] * dims[2];
	if (!random) {
		err = load_samples(p->samples, &samples, diag);
		random = err || samples.dtype != AKIDA_U8 || !samples.dims[0] ||
			 akida_array_elements(&samples) / samples.dims[0] != bytes;
	}
	if (!random)
		frames = samples.dims[0] < MEASURE_SAMPLES ? samples.dims[0] : MEASURE_SAMPLES;
	*of = random ? "random frames" : p->samples;
	sparsity = calloc(akida_model_layers(m), sizeof(*sparsity));
	in = malloc(bytes * MEASURE_RANDOM);
	if (!err && (!sparsity || !in))
		err = -ENOMEM;
	for (size_t i = 0; in && i < bytes * MEASURE_RANDOM; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		in[i] = (uint8_t)(seed >> 56);
	}
	if (!err)
		err = akida_model_sparsity(m, random ? in : samples.data, frames, sparsity);
	if (err) {
		*status = tool_fail(diag, *of, err);
		free(sparsity);
		sparsity = NULL;
	}
	free(in);
	akida_array_fini(&samples);
	akida_diag_destroy(diag);
	return sparsity;
}

int stage_need_program(struct stage *s, const struct stage_params *p, const char *chip)
{
	struct akida_map_params mp = {.size = sizeof(mp), .mode = p->mode};
	const struct akida_toolchain *t;
	struct akida_diag *diag;
	double *sparsity = NULL;
	int status, err;

	if (s->program)
		return 0;
	status = stage_need_model(s, p);
	if (status)
		return status;
	t = tool_toolchain();
	if (!t)
		return TOOL_FAILED;
	if (p->measure)
		sparsity = measure_sparsity(s->model, p, &s->sparsity_of, &status);
	if (status)
		return status;
	mp.sparsity = sparsity;
	mp.software = !p->hw_only;
	diag = akida_diag_create();
	if (!p->quiet)
		tool_note("mapping %s to %s", s->path, chip);
	err = t->map(s->model, chip, &mp, &s->program, &s->map, diag);
	if (err)
		status = tool_fail(diag, s->path, err);
	else
		s->mapped_here = true;
	if (!err && (!p->quiet || akida_diag_count(diag)))
		tool_notes_of(diag);
	free(sparsity);
	akida_diag_destroy(diag);
	return status;
}

int stage_need_for(struct stage *s, const struct stage_params *p, const struct akida_device_info *device)
{
	const char *chip = stage_chip_name(device->chip);

	if (!device->needs_program) {
		struct stage_params for_device = *p;

		if (!strcmp(device->ip, "v2"))
			stage_params_v2(&for_device);
		return stage_need_model(s, &for_device);
	}
	if (!chip)
		return tool_error(device->name, "tool.device", "has a chip without a mapper: %s", device->chip);
	return stage_need_program(s, p, chip);
}

const struct akida_model *stage_model_of(const struct stage *s)
{
	return s->model ? s->model : s->program ? akida_program_model(s->program) : NULL;
}

const char *stage_chip_name(const char *device)
{
	static const char *const chips[] = {"akd1000",	 "akd1500",   "akida1:2",  "akida1:3",	"akida1:4",
					    "akida1:5",	 "akida1:6",  "akida1:7",  "akida1:8",	"akida1:9",
					    "akida1:10", "akida1:11", "akida1:12", "akida1:13", "akida1:14",
					    "akida1:15", "akida1:16"};

	if (!strncmp(device, "virtual:", 8))
		device += 8;
	for (size_t i = 0; i < sizeof(chips) / sizeof(*chips); i++)
		if (!strcasecmp(device, chips[i]))
			return chips[i];
	return NULL;
}

/* Cuts an existing _iN_wN_aN, or _iqN_wqN_aqN of legacy names, from the end of a base name. */
static void cut_bit_widths(char *base, bool legacy)
{
	static const char letters[] = "awi";
	char *end = base + strlen(base);

	for (size_t i = 0; i < 3; i++) {
		char *p = end;

		while (p > base && isdigit((unsigned char)p[-1]))
			p--;
		if (p == end)
			return;
		if (legacy && (p == base || *--p != 'q'))
			return;
		if (p - base < 2 || p[-1] != letters[i] || p[-2] != '_')
			return;
		end = p - 2;
	}
	*end = 0;
}

void stage_out_name(char *out, size_t bytes, const char *path, const char *suffix, bool cut_bits)
{
	char folder[PATH_MAX], base[NAME_MAX + 1];
	const char *slash = strrchr(path, '/');
	char *dot;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	if (slash == path)
		snprintf(folder, sizeof(folder), "/");
	snprintf(base, sizeof(base), "%s", slash ? slash + 1 : path);
	dot = strrchr(base, '.');
	if (dot && dot != base)
		*dot = 0;
	if (cut_bits) {
		cut_bit_widths(base, false);
		cut_bit_widths(base, true);
	}
	if (!slash || access(folder, W_OK))
		snprintf(out, bytes, "%s%s", base, suffix);
	else
		snprintf(out, bytes, "%s/%s%s", folder, base, suffix);
}
