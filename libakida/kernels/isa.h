/* SPDX-License-Identifier: MIT */
/* Instruction sets the kernels are built for; one is chosen at start and kept. */
#ifndef AK_KERNELS_ISA_H
#define AK_KERNELS_ISA_H

#include <stdbool.h>
#include <akida/status.h>

enum ak_isa {
	AK_ISA_REF, /* layer/ itself */
	AK_ISA_NEON,
	AK_ISA_DOTPROD,
	AK_ISA_AVX2,
	AK_ISA_AVXVNNI,
	AK_ISA_AVX512BW,
	AK_ISA_AVX512VNNI,
	AK_ISA_COUNT,
};

const char *ak_isa_name(enum ak_isa isa); /* as in AKIDA_ISA: "ref", "avx2", ... */
/* Built in and there on this processor and system. AK_ISA_REF always is. */
bool ak_isa_available(enum ak_isa isa);
/* The best one, or the one that AKIDA_ISA names; -EINVAL if that one is unknown or not available. */
int ak_isa_choose(enum ak_isa *out, struct akida_diag *diag);

#endif
