// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Mesh discovery: which NPs exist and what each can be, from the mesh info registers and register 0
 * of every NP.
 */
#include "internal.h"

struct mesh_info {
	u32 cols, rows, nps;
	u32 row1_start, row2_start, last_col;
	u32 dma_col, dma_row, dma_event, dma_conf;
	u32 fnp2_col, fnp2_row;
	bool dma_empty;
};

static int mesh_info_read(struct akc_dev *d, struct mesh_info *m)
{
	u32 i1 = akc_read(d, AKC_TOP_MESH1);
	u32 i2 = akc_read(d, AKC_TOP_MESH2);
	u32 i3 = akc_read(d, AKC_TOP_MESH3);

	if (i1 == AKC_ALL_ONES || i2 == AKC_ALL_ONES)
		return akc_gone(d, "mesh info", AKC_TOP_MESH1);
	m->rows = AKC_MESH1_ROWS(i1);
	m->cols = AKC_MESH1_COLS(i1);
	m->row1_start = AKC_MESH1_ROW1_START(i1);
	m->row2_start = AKC_MESH1_ROW2_START(i1);
	if (!m->row1_start)
		m->row1_start = 1;
	if (!m->row2_start)
		m->row2_start = 1;
	m->nps = AKC_MESH2_NPS(i2);
	m->dma_empty = (i2 & AKC_MESH2_DMA_EMPTY) != 0;
	m->dma_row = AKC_MESH2_DMA_ROW(i2);
	m->dma_col = AKC_MESH2_DMA_COL(i2);
	m->dma_event = AKC_MESH2_DMA_EVENT(i2);
	m->dma_conf = AKC_MESH2_DMA_CONF(i2);
	m->fnp2_row = AKC_MESH3_FNP2_ROW(i3);
	m->fnp2_col = AKC_MESH3_FNP2_COL(i3);
	m->last_col = d->chip->has_last_col ? AKC_MESH3_LAST_COL(i3) : m->cols;
	/*
	 * A node has four NPs at most (one-hot field of a packet), coordinates are small: nonsense
	 * stops here.
	 */
	if (!m->rows || !m->cols || m->rows > 32 || m->cols > 32 || !m->nps || m->nps > 4)
		return akc_fail(d, -EIO, "mesh info", i1, i2);
	return 0;
}

static bool mesh_candidate(const struct mesh_info *m, u32 col, u32 row, u32 id)
{
	if (col == m->dma_col && row == m->dma_row)
		if (m->dma_empty || id == m->dma_event || id == m->dma_conf)
			return false;
	if (col == m->fnp2_col && row == m->fnp2_row)
		return true;
	if (row == 1 && col < m->row1_start)
		return false;
	if (row == 2 && col < m->row2_start)
		return false;
	return row != m->rows || col <= m->last_col;
}

static u8 mesh_types(u32 reg1)
{
	u8 types = 0;

	switch (AKC_NPR_REG1_FNP(reg1)) {
	case 2:
		types |= AKC_NP_FNP2;
		break;
	case 3:
		types |= AKC_NP_FNP3;
		break;
	}
	switch (AKC_NPR_REG1_CNP(reg1)) {
	case 1:
		types |= AKC_NP_CNP1;
		break;
	case 2:
		types |= AKC_NP_CNP1 | AKC_NP_CNP2;
		break;
	}
	return types;
}

/*
 * A place that answers with no NP type is no NP: the ranges of the info registers can name more
 * than exists.
 */
static int mesh_read_np(struct akc_dev *d, u32 col, u32 row, u32 id)
{
	struct akc_mesh *m = &d->mesh;
	struct akc_np *np = &m->np[m->count];
	u32 head[2], reg1;
	int err;

	if (m->count == AKC_MAX_NPS)
		return akc_fail(d, -EIO, "more NPs than the core can hold", col, row);
	akc_packet_head(head, (u8)col, (u8)row, (u8)id, AKC_UID_REGISTER, AKC_NPR_REG1, 1);
	err = akc_conf_read(d, head[0], head[1], &reg1);
	if (err)
		return err;
	if (reg1 == AKC_ALL_ONES || !mesh_types(reg1))
		return 0;
	np->col = (u8)col;
	np->row = (u8)row;
	np->id = (u8)id;
	np->types = mesh_types(reg1);
	m->count++;
	return 0;
}

int akc_mesh_discover(struct akc_dev *d)
{
	struct mesh_info m = { 0 };
	u32 col, row, id, options;
	int err;

	err = mesh_info_read(d, &m);
	if (err)
		return err;
	options = akc_read(d, AKC_TOP_OPTIONS);
	if (options == AKC_ALL_ONES)
		return akc_gone(d, "install options", AKC_TOP_OPTIONS);
	memset(&d->mesh, 0, sizeof(d->mesh));
	d->mesh.dma_col = (u8)m.dma_col;
	d->mesh.dma_row = (u8)m.dma_row;
	d->mesh.dma_event_id = (u8)m.dma_event;
	d->mesh.dma_conf_id = (u8)m.dma_conf;
	d->mesh.has_hrc = d->chip->has_hrc || (options & AKC_TOP_OPTIONS_HRC);
	err = akc_conf_init(d);
	if (err)
		return err;
	for (col = 1; col <= m.cols; col++) {
		for (row = 1; row <= m.rows; row++) {
			for (id = 0; id < m.nps; id++) {
				if (!mesh_candidate(&m, col, row, id))
					continue;
				err = mesh_read_np(d, col, row, id);
				if (err)
					return err;
			}
		}
	}
	if (!d->mesh.count)
		return akc_fail(d, -EIO, "no NP on the mesh", m.cols, m.rows);
	return 0;
}

const struct akc_np *akc_mesh_find(const struct akc_mesh *m, u8 col, u8 row, u8 id)
{
	u32 i;

	for (i = 0; i < m->count; i++)
		if (m->np[i].col == col && m->np[i].row == row && m->np[i].id == id)
			return &m->np[i];
	return NULL;
}
