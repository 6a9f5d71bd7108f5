/* SPDX-License-Identifier: MIT */
/* Program verification: a sound program passes, each kind of damage is refused with its own reason and place. */
#include "sample_program.h"

#define ANYWHERE 0xffffffffu

struct damage {
	const char *name;
	void (*apply)(struct sample *s, struct akc_dev *d);
	int err;
	u32 track, word;
	const char *what;
};

#define DAMAGE(name, body)                                                                                             \
	static void name(struct sample *s, struct akc_dev *d)                                                          \
	{                                                                                                              \
		(void)s;                                                                                               \
		(void)d;                                                                                               \
		body;                                                                                                  \
	}

/* fields */
DAMAGE(no_image, s->p.image = NULL)
DAMAGE(no_tracks, s->p.track_count = 0)
DAMAGE(many_tracks, s->p.track_count = AKC_MAX_TRACKS + 1)
DAMAGE(other_version, s->p.device_version[3] = 2)
DAMAGE(event_input, s->p.input_type = 1)
DAMAGE(odd_output, s->p.output_type = 3)
DAMAGE(no_hrc, d->mesh.has_hrc = false)
DAMAGE(empty_input, s->p.in_w = 0)
DAMAGE(wide_input, (s->p.in_w = 0x8000, s->p.in_c = 2, s->p.window_w = s->p.window_h = 0))
DAMAGE(overflowing_input, (s->p.in_w = 0x80000000u, s->p.in_c = 2, s->p.window_w = s->p.window_h = 0))
DAMAGE(tall_input, s->p.in_h = 0x10000)
DAMAGE(large_input, (s->p.in_h = 0xffff, s->p.in_w = 0xffff))
DAMAGE(half_window, s->p.window_h = 0)
DAMAGE(wide_window, s->p.window_w = 7)
DAMAGE(tall_window, s->p.window_h = 9)
DAMAGE(no_outputs, s->p.out_count = 0)
DAMAGE(many_outputs, s->p.out_count = (1u << 20) + 2)
DAMAGE(no_out_w, s->p.out_w = 0)
DAMAGE(no_out_c, s->p.out_c = 0)
DAMAGE(odd_out_dims, s->p.out_w = 3)
DAMAGE(overflowing_out_dims, (s->p.out_w = 0x80000001u, s->p.out_c = 2))
/* spans */
DAMAGE(track_offset, s->track[1].word_off = S_WORDS + 1)
DAMAGE(track_end, s->track[2].words += 1)
DAMAGE(track_wraps, (s->track[2].word_off = 8, s->track[2].words = 0xffffffff))
DAMAGE(track_empty, s->track[1].words = 0)
DAMAGE(track_long, (s->p.image_words = 0x20000, s->track[1].words = 0x10000))
/* chains */
DAMAGE(chain_short, s->track[1].words -= 1)
DAMAGE(chain_long, s->track[1].words += 1)
DAMAGE(payload_long, s->image[S_CNP_THR + 1] += 1u << 16)
DAMAGE(payload_empty, s->image[S_HRC_SRAM + 1] &= 0xffff)
DAMAGE(header_bits, s->image[S_CNP_FILTER] |= 1u << 12)
DAMAGE(header_bits1, s->image[S_CNP_FILTER + 1] |= 1u << 30)
/* destinations */
DAMAGE(np_missing, s->image[S_CNP_FILTER] = 0x01010200) /* the DMA node */
DAMAGE(np_far, s->image[S_CNP_FILTER] = 0x04020200)
DAMAGE(np_none, s->image[S_CNP_FILTER] &= ~0xf00u)
DAMAGE(np_several, s->image[S_CNP_FILTER] |= 0x100)
DAMAGE(hrc_code, s->image[S_HRC_REG] = 0x148)
DAMAGE(hrc_column, s->image[S_HRC_REG] |= 1u << 24)
DAMAGE(hrc_np, s->image[S_HRC_REG] |= 0x200)
/* kinds */
DAMAGE(uid_unknown, s->image[S_CNP_FILTER] |= 9)
DAMAGE(uid_input, s->image[S_CNP_FILTER] |= 3)
DAMAGE(uid_learn, s->image[S_CNP_FILTER] |= 2)
DAMAGE(uid_v2, s->image[S_CNP_FILTER] |= 1)
DAMAGE(uid_hrc, s->image[S_HRC_SRAM] |= 4)
DAMAGE(fnp_on_cnp, s->image[S_CNP_FILTER] = 0x01020206)
/* memories */
DAMAGE(filter_end, s->image[S_CNP_PW + 1] = 16u << 16 | 896)
DAMAGE(filter_odd, s->image[S_CNP_PW + 1] = 15u << 16)
DAMAGE(threshold_odd, s->image[S_CNP_THR + 1] = 7u << 16)
DAMAGE(threshold_start, s->image[S_CNP_THR + 1] |= 1)
DAMAGE(fnp_start, s->image[S_FNP_WEIGHT + 1] |= 1)
DAMAGE(hrc_sram_start, s->image[S_HRC_SRAM + 1] ^= 1)
DAMAGE(hrc_register, s->image[S_HRC_REG + 1] = 0x00010010)
/* registers */
DAMAGE(register_readonly, s->image[S_CNP_REG] = 1)
DAMAGE(register_outside, s->image[S_CNP + 1] |= 3)
DAMAGE(register_reset, s->image[S_CNP + 1] |= 14)
DAMAGE(register_part, s->image[S_CNP + 1] = 48u << 16)
DAMAGE(register_learn, s->image[S_CNP_REG + 36] = 1u << 28)
DAMAGE(register_pr, s->image[S_CNP_REG + 32] = 1)
DAMAGE(register_axi, s->image[S_CNP_REG + 49] = 0x101)
DAMAGE(fnp_mode_on_cnp, s->image[S_CNP_REG + 1] |= 0x10)
DAMAGE(fnp2, (sample_np(s->image, S_CNP, 1, 2, 0), s->image[S_CNP_REG + 1] |= 0x10))
DAMAGE(columns_outside, s->image[S_CNP_REG + 45] = 0x02000401)
DAMAGE(columns_reversed, s->image[S_CNP_REG + 45] = 0x02000102)
DAMAGE(columns_zero, s->image[S_CNP_REG + 45] = 0x02000100)
DAMAGE(broadcast_dma, s->image[S_CNP_REG + 45] = 0xff000101)
DAMAGE(p2p_missing, (s->image[S_CNP_REG + 44] |= 1, s->image[S_CNP_REG + 45] = 0x02200901))
DAMAGE(dma_conf, s->image[S_FNP_REG + 45] = 0xff200101) /* the configuration DMA */
DAMAGE(dma_elsewhere, s->image[S_FNP_REG + 45] = 0xff100102)
DAMAGE(output_more, s->image[S_FNP_REG + 15] = 3)
DAMAGE(output_twice, (s->image[S_CNP_REG + 44] |= 1, s->image[S_CNP_REG + 45] = 0xff100101))
DAMAGE(output_none, s->image[S_FNP_REG + 45] = 0x03100103)
DAMAGE(no_hrc_packets, (s->p.tracks = s->track + 1, s->p.track_count = 2))
/* EPG */
DAMAGE(epg_many, s->p.epg_count = AKC_MAX_EPG + 1)
DAMAGE(epg_pointer, s->p.epg = NULL)
DAMAGE(epg_offset, s->epg[3].offset = 0x40)
DAMAGE(epg_unaligned, s->epg[3].offset = 0x15)
DAMAGE(epg_top_level, s->epg[3].offset = 0xfffc0004u) /* would wrap to general control */
DAMAGE(epg_reset, s->epg[0].value |= 1u << 20)
DAMAGE(epg_loopback, s->epg[0].value |= 1u << 16)
DAMAGE(epg_columns, s->epg[2].value = 0x05010001)
DAMAGE(epg_zero, s->epg[2].value = 0x01000001)
DAMAGE(epg_type, s->epg[2].value = 0x01010003)
DAMAGE(epg_p2p, s->epg[2].value = 0x01010012)

static const struct damage damages[] = {
	{"no_image", no_image, -EINVAL, 0, 0, "no program"},
	{"no_tracks", no_tracks, -EINVAL, 0, 0, "number of tracks"},
	{"many_tracks", many_tracks, -EINVAL, 0, 0, "number of tracks"},
	{"other_version", other_version, -EBADMSG, 0, 0, "program is for another device version"},
	{"event_input", event_input, -EOPNOTSUPP, 0, 0, "input type is not a dense image"},
	{"odd_output", odd_output, -EOPNOTSUPP, 0, 0, "output type is neither dense nor CNP sparse"},
	{"no_hrc", no_hrc, -EOPNOTSUPP, 0, 0, "dense input without an HRC"},
	{"empty_input", empty_input, -EINVAL, 0, 0, "empty input"},
	{"wide_input", wide_input, -EINVAL, 0, 0, "input row or height over 16 bits"},
	{"overflowing_input", overflowing_input, -EINVAL, 0, 0, "input row or height over 16 bits"},
	{"tall_input", tall_input, -EINVAL, 0, 0, "input row or height over 16 bits"},
	{"large_input", large_input, -EINVAL, 0, 0, "input too large"},
	{"half_window", half_window, -EINVAL, 0, 0, "half an image window"},
	{"wide_window", wide_window, -EINVAL, 0, 0, "image window larger than the input"},
	{"tall_window", tall_window, -EINVAL, 0, 0, "image window larger than the input"},
	{"no_outputs", no_outputs, -EINVAL, 0, 0, "number of outputs"},
	{"many_outputs", many_outputs, -EINVAL, 0, 0, "number of outputs"},
	{"no_out_w", no_out_w, -EINVAL, 0, 0, "output dimensions"},
	{"no_out_c", no_out_c, -EINVAL, 0, 0, "output dimensions"},
	{"odd_out_dims", odd_out_dims, -EINVAL, 0, 0, "output dimensions"},
	{"overflowing_out_dims", overflowing_out_dims, -EINVAL, 0, 0, "output dimensions"},
	{"track_offset", track_offset, -EILSEQ, 1, 0, "track outside the program"},
	{"track_end", track_end, -EILSEQ, 2, 0, "track outside the program"},
	{"track_wraps", track_wraps, -EILSEQ, 2, 0, "track outside the program"},
	{"track_empty", track_empty, -EILSEQ, 1, 0, "empty track"},
	{"track_long", track_long, -EILSEQ, 1, 0, "track longer than a descriptor can say"},
	{"chain_short", chain_short, -EILSEQ, 1, S_CNP_THR - S_CNP, "packets do not chain to the end of the track"},
	{"chain_long", chain_long, -EILSEQ, 1, S_CNP_END - S_CNP, "packets do not chain to the end of the track"},
	{"payload_long", payload_long, -EILSEQ, 1, S_CNP_THR - S_CNP, "packets do not chain to the end of the track"},
	{"payload_empty", payload_empty, -EILSEQ, 0, S_HRC_SRAM, "packets do not chain to the end of the track"},
	{"header_bits", header_bits, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "unknown bits in a packet header"},
	{"header_bits1", header_bits1, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "unknown bits in a packet header"},
	{"np_missing", np_missing, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "packet for an NP that does not exist"},
	{"np_far", np_far, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "packet for an NP that does not exist"},
	{"np_none", np_none, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "packet for none or several NPs"},
	{"np_several", np_several, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "packet for none or several NPs"},
	{"hrc_code", hrc_code, -EILSEQ, 0, 0, "packet destination is neither an NP nor the HRC"},
	{"hrc_column", hrc_column, -EILSEQ, 0, 0, "packet destination is neither an NP nor the HRC"},
	{"hrc_np", hrc_np, -EILSEQ, 0, 0, "packet destination is neither an NP nor the HRC"},
	{"uid_unknown", uid_unknown, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "packet of unknown kind"},
	{"uid_input", uid_input, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "packet of unknown kind"},
	{"uid_learn", uid_learn, -EOPNOTSUPP, 1, S_CNP_FILTER - S_CNP, "learning thresholds"},
	{"uid_v2", uid_v2, -EOPNOTSUPP, 1, S_CNP_FILTER - S_CNP, "packet of an IP v2 program"},
	{"uid_hrc", uid_hrc, -EILSEQ, 0, S_HRC_SRAM, "HRC packet of unknown kind"},
	{"fnp_on_cnp", fnp_on_cnp, -EILSEQ, 1, S_CNP_FILTER - S_CNP, "FNP weights for an NP without FNP3"},
	{"filter_end", filter_end, -EILSEQ, 1, S_CNP_PW - S_CNP, "packet outside the filter SRAM"},
	{"filter_odd", filter_odd, -EILSEQ, 1, S_CNP_PW - S_CNP, "half a line of filters"},
	{"threshold_odd", threshold_odd, -EILSEQ, 1, S_CNP_THR - S_CNP, "half a pair of threshold and step"},
	{"threshold_start", threshold_start, -EILSEQ, 1, S_CNP_THR - S_CNP, "packet outside the threshold SRAM"},
	{"fnp_start", fnp_start, -EILSEQ, 2, S_FNP_WEIGHT - S_FNP, "packet outside the FNP weight SRAM"},
	{"hrc_sram_start", hrc_sram_start, -EILSEQ, 0, S_HRC_SRAM, "HRC packet outside its SRAM"},
	{"hrc_register", hrc_register, -EILSEQ, 0, 2, "HRC register is not one programs write"},
	{"register_readonly", register_readonly, -EILSEQ, 1, 2, "read-only NP register 1 is written"},
	{"register_outside", register_outside, -EILSEQ, 1, 0, "packet outside the NP registers"},
	{"register_reset", register_reset, -EILSEQ, 1, 0, "packet writes the NP reset register"},
	{"register_part", register_part, -EILSEQ, 1, 0, "packet writes a part of the NP registers"},
	{"register_learn", register_learn, -EOPNOTSUPP, 1, 2 + 36, "learning"},
	{"register_pr", register_pr, -EOPNOTSUPP, 1, 2 + 32, "partial reconfiguration"},
	{"register_axi", register_axi, -EILSEQ, 1, 2 + 49, "NP register MM6 (AXI) is written"},
	{"fnp_mode_on_cnp", fnp_mode_on_cnp, -EILSEQ, 1, 2 + 1, "NP cannot do this kind of layer"},
	{"fnp2", fnp2, -EILSEQ, ANYWHERE, 0, "FNP2 reads more external weights than there are"},
	{"columns_outside", columns_outside, -EILSEQ, 1, 2 + 45, "destination columns are not on the mesh"},
	{"columns_reversed", columns_reversed, -EILSEQ, 1, 2 + 45, "destination columns are not on the mesh"},
	{"columns_zero", columns_zero, -EILSEQ, 1, 2 + 45, "destination columns are not on the mesh"},
	{"broadcast_dma", broadcast_dma, -EILSEQ, 1, 2 + 45, "broadcast to the DMA"},
	{"p2p_missing", p2p_missing, -EILSEQ, 1, 2 + 45, "destination NP does not exist"},
	{"dma_conf", dma_conf, -EILSEQ, 2, 2 + 45, "destination is not the event DMA"},
	{"dma_elsewhere", dma_elsewhere, -EILSEQ, 2, 2 + 45, "destination is not the event DMA"},
	{"output_more", output_more, -EILSEQ, ANYWHERE, ANYWHERE, "more outputs than declared"},
	{"output_twice", output_twice, -EILSEQ, ANYWHERE, ANYWHERE, "more outputs than declared"},
	{"output_none", output_none, -EILSEQ, ANYWHERE, ANYWHERE, "no layer sends to the DMA"},
	{"no_hrc_packets", no_hrc_packets, -EILSEQ, ANYWHERE, ANYWHERE, "dense input but no packet for the HRC"},
	{"epg_many", epg_many, -EINVAL, 3, ANYWHERE, "number of EPG writes"},
	{"epg_pointer", epg_pointer, -EINVAL, 0, 0, "no program"},
	{"epg_offset", epg_offset, -EILSEQ, 3, 3, "EPG register is not one programs write"},
	{"epg_unaligned", epg_unaligned, -EILSEQ, 3, 3, "EPG register is not one programs write"},
	{"epg_top_level", epg_top_level, -EILSEQ, 3, 3, "EPG register is not one programs write"},
	{"epg_reset", epg_reset, -EILSEQ, 3, 0, "EPG reset"},
	{"epg_loopback", epg_loopback, -EILSEQ, 3, 0, "EPG loopback"},
	{"epg_columns", epg_columns, -EILSEQ, 3, 2, "EPG columns are not on the mesh"},
	{"epg_zero", epg_zero, -EILSEQ, 3, 2, "EPG columns are not on the mesh"},
	{"epg_type", epg_type, -EILSEQ, 3, 2, "EPG header type"},
	{"epg_p2p", epg_p2p, -EILSEQ, 3, 2, "EPG destination does not exist"},
};

static void set_up(struct sb **b, struct akc_dev *d, struct sample *s)
{
	*b = sb_new();
	sb_device(*b, d, AKC_PCI_AKD1500);
	sample_mesh(&d->mesh);
	sample_program(s);
}

static void test_verify_sound_program_passes(void **state)
{
	struct akc_verify_result res = {9, 9, "left over"};
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s);
	assert_int_equal(akc_verify(&d, &s.p, &res), 0);
	assert_null(res.what);
	assert_int_equal(res.track, 0);
	assert_int_equal(res.word, 0);
	assert_int_equal(akc_verify(&d, &s.p, NULL), 0);
	s.p.window_w = s.p.window_h = 0;
	assert_int_equal(akc_verify(&d, &s.p, NULL), 0);
	assert_int_equal(b->logged, 0); /* verification touches no register */
	sb_free(b);
}

static void test_verify_each_damage_is_refused_with_its_reason(void **state)
{
	struct akc_verify_result res;
	u32 wrong = 0;

	(void)state;
	for (u32 i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const struct damage *m = &damages[i];
		struct akc_dev d;
		struct sample s;
		struct sb *b;
		int err;

		set_up(&b, &d, &s);
		m->apply(&s, &d);
		err = akc_verify(&d, &s.p, &res);
		if (err != m->err || !res.what || strcmp(res.what, m->what) ||
		    (m->track != ANYWHERE && res.track != m->track) || (m->word != ANYWHERE && res.word != m->word)) {
			print_error("%s: %d at track %u word %u: %s\n", m->name, err, res.track, res.word,
				    res.what ? res.what : "passed");
			wrong++;
		}
		assert_int_equal(akc_verify(&d, &s.p, NULL), m->err);
		sb_free(b);
	}
	assert_int_equal(wrong, 0);
	assert_true(sizeof(damages) / sizeof(damages[0]) >= 20);
}

/* A convolution that feeds the DMA: columns x rows x filters, after pooling by its stride; filters only when global. */
static void test_verify_counts_outputs_of_convolutions(void **state)
{
	static const struct {
		u32 cnp5, cnp7, outputs;
	} cases[] = {{0x00050007, 0x11, 35 * 4},
		     {0x00050007, 0x22, 3 * 4 * 4},
		     {0x00050007, 0x33, 2 * 3 * 4},
		     {0x00050007, 0x111, 4},
		     {0x00050007, 0x00, 35 * 4}};

	(void)state;
	for (u32 i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akc_dev d;
		struct sample s;
		struct sb *b;

		set_up(&b, &d, &s);
		s.image[S_CNP_REG + 44] |= 1;
		s.image[S_CNP_REG + 45] = 0xff100101;
		s.image[S_CNP_REG + 25] = cases[i].cnp5;
		s.image[S_CNP_REG + 27] = cases[i].cnp7;
		s.p.track_count = 2;
		s.p.out_c = 1;
		s.p.out_count = cases[i].outputs;
		assert_int_equal(akc_verify(&d, &s.p, NULL), 0);
		s.p.out_count--;
		assert_int_equal(akc_verify(&d, &s.p, NULL), -EILSEQ);
		sb_free(b);
	}
}

/* The last sizes and places that fit, and the first that do not. */
static void test_verify_limits_are_where_the_reference_puts_them(void **state)
{
	static const struct {
		u32 head0, start, words;
		bool fits;
	} cases[] = {
		{0x01020200, 0, 14336, true},	{0x01020200, 0, 14338, false},	 {0x01020200, 895, 16, true},
		{0x01020200, 895, 18, false},	{0x01020200, 0xffff, 2, false},	 {0x01020204, 0, 4096, true},
		{0x01020204, 0, 4098, false},	{0x01030106, 0, 10752, true},	 {0x01030106, 0, 10753, false},
		{0x00000180, 0x28, 1536, true}, {0x00000180, 0x28, 1537, false}, {0x00000188, 0x44, 1, true},
		{0x00000188, 0x44, 2, false},	{0x00000188, 8, 8, true},	 {0x00000188, 8, 9, false},
		{0x00000188, 7, 1, false},
	};
	u32 *image = calloc(S_WORDS + 0x10000, 4);
	struct akc_track tracks[AKC_MAX_TRACKS];
	struct akc_reg_write epg[AKC_MAX_EPG] = {{0}};
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s);
	memcpy(image, s.image, S_WORDS * 4);
	s.p.image = image;
	for (u32 i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		image[S_WORDS] = cases[i].head0;
		image[S_WORDS + 1] = cases[i].words << 16 | cases[i].start;
		s.track[3] = (struct akc_track){S_WORDS, 2 + cases[i].words};
		s.p.track_count = 4;
		s.p.image_words = S_WORDS + 2 + cases[i].words;
		if (akc_verify(&d, &s.p, NULL) != (cases[i].fits ? 0 : -EILSEQ))
			fail_msg("case %u", i);
	}
	/* a track of 65530 words; packets repeat */
	s.p.image_words = S_WORDS + 0x10000;
	s.track[3].words = 0x3332 * 5;
	for (u32 k = 0; k < 5; k++) {
		image[S_WORDS + k * 0x3332] = 0x01020200;
		image[S_WORDS + k * 0x3332 + 1] = 0x3330u << 16;
	}
	assert_int_equal(akc_verify(&d, &s.p, NULL), 0);
	/* counts */
	for (u32 i = 0; i < AKC_MAX_TRACKS; i++)
		tracks[i] = s.track[i == 1 ? 1 : i == 2 ? 2 : 0];
	s.p.tracks = tracks;
	s.p.track_count = AKC_MAX_TRACKS;
	s.p.epg = epg;
	s.p.epg_count = AKC_MAX_EPG;
	assert_int_equal(akc_verify(&d, &s.p, NULL), 0);
	free(image);
	sb_free(b);
}

/* Any single changed word must never lead a read outside the image; run under the address sanitizer. */
static void test_verify_any_word_value_is_judged_inside_the_image(void **state)
{
	static const u32 values[] = {0, 1, 0x188, 0xffffffff, 0x80010000, 0x3fff0000, 0x01020208, 0x7fffffff};
	struct akc_dev d;
	struct sample s;
	struct sb *b;
	u32 *exact = malloc(S_WORDS * 4);

	(void)state;
	set_up(&b, &d, &s);
	for (u32 i = 0; i < S_WORDS; i++) {
		for (u32 k = 0; k < 8; k++) {
			int err;

			memcpy(exact, s.image, S_WORDS * 4);
			exact[i] = values[k];
			s.p.image = exact;
			err = akc_verify(&d, &s.p, NULL);
			assert_true(err == 0 || err == -EILSEQ || err == -EOPNOTSUPP);
		}
	}
	free(exact);
	sb_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_sound_program_passes),
		cmocka_unit_test(test_verify_each_damage_is_refused_with_its_reason),
		cmocka_unit_test(test_verify_counts_outputs_of_convolutions),
		cmocka_unit_test(test_verify_limits_are_where_the_reference_puts_them),
		cmocka_unit_test(test_verify_any_word_value_is_judged_inside_the_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
