/* SPDX-License-Identifier: MIT */
/* AVX2 without VNNI. */
#if defined(__x86_64__)
#include <string.h>
#include "kernels/x86/vector256.h"

#define ISA AK_ISA_AVX2
#define KERNELS ak_kernels_avx2
#define FILTER_VECTORS 2

#include "kernels/x86/products16.h"
#define TILE_POSITIONS 8, 4 /* what the registers hold */
#define WIDE_POSITIONS 4
#include "kernels/template/template.h"
#endif
