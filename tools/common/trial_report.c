/* SPDX-License-Identifier: MIT */
/* Data, folders and tables around trials; see trial.h. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/spec.h"
#include "common/trial.h"

const struct trial_published trial_published[] = {
	{"assignment's network, published", 9672, 10000, 770.00, 936.80, 247984},
	{"best student's, published", 9761, 10000, 1677.85, 895.27, 96304},
	{NULL, 0, 0, 0, 0, 0},
};

void trial_published_row(struct table *t, const struct trial_published *p)
{
	double quality = (100.0 - 100.0 * p->correct / p->total) / p->fps * p->avg_mw / 1000 * p->bytes;

	table_cell(t, "%s", p->name);
	table_cell(t, "-");
	table_cell(t, "%.2f", 100.0 * p->correct / p->total);
	table_cell(t, "%.2f", p->fps);
	table_cell(t, "%.2f", p->avg_mw);
	table_cell(t, "%.2f", p->avg_mw / p->fps);
	table_cell(t, "%.0f", p->bytes);
	table_cell(t, "%.1f", quality);
	table_cell(t, "board, published");
}

void trial_row(struct table *t, const char *name, const struct trial_bits *bits, const struct trial_figures *f)
{
	bool power = f->stats.has_power && isfinite(f->stats.avg_mw);

	table_cell(t, "%s", name);
	table_cell(t, "%u/%u/%u", bits->input_weights, bits->weights, bits->activations);
	table_cell(t, "%.2f", 100.0 * (double)f->correct / (double)f->total);
	table_cell(t, "%.2f", f->stats.fps);
	table_cell(t, power ? "%.2f" : "-", f->stats.avg_mw);
	table_cell(t, power ? "%.2f" : "-", f->stats.energy_mj_per_frame);
	table_cell(t, "%" PRIu64, f->program.memory_bytes);
	table_cell(t, isfinite(f->quality) ? "%.1f" : "-", f->quality);
	table_cell(t, "%s",
		   f->stats.source == AKIDA_SOURCE_BOARD   ? "board"
		   : f->stats.source == AKIDA_SOURCE_MODEL ? "modelled"
							   : "this host");
}

void trial_header(struct table *t)
{
	static const char *const columns[TRIAL_COLUMNS] = {"Network",  "Bits",	"Accuracy %", "fps",	"Avg mW",
							   "mJ/frame", "Bytes", "Quality",    "Figures"};

	for (int i = 0; i < TRIAL_COLUMNS; i++)
		table_cell(t, "%s", columns[i]);
	table_rule(t, '=', NULL);
}

int trial_read_bits(const char *text, struct trial_bits *out, int max)
{
	int n = 0, used;

	while (*text) {
		struct trial_bits b = {8, 0, 0};

		if (n == max || sscanf(text, "%u/%u%n", &b.weights, &b.activations, &used) != 2)
			return 0;
		if ((b.weights != 2 && b.weights != 4) ||
		    (b.activations != 1 && b.activations != 2 && b.activations != 4))
			return 0;
		out[n++] = b;
		text += used;
		if (*text == ',' && text[1])
			text++;
		else if (*text)
			return 0;
	}
	return n;
}

int trial_data(const char *spec, const char *kind, uint64_t frames, uint64_t seed, struct akida_dataset *out)
{
	static const uint32_t dims[3] = {28, 28, 1};
	char found[PATH_MAX + 64];
	const char *folder;
	int status;

	memset(out, 0, sizeof(*out));
	if (!spec) {
		folder = spec_mnist_folder();
		if (!folder)
			return tool_error(
				"mnist", "data.missing",
				"no MNIST files found: their four (or their gzip) files belong in a folder DIR, "
				"given as --data mnist-train:DIR --test mnist:DIR; nothing is downloaded");
		snprintf(found, sizeof(found), "%s:%s", kind, folder);
		tool_note("no data given: %s", found);
		spec = found;
	}
	status = spec_load(spec, dims, frames, seed, out);
	if (status)
		return status;
	if (!out->y.data) {
		status = tool_error(spec, "data.labels", "has no labels");
		akida_dataset_fini(out);
		return status;
	}
	if (frames && frames < out->x.dims[0])
		out->x.dims[0] = out->y.dims[0] = frames;
	return 0;
}

int trial_folder(const char *folder)
{
	if (mkdir(folder, 0777) && errno != EEXIST)
		return tool_error(folder, "sys.io", "cannot be made: %s", strerror(errno));
	if (access(folder, W_OK | X_OK))
		return tool_error(folder, "sys.io", "cannot be written to: %s", strerror(errno));
	return 0;
}
