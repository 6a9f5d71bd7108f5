/* SPDX-License-Identifier: MIT */
/*
 * How a v1 layer stands in configuration packets: header, targets, NP and HRC registers, weight lines, and how sure
 * each rule is. Shared by the mapper (writes), the program reader (describes) and the software NSoC (executes); the
 * packing code of the writer and of the executor is separate on purpose, so that one checks the other.
 *
 * Names and offsets: nsoc-hardware 10, 12, 17, 24. y = rows = J, x = columns = I.
 */
#ifndef AK_LAYER_ENCODING_H
#define AK_LAYER_ENCODING_H

#include <stdint.h>

/* ---- packet header (2 words) ---- */
#define AK_PKT_COL(w0) (((w0) >> 24) & 0xffu)
#define AK_PKT_ROW(w0) (((w0) >> 16) & 0xffu)
#define AK_PKT_DST(w0) (((w0) >> 8) & 0xfu) /* one-hot NP id */
#define AK_PKT_HRC(w0) (((w0) >> 6) & 0x3u) /* 2: HRC packet */
#define AK_PKT_UID(w0) ((w0)&0xfu)
#define AK_PKT_XL(w1) (((w1) >> 31) & 1u)	/* length in units of 16 words */
#define AK_PKT_LEN(w1) (((w1) >> 16) & 0x3fffu) /* payload words */
#define AK_PKT_START(w1) ((w1)&0xffffu)		/* UID 8: register word; UID 0: units of 8 lines of 64 bits */
#define AK_PKT_HRC_ENABLE 2u

enum ak_uid {
	AK_UID_FILTER = 0, /* filter SRAM, 64-bit lines */
	AK_UID_LEARN_THR = 2,
	AK_UID_INPUT_SRAM = 3,
	AK_UID_THRESHOLD = 4, /* (threshold, step16) word pairs per filter */
	AK_UID_FNP_WEIGHT = 6,
	AK_UID_REGISTER = 8,
};

/* ---- NP registers, byte offsets (packet UID 8 start address = offset / 4) ---- */
enum ak_np_reg {
	AK_NP_REG1 = 0x00,
	AK_NP_REG2 = 0x04,
	AK_NP_REG3 = 0x08,
	AK_NP_REG4 = 0x0c,
	AK_NP_REG5 = 0x10,
	AK_NP_LOWPOWER = 0x14,
	AK_NP_REG6 = 0x18,
	AK_NP_REG7 = 0x1c,
	AK_NP_REG8 = 0x20,
	AK_NP_REG9 = 0x24,
	AK_NP_REG10 = 0x28,
	AK_NP_REG11 = 0x2c,
	AK_NP_REG12 = 0x30,
	AK_NP_REG13 = 0x34,
	AK_NP_FNP1 = 0x38,
	AK_NP_FNP2 = 0x3c,
	AK_NP_FNP3 = 0x40,
	AK_NP_FNP4 = 0x44,
	AK_NP_CNP1 = 0x50,
	AK_NP_CNP2 = 0x54,
	AK_NP_CNP3 = 0x58,
	AK_NP_CNP4 = 0x60,
	AK_NP_CNP5 = 0x64,
	AK_NP_CNP6 = 0x68,
	AK_NP_CNP7 = 0x6c,
	AK_NP_CNP8 = 0x70,
	AK_NP_CNP9 = 0x74,
	AK_NP_PR1 = 0x80,
	AK_NP_PR2 = 0x84,
	AK_NP_PR3 = 0x88,
	AK_NP_PR4 = 0x8c,
	AK_NP_LEARN1 = 0x90,
	AK_NP_LEARN2 = 0x94,
	AK_NP_LEARN3 = 0x98,
	AK_NP_LEARN4 = 0x9c,
	AK_NP_LEARN5 = 0xa4,
	AK_NP_MM1 = 0xb0,
	AK_NP_MM2 = 0xb4,
	AK_NP_MM3 = 0xb8,
	AK_NP_MM4 = 0xbc,
	AK_NP_MM5 = 0xc0,
	AK_NP_MM6 = 0xc4,
	AK_NP_MM7 = 0xc8,
	AK_NP_MM8 = 0xcc,
	AK_NP_RESET = 0xfc,
};
#define AK_NP_REG2_FNP2_ID(v) (((v) >> 16) & 0xfu) /* which external weight address (top level 0x10 + 4 * id) */
#define AK_NP_MM1_TO_DMA 0x06080001u
#define AK_NP_MM1_END_OF_PASS (1u << 2) /* the end of packets goes to the DMA: last layer of a pass of several */
#define AK_NP_BLOCK_WORDS 50u		/* written from word 0 in every decoded track */

/* REG4 */
#define AK_REG4_IN_BITS(v) ((v)&0x3u)
#define AK_REG4_SEPARABLE (1u << 2)
#define AK_REG4_SIGN_MAGNITUDE (1u << 3) /* legacy 4-bit weights: bit 3 set = positive, [2:0] magnitude */
#define AK_REG4_W_BITS(v) (((v) >> 4) & 0x3u)
#define AK_REG4_NEGATIVE (1u << 7)
#define AK_REG4_PW_BITS(v) (((v) >> 8) & 0x3u)
#define AK_REG4_OUT_BITS(v) (((v) >> 12) & 0x3u)
#define AK_REG4_QUANTIZE (1u << 15)
#define AK_REG4_NPS(v) (((v) >> 16) & 0xffu)
#define AK_REG4_LAYER(v) (((v) >> 24) & 0xffu)
/* Bit-width codes: 2 = 4 bits (verified); 0 = 1 bit, 1 = 2 bits (provisional). */
#define AK_BITS_CODE(bits) ((bits) == 4u ? 2u : (bits) == 2u ? 1u : 0u)
/* Words that say what kind of layer a block is. */
#define AK_REG4_STANDARD_4BIT 0xa00au /* 4-bit in, out and weights, quantized output */
#define AK_REG4_SEPARABLE_4BIT 0xa226u
#define AK_REG4_FNP_POTENTIALS 0x0100a2u
#define AK_LAYER_ID_DMA 0xffu

/*
 * REG9 stride offsets. Clear in every decoded stride-2 layer, all of even sizes, where output (y, x) is centred on
 * input (2y+1, 2x+1). Ours (rule CNP_STRIDE2_ODD): set on an axis whose whole input size is odd, where TensorFlow Same
 * centres output y on input 2y. The halo rows of the cut are the same in both cases.
 */
#define AK_REG9_I_STRIDE_OFFSET (1u << 12)
#define AK_REG9_J_STRIDE_OFFSET (1u << 28)

/*
 * FNP4: weight blocks [23:20], words of the last one [15:0]. Seen with one block only; that blocks have 2^16 words, 0
 * meaning a full last one, is ours (rule FNP2).
 */
#define AK_FNP4_WORDS(words) ((((words) + 0xffffu) >> 16) << 20 | ((words)&0xffffu))
#define AK_FNP2_MAX_WORDS (15u << 16)

/* ---- HRC registers (no public names), word index ---- */
#define AK_HRC_WORD_STROBE 0x00u
#define AK_HRC_WORD_PRECONF 0x04u /* 0x10, | 0x08 with one channel */
#define AK_HRC_WORD_MODE 0x08u
#define AK_HRC_WORD_OUTPUT 0x09u   /* 0x22: 4-bit output, no pooling */
#define AK_HRC_WORD_PADVALUE 0x0au /* one byte per channel */
#define AK_HRC_WORD_PADDING 0x0bu  /* top [3:0], bottom [7:4], left [11:8], right [15:12] */
#define AK_HRC_WORD_FILTERS 0x0cu  /* (filters - 1) << 16 */
#define AK_HRC_WORD_BANK 0x20u /* bank select before a UID 0 packet: 1, 2, 4; thresholds 0x80000000; then 0x21 = 0 */
#define AK_HRC_WORD_CHANNELS 0x40u
#define AK_HRC_WORD_UNNAMED44 0x44u
#define AK_HRC_MODE_LOADING (1u << 0)
#define AK_HRC_MODE_5X5 (1u << 4)
#define AK_HRC_MODE_STRIDE(v) (((v) >> 8) & 0x3u)
#define AK_HRC_MODE_STRIDE_SET(s) ((uint32_t)(s) << 8)
#define AK_HRC_MODE_ONE_CHANNEL (1u << 12)
#define AK_HRC_MODE_BASE 0x0200u /* VWW: 3 channels, 3x3, stride 2 */
#define AK_HRC_FILTER_START 0x28u
/*
 * Ours where nothing is public (rule HRC_OUTPUT): word 9 keeps 0x22 for 4-bit output without pooling. [1:0] output bits
 * code, [5:4] = 2 always, [11:8] pool height, [15:12] pool width (0: none; stride = size; Same, maximum of potentials).
 */
#define AK_HRC_OUT_BITS(v) ((v)&0x3u)
#define AK_HRC_OUT_CONST 0x20u
#define AK_HRC_OUT_POOL_H(v) (((v) >> 8) & 0xfu)
#define AK_HRC_OUT_POOL_W(v) (((v) >> 12) & 0xfu)

/* ---- CNP7 ---- */
#define AK_CNP7_POOL_SIZE(v) ((v)&0x7u)
#define AK_CNP7_POOL_STRIDE(v) (((v) >> 4) & 0x7u)
#define AK_CNP7_GLOBAL (1u << 8)
#define AK_CNP7_PAD_RIGHT (1u << 12)
#define AK_CNP7_PAD_LEFT (1u << 13)
#define AK_CNP7_PAD_BOTTOM (1u << 14)
#define AK_CNP7_PAD_TOP (1u << 15)
/*
 * Max pooling (rule CNP_POOL): size and stride in CNP7 (0x11 without); pad bottom/right set when the last window of
 * the whole layer is cut short (Same), clear when such a window is dropped (Valid). CNP4 and CNP5 count rows and
 * columns of the convolution, before pooling; in a row split (rule CNP_SPLIT_POOL) the rows of each NP are whole pool
 * windows, so its first pooled row is CNP4 J / pool stride, and only the last NP may have the bottom bit.
 */

/*
 * The rule table: RULE(symbol, id, tag, sentence). Tags: VERIFIED decoded from vendor programs and shown to work,
 * DERIVED from public register names and documents or checked on sizes only, PROVISIONAL ours where nothing is public.
 */
#define AK_ENCODING_RULES(RULE)                                                                                        \
	RULE(HRC_1CH_S2, "hrc.1ch-stride2", VERIFIED,                                                                  \
	     "input convolution, 1 channel, 3x3 with 16 filters or 5x5 with 64 filters, stride 2, 4-bit output")       \
	RULE(HRC_3CH_S2, "hrc.3ch-3x3-stride2", VERIFIED,                                                              \
	     "input convolution, 3 channels, 3x3, stride 2, 4-bit output")                                             \
	RULE(HRC_WORD44, "hrc.word44", DERIVED,                                                                        \
	     "HRC word 0x44 of one-channel layers: seen for 3x3/16 and 5x5/64 filters only; meaning unknown")          \
	RULE(HRC_WORD44_GUESS, "hrc.word44-guess", PROVISIONAL,                                                        \
	     "HRC word 0x44 for other kernels, filters or channels: filters/4 - (kernel - 1), left out if not "        \
	     "positive")                                                                                               \
	RULE(HRC_VALID, "hrc.valid-padding", DERIVED, "input convolution with Valid padding: padding word 0")          \
	RULE(HRC_STRIDE, "hrc.stride-1-3", PROVISIONAL, "input convolution with stride 1 or 3: stride in mode [9:8]")  \
	RULE(HRC_OUTPUT, "hrc.output-word", PROVISIONAL,                                                               \
	     "HRC max pooling or 1/2-bit output: fields of word 9 are ours")                                           \
	RULE(CNP_STD3, "cnp.standard-3x3", VERIFIED, "standard 3x3 convolution, 4-bit weights and activations")        \
	RULE(CNP_SEP3, "cnp.separable-3x3", VERIFIED, "separable 3x3 convolution, 4-bit weights and activations")      \
	RULE(CNP_GAP, "cnp.global-pool", VERIFIED, "global average pooling behind a separable 3x3 convolution")        \
	RULE(CNP_GAP_STD, "cnp.global-pool-standard", DERIVED, "global average pooling behind a standard convolution") \
	RULE(CNP_POOL, "cnp.max-pool", DERIVED, "max pooling by the public names of CNP7")                             \
	RULE(CNP_SPLIT_ROWS, "cnp.split-rows", VERIFIED, "rows split over two NPs of one column")                      \
	RULE(CNP_SPLIT_WIDE, "cnp.split-wide", PROVISIONAL, "rows split over more NPs or columns than were seen")      \
	RULE(CNP_SPLIT_FILTERS, "cnp.split-filters", DERIVED, "filters split over NPs: known by track sizes only")     \
	RULE(CNP_OUTPUT, "cnp.output", VERIFIED, "a CNP layer as the last one: sparse potentials, output type 2")      \
	RULE(CNP_STRIDE2_ODD, "cnp.stride2-odd", PROVISIONAL,                                                          \
	     "stride 2 on an odd input size: the stride offset bits of REG9 choose the other phase")                   \
	RULE(CNP_SPLIT_POOL, "cnp.split-pool", PROVISIONAL, "rows split over NPs in front of max pooling")             \
	RULE(CNP_PW_START, "cnp.pointwise-start", DERIVED,                                                             \
	     "separable with channels not a multiple of 8: pointwise weights start at the next multiple of 8 lines")   \
	RULE(OUTPUT_ACT, "output.activations", PROVISIONAL, "the last layer hands out activations, not potentials")    \
	RULE(OUTPUT_SPLIT, "output.split", PROVISIONAL,                                                                \
	     "the last layer on several NPs: their number in EPG word 0x18 [7:0]")                                     \
	RULE(TRACK_SPLIT, "program.layer-tracks", DERIVED,                                                             \
	     "a layer in several tracks, because a descriptor counts words in 16 bits")                                \
	RULE(FNP3_64, "fnp3.64-inputs", VERIFIED, "fully connected on FNP3 with 64 inputs, potentials")                \
	RULE(FNP3_N, "fnp3.n-inputs", DERIVED, "FNP3 with other input counts: sizes checked, input order documented")  \
	RULE(FNP3_ACT, "fnp3.activation", PROVISIONAL, "FNP3 with thresholds: UID 4 pairs as on a CNP")                \
	RULE(FNP3_SPLIT, "fnp3.split", PROVISIONAL,                                                                    \
	     "the neurons of one fully connected layer on several FNP3: first neuron in FNP3 [17:0]")                  \
	RULE(FNP2, "fnp2.external", PROVISIONAL,                                                                       \
	     "weights of an FNP2 in device memory: one packet of the form of UID 6; its size is published")            \
	RULE(PASSES, "program.passes", PROVISIONAL,                                                                    \
	     "several passes: burst mode of the configuration DMA, activations as events in memory between them")      \
	RULE(BITS_CODE, "np.bits-code", PROVISIONAL, "bit-width codes of 1 and 2 bits in REG4")                        \
	RULE(WEIGHTS_2BIT, "np.2bit-as-4bit", VERIFIED,                                                                \
	     "2-bit weights stored in the 4-bit form, whose values hold them")                                         \
	RULE(AKD1000_OUTPUT, "akd1000.output", DERIVED, "AKD1000: no program of it was readable; same IP, other mesh") \
	RULE(NP_PLACE, "np.placement", DERIVED, "an NP position or destination not seen in a decoded program")

enum ak_encoding_rule {
#define RULE(sym, id, tag, text) AK_ENC_##sym,
	AK_ENCODING_RULES(RULE)
#undef RULE
		AK_ENC_COUNT
};

#endif
