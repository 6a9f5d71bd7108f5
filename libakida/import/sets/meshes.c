/* SPDX-License-Identifier: MIT */
/*
 * ModelNet40: CLASS/train and CLASS/test of .off meshes, as points on their surface, as many on an area as it is large, the same ones
 * for a seed; divided by the largest distance from the origin.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fileio.h"
#include "import/sets/set.h"

#define FILE_MAX_BYTES ((size_t)512 << 20)
#define COUNT_MAX (1u << 26)

static int open_modelnet(struct akida_set *s, const char *path, struct akida_diag *diag)
{
	static const char *const off[] = {".off", NULL};
	static const char *const parts[] = {"train", "test"};
	char folder[8192], **names;
	size_t count;
	int err;

	if (s->split && strcmp(s->split, "train") && strcmp(s->split, "test"))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, path, "modelnet40 has splits train and test, no %s",
			       s->split);
	s->p.points = s->p.points ? s->p.points : 1024;
	ak_set_shape(s, AKIDA_F32, 2, (size_t[]){s->p.points, 3});
	s->target = AKIDA_TARGET_CLASS;
	err = ak_set_names(path, &names, &count, diag);
	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++) {
		int32_t label = -1;

		for (int k = 0; k < 2 && !err; k++) {
			snprintf(folder, sizeof(folder), "%s/%s/%s", path, names[i], parts[k]);
			if (!ak_set_is_folder(folder))
				continue;
			label = label < 0 ? ak_set_class_number(s, names[i]) : label;
			if (label < 0)
				err = label;
			else if (!s->split || !strcmp(s->split, parts[k]))
				err = ak_set_add_folder(s, folder, off, label, diag);
		}
	}
	ak_set_names_free(names, count);
	return err;
}

struct mesh {
	double *vertex; /* 3 each */
	uint32_t vertices, triangles;
	uint32_t (*corner)[3];
	double *area; /* sums up to and with each triangle */
};

/* The next number of the text; comments go to the end of a line. */
static bool number(char **at, double *v)
{
	char *end;

	for (;;) {
		*at += strspn(*at, " \t\r\n");
		if (**at != '#')
			break;
		*at += strcspn(*at, "\n");
	}
	*v = strtod(*at, &end);
	if (end == *at || !isfinite(*v))
		return false;
	*at = end;
	return true;
}

static bool count(char **at, uint32_t *n)
{
	double v;

	if (!number(at, &v) || v < 0 || v > COUNT_MAX || v != floor(v))
		return false;
	*n = (uint32_t)v;
	return true;
}

static double area(const struct mesh *m, const uint32_t c[3])
{
	const double *a = m->vertex + 3 * (size_t)c[0], *b = m->vertex + 3 * (size_t)c[1],
		     *d = m->vertex + 3 * (size_t)c[2];
	double u[3], v[3], x, y, z;

	for (int i = 0; i < 3; i++) {
		u[i] = b[i] - a[i];
		v[i] = d[i] - a[i];
	}
	x = u[1] * v[2] - u[2] * v[1];
	y = u[2] * v[0] - u[0] * v[2];
	z = u[0] * v[1] - u[1] * v[0];
	return sqrt(x * x + y * y + z * z) / 2;
}

/* OFF, which a part of the files has on one line with the counts; polygons become fans of triangles. */
static int parse(char *text, size_t len, struct mesh *m)
{
	uint32_t faces, edges, room = 0;
	char *at = text;

	if (strncmp(at, "OFF", 3))
		return -EILSEQ;
	at += 3;
	if (!count(&at, &m->vertices) || !count(&at, &faces) || !count(&at, &edges) || !m->vertices ||
	    m->vertices > len)
		return -EILSEQ;
	m->vertex = malloc((size_t)m->vertices * 3 * sizeof(*m->vertex));
	if (!m->vertex)
		return -ENOMEM;
	for (size_t i = 0; i < (size_t)m->vertices * 3; i++)
		if (!number(&at, &m->vertex[i]))
			return -EILSEQ;
	for (uint32_t f = 0; f < faces; f++) {
		uint32_t corners, c[3];

		if (!count(&at, &corners) || corners < 3 || corners > len)
			return -EILSEQ;
		for (uint32_t k = 0; k < corners; k++) {
			if (!count(&at, &c[k < 2 ? k : 2]) || c[k < 2 ? k : 2] >= m->vertices)
				return -EILSEQ;
			if (k < 2)
				continue;
			if (m->triangles == room) {
				uint32_t more = room ? 2 * room : 1024;
				void *corner = realloc(m->corner, more * sizeof(*m->corner)),
				     *sums = corner ? realloc(m->area, more * sizeof(*m->area)) : NULL;

				m->corner = corner ? corner : m->corner;
				m->area = sums ? sums : m->area;
				if (!sums)
					return -ENOMEM;
				room = more;
			}
			memcpy(m->corner[m->triangles], c, sizeof(c));
			m->area[m->triangles] = area(m, c) + (m->triangles ? m->area[m->triangles - 1] : 0);
			m->triangles++;
			c[1] = c[2];
		}
	}
	return m->triangles && m->area[m->triangles - 1] > 0 ? 0 : -EILSEQ;
}

static double unit(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void sample(const struct mesh *m, uint64_t random, float *out, uint32_t points)
{
	double largest = 0;

	for (uint32_t i = 0; i < points; i++) {
		double at = unit(&random) * m->area[m->triangles - 1], u = sqrt(unit(&random)), v = unit(&random), p[3];
		uint32_t low = 0, high = m->triangles - 1;

		while (low < high) {
			uint32_t middle = low + (high - low) / 2;

			if (m->area[middle] > at)
				high = middle;
			else
				low = middle + 1;
		}
		for (int k = 0; k < 3; k++) {
			p[k] = (1 - u) * m->vertex[3 * (size_t)m->corner[low][0] + (size_t)k] +
			       u * (1 - v) * m->vertex[3 * (size_t)m->corner[low][1] + (size_t)k] +
			       u * v * m->vertex[3 * (size_t)m->corner[low][2] + (size_t)k];
			out[3 * i + (uint32_t)k] = (float)p[k];
		}
		largest = fmax(largest, sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]));
	}
	for (uint32_t i = 0; i < 3 * points && largest > 0; i++)
		out[i] = (float)((double)out[i] / largest);
}

static int read_modelnet(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag)
{
	struct mesh m = {0};
	void *bytes;
	size_t len;
	char *text;
	int err = ak_file_read(item->path, FILE_MAX_BYTES, &bytes, &len, diag);

	if (err)
		return err;
	text = realloc(bytes, len + 1);
	if (!text) {
		free(bytes);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, item->path, "no memory for its text");
	}
	text[len] = 0;
	err = parse(text, len, &m);
	if (!err)
		sample(&m, s->p.seed * 0xd1342543de82ef95u + (uint64_t)(item - s->items), x, s->p.points);
	free(text);
	free(m.vertex);
	free(m.corner);
	free(m.area);
	if (err == -EILSEQ)
		return ak_fail(diag, err, AK_RULE_DATA_FILES, item->path, "is no mesh in OFF");
	return err ? ak_fail(diag, err, AK_RULE_NOMEM, item->path, "no memory for its mesh") : 0;
}

const struct ak_set_kind ak_set_modelnet40 = {"modelnet40", open_modelnet, read_modelnet};
