/* SPDX-License-Identifier: MIT */
/* Which layers a virtual Akida 2 mesh takes; they run by the back end of the host (cpu.c). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "device/akida2.h"
#include "layer/layer.h"
#include "layer/limits_v2.h"

/* Nodes of four processors each; the meshes that the vendor's package offers for this generation. */
struct mesh {
	const char *device, *name;
	uint32_t nps, cnp2, fnp2, fnp3;
	uint32_t skip_channels; /* of skip DMAs, for layers with two inputs and for FIFOs */
	bool temporal;		/* its processors keep frames */
};

static const struct mesh meshes[] = {
	{"virtual:akida2", "SixNodesIPv2", 24, 18, 1, 2, 4, true},
	{"virtual:akida2:two-nodes", "TwoNodesIPv2", 8, 3, 1, 1, 2, false},
};

static const struct mesh *mesh_of(const struct akida_device *d)
{
	for (size_t i = 1; i < sizeof(meshes) / sizeof(*meshes); i++)
		if (!strcmp(d->info.name, meshes[i].device))
			return &meshes[i];
	return &meshes[0];
}

int ak_akida2_open(struct akida_device *d, struct akida_diag *diag)
{
	const struct mesh *m = mesh_of(d);

	(void)diag;
	snprintf(d->info.chip, sizeof(d->info.chip), "%s", m->name);
	snprintf(d->info.ip, sizeof(d->info.ip), "v2");
	d->info.source = AKIDA_SOURCE_HOST; /* no clock of such a mesh is known */
	d->info.nps = m->nps;
	d->info.cnp2 = m->cnp2;
	d->info.fnp2 = m->fnp2;
	d->info.fnp3 = m->fnp3;
	return 0;
}

/* Where a layer is busy its skip DMA is, and the next layer's may be filled at the same time. */
static uint32_t channels_at_once(const struct akida_model *m)
{
	uint32_t most = 0, before = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		enum ak_v2_family f = ak_v2_family_of(&m->layers[i]);
		uint32_t now = f == AK_V2_JOIN || f == AK_V2_TEMPORAL;

		most = before + now > most ? before + now : most;
		before = now;
	}
	return most;
}

int ak_akida2_check(const struct akida_device *d, const struct akida_model *m, struct akida_diag *diag)
{
	const struct mesh *mesh = mesh_of(d);
	uint32_t errors = 0;

	if (akida_model_ip(m) != 2) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_V2_MESH, d->info.name, "the model is for Akida v1");
		ak_remedy(diag, "quantize and convert the network for Akida 2 (--akida v2)");
		return -EOPNOTSUPP;
	}
	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *l = &m->layers[i];

		errors += ak_v2_check_limits(l, diag);
		if (l->type == AKIDA_LAYER_STATEFUL_RECURRENT) {
			ak_fail(diag, -EOPNOTSUPP, AK_RULE_V2_MESH, l->name,
				"%s has no recurrent layers, Akida Pico has", mesh->name);
			ak_remedy(diag, "run it on cpu");
			errors++;
		}
		if (mesh->temporal || ak_v2_family_of(l) != AK_V2_TEMPORAL)
			continue;
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_V2_MESH, l->name, "%s has no processor that keeps frames",
			mesh->name);
		ak_remedy(diag, "use virtual:akida2, whose processors do");
		errors++;
	}
	if (channels_at_once(m) > mesh->skip_channels) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_V2_MESH, d->info.name, "needs %u skip DMA channels at once, has %u",
			channels_at_once(m), mesh->skip_channels);
		errors++;
	}
	return errors ? -EOPNOTSUPP : 0;
}
