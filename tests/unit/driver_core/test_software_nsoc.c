/* SPDX-License-Identifier: MIT */
/*
 * The protocol core against the software NSoC, both chips: probe, mesh counts, memory copies, the vendor's programs with
 * several jobs in flight, resets, and what happens when host memory is not where the lists say.
 */
#include "rig.h"

static u32 count(const struct akc_mesh *m, u8 type)
{
	u32 n = 0;

	for (u32 i = 0; i < m->count; i++)
		n += (m->np[i].types & type) != 0;
	return n;
}

static void test_probe_finds_mesh_and_version(void **state)
{
	static const u32 want[2][5] = {{78, 78, 54, 4, 18}, {32, 32, 21, 1, 7}};
	static const u8 version[2][4] = {{0xbc, 0, 0, 2}, {0xbc, 0xa1, 3, 9}};

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct rig *r = rig_new(i ? NSOC_AKD1500 : NSOC_AKD1000);
		const struct akc_mesh *m = &r->dev.mesh;

		assert_int_equal(m->count, want[i][0]);
		assert_int_equal(count(m, AKC_NP_CNP1), want[i][1]);
		assert_int_equal(count(m, AKC_NP_CNP2), want[i][2]);
		assert_int_equal(count(m, AKC_NP_FNP2), want[i][3]);
		assert_int_equal(count(m, AKC_NP_FNP3), want[i][4]);
		assert_memory_equal(r->dev.version, version[i], 4);
		assert_true(m->has_hrc);
		assert_int_equal(r->dev.generation, 1);
		assert_int_equal(akc_alive(&r->dev), 0);
		assert_clean(r);
		rig_free(r);
	}
}

static void test_mem_round_trip_of_megabytes_with_odd_sizes(void **state)
{
	static const u32 sizes[] = {1, 31, 4097, 0x10000 * 3 + 1, 900001, 3 * (1u << 20) + 12345};

	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct rig *r = rig_new(c ? NSOC_AKD1500 : NSOC_AKD1000);
		u32 base = c ? 0x20000105 : 0x24000003, room = c ? 0xfe000 : 192u << 20;
		struct akc_buf b = rig_data(r);

		for (u32 i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			u32 n = sizes[i], back = DATA_BYTES / 2 + 1;
			u32 x = 12345 + i;

			if (n > room)
				continue;
			for (u32 k = 0; k < n; k++) {
				x = x * 1664525u + 1013904223u;
				r->data[k + 3] = (u8)(x >> 24);
			}
			memset(r->data + back - 1, 0x5a, n + 2);
			assert_int_equal(akc_mem_write(&r->dev, base, &b, 3, n), 0);
			assert_int_equal(akc_mem_read(&r->dev, &b, back, base, n), 0);
			assert_memory_equal(r->data + 3, r->data + back, n);
			assert_int_equal(r->data[back - 1], 0x5a);
			assert_int_equal(r->data[back + n], 0x5a);
			memset(r->data + back, 0, n);
			assert_int_equal(akc_copy_from(&r->dev, r->data + back, base, n), 0);
			assert_memory_equal(r->data + 3, r->data + back, n);
			assert_int_equal(akc_copy_to(&r->dev, base + 1, r->data + 3, n), 0);
			assert_int_equal(akc_copy_from(&r->dev, r->data + back, base + 1, n), 0);
			assert_memory_equal(r->data + 3, r->data + back, n);
		}
		assert_clean(r);
		rig_free(r);
	}
}

static void test_dma_start_sends_the_message_it_was_given(void **state)
{
	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct rig *r = rig_new(c ? NSOC_AKD1500 : NSOC_AKD1000);
		const struct akc_seg s = {DATA_BUS + 5, 0x20010000, 300001};
		struct akc_cursor at = {0, 0};

		akc_dma_set_msi(&r->dev, 0xfee00abcull, 0x4041 + c);
		for (u32 dir = AKC_TO_DEVICE; dir <= AKC_TO_HOST; dir++) {
			at = (struct akc_cursor){0, 0};
			assert_int_equal(akc_dma_start(&r->dev, dir, &s, 1, &at), 0);
			assert_int_equal(at.seg, 1);
			assert_int_equal(r->messages, dir + 1);
			assert_true(r->msi_addr == 0xfee00abc);
			assert_int_equal(r->msi_data, 0x4041 + c);
			assert_int_equal(akc_dma_status(&r->dev, dir), 1);
			akc_dma_ack(&r->dev, dir);
			assert_int_equal(akc_dma_status(&r->dev, dir), 0);
		}
		akc_dma_set_msi(&r->dev, 0xfee00def, 9); /* the vector moved */
		assert_int_equal(akc_dma_run(&r->dev, AKC_TO_DEVICE, &s, 1), 0);
		assert_int_equal(r->messages, 3);
		assert_true(r->msi_addr == 0xfee00def);
		assert_int_equal(akc_reset(&r->dev), 0); /* a reset keeps it */
		assert_int_equal(akc_dma_run(&r->dev, AKC_TO_DEVICE, &s, 1), 0);
		assert_int_equal(r->messages, 4);
		akc_dma_set_msi(&r->dev, 0, 0);
		assert_int_equal(akc_dma_run(&r->dev, AKC_TO_DEVICE, &s, 1), 0);
		assert_int_equal(r->messages, 4);
		assert_clean(r);
		rig_free(r);
	}
}

static void test_mem_write_from_unmapped_host_memory_gives_eio(void **state)
{
	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct rig *r = rig_new(c ? NSOC_AKD1500 : NSOC_AKD1000);
		struct akc_buf b = rig_data(r);

		r->deny = true;
		assert_int_equal(akc_mem_write(&r->dev, 0x20008000, &b, 0, 100), -EIO);
		assert_int_equal(akc_mem_read(&r->dev, &b, 0, 0x20008000, 100), -EIO);
		r->deny = false;
		assert_int_equal(akc_mem_write(&r->dev, 0x20008000, &b, 0, 100), 0);
		assert_false(r->dev.dma_lost);
		rig_free(r);
	}
}

/* The modes of an AKD1000; an AKD1500 has the one it has. */
static void test_clock_modes_stay_over_a_reset(void **state)
{
	static const u32 khz[] = {100000, 5000, 300000};

	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct rig *r = rig_new(c ? NSOC_AKD1500 : NSOC_AKD1000);
		u32 floor = 0, now = 0;

		for (u32 i = 0; i < 3 && !c; i++) {
			assert_int_equal(akc_clock_set(&r->dev, khz[i]), 0);
			assert_int_equal(akc_reset(&r->dev), 0);
			assert_true(akc_sensor(&r->dev, &floor, &now));
			assert_int_equal(now, khz[i]);
		}
		assert_clean(r);
		assert_int_equal(akc_clock_set(&r->dev, c ? 300000 : 400000), -EOPNOTSUPP);
		assert_true(akc_sensor(&r->dev, &floor, &now));
		assert_int_equal(now, c ? 400000 : 300000);
		rig_free(r);
	}
}

static void test_reset_and_resume_bump_the_generation(void **state)
{
	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct rig *r = rig_new(c ? NSOC_AKD1500 : NSOC_AKD1000);

		assert_int_equal(akc_reset(&r->dev), 0);
		assert_int_equal(r->dev.generation, 2);
		nsoc_power_cycle(r->chip); /* windows are gone */
		assert_int_equal(akc_resume(&r->dev), 0);
		assert_int_equal(r->dev.generation, 3);
		assert_int_equal(akc_copy_to(&r->dev, 0x20004000, "resumed", 8), 0);
		assert_clean(r);
		rig_free(r);
	}
}

/* ---- vendor programs ---- */

static void *shared_file(const char *name, size_t *bytes)
{
	const char *root = getenv("AKIDA_SHARED");
	char path[512];
	FILE *f;
	void *p;
	long n;

	snprintf(path, sizeof(path), "%s/data/programs/%s", root ? root : "../shared", name);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	p = malloc((size_t)n);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)n, f), n);
	fclose(f);
	*bytes = (size_t)n;
	return p;
}

struct vendor {
	struct akida_program *file;
	struct akc_program p;
	struct akc_track *tracks;
	struct akc_reg_write *epg;
};

static bool vendor_open(const char *name, struct vendor *v)
{
	const struct ak_program_head *h;
	size_t n;
	void *bytes = shared_file(name, &n);

	memset(v, 0, sizeof(*v));
	if (!bytes)
		return false;
	assert_int_equal(akida_program_parse(bytes, n, name, &v->file, NULL), 0);
	free(bytes);
	h = &v->file->head;
	v->tracks = calloc(h->track_count, sizeof(*v->tracks));
	v->epg = calloc(h->epg_count, sizeof(*v->epg));
	for (u32 i = 0; i < h->track_count; i++)
		v->tracks[i] = (struct akc_track){h->tracks[i].offset / 4, h->tracks[i].words};
	for (u32 i = 0; i < h->epg_count; i++)
		v->epg[i] = (struct akc_reg_write){h->epg[i].offset, h->epg[i].value};
	v->p = (struct akc_program){
		.image = (const u32 *)((const u8 *)v->file->bytes + v->file->info_bytes),
		.image_words = (u32)(v->file->program_bytes / 4),
		.tracks = v->tracks,
		.track_count = h->track_count,
		.epg = v->epg,
		.epg_count = h->epg_count,
		.in_h = h->in_dims[0],
		.in_w = h->in_dims[1],
		.in_c = h->in_dims[2],
		.window_w = h->window_w,
		.window_h = h->window_h,
		.input_type = (u8)h->input_type,
		.output_type = (u8)h->output_type,
		.activation = h->activation,
		.out_count = h->out_dims[0] * h->out_dims[1] * h->out_dims[2],
		.out_w = h->out_dims[1],
		.out_c = h->out_dims[2],
	};
	memcpy(v->p.device_version, h->device_version, 4);
	return true;
}

static void vendor_close(struct vendor *v)
{
	akida_program_destroy(v->file);
	free(v->tracks);
	free(v->epg);
}

static void need(bool there, const char *what)
{
	if (!there) {
		print_message("skipped: shared data %s is not there\n", what);
		skip();
	}
}

/* Runs frames with as many in flight as the pipeline takes; outputs must equal want. */
static void run_frames(struct rig *r, const struct vendor *v, const u8 *in, const s32 *want, u32 frames, u32 want_depth)
{
	u32 bytes = v->p.in_h * v->p.in_w * v->p.in_c, sent = 0, done = 0, depth = 0;
	s32 *out = malloc(v->p.out_count * sizeof(*out));
	struct akc_buf b = rig_data(r);

	memcpy(r->data + 1, in, (size_t)bytes * frames);
	while (done < frames) {
		int err = 0;

		while (sent < frames && (err = akc_enqueue(&r->dev, &b, 1 + sent * bytes)) >= 0)
			sent++;
		if (sent < frames)
			assert_int_equal(err, -EAGAIN);
		if (sent - done > depth)
			depth = sent - done;
		assert_int_equal(akc_fetch(&r->dev, out, AKC_JOB_TIMEOUT_US), 0);
		if (want)
			assert_memory_equal(out, want + done * v->p.out_count, v->p.out_count * sizeof(*out));
		done++;
	}
	assert_int_equal(depth, want_depth);
	assert_int_equal(akc_poll(&r->dev), 0);
	free(out);
}

static void test_load_vendor_kws_program_gives_reference_potentials(void **state)
{
	static const u32 batches[] = {1, 4, 29};
	size_t in_bytes = 0, out_bytes = 0;
	u8 *in = shared_file("kws_emulated_inputs_30x490_u8.bin", &in_bytes);
	s32 *want = shared_file("kws_emulated_potentials_30x12_i32.bin", &out_bytes);
	struct vendor v;
	struct rig *r;

	(void)state;
	need(vendor_open("kws_akd1500_v250_program.bin", &v) && in && want, "kws_akd1500_v250_program.bin");
	r = rig_new(NSOC_AKD1500);
	assert_int_equal(in_bytes, 30 * 490);
	assert_int_equal(out_bytes, 30 * 12 * 4);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(akc_load(&r->dev, &v.p, batches[i]), 0);
		assert_true(akc_program_clk(&r->dev) > 0);
		run_frames(r, &v, in, want, 30, batches[i]);
		assert_true(akc_inference_clk(&r->dev) > 0);
	}
	assert_int_equal(r->dev.frames, 90);
	assert_clean(r);
	assert_int_equal(akc_unload(&r->dev), 0);
	rig_free(r);
	vendor_close(&v);
	free(in);
	free(want);
}

static void test_load_vendor_vww_program_gives_reference_potentials(void **state)
{
	size_t in_bytes = 0, out_bytes = 0;
	u8 *in = shared_file("vww_inputs_5x96x96x3_u8.bin", &in_bytes);
	s32 *want = shared_file("vww_emulated_potentials_5x2_i32.bin", &out_bytes);
	struct vendor v;
	struct rig *r;

	(void)state;
	need(vendor_open("vww_akd1500_v250_program.bin", &v) && in && want, "vww_akd1500_v250_program.bin");
	r = rig_new(NSOC_AKD1500);
	assert_int_equal(akc_load(&r->dev, &v.p, 64), 0); /* device memory holds fewer */
	assert_in_range(r->dev.in.slots, 20, 60);
	run_frames(r, &v, in, want, 5, 5);
	assert_clean(r);
	rig_free(r);
	vendor_close(&v);
	free(in);
	free(want);
}

static void test_job_ids_wrap_at_16_bits(void **state)
{
	size_t in_bytes = 0, out_bytes = 0;
	u8 *in = shared_file("kws_emulated_inputs_30x490_u8.bin", &in_bytes);
	s32 *want = shared_file("kws_emulated_potentials_30x12_i32.bin", &out_bytes);
	struct vendor v;
	struct rig *r;

	(void)state;
	need(vendor_open("kws_akd1500_v250_program.bin", &v) && in && want, "kws_akd1500_v250_program.bin");
	r = rig_new(NSOC_AKD1500);
	assert_int_equal(akc_load(&r->dev, &v.p, 4), 0);
	run_frames(r, &v, in, want, 1, 1);
	r->dev.job_last = r->dev.job_done = 0xfffc; /* as after 65 thousand frames */
	{
		struct akc_buf b = rig_data(r);
		s32 out[12];

		for (u32 i = 0; i < 9; i++) { /* one at a time, so that the id the chip shows is the newest */
			memcpy(r->data, in + i * 490, 490);
			assert_int_equal(akc_enqueue(&r->dev, &b, 0), (0xfffd + i) & 0xffff);
			assert_int_equal(akc_fetch(&r->dev, out, AKC_JOB_TIMEOUT_US), 0);
			assert_memory_equal(out, want + i * 12, sizeof(out));
		}
	}
	rig_free(r);
	vendor_close(&v);
	free(in);
	free(want);
}

static void test_load_after_a_failed_transfer_recovers_by_reset(void **state)
{
	size_t in_bytes = 0, out_bytes = 0;
	u8 *in = shared_file("kws_emulated_inputs_30x490_u8.bin", &in_bytes);
	s32 *want = shared_file("kws_emulated_potentials_30x12_i32.bin", &out_bytes);
	struct akc_buf b;
	struct vendor v;
	struct rig *r;

	(void)state;
	need(vendor_open("kws_akd1500_v250_program.bin", &v) && in && want, "kws_akd1500_v250_program.bin");
	r = rig_new(NSOC_AKD1500);
	b = rig_data(r);
	r->deny = true;
	assert_int_equal(akc_load(&r->dev, &v.p, 2), -EIO);
	assert_int_equal(akc_enqueue(&r->dev, &b, 0), -EINVAL); /* nothing is left programmed */
	r->deny = false;
	assert_int_equal(akc_load(&r->dev, &v.p, 2), 0);
	r->deny = true;
	assert_int_equal(akc_enqueue(&r->dev, &b, 0), -EIO);
	r->deny = false;
	assert_int_equal(akc_reset(&r->dev), 0);
	assert_int_equal(akc_enqueue(&r->dev, &b, 0), -EINVAL);
	assert_int_equal(akc_load(&r->dev, &v.p, 2), 0);
	run_frames(r, &v, in, want, 30, 2);
	rig_free(r);
	vendor_close(&v);
	free(in);
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_finds_mesh_and_version),
		cmocka_unit_test(test_mem_round_trip_of_megabytes_with_odd_sizes),
		cmocka_unit_test(test_dma_start_sends_the_message_it_was_given),
		cmocka_unit_test(test_mem_write_from_unmapped_host_memory_gives_eio),
		cmocka_unit_test(test_clock_modes_stay_over_a_reset),
		cmocka_unit_test(test_reset_and_resume_bump_the_generation),
		cmocka_unit_test(test_load_vendor_kws_program_gives_reference_potentials),
		cmocka_unit_test(test_load_vendor_vww_program_gives_reference_potentials),
		cmocka_unit_test(test_job_ids_wrap_at_16_bits),
		cmocka_unit_test(test_load_after_a_failed_transfer_recovers_by_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
