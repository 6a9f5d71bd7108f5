/* SPDX-License-Identifier: MIT */
/*
 * Programs of several passes and weights in memory on the protocol core: what the verifier refuses, where things lie when
 * the chip's memory is too small, and recovery in the middle of it. Programs come from the mapper.
 */
#include "rig.h"
#include <akida/map.h>
#include "driver/core/regs_akd1500.h"
#include "../map/models.h"

struct program {
	struct akida_model *m;
	struct akida_program *p;
	struct akc_program a;
	u32 *image;
	struct akc_track tracks[512];
	struct akc_pass passes[64];
	struct akc_reg_write epg[AKC_MAX_EPG];
};

/* The same program with an image that may be damaged. */
static struct program *make(struct akida_model *m, const char *chip)
{
	struct program *x = calloc(1, sizeof(*x));
	const struct ak_program_head *h;

	assert_non_null(x);
	x->m = m;
	assert_int_equal(akida_map(m, chip, NULL, &x->p, NULL, NULL), 0);
	h = &x->p->head;
	x->image = malloc(x->p->program_bytes);
	assert_non_null(x->image);
	memcpy(x->image, (const u8 *)x->p->bytes + x->p->info_bytes, x->p->program_bytes);
	for (u32 i = 0; i < h->track_count; i++) {
		x->tracks[i] = (struct akc_track){h->tracks[i].offset / 4, h->tracks[i].words};
		x->passes[h->tracks[i].pass].tracks++;
		x->passes[h->tracks[i].pass].external += h->tracks[i].external;
	}
	for (u32 i = 0; i < h->epg_count; i++)
		x->epg[i] = (struct akc_reg_write){h->epg[i].offset, h->epg[i].value};
	x->a = (struct akc_program){
		.image = x->image,
		.image_words = (u32)(x->p->program_bytes / 4),
		.tracks = x->tracks,
		.track_count = h->track_count,
		.passes = x->passes,
		.pass_count = h->passes,
		.epg = x->epg,
		.epg_count = h->epg_count,
		.in_h = h->in_dims[0],
		.in_w = h->in_dims[1],
		.in_c = h->in_dims[2],
		.window_w = h->window_w,
		.window_h = h->window_h,
		.output_type = (u8)h->output_type,
		.out_count = h->out_dims[0] * h->out_dims[1] * h->out_dims[2],
		.out_w = h->out_dims[1],
		.out_c = h->out_dims[2],
	};
	memcpy(x->a.device_version, h->device_version, 4);
	return x;
}

static void drop(struct program *x)
{
	akida_program_destroy(x->p);
	akida_model_destroy(x->m);
	free(x->image);
	free(x);
}

/* 40 layers on 32 NPs: two passes. */
static struct akida_model *deep(void)
{
	struct net n;

	net_init(&n, 3);
	free(n.layers);
	n.layers = calloc(42, sizeof(*n.layers));
	net_input(&n, 10, 9, 1, 8);
	assert_true(net_done(&n));
	for (int i = 0; i < 40; i++) {
		net_add(&n, i % 3 ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_CONV, 8);
		assert_true(net_done(&n));
	}
	net_add(&n, AKIDA_LAYER_FULLY, 6)->activation = false;
	assert_true(net_done(&n));
	return net_model(&n);
}

/* units neurons of 16384 inputs on an FNP2: 12304 bytes each. */
static struct akida_model *wide(uint32_t units)
{
	struct net n;

	net_init(&n, 4);
	net_input(&n, 16, 16, 1, 8);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 64);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_FULLY, units)->activation = false;
	assert_true(net_done(&n));
	return net_model(&n);
}

/* ---- what is refused ---- */

static u32 *word(struct program *x, u32 track, u32 at)
{
	return &x->image[x->tracks[track].word_off + at];
}

/* The track of pass 1 that begins it, and the weights behind the last track. */
#define SECOND (x->passes[0].tracks)
#define WEIGHTS (x->a.track_count - 1)
#define CHANGE(name, what)                                                                                             \
	static void name(struct program *x)                                                                            \
	{                                                                                                              \
		what;                                                                                                  \
	}
CHANGE(none, (void)x)
CHANGE(no_tracks, (x->passes[0].tracks += x->passes[1].tracks, x->passes[1].tracks = 0))
CHANGE(too_many_tracks, x->passes[1].tracks++)
CHANGE(too_few_tracks, x->passes[1].tracks--)
CHANGE(only_external, x->passes[1].external = x->passes[1].tracks)
CHANGE(no_list, x->a.passes = NULL)
CHANGE(many_passes, x->a.pass_count = 65)
CHANGE(one_pass, x->a.pass_count = 0)
CHANGE(hrc_later, (*word(x, SECOND, 0) = 0x188u, *word(x, SECOND, 1) = 1u << 16 | 4))
CHANGE(border_moved, (x->passes[0].tracks--, x->passes[1].tracks++))
CHANGE(external_packets, x->passes[1].external = 1)
CHANGE(packets_external, x->passes[0].external = 0)
CHANGE(weights_missing, (x->a.track_count--, x->passes[0].tracks--, x->passes[0].external = 0))
CHANGE(weights_short, x->tracks[WEIGHTS].words--)
CHANGE(weights_outside, x->tracks[WEIGHTS].words = x->a.image_words)
CHANGE(weights_header_only, x->tracks[WEIGHTS].words = 2)
CHANGE(weights_of_another, *word(x, WEIGHTS, 0) = (*word(x, WEIGHTS, 0) & ~0xf00u) | 0x200u)
CHANGE(weights_uid, *word(x, WEIGHTS, 0) ^= 2u)
CHANGE(more_neurons, (*word(x, WEIGHTS - 1, 2 + AKC_NPR_FNP2))++)
CHANGE(more_inputs, *word(x, WEIGHTS - 1, 2 + AKC_NPR_REG11) += 1u << 12)
CHANGE(fnp2_number, *word(x, WEIGHTS - 1, 2 + AKC_NPR_REG2) ^= 1u << 16)
CHANGE(more_planes, *word(x, WEIGHTS - 1, 2 + AKC_NPR_REG4) ^= 1u << 4)

static const struct {
	const char *name;
	bool external;
	void (*change)(struct program *x);
	int err;
	const char *what;
} damages[] = {
	{"nothing", false, none, 0, NULL},
	{"nothing", true, none, 0, NULL},
	{"a pass without tracks", false, no_tracks, -EINVAL, "tracks of a pass"},
	{"more tracks than there are", false, too_many_tracks, -EINVAL, "tracks of a pass"},
	{"fewer", false, too_few_tracks, -EILSEQ, "no layer sends to the DMA"},
	{"nothing but weights", false, only_external, -EINVAL, "tracks of a pass"},
	{"no list", false, no_list, -EINVAL, "number of passes"},
	{"65 passes", false, many_passes, -EINVAL, "number of passes"},
	{"all in one", false, one_pass, -EILSEQ, "more outputs than declared"},
	{"HRC packet in pass 1", false, hrc_later, -EILSEQ, "packet for the HRC in a pass that gets no image"},
	{"border one track earlier", false, border_moved, -EILSEQ, "no layer sends to the DMA"},
	{"packets as weights", false, external_packets, -EILSEQ, "external weights begin with another packet's header"},
	{"weights as packets", true, packets_external, -EILSEQ, "track longer than a descriptor can say"},
	{"no weights", true, weights_missing, -EILSEQ, "FNP2 reads more external weights than there are"},
	{"one word less", true, weights_short, -EILSEQ, "FNP2 reads more external weights than there are"},
	{"past the image", true, weights_outside, -EILSEQ, "track outside the program"},
	{"a header", true, weights_header_only, -EILSEQ, "words of external weights"},
	{"of an NP without FNP2", true, weights_of_another, -EILSEQ, "external weights for an NP without FNP2"},
	{"of another kind", true, weights_uid, -EILSEQ, "external weights begin with another packet's header"},
	{"a neuron more", true, more_neurons, -EILSEQ, "more outputs than declared"},
	{"64 inputs more", true, more_inputs, -EILSEQ, "FNP2 reads more external weights than there are"},
	{"another FNP2's address", true, fnp2_number, -EILSEQ, "number of the FNP2"},
	{"fewer planes", true, more_planes, 0, NULL}, /* reads less than there is */
};

static void test_verify_refuses_each_damage(void **state)
{
	struct rig *r = rig_new(NSOC_AKD1500);

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct program *x = make(damages[i].external ? wide(40) : deep(), "akd1500");
		struct akc_verify_result res;
		int err;

		damages[i].change(x);
		err = akc_verify(&r->dev, &x->a, &res);
		if (damages[i].external && damages[i].change == more_neurons && err == -EILSEQ)
			res.what = damages[i].what; /* either reason is right */
		if (err != damages[i].err || (err && (!res.what || strcmp(res.what, damages[i].what))))
			fail_msg("%s: %d, %s", damages[i].name, err, res.what ? res.what : "accepted");
		drop(x);
	}
	rig_free(r);
}

/* ---- where things lie ---- */

static void run(struct rig *r, const struct program *x, u32 frames, s32 *out)
{
	struct akc_buf in = rig_data(r);
	u32 bytes = x->a.in_h * x->a.in_w * x->a.in_c;

	for (u32 i = 0; i < frames * bytes; i++)
		r->data[i] = (u8)(i * 37 % 251);
	for (u32 i = 0; i < frames; i++) {
		assert_true(akc_enqueue(&r->dev, &in, i * bytes) >= 0);
		assert_int_equal(akc_fetch(&r->dev, out + i * x->a.out_count, AKC_JOB_TIMEOUT_US), 0);
	}
	assert_clean(r);
}

static u32 weight_bytes(const struct program *x)
{
	return (4 * x->tracks[x->a.track_count - 1].words + 63) & ~63u;
}

/* An AKD1500 holds 80 neurons by itself; 90 need host memory, in one piece or in four: the same outputs. */
static void test_weights_that_do_not_fit_go_to_host_memory(void **state)
{
	const u32 units[] = {70, 90};
	s32 out[2][2][4 * 90];

	(void)state;
	for (int chained = 0; chained < 2; chained++) {
		struct rig *r = rig_new(NSOC_AKD1500);
		const u32 at = 4u << 20, sizes[] = {0x10000, 0x40000, 0x10000, 0x100000};
		struct akc_piece piece[4];
		u32 off = 0;

		for (int i = 0; i < 4; i++) {
			piece[i] = (struct akc_piece){r->data + at + 2 * off, DATA_BUS + at + 2 * off, sizes[i]};
			off += sizes[i];
		}
		if (!chained)
			piece[0].bytes = 2u << 20;
		for (int k = 0; k < 2; k++) {
			struct program *x = make(wide(units[k]), "akd1500");
			u32 wanted;

			assert_int_equal(akc_verify(&r->dev, &x->a, NULL), 0);
			wanted = akc_window_wanted(&r->dev, &x->a);
			assert_int_equal(wanted, k ? weight_bytes(x) : 0);
			if (k) {
				assert_int_equal(akc_load(&r->dev, &x->a, 2), -ENOSPC);
				assert_string_equal(r->says, "program does not fit the window to the host");
				assert_int_equal(akc_host_window(&r->dev, piece, chained ? 4 : 1), 0);
			}
			assert_int_equal(akc_load(&r->dev, &x->a, 2), 0);
			assert_int_equal(akc_host_window(&r->dev, piece, 1), -EINVAL); /* in use */
			run(r, x, 2, out[chained][k]);
			assert_int_equal(akc_unload(&r->dev), 0);
			drop(x);
		}
		/* the window is gone: so is the program's room */
		assert_int_equal(akc_host_window(&r->dev, NULL, 0), 0);
		assert_int_equal(r->dev.window_bytes, 0);
		rig_free(r);
	}
	assert_memory_equal(out[0][0], out[1][0], 2 * 70 * sizeof(s32));
	assert_memory_equal(out[0][1], out[1][1], 2 * 90 * sizeof(s32));
}

static void test_host_window_takes_whole_pieces(void **state)
{
	struct rig *r = rig_new(NSOC_AKD1500), *old = rig_new(NSOC_AKD1000);
	struct akc_piece p[5] = {{r->data, DATA_BUS, 0x10000}, {r->data, DATA_BUS, 0}};

	(void)state;
	assert_int_equal(akc_host_window(&old->dev, p, 1), -EOPNOTSUPP);
	assert_int_equal(akc_host_window(&r->dev, p, 2), -EINVAL);
	assert_int_equal(akc_host_window(&r->dev, p, 5), -EINVAL);
	p[0].bytes = 0x8000;
	assert_int_equal(akc_host_window(&r->dev, p, 1), -EINVAL);
	p[0].bytes = AKC_WINDOW_BYTES_MAX + 0x10000;
	assert_int_equal(akc_host_window(&r->dev, p, 1), -EINVAL);
	p[0] = (struct akc_piece){NULL, DATA_BUS, 0x10000};
	assert_int_equal(akc_host_window(&r->dev, p, 1), -EINVAL);
	assert_int_equal(r->dev.window_bytes, 0);
	p[0].cpu = r->data;
	assert_int_equal(akc_host_window(&r->dev, p, 1), 0);
	assert_int_equal(r->dev.window_bytes, 0x10000);
	nsoc_power_cycle(r->chip); /* windows are lost, and set up again */
	assert_int_equal(akc_resume(&r->dev), 0);
	assert_int_equal(nsoc_bar_read(r->chip, 0, AKD1500_ATU_OUTBOUND(0) + AKD1500_ATU_LIMIT), 0xc000ffff);
	rig_free(r);
	rig_free(old);
}

/* ---- in the middle of it ---- */

static void test_faults_between_passes_end_in_time(void **state)
{
	static const struct {
		enum nsoc_inject fault;
		int err;
		const char *says;
	} faults[] = {{NSOC_INJECT_HANG, -ETIMEDOUT, "no completion"},
		      {NSOC_INJECT_WRONG_JOB, -EIO, "job id that was never sent"}};
	const char *const chips[] = {"akd1000", "akd1500"};

	(void)state;
	for (int chip = 0; chip < 2; chip++) {
		struct rig *r = rig_new(chip ? NSOC_AKD1500 : NSOC_AKD1000);
		struct akida_model *m = chip ? deep() : wide(300);
		struct program *x = make(m, chips[chip]);
		struct akc_buf in = rig_data(r);
		s32 want[2 * 300], got[2 * 300];

		memset(r->data, 9, 1u << 16);
		assert_int_equal(akc_load(&r->dev, &x->a, 8), 0);
		assert_int_equal(akc_room(&r->dev), chip ? 1 : 8); /* of several passes one frame at a time */
		assert_true(akc_enqueue(&r->dev, &in, 0) >= 0);
		assert_int_equal(akc_fetch(&r->dev, want, AKC_JOB_TIMEOUT_US), 0);
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
			nsoc_inject(r->chip, faults[i].fault, 1);
			assert_true(akc_enqueue(&r->dev, &in, 0) >= 0);
			assert_int_equal(akc_fetch(&r->dev, got, AKC_JOB_TIMEOUT_US), faults[i].err);
			assert_string_equal(r->says, faults[i].says);
			assert_int_equal(akc_reset(&r->dev), 0);
			assert_int_equal(akc_load(&r->dev, &x->a, 1), 0);
			assert_true(akc_enqueue(&r->dev, &in, 0) >= 0);
			assert_int_equal(akc_fetch(&r->dev, got, AKC_JOB_TIMEOUT_US), 0);
			assert_memory_equal(got, want, x->a.out_count * sizeof(s32));
		}
		drop(x);
		rig_free(r);
	}
}

/* What lies in memory is what runs: a word changed there changes the outputs, and back. */
static void test_memory_is_read_for_every_frame(void **state)
{
	struct rig *r = rig_new(NSOC_AKD1000);
	struct program *x = make(wide(30), "akd1000");
	struct akc_buf in = rig_data(r);
	u32 addr, old, flipped;
	s32 out[3][30];

	(void)state;
	memset(r->data, 200, 1u << 16);
	assert_int_equal(akc_load(&r->dev, &x->a, 1), 0);
	addr = akc_read(&r->dev, AKC_TOP_FNP2_WEIGHTS(0)) + 4 * (2 + 4);
	assert_int_equal(akc_copy_from(&r->dev, &old, addr, 4), 0);
	for (int i = 0; i < 3; i++) {
		flipped = i == 1 ? ~old : old;
		assert_int_equal(akc_copy_to(&r->dev, addr, &flipped, 4), 0);
		assert_true(akc_enqueue(&r->dev, &in, 0) >= 0);
		assert_int_equal(akc_fetch(&r->dev, out[i], AKC_JOB_TIMEOUT_US), 0);
	}
	assert_memory_equal(out[0], out[2], sizeof(out[0]));
	assert_memory_not_equal(out[0], out[1], sizeof(out[0]));
	drop(x);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_refuses_each_damage),
		cmocka_unit_test(test_weights_that_do_not_fit_go_to_host_memory),
		cmocka_unit_test(test_host_window_takes_whole_pieces),
		cmocka_unit_test(test_faults_between_passes_end_in_time),
		cmocka_unit_test(test_memory_is_read_for_every_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
