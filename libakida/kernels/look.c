/* SPDX-License-Identifier: MIT */
/* What a frame left behind: every layer of v1 keeps its output until the next one. */
#include "kernels/plan_private.h"

static const struct ak_tensor *output_of(const struct ak_plan_run *r, uint32_t layer)
{
	return &r->p->tensor[r->p->tensor_of[layer + 1]];
}

const uint8_t *ak_plan_output(const struct ak_plan_run *r, uint32_t layer, size_t *pitch)
{
	const struct ak_tensor *t = output_of(r, layer);

	*pitch = t->pitch;
	return t->wide ? NULL : r->memory + t->at + t->first;
}

uint64_t ak_plan_nonzero(const struct ak_plan_run *r, uint32_t layer, uint32_t first, uint32_t rows)
{
	const struct ak_tensor *t = output_of(r, layer);
	const uint8_t *row = r->memory + t->at + t->first + first * t->pitch;
	uint64_t n = 0;

	/* borders that are zero do not count: all rows are one run */
	if (!t->border && !t->zero && rows)
		return r->p->k->nonzero(row, (rows - 1) * t->pitch + (size_t)t->w * t->c);
	for (; rows; rows--, row += t->pitch)
		n += r->p->k->nonzero(row, (size_t)t->w * t->c);
	return n;
}

bool ak_plan_force_sparse(struct ak_plan *p)
{
	bool any = false;

	for (uint32_t i = 0; i < p->ops; i++)
		if (p->op[i].conv.event_weights && p->op[i].conv.sparse == AK_SPARSE_MEASURED) {
			p->op[i].conv.sparse = AK_SPARSE_ALWAYS;
			any = true;
		}
	return any;
}
