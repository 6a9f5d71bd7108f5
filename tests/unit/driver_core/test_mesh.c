/* SPDX-License-Identifier: MIT */
/* Mesh discovery against a far end that answers register 0 of the NPs of the reference table. */
#include "scripted_bus.h"

#define CONF(off) (0x30000u + (off))

static u32 core_bar;
static u32 asked, asked_dma, silent; /* candidates read, DMA NPs among them, answers of all zeros */
static bool akd1000;

static u32 reg1(u32 col, u32 row, u32 id)
{
	if (akd1000) {
		if (col == 4 && row == 1)
			return 1 << 6 | 2 << 4; /* CNP1 + FNP2 */
		if (col == 3 && row == 1)
			return 1 << 6;
		if (row < 2 || (row == 2 && col < 3) || row > 5 || col > 5)
			return 0;
	} else {
		if (col == 1 && row == 2)
			return id ? 1 << 6 : 1 << 6 | 2 << 4;
		if ((col == 1 && row == 1) || row > 3 || col > 3)
			return 0;
	}
	return id ? 2 << 6 : 1 << 6 | 3 << 4;
}

static bool far_end(struct sb *b, unsigned int bar, u32 off, u32 val)
{
	if (bar == core_bar && off == CONF(0)) {
		if (val & AKC_CDMA_CONTROL_SOFT_RESET) {
			*sb_cell(b, bar, off) = 2;
			*sb_cell(b, bar, CONF(4)) = 0x00ff00ff;
			return true;
		}
		if (val & AKC_CDMA_CONTROL_RUN) {
			u32 head = akc_get32(b->host + 0x40), col = head >> 24, row = head >> 16 & 0xff,
			    dst = head >> 8 & 0xf;
			u32 id = dst == 1 ? 0 : dst == 2 ? 1 : dst == 4 ? 2 : 3, v;

			assert_int_equal(head & 0xff, 8);
			assert_int_equal(akc_get32(b->host + 0x44), 0x00010000);
			v = reg1(col, row, id);
			asked++;
			silent += !v;
			asked_dma += akd1000 ? col == 3 && row == 1 && id < 2 : col == 1 && row == 1;
			akc_put32(b->host + 0x100, v ? v | 1 | id << 12 | col << 16 | row << 24 : 0);
			*sb_cell(b, bar, CONF(0x28)) = 0x00010001;
		}
	}
	return sb_engine(b, bar, off, val);
}

static void discover(struct sb **b, struct akc_dev *d, u16 chip, u32 i1, u32 i2, u32 i3)
{
	*b = sb_new();
	(*b)->on_write = far_end;
	sb_device(*b, d, chip);
	akd1000 = chip == AKC_PCI_AKD1000;
	core_bar = d->chip->core_bar;
	asked = asked_dma = silent = 0;
	*sb_cell(*b, core_bar, 0x50) = i1;
	*sb_cell(*b, core_bar, 0x54) = i2;
	*sb_cell(*b, core_bar, 0x58) = i3;
	*sb_cell(*b, core_bar, 0x68) = 0x11;
}

static u32 count(const struct akc_mesh *m, u8 type)
{
	u32 n = 0;

	for (u32 i = 0; i < m->count; i++)
		n += (m->np[i].types & type) != 0;
	return n;
}

static void test_mesh_discover_akd1000_finds_the_published_counts(void **state)
{
	struct akc_dev d;
	struct sb *b;

	(void)state;
	discover(&b, &d, AKC_PCI_AKD1000, 0x03030505, 0x10030104, 0x00030401);
	assert_int_equal(akc_mesh_discover(&d), 0);
	assert_int_equal(d.mesh.count, 78);
	assert_int_equal(count(&d.mesh, AKC_NP_CNP1), 78);
	assert_int_equal(count(&d.mesh, AKC_NP_CNP2), 54);
	assert_int_equal(count(&d.mesh, AKC_NP_FNP2), 4);
	assert_int_equal(count(&d.mesh, AKC_NP_FNP3), 18);
	assert_int_equal(asked_dma, 0);
	assert_int_equal(d.mesh.dma_col, 3);
	assert_int_equal(d.mesh.dma_row, 1);
	assert_int_equal(d.mesh.dma_event_id, 0);
	assert_int_equal(d.mesh.dma_conf_id, 1);
	assert_true(d.mesh.has_hrc);
	assert_null(akc_mesh_find(&d.mesh, 3, 1, 0));
	assert_non_null(akc_mesh_find(&d.mesh, 3, 1, 2));
	assert_int_equal(akc_mesh_find(&d.mesh, 3, 1, 2)->types, AKC_NP_CNP1);
	assert_null(akc_mesh_find(&d.mesh, 5, 1, 0)); /* asked, because the start column names it, and not there */
	assert_int_equal(silent, 4);
	sb_free(b);
}

static void test_mesh_discover_akd1500_finds_the_published_counts(void **state)
{
	struct akc_dev d;
	struct sb *b;

	(void)state;
	discover(&b, &d, AKC_PCI_AKD1500, 0x01010303, 0x10010114, 0x03010102);
	assert_int_equal(akc_mesh_discover(&d), 0);
	assert_int_equal(d.mesh.count, 32);
	assert_int_equal(count(&d.mesh, AKC_NP_CNP1), 32);
	assert_int_equal(count(&d.mesh, AKC_NP_CNP2), 21);
	assert_int_equal(count(&d.mesh, AKC_NP_FNP2), 1);
	assert_int_equal(count(&d.mesh, AKC_NP_FNP3), 7);
	assert_int_equal(asked, 32);
	assert_int_equal(asked_dma, 0);
	sb_free(b);
}

static void test_mesh_discover_start_and_last_columns_limit_the_rows(void **state)
{
	struct akc_dev d;
	struct sb *b;

	(void)state;
	/* row 1 from column 2, row 2 from column 3, last row to column 2; FNP2 node (1,2) kept all the same */
	discover(&b, &d, AKC_PCI_AKD1500, 0x03020303, 0x10010114, 0x02010102);
	assert_int_equal(akc_mesh_discover(&d), 0);
	assert_non_null(akc_mesh_find(&d.mesh, 2, 1, 0));
	assert_null(akc_mesh_find(&d.mesh, 2, 2, 0));
	assert_non_null(akc_mesh_find(&d.mesh, 1, 2, 0));
	assert_non_null(akc_mesh_find(&d.mesh, 2, 3, 0));
	assert_null(akc_mesh_find(&d.mesh, 3, 3, 0));
	assert_int_equal(d.mesh.count, 4 * 6);
	sb_free(b);
	/* start columns of 0 count as 1 */
	discover(&b, &d, AKC_PCI_AKD1500, 0x00000303, 0x10010114, 0x03010302); /* FNP2 node named elsewhere */
	assert_int_equal(akc_mesh_discover(&d), 0);
	assert_int_equal(d.mesh.count, 32);
	sb_free(b);
}

static void test_mesh_discover_nonsense_gives_eio(void **state)
{
	static const u32 info[][2] = {{0x01010003, 0x14}, {0x00000000, 0x14}, {0x01010300, 0x14},
				      {0x01014003, 0x14}, {0x01010303, 0x10}, {0x01010303, 0x17}};
	struct akc_dev d;
	struct sb *b;

	(void)state;
	for (u32 i = 0; i < sizeof(info) / sizeof(info[0]); i++) {
		discover(&b, &d, AKC_PCI_AKD1500, info[i][0], info[i][1], 0);
		assert_int_equal(akc_mesh_discover(&d), -EIO);
		assert_int_equal(asked, 0);
		sb_free(b);
	}
	discover(&b, &d, AKC_PCI_AKD1500, 0x01010303, 0x10010114, 0x03010102);
	b->all_ones = true;
	assert_int_equal(akc_mesh_discover(&d), -EIO);
	assert_true(d.gone);
	sb_free(b);
}

static void test_mesh_discover_places_that_answer_nothing_are_dropped(void **state)
{
	struct akc_dev d;
	struct sb *b;

	(void)state;
	discover(&b, &d, AKC_PCI_AKD1000, 0x01012020, 0x10030104, 0x00030401); /* 32 x 32 nodes claimed */
	akd1000 = true;
	assert_int_equal(akc_mesh_discover(&d), 0); /* nothing answers behind the real ones */
	assert_int_equal(d.mesh.count, 78);
	sb_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mesh_discover_akd1000_finds_the_published_counts),
		cmocka_unit_test(test_mesh_discover_akd1500_finds_the_published_counts),
		cmocka_unit_test(test_mesh_discover_start_and_last_columns_limit_the_rows),
		cmocka_unit_test(test_mesh_discover_nonsense_gives_eio),
		cmocka_unit_test(test_mesh_discover_places_that_answer_nothing_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
