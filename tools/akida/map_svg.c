// SPDX-License-Identifier: MIT
/* akida map --svg: the mesh as it lies on the chip, pass below pass, a box per node with its NPs, coloured by layer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <akida/map.h>
#include "akida/commands.h"
#include "common/tool.h"

#define NP_SIDE 46u
#define NODE_SIDE (2 * NP_SIDE + 10)
#define MARGIN 20u
#define LINE 18u

static void text(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		default:
			fputc((unsigned char)*s < ' ' ? '?' : *s, f);
		}
	}
}

/* Neighbouring layers far apart on the colour circle. */
static unsigned int hue(uint32_t layer)
{
	return layer * 137 % 360;
}

static void draw_np(FILE *f, const struct akida_map_report *r, const struct akida_map_np *np, unsigned int top)
{
	unsigned int x = MARGIN + (np->col - 1u) * NODE_SIDE + np->id % 2u * NP_SIDE;
	unsigned int y = top + (np->row - 1u) * NODE_SIDE + np->id / 2u * NP_SIDE;
	bool free_np = np->layer == UINT32_MAX;

	fprintf(f, "<g><title>NP (%u,%u,%u)%s%s: ", np->col, np->row, np->id, np->fnp2 ? ", FNP2" : "",
		np->fnp3 ? ", FNP3" : "");
	if (free_np) {
		fputs("free", f);
	} else {
		text(f, r->layers[np->layer].name);
		if (np->rows)
			fprintf(f, ", rows %u to %u", np->row0, np->row0 + np->rows - 1);
		fprintf(f, ", filters %u to %u", np->filter0, np->filter0 + np->filters - 1);
	}
	fprintf(f, "</title><rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" stroke=\"#444\" ", x, y, NP_SIDE,
		NP_SIDE);
	if (free_np)
		fputs("fill=\"#eee\"/>", f);
	else
		fprintf(f, "fill=\"hsl(%u,65%%,75%%)\"/>", hue(np->layer));
	if (!free_np)
		fprintf(f, "<text x=\"%u\" y=\"%u\" text-anchor=\"middle\">%u</text>", x + NP_SIDE / 2,
			y + NP_SIDE / 2 + 4, np->layer);
	fputs("</g>\n", f);
}

static void draw(FILE *f, const struct akida_map_report *r)
{
	unsigned int cols = r->dma_col, rows = r->dma_row, width, height, mesh, legend = (r->layer_count + 3) * LINE, y;

	for (uint32_t i = 0; i < r->mesh_count; i++) {
		cols = r->mesh[i].col > cols ? r->mesh[i].col : cols;
		rows = r->mesh[i].row > rows ? r->mesh[i].row : rows;
	}
	width = 2 * MARGIN + cols * NODE_SIDE + 330;
	mesh = rows * NODE_SIDE + (r->passes > 1 ? 2 * LINE : 0); /* of one pass, with its title */
	height = 2 * MARGIN + (r->passes * mesh > legend ? r->passes * mesh : legend);
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		width, height);
	for (uint32_t pass = 0; pass < r->passes; pass++) {
		unsigned int top = MARGIN + pass * mesh;

		if (r->passes > 1) {
			fprintf(f, "<text x=\"%u\" y=\"%u\" font-weight=\"bold\">pass %u</text>\n", MARGIN, top + 12,
				pass + 1);
			top += LINE;
		}
		fprintf(f, "<text x=\"%u\" y=\"%u\">DMA</text>\n", MARGIN + (r->dma_col - 1u) * NODE_SIDE + 8,
			top + (r->dma_row - 1u) * NODE_SIDE + NP_SIDE / 2);
		for (uint32_t i = 0; i < r->mesh_count; i++)
			if (r->mesh[i].pass == pass)
				draw_np(f, r, &r->mesh[i], top);
	}
	y = MARGIN + 12;
	fprintf(f, "<text x=\"%u\" y=\"%u\" font-weight=\"bold\">%s, %s: %u NPs and %u HRC</text>\n",
		MARGIN + cols * NODE_SIDE + 10, y, r->device, r->mode, r->nps, r->hrc);
	for (uint32_t i = 0; i < r->layer_count; i++) {
		const struct akida_map_layer *l = &r->layers[i];
		unsigned int x = MARGIN + cols * NODE_SIDE + 10;

		y += LINE;
		fprintf(f, "<rect x=\"%u\" y=\"%u\" width=\"12\" height=\"12\" stroke=\"#444\" fill=\"", x, y - 10);
		if (l->nps)
			fprintf(f, "hsl(%u,65%%,75%%)", hue(i));
		else
			fputs("none", f);
		fprintf(f, "\"/><text x=\"%u\" y=\"%u\">%u ", x + 18, y, i);
		text(f, l->name);
		if (l->software)
			fputs(": software", f);
		else if (!l->nps)
			fputs(": HRC", f);
		else
			fprintf(f, ": %u NP%s", l->nps, l->nps == 1 ? "" : "s");
		if (l->nps && r->passes > 1)
			fprintf(f, ", pass %u", l->pass + 1);
		fputs("</text>\n", f);
	}
	fputs("</svg>\n", f);
}

int map_draw(const struct akida_map_report *r, const char *path)
{
	FILE *f = fopen(path, "w");
	int err = f ? 0 : errno;

	if (f) {
		draw(f, r);
		if (ferror(f))
			err = EIO;
		if (fclose(f) && !err)
			err = errno;
		if (err)
			remove(path);
	}
	return err ? tool_error(path, "sys.io", "cannot be written: %s", strerror(err)) : 0;
}
