// SPDX-License-Identifier: MIT
/* Which encoding rules a layer uses, and how sure the weakest of them is. */
#include "map/place.h"

#define VERIFIED AKIDA_TAG_VERIFIED
#define DERIVED AKIDA_TAG_DERIVED
#define PROVISIONAL AKIDA_TAG_PROVISIONAL
static const struct {
	const char *id;
	enum akida_tag tag;
	const char *text;
} table[] = {
#define RULE(sym, id, tag, text) {id, tag, text},
	AK_ENCODING_RULES(RULE)
#undef RULE
};
_Static_assert(AK_ENC_COUNT <= 64, "rules are kept as a 64-bit set");

#define BIT(sym) (UINT64_C(1) << AK_ENC_##sym)

const char *ak_rule_text(enum ak_encoding_rule rule)
{
	return (unsigned int)rule < AK_ENC_COUNT ? table[rule].text : "";
}

enum akida_tag ak_rule_tag(enum ak_encoding_rule rule, const char **id)
{
	*id = (unsigned int)rule < AK_ENC_COUNT ? table[rule].id : "";
	return (unsigned int)rule < AK_ENC_COUNT ? table[rule].tag : AKIDA_TAG_UNKNOWN;
}

enum akida_tag ak_rules_weakest(uint64_t rules, const char **id)
{
	int worst = -1;

	for (int i = 0; i < AK_ENC_COUNT; i++)
		if (rules >> i & 1 && (worst < 0 || table[i].tag > table[worst].tag))
			worst = i;
	*id = worst < 0 ? "" : table[worst].id;
	return worst < 0 ? AKIDA_TAG_UNKNOWN : table[worst].tag;
}

static uint64_t hrc_rules(const struct akida_layer *l)
{
	bool known = (l->in_c == 1 && l->kernel_h == 3 && l->filters == 16) ||
		     (l->in_c == 1 && l->kernel_h == 5 && l->filters == 64);
	uint64_t r = l->in_c == 1 ? BIT(HRC_1CH_S2) : BIT(HRC_3CH_S2);

	if (known)
		r |= BIT(HRC_WORD44);
	else if (l->in_c != 3 || l->filters != 8) /* the one combination that leaves the word out */
		r |= BIT(HRC_WORD44_GUESS);
	if (l->padding == AKIDA_PAD_VALID)
		r |= BIT(HRC_VALID);
	if (l->stride != 2)
		r |= BIT(HRC_STRIDE);
	if (l->pool != AKIDA_POOL_NONE || l->act_bits != 4)
		r |= BIT(HRC_OUTPUT);
	return r;
}

static uint64_t cnp_rules(const struct akida_layer *l)
{
	bool sep = l->type == AKIDA_LAYER_SEPARABLE;
	uint64_t r = sep ? BIT(CNP_SEP3) : BIT(CNP_STD3);

	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		r |= sep ? BIT(CNP_GAP) : BIT(CNP_GAP_STD);
	if (l->pool == AKIDA_POOL_MAX)
		r |= BIT(CNP_POOL);
	if (l->stride == 2 && (l->in_h % 2 || l->in_w % 2))
		r |= BIT(CNP_STRIDE2_ODD);
	if (sep && l->in_c % 8)
		r |= BIT(CNP_PW_START);
	return r;
}

uint64_t ak_layer_rules(const struct akida_model *m, uint32_t i)
{
	const struct akida_layer *l = &m->layers[i];
	bool last = i + 1 == m->count, cnp = l->type == AKIDA_LAYER_CONV || l->type == AKIDA_LAYER_SEPARABLE;
	uint64_t r;

	if (l->type == AKIDA_LAYER_INPUT_CONV)
		return hrc_rules(l);
	if (cnp) {
		r = cnp_rules(l);
	} else {
		/*
		 * One position only: then the documented order of inputs does not matter. Fewer than 64 inputs are 64
		 * with zero weights: nothing in the packets tells them apart.
		 */
		r = l->in_c <= 64 && l->in_h == 1 && l->in_w == 1 ? BIT(FNP3_64) : BIT(FNP3_N);
		if (l->activation)
			r |= BIT(FNP3_ACT);
	}
	if (l->in_bits != 4 || (l->activation && l->act_bits != 4))
		r |= BIT(BITS_CODE);
	if (l->weights_bits == 2)
		r |= BIT(WEIGHTS_2BIT);
	if (last)
		r |= l->activation ? BIT(OUTPUT_ACT) : cnp ? BIT(CNP_OUTPUT) : 0;
	return r;
}
